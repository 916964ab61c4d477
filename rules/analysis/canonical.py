"""Canonical forms: two graphs are isomorphic iff their certificates are equal.

    refine        colour each node by its colour and those around it, until no colour class splits
    individualise give one node of a class a colour of its own, refine, and so on until all colours differ

Every way to choose leads to a leaf, an order of the nodes; the certificate is the graph written down in the order that
makes it least. So it is the graph itself, not a hash of it: colours are hashes, but a collision only makes classes
coarser. Subtrees are left out that a refinement invariant tells to be worse, or that an automorphism maps to one seen;
classes of interchangeable nodes are not searched at all. (McKay and Piperno, Practical graph isomorphism, II, J.
Symbolic Computation 60, 2014.) Nodes count with labels and properties, edges with label and properties; ids do not.
Refining costs O(edges) a round; the number of refinements is 1 for most graphs, at most about nodes^2 for symmetric
ones, exponential for contrived ones (Cai, Fuerer and Immerman, 1992), and bounded. No rule may live here.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from itonami.graphstore.codec import encode
from itonami.graphstore.errors import ItonamiError
from itonami.graphstore.graph import Edge, Graph, Node
from itonami.graphstore.head import Head

__all__ = ["MAX_REFINEMENTS", "CanonicalForm", "Canonizer", "TooRegular", "isomorphism"]

MAX_REFINEMENTS = 10_000
MAX_DEPTH = 300
"""How many nodes in a row are individualised at most: it bounds the stack."""

_Arc = tuple[int, int, int]  # source, target, mark
_Near = list[tuple[int, int]]  # (mark, or its complement against the edge; neighbour)


class TooRegular(ItonamiError):
    """The graph's canonical form was not found within a number of refinements."""

    def __init__(self, nodes: int, refinements: int) -> None:
        super().__init__(
            f"a graph of {nodes} nodes is too regular: its canonical form takes more than {refinements} refinements",
            fix="tell nodes apart by labels or properties, or compare states exactly",
        )


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """`certificate` is equal for isomorphic graphs and no others; `order`, the node ids in canonical order, so that
    equal places are an isomorphism."""

    certificate: bytes
    order: tuple[str, ...]


class Canonizer:
    """Finds canonical forms. Those of one canonizer can be compared: it numbers what nodes and edges look like."""

    def __init__(self, limit: int = MAX_REFINEMENTS) -> None:
        self._limit = limit
        self._numbers: dict[Hashable, int] = {}

    def form(self, graph: Graph | Head) -> CanonicalForm:
        """The canonical form of a graph. Raises `TooRegular`."""
        ids, search = self._searched(graph)
        assert search.best is not None
        return CanonicalForm(search.best.certificate, tuple([ids[place] for place in search.best.order]))

    def automorphisms(self, graph: Graph | Head, most: int) -> list[dict[str, str]]:
        """A group of automorphisms of a graph, as maps of node ids, without the identity. It may leave out those that
        swap interchangeable nodes; it is empty where it would have more than `most`. Raises `TooRegular`."""
        ids, search = self._searched(graph)
        places = range(len(ids))
        generators = [[moved.get(place, place) for place in places] for moved in search.automorphisms]
        group = {tuple(places): None}
        queue = list(group)
        for one in queue:
            for generator in generators:
                if (product := tuple([generator[place] for place in one])) not in group:
                    if len(group) > most:
                        return []
                    group[product] = None
                    queue.append(product)
        return [{ids[a]: ids[b] for a, b in enumerate(one)} for one in queue[1:]]

    def _searched(self, graph: Graph | Head) -> tuple[list[str], _Search]:
        """The node ids, and the search tree over their places."""
        if isinstance(graph, Head):
            nodes, edges = list(graph.node_by_id.values()), list(graph.edge_by_id.values())
        else:
            nodes, edges = list(graph.nodes()), list(graph.edges())
        places = {node.id: place for place, node in enumerate(nodes)}
        marks = [self._mark(node) for node in nodes]
        arcs = [(places[edge.source], places[edge.target], self._mark(edge)) for edge in edges]
        search = _Search(marks, arcs, self._limit)
        search.visit(*_refined(list(map(hash, marks)), arcs), [], [])
        return [node.id for node in nodes], search

    def _mark(self, item: Node | Edge) -> int:
        """The number of what an element looks like, its id and ends apart."""
        look = item.labels if isinstance(item, Node) else item.label
        key: Hashable = (look, encode(item.data)) if item.data else look
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
        return number


def isomorphism(
    one: Graph | Head, other: Graph | Head, limit: int = MAX_REFINEMENTS
) -> dict[str, str] | None:
    """Node ids of `one` by those of `other` that they lie on, or None where there is no isomorphism.

    Raises `TooRegular`."""
    canonizer = Canonizer(limit)
    first, second = canonizer.form(one), canonizer.form(other)
    if first.certificate != second.certificate:
        return None
    return dict(zip(first.order, second.order, strict=True))


# -- refinement ------------------------------------------------------------------------------------------------


