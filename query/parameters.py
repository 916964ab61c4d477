"""Parameters: from a caller's Python values to values of a query.

    None bool int float str bytes       as they are; an int must have 64 bits
    list tuple, dict with text keys     the same, element by element, to a depth of 100
    aware datetime, date                DateTime, Date
    Node, Edge, Path, temporal values   as they are

Anything else is refused by name and type, before the query runs.

Nothing here knows queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from itonami.graphstore.graph import Edge, Node
from itonami.query.cypher.errors import ArgumentError
from itonami.query.path import Path
from itonami.query.temporal import Date, DateTime
from itonami.query.values.domain import INT_MAX, INT_MIN, TEMPORAL, Value

__all__ = ["parameters"]

MAX_DEPTH = 100
_PLAIN = (bool, float, str, bytes, Node, Edge, Path, *TEMPORAL)
_EPOCH = date(1970, 1, 1)


def parameters(given: Mapping[str, Any] | None) -> dict[str, Value]:
    """The parameters as values. Raises `ArgumentError`. O(size)."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise _refused("params", given, "pass a dict from names to values")
    return {name: _value(f"${name}", value, 0) for name, value in given.items()}


def _value(name: str, value: Any, depth: int) -> Value:
    if value is None or isinstance(value, _PLAIN):
        return value
    if depth > MAX_DEPTH:
        raise ArgumentError(
            f"{name} is nested deeper than {MAX_DEPTH}", detail="InvalidParameter", fix="flatten it"
        )
    if isinstance(value, int):
        if INT_MIN <= value <= INT_MAX:
            return value
        raise ArgumentError(
            f"{name} is an integer beyond 64 bits", detail="IntegerOverflow", fix="pass a float or a string"
        )
    if isinstance(value, list | tuple):
        return [_value(f"{name}[{at}]", item, depth + 1) for at, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _map(name, value, depth)
    return _time(name, value)


def _map(name: str, value: Mapping[Any, Any], depth: int) -> dict[str, Value]:
    if not all(isinstance(key, str) for key in value):
        raise _refused(name, value, "make its keys strings")
    return {key: _value(f"{name}.{key}", item, depth + 1) for key, item in value.items()}


def _time(name: str, value: Any) -> Value:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _refused(name, value, "attach a tzinfo")
        return DateTime.of_python(value)
    if isinstance(value, date):
        return Date((value - _EPOCH).days)
    raise _refused(name, value, "pass null, a boolean, number, string, list, dict or aware datetime")


def _refused(name: str, value: object, fix: str) -> ArgumentError:
    return ArgumentError(f"{name} is a {type(value).__name__}", detail="InvalidParameter", fix=fix)
