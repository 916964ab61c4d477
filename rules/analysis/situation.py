"""Situations: an overlap of two rules, with all that their conditions and effects say about it.

    L1       L2 (N2)     G  the overlap without what the first rule creates; its elements have names
      \\m1  m2/          terms of both rules become terms about G: `term` as they stand in G,
       v    v                                                     `later` as they stand after the first rule fired
         G

That a later condition is an earlier one with the assigned terms put in is the weakest precondition of Dijkstra (A
Discipline of Programming, 1976, chapter 4). What a conflict is may not live here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Edge, Graph, Node
from itonami.rules.analysis.model import Constraint, Model, Relabelled, solve, substituted
from itonami.rules.analysis.overlap import NodeTypes, Sharing, are_together, extensions, glued
from itonami.rules.pattern import NOTHING, Nac, NodePattern, Pattern
from itonami.rules.rule import Rule
from itonami.rules.term import (
    Binary,
    Id,
    Labels,
    ListOf,
    Literal,
    Parameter,
    Property,
    Term,
    term_parameters,
    term_reads,
    term_variables,
)

__all__ = ["Laid", "Situation", "can_coincide", "excepted", "laid"]

MAX_OPTIONAL_LABELS = 6
Names = Mapping[str, str]


# -- a NAC, in place -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Laid:
    """L and a NAC glued, and perhaps one of the NAC's own (`inner`): what they add lies on elements that they do not
    list, or beyond. `names` maps their variables to those of the pattern, whose nodes ask for the labels of L alone."""

    pattern: Pattern
    names: Names
    nac: Nac
    inner: Nac | None = None

    @cached_property
    def labels(self) -> dict[str, frozenset[str]]:
        """The labels that the innermost NAC asks of the pattern's nodes."""
        last = self.inner or self.nac
        return {self.names[node.variable]: frozenset(node.labels) for node in last.pattern.nodes}

    @cached_property
    def reads(self) -> frozenset[tuple[str, str | None]]:
        """The properties and labels of the pattern's elements that conditions of the innermost NAC read."""
        reads = frozenset().union(*map(term_reads, (self.inner or self.nac).where))
        return frozenset((self.names.get(variable, variable), key) for variable, key in reads)


def laid(rule: Rule, nac: Nac) -> Iterator[Laid]:
    """Every way in which a NAC and the left side of its rule can lie in one graph."""
    for pattern, names in _beside(rule.L, {v: v for v in rule.variables}, nac.pattern):
        yield Laid(pattern, names, nac)


def excepted(rule: Rule, nac: Nac) -> Iterator[Laid]:
    """Every way in which a NAC, one of its own and the left side of the rule can lie in one graph."""
    for around in laid(rule, nac):
        known = {v: v for v in rule.variables} | dict(around.names)
        for inner in nac.nacs:
            for pattern, names in _beside(around.pattern, known, inner.pattern):
                yield Laid(pattern, {**around.names, **names}, nac, inner)


def _beside(host: Pattern, known: Names, added: Pattern) -> Iterator[tuple[Pattern, dict[str, str]]]:
    """A pattern laid beside a host that has the variables it lists under the names known."""
    listed = {v: known[v] for v in added.variables if v in known}
    if len(set(listed.values())) == len(listed):
        bare = Pattern(tuple(NodePattern(node.variable) for node in added.nodes), added.edges)
        taken = frozenset(listed.values())
        for sharing in extensions(host, bare, listed, lambda here, _: here not in taken):
            pattern, _, names = glued(host, bare, sharing, lambda here, there: here or there or "")
            yield pattern, names


def _asks(nac: Nac) -> Iterator[Term]:
    """What must be true for a NAC to be met where its structure is: labels, and its conditions."""
    for node in nac.pattern.nodes:
        yield from (Binary("in", Literal(label), Labels(node.variable)) for label in node.labels)
    for edge in nac.pattern.edges:
        if edge.label is not None:
            yield Binary("in", Literal(edge.label), Labels(edge.variable))
    yield from nac.where


def _embeddings(nac: Nac, host: Pattern, start: Names) -> Iterator[Names]:
    """All ways to lay a NAC's structure into a pattern, injective on what it lists; some labels are left open."""
    edges = [edge for edge in nac.pattern.edges if edge.variable not in start]
    nodes = [node.variable for node in nac.pattern.nodes]

    def by_edges(at: int, found: dict[str, str]) -> Iterator[Names]:
        if at == len(edges):
            yield from by_nodes(0, found)
            return
        edge, taken = edges[at], set(found.values())
        for own in host.edges:
            if own.variable in taken or (edge.label and own.label and edge.label != own.label):
                continue
            later = _bound(found, (edge.source, own.source), (edge.target, own.target))
            if later is not None:
                yield from by_edges(at + 1, {**later, edge.variable: own.variable})

    def by_nodes(at: int, found: dict[str, str]) -> Iterator[Names]:
        if at == len(nodes):
            yield found
        elif nodes[at] in found:
            yield from by_nodes(at + 1, found)
        else:
            for own in host.nodes:
                if own.variable not in found.values():
                    yield from by_nodes(at + 1, {**found, nodes[at]: own.variable})

    return by_edges(0, dict(start))


