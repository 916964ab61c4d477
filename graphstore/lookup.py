"""What a graph's trie cannot be asked: edges by id, edges into a node, nodes and edges by label.

These are derived on first use, O(n), and then follow the graph from version to version, O(changes): a `Spread` is a
persistent hash map of two levels of 64 slots over small dicts, of which an update copies one slot a level. In memory a
lookup costs little more than a dict's; at 10^6 entries an update copies 64 + 64 pointers and a dict of 250. Lists of
nodes in order of id follow too, when they are asked for.

Nothing here is stored, hashed or ordered: whoever hands results out sorts them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Generic, TypeVar

from itonami.graphstore.element import Edge, Node
from itonami.graphstore.trie import Tick, ticking

__all__ = ["Lookup", "Spread", "Step"]

Step = tuple[Iterable[Node | Edge], Iterable[Node | Edge]]
"""What a graph got, put in place of what had the same id, and what it lost before: puts and drops"""

V = TypeVar("V")

_WIDTH = 64
_BITS = _WIDTH * _WIDTH - 1
_FEW = 32
"""A list in order follows when of so many nodes one changed at most; else it is sorted anew"""
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

    def changed(self, changes: Iterable[tuple[str, V | None]]) -> Spread[V]:
        """The map with some keys set, and those that are to be None removed; each key once. O(changes)."""
        slots, count = self._slots.copy(), self.count
        own: set[int | tuple[int, int]] = set()
        for key, value in changes:
            number = hash(key)
            high, low = number & 63, number >> 6 & 63
            row = slots[high]
            if high not in own:
                own.add(high)
                row = slots[high] = [_EMPTY] * _WIDTH if row is None else row.copy()
            assert row is not None
            bucket = row[low]
            if (high, low) not in own:
                own.add((high, low))
                bucket = row[low] = bucket.copy()
            count += (value is not None) - (key in bucket)
            if value is None:
                bucket.pop(key, None)
            else:
                bucket[key] = value
        return Spread(slots, count)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, V]]) -> Spread[V]:
        """The map of pairs whose keys differ. O(n)."""
        buckets: defaultdict[int, dict[str, V]] = defaultdict(dict)
        for key, value in pairs:
            buckets[hash(key) & _BITS][key] = value
        made: Spread[V] = cls()
        for number, bucket in buckets.items():
            high = number & 63
            row = made._slots[high]
            if row is None:
                row = made._slots[high] = [_EMPTY] * _WIDTH
            row[number >> 6] = bucket
            made.count += len(bucket)
        return made

    def values(self) -> Iterator[V]:
        """All values, in no order."""
        for row in self._slots:
            for bucket in row or ():
                yield from bucket.values()


_EMPTY: dict[str, Any] = {}


def _grouped(
    groups: dict[str, list[tuple[str, V]]], every: Spread[V], tick: Tick | None
) -> dict[str, Spread[V]]:
    """A map for each label; a label that all elements have shares theirs."""
    return {
        label: every if len(pairs) == every.count else Spread.of(ticking(pairs, tick))
        for label, pairs in groups.items()
    }


class Lookup:
    """The derived lookups of one graph value. Immutable; `followed` gives those of the next value."""

    __slots__ = ("_ordered", "_orders", "edges", "edges_by_label", "into", "nodes", "nodes_by_label")

    def __init__(self) -> None:
        self.nodes: Spread[Node] = Spread()
        self.edges: Spread[Edge] = Spread()
        self.into: Spread[dict[str, Edge]] = Spread()
        self.nodes_by_label: dict[str, Spread[Node]] = {}
        self.edges_by_label: dict[str, Spread[Edge]] = {}
        self._ordered: dict[str | None, list[Node]] = {}
        self._orders: dict[str | None, tuple[list[Node], Changes]] = {}

    def ordered(self, label: str | None) -> list[Node]:
        """The nodes with a label, or all, by id; not to be changed. Once, O(bucket log bucket); after few changes,
        O(bucket) to copy the list there was."""
        found = self._ordered.get(label)
        if found is None:
            before = self._orders.get(label)
            bucket = self.nodes if label is None else self.nodes_by_label.get(label)
            if before is not None:
                found = _reordered(*before)
            else:
                found = [] if bucket is None else sorted(bucket.values(), key=_by_id)
            if found:  # there is no end of labels that nobody has
                self._ordered[label] = found
            self._orders.pop(label, None)
        return found

    def arriving(self, id: str, label: str | None) -> Iterable[Edge]:
        """The edges into a node, or those with a label, by id. O(degree)."""
        edges = (self.into.get(id) or {}).values()
        return sorted((edge for edge in edges if label is None or edge.label == label), key=_by_id)

    @classmethod
    def of(cls, items: Iterable[Node | Edge], tick: Tick | None = None) -> Lookup:
        """The lookups of a graph's items. O(n)."""
        nodes: list[tuple[str, Node]] = []
        edges: list[tuple[str, Edge]] = []
        into: defaultdict[str, dict[str, Edge]] = defaultdict(dict)
        by_label: defaultdict[str, list[tuple[str, Node]]] = defaultdict(list)
        by_type: defaultdict[str, list[tuple[str, Edge]]] = defaultdict(list)
        for item in items:
            if isinstance(item, Node):
                pair = item.id, item
                nodes.append(pair)
                for label in item.labels:
                    by_label[label].append(pair)
            else:
                arrow = item.id, item
                edges.append(arrow)
                by_type[item.label].append(arrow)
                into[item.target][item.id] = item
        made = cls()
        made.nodes = Spread.of(ticking(nodes, tick))
        made.edges = Spread.of(ticking(edges, tick))
        made.into = Spread.of(ticking(into.items(), tick))
        made.nodes_by_label = _grouped(by_label, made.nodes, tick)
        made.edges_by_label = _grouped(by_type, made.edges, tick)
        return made

    def followed(self, steps: Iterable[Step], tick: Tick | None = None) -> Lookup:
        """The lookups after these steps, one after the other. O(changes); O(degree) for the edges into a node."""
        nodes: dict[str, Node | None] = {}
        edges: dict[str, Edge | None] = {}
        for puts, drops in steps:
            for item in ticking(drops, tick):
                (nodes if isinstance(item, Node) else edges)[item.id] = None
            for item in ticking(puts, tick):
                (nodes if isinstance(item, Node) else edges)[item.id] = item  # type: ignore[assignment]
        moves = _node_moves(self.nodes, nodes, tick)
        made = Lookup()
        made.nodes = self.nodes.changed(ticking(nodes.items(), tick)) if nodes else self.nodes
        made.edges = self.edges.changed(ticking(edges.items(), tick)) if edges else self.edges
        made.nodes_by_label = _relabelled(self.nodes_by_label, moves, tick)
        made.edges_by_label = _relabelled(self.edges_by_label, _edge_moves(self.edges, edges, tick), tick)
        made.into = _redirected(self.into, self.edges, edges, tick) if edges else self.into
        self._hand_on(made, nodes, moves)
        return made

    def _hand_on(self, made: Lookup, nodes: Changes, moves: Moves) -> None:
        """Give the lists in order to those that follow: as they are, or with what they must be changed by."""
        present = {label: (order, _UNCHANGED) for label, order in self._ordered.copy().items()}
        for label, (order, earlier) in (self._orders.copy() | present).items():
            later = nodes if label is None else moves.get(label, _UNCHANGED)
            changes = earlier | later if later else earlier
            if not changes:
                made._ordered[label] = order
            elif len(changes) * _FEW <= len(order):
                made._orders[label] = order, changes


