"""The graph as a value: a directed, labelled property multigraph.

A node is an id, a set of labels and properties; an edge is an id, a source, one label, a target and
properties. Ids are text. A `Graph` is immutable and content-addressed: equal graphs have equal roots, and
the root is the hash of a canonical Merkle trie (`trie`) over the records of its nodes and edges. To change a
graph, edit a transient and take a new one (pyrsistent's idiom):

    evolver = graph.evolver();  evolver.add_node("Order");  later = evolver.persistent()

A node and its out-edges share a subtree of the trie, so both are found in O(log n) without an index. Edges by
id, in-edges and label buckets are derived on first use, O(n), and handed on to those made from it (`lookup`).
No storage, no history and no workflow may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from itonami.graphstore import trie
from itonami.graphstore.codec import Value
from itonami.graphstore.collector import uncollected
from itonami.graphstore.element import EDGE_KIND, NODE_KIND, Edge, Node, hashed, label_path
from itonami.graphstore.errors import NotFound
from itonami.graphstore.lookup import Lookup

if TYPE_CHECKING:
    import networkx

    from itonami.graphstore.delta import Delta
    from itonami.graphstore.evolver import Evolver

__all__ = ["HEADER", "Edge", "Graph", "GraphView", "Node"]

HEADER = "@graph"
"""Id and label of the reserved node whose properties are the graph's header."""

MAX_BEHIND = 4_096
LITTLE = 4
"""Lookups do not follow those of a version when more elements differ, on both sides, than a 4th of what it has"""
_by_id = attrgetter("id")