def _bound(found: dict[str, str], *pairs: tuple[str, str]) -> dict[str, str] | None:
    """What was found with the pairs added, if they fit."""
    for variable, name in pairs:
        if found.get(variable, name) != name:
            return None
        if variable not in found:
            if name in found.values():
                return None
            found = {**found, variable: name}
    return found


# -- the situation ---------------------------------------------------------------------------------------------


def _named(one: str | None, other: str | None) -> str:
    return "=".join([*([f"1.{one}"] if one else []), *([f"2.{other}"] if other else [])])


class Situation:
    """Two rules at an overlap. `m1` names the elements of L1 (and of `create`, if the second sees what the first rule
    creates), `m2` those of L2 and of a NAC that was laid there."""

    def __init__(
        self,
        first: Rule,
        second: Rule,
        sharing: Sharing,
        types: NodeTypes,
        create: Pattern = NOTHING,
        nac: Laid | None = None,
    ) -> None:
        whole, self.m1, self.m2 = glued(
            first.L.joined(create), nac.pattern if nac else second.L, sharing, _named
        )
        if nac:
            self.m2 |= {v: self.m2[name] for v, name in nac.names.items()}
        self._rules = ((first, self.m1), (second, self.m2))
        self._types = types
        self._created: dict[str, tuple[str, ...]] = {self.m1[n.variable]: n.labels for n in create.nodes}
        self._created |= {self.m1[e.variable]: (e.label or "",) for e in create.edges}
        self._nodes = {n.variable: n for n in whole.nodes if n.variable not in self._created}
        self._edges = {e.variable: e for e in whole.edges if e.variable not in self._created}
        self.graph = Pattern(tuple(self._nodes.values()), tuple(self._edges.values()))

    def glues(self) -> bool:
        """Whether it is a graph, in which neither rule would leave an edge dangling."""
        gone = [{names[v] for v in rule.delete} for rule, names in self._rules]
        return all(
            {edge.source, edge.target} <= self._nodes.keys()
            and all(edge.variable in going or going.isdisjoint((edge.source, edge.target)) for going in gone)
            for edge in self.graph.edges
        )

    # -- conditions ----------------------------------------------------------------------------------------

    def conditions(self, side: int) -> list[Term]:
        """What the rule asks of its match here (side 1 or 2), but for NACs."""
        rule, names = self._rules[side - 1]
        return [self._renamed(term, names, side) for term in rule.conditions]

    @property
    def is_open(self) -> bool:
        """Whether it hangs on more than G that a rule applies: a NAC with exceptions that a larger graph may have."""
        return any(nac.nacs for rule, _ in self._rules for nac in rule.nacs)

    def applicable(self) -> Iterator[Constraint]:
        """That both rules apply to some graph around G: their conditions hold, and no NAC without exceptions is met."""
        for side, (rule, names) in enumerate(self._rules, 1):
            yield from (Constraint((term,)) for term in self.conditions(side))
            for nac in rule.nacs:
                if nac.nacs:
                    continue
                listed = {v: names[v] for v in nac.pattern.variables if v in rule.variables}
                for found in _embeddings(nac, self.graph, listed):
                    at = {**names, **found}
                    yield Constraint(
                        tuple(self._renamed(term, at, side) for term in _asks(nac)), wanted=False
                    )

    def asked(self, nac: Nac) -> tuple[Term, ...]:
        """What must be true for a NAC of the second rule to be met where it was laid."""
        return tuple(self._renamed(term, self.m2, 2) for term in _asks(nac))

    def later(self, term: Term) -> Term:
        """The term that has now the value which this one has after the first rule fired."""

        def leaf(part: Term) -> Term:
            match part:
                case Property(name, key):
                    unset = Literal(None) if name in self._created else part
                    return self._assigned.get((name, key), unset)
                case Labels(name) if name in self._relabelled:
                    return self._relabelled[name]
            return part

        return substituted(term, leaf)

    @cached_property
    def _assigned(self) -> dict[tuple[str, str], Term]:
        first = self._rules[0][0]
        present = [a for a in first.assignments if a.variable in self.m1]
        return {(self.m1[a.variable], a.key): self._renamed(a.term, self.m1, 1) for a in present}

    @cached_property
    def _relabelled(self) -> dict[str, Term]:
        names = ((self.m1[relabel.variable], relabel) for relabel in self._rules[0][0].relabels)
        return {name: Relabelled(name, frozenset(r.added), frozenset(r.removed)) for name, r in names}

    def _renamed(self, term: Term, names: Names, side: int) -> Term:
        """A term of a rule, about the elements as they are named here."""

        def leaf(part: Term) -> Term:
            match part:
                case Property(variable, key):
                    return Property(names[variable], key)
                case Id(variable):
                    return Id(names.get(variable, f"{side}.{variable}"))
                case Parameter(name):
                    return Parameter(f"{side}.{name}")
                case Labels(variable):
                    return self._labels_of(names[variable])
            return part

        return substituted(term, leaf)

    def _labels_of(self, name: str) -> Term:
        """`labels(name)`, or the labels themselves where they are known."""
        edge = self._edges.get(name)
        known = (edge.label,) if edge is not None and edge.label is not None else self._created.get(name)
        return Labels(name) if known is None else ListOf(tuple(map(Literal, known)))

    # -- models --------------------------------------------------------------------------------------------

    def choices(self, name: str, mentioned: frozenset[str]) -> tuple[list[list[str]], bool]:
        """The labels that an element can have, as far as those mentioned go; and whether these are all."""
        if name in self._edges:
            return _edge_labels(self._edges[name].label, mentioned), True
        return _node_labels(frozenset(self._nodes[name].labels), self._types, mentioned)

    def model_graph(self, model: Model) -> Graph:
        """The overlap with the values and labels of a model."""

        def labels(name: str) -> list[str]:
            chosen = model.get((name, None))
            return list(chosen) if isinstance(chosen, list) else self.choices(name, frozenset())[0][0]

        def data(name: str) -> dict[str, Value]:
            return {key: v for (at, key), v in model.items() if at == name and key and v is not None}

        nodes = [Node(name, labels(name), data(name)) for name in self._nodes]
        edges = [
            Edge(e.variable, e.source, labels(e.variable)[0], e.target, data(e.variable))
            for e in self.graph.edges
        ]
        return Graph().replaced([*nodes, *edges])

    def parameters(self, side: int, model: Model) -> dict[str, Value]:
        """The values of the rule's parameters; those that do not matter are null."""
        return {name: model.get(("$", f"{side}.{name}")) for name in self._rules[side - 1][0].parameters}