def _refined(colours: list[int], arcs: Sequence[_Arc]) -> tuple[list[int], int]:
    """The coarsest equitable colouring that is finer (up to collisions), and how many colours it has."""
    size, count = len(colours), len(set(colours))
    while count < size:
        around = [0] * size
        for source, target, mark in arcs:
            around[target] += hash((mark, colours[source]))
            around[source] += hash((~mark, colours[target]))
        finer = list(map(hash, zip(colours, around, strict=True)))
        found = len(set(finer))
        if found <= count:
            break
        colours, count = finer, found
    return colours, count


@dataclass(frozen=True, slots=True)
class _Leaf:
    """An order of the nodes, how it was chosen, and what the graph is in it."""

    trace: list[int]
    path: list[int]
    order: list[int]
    certificate: bytes

    def __lt__(self, other: _Leaf) -> bool:
        return (self.trace, self.certificate) < (other.trace, other.certificate)


class _Search:
    """The search tree of one graph."""

    def __init__(self, marks: list[int], arcs: list[_Arc], limit: int) -> None:
        self.best: _Leaf | None = None
        self._marks = marks
        self._arcs = arcs
        self._left = self._limit = limit
        self._near: list[_Near] | None = None
        self.automorphisms: list[dict[int, int]] = []
        self._back = 0  # how deep to go on: what hangs below is the image of what was seen

    def visit(self, colours: list[int], count: int, path: list[int], trace: list[int]) -> None:
        """Search below a node of the tree: `path` was individualised, `trace` holds the invariants on the way."""
        self._back = len(path)
        while count < len(colours):
            cell = _smallest_cell(colours)
            if not self._interchangeable(cell):
                self._branch(colours, cell, path, trace)
                return
            for number, node in enumerate(cell[1:]):
                colours[node] = hash((colours[node], number))
            colours, count = self._refined(colours)
        self._leaf(colours, path, trace)

    def _refined(self, colours: list[int]) -> tuple[list[int], int]:
        self._left -= 1
        if self._left < 0:
            raise TooRegular(len(self._marks), self._limit)
        return _refined(colours, self._arcs)

    def _branch(self, colours: list[int], cell: list[int], path: list[int], trace: list[int]) -> None:
        """Individualise each node of the cell in turn."""
        if len(path) == MAX_DEPTH:
            raise TooRegular(len(self._marks), self._limit)
        tried: list[int] = []
        for node in cell:
            if tried and self._like_one_of(tried, node, path):
                continue
            tried.append(node)
            apart = colours.copy()
            apart[node] = hash((apart[node], -1))
            finer, found = self._refined(apart)
            further = [*trace, sum(finer)]
            if self.best is None or further <= self.best.trace[: len(further)]:
                self.visit(finer, found, [*path, node], further)
                if self._back < len(path):
                    return

    def _leaf(self, colours: list[int], path: list[int], trace: list[int]) -> None:
        order = sorted(range(len(colours)), key=colours.__getitem__)
        leaf = _Leaf(trace, path, order, self._written(order))
        if self.best is None or leaf < self.best:
            self.best = leaf
        elif leaf.certificate == self.best.certificate:
            moved = {old: new for old, new in zip(self.best.order, order, strict=True) if old != new}
            self.automorphisms.append(moved)
            self._back = next(
                (depth for depth, (a, b) in enumerate(zip(path, self.best.path, strict=False)) if a != b),
                len(path),
            )

    def _written(self, order: list[int]) -> bytes:
        """The graph in an order of its nodes."""
        place = [0] * len(order)
        for number, node in enumerate(order):
            place[node] = number
        edges = sorted([(place[source], place[target], mark) for source, target, mark in self._arcs])
        marks = [self._marks[node] for node in order]
        return array("I", [len(order), *marks, *chain.from_iterable(edges)]).tobytes()

    # -- symmetry ------------------------------------------------------------------------------------------

    def _interchangeable(self, cell: list[int]) -> bool:
        """Whether swapping any two of the cell is an automorphism."""
        near = self._near
        if near is None:
            near = self._near = [[] for _ in self._marks]
            for source, target, mark in self._arcs:
                near[source].append((mark, target))
                near[target].append((~mark, source))
        for one, other in pairwise(cell):
            if self._marks[one] != self._marks[other] or len(near[one]) != len(near[other]):
                return False
            swap = {one: other, other: one}
            if sorted((mark, swap.get(node, node)) for mark, node in near[one]) != sorted(near[other]):
                return False
        return True

    def _like_one_of(self, tried: Iterable[int], node: int, path: list[int]) -> bool:
        """Whether known automorphisms that fix the path map the node to one that was tried."""
        fixing = [moved for moved in self.automorphisms if not any(fixed in moved for fixed in path)]
        orbit, waiting = {node}, [node]
        while waiting:
            at = waiting.pop()
            for moved in fixing:
                if (image := moved.get(at, at)) not in orbit:
                    orbit.add(image)
                    waiting.append(image)
        return not orbit.isdisjoint(tried)


def _smallest_cell(colours: list[int]) -> list[int]:
    """The nodes of a colour that several have: the fewest, of the least colour."""
    cells: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        cells.setdefault(colour, []).append(node)
    return min((len(cell), colour, cell) for colour, cell in cells.items() if len(cell) > 1)[2]
