"""The graph as a value: a directed, labelled property multigraph.

A node is an id, a set of labels and properties; an edge is an id, a source, one label, a target and
properties. Ids are text. A `Graph` is immutable and content-addressed: equal graphs have equal roots, and
the root is the hash of a canonical Merkle trie (`trie`) over the records of its nodes and edges. To change a
graph, edit a transient and take a new one (pyrsistent's idiom):

    evolver = graph.evolver();  evolver.add_node("Order");  later = evolver.persistent()

A node and its out-edges share a subtree of the trie, so both are found in O(log n) without an index. Edges by
id, in-edges and label buckets are derived on first use, O(n), and kept with the value.
No storage, no history and no workflow may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from blake3 import blake3
from pyrsistent import PMap, freeze, pmap

from itonami.graphstore import trie
from itonami.graphstore.codec import Value, encode, same
from itonami.graphstore.errors import Corrupt, NotFound

if TYPE_CHECKING:
    import networkx

    from itonami.graphstore.delta import Delta
    from itonami.graphstore.evolver import Evolver

__all__ = ["HEADER", "Edge", "Graph", "GraphView", "Node"]

HEADER = "@graph"
"""Id and label of the reserved node whose properties are the graph's header."""

_NODE_KIND, _EDGE_KIND = "00", "01"


@lru_cache(maxsize=65_536)
def hashed(text: str) -> str:
    """The first 16 bytes of BLAKE3 of a text, in hex: where a node or edge lies in the trie."""
    return blake3(text.encode()).hexdigest(length=16)


@lru_cache(maxsize=4_096)
def _label_path(label: str) -> str:
    return blake3(label.encode()).hexdigest(length=4)


def _frozen(value: Value) -> Value:
    return freeze(value) if isinstance(value, dict | list) else value


class _Element:
    """What nodes and edges share: an id and properties. Immutable; `data` is the plain dict, read-only."""

    __slots__ = ("_record", "data", "id")

    id: str
    data: dict[str, Value]
    _record: bytes | None

    def __getitem__(self, key: str) -> Value:
        try:
            return _frozen(self.data[key])
        except KeyError:
            raise NotFound(
                f"no property {key!r}", where=f"{type(self).__name__.lower()} {self.id!r}"
            ) from None

    def get(self, key: str, default: Value = None) -> Value:
        """The property, or `default`."""
        return _frozen(self.data[key]) if key in self.data else default

    @property
    def properties(self) -> PMap[str, Value]:
        """All properties as a frozen map."""
        return pmap({key: _frozen(value) for key, value in self.data.items()})

    @property
    def record(self) -> bytes:
        """The canonical bytes that stand in the trie; computed once."""
        if self._record is None:
            self._record = encode(self.to_list())
        return self._record

    def to_list(self) -> list[Value]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self.record == other.record

    def __hash__(self) -> int:
        return hash(self.record)


class Node(_Element):
    """A node: `id`, `labels`, properties by `node[key]`."""

    __slots__ = ("labels",)

    labels: frozenset[str]

    def __init__(self, id: str, labels: Iterable[str] = (), data: dict[str, Value] | None = None) -> None:
        self.id = id
        self.labels = labels if type(labels) is frozenset else frozenset(labels)
        self.data = {} if data is None else data
        self._record = None

    @property
    def path(self) -> str:
        """Where its record lies in the trie: H(id) | 00."""
        return hashed(self.id) + _NODE_KIND

    def to_list(self) -> list[Value]:
        return [self.id, sorted(self.labels), self.data]

    @classmethod
    def from_list(cls, fields: list[Value]) -> Node:
        node_id, labels, data = fields
        return cls(node_id, labels, data)

    def __repr__(self) -> str:
        return f"({self.id}{''.join(':' + label for label in sorted(self.labels))} {self.data})"


