"""Which finders a change makes worth trying: tables from what changed to (finder, anchor id).

A match that is new after a change holds a created element, or an element whose read labels or keys changed, or it
was blocked before: by a NAC whose embedding lost an element or now extends to a NAC of its own, or by an edge that
would have dangled. So it is found
from one of these seeds (the delta-driven half of Miranker's TREAT, AAAI 1987; Bergmann et al., Incremental Graph
Pattern Matching, 2008):

    created edge                   the finders at L-edges of its label
    created node                   the finders at L-nodes that have no edges (others come with an edge)
    changed node or edge           the finders at variables that read one of its changed keys or labels
    deleted edge or changed
    element of a NAC               from it, along the rest of the NAC, the finder at the L-variable it hangs on
    created or changed element
    of a NAC's NAC                 from it, along both, the same
    deleted edge                   the finders at L-nodes that are deleted, at both its ends

The tables are static: they are functions of the rules. Nothing that fires a rule may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Edge, Node
from itonami.graphstore.head import Head
from itonami.rules.pattern import EdgePattern, Nac, NodePattern, Pattern
from itonami.rules.program import Finder, Holds
from itonami.rules.rule import Rule
from itonami.rules.step import Step
from itonami.rules.term import Binary, ListOf, Literal, Property, Term, term_reads

__all__ = ["Seed", "Triggers"]

Seed = tuple[int, str]
"""The number of a finder, and the id it is anchored at ("" for a search of the whole graph)"""

Labels = frozenset[str]
Asked = tuple[Labels, Labels, Labels, int]
"""What a node must have for a finder to be worth trying: labels, labels of edges leaving and arriving; the finder"""
Hop = tuple[str | None, bool]  # an edge label (None: any), and whether along or against the edge


@dataclass(frozen=True, slots=True)
class Route:
    """How to get from a node of a NAC to the L-variable its part of the NAC hangs on: hops, then the finder
    there. Without any such variable there are no hops and the finder searches the whole graph."""

    hops: tuple[Hop, ...]
    finder: int
    anchored: bool

    def follow(self, head: Head, id: str, seeds: list[Seed]) -> None:
        """Add the seeds at the far end."""
        if not self.anchored:
            seeds.append((self.finder, ""))
        elif not self.hops:
            seeds.append((self.finder, id))
        else:
            ids = {id}
            for label, forward in self.hops:
                step = head.out if forward else head.into
                ids = {e.target if forward else e.source for at in ids for e in step(at, label)}
            seeds += [(self.finder, at) for at in ids]


@dataclass(slots=True)
class _Reads:
    """Who reads a property: finders that need one of some texts, by text, and those that may take any value."""

    by_text: dict[str, list[Asked]] = field(default_factory=dict)
    always: list[Asked] = field(default_factory=list)

    def of(self, value: Value) -> list[Asked]:
        return self.always + self.by_text.get(value, []) if type(value) is str else self.always


class Triggers:
    """The tables of some rules. `finders[k]` runs the rule `rules[k]`; a lower number fires first: by priority,
    then by the rule's place, then by the anchor's."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        internal = [(-rule.priority, place, rule) for place, rule in enumerate(rules) if not rule.external]
        self.rules: list[Rule] = []
        self._anchors: list[tuple[str, ...]] = []
        self._finders: list[Finder | None] = []
        self._checks: list[Holds | None] = []
        self._everywhere: list[int] = []
        self._created_edges: dict[str | None, list[int]] = {}
        self._created_nodes: list[tuple[Labels, int]] = []
        self._node_keys: dict[str, _Reads] = {}
        self._node_labels: dict[str | None, list[Asked]] = {}
        self._edge_keys: dict[str, list[tuple[str | None, int]]] = {}
        self._dangling: list[tuple[Labels, int]] = []
        self._nac_edges: dict[str | None, list[tuple[bool, Route]]] = {}
        self._nac_edge_keys: dict[str, list[tuple[str | None, bool, Route]]] = {}
        self._nac_node_keys: dict[str, list[Route]] = {}
        self._nac_node_labels: dict[str | None, list[Route]] = {}
        self._nac_nodes: list[tuple[Labels, Route]] = []
        self._inner_edges: dict[str | None, list[tuple[bool, Route]]] = {}
        self._inner_nodes: list[tuple[Labels, Route]] = []
        for _, _, rule in sorted(internal, key=lambda entry: entry[:2]):
            self._add(rule)

    def finder(self, number: int) -> Finder:
        """The finder of that number, compiled on first use."""
        finder = self._finders[number]
        if finder is None:
            finder = self._finders[number] = self.rules[number].program.finder(self._anchors[number])
        return finder

    def check(self, number: int) -> Holds:
        """The check that what the finder found earlier still applies, compiled on first use."""
        check = self._checks[number]
        if check is None:
            check = self._checks[number] = self.rules[number].program.holds(applicable=True)
        return check

    # -- the tables ----------------------------------------------------------------------------------------

    def _add(self, rule: Rule) -> None:
        first = len(self.rules)
        anchors: list[tuple[str, ...]] = [(), *((variable,) for variable in rule.variables)]
        self.rules += [rule] * len(anchors)
        self._anchors += anchors
        self._finders += [None] * len(anchors)
        self._checks += [None] * len(anchors)
        self._everywhere.append(first)
        numbers = {variable: first + 1 + place for place, variable in enumerate(rule.variables)}
        for edge in rule.L.edges:
            self._created_edges.setdefault(edge.label, []).append(numbers[edge.variable])
        for node in rule.L.nodes:
            labels, number = frozenset(node.labels), numbers[node.variable]
            if not any(rule.L.at(node.variable)):
                self._created_nodes.append((labels, number))
            if node.variable in rule.delete:
                self._dangling.append((labels, number))
            for label in node.labels:
                self._node_labels.setdefault(label, []).append(_asked(rule, node, number))
        for term in rule.conditions:
            self._read(rule, numbers, term)
        for nac in rule.nacs:
            self._add_nac(rule, numbers, nac, first)

    def _read(self, rule: Rule, numbers: dict[str, int], term: Term, of_nac: bool = False) -> None:
        """Register the properties and labels of L that a condition reads. What falsifies one of a NAC counts too."""
        for variable, key in term_reads(term):
            if variable not in numbers:
                continue
            number, node = numbers[variable], rule.L.node(variable)
            if node is None:
                if key is not None and (edge := rule.L.edge(variable)):
                    self._edge_keys.setdefault(key, []).append((edge.label, number))
                continue
            asked = _asked(rule, node, number)
            if key is None:
                self._node_labels.setdefault(None, []).append(asked)
                continue
            reads, texts = self._node_keys.setdefault(key, _Reads()), None if of_nac else _needed_texts(term)
            if texts is None:
                reads.always.append(asked)
            for text in texts or ():
                reads.by_text.setdefault(text, []).append(asked)

    def _add_nac(self, rule: Rule, numbers: dict[str, int], nac: Nac, everywhere: int) -> None:
        """Register what frees a match of this NAC: losing what it adds, and gaining what its own NACs add."""
        bound = {variable: Route((), number, True) for variable, number in numbers.items()}
        routes = _routes(nac.pattern, bound, everywhere)
        for forward, label, route in _own_edges(nac, numbers.keys(), routes):
            self._nac_edges.setdefault(label, []).append((forward, route))
        self._nac_nodes += _own_nodes(nac, numbers.keys(), routes)
        self._watch(rule, numbers, nac, routes, nac.pattern)
        for inner in nac.nacs:
            around, known = bound | routes, {*numbers, *nac.pattern.variables}
            further = around | _routes(inner.pattern, around, everywhere)
            for forward, label, route in _own_edges(inner, known, further):
                self._inner_edges.setdefault(label, []).append((forward, route))
            self._inner_nodes += _own_nodes(inner, known, further)
            self._watch(rule, numbers, inner, further, nac.pattern.joined(inner.pattern))

    def _watch(
        self, rule: Rule, numbers: dict[str, int], nac: Nac, routes: dict[str, Route], within: Pattern
    ) -> None:
        """Register the labels and properties that a NAC reads, of L and of the patterns that make it up."""
        for node in nac.pattern.nodes:
            for label in node.labels:
                self._nac_node_labels.setdefault(label, []).append(routes[node.variable])
        own_nodes = {node.variable for node in within.nodes} - numbers.keys()
        own_edges = {edge.variable: edge for edge in within.edges if edge.variable not in numbers}
        for term in nac.where:
            self._read(rule, numbers, term, of_nac=True)
            for variable, key in term_reads(term):
                if variable in own_nodes and key is not None:
                    self._nac_node_keys.setdefault(key, []).append(routes[variable])
                elif variable in own_nodes:
                    self._nac_node_labels.setdefault(None, []).append(routes[variable])
                elif variable in own_edges and key is not None:
                    forward, route = _from_edge(own_edges[variable], routes)
                    self._nac_edge_keys.setdefault(key, []).append(
                        (own_edges[variable].label, forward, route)
                    )

    # -- the seeds -----------------------------------------------------------------------------------------

    def everywhere(self) -> list[Seed]:
        """The seeds that search the whole graph for every rule."""
        return [(number, "") for number in self._everywhere]

    def seeds(self, head: Head, step: Step) -> list[Seed]:
        """The seeds of a change, on the head after it; some may come twice."""
        seeds: list[Seed] = []
        created, of_any = self._created_edges, self._created_edges.get(None, ())
        for edge in step.created_edges:
            for number in (*created.get(edge.label, ()), *of_any):
                seeds.append((number, edge.id))
        if self._inner_edges:
            for edge in step.created_edges:
                self._of_inner_edge(head, edge, seeds)
        if self._created_nodes or self._inner_nodes:
            for node in step.created_nodes:
                self._of_created_node(head, node, seeds)
        for id, keys, labels_changed in step.changed_nodes:
            if (changed := head.node_by_id.get(id)) is not None:
                self._of_changed_node(head, changed, keys, labels_changed, seeds)
        for id, keys, _ in step.changed_edges:
            if (changed_edge := head.edge_by_id.get(id)) is not None:
                self._of_changed_edge(head, changed_edge, keys, seeds)
        if self._nac_edges or self._dangling:
            for edge in step.deleted_edges:
                self._of_deleted_edge(head, edge, seeds)
        for node in step.deleted_nodes if self._nac_nodes else ():
            for labels, route in self._nac_nodes:
                if labels <= node.labels:
                    route.follow(head, node.id, seeds)
        return seeds

    def _of_inner_edge(self, head: Head, edge: Edge, seeds: list[Seed]) -> None:
        for label in (edge.label, None):
            for forward, route in self._inner_edges.get(label, ()):
                route.follow(head, edge.source if forward else edge.target, seeds)

    def _of_created_node(self, head: Head, node: Node, seeds: list[Seed]) -> None:
        seeds += [(number, node.id) for labels, number in self._created_nodes if labels <= node.labels]
        for labels, route in self._inner_nodes:
            if labels <= node.labels:
                route.follow(head, node.id, seeds)

    def _of_changed_node(
        self, head: Head, node: Node, keys: tuple[str, ...], changed: tuple[str, ...], seeds: list[Seed]
    ) -> None:
        id, has = node.id, node.labels
        leaving, arriving = head.out_edges.get(id, _NONE).keys(), head.in_edges.get(id, _NONE).keys()
        for key in keys:
            if (reads := self._node_keys.get(key)) is not None:
                for labels, out, into, number in reads.of(node.data.get(key)):
                    if labels <= has and (not out or out <= leaving) and (not into or into <= arriving):
                        seeds.append((number, id))
            for route in self._nac_node_keys.get(key, ()):
                route.follow(head, id, seeds)
        if changed:
            for label in (*changed, None):
                for labels, out, into, number in self._node_labels.get(label, ()):
                    if labels <= has and out <= leaving and into <= arriving:
                        seeds.append((number, id))
                for route in self._nac_node_labels.get(label, ()):
                    route.follow(head, id, seeds)

    def _of_changed_edge(self, head: Head, edge: Edge, keys: tuple[str, ...], seeds: list[Seed]) -> None:
        for key in keys:
            for label, number in self._edge_keys.get(key, ()):
                if label is None or label == edge.label:
                    seeds.append((number, edge.id))
            for label, forward, route in self._nac_edge_keys.get(key, ()):
                if label is None or label == edge.label:
                    route.follow(head, edge.source if forward else edge.target, seeds)

    def _of_deleted_edge(self, head: Head, edge: Edge, seeds: list[Seed]) -> None:
        for label in (edge.label, None):
            for forward, route in self._nac_edges.get(label, ()):
                route.follow(head, edge.source if forward else edge.target, seeds)
        if self._dangling:
            for id in (edge.source, edge.target):
                if (node := head.node_by_id.get(id)) is not None:
                    seeds += [(number, id) for labels, number in self._dangling if labels <= node.labels]


