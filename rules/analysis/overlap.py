"""Overlaps: all ways in which two patterns may lie in one graph so that nothing else is there.

    L1       L2        m1 and m2 injective and jointly surjective: G is what both see. Such a pair is the same thing
      \\m1  m2/         as a partial isomorphism between L1 and L2, here a mapping of variables of the second to
       v    v          variables of the first: what it does not mention is not shared.
         G

(Ehrig, Ehrig, Prange and Taentzer 2006, section 3.5.) Only overlaps that share one of some given pairs, the seeds, are
enumerated: those that matter to a conflict.

Types. A node of ours carries a set of labels, and a pattern asks for some of them; in a typed graph (ibidem, section
2.2) it carries exactly one type. Which label sets can meet on a node decides what may be shared, so it is a parameter,
the node types: a set of label sets such that every node has one of them exactly; None stands for any label set at all.
`node_types` infers it. With start graphs at hand it is their label sets closed under what the rules create and
relabel: an invariant, so nothing is lost for any graph that the rules reach. From rules alone it is read off how they
are written: where every node of every pattern has exactly one label, and so has what is created and relabelled, the
rules are those of a typed graph grammar, and labels exclude each other; one node without a label, or with two, and
labels are sets. For singly labelled rules over graphs that combine their labels, give the graphs, or ask for sets.

No conditions and no conflicts may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from itonami.graphstore.errors import ItonamiError
from itonami.graphstore.graph import Graph
from itonami.rules.pattern import EdgePattern, NodePattern, Pattern
from itonami.rules.rule import Rule

__all__ = [
    "NodeTypes",
    "Sharing",
    "TooManyOverlaps",
    "are_together",
    "extensions",
    "glued",
    "node_types",
    "overlaps",
]

NodeTypes = frozenset[frozenset[str]] | None
Sharing = dict[str, str]
"""What is shared: variables of the second pattern to variables of the first"""

MAX_TYPES = 4_096


class TooManyOverlaps(ItonamiError):
    """Two rules overlap in more ways than the limit. `rules` are their names, in order."""

    def __init__(self, first: str, second: str, limit: int) -> None:
        super().__init__(
            f"more than {limit} overlaps",
            where=f"rules {first!r} and {second!r}",
            fix="raise the limit, split the rules, or give node types: labels keep nodes apart",
        )
        self.rules = (first, second)
        self.limit = limit


# -- node types ------------------------------------------------------------------------------------------------


def node_types(rules: Iterable[Rule], graphs: Iterable[Graph] | None = None) -> NodeTypes:
    """The label sets that nodes can have, or None for any: inferred as the module says.

    O(nodes of the graphs + rules x types); beyond `MAX_TYPES` label sets the answer is None."""
    given = tuple(rules)
    if graphs is None:
        return _written_types(given)
    types = {frozenset(node.labels) for graph in graphs for node in graph.nodes()}
    types |= {frozenset(node.labels) for rule in given for node in rule.create.nodes}
    waiting = list(types)
    while waiting:
        labels = waiting.pop()
        for rule in given:
            for later in _relabelled(rule, labels) - types:
                types.add(later)
                waiting.append(later)
        if len(types) > MAX_TYPES:
            return None
    return frozenset(types)


def _relabelled(rule: Rule, labels: frozenset[str]) -> set[frozenset[str]]:
    """What a rule can make of a node with these labels."""
    asked = {node.variable: set(node.labels) for node in rule.L.nodes}
    return {
        (labels - set(relabel.removed)) | set(relabel.added)
        for relabel in rule.relabels
        if asked[relabel.variable] <= labels
    }


def _written_types(rules: tuple[Rule, ...]) -> NodeTypes:
    """The singletons of all labels, if the rules are written as those of a typed graph grammar."""
    written = {frozenset(node.labels) for rule in rules for node in (*rule.L.nodes, *rule.create.nodes)}
    for rule in rules:
        written |= {frozenset(rule.R.node(r.variable).labels) for r in rule.relabels}  # type: ignore[union-attr]
        for nac in rule.nacs:
            seen = rule.L.joined(nac.pattern)
            for pattern in (seen, *(seen.joined(inner.pattern) for inner in nac.nacs)):
                written |= {frozenset(node.labels) for node in pattern.nodes}
    return frozenset(written) if all(len(labels) == 1 for labels in written) else None


def are_together(types: NodeTypes, labels: frozenset[str]) -> bool:
    """Whether a node can have all these labels."""
    return types is None or any(labels <= type_ for type_ in types)


# -- enumeration -----------------------------------------------------------------------------------------------


def overlaps(
    first: Pattern,
    second: Pattern,
    seeds: Iterable[tuple[str, str]],
    may_share: Callable[[str, str], bool],
) -> Iterator[Sharing]:
    """Every sharing that has at least one of the seeds (pairs of a first and a second variable), each once.

    `may_share(first, second)` says which elements may lie on each other; edges also need equal labels, or none, and
    shared ends. Exponential: the number of partial isomorphisms."""
    barred: set[tuple[str, str]] = set()

    def may(one: str, other: str) -> bool:
        return (one, other) not in barred and may_share(one, other)

    for seed in seeds:
        start = _seeded(first, second, seed, may)
        if start is not None:
            yield from extensions(first, second, start, may)
        barred.add(seed)


def _seeded(
    first: Pattern, second: Pattern, seed: tuple[str, str], may: Callable[[str, str], bool]
) -> Sharing | None:
    """The sharing of a seed, an edge with its ends; None if that cannot be."""
    start: Sharing = {}
    pairs = [seed]
    one, other = first.edge(seed[0]), second.edge(seed[1])
    if one is not None and other is not None:
        if not _same_label(one, other):
            return None
        pairs = [(one.source, other.source), (one.target, other.target), seed]
    for here, there in pairs:
        if start.get(there) == here:
            continue
        if there in start or here in start.values() or not may(here, there):
            return None
        start[there] = here
    return start


def _same_label(one: EdgePattern, other: EdgePattern) -> bool:
    return one.label is None or other.label is None or one.label == other.label


def extensions(
    first: Pattern, second: Pattern, start: Sharing, may: Callable[[str, str], bool]
) -> Iterator[Sharing]:
    """A sharing and all that extend it: first by nodes, then by edges between shared nodes."""
    ours = [node.variable for node in first.nodes]
    theirs = [node.variable for node in second.nodes if node.variable not in start]
    choices = {there: [here for here in ours if may(here, there)] for there in theirs}

    def extend(at: int, shared: Sharing) -> Iterator[Sharing]:
        if at == len(theirs):
            yield from _with_edges(first, second, shared, may)
            return
        yield from extend(at + 1, shared)
        taken = set(shared.values())
        for here in choices[theirs[at]]:
            if here not in taken:
                yield from extend(at + 1, {**shared, theirs[at]: here})

    return extend(0, start)


def _with_edges(
    first: Pattern, second: Pattern, start: Sharing, may: Callable[[str, str], bool]
) -> Iterator[Sharing]:
    waiting: list[tuple[str, list[str]]] = []
    for edge in second.edges:
        if edge.variable not in start and edge.source in start and edge.target in start:
            ends = (start[edge.source], start[edge.target])
            here = [
                own.variable
                for own in first.edges
                if (own.source, own.target) == ends
                and _same_label(own, edge)
                and may(own.variable, edge.variable)
            ]
            if here:
                waiting.append((edge.variable, here))

    def extend(at: int, shared: Sharing) -> Iterator[Sharing]:
        if at == len(waiting):
            yield shared
            return
        yield from extend(at + 1, shared)
        there, choices = waiting[at]
        taken = set(shared.values())
        for here in choices:
            if here not in taken:
                yield from extend(at + 1, {**shared, there: here})

    return extend(0, start)


# -- gluing ----------------------------------------------------------------------------------------------------


def glued(
    first: Pattern,
    second: Pattern,
    sharing: Mapping[str, str],
    names: Callable[[str | None, str | None], str],
) -> tuple[Pattern, dict[str, str], dict[str, str]]:
    """The overlap as a pattern over new names, and where the first and the second lie in it.

    A shared node has the labels of both; a shared edge the label that one of them knows."""
    partner = {here: there for there, here in sharing.items()}
    where_first = {v: names(v, partner.get(v)) for v in first.variables}
    where_second = {v: where_first[sharing[v]] if v in sharing else names(None, v) for v in second.variables}
    labels: dict[str, set[str]] = {}
    edges: dict[str, EdgePattern] = {}
    for pattern, where in ((first, where_first), (second, where_second)):
        for node in pattern.nodes:
            labels.setdefault(where[node.variable], set()).update(node.labels)
        for edge in pattern.edges:
            name = where[edge.variable]
            label = edges[name].label if name in edges and edges[name].label is not None else edge.label
            edges[name] = EdgePattern(name, where[edge.source], label, where[edge.target])
    nodes = tuple(NodePattern(name, tuple(asked)) for name, asked in labels.items())
    return Pattern(nodes, tuple(edges.values())), where_first, where_second
