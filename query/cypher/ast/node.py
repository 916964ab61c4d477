"""The root of the tree's classes, and how to walk a tree.

Every node carries `at`, the offset of its first character in `Query.text`. It takes no part in comparison: two
expressions are equal when they say the same, which is what grouping keys are compared by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

__all__ = ["Ast", "Clause", "Expression", "LabelExpression", "children"]


@dataclass(frozen=True, slots=True)
class Ast:
    """Anything in the tree; `at` is the offset of its first character."""

    at: int = field(default=0, compare=False, repr=False, kw_only=True)


class Expression(Ast):
    """Whatever has a value for a row."""

    __slots__ = ()


class Clause(Ast):
    """Whatever makes a table of rows from a table of rows."""

    __slots__ = ()


class LabelExpression(Ast):
    """A predicate over the labels of a node, or over the type of a relationship."""

    __slots__ = ()


_SLOTS: dict[type[Ast], tuple[str, ...]] = {}


def _slots(kind: type[Ast]) -> tuple[str, ...]:
    if kind not in _SLOTS:
        _SLOTS[kind] = tuple(slot.name for slot in fields(kind) if slot.name != "at")
    return _SLOTS[kind]


def children(node: Ast) -> Iterator[Ast]:
    """The nodes directly under this one, in the order of their fields. O(children)."""
    for name in _slots(type(node)):
        value = getattr(node, name)
        if isinstance(value, Ast):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Ast):
                    yield item
                elif isinstance(item, tuple):  # the branches of a CASE
                    yield from (part for part in item if isinstance(part, Ast))