class Edge(_Element):
    """An edge: `id`, `source`, `label`, `target`, properties by `edge[key]`."""

    __slots__ = ("label", "source", "target")

    def __init__(
        self, id: str, source: str, label: str, target: str, data: dict[str, Value] | None = None
    ) -> None:
        self.id = id
        self.source = source
        self.label = label
        self.target = target
        self.data = {} if data is None else data
        self._record = None

    @property
    def path(self) -> str:
        """Where its record lies in the trie: H(source) | 01 | H(label)[:4] | H(id)."""
        return hashed(self.source) + _EDGE_KIND + _label_path(self.label) + hashed(self.id)

    def to_list(self) -> list[Value]:
        return [self.id, self.source, self.label, self.target, self.data]

    @classmethod
    def from_list(cls, fields: list[Value]) -> Edge:
        edge_id, source, label, target, data = fields
        return cls(edge_id, source, label, target, data)

    def __repr__(self) -> str:
        return f"({self.source})-[{self.id}:{self.label} {self.data}]->({self.target})"


def item_of(fields: list[Value]) -> Node | Edge:
    """The node or edge of a decoded trie record: they differ in the number of fields."""
    if len(fields) == 3:
        return Node.from_list(fields)
    if len(fields) == 5:
        return Edge.from_list(fields)
    raise Corrupt(f"a record of {len(fields)} fields is neither node nor edge")


class GraphView(Protocol):
    """What `rules` and `query` ask of a graph, be it a `Graph` or a `Head`. All orders are by id."""

    def node(self, id: str) -> Node: ...
    def edge(self, id: str) -> Edge: ...
    def nodes(self, label: str | None = None) -> Iterator[Node]: ...
    def edges(self, label: str | None = None) -> Iterator[Edge]: ...
    def out(self, id: str, label: str | None = None) -> Iterator[Edge]: ...
    def into(self, id: str, label: str | None = None) -> Iterator[Edge]: ...
    def __contains__(self, id: object) -> bool: ...


def _by_id(element: _Element) -> str:
    return element.id


class _Index:
    """Derived lookups of one graph value: edges by id, in-edges, label buckets; all in order of id."""

    __slots__ = ("by_label", "edges", "edges_by_label", "into", "nodes")

    def __init__(self, items: Iterable[Node | Edge]) -> None:
        ordered = sorted(items, key=_by_id)
        self.nodes = {item.id: item for item in ordered if isinstance(item, Node)}
        self.edges = {item.id: item for item in ordered if isinstance(item, Edge)}
        self.into: dict[str, list[Edge]] = {}
        self.by_label: dict[str, list[Node]] = {}
        self.edges_by_label: dict[str, list[Edge]] = {}
        for node in self.nodes.values():
            for label in node.labels:
                self.by_label.setdefault(label, []).append(node)
        for edge in self.edges.values():
            self.into.setdefault(edge.target, []).append(edge)
            self.edges_by_label.setdefault(edge.label, []).append(edge)


