"""The total operations on values: three-valued logic, strict equality, partial orders, bounded arithmetic.

Null is the unknown of Kleene's strong logic (Kleene, Introduction to Metamathematics, 1952, section 64) and also
the result of every operation that has none: a clash of types, division by zero, an integer beyond 64 bits, a text
or list beyond `MAX_LENGTH`. So every term has a value, and evaluating it costs at most its size. Equality is that
of the encoding (`codec.same`): 1, 1.0 and true differ. Only functions from values to a value may live here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime

from itonami.graphstore.codec import Value, same
from itonami.graphstore.graph import Edge, Node

__all__ = ["OPERATIONS", "all_of", "any_of", "equal", "is_in", "labels_of", "negation", "opposite"]

MAX_LENGTH = 1 << 20
_INTEGERS = 1 << 63
_NUMBERS = (int, float)
_ORDERED = (str, datetime, bytes)


def equal(a: Value, b: Value) -> bool | None:
    """Strict equality; null when either is null."""
    return None if a is None or b is None else same(a, b)


def unequal(a: Value, b: Value) -> bool | None:
    """The negation of `equal`."""
    return None if a is None or b is None else not same(a, b)


def is_in(a: Value, items: Value) -> bool | None:
    """Membership in a list; null when it hangs on a null."""
    if type(items) not in (list, tuple) or (a is None and items):
        return None
    unknown = False
    for item in items:
        if item is None:
            unknown = True
        elif same(a, item):
            return True
    return None if unknown else False


def _ordered(a: Value, b: Value) -> bool:
    kind = type(a)
    if kind in _NUMBERS:
        return type(b) in _NUMBERS
    return kind in _ORDERED and type(b) is kind


def less(a: Value, b: Value) -> bool | None:
    """Less than: among numbers, texts, timestamps or bytes, else null."""
    return a < b if _ordered(a, b) else None


def less_equal(a: Value, b: Value) -> bool | None:
    """At most, as `less`."""
    return a <= b if _ordered(a, b) else None


def greater(a: Value, b: Value) -> bool | None:
    """More than, as `less`."""
    return a > b if _ordered(a, b) else None


def greater_equal(a: Value, b: Value) -> bool | None:
    """At least, as `less`."""
    return a >= b if _ordered(a, b) else None


def negation(a: Value) -> bool | None:
    """Not; null of what is no truth value."""
    return not a if type(a) is bool else None


def all_of(items: Iterable[Value]) -> bool | None:
    """And: false if one is false, else null if one is unknown."""
    result: bool | None = True
    for item in items:
        if item is False:
            return False
        if item is not True:
            result = None
    return result


def any_of(items: Iterable[Value]) -> bool | None:
    """Or: true if one is true, else null if one is unknown."""
    result: bool | None = False
    for item in items:
        if item is True:
            return True
        if item is not False:
            result = None
    return result


def _bounded(number: Value) -> Value:
    if type(number) is int:
        return number if -_INTEGERS <= number < _INTEGERS else None
    return number if math.isfinite(number) else None


def _arithmetic(operation: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    def total(a: Value, b: Value) -> Value:
        if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
            return None
        try:
            return _bounded(operation(a, b))
        except (OverflowError, ZeroDivisionError, ValueError):  # fmod calls division by zero a ValueError
            return None

    return total


def _quotient(a: Value, b: Value) -> Value:
    """Division; of integers, truncated towards zero as in Cypher."""
    if type(a) is int and type(b) is int:
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    return a / b


def _remainder(a: Value, b: Value) -> Value:
    """The remainder of `_quotient`: it has the sign of `a`."""
    if type(a) is int and type(b) is int:
        return a - b * _quotient(a, b)
    return math.fmod(a, b)


_add_numbers = _arithmetic(lambda a, b: a + b)


def add(a: Value, b: Value) -> Value:
    """The sum of numbers, or the concatenation of texts or lists."""
    if type(a) is type(b) and type(a) in (str, list):
        return a + b if len(a) + len(b) <= MAX_LENGTH else None
    return _add_numbers(a, b)


def opposite(a: Value) -> Value:
    """The number with its sign changed."""
    return _bounded(-a) if type(a) in _NUMBERS else None


def _textual(operation: Callable[[str, str], bool]) -> Callable[[Value, Value], bool | None]:
    def total(a: Value, b: Value) -> bool | None:
        return operation(a, b) if type(a) is str and type(b) is str else None

    return total


def labels_of(element: Node | Edge) -> list[str]:
    """The labels of a node in order, or the one label of an edge."""
    return sorted(element.labels) if isinstance(element, Node) else [element.label]


OPERATIONS: dict[str, Callable[[Value, Value], Value]] = {
    "=": equal,
    "<>": unequal,
    "<": less,
    "<=": less_equal,
    ">": greater,
    ">=": greater_equal,
    "in": is_in,
    "starts with": _textual(str.startswith),
    "ends with": _textual(str.endswith),
    "contains": _textual(str.__contains__),
    "+": add,
    "-": _arithmetic(lambda a, b: a - b),
    "*": _arithmetic(lambda a, b: a * b),
    "/": _arithmetic(_quotient),
    "%": _arithmetic(_remainder),
}
"""The binary operations of the term language by their names in it."""
