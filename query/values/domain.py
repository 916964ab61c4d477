"""The value domain of a query, and the ways in from graphstore and from Python.

    null        None                      node, relationship    graphstore's Node and Edge
    boolean     bool                      path                  Path
    integer     int, results of 64 bits   date, time, ...       the classes of `temporal`
    float       float, NaN and infinity   list, map             list, dict with text keys
    string      str                       bytes                 bytes (graphstore's; no literal makes them)

Python's `True == 1` and `Node.__eq__` (which compares properties) are not Cypher's, so values are never compared by
`==` here: use `equality`, `ordering` and their keys. Lists and maps are shared, never changed in place.

Reference: openCypher 9 language reference, section 2.1, Values and types.

Only the domain and the ways into it may live here, no operation on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from itonami.graphstore.graph import Edge, Node
from itonami.query.faults import overflow, wrong_type
from itonami.query.path import Path
from itonami.query.temporal import Date, DateTime, Duration, LocalDateTime, LocalTime, Time

__all__ = [
    "INT_MAX",
    "INT_MIN",
    "MAX_LIST",
    "MAX_TEXT",
    "TEMPORAL",
    "Truth",
    "Value",
    "as_float",
    "from_python",
    "from_store",
    "is_number",
    "type_name",
]

Value = Any  # the table above; mypy cannot state the recursion cheaply
Truth = bool | None
"""True, false or unknown (null)."""

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
MAX_LIST, MAX_TEXT = 1_000_000, 10_000_000
"""The longest list (elements) and string (characters) that an operator makes."""
TEMPORAL = (Date, LocalTime, Time, LocalDateTime, DateTime, Duration)

_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Node: "node",
    Edge: "relationship",
    Path: "path",
    Date: "date",
    LocalTime: "local time",
    Time: "time",
    LocalDateTime: "local datetime",
    DateTime: "datetime",
    Duration: "duration",
}


def type_name(value: Value) -> str:
    """The type of a value as error messages call it."""
    return _NAMES.get(type(value), type(value).__name__)


def is_number(value: Value) -> bool:
    """Whether a value is an integer or float (booleans are not)."""
    return type(value) is int or type(value) is float


def as_float(number: float | Fraction) -> float:
    """A number as float. A store may hold integers that no float reaches: they are an error here."""
    try:
        return float(number)
    except OverflowError:
        raise overflow("a stored integer") from None


_MAX_DEPTH = 100
_AS_IT_IS = frozenset((type(None), bool, int, float, str, bytes))


def from_store(value: Value) -> Value:
    """A property value as a value of queries: aware timestamps become DateTime, also within lists and maps;
    everything else stays. O(1) for scalars, O(size) for lists and maps."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is list:
        return [from_store(item) for item in value]
    if kind is dict:
        return {key: from_store(item) for key, item in value.items()}
    return DateTime.of_python(value) if isinstance(value, datetime) else value


def _foreign(value: Any) -> Value:
    """A scalar of Python's that is written otherwise here, or a `QueryTypeError`."""
    if isinstance(value, datetime):
        moment = DateTime.of_python(value)
        return moment if value.utcoffset() is not None else LocalDateTime(moment.nanos)
    if isinstance(value, date):
        return Date(value.toordinal() - date(1970, 1, 1).toordinal())
    if isinstance(value, timedelta):
        return Duration(nanos=value // timedelta(microseconds=1) * 1_000)
    raise wrong_type(f"a Python {type(value).__name__} is no value", "pass JSON's values, bytes or times")


def from_python(value: Any, depth: int = 0) -> Value:
    """A caller's parameter as a value of queries, checked: sequences become lists, mappings maps, Python's
    timestamps, dates and intervals temporal values. Raises `QueryTypeError`. O(size)."""
    if depth > _MAX_DEPTH:
        raise wrong_type(f"a parameter is nested deeper than {_MAX_DEPTH}")
    if type(value) is int and not INT_MIN <= value <= INT_MAX:
        raise wrong_type("an integer parameter has more than 64 bits", "pass it as text or float")
    if type(value) is str and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise wrong_type("a text parameter holds a lone surrogate", "pass well-formed Unicode, or bytes")
    if type(value) in _NAMES and type(value) is not list and type(value) is not dict:
        return value
    if isinstance(value, Mapping):
        if not all(type(key) is str for key in value):
            raise wrong_type("the keys of a map are text")
        return {key: from_python(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [from_python(item, depth + 1) for item in value]
    return _foreign(value)
