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


class Head:
    """A mutable `GraphView` with a journal. `node_by_id`, `out_edges` and `in_edges` may be read directly."""

    __slots__ = (
        "_edges_before",
        "_nodes_before",
        "_owned",
        "edge_by_id",
        "in_edges",
        "labelled",
        "node_by_id",
        "out_edges",
    )

    def __init__(self, items: Iterable[Node | Edge] = ()) -> None:
        self.node_by_id: dict[str, Node] = {}
        self.edge_by_id: dict[str, Edge] = {}
        self.out_edges: Adjacency = {}
        self.in_edges: Adjacency = {}
        self.labelled: dict[str, dict[str, None]] = {}
        self._owned: set[tuple[int, str]] | None = None  # None: everything is owned
        self._nodes_before: dict[str, Node | None] = {}
        self._edges_before: dict[str, Edge | None] = {}
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
        twin._owned = set()
        twin._nodes_before = {}
        twin._edges_before = {}
        self._owned = set()
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
        if id not in self._nodes_before:
            self._nodes_before[id] = old
        self.node_by_id[id] = node
        old_labels = frozenset() if old is None else old.labels
        if old_labels is not node.labels and old_labels != node.labels:
            self._relabel(id, old_labels - node.labels, node.labels - old_labels)

    def drop_node(self, id: str) -> None:
        """Remove a node; its edges are the caller's care."""
        old = self.node_by_id.pop(id)
        self._nodes_before.setdefault(id, old)
        self._relabel(id, old.labels, frozenset())

    def put_edge(self, edge: Edge) -> None:
        """Add an edge, or put it in the place of the one with its id."""
        old = self.edge_by_id.get(edge.id)
        if edge.id not in self._edges_before:
            self._edges_before[edge.id] = old
        if old is not None:
            self._unlink(old)
        self.edge_by_id[edge.id] = edge
        self._bucket(self.out_edges, 1, edge.source, edge.label)[edge.id] = edge
        self._bucket(self.in_edges, 2, edge.target, edge.label)[edge.id] = edge

    def drop_edge(self, id: str) -> None:
        """Remove an edge."""
        old = self.edge_by_id.pop(id)
        self._edges_before.setdefault(id, old)
        self._unlink(old)

    def _unlink(self, edge: Edge) -> None:
        for adjacency, side, node in ((self.out_edges, 1, edge.source), (self.in_edges, 2, edge.target)):
            bucket = self._bucket(adjacency, side, node, edge.label)
            del bucket[edge.id]
            if not bucket:
                del adjacency[node][edge.label]
                if not adjacency[node]:
                    del adjacency[node]

    def _bucket(self, adjacency: Adjacency, side: int, node: str, label: str) -> dict[str, Edge]:
        """The writable bucket of edges of one label at one node."""
        by_label = adjacency.get(node)
        if by_label is None:
            by_label = adjacency[node] = {}
            if self._owned is not None:
                self._owned.add((side, node))
        elif self._owned is not None and (side, node) not in self._owned:
            by_label = adjacency[node] = {key: dict(edges) for key, edges in by_label.items()}
            self._owned.add((side, node))
        bucket = by_label.get(label)
        if bucket is None:
            bucket = by_label[label] = {}
        return bucket

    def _relabel(self, id: str, removed: frozenset[str], added: frozenset[str]) -> None:
        for label in removed | added:
            bucket = self.labelled.get(label)
            if bucket is None:
                bucket = self.labelled[label] = {}
                if self._owned is not None:
                    self._owned.add((0, label))
            elif self._owned is not None and (0, label) not in self._owned:
                bucket = self.labelled[label] = dict(bucket)
                self._owned.add((0, label))
            if label in added:
                bucket[id] = None
            else:
                del bucket[id]

    # -- the journal ---------------------------------------------------------------------------------------

    def touched(self) -> tuple[list[Node | Edge], list[Node | Edge]]:
        """What to put into and drop from the graph this head was settled at, to follow it."""
        puts: list[Node | Edge] = []
        drops: list[Node | Edge] = []
        for id, old in self._nodes_before.items():
            node = self.node_by_id.get(id)
            if node is not None:
                if node is not old:
                    puts.append(node)
            elif old is not None:
                drops.append(old)
        for id, was in self._edges_before.items():
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
            {id: (old, nodes.get(id)) for id, old in self._nodes_before.items()},
            {id: (old, edges.get(id)) for id, old in self._edges_before.items()},
        )

    def settle(self) -> None:
        """Forget the journal: what is here now is the point to go back to."""
        self._nodes_before = {}
        self._edges_before = {}

    def revert(self) -> None:
        """Undo everything since the head was last settled."""
        nodes, edges = self._nodes_before, self._edges_before
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
