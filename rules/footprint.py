"""Footprints: what one rule application read and wrote, as sets of keys.

Two applications whose footprints do not meet are independent, in parallel or in sequence, and may be done in either
order (Local Church-Rosser Theorem: Ehrig et al. 2006, theorem 3.20; with negative conditions 7.7 there). Footprints
err on the safe side: what a NAC looked through counts as read, even where a change would not have mattered.

    uses      elements matched, properties and labels read            destroys, creates    elements
    absent    where a NAC (or the dangling condition) wants nothing   writes               properties and labels set
    kept      where the inside of a NAC wants something               gains, loses         places that got or lost one

A key is a tuple: ("node", id), ("edge", id), ("value", id, key), ("label", id, label), ("labels", id), and the places:
("out" | "in", id, label or None), ("between", id, label, id), ("ends", id), ("nodes", label or None). Which keys
disturb which is said in `independence`. No graph is changed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from itonami.graphstore.delta import Delta
from itonami.graphstore.graph import Edge, GraphView, Node
from itonami.rules.pattern import EdgePattern, Nac, NodePattern
from itonami.rules.rule import Rule
from itonami.rules.step import Step
from itonami.rules.term import Id, Labels, Property, Term

__all__ = ["Footprint", "Key", "footprint", "footprint_of"]

Key = tuple[str | None, ...]
Keys = frozenset[Key]
_NO_KEYS: Keys = frozenset()


@dataclass(frozen=True, slots=True)
class Footprint:
    """The keys that one application met; see the module's head."""

    uses: Keys = _NO_KEYS
    absent: Keys = _NO_KEYS
    kept: Keys = _NO_KEYS
    destroys: Keys = _NO_KEYS
    creates: Keys = _NO_KEYS
    writes: Keys = _NO_KEYS
    gains: Keys = _NO_KEYS
    loses: Keys = _NO_KEYS

    def after(self, step: Step) -> Footprint:
        """With what a step did to elements."""
        return replace(
            self,
            destroys=self.destroys | set(_elements(step.deleted_nodes, step.deleted_edges)),
            creates=self.creates | set(_elements(step.created_nodes, step.created_edges)),
            gains=self.gains | set(_places(step.created_nodes, step.created_edges)),
            loses=self.loses | set(_places(step.deleted_nodes, step.deleted_edges)),
        )

    @classmethod
    def union(cls, footprints: Iterable[Footprint]) -> Footprint:
        """The footprint of all of them together."""
        every = list(footprints)
        return cls(*(frozenset().union(*(getattr(one, part) for one in every)) for part in cls.__slots__))


def footprint(rule: Rule, ids: tuple[str, ...], before: GraphView) -> Footprint:
    """What applying a rule at a match reads and sets, on the graph before it; `Footprint.after` adds what it did to
    elements. O(rule + what its NACs look through). Raises `NotFound` where the ids are no elements."""
    reads = _Reads(rule, ids, before)
    writes: set[Key] = set()
    gains: set[Key] = set()
    loses: set[Key] = set()
    for assignment in rule.assignments:
        if assignment.variable in reads.at:
            writes.add(("value", reads.at[assignment.variable], assignment.key))
    for relabel in rule.relabels:
        id = reads.at[relabel.variable]
        writes |= {("label", id, label) for label in (*relabel.added, *relabel.removed)}
        writes.add(("labels", id))
        gains |= {("nodes", label) for label in relabel.added}
        loses |= {("nodes", label) for label in relabel.removed}
    return reads.footprint(writes, gains, loses)


def footprint_of(delta: Delta, before: GraphView) -> Footprint:
    """The footprint of free edits: they use what they touch and where they put edges."""
    reads = _Keys()
    writes: set[Key] = set()
    gains: set[Key] = set()
    loses: set[Key] = set()
    step = Step.of(delta)
    for kind, changes in (("node", step.changed_nodes), ("edge", step.changed_edges)):
        for id, keys, labels in changes:
            reads.uses.add((kind, id))
            writes |= {("value", id, key) for key in keys} | {("label", id, label) for label in labels}
            if labels:
                writes.add(("labels", id))
                had = before.node(id).labels
                loses |= {("nodes", label) for label in labels if label in had}
                gains |= {("nodes", label) for label in labels if label not in had}
    made = {node.id for node in step.created_nodes}
    for edge in step.created_edges:
        reads.uses |= {("node", end) for end in (edge.source, edge.target) if end not in made}
    reads.uses |= {("node", node.id) for node in step.deleted_nodes}
    reads.uses |= {("edge", edge.id) for edge in step.deleted_edges}
    reads.absent |= {("ends", node.id) for node in step.deleted_nodes}
    return reads.footprint(writes, gains, loses).after(step)


class _Keys:
    """What is read, collected."""

    def __init__(self) -> None:
        self.uses: set[Key] = set()
        self.absent: set[Key] = set()
        self.kept: set[Key] = set()

    def footprint(self, writes: set[Key], gains: set[Key], loses: set[Key]) -> Footprint:
        """A footprint of what was read, and these."""
        return Footprint(
            uses=frozenset(self.uses),
            absent=frozenset(self.absent),
            kept=frozenset(self.kept),
            writes=frozenset(writes),
            gains=frozenset(gains),
            loses=frozenset(loses),
        )


