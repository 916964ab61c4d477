"""What a graph's trie cannot be asked: edges by id, edges into a node, nodes and edges by label.

These are derived on first use, O(n), and then follow the graph from version to version, O(changes): a `Spread` is a
persistent hash map of two levels of 64 slots over small dicts, of which an update copies one slot a level. In memory a
lookup costs little more than a dict's; at 10^6 entries an update copies 64 + 64 pointers and a dict of 250.

Nothing here is stored, hashed or ordered: whoever hands results out sorts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Generic, TypeVar

from itonami.graphstore.element import Edge, Node

__all__ = ["Lookup", "Spread"]

V = TypeVar("V")

_WIDTH = 64
_by_id = attrgetter("id")


class Spread(Generic[V]):
    """A persistent map from text to values."""

    __slots__ = ("_slots", "count")

    def __init__(self, slots: list[list[dict[str, V]] | None] | None = None, count: int = 0) -> None:
        self._slots: list[list[dict[str, V]] | None] = [None] * _WIDTH if slots is None else slots
        self.count = count

    def get(self, key: str) -> V | None:
        """The value of a key, or None."""
        number = hash(key)
        row = self._slots[number & 63]
        return None if row is None else row[number >> 6 & 63].get(key)

    def changed(self, changes: dict[str, V | None]) -> Spread[V]:
        """The map with some keys set, and those that are to be None removed. O(changes)."""
        slots, count = self._slots.copy(), self.count
        own: set[int] = set()
        for key, value in changes.items():
            number = hash(key)
            high, low = number & 63, number >> 6 & 63
            row = slots[high]
            if high not in own:
                own.add(high)
                row = slots[high] = [_EMPTY] * _WIDTH if row is None else row.copy()
            assert row is not None
            bucket = row[low] = row[low].copy()
            count += (value is not None) - (key in bucket)
            if value is None:
                bucket.pop(key, None)
            else:
                bucket[key] = value
        return Spread(slots, count)

    def add(self, key: str, value: V) -> None:
        """Set a key in place: only while the map is being built."""
        number = hash(key)
        high, low = number & 63, number >> 6 & 63
        row = self._slots[high]
        if row is None:
            row = self._slots[high] = [_EMPTY] * _WIDTH
        bucket = row[low]
        if bucket is _EMPTY:
            bucket = row[low] = {}
        self.count += key not in bucket
        bucket[key] = value

    def values(self) -> Iterator[V]:
        """All values, in no order."""
        for row in self._slots:
            for bucket in row or ():
                yield from bucket.values()


_EMPTY: dict[str, Any] = {}


class Lookup:
    """The derived lookups of one graph value. Immutable; `followed` gives those of the next value."""

    __slots__ = ("_ordered", "edges", "edges_by_label", "into", "nodes", "nodes_by_label")

    def __init__(self) -> None:
        self.nodes: Spread[Node] = Spread()
        self.edges: Spread[Edge] = Spread()
        self.into: Spread[dict[str, Edge]] = Spread()
        self.nodes_by_label: dict[str, Spread[Node]] = {}
        self.edges_by_label: dict[str, Spread[Edge]] = {}
        self._ordered: dict[str | None, list[Node]] = {}

    def ordered(self, label: str | None) -> list[Node]:
        """The nodes with a label, or all, by id; not to be changed. O(bucket log bucket) once."""
        found = self._ordered.get(label)
        if found is None:
            bucket = self.nodes if label is None else self.nodes_by_label.get(label)
            found = self._ordered[label] = [] if bucket is None else sorted(bucket.values(), key=_by_id)
        return found

    @classmethod
    def of(cls, items: Iterable[Node | Edge]) -> Lookup:
        """The lookups of a graph's items. O(n)."""
        made = cls()
        into: dict[str, dict[str, Edge]] = {}
        for item in items:
            if isinstance(item, Node):
                made.nodes.add(item.id, item)
                for label in item.labels:
                    made.nodes_by_label.setdefault(label, Spread()).add(item.id, item)
            else:
                made.edges.add(item.id, item)
                made.edges_by_label.setdefault(item.label, Spread()).add(item.id, item)
                into.setdefault(item.target, {})[item.id] = item
        for target, edges in into.items():
            made.into.add(target, edges)
        return made

    def followed(self, puts: Iterable[Node | Edge], drops: Iterable[Node | Edge]) -> Lookup:
        """The lookups after `drops` went and `puts` came. O(changes); O(degree) for the edges into a node."""
        nodes: dict[str, Node | None] = {}
        edges: dict[str, Edge | None] = {}
        for item in drops:
            (nodes if isinstance(item, Node) else edges)[item.id] = None
        for item in puts:
            (nodes if isinstance(item, Node) else edges)[item.id] = item  # type: ignore[assignment]
        made = Lookup()
        made.nodes = self.nodes.changed(nodes) if nodes else self.nodes
        made.edges = self.edges.changed(edges) if edges else self.edges
        made.nodes_by_label = _relabelled(self.nodes_by_label, _node_moves(self.nodes, nodes))
        made.edges_by_label = _relabelled(self.edges_by_label, _edge_moves(self.edges, edges))
        made.into = _redirected(self.into, self.edges, edges) if edges else self.into
        return made


Moves = dict[str, dict[str, Any]]
"""label -> id -> the element that has it now, or None"""


def _node_moves(before: Spread[Node], changes: dict[str, Node | None]) -> Moves:
    moves: Moves = {}
    for id, node in changes.items():
        old = before.get(id)
        for label in old.labels if old is not None else ():
            moves.setdefault(label, {})[id] = None
        for label in node.labels if node is not None else ():
            moves.setdefault(label, {})[id] = node
    return moves


def _edge_moves(before: Spread[Edge], changes: dict[str, Edge | None]) -> Moves:
    moves: Moves = {}
    for id, edge in changes.items():
        old = before.get(id)
        if old is not None:
            moves.setdefault(old.label, {})[id] = None
        if edge is not None:
            moves.setdefault(edge.label, {})[id] = edge
    return moves


def _relabelled(before: dict[str, Spread[Any]], moves: Moves) -> dict[str, Spread[Any]]:
    if not moves:
        return before
    after = dict(before)
    for label, changes in moves.items():
        bucket = (before.get(label) or Spread()).changed(changes)
        if bucket.count:
            after[label] = bucket
        else:
            after.pop(label, None)
    return after


def _redirected(
    before: Spread[dict[str, Edge]], edges: Spread[Edge], changes: dict[str, Edge | None]
) -> Spread[dict[str, Edge]]:
    moved: dict[str, dict[str, Edge]] = {}

    def at(target: str) -> dict[str, Edge]:
        if target not in moved:
            moved[target] = dict(before.get(target) or {})
        return moved[target]

    for id, edge in changes.items():
        old = edges.get(id)
        if old is not None:
            at(old.target).pop(id, None)
        if edge is not None:
            at(edge.target)[id] = edge
    return before.changed({target: found or None for target, found in moved.items()})
