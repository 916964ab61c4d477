"""The values that cross the border between a workflow and the world.

What an activity returns is written into a graph, hashed and replayed for ever, so it must be a value: JSON's
`null`, booleans, numbers, text, arrays and objects with text keys, and besides these bytes and instants. Two
functions stand guard, one for each direction:

* `checked` is strict: it copies a value that may be kept, and *refuses* anything else, naming the path.
* `plain` is total: it turns *anything* into JSON proper, by the mappings of the ProtoJSON format
  (https://protobuf.dev/programming-guides/json/): bytes as base64, instants as RFC 3339, a number without a
  JSON form as text. It is for bodies of requests, rows of databases and details of errors.

No activity, error type or library of the outside world may live here.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import reduce
from typing import TypeAlias

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.definition.values import JSON, child

__all__ = ["MAX_DEPTH", "checked", "plain"]

MAX_DEPTH = 100
"""Levels of lists and objects within one another; what is deeper is refused, a cycle above all."""


def checked(value: object) -> JSON:
    """A copy of `value` that may be written into a graph: tuples become lists, subclasses their base.

    Raises `InvalidValue`, with the place as a JSONPath in `where`. Cost: linear in the size of the value.
    """
    return _checked(value, None, 0)


_Place: TypeAlias = "tuple[_Place, str | int] | None"
"""Where a value stands: in what, and at which key. Becomes text only in an error."""

_AS_THEY_ARE = frozenset({type(None), bool, int, bytes})


def _checked(value: object, place: _Place, depth: int) -> JSON:
    exact = type(value)
    if exact in _AS_THEY_ARE:
        return value
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, list | tuple | dict) and depth == MAX_DEPTH:
        raise _refused(f"the value is nested deeper than {MAX_DEPTH} levels", None)
    match value:
        case dict():
            return {_key(key, place): _checked(item, (place, key), depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_checked(item, (place, index), depth + 1) for index, item in enumerate(value)]
        case float() if math.isfinite(value):
            return float(value)
        case int():
            return int(value)
        case bytes():
            return bytes(value)
        case datetime() if value.utcoffset() is not None:
            return value
        case float() | datetime():
            raise _refused(f"{value} has no {'time zone' if exact is datetime else 'form in JSON'}", place)
    raise _refused(f"a {exact.__name__} is not a JSON value", place)


def _key(key: object, place: _Place) -> str:
    if not isinstance(key, str):
        raise _refused(f"the key {key!r} is not text", place)
    return _text(key, place)


def _text(value: str, place: _Place) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _refused("text holds half of a surrogate pair, which UTF-8 cannot carry", place) from None
    return str.__str__(value)


def _refused(what: str, place: _Place) -> InvalidValue:
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    return InvalidValue(what, where=reduce(child, reversed(keys), "$"))


def plain(value: object) -> JSON:
    """`value` as JSON proper: only None, bool, int, finite float, str, list and dict are left.

    Never raises. What has no mapping becomes its `str`; what lies deeper than `MAX_DEPTH` becomes "...".
    """
    return _plain(value, 0)


def _plain(value: object, depth: int) -> JSON:
    if depth > MAX_DEPTH:
        return "..."
    match value:
        case Enum():
            return _plain(value.value, depth + 1)
        case None | bool():
            return value
        case int():
            return int(value)
        case str():
            return str.__str__(value).encode(errors="replace").decode()
        case float():
            return float(value) if math.isfinite(value) else _NON_FINITE.get(value, "NaN")
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return f"PT{Decimal(value // timedelta(microseconds=1)) / 1_000_000}S"
        case Mapping():
            return {_plain_key(key, depth): _plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item, depth + 1) for item in value]
    return _spoken(value)


_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def _plain_key(key: object, depth: int) -> str:
    return str(_plain(key, depth + 1))


def _spoken(value: object) -> str:
    """`str(value)`, or the class's name when even that fails: errors are described with this."""
    try:
        return str(_plain(str(value), 0))
    except Exception:
        return f"<{type(value).__name__}>"
