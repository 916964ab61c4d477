"""Total order and equivalence: what ORDER BY, DISTINCT, grouping, min and max stand on.

    map < node < relationship < list < path < datetime < local datetime < date < time < local time < duration
        < bytes < string < boolean < number < NaN < null

`sort_key` maps values to tuples that Python sorts in that order; `group_key` maps them to hashable keys. The laws:

    group_key(a) == group_key(b)  iff  sort_key(a) == sort_key(b)
    equals(a, b) is True  implies both;  less(a, b) is True  implies  sort_key(a) < sort_key(b)

Here null is equivalent to null, NaN to NaN, and 1 to 1.0.

Reference: openCypher CIP2016-06-14; TCK, ReturnOrderBy1 [11].

Only keys may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from itonami.graphstore.graph import Edge, Node
from itonami.query.path import Path
from itonami.query.temporal import Date, DateTime, Duration, LocalDateTime, LocalTime, Time
from itonami.query.values.domain import Value

__all__ = ["group_key", "sort_key"]

SortKey = tuple[Any, ...]

_TYPES = (
    dict, Node, Edge, list, Path, DateTime, LocalDateTime, Date, Time, LocalTime, Duration, bytes, str, bool, int,
)  # fmt: skip
_RANK: dict[type, int] = {kind: rank for rank, kind in enumerate(_TYPES)}
_RANK[float] = _RANK[int]
_NUMBER = _RANK[int]
_NAN: SortKey = (_NUMBER + 1,)
_NULL: SortKey = (_NUMBER + 2,)


def _map_key(value: dict[str, Value]) -> SortKey:
    keys = sorted(value)
    return (len(keys), tuple(keys), tuple(sort_key(value[key]) for key in keys))


_INNER: dict[type, Callable[[Any], Any]] = {
    dict: _map_key,
    Node: lambda node: node.id,
    Edge: lambda edge: edge.id,
    list: lambda items: tuple(sort_key(item) for item in items),
    Path: lambda path: tuple(item.id for item in path.items()),
    **{
        kind: lambda value: value.order for kind in (DateTime, LocalDateTime, Date, Time, LocalTime, Duration)
    },
}


def sort_key(value: Value) -> SortKey:
    """A tuple that sorts ascending as ORDER BY does. O(size)."""
    if value is None:
        return _NULL
    kind = type(value)
    rank = _RANK[kind]
    inner = _INNER.get(kind)
    if inner is not None:
        return (rank, inner(value))
    return _NAN if value != value else (rank, value)


def group_key(value: Value) -> Hashable:
    """A hashable key, equal for equivalent values. Numbers and strings are their own; O(size) for the rest."""
    kind = type(value)
    if kind is str or kind is int:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if value == value else _NAN
    if kind is list:
        return (list, *map(group_key, value))
    if kind is dict:
        return (dict, frozenset((key, group_key(item)) for key, item in value.items()))
    if kind is Node or kind is Edge:
        return (kind, value.id)
    if kind is Path:
        return (kind, *(item.id for item in value.items()))
    return (kind, value)
