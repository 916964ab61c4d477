"""Scopes: where in a row a variable lies, resolved before the query runs.

A `Frame` deals out slots, each once in a query, so that operators never overwrite each other's. A `Scope` maps names to
bindings; a clause makes a new one. A binding also says which version its value was read from (`graph`, a slot), so
that startNode and endNode look where the relationship came from, and patterns know what they must look for again.
`known` maps expressions that were already evaluated to slots: behind an aggregation `n.x` is such a column, though `n`
is gone.

Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from itonami.query.cypher.ast import Expression
from itonami.query.engine.runtime import HERE, RUNTIME

__all__ = ["Binding", "Frame", "Nameless", "Scope"]


class Nameless(str):
    """The name of what a pattern leaves unnamed; no query can spell it."""

    __slots__ = ()


class Frame:
    """The slots of one query."""

    def __init__(self) -> None:
        self.width = max(RUNTIME, HERE) + 1

    def slot(self) -> int:
        """A slot of its own."""
        self.width += 1
        return self.width - 1

    def nameless(self) -> Nameless:
        """A name for what a pattern leaves unnamed."""
        return Nameless(f"\0{self.slot()}")


@dataclass(frozen=True, slots=True)
class Binding:
    """The slot of a value, and that of the version it was read from; a value that was `computed` (out of a list, a
    parameter, a procedure) may hold elements of any other, and is looked for in that one where a pattern names it."""

    slot: int
    graph: int = HERE
    computed: bool = False

    def read_from(self, graph: int) -> bool:
        """Whether what it holds is known to be an element of the version in a slot."""
        return self.graph == graph and not self.computed


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables at one place in a query; `graph` is the slot of the version that is read there."""

    names: Mapping[str, Binding] = field(default_factory=dict)
    graph: int = HERE
    known: Mapping[Expression, int] = field(default_factory=dict)

    def with_names(self, names: Mapping[str, Binding]) -> Scope:
        """This scope and these variables."""
        return replace(self, names={**self.names, **names})

    def only(self, names: Mapping[str, Binding], known: Mapping[Expression, int] | None = None) -> Scope:
        """These variables and no others."""
        return Scope(names, self.graph, known or {})

    def reading(self, graph: int) -> Scope:
        """This scope where another version is read."""
        return replace(self, graph=graph)

    def slots(self, names: Iterable[str]) -> list[int]:
        """What a row must keep so that these variables and their versions live on."""
        bindings = [self.names[name] for name in names]
        return sorted({binding.slot for binding in bindings} | {binding.graph for binding in bindings})
