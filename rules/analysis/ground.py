"""The ground net of a grammar: graphs with edge ids erased, as vectors of integers over places.

    graph, edge ids erased  =  start + sum of digit(p) * p over all places p      (a marking of a net)
    rule at a match         =  a vector of changes, added to the marking          (a ground transition)

The id of a node is a place: its digit says which version of the node stands there, 0 the one at the start. An edge
(source, label, target, properties) is a place: its digit says how many more copies of it there are than at the start.
Places are numbered when they first change, so what never changes costs nothing. A marking is one integer, the digit
of place p at bit 32 p: two markings are equal iff the graphs are, exactly, and a rule fires by one addition. (Murata,
Petri Nets, Proc. IEEE 77, 1989; graph grammars as nets: Baldan, Corradini and Koenig, A Static Analysis Technique for
Graph Transformation Systems, CONCUR 2001.) Copies of an edge are interchangeable: those there are have the numbers 0
to m - 1, and the last goes first. Which rules fire may not live here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from itonami.graphstore.codec import Value, encode
from itonami.graphstore.element import changed_keys
from itonami.graphstore.graph import Edge, Graph, Node
from itonami.graphstore.head import Head
from itonami.rules.effect import Ids
from itonami.rules.rewrite import fire
from itonami.rules.rule import Rule
from itonami.rules.step import Step

__all__ = ["MAX_FIRINGS", "Change", "Fire", "Ground", "Symmetry", "fire_pooled", "weight"]

Change = tuple[tuple[int, int], ...]
"""(number of a place, by how much its digit changes), for the places that change"""

Fire = Callable[[Head, Rule, Ids, Mapping[str, Value]], Step]
"""fire(head, rule, ids, params): apply the rule in place; it decides on the ids of created nodes."""

MAX_FIRINGS = 1 << 24
"""The most firings in a row: one adds at most 80 copies of an edge, and a digit has 32 bits."""

_BITS = 32
_HALF = 1 << (_BITS - 1)
_MASK = (1 << _BITS) - 1


def weight(change: Change) -> int:
    """What a change adds to a marking."""
    return sum(by << (_BITS * number) for number, by in change)


def fire_pooled(head: Head, rule: Rule, ids: Ids, params: Mapping[str, Value]) -> Step:
    """`fire`, but created nodes get the first free names of a pool, so that few names serve a whole exploration."""
    new, number = [], 0
    for _ in rule.create.nodes:
        while (name := f"~{number}") in head.node_by_id:
            number += 1
        new.append(name)
        number += 1
    new += [f"~new{count}" for count in range(len(rule.create.edges))]
    return rule.program.fire(head, params, ids, tuple(new))


class _NodePlace:
    """The versions of the node of one id; None is its absence."""

    def __init__(self, id: str, start: Node | None) -> None:
        self.id = id
        self.slot = -1
        self.versions: list[Node | None] = [start]
        self._numbers: dict[Node | None, int] = {start: 0}

    def number(self, node: Node | None) -> int:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.versions)
            self.versions.append(node)
        return number

    def move(self, head: Head, old: int, new: int) -> None:
        node = self.versions[new]
        if node is None:
            head.drop_node(self.id)
        else:
            head.put_node(node)


class _EdgePlace:
    """The copies of one edge: those at the start, then as many as were ever needed, named by `name`."""

    def __init__(self, name: str, like: Edge) -> None:
        self.slot = -1
        self.at_start = 0
        self._name = name
        self.like = like
        self._copies: list[Edge] = []

    def starts_with(self, edge: Edge) -> None:
        self._copies.append(edge)
        self.at_start += 1

    def between(self, low: int, high: int) -> list[Edge]:
        """The copies low to high - 1, counted from the number at the start."""
        like = self.like
        low, high = low + self.at_start, high + self.at_start
        while len(self._copies) < high:
            name = f"{self._name}.{len(self._copies)}"
            self._copies.append(Edge(name, like.source, like.label, like.target, like.data))
        return self._copies[low:high]

    def move(self, head: Head, old: int, new: int) -> None:
        if new > old:
            for copy in self.between(old, new):
                head.put_edge(copy)
        else:
            for copy in self.between(new, old):
                head.drop_edge(copy.id)


class Symmetry:
    """An automorphism of the start graph: what it makes of node ids, and of the digits of markings met so far."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.parts: dict[tuple[int, int], int] = {}