class Graph:
    """An immutable graph. `graph.root` is its address; two graphs are equal iff their roots are."""

    __slots__ = ("_index", "_top")

    def __init__(self, top: trie.Tree = None) -> None:
        self._top = top
        self._index: _Index | None = None

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def root(self) -> bytes:
        """The Merkle root, 32 bytes: BLAKE3 over the canonical trie. O(changes since the last root asked)."""
        return trie.root(self._top)

    @property
    def top(self) -> trie.Tree:
        """The trie itself, for the store."""
        return self._top

    def node(self, id: str) -> Node:
        """The node of that id, else `NotFound`. O(log n)."""
        node = self.find(id)
        if node is None:
            raise NotFound(f"no node {id!r}", where="graph")
        return node

    def find(self, id: str) -> Node | None:
        """The node of that id, or None. O(log n)."""
        item = trie.get(self._top, hashed(id) + _NODE_KIND)
        if item is None:
            return None
        if item.id != id:
            raise Corrupt(f"ids {id!r} and {item.id!r} share a hash prefix")
        return item  # type: ignore[no-any-return]

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.find(id) is not None

    def edge(self, id: str) -> Edge:
        """The edge of that id, else `NotFound`. Derives the index on first use."""
        try:
            return self._indexed().edges[id]
        except KeyError:
            raise NotFound(f"no edge {id!r}", where="graph") from None

    def find_edge(self, id: str) -> Edge | None:
        """The edge of that id, or None."""
        return self._indexed().edges.get(id)

    def nodes(self, label: str | None = None) -> Iterator[Node]:
        """Nodes, or those with a label, in order of id."""
        index = self._indexed()
        return iter(index.nodes.values() if label is None else index.by_label.get(label, ()))

    def edges(self, label: str | None = None) -> Iterator[Edge]:
        """Edges, or those with a label, in order of id."""
        index = self._indexed()
        return iter(index.edges.values() if label is None else index.edges_by_label.get(label, ()))

    def out(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges leaving a node, in order of id: a prefix scan of the trie."""
        prefix = hashed(id) + _EDGE_KIND + ("" if label is None else _label_path(label))
        edges = [e for e in trie.items(self._top, prefix) if label is None or e.label == label]
        return iter(sorted(edges, key=_by_id))

    def into(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges arriving at a node, in order of id. Derives the index on first use."""
        edges = self._indexed().into.get(id, ())
        return iter(edges) if label is None else (edge for edge in edges if edge.label == label)

    def items(self) -> Iterator[Node | Edge]:
        """Every node and edge, in the trie's order."""
        return trie.items(self._top, "")

    def __len__(self) -> int:
        """The number of nodes."""
        return len(self._indexed().nodes)

    def __bool__(self) -> bool:
        return self._top is not None

    def __eq__(self, other: object) -> bool:
        return self.root == other.root if isinstance(other, Graph) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        index = self._indexed()
        return f"<Graph {self.root.hex()[:12]}: {len(index.nodes)} nodes, {len(index.edges)} edges>"

    @property
    def header(self) -> Mapping[str, Value]:
        """The properties of the reserved node `@graph`; empty when there is none."""
        node = self.find(HEADER)
        return {} if node is None else node.data

    def _indexed(self) -> _Index:
        if self._index is None:
            self._index = _Index(self.items())
        return self._index

    # -- changing ------------------------------------------------------------------------------------------

    def evolver(self, new_id: Callable[[], str] | None = None) -> Evolver:
        """A transient to edit; `new_id` is the id source for elements added without one."""
        from itonami.graphstore.evolver import Evolver

        return Evolver(self, new_id)

    def replaced(self, puts: Iterable[Node | Edge], drops: Iterable[Node | Edge] = ()) -> Graph:
        """This graph without `drops` and with `puts` in place; endpoints are the caller's care. O(k log n)."""
        top = self._top
        for item in drops:
            top = trie.delete(top, item.path)
        for item in puts:
            top = trie.put(top, item.path, item)
        return Graph(top)

    def patch(self, delta: Delta) -> Graph:
        """The graph after `delta`; every before-value is checked, a mismatch is `Corrupt`. O(k log n)."""
        return delta.apply(self)

    def diff(self, other: Graph) -> Delta:
        """What turns this graph into `other`; equal subtrees are skipped: O(changes log n)."""
        from itonami.graphstore.delta import Delta

        before, after = trie.differing(self._top, other._top)
        return Delta.between(before, after)

    # -- exchange ------------------------------------------------------------------------------------------

    def to_networkx(self) -> networkx.MultiDiGraph:
        """A MultiDiGraph: nodes carry `labels` and `properties`, edges (keyed by id) `label` and `properties`."""
        import networkx

        result = networkx.MultiDiGraph()
        for node in self.nodes():
            result.add_node(node.id, labels=sorted(node.labels), properties=dict(node.data))
        for edge in self.edges():
            result.add_edge(
                edge.source, edge.target, key=edge.id, label=edge.label, properties=dict(edge.data)
            )
        return result

    @staticmethod
    def from_networkx(source: Any) -> Graph:
        """The graph of a networkx graph. What `to_networkx` wrote comes back equal; of any other graph, node
        and edge attributes become properties, edges are labelled `EDGE` and ids are made text."""
        from itonami.graphstore.exchange import from_networkx

        return from_networkx(source)

    def _repr_svg_(self) -> str:
        from itonami.graphstore.picture import graph_svg

        return graph_svg(self)


_ABSENT = object()


def changed_keys(
    before: dict[str, Value], after: dict[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """The entries of two property maps that differ, each side's own."""
    old: dict[str, Value] = {}
    new: dict[str, Value] = {}
    for key, value in after.items():
        was = before.get(key, _ABSENT)
        if was is value:
            continue
        if was is _ABSENT:
            new[key] = value
        elif not same(was, value):
            old[key], new[key] = was, value
    for key, value in before.items():
        if key not in after:
            old[key] = value
    return old, new
