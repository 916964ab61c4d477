"""`=`, `<`, `IN`: three-valued equality and comparison.

Unknown (null) spreads only as far as it must: `[1, null] = [2, 3]` is false, `[1, null] = [1, 3]` is unknown.
Equality is defined between any two values; values of different types are unequal. Comparison is defined within
numbers, strings, booleans, bytes, lists and each temporal type but duration, and is unknown elsewhere. NaN equals
nothing, and no comparison with it holds. Integers and floats compare by their exact mathematical values. Nodes and
relationships are equal when their ids are, paths when they meet the same.

Reference: openCypher CIP2016-06-14, Define comparability and equality as well as orderability and equivalence.

Only the operators that answer true, false or unknown may live here; total orders are in `ordering`.
"""

from __future__ import annotations

from typing import Literal

from itonami.graphstore.graph import Edge, Node
from itonami.query.faults import wrong_type
from itonami.query.path import Path
from itonami.query.temporal import Date, DateTime, LocalDateTime, LocalTime, Time
from itonami.query.values.domain import Truth, Value, spoken_type

__all__ = ["contained", "equals", "greater", "greater_or_equal", "less", "less_or_equal", "unequal"]

Order = Literal[-1, 0, 1, 2] | None
"""Before, same, after; 2 when no comparison holds (NaN); None when unknown."""

_NUMBERS = frozenset((int, float))
_ORDERED = frozenset((str, bool, bytes))
_SCALARS = _NUMBERS | _ORDERED
_INSTANTS = frozenset((Date, LocalTime, Time, LocalDateTime, DateTime))


def equals(a: Value, b: Value) -> Truth:
    """`a = b`. O(size) for lists and maps."""
    if a is None or b is None:
        return None
    kind, other = type(a), type(b)
    if kind is not other:
        return bool(a == b) if kind in _NUMBERS and other in _NUMBERS else False
    if kind in _SCALARS:
        return bool(a == b)
    if kind is list:
        return _all_equal(a, b) if len(a) == len(b) else False
    if kind is dict:
        return _all_equal(list(a.values()), [b[key] for key in a]) if a.keys() == b.keys() else False
    if kind is Node or kind is Edge:
        return bool(a.id == b.id)
    if kind is Path:
        return [item.id for item in a.items()] == [item.id for item in b.items()]
    return bool(a == b)


def _all_equal(left: list[Value], right: list[Value]) -> Truth:
    answer: Truth = True
    for a, b in zip(left, right, strict=True):
        same = equals(a, b)
        if same is False:
            return False
        if same is None:
            answer = None
    return answer


def unequal(a: Value, b: Value) -> Truth:
    """`a <> b`."""
    same = equals(a, b)
    return None if same is None else not same


def _order(a: Value, b: Value) -> Order:
    kind, other = type(a), type(b)
    if kind in _NUMBERS and other in _NUMBERS:
        return -1 if a < b else 1 if a > b else 0 if a == b else 2
    if kind is not other:
        return None
    if kind in _ORDERED:
        return -1 if a < b else 0 if a == b else 1
    if kind in _INSTANTS:
        return -1 if a.order < b.order else 0 if a == b else 1
    if kind is list:
        return _list_order(a, b)
    return None


def _list_order(left: list[Value], right: list[Value]) -> Order:
    """By the first elements that are not equal; a list comes after its beginnings."""
    for a, b in zip(left, right, strict=False):
        order = _order(a, b)
        if order is None and equals(a, b):
            continue
        if order != 0:
            return order
    return -1 if len(left) < len(right) else 1 if len(left) > len(right) else 0


def less(a: Value, b: Value) -> Truth:
    """`a < b`."""
    order = _order(a, b)
    return None if order is None else order == -1


def less_or_equal(a: Value, b: Value) -> Truth:
    """`a <= b`."""
    order = _order(a, b)
    return None if order is None else order in (-1, 0)


def greater(a: Value, b: Value) -> Truth:
    """`a > b`."""
    order = _order(a, b)
    return None if order is None else order == 1


def greater_or_equal(a: Value, b: Value) -> Truth:
    """`a >= b`."""
    order = _order(a, b)
    return None if order is None else order in (0, 1)


def contained(item: Value, items: Value) -> Truth:
    """`item IN items`: true when an element equals it, else unknown when one might, else false."""
    if items is None:
        return None
    if type(items) is not list:
        raise wrong_type(f"IN looks into a list, not {spoken_type(items)}", "write [x] for a list of one")
    answer: Truth = False
    for element in items:
        same = equals(item, element)
        if same:
            return True
        if same is None:
            answer = None
    return answer
