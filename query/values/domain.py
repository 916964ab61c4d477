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

from datetime import datetime
from fractions import Fraction
from typing import Any

from itonami.graphstore.graph import Edge, Node
from itonami.query.cypher.errors import with_article
from itonami.query.faults import overflow
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
    "from_store",
    "is_number",
    "spoken_type",
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


def spoken_type(value: Value) -> str:
    """The type of a value with its article: `a string`, `an integer`, `null`."""
    return with_article(type_name(value))


def is_number(value: Value) -> bool:
    """Whether a value is an integer or float (booleans are not)."""
    return type(value) is int or type(value) is float


def as_float(number: float | Fraction) -> float:
    """A number as float. A store may hold integers that no float reaches: they are an error here."""
    try:
        return float(number)
    except OverflowError:
        raise overflow("a stored integer") from None


AS_IT_IS = frozenset((type(None), bool, int, float, str, bytes))
"""The types of property values that are values of queries too"""


def from_store(value: Value) -> Value:
    """A property value as a value of queries: aware timestamps become DateTime, also within lists and maps;
    everything else stays. O(1) for scalars, O(size) for lists and maps."""
    kind = type(value)
    if kind in AS_IT_IS:
        return value
    if kind is list:
        return [from_store(item) for item in value]
    if kind is dict:
        return {key: from_store(item) for key, item in value.items()}
    return DateTime.of_python(value) if isinstance(value, datetime) else value
