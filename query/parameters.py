"""Parameters: from a caller's Python values to values of a query.

    None bool int float str bytes       as they are; an int must have 64 bits, a str be well-formed
    sequences, mappings from text       lists and maps, element by element, to a depth of 100
    datetime, date, timedelta           DateTime (LocalDateTime, where it has no tzinfo), Date, Duration
    Node, Edge, Path, temporal values   as they are

Of what derives from these (an `IntEnum`, a float of numpy), or is an integer by `__index__` (one of numpy), the plain
value is taken. Anything else is refused by name and type, before the query runs.

Nothing here knows queries.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from itonami.graphstore.graph import Edge, Node
from itonami.query.cypher.errors import ArgumentError, with_article
from itonami.query.path import Path
from itonami.query.temporal import Date, DateTime, Duration, LocalDateTime
from itonami.query.values.domain import INT_MAX, INT_MIN, TEMPORAL, Value

__all__ = ["parameters"]

MAX_DEPTH = 100
_LONGEST_NAME = 120
"""Characters of the place of a value that an error names"""
_KEPT = (Node, Edge, Path, *TEMPORAL)
_EPOCH = date(1970, 1, 1)


def parameters(given: Mapping[str, Any] | None) -> dict[str, Value]:
    """The parameters as values. Raises `ArgumentError`. O(size)."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise _refused("params", given, "pass a dict from names to values")
    return {name: _value(f"${name}", value, 0) for name, value in given.items()}


def _value(name: str, value: Any, depth: int) -> Value:
    if value is None or value is True or value is False or isinstance(value, _KEPT):
        return value
    if isinstance(value, int):
        return _integer(name, int(value))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return _text(name, str.__str__(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if depth > MAX_DEPTH:
        raise _wrong(f"{_short(name)} is nested deeper than {MAX_DEPTH}", "flatten it")
    if isinstance(value, Sequence):
        return [_value(f"{name}[{at}]", item, depth + 1) for at, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _map(name, value, depth)
    return _time(name, value)


def _integer(name: str, value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise ArgumentError(
        f"{_short(name)} is an integer beyond 64 bits",
        detail="IntegerOverflow",
        fix="pass a float or a string",
    )


def _text(name: str, value: str) -> str:
    if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value):
        return value
    raise _wrong(f"{_short(name)} is a text with half of a surrogate pair", "pass well-formed text, or bytes")


def _map(name: str, value: Mapping[Any, Any], depth: int) -> dict[str, Value]:
    if not all(isinstance(key, str) for key in value):
        raise _refused(name, value, "make its keys strings")
    return {
        _text(name, str.__str__(key)): _value(f"{name}.{key}", item, depth + 1) for key, item in value.items()
    }


def _time(name: str, value: Any) -> Value:
    if isinstance(value, datetime):
        moment = DateTime.of_python(value)
        return LocalDateTime(moment.nanos) if value.utcoffset() is None else moment
    if isinstance(value, date):
        return Date((value - _EPOCH).days)
    if isinstance(value, timedelta):
        return Duration(nanos=value // timedelta(microseconds=1) * 1_000)
    return _index(name, value)


def _index(name: str, value: Any) -> int:
    """What is an integer and does not derive from one."""
    try:
        found = operator.index(value)
    except TypeError:
        fix = "pass null, a boolean, number, string, list, dict or a time"
        raise _refused(name, value, fix) from None
    return _integer(name, found)


def _refused(name: str, value: object, fix: str) -> ArgumentError:
    return _wrong(f"{_short(name)} is {with_article(type(value).__name__)}", fix)


def _wrong(what: str, fix: str) -> ArgumentError:
    return ArgumentError(what, detail="InvalidParameter", fix=fix)


def _short(name: str) -> str:
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}...{name[-half:]}"