class GraphView(Protocol):
    """What `rules` and `query` ask of a graph, be it a `Graph` or a `Head`. All orders are by id."""

    def node(self, id: str) -> Node:
        """The node of an id, else `NotFound`."""

    def edge(self, id: str) -> Edge:
        """The edge of an id, else `NotFound`."""

    def nodes(self, label: str | None = None) -> Iterator[Node]:
        """Nodes, or those with a label."""

    def edges(self, label: str | None = None) -> Iterator[Edge]:
        """Edges, or those with a label."""

    def out(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges that leave a node."""

    def into(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges that arrive at a node."""

    def __contains__(self, id: object) -> bool: ...


class Later(Protocol):
    """What happened to a graph since a trie was saved, not yet looked at (`past`)."""

    @property
    def before(self) -> Graph: ...
    def spares(self, id_hash: str) -> bool: ...
    def settled(self) -> trie.Tree: ...


class Relatives(Protocol):
    """Other versions of a graph, of which some have their lookups: whoever keeps versions knows them (`cache`)."""

    def nearest(self) -> Graph | None:
        """One that has them, as little different as can be told."""

    def joined(self, graph: Graph) -> None:
        """This version has them now."""


class _Behind:
    """An earlier graph that had its lookups, and what happened since: nothing is done with it unless somebody asks."""

    __slots__ = ("before", "changes", "drops", "origin", "puts")

    def __init__(
        self,
        origin: Graph,
        before: _Behind | None,
        puts: tuple[Node | Edge, ...],
        drops: tuple[Node | Edge, ...],
    ) -> None:
        self.origin = origin
        self.before = before
        self.puts = puts
        self.drops = drops
        self.changes: int = len(puts) + len(drops) + 1 + (0 if before is None else before.changes)

    def followed(self, tick: trie.Tick | None) -> Lookup | None:
        """The lookups of the later graph; None when the earlier one has forgotten its own."""
        lookup = self.origin.known
        if lookup is None:
            return None
        steps: list[_Behind] = []
        step: _Behind | None = self
        while step is not None:
            steps.append(step)
            step = step.before
        return lookup.followed(((step.puts, step.drops) for step in reversed(steps)), tick)


class Graph:
    """An immutable graph. `graph.root` is its address; two graphs are equal iff their roots are."""

    __slots__ = ("_behind", "_later", "_lookup", "_relatives", "_top")

    def __init__(self, top: trie.Tree = None, later: Later | None = None) -> None:
        self._top = top
        self._later = later
        self._lookup: Lookup | None = None
        self._behind: _Behind | None = None
        self._relatives: Relatives | None = None

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def root(self) -> bytes:
        """The Merkle root, 32 bytes: BLAKE3 over the canonical trie. O(changes since the last root asked)."""
        return trie.root(self.top)

    @property
    def top(self) -> trie.Tree:
        """The trie itself, for the store."""
        later = self._later
        if later is not None:
            self._top = later.settled()
            self._later = None
        return self._top

    def _around(self, id_hash: str) -> trie.Tree:
        """A trie that tells of one node and the edges leaving it what this graph's does."""
        later = self._later
        return later.before.top if later is not None and later.spares(id_hash) else self.top

    def node(self, id: str) -> Node:
        """The node of that id, else `NotFound`. O(log n)."""
        node = self.find(id)
        if node is None:
            raise NotFound(f"no node {id!r}", where="graph")
        return node

    def find(self, id: str) -> Node | None:
        """The node of that id, or None. O(log n)."""
        if not isinstance(id, str):
            return None
        path = hashed(id)
        item = trie.get(self._top if self._later is None else self._around(path), path + NODE_KIND)
        return item if item is not None and item.id == id else None

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.find(id) is not None

    def edge(self, id: str) -> Edge:
        """The edge of that id, else `NotFound`. Derives the index on first use."""
        edge = self.find_edge(id)
        if edge is None:
            raise NotFound(f"no edge {id!r}", where="graph")
        return edge

    def find_edge(self, id: str) -> Edge | None:
        """The edge of that id, or None."""
        return self.lookup().edges.get(id)

    def nodes(self, label: str | None = None) -> Iterator[Node]:
        """Nodes, or those with a label, in order of id."""
        return iter(self.lookup().ordered(label))

    def edges(self, label: str | None = None) -> Iterator[Edge]:
        """Edges, or those with a label, in order of id."""
        lookup = self.lookup()
        found = lookup.edges if label is None else lookup.edges_by_label.get(label)
        return iter(() if found is None else sorted(found.values(), key=_by_id))

    def out(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges leaving a node, in order of id: a prefix scan of the trie."""
        if not isinstance(id, str):
            return iter(())
        path = hashed(id)
        prefix = path + EDGE_KIND + ("" if label is None else label_path(label))
        edges = [e for e in trie.items(self._around(path), prefix) if label is None or e.label == label]
        return iter(sorted(edges, key=_by_id))

    def into(self, id: str, label: str | None = None) -> Iterator[Edge]:
        """Edges arriving at a node, in order of id. Derives the index on first use."""
        return iter(self.lookup().arriving(id, label))

    def items(self) -> Iterator[Node | Edge]:
        """Every node and edge, in the trie's order."""
        return trie.bulk(self.top)

    def __len__(self) -> int:
        """The number of nodes."""
        return self.lookup().nodes.count

    def __bool__(self) -> bool:
        return self.top is not None

    def __eq__(self, other: object) -> bool:
        return self.root == other.root if isinstance(other, Graph) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        lookup = self.lookup()
        return f"<Graph {self.root.hex()[:12]}: {lookup.nodes.count} nodes, {lookup.edges.count} edges>"

    @property
    def header(self) -> Mapping[str, Value]:
        """The properties of the reserved node `@graph`; empty when there is none."""
        node = self.find(HEADER)
        return MappingProxyType({} if node is None else node.data)

    # -- lookups -------------------------------------------------------------------------------------------

    def lookup(self, tick: trie.Tick | None = None) -> Lookup:
        """The derived lookups: O(changes log n) after a graph that had them, be it the one that this was made of or
        another version from the same store; else O(n). `tick` hears now and then how many elements were read since it
        last did; what it raises ends the work, and nothing stays of it."""
        found = self._lookup
        if found is None:
            with uncollected():
                found = self._derived(tick)
            self._lookup, self._behind = found, None
            if self._relatives is not None:
                self._relatives.joined(self)
        return found

    def _derived(self, tick: trie.Tick | None) -> Lookup:
        found = None if self._behind is None else self._behind.followed(tick)
        if found is None:
            found = self._alike(tick)
        return Lookup.of(trie.bulk(self.top, tick), tick) if found is None else found

    def _alike(self, tick: trie.Tick | None) -> Lookup | None:
        """The lookups after those of the nearest version; None when no version has any, or that one shares little."""
        relative = None if self._relatives is None else self._relatives.nearest()
        known = None if relative is None else relative.known
        if relative is None or known is None:
            return None
        most = (known.nodes.count + known.edges.count) // LITTLE
        drops: list[Node | Edge] = []
        puts: list[Node | Edge] = []
        for side, item in trie.differences(relative.top, self.top):
            (puts if side else drops).append(item)
            if len(drops) + len(puts) > most:
                return None
            if tick is not None:
                tick(1)
        self._top = relative._changed(puts, drops, tick)  # the same trie, of nodes that are in memory already
        return known.followed([(puts, drops)], tick)

    @property
    def known(self) -> Lookup | None:
        """The lookups, if they were derived; then the whole trie is in memory."""
        return self._lookup

    def forget(self) -> None:
        """Let the lookups go; they are derived again when somebody asks."""
        self._lookup = None

    def relate(self, relatives: Relatives) -> None:
        """Have the lookups follow those of other versions, and theirs follow these. Once: the value of several versions
        (the first of a fork, one that changed nothing) stays with the relatives of one."""
        if self._relatives is None:
            self._relatives = relatives
            if self._lookup is not None:
                relatives.joined(self)

    # -- changing ------------------------------------------------------------------------------------------

    def evolver(self, new_id: Callable[[], str] | None = None) -> Evolver:
        """A transient to edit; `new_id` is the id source for elements added without one."""
        from itonami.graphstore.evolver import Evolver

        return Evolver(self, new_id)

    def replaced(self, puts: Iterable[Node | Edge], drops: Iterable[Node | Edge] = ()) -> Graph:
        """This graph without `drops` and with `puts` in place; endpoints are the caller's care. O(k log n)."""
        drops, puts = tuple(drops), tuple(puts)
        result = Graph(self._changed(puts, drops))
        behind = self._behind
        if self._lookup is not None:
            result._behind = _Behind(self, None, puts, drops)
        elif behind is not None and behind.changes < MAX_BEHIND:
            result._behind = _Behind(behind.origin, behind, puts, drops)
        return result

    def _changed(
        self, puts: Iterable[Node | Edge], drops: Iterable[Node | Edge], tick: trie.Tick | None = None
    ) -> trie.Tree:
        top = self.top
        for item in trie.ticking(drops, tick):
            top = trie.delete(top, item.path)
        for item in trie.ticking(puts, tick):
            top = trie.put(top, item.path, item)
        return top

    def patch(self, delta: Delta) -> Graph:
        """The graph after `delta`; every before-value is checked, a mismatch is `InvalidValue`. O(k log n)."""
        return delta.apply(self)

    def diff(self, other: Graph) -> Delta:
        """What turns this graph into `other`; equal subtrees are skipped: O(changes log n)."""
        from itonami.graphstore.delta import Delta

        before, after = trie.differing(self.top, other.top)
        return Delta.between(before, after)

    # -- exchange ------------------------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Callable[[list[Node | Edge]], Graph], tuple[list[Node | Edge]]]:
        """Pickled, or copied, as its elements alone: all are read, so of a closed store only a graph that is wholly in
        memory can be (else `StoreClosed`). The copy needs no store. O(n log n)."""
        return _of, (list(self.items()),)

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


def _of(items: list[Node | Edge]) -> Graph:
    return Graph().replaced(items)
