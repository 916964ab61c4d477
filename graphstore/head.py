"""A head: the disposable, mutable index of one live graph.

Rules are matched against a head, because it answers in O(1) what the trie answers in O(log n): nodes and edges by
id, in- and out-edges by label, label buckets. It is never the truth: it is derived from a `Graph`, advanced by the
same elements that go into the next one, and thrown away at the first doubt. A fork of a head costs copies of its
dictionaries' spines; the inner containers are shared until written (copy on write).

The journal remembers each touched element as it was, so `delta()` is the net change and `revert()` undoes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Edge, Graph, Node

__all__ = ["Head"]

Adjacency = dict[str, dict[str, dict[str, Edge]]]
"""node id -> edge label -> edge id -> edge"""

_NO_LABELS: frozenset[str] = frozenset()


class Head:
    """A mutable `GraphView` with a journal. `node_by_id`, `out_edges`, `in_edges` and `labelled` may be read directly;
    they hold no empty container. Who writes them directly too (the effects of rules) keeps that, notes what was in
    `nodes_before` and `edges_before`, and on a head that is `shared` calls `own` first."""

    __slots__ = (
        "_owned",
        "edge_by_id",
        "edges_before",
        "in_edges",
        "labelled",
        "node_by_id",
        "nodes_before",
        "out_edges",
        "shared",
    )

    def __init__(self, items: Iterable[Node | Edge] = ()) -> None:
        self.node_by_id: dict[str, Node] = {}
        self.edge_by_id: dict[str, Edge] = {}
        self.out_edges: Adjacency = {}
        self.in_edges: Adjacency = {}
        self.labelled: dict[str, dict[str, None]] = {}
        self.shared = False
        self._owned: set[tuple[int, str]] = set()
        self.nodes_before: dict[str, Node | None] = {}
        self.edges_before: dict[str, Edge | None] = {}
        for item in items:
            if isinstance(item, Node):
                self.put_node(item)
            else:
                self.put_edge(item)
        self.settle()

    @classmethod
    def of(cls, graph: Graph) -> Head:
        """The head of a graph. O(n)."""
        return cls(graph.items())

    def fork(self) -> Head:
        """An independent head of the same content; containers are shared until one of the two writes."""
        twin = Head.__new__(Head)
        twin.node_by_id = dict(self.node_by_id)
        twin.edge_by_id = dict(self.edge_by_id)
        twin.out_edges = dict(self.out_edges)
        twin.in_edges = dict(self.in_edges)
        twin.labelled = dict(self.labelled)
        twin.nodes_before = {}
        twin.edges_before = {}
        for head in (self, twin):
            head.shared, head._owned = True, set()
        return twin

    # -- reading -------------------------------------------------------------------------------------------

    def node(self, id: str) -> Node:
        """The node of that id, else `NotFound`."""
        try:
            return self.node_by_id[id]
        except KeyError:
            raise NotFound(f"no node {id!r}", where="graph") from None

    def edge(self, id: str) -> Edge:
        """The edge of that id, else `NotFound`."""
        try:
            return self.edge_by_id[id]
        except KeyError:
            raise NotFound(f"no edge {id!r}", where="graph") from None

    def __contains__(self, id: object) -> bool:
        return id in self.node_by_id

    def __len__(self) -> int:
        return len(self.node_by_id)

    def nodes(self, label: str | None = None) -> Iterator[Node]:
        """Nodes, or those with a label, in order of id."""
        ids: Iterable[str] = self.node_by_id if label is None else self.labelled.get(label, ())
        return (self.node_by_id[id] for id in sorted(ids))

    def edges(self, label: str | None = None) -> Iterator[Edge]:
        """Edges, or those with a label, in order of id."""
        ordered = (self.edge_by_id[id] for id in sorted(self.edge_by_id))
        return ordered if label is None else (edge for edge in ordered if edge.label == label)

    def out(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges leaving a node, in order of id."""
        return _ordered(self.out_edges.get(id), label)

    def into(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges arriving at a node, in order of id."""
        return _ordered(self.in_edges.get(id), label)

    # -- writing -------------------------------------------------------------------------------------------

    def put_node(self, node: Node) -> None:
        """Add a node, or put it in the place of the one with its id."""
        id = node.id
        old = self.node_by_id.get(id)
        if id not in self.nodes_before:
            self.nodes_before[id] = old
        self.node_by_id[id] = node
        old_labels = _NO_LABELS if old is None else old.labels
        if old_labels is not node.labels and old_labels != node.labels:
            self._relabel(id, old_labels - node.labels, node.labels - old_labels)

    def drop_node(self, id: str) -> None:
        """Remove a node; its edges are the caller's care."""
        old = self.node_by_id.pop(id)
        self.nodes_before.setdefault(id, old)
        self._relabel(id, old.labels, _NO_LABELS)

    def put_edge(self, edge: Edge) -> None:
        """Add an edge, or put it in the place of the one with its id."""
        id, label = edge.id, edge.label
        old = self.edge_by_id.get(id)
        if id not in self.edges_before:
            self.edges_before[id] = old
        if old is not None:
            self._unlink(old)
        self.edge_by_id[id] = edge
        if self.shared:
            self.own((edge.source,), (edge.target,))
        for adjacency, node in ((self.out_edges, edge.source), (self.in_edges, edge.target)):
            by_label = adjacency.get(node)
            if by_label is None:
                adjacency[node] = {label: {id: edge}}
            elif label in by_label:
                by_label[label][id] = edge
            else:
                by_label[label] = {id: edge}

    def drop_edge(self, id: str) -> None:
        """Remove an edge."""
        old = self.edge_by_id.pop(id)
        self.edges_before.setdefault(id, old)
        self._unlink(old)

    def _unlink(self, edge: Edge) -> None:
        if self.shared:
            self.own((edge.source,), (edge.target,))
        for adjacency, node in ((self.out_edges, edge.source), (self.in_edges, edge.target)):
            by_label = adjacency[node]
            bucket = by_label[edge.label]
            if len(bucket) > 1:
                del bucket[edge.id]
            elif len(by_label) > 1:
                del by_label[edge.label]
            else:
                del adjacency[node]

    def _relabel(self, id: str, removed: frozenset[str], added: frozenset[str]) -> None:
        if self.shared:
            self.own(labels=removed | added)
        for label in added:
            bucket = self.labelled.get(label)
            if bucket is None:
                self.labelled[label] = {id: None}
            else:
                bucket[id] = None
        for label in removed:
            bucket = self.labelled[label]
            if len(bucket) > 1:
                del bucket[id]
            else:
                del self.labelled[label]

    def own(self, out: Iterable[str] = (), into: Iterable[str] = (), labels: Iterable[str] = ()) -> None:
        """Copy what this head still shares of the edges leaving and arriving at these nodes, and of these labels'
        nodes, so that it may be written. O(what is copied), once each."""
        for side, adjacency, ids in ((1, self.out_edges, out), (2, self.in_edges, into)):
            for id in ids:
                if (side, id) not in self._owned:
                    self._owned.add((side, id))
                    if id in adjacency:
                        adjacency[id] = {label: dict(edges) for label, edges in adjacency[id].items()}
        for label in labels:
            if (0, label) not in self._owned:
                self._owned.add((0, label))
                if label in self.labelled:
                    self.labelled[label] = dict(self.labelled[label])

    # -- the journal ---------------------------------------------------------------------------------------

    def touched(self) -> tuple[list[Node | Edge], list[Node | Edge]]:
        """What to put into and drop from the graph this head was settled at, to follow it."""
        puts: list[Node | Edge] = []
        drops: list[Node | Edge] = []
        for id, old in self.nodes_before.items():
            node = self.node_by_id.get(id)
            if node is not None:
                if node is not old:
                    puts.append(node)
            elif old is not None:
                drops.append(old)
        for id, was in self.edges_before.items():
            edge = self.edge_by_id.get(id)
            if was is not None and (edge is None or edge.path != was.path):
                drops.append(was)
            if edge is not None and edge is not was:
                puts.append(edge)
        return puts, drops

    def delta(self) -> Delta:
        """The net change since the head was last settled. O(k log k)."""
        nodes, edges = self.node_by_id, self.edge_by_id
        return Delta.of(
            {id: (old, nodes.get(id)) for id, old in self.nodes_before.items()},
            {id: (old, edges.get(id)) for id, old in self.edges_before.items()},
        )

    def settle(self) -> None:
        """Forget the journal: what is here now is the point to go back to."""
        self.nodes_before = {}
        self.edges_before = {}

    def revert(self) -> None:
        """Undo everything since the head was last settled."""
        nodes, edges = self.nodes_before, self.edges_before
        for edge_id in edges:
            if edge_id in self.edge_by_id:
                self.drop_edge(edge_id)
        for node_id, node in nodes.items():
            if node is not None:
                self.put_node(node)
            elif node_id in self.node_by_id:
                self.drop_node(node_id)
        for edge in edges.values():
            if edge is not None:
                self.put_edge(edge)
        self.settle()


def _ordered(by_label: dict[str, dict[str, Edge]] | None, label: str | None) -> Iterator[Edge]:
    if by_label is None:
        return iter(())
    if label is not None:
        bucket = by_label.get(label, {})
        return iter([bucket[id] for id in sorted(bucket)])
    every = {id: edge for bucket in by_label.values() for id, edge in bucket.items()}
    return iter([every[id] for id in sorted(every)])
