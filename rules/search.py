"""Writes the search for a pattern: a plan, move by move, with every check as early as its variables are bound.

What is written reads a `Head` directly (`node_by_id`, `out_edges`, `in_edges`, `labelled`). Buckets of one entry
need no order; larger ones are copied and sorted by id, so that matches come in an order that is a function of the
graph's content, and a suspended search survives changes of the head. The helpers it calls stand here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from itonami.graphstore.graph import Edge
from itonami.rules.emit import Source
from itonami.rules.pattern import EdgePattern, Injective, NodePattern
from itonami.rules.plan import Between, Follow, Move, Scan, plan

__all__ = ["KINDS", "Check", "Search", "degree", "keeps_apart", "leads_away"]

Kind = Literal["nodes", "edges"]
KINDS: tuple[Kind, ...] = ("nodes", "edges")

MAX_BLOCKS = 16
"""Loops in one function of the written code; CPython nests at most 20."""

_Buckets = dict[str, dict[str, Edge]]
_by_id = attrgetter("id")


def every(by_label: _Buckets | None) -> list[Edge]:
    """The edges of all labels at a node, by id."""
    return [] if by_label is None else sorted((e for b in by_label.values() for e in b.values()), key=_by_id)


def between(
    out: dict[str, _Buckets], into: dict[str, _Buckets], source: str, target: str, label: str | None
) -> list[Edge]:
    """The edges from source to target, by id: those in the smaller of the two buckets that fit."""
    leaving, arriving = out.get(source), into.get(target)
    if leaving is None or arriving is None:
        return []
    if label is None:
        return [edge for edge in every(leaving) if edge.target == target]
    forth, back = leaving.get(label), arriving.get(label)
    if forth is None or back is None:
        return []
    if len(forth) <= len(back):
        found = [edge for edge in forth.values() if edge.target == target]
    else:
        found = [edge for edge in back.values() if edge.source == source]
    return found if len(found) < 2 else sorted(found, key=_by_id)


def degree(by_label: _Buckets | None) -> int:
    """The number of edges at one side of a node."""
    return 0 if by_label is None else sum(map(len, by_label.values()))


def leads_away(near: _Buckets | None, back: _Buckets | None, label: str) -> bool:
    """Whether one side of a node has an edge of a label to another node, given both its sides. By counting where it
    can: to find the first entry of a dictionary takes as long as entries were deleted before it."""
    if near is None or label not in near:
        return False
    edges, opposite = near[label], None if back is None else back.get(label)
    if opposite is None or len(edges) > len(opposite):
        return True
    return any(edge.source != edge.target for edge in edges.values())


def keeps_apart(injective: Injective, kind: Kind) -> bool:
    """Whether variables of this kind lie on distinct elements."""
    return injective is True or injective == kind


@dataclass(frozen=True, slots=True)
class Check:
    """An expression that must be truthy, once its variables are bound."""

    needs: frozenset[str]
    expression: str


class Search:
    """One search. Variables have the places of the source: node `n3` with id `i3`, edge `e3` with id `x3`.

    What is injective keeps the variables given here distinct, and no others. `yields` is the expression of a
    match, or None for a search that only says whether there is one.
    """

    def __init__(
        self,
        source: Source,
        nodes: Iterable[NodePattern],
        edges: Iterable[EdgePattern],
        *,
        injective: Injective,
        checks: Iterable[Check] = (),
        yields: str | None = None,
    ) -> None:
        self._source = source
        self._nodes = {node.variable: node for node in nodes}
        self._edges = {edge.variable: edge for edge in edges}
        self._nodes_apart = keeps_apart(injective, "nodes")
        self._edges_apart = keeps_apart(injective, "edges")
        self._checks = list(checks)
        self._yields = yields
        self._bound: list[str] = []
        self._loops = 0
        self._stack = ExitStack()

    def place(self, variable: str, kind: str) -> str:
        """The name of a variable's element (`n`, `e`) or id (`i`, `x`)."""
        return kind + self._source.places[variable][1:]

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, anchors: Iterable[str] = (), given: Iterable[str] = ()) -> None:
        """Write the body: `anchors` are variables whose ids are arguments, `given` those already bound."""
        anchors = list(anchors)
        self._bound = list(given)
        with self._stack:
            self._due()
            for variable in anchors:
                if variable in self._nodes:
                    self._bind_node(variable)
            for variable in anchors:
                if variable in self._edges:
                    self._bind_edge(self._edges[variable])
            for move in plan(self._nodes.values(), self._edges.values(), self._bound, self._bound):
                self._write_move(move)
            self._source.line("return True" if self._yields is None else f"yield {self._yields}")

    def _skip_if(self, *conditions: str) -> None:
        """Leave this candidate if one of the conditions holds."""
        if conditions:
            leave = "continue" if self._loops else "return" if self._yields else "return False"
            self._source.line(f"if {' or '.join(conditions)}: {leave}")

    def _write_move(self, move: Move) -> None:
        match move:
            case Scan(node):
                self._scan(node)
            case Between(edge):
                self._between(edge)
            case Follow():
                self._follow(move)

    def _loop(self, header: str) -> None:
        """Enter a loop; beyond the blocks that a function may nest, in a function of its own."""
        if self._loops == MAX_BLOCKS:
            more = self._source.fresh("more")
            call = f"yield from {more}()" if self._yields else f"if {more}(): return True"
            self._stack.callback(self._source.line, call)
            self._stack.enter_context(self._source.block(f"def {more}():"))
            self._loops = 0
        self._stack.enter_context(self._source.block(header))
        self._loops += 1

    # -- moves ---------------------------------------------------------------------------------------------

    def _scan(self, node: NodePattern) -> None:
        ids = "nodes"
        if node.labels:
            ids = f"labelled.get({self._source.constant(node.labels[0])}, ())"
        self._loop(f"for {self.place(node.variable, 'i')} in sorted({ids}):")
        self._bind_node(node.variable)

    def _between(self, edge: EdgePattern) -> None:
        ends = f"{self.place(edge.source, 'i')}, {self.place(edge.target, 'i')}"
        label = "None" if edge.label is None else self._source.constant(edge.label)
        name = self.place(edge.variable, "e")
        self._loop(f"for {name} in {self._source.constant(between)}(out, into, {ends}, {label}):")
        self._skip_if(*self._same_edge(edge))
        self._now_bound(edge.variable)

    def _follow(self, move: Follow) -> None:
        edge, adjacency = move.edge, "out" if move.forward else "into"
        bucket, start = self._source.fresh("b"), self.place(move.start, "i")
        self._source.line(f"{bucket} = {adjacency}.get({start})")
        if edge.label is None:
            edges = f"{self._source.constant(every)}({bucket})"
        else:
            self._skip_if(f"{bucket} is None")
            self._source.line(f"{bucket} = {bucket}.get({self._source.constant(edge.label)})")
            self._skip_if(f"{bucket} is None")
            edges = f"{bucket}.values()"
            if self._yields is not None:
                by_id = self._source.constant(_by_id)
                edges = f"[*{edges}] if len({bucket}) == 1 else sorted({edges}, key={by_id})"
        name = self.place(edge.variable, "e")
        self._loop(f"for {name} in {edges}:")
        self._skip_if(*self._same_edge(edge))
        self._now_bound(edge.variable)
        side = "target" if move.forward else "source"
        self._source.line(f"{self.place(move.end, 'i')} = {name}.{side}")
        self._bind_node(move.end)

    # -- binding -------------------------------------------------------------------------------------------

    def _bind_node(self, variable: str) -> None:
        """Take the node whose id is in place, if it is there, distinct and labelled as the pattern asks."""
        id, name = self.place(variable, "i"), self.place(variable, "n")
        if self._nodes_apart:
            others = [self.place(other, "i") for other in self._bound if other in self._nodes]
            self._skip_if(*(f"{id} == {other}" for other in others))
        self._source.line(f"{name} = nodes.get({id})")
        self._skip_if(f"{name} is None", *self._unlabelled(variable))
        self._now_bound(variable)

    def _unlabelled(self, variable: str) -> list[str]:
        name = self.place(variable, "n")
        labels = self._nodes[variable].labels
        return [f"{self._source.constant(label)} not in {name}.labels" for label in labels]

    def _bind_edge(self, edge: EdgePattern) -> None:
        """Take the edge whose id is an argument, and its ends."""
        name = self.place(edge.variable, "e")
        self._source.line(f"{name} = edges.get({self.place(edge.variable, 'x')})")
        label = [] if edge.label is None else [f"{name}.label != {self._source.constant(edge.label)}"]
        self._skip_if(f"{name} is None", *label, *self._same_edge(edge))
        for end, side in ((edge.source, "source"), (edge.target, "target")):
            id = self.place(end, "i")
            if end in self._bound:
                self._skip_if(f"{name}.{side} != {id}")
            else:
                self._source.line(f"{id} = {name}.{side}")
                self._bind_node(end)
        self._now_bound(edge.variable)

    def _same_edge(self, edge: EdgePattern) -> list[str]:
        """Conditions under which the edge is one that is bound already: where nodes are distinct, only one that is
        parallel to it can be."""
        if not self._edges_apart:
            return []
        return [
            f"{self.place(edge.variable, 'e')}.id == {self.place(other, 'e')}.id"
            for other in self._bound
            if (own := self._edges.get(other)) is not None
            and (not self._nodes_apart or (own.source, own.target) == (edge.source, edge.target))
        ]

    def _now_bound(self, variable: str) -> None:
        self._bound.append(variable)
        self._due()

    def _due(self) -> None:
        """Write the checks whose variables are all bound."""
        bound = frozenset(self._bound)
        ready = [check for check in self._checks if check.needs <= bound]
        self._checks = [check for check in self._checks if not check.needs <= bound]
        for check in ready:
            self._skip_if(f"not {check.expression}")