def _edge_labels(label: str | None, mentioned: frozenset[str]) -> list[list[str]]:
    if label is not None:
        return [[label]]
    other = next(name for k in range(len(mentioned) + 1) if (name := f"ANY{k or ''}") not in mentioned)
    return [[other], *([name] for name in sorted(mentioned))]


def _node_labels(
    asked: frozenset[str], types: NodeTypes, mentioned: frozenset[str]
) -> tuple[list[list[str]], bool]:
    if types is not None:
        able = sorted(
            (sorted(type_) for type_ in types if asked <= type_), key=lambda labels: (len(labels), labels)
        )
        return able or [sorted(asked)], True
    optional = sorted(mentioned - asked)
    tried = optional[:MAX_OPTIONAL_LABELS]
    subsets = (more for size in range(len(tried) + 1) for more in combinations(tried, size))
    return [sorted({*asked, *more}) for more in subsets], tried == optional


def can_coincide(first: Rule, a: str, second: Rule, b: str, types: NodeTypes) -> bool:
    """Whether an element of one left side and one of another can be the same: by their labels, and by the conditions
    on each alone. False is a proof."""
    one, other = first.L.node(a), second.L.node(b)
    if (one is None) != (other is None):
        return False
    asked = frozenset((*(one.labels if one else ()), *(other.labels if other else ())))
    if one and not are_together(types, asked):
        return False
    alone = [
        Constraint((substituted(term, _about),))
        for rule, variable in ((first, a), (second, b))
        for term in rule.conditions
        if term_variables(term) == {variable} and not term_parameters(term)
    ]

    def choices(_: str, mentioned: frozenset[str]) -> tuple[list[list[str]], bool]:
        return _node_labels(asked, types, mentioned) if one else (_edge_labels(None, mentioned), True)

    return not solve(alone, choices).impossible


def _about(part: Term) -> Term:
    """A leaf of a term about one element, whatever its variable."""
    match part:
        case Property(_, key):
            return Property("x", key)
        case Labels():
            return Labels("x")
        case Id():
            return Id("x")
    return part
