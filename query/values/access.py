"""`a[i]`, `a[i..j]` and `a.key`: elements of lists, values of maps, properties, and fields of temporal values.

An index counts from 0, a negative one from the end; outside the list there is null. Slices are clipped.

Reference: openCypher 9 language reference, section 2.6; TCK, List1, List2, Map1, Map2, Graph6, Graph7.

Only reading of parts may live here.
"""

from __future__ import annotations

from itonami.graphstore.graph import Edge, Node
from itonami.query.faults import bad_key, wrong_type
from itonami.query.temporal import field_of
from itonami.query.values.domain import TEMPORAL, Value, from_store, spoken_type

__all__ = ["index", "property_of", "slice_of"]


def property_of(value: Value, key: str) -> Value:
    """`value.key`: a property, a map's value or a temporal field; null of null and of what is absent."""
    kind = type(value)
    if kind is Node or kind is Edge:
        return from_store(value.data.get(key))
    if kind is dict:
        return value.get(key)
    if value is None:
        return None
    if isinstance(value, TEMPORAL):
        return field_of(value, key)
    raise wrong_type(f"{spoken_type(value)} has no property {key!r}", "ask it of a node, relationship or map")


def index(container: Value, key: Value) -> Value:
    """`container[key]`: a list by an integer, a map, node or relationship by a string."""
    if container is None or key is None:
        return None
    kind = type(container)
    if kind is list:
        if type(key) is not int:
            raise wrong_type(f"a list is indexed by an integer, not by {spoken_type(key)}")
        return container[key] if -len(container) <= key < len(container) else None
    if kind is dict or kind is Node or kind is Edge:
        if type(key) is not str:
            raise bad_key(f"{spoken_type(container)} is indexed by a string, not by {spoken_type(key)}")
        return property_of(container, key)
    raise wrong_type(f"{spoken_type(container)} cannot be indexed")


_OPEN = object()


def slice_of(items: Value, start: Value = _OPEN, stop: Value = _OPEN) -> Value:
    """`items[start..stop]`, `stop` excluded. A bound left out is open; a bound that is null gives null."""
    if items is None or start is None or stop is None:
        return None
    if type(items) is not list:
        raise wrong_type(f"{spoken_type(items)} cannot be sliced")
    for bound in (start, stop):
        if bound is not _OPEN and type(bound) is not int:
            raise wrong_type(f"a slice is bounded by integers, not by {spoken_type(bound)}")
    return items[None if start is _OPEN else start : None if stop is _OPEN else stop]