Changes = dict[str, Node | None]
"""id -> the node that is there now, or None"""
_UNCHANGED: Changes = {}


def _reordered(nodes: list[Node], changes: Changes) -> list[Node]:
    """A list in order of id after few changes. O(nodes), to copy pointers, and O(log nodes) for each change."""
    after = nodes.copy()
    for id, node in changes.items():
        at = bisect_left(after, id, key=_by_id)
        end = at + (at < len(after) and after[at].id == id)
        after[at:end] = () if node is None else (node,)
    return after


Moves = dict[str, dict[str, Any]]
"""label -> id -> the element that has it now, or None"""


def _node_moves(before: Spread[Node], changes: Changes, tick: Tick | None) -> Moves:
    moves: Moves = {}
    for id, node in ticking(changes.items(), tick):
        old = before.get(id)
        for label in old.labels if old is not None else ():
            moves.setdefault(label, {})[id] = None
        for label in node.labels if node is not None else ():
            moves.setdefault(label, {})[id] = node
    return moves


def _edge_moves(before: Spread[Edge], changes: dict[str, Edge | None], tick: Tick | None) -> Moves:
    moves: Moves = {}
    for id, edge in ticking(changes.items(), tick):
        old = before.get(id)
        if old is not None:
            moves.setdefault(old.label, {})[id] = None
        if edge is not None:
            moves.setdefault(edge.label, {})[id] = edge
    return moves


def _relabelled(before: dict[str, Spread[Any]], moves: Moves, tick: Tick | None) -> dict[str, Spread[Any]]:
    if not moves:
        return before
    after = dict(before)
    for label, changes in moves.items():
        bucket = (before.get(label) or Spread()).changed(ticking(changes.items(), tick))
        if bucket.count:
            after[label] = bucket
        else:
            after.pop(label, None)
    return after


def _redirected(
    before: Spread[dict[str, Edge]],
    edges: Spread[Edge],
    changes: dict[str, Edge | None],
    tick: Tick | None,
) -> Spread[dict[str, Edge]]:
    moved: dict[str, dict[str, Edge]] = {}

    def at(target: str) -> dict[str, Edge]:
        if target not in moved:
            moved[target] = dict(before.get(target) or {})
        return moved[target]

    for id, edge in ticking(changes.items(), tick):
        old = edges.get(id)
        if old is not None:
            at(old.target).pop(id, None)
        if edge is not None:
            at(edge.target)[id] = edge
    return before.changed((target, found or None) for target, found in ticking(moved.items(), tick))