class Ground:
    """The places met so far, and a head that stands at one marking. The start is marking 0."""

    def __init__(self, start: Graph, fire: Fire = fire) -> None:
        self.head = Head.of(start)
        self.marking = 0
        self._fire = fire
        self._bias = 0  # makes every digit positive
        self._changing: list[_NodePlace | _EdgePlace] = []
        self._nodes = {node.id: _NodePlace(node.id, node) for node in start.nodes()}
        self._edges: dict[tuple[str, str, str, bytes], _EdgePlace] = {}
        self._prefix = "~"
        while any(item.id.startswith(self._prefix) for item in start.items()):
            self._prefix += "~"
        for edge in start.edges():
            self._edge_place(edge).starts_with(edge)

    # -- places --------------------------------------------------------------------------------------------

    def _node_place(self, id: str) -> _NodePlace:
        place = self._nodes.get(id)
        if place is None:
            place = self._nodes[id] = _NodePlace(id, None)
        return place

    def _edge_place(self, edge: Edge) -> _EdgePlace:
        key = (edge.source, edge.label, edge.target, encode(edge.data) if edge.data else b"")
        place = self._edges.get(key)
        if place is None:
            place = self._edges[key] = _EdgePlace(f"{self._prefix}e{len(self._edges)}", edge)
        return place

    def _slot(self, place: _NodePlace | _EdgePlace) -> int:
        if place.slot < 0:
            place.slot = len(self._changing)
            self._changing.append(place)
            self._bias += _HALF << (_BITS * place.slot)
        return place.slot

    # -- moving --------------------------------------------------------------------------------------------

    def go(self, marking: int) -> Head:
        """Let the head stand at a marking. O(places that differ)."""
        here, there = self.marking + self._bias, marking + self._bias
        differing, head = here ^ there, self.head
        while differing:
            slot = ((differing & -differing).bit_length() - 1) // _BITS
            shift = slot * _BITS
            differing &= ~(_MASK << shift)
            old, new = (here >> shift) & _MASK, (there >> shift) & _MASK
            self._changing[slot].move(head, old - _HALF, new - _HALF)
        self.marking = marking
        return head

    def change(self, rule: Rule, ids: Ids, params: Mapping[str, Value]) -> tuple[Change, Ids]:
        """What the rule changes at a match where it applies, and the ids of the nodes it creates; the head stays
        where it is."""
        head = self.head
        head.settle()
        step = self._fire(head, rule, ids, params)
        moved = [node.id for node in (*step.deleted_nodes, *step.created_nodes)]
        nodes = {id: head.node_by_id.get(id) for id in (*moved, *(id for id, _, _ in step.changed_nodes))}
        changed = {id for id, _, _ in step.changed_edges}
        edges = Counter(
            map(self._edge_place, (*step.created_edges, *(head.edge_by_id[id] for id in changed)))
        )
        head.revert()
        edges.subtract(
            Counter(map(self._edge_place, (*step.deleted_edges, *(head.edge_by_id[id] for id in changed))))
        )
        by: dict[_NodePlace | _EdgePlace, int] = {place: count for place, count in edges.items() if count}
        for id, node in nodes.items():
            at = self._node_place(id)
            if count := at.number(node) - at.number(head.node_by_id.get(id)):
                by[at] = count
        change = tuple([(self._slot(place), count) for place, count in by.items()])
        return change, tuple([node.id for node in step.created_nodes])

    def step(self, change: Change) -> tuple[Step, set[str]]:
        """A change that led to where the head stands, as a step, and the ids of what it touched."""
        nodes: tuple[list[Node], list[Node], list[tuple[str, tuple[str, ...], tuple[str, ...]]]] = [], [], []
        deleted, created = [], []
        biased = self.marking + self._bias
        for slot, by in change:
            place, digit = self._changing[slot], ((biased >> (slot * _BITS)) & _MASK) - _HALF
            if isinstance(place, _EdgePlace):
                if by > 0:
                    created += place.between(digit - by, digit)
                else:
                    deleted += place.between(digit, digit - by)
            else:
                before, after = place.versions[digit - by], place.versions[digit]
                _sort(before, after, *nodes)
        touched = {edge.id for edge in (*deleted, *created)}
        touched |= {item.id for item in (*nodes[0], *nodes[1])} | {id for id, _, _ in nodes[2]}
        step = Step(
            tuple(nodes[0]),
            tuple(deleted),
            changed_nodes=tuple(nodes[2]),
            created_nodes=tuple(nodes[1]),
            created_edges=tuple(created),
        )
        return step, touched

    def images(self, marking: int, symmetries: Iterable[Symmetry]) -> Iterator[int]:
        """The markings of the graphs that renaming the nodes makes of this one's. O(digits) each."""
        digits, biased = [], marking + self._bias
        differing = biased ^ self._bias
        while differing:
            slot = ((differing & -differing).bit_length() - 1) // _BITS
            differing &= ~(_MASK << (slot * _BITS))
            digits.append((slot, ((biased >> (slot * _BITS)) & _MASK) - _HALF))
        for symmetry in symmetries:
            parts = symmetry.parts
            yield sum([parts.get(digit) or self._part(symmetry, *digit) for digit in digits])

    def _part(self, symmetry: Symmetry, slot: int, digit: int) -> int:
        """What a digit becomes under a symmetry."""
        place, names = self._changing[slot], symmetry.names
        image: _NodePlace | _EdgePlace
        if isinstance(place, _EdgePlace):
            like, number = place.like, digit
            source, target = names.get(like.source, like.source), names.get(like.target, like.target)
            image = self._edge_place(Edge(like.id, source, like.label, target, like.data))
        else:
            image, node = self._node_place(names.get(place.id, place.id)), place.versions[digit]
            number = image.number(node and Node(image.id, node.labels, node.data))
        part = symmetry.parts[slot, digit] = number << (_BITS * self._slot(image))
        return part

    def graph(self, marking: int) -> Graph:
        """The graph of a marking. O(n log n)."""
        head = self.go(marking)
        return Graph().replaced([*head.nodes(), *head.edges()])


def _sort(
    before: Node | None,
    after: Node | None,
    deleted: list[Node],
    created: list[Node],
    changed: list[tuple[str, tuple[str, ...], tuple[str, ...]]],
) -> None:
    if before is None:
        assert after is not None, "a place had a node before or has one after"
        created.append(after)
    elif after is None:
        deleted.append(before)
    else:
        old, new = changed_keys(before.data, after.data)
        changed.append((after.id, tuple(old.keys() | new.keys()), tuple(before.labels ^ after.labels)))