def _elements(nodes: Iterable[Node], edges: Iterable[Edge]) -> Iterator[Key]:
    yield from (("node", node.id) for node in nodes)
    yield from (("edge", edge.id) for edge in edges)


def _places(nodes: Iterable[Node], edges: Iterable[Edge]) -> Iterator[Key]:
    """The places that elements are in."""
    for node in nodes:
        yield from (("nodes", label) for label in (*node.labels, None))
    for edge in edges:
        for label in (edge.label, None):
            yield "out", edge.source, label
            yield "in", edge.target, label
            yield "between", edge.source, label, edge.target
        yield "ends", edge.source
        yield "ends", edge.target


class _Reads(_Keys):
    """What a rule reads at a match: L, conditions, assigned terms, NACs, and the degree of what it deletes."""

    def __init__(self, rule: Rule, ids: tuple[str, ...], view: GraphView) -> None:
        super().__init__()
        self.at = dict(zip(rule.variables, ids, strict=True))
        self._view = view
        for node in rule.L.nodes:
            self.uses.add(("node", self.at[node.variable]))
            self.uses |= {("label", self.at[node.variable], label) for label in node.labels}
        self.uses |= {("edge", self.at[edge.variable]) for edge in rule.L.edges}
        self.absent |= {("ends", self.at[v]) for v in rule.delete if rule.L.node(v) is not None}
        bound = {variable: {id} for variable, id in self.at.items()}
        for term in (*rule.conditions, *(assignment.term for assignment in rule.assignments)):
            self._term(term, bound)
        for nac in rule.nacs:
            self._nac(nac, bound, self.absent)

    def _term(self, term: Term, candidates: dict[str, set[str]]) -> None:
        match term:
            case Property(variable, key):
                self.uses |= {("value", id, key) for id in candidates.get(variable, ())}
            case Labels(variable):
                self.uses |= {("labels", id) for id in candidates.get(variable, ())}
            case Id():
                pass
            case _:
                for part in term.parts():
                    self._term(part, candidates)

    def _nac(self, nac: Nac, bound: dict[str, set[str]], places: set[Key]) -> None:
        """Walk the NAC from what is bound, and note every place looked at. Per variable, not per embedding: the union
        of what any embedding could be made of."""
        candidates = dict(bound)
        nodes = {node.variable: node for node in nac.pattern.nodes}
        waiting = [edge for edge in nac.pattern.edges if edge.variable not in candidates]
        for node in nac.pattern.nodes:
            if node.variable in bound:
                self._labels(node, bound[node.variable])
        while waiting:
            edge = next((e for e in waiting if e.source in candidates or e.target in candidates), None)
            if edge is None:
                self._anywhere(nodes[waiting[0].source], candidates, places)
                continue
            waiting.remove(edge)
            self._edge(edge, nodes, candidates, places)
        for node in nac.pattern.nodes:
            if node.variable not in candidates:
                self._anywhere(node, candidates, places)
        for term in nac.where:
            self._term(term, candidates)
        for inner in nac.nacs:
            self._nac(inner, candidates, self.kept)

    def _edge(
        self,
        edge: EdgePattern,
        nodes: dict[str, NodePattern],
        candidates: dict[str, set[str]],
        places: set[Key],
    ) -> None:
        """Look through the edges between candidates, or from the candidates of one end."""
        sources, targets = candidates.get(edge.source), candidates.get(edge.target)
        found: set[str] = set()
        if sources is not None and targets is not None:
            for source in sources:
                places |= {("between", source, edge.label, target) for target in targets}
                found |= {e.id for e in self._view.out(source, edge.label) if e.target in targets}
        else:
            forward = sources is not None
            ends: set[str] = set()
            for id in (sources if forward else targets) or ():
                places.add(("out" if forward else "in", id, edge.label))
                for one in self._view.out(id, edge.label) if forward else self._view.into(id, edge.label):
                    found.add(one.id)
                    ends.add(one.target if forward else one.source)
            far = edge.target if forward else edge.source
            candidates[far] = self._labels(nodes[far], ends)
        candidates[edge.variable] = found

    def _anywhere(self, node: NodePattern, candidates: dict[str, set[str]], places: set[Key]) -> None:
        """A node that nothing leads to: all nodes of its label are looked at."""
        label = node.labels[0] if node.labels else None
        places.add(("nodes", label))
        candidates[node.variable] = self._labels(node, {n.id for n in self._view.nodes(label)})

    def _labels(self, node: NodePattern, ids: set[str]) -> set[str]:
        """Note that the labels of these nodes were read, and give those that have what is asked for."""
        self.uses |= {("label", id, label) for id in ids for label in node.labels}
        asked = set(node.labels)
        return {id for id in ids if asked <= self._view.node(id).labels}
