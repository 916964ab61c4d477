"""A version: one graph value as the engine reads it, with what was looked up before.

A `Graph` answers `find` and `out` from its trie in O(log n); edges into a node, buckets and counts come from lookups
it derives once, O(n), or O(changes) where another version has them. So a version asks for those only when a plan needs
them, keeps them (the graph may forget them), and uses them for everything; while they are derived the run's clock is
looked at. Buckets are sorted by id: the order of an answer is a function of the graph's content.

    find, edges_at(out)     O(log n)            bucket, count, edges_at(in)     O(n) once, then O(answer)
    index(label, key)       O(bucket) once: nodes by the value of a property, for joins

What leaves a node is remembered, as walks of several steps come back to it.

Reading alone may live here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Literal

from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Edge, Graph, GraphView, Node
from itonami.graphstore.head import Head
from itonami.graphstore.lookup import Lookup
from itonami.graphstore.points import Point
from itonami.query.engine.limits import Meter
from itonami.query.values import from_store, group_key

__all__ = ["Version", "Way"]

REMEMBERED = 200_000
"""Of so many nodes a run remembers what leaves them"""

Way = Literal["out", "in", "both"]
"""Which edges of a node: those leaving it, those arriving, or both"""


class Version:
    """A graph value under the name and at the point it was asked for; None where neither was said."""

    __slots__ = ("_buckets", "_graph", "_indices", "_lookup", "_meter", "_out", "name", "point", "view")

    def __init__(
        self,
        view: GraphView,
        name: str | None = None,
        point: Point | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.view = view
        self.name = name
        self.point = point
        self._graph = view if isinstance(view, Graph) else None
        self._meter = meter
        self._lookup: Lookup | None = None
        self._buckets: dict[str | None, list[Node]] = {}
        self._indices: dict[tuple[str | None, str], dict[Hashable, list[Node]]] = {}
        self._out: dict[tuple[str, tuple[str, ...] | None], list[Edge]] = {}

    def _derived(self, graph: Graph) -> Lookup:
        if self._lookup is None:
            self._lookup = graph.lookup(None if self._meter is None else self._tick)
        return self._lookup

    def _tick(self, read: int) -> None:
        """Elements were read for lookups. That takes time, but no steps: others may have derived them before."""
        if self._meter is not None:
            self._meter.check()

    def find(self, id: str) -> Node | None:
        """The node of an id, or None."""
        if self._lookup is not None:
            return self._lookup.nodes.get(id)
        if self._graph is not None:
            return self._graph.find(id)
        try:
            return self.view.node(id)
        except NotFound:
            return None

    def find_edge(self, id: str) -> Edge | None:
        """The edge of an id, or None."""
        if self._graph is not None:
            return self._derived(self._graph).edges.get(id)
        try:
            return self.view.edge(id)
        except NotFound:
            return None

    def bucket(self, label: str | None) -> list[Node]:
        """The nodes with a label, or all, by id; not to be changed."""
        if self._graph is not None:
            return self._derived(self._graph).ordered(label)
        found = self._buckets.get(label)
        if found is None:
            found = self._buckets[label] = list(self.view.nodes(label))
        return found

    def index(self, label: str | None, key: str, meter: Meter) -> dict[Hashable, list[Node]]:
        """The nodes with a label that have a property, by the equivalence key of its value."""
        found = self._indices.get((label, key))
        if found is None:
            size = len(self.bucket(label))
            meter.work(size)
            meter.hold(size)
            found = self._indices[label, key] = {}
            for node in self.bucket(label):
                value = node.data.get(key)
                if value is not None:
                    found.setdefault(group_key(from_store(value)), []).append(node)
        return found

    def count(self, label: str | None) -> int:
        """How many nodes have a label, or are there."""
        if self._graph is not None:
            lookup = self._derived(self._graph)
            found = lookup.nodes if label is None else lookup.nodes_by_label.get(label)
            return 0 if found is None else found.count
        if isinstance(self.view, Head):
            return len(self.view.node_by_id if label is None else self.view.labelled.get(label, ()))
        return len(self.bucket(label))

    def count_edges(self, types: tuple[str, ...] | None) -> int:
        """How many edges have one of these types, or are there."""
        if self._graph is not None:
            lookup = self._derived(self._graph)
            if types is None:
                return lookup.edges.count
            buckets = (lookup.edges_by_label.get(label) for label in types)
            return sum(bucket.count for bucket in buckets if bucket is not None)
        return sum(1 for edge in self.view.edges() if types is None or edge.label in types)

    def out_only(self) -> bool:
        """Whether only what leaves a node is cheap yet: the lookups are not derived."""
        return self._graph is not None and self._lookup is None

    def edges_at(self, id: str, way: Way, types: tuple[str, ...] | None) -> Iterable[Edge]:
        """The edges of a node, each once: by direction (out first), then type as given, then id."""
        if way == "out":
            return self._leaving(id, types)
        if way == "in":
            return self._arriving(id, types)
        return self._touching(id, types)

    def _leaving(self, id: str, types: tuple[str, ...] | None) -> Iterable[Edge]:
        key = (id, types)
        found = self._out.get(key)
        if found is None:
            labels = (None,) if types is None else types
            found = [edge for label in labels for edge in self.view.out(id, label)]
            if len(self._out) < REMEMBERED:
                self._out[key] = found
        return found

    def _arriving(self, id: str, types: tuple[str, ...] | None) -> Iterable[Edge]:
        into = self.view.into if self._graph is None else self._derived(self._graph).arriving
        if types is None:
            return into(id, None)
        if len(types) == 1:
            return into(id, types[0])
        return (edge for label in types for edge in into(id, label))

    def _touching(self, id: str, types: tuple[str, ...] | None) -> Iterator[Edge]:
        yield from self._leaving(id, types)
        for edge in self._arriving(id, types):
            if edge.source != id:  # a loop was among those leaving
                yield edge

    def degree(self, id: str, way: Way, types: tuple[str, ...] | None) -> int:
        """How many edges a node has. O(degree)."""
        return sum(1 for _ in self.edges_at(id, way, types))
