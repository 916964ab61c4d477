"""The JSON value domain as Python holds it: what a value is called, and closed objects of known keys.

The law: a value is None, a bool, a finite number, a text of Unicode scalar values, a list, or a dict with
text keys (RFC 8259; RFC 7493, I-JSON, section 2.1 for the texts). A bool is not a number. An object of a
definition is *closed*: a key that its shape does not name is an error, which offers the nearest name.
Nothing about workflows may live here.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from itonami.graphstore.errors import ItonamiError
from itonami.workflow.definition.errors import DefinitionError

__all__ = ["JSON", "KINDS", "Key", "child", "depth_exceeds", "fields", "json_copy", "kind", "nearest"]

JSON: TypeAlias = Any
"""A JSON value. (Its recursive type would have every reader narrow what the parser has checked.)"""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KINDS: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
    "any": lambda value: True,
}
"""The kinds of JSON value, by the name a definition uses; `integer` is part of `number`."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Key:
    """What one key of a closed object holds: the kinds it may be of, and whether it must be there."""

    kinds: tuple[str, ...]
    required: bool = False


def child(where: str, key: str | int) -> str:
    """The place of `key` inside `where`: `$.a`, `$.a[0]`, `$.a['odd key']`."""
    if isinstance(key, int):
        return f"{where}[{key}]"
    return f"{where}.{key}" if _PLAIN_NAME.fullmatch(key) else f"{where}[{key!r}]"


def kind(value: object) -> str:
    """The name of the value's kind, as errors print it."""
    return next(
        (name for name, holds in KINDS.items() if name != "any" and holds(value)), type(value).__name__
    )


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """The sentence that mends an unknown name: the nearest known ones, else all of them."""
    names = sorted(known)
    if near := difflib.get_close_matches(name[:100], names, n=3, cutoff=0.6):
        return "did you mean " + " or ".join(repr(one) for one in near) + "?"
    if not names:
        return otherwise or "there are none"
    more = ", ..." if len(names) > 20 else ""
    return "known: " + ", ".join(names[:20]) + more


def fields(value: JSON, where: str, shape: Mapping[str, Key]) -> dict[str, JSON]:
    """`value` itself, once it is a closed object of that shape; `DefinitionError` otherwise."""
    if not isinstance(value, dict):
        what = f"an object is needed here, not {kind(value)}"
        raise DefinitionError(what, where=where, fix="its keys: " + ", ".join(shape))
    for key, held in value.items():
        if key not in shape:
            raise DefinitionError(f"unknown key {key!r}", where=where, fix=nearest(key, shape))
        kinds = shape[key].kinds
        if not any(KINDS[name](held) for name in kinds):
            raise DefinitionError(
                f"{' or '.join(kinds)} is needed here, not {kind(held)}",
                where=child(where, key),
                fix="leave the key out" if held is None else f"write it as {kinds[0]}",
            )
    for key, rule in shape.items():
        if rule.required and key not in value:
            raise DefinitionError(f"the key {key!r} is missing", where=where, fix=f"add it ({rule.kinds[0]})")
    return value


def json_copy(
    value: object, where: str, error: type[ItonamiError] = DefinitionError, *, max_depth: int = 200
) -> JSON:
    """An own copy of `value`, once it is JSON nested at most `max_depth` deep; raises `error` with the place.

    Not recursive, so no nesting exhausts the stack; a list or dict that holds itself is too deep. Linear in
    the size of the copy.
    """
    done: list[JSON] = []
    todo: list[tuple[object, str, int, Callable[[JSON], object]]] = [(value, where, 0, done.append)]
    while todo:
        item, place, depth, put = todo.pop()
        if depth > max_depth:
            raise error(f"nested more than {max_depth} levels deep", where=where, fix="flatten it")
        if isinstance(item, dict):
            copy: dict[str, JSON] = {}
            put(copy)
            for key in item:
                _check_text(key, place, error, "a key")
                copy[key] = None  # holds the order of the keys; the items arrive last first
            todo.extend((item[key], child(place, key), depth + 1, _setter(copy, key)) for key in copy)
        elif isinstance(item, list):
            row: list[JSON] = [None] * len(item)
            put(row)
            todo.extend((one, child(place, i), depth + 1, _setter(row, i)) for i, one in enumerate(item))
        else:
            put(_scalar(item, place, error))
    return done[0]


def depth_exceeds(value: object, limit: int) -> bool:
    """Whether `value` nests lists and dicts deeper than `limit`. Not recursive; linear in its containers."""
    level: list[object] = [value]
    for _ in range(limit + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(one for one in item.values() if isinstance(one, dict | list))
            elif isinstance(item, list):
                below.extend(one for one in item if isinstance(one, dict | list))
        if not below:
            return False
        level = below
    return True


def _setter(target: Any, key: str | int) -> Callable[[JSON], object]:
    return lambda item: target.__setitem__(key, item)


def _scalar(item: object, place: str, error: type[ItonamiError]) -> JSON:
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, str):
        _check_text(item, place, error, "the text")
        return item
    if isinstance(item, int):
        return item
    if isinstance(item, float) and math.isfinite(item):
        return item
    shown = repr(item) if isinstance(item, float) else f"a Python {type(item).__name__}"
    raise error(f"{shown} is no JSON value", where=place, fix="pass text, numbers, booleans, lists and dicts")


def _check_text(text: object, place: str, error: type[ItonamiError], what: str) -> None:
    if not isinstance(text, str):
        raise error(f"{what} is no text but {kind(text)}: {text!r:.60}", where=place, fix="quote it")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise error(f"{what} holds a lone surrogate", where=place, fix="write the whole character")
