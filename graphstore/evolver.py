"""A transient over a graph: the edits of one transaction, checked as they are made.

An evolver reads its own writes; the graph it came from never changes. Whatever it hands out is a graph: an edge
has both ends, an id names one element, values are in the value domain. Edits are journalled by element, so the
delta is the net effect. Only checks and the journal may live here.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from itonami.graphstore.codec import Value, encode, normalise
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import InvalidValue, NotFound
from itonami.graphstore.graph import HEADER, Edge, Graph, Node

__all__ = ["Evolver"]

MAX_NAME_BYTES = 255


def random_id() -> str:
    """The default id source: 16 random bytes in base32, lower case."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def checked_name(name: Any, what: str) -> str:
    """An id or label: non-empty, well-formed text of at most 255 bytes."""
    if not isinstance(name, str):
        raise InvalidValue(f"{what} must be text, not {type(name).__name__}")
    encode(name)  # refuses lone surrogates
    if not 0 < len(name.encode()) <= MAX_NAME_BYTES:
        raise InvalidValue(f"{what} must have 1 to {MAX_NAME_BYTES} bytes, not {len(name.encode())}")
    return name


class Evolver:
    """A graph being edited. `persistent()` gives the new graph, `delta()` what changed."""

    def __init__(self, base: Graph, new_id: Callable[[], str] | None = None) -> None:
        self._base = base
        self._new_id = new_id or random_id
        self._sealed = False
        self._nodes: dict[str, Node | None] = {}
        self._edges: dict[str, Edge | None] = {}
        # what was there: known when it is edited, not searched for again
        self._nodes_before: dict[str, Node | None] = {}
        self._edges_before: dict[str, Edge | None] = {}

    # -- reading -------------------------------------------------------------------------------------------

    def find(self, id: str) -> Node | None:
        """The node as edited so far, or None."""
        return self._nodes[id] if id in self._nodes else self._base.find(id)

    def node(self, id: str) -> Node:
        """The node as edited so far, else `NotFound`."""
        node = self.find(id)
        if node is None:
            raise NotFound(f"no node {id!r}", where="graph", fix="add it before it is used")
        return node

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.find(id) is not None

    def edge(self, id: str) -> Edge:
        """The edge as edited so far, else `NotFound`."""
        edge = self._find_edge(id)
        if edge is None:
            raise NotFound(f"no edge {id!r}", where="graph")
        return edge

    def _find_edge(self, id: str) -> Edge | None:
        return self._edges[id] if id in self._edges else self._base.find_edge(id)

    def nodes(self, label: str | None = None) -> Iterator[Node]:
        """Nodes as edited so far, in order of id."""
        kept = (n for n in self._base.nodes(label) if n.id not in self._nodes)
        own = (n for n in self._nodes.values() if n is not None and (label is None or label in n.labels))
        return iter(sorted([*kept, *own], key=lambda node: node.id))

    def edges(self, label: str | None = None) -> Iterator[Edge]:
        """Edges as edited so far, in order of id."""
        return self._merged(self._base.edges(label), lambda e: label is None or e.label == label)

    def out(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges leaving a node, as edited so far."""
        return self._merged(
            self._base.out(id, label), lambda e: e.source == id and (label is None or e.label == label)
        )

    def into(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges arriving at a node, as edited so far."""
        return self._merged(
            self._base.into(id, label), lambda e: e.target == id and (label is None or e.label == label)
        )

    def _merged(self, base: Iterable[Edge], wanted: Callable[[Edge], bool]) -> Iterator[Edge]:
        kept = [edge for edge in base if edge.id not in self._edges]
        own = [edge for edge in self._edges.values() if edge is not None and wanted(edge)]
        return iter(sorted([*kept, *own], key=lambda edge: edge.id))

    # -- editing -------------------------------------------------------------------------------------------

    def seal(self) -> None:
        """No more edits: the transaction has ended, and they would be lost."""
        self._sealed = True

    def _check_open(self) -> None:
        if self._sealed:
            raise InvalidValue("the transaction has ended, this edit would be lost", fix="begin another")

    def add_node(
        self, *labels: str, id: str | None = None, properties: dict[str, Any] | None = None, **props: Any
    ) -> str:
        """Add a node and return its id (`id`, or one from the id source). O(log n)."""
        self._check_open()
        node_id = self._fresh(id, "node id")
        if self.find(node_id) is not None:
            raise InvalidValue(f"node {node_id!r} is already there", fix="update it, or choose another id")
        for label in labels:
            checked_name(label, "label")
        labels = (*labels, HEADER) if node_id == HEADER else labels  # so that indices of headers find it
        self._put_node(node_id, Node(node_id, labels, _properties(properties, props)), None)
        return node_id

    def add_edge(
        self,
        source: str,
        label: str,
        target: str,
        *,
        id: str | None = None,
        properties: dict[str, Any] | None = None,
        **props: Any,
    ) -> str:
        """Add an edge between two nodes that are there and return its id."""
        self.node(source)
        self.node(target)
        edge_id = self._fresh(id, "edge id")
        known = edge_id in self._edges or id is not None
        if known and self._find_edge(edge_id) is not None:
            raise InvalidValue(f"edge {edge_id!r} is already there", fix="choose another id")
        edge = Edge(edge_id, source, checked_name(label, "label"), target, _properties(properties, props))
        self._put_edge(edge_id, edge, self._base.find_edge(edge_id) if known else None)
        return edge_id

    def update(self, id: str, /, **props: Any) -> None:
        """Set properties of a node, or of an edge where no node has that id."""
        self._set(id, lambda data: {**data, **_properties(None, props)})

    def unset(self, id: str, *keys: str) -> None:
        """Remove properties; those that are not there are no error."""
        self._set(id, lambda data: {key: value for key, value in data.items() if key not in keys})

    def relabel(self, id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Add and remove labels of a node."""
        self._check_open()
        node = self.node(id)
        added = {checked_name(label, "label") for label in add}
        kept = {HEADER} if id == HEADER else set()
        labels = (node.labels - (set(remove) - kept)) | added | kept
        self._put_node(id, Node(id, labels, node.data), node)

    def remove_edge(self, id: str) -> None:
        """Remove an edge."""
        self._put_edge(id, None, self.edge(id))

    def remove_node(self, id: str, detach: bool = False) -> None:
        """Remove a node; edges at it are an error, or go too with `detach`."""
        self._check_open()
        node = self.node(id)
        edges = {edge.id: edge for edge in (*self.out(id), *self.into(id))}
        if edges and not detach:
            raise InvalidValue(
                f"node {id!r} still has {len(edges)} edges", fix="remove them first, or pass detach=True"
            )
        for edge_id, edge in edges.items():
            self._put_edge(edge_id, None, edge)
        self._put_node(id, None, node)

    def _set(self, id: str, change: Callable[[dict[str, Value]], dict[str, Value]]) -> None:
        self._check_open()
        node = self.find(id)
        if node is not None:
            self._put_node(id, Node(id, node.labels, change(node.data)), node)
            return
        edge = self._find_edge(id)
        if edge is None:
            raise NotFound(f"no node or edge {id!r}", where="graph")
        self._put_edge(id, Edge(id, edge.source, edge.label, edge.target, change(edge.data)), edge)

    def _put_node(self, id: str, node: Node | None, before: Node | None) -> None:
        """Journal a node; `before` is what stood there until now."""
        if id not in self._nodes:
            self._nodes_before[id] = before
        self._nodes[id] = node

    def _put_edge(self, id: str, edge: Edge | None, before: Edge | None) -> None:
        """Journal an edge; `before` is what stood there until now."""
        self._check_open()
        if id not in self._edges:
            self._edges_before[id] = before
        self._edges[id] = edge

    def _fresh(self, id: str | None, what: str) -> str:
        return checked_name(id if id is not None else self._new_id(), what)

    # -- the result ----------------------------------------------------------------------------------------

    def delta(self) -> Delta:
        """The net change so far. O(k log k) for k touched elements."""
        return Delta.of(
            {id: (self._nodes_before[id], node) for id, node in self._nodes.items()},
            {id: (self._edges_before[id], edge) for id, edge in self._edges.items()},
        )

    def persistent(self) -> Graph:
        """The graph as edited so far. O(k log n)."""
        drops: list[Node | Edge] = []
        for id, node in self._nodes.items():
            if node is None and (old := self._nodes_before[id]) is not None:
                drops.append(old)
        for id, edge in self._edges.items():
            was = self._edges_before[id]
            if was is not None and (edge is None or edge.path != was.path):
                drops.append(was)
        puts = [item for item in (*self._nodes.values(), *self._edges.values()) if item is not None]
        return self._base.replaced(puts, drops)


def _properties(properties: dict[str, Any] | None, props: dict[str, Any]) -> dict[str, Value]:
    merged: dict[str, Value] = normalise({**(properties or {}), **props})
    for key in merged:
        checked_name(key, "property key")
    return merged