_NONE: dict[str, dict[str, Edge]] = {}


def _asked(rule: Rule, node: NodePattern, number: int) -> Asked:
    """What an L-node asks of the node it is to lie at. Edges that come later bring their own seeds."""
    at = list(rule.L.at(node.variable))
    leaving = frozenset(edge.label for edge in at if edge.source == node.variable and edge.label is not None)
    arriving = frozenset(edge.label for edge in at if edge.target == node.variable and edge.label is not None)
    return frozenset(node.labels), leaving, arriving, number


def _needed_texts(term: Term) -> list[str] | None:
    """The texts one of which a property must be, where the condition says so."""
    match term:
        case Binary("=", Property(), Literal(str(text))):
            return [text]
        case Binary("in", Property(), ListOf(items)):
            texts = [
                item.value for item in items if isinstance(item, Literal) and isinstance(item.value, str)
            ]
            return texts if len(texts) == len(items) else None
    return None


def _routes(pattern: Pattern, around: dict[str, Route], everywhere: int) -> dict[str, Route]:
    """A route from every node of a NAC: breadth first from what it shares with what is `around` it, in that order.

    An element of a lost embedding that is nearest to its root has a route of elements that are still there."""
    edges = [edge for edge in pattern.edges if edge.variable not in around]
    listed = {end for edge in pattern.edges for end in (edge.source, edge.target)}
    listed |= {node.variable for node in pattern.nodes}
    routes = {v: route for v, route in around.items() if v in listed and route.anchored}
    queue = list(routes)
    for at in queue:
        for edge in edges:
            for near, far, forward in ((edge.source, edge.target, False), (edge.target, edge.source, True)):
                if near == at and far not in routes:
                    routes[far] = Route(((edge.label, forward), *routes[at].hops), routes[at].finder, True)
                    queue.append(far)
    for variable in listed - routes.keys():
        routes[variable] = Route((), everywhere, False)
    return routes


def _own_edges(
    nac: Nac, known: Set[str], routes: dict[str, Route]
) -> Iterator[tuple[bool, str | None, Route]]:
    """The edges that a NAC adds: the end to go from, their labels, and the routes from there."""
    for edge in nac.pattern.edges:
        if edge.variable not in known:
            forward, route = _from_edge(edge, routes)
            yield forward, edge.label, route


def _own_nodes(nac: Nac, known: Set[str], routes: dict[str, Route]) -> Iterator[tuple[Labels, Route]]:
    """The nodes that a NAC adds without edges: others come and go with an edge."""
    for node in nac.pattern.nodes:
        if node.variable not in known and not any(nac.pattern.at(node.variable)):
            yield frozenset(node.labels), routes[node.variable]


def _from_edge(edge: EdgePattern, routes: dict[str, Route]) -> tuple[bool, Route]:
    """From which end of an edge to go (True: its source): the one nearer to an L-variable."""
    ends = ((True, routes[edge.source]), (False, routes[edge.target]))
    return min(ends, key=lambda end: len(end[1].hops))
