"""Critical pairs: the smallest situations in which one rule disables another.

               N2        G   an overlap of the two left sides
               ^         m1  the match of the first rule      H = first applied at m1
    L1    L2 --'         m2  the match of the second
     \\m1  m2/
      v    v             kind               what is not so any more in H
        G                delete_use         m2: the first deletes an element of m2(L2)
        |                attribute          a label or a condition of L2, by what the first changes
        v                produce_dangling   gluing: the first creates an edge at a node that the second deletes
        H                produce_forbid     a NAC N2, by what the first creates or changes (G holds the rest of N2)

Both rules apply to G: conditions, NACs and gluing. The pairs of (first, second) are complete: whenever applying the
first at one injective match makes the second inapplicable at another, some critical pair of the two embeds into that
graph at these matches (Ehrig, Ehrig, Prange and Taentzer 2006, lemma 6.22; with NACs: Lambers, Ehrig and Orejas,
Conflict Detection for Graph Transformation with Negative Application Conditions, ICGT 2006). Each overlap counts, as
in VeriGraph's tables, not only the essential ones.

Attributes are symbolic (Orejas and Lambers, Symbolic Attributed Graphs for Attributed Graph Transformation, ECEASST
30, 2010): an overlap stands for all values that satisfy its conditions. If there are none (`model`), it is no critical
pair. If some are found, they stand in its graph, where the conflict can be seen, and the pair is `certain`. If neither
is known, it is kept: the analysis errs on the side of a conflict. So it does for a NAC with exceptions (`unless`):
what excepts it may lie outside G (Lambers and Orejas, Initial Conflicts for Transformation Rules with Nested
Application Conditions, ICGT 2020), so G need not satisfy it; and deleting an exception is one more way to meet it.
Which labels can meet on a node: see `overlap`. Matches are injective. Nothing is said here about what comes after the
conflict: see `confluence`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.rules.analysis.model import Constraint, solve
from itonami.rules.analysis.overlap import (
    NodeTypes,
    Sharing,
    TooManyOverlaps,
    are_together,
    node_types,
    overlaps,
)
from itonami.rules.analysis.situation import Laid, Situation, can_coincide, excepted, laid
from itonami.rules.gluing import gluing
from itonami.rules.grammar import Grammar
from itonami.rules.match import Match
from itonami.rules.pattern import Pattern
from itonami.rules.rewrite import apply
from itonami.rules.rule import Rule
from itonami.rules.term import term_reads

__all__ = ["KINDS", "LIMIT", "CriticalPair", "Progress", "Types", "critical_pairs", "pair_matrix"]

Progress = Callable[[int, int], None]
"""progress(ordered pairs of rules done, all of them)"""
Types = NodeTypes | Literal["inferred", "sets"]

LIMIT = 100_000


@dataclass(frozen=True)
class CriticalPair:
    """Applying `first` at `first_match` in `graph` disables `second` at `second_match` (ids in the order of a match).

    Elements of the graph are called `1.a=2.b` where a of the first rule and b of the second share one, else `1.a` or
    `2.b`. `elements` are those in conflict; one that the first rule creates is called so too. `parameters` are values
    for the two rules. If not `certain`, it was not decided whether the conditions can be met, and the values say
    nothing."""

    kind: str
    first: Rule
    second: Rule
    graph: Graph
    first_match: tuple[str, ...]
    second_match: tuple[str, ...]
    elements: tuple[str, ...]
    explanation: str
    parameters: tuple[dict[str, Value], dict[str, Value]] = field(default=({}, {}), compare=False)
    certain: bool = True

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.explanation}" + ("" if self.certain else " (possibly)")]
        for node in self.graph.nodes():
            lines.append(f"  ({_shown(node.id, sorted(node.labels), node.data)})")
            for edge in self.graph.out(node.id):
                lines.append(f"    -[{_shown(edge.id, [edge.label], edge.data)}]->({edge.target})")
        return "\n".join(lines)


def _shown(id: str, labels: list[str], data: Mapping[str, Value]) -> str:
    properties = ", ".join(f"{key}: {value!r}" for key, value in sorted(data.items()))
    return id + "".join(f":{label}" for label in labels) + (f" {{{properties}}}" if properties else "")


def critical_pairs(
    rules: Iterable[Rule] | Grammar,
    *,
    types: Types = "inferred",
    limit: int = LIMIT,
    progress: Progress | None = None,
) -> list[CriticalPair]:
    """All critical pairs of all ordered pairs of rules, a rule with itself included, in a fixed order.

    `types` are the label sets that nodes can have: `"sets"` for any, a set of them as `node_types` gives it, or
    inferred, from the grammar's start graphs or, where there is none but the empty one, from how rules are written.
    Raises `TooManyOverlaps` when two rules overlap in more than `limit` ways. Exponential in the elements that two
    rules can share; about 1 ms an overlap."""
    return [pair for _, _, pair in _found(rules, types, limit, progress)]


def pair_matrix(
    rules: Iterable[Rule] | Grammar,
    *,
    types: Types = "inferred",
    limit: int = LIMIT,
    progress: Progress | None = None,
) -> dict[str, list[list[int]]]:
    """For each kind, row i and column j: in how many overlaps applying rule i first disables rule j. The options are
    those of `critical_pairs`."""
    given = rules if isinstance(rules, Grammar) else tuple(rules)
    size = len(given.rules if isinstance(given, Grammar) else given)
    table = {kind: [[0] * size for _ in range(size)] for kind in KINDS}
    for row, column, pair in _found(given, types, limit, progress):
        table[pair.kind][row][column] += 1
    return table


def _found(
    rules: Iterable[Rule] | Grammar, types: Types, limit: int, progress: Progress | None
) -> Iterator[tuple[int, int, CriticalPair]]:
    """The critical pairs, with the places of the two rules."""
    given = rules.rules if isinstance(rules, Grammar) else tuple(rules)
    known = _types(rules, given, types)
    total = len(given) ** 2
    for done, (row, column) in enumerate(product(range(len(given)), repeat=2)):
        if progress is not None:
            progress(done, total)
        for pair in _Conflicts(given[row], given[column], known, limit).all():
            yield row, column, pair
    if progress is not None:
        progress(total, total)


def _types(rules: Iterable[Rule] | Grammar, given: tuple[Rule, ...], types: Types) -> NodeTypes:
    if types == "sets":
        return None
    if types == "inferred":
        starts = (
            [graph for graph in rules.starts.values() if len(graph)] if isinstance(rules, Grammar) else []
        )
        return node_types(given, starts or None)
    assert not isinstance(types, str)
    return types


# -- two rules -------------------------------------------------------------------------------------------------

_Seeds = dict[tuple[str, str], str]
"""Pairs of variables of which one at least is shared in a conflict, and what the first rule does to its one"""


class _Conflicts:
    """The conflicts of one ordered pair of rules."""

    def __init__(self, first: Rule, second: Rule, types: NodeTypes, limit: int) -> None:
        self.first = first
        self.second = second
        self._types = types
        self._limit = limit
        self._overlaps = 0
        self._coincide: dict[tuple[str, str], bool] = {}
        self._relabels = {relabel.variable: relabel for relabel in first.relabels}

    def all(self) -> Iterator[CriticalPair]:
        """Every critical pair of the two, kind by kind."""
        for kind, find in KINDS.items():
            for finding in find(self):
                yield from self._pair(kind, finding)

    # -- the four kinds ------------------------------------------------------------------------------------

    def delete_use(self) -> Iterator[_Finding]:
        used = self.second.variables
        seeds = {(a, b): f"deletes {a}" for a in self.first.delete for b in used}
        for sharing in self._overlap(self.first.L, self.second.L, seeds, self._may_coincide):
            situation = Situation(self.first, self.second, sharing, self._types)
            yield _Finding(situation, _those(seeds, sharing), "{} uses as {}")

    def attribute(self) -> Iterator[_Finding]:
        reads = frozenset().union(*map(term_reads, self.second.conditions))
        asked = {node.variable: frozenset(node.labels) for node in self.second.L.nodes}
        seeds = self._changes(reads, {b: ((), labels) for b, labels in asked.items()})
        for sharing in self._overlap(self.first.L, self.second.L, seeds, self._may_stay):
            situation = Situation(self.first, self.second, sharing, self._types)
            removed = (
                set(self._relabels[a].removed) & asked[b] for b, a in sharing.items() if a in self._relabels
            )
            before = situation.conditions(2)
            after = tuple(term for was in before if (term := situation.later(was)) != was)
            if any(removed):
                yield _Finding(situation, _those(seeds, sharing), "{} asks of {}")
            elif after:
                spoilt = Constraint(after, wanted=False)
                yield _Finding(situation, _those(seeds, sharing), "{} asks of {}", (spoilt,))

    def produce_dangling(self) -> Iterator[_Finding]:
        deleted = [node.variable for node in self.second.L.nodes if node.variable in self.second.delete]
        seeds: _Seeds = {}
        for node in self.first.K.nodes:
            created = [edge.variable for edge in self.first.create.at(node.variable)]
            if created:
                deed = f"creates {' and '.join(created)} at {node.variable}"
                seeds |= {(node.variable, b): deed for b in deleted}
        for sharing in self._overlap(self.first.L, self.second.L, seeds, self._may_stay):
            situation = Situation(self.first, self.second, sharing, self._types)
            yield _Finding(situation, _those(seeds, sharing), "{} deletes as {}")

    def produce_forbid(self) -> Iterator[_Finding]:
        for nac in self.second.nacs:
            for meeting in laid(self.second, nac):
                yield from self._completed(meeting)
            for exception in excepted(self.second, nac):
                yield from self._taken_away(exception)

    def _completed(self, meeting: Laid) -> Iterator[_Finding]:
        """A NAC is met with the help of what the first rule creates or changes."""
        left, create = self.first.L, self.first.create
        own = [v for v in meeting.pattern.variables if v not in self.second.variables]
        seeds = {(a, b): f"creates {a}" for a in create.variables for b in own}
        seeds |= self._changes(meeting.reads, {b: (labels, ()) for b, labels in meeting.labels.items()})
        for sharing in self._overlap(left.joined(create), meeting.pattern, seeds, self._may_meet(meeting)):
            situation = Situation(self.first, self.second, sharing, self._types, create, meeting)
            after = Constraint(tuple(map(situation.later, situation.asked(meeting.nac))))
            yield _Finding(situation, _those(seeds, sharing), "{} forbids as {}", (after,))

    def _taken_away(self, exception: Laid) -> Iterator[_Finding]:
        """A NAC is met because the first rule deletes or changes what excepted it."""
        assert exception.inner is not None
        around = {exception.names[v] for v in exception.nac.pattern.variables}.union(self.second.variables)
        own = [v for v in exception.pattern.variables if v not in around]
        seeds = {(a, b): f"deletes {a}" for a in self.first.delete for b in own}
        seeds |= self._changes(exception.reads, {b: ((), labels) for b, labels in exception.labels.items()})

        def may(a: str, b: str) -> bool:
            if b in self.second.variables:
                return self._may_stay(a, b)
            same_sort = (self.first.L.node(a) is None) == (exception.pattern.node(b) is None)
            return same_sort and (b not in around or a not in self.first.delete)

        for sharing in self._overlap(self.first.L, exception.pattern, seeds, may):
            situation = Situation(self.first, self.second, sharing, self._types, nac=exception)
            after = Constraint(tuple(map(situation.later, situation.asked(exception.nac))))
            before = Constraint(situation.asked(exception.inner))
            use = "{} needs as {} against its own NAC"
            yield _Finding(situation, _those(seeds, sharing), use, (after, before))

    def _changes(
        self,
        reads: AbstractSet[tuple[str, str | None]],
        asked: Mapping[str, tuple[Collection[str], Collection[str]]],
    ) -> _Seeds:
        """The changes of kept elements by the first rule that can matter to who reads these properties and labels,
        and asks for some labels that may be added, and some that may be removed."""
        deeds: dict[tuple[str, str], list[str]] = {}
        for assignment in self.first.assignments:
            if assignment.variable in self.first.K.variables:
                for b, key in reads:
                    if key == assignment.key:
                        deeds.setdefault((assignment.variable, b), []).append(
                            f"sets {assignment.variable}.{key}"
                        )
        for relabel in self.first.relabels:
            read = {b for b, key in reads if key is None}
            wanted = {b for b, (more, _) in asked.items() if not set(more).isdisjoint(relabel.added)}
            unwanted = {b for b, (_, less) in asked.items() if not set(less).isdisjoint(relabel.removed)}
            for b in read | wanted | unwanted:
                deeds.setdefault((relabel.variable, b), []).append(f"relabels {relabel.variable}")
        return {pair: " and ".join(done) for pair, done in sorted(deeds.items())}

    # -- what may be shared ----------------------------------------------------------------------------------

    def _may_coincide(self, a: str, b: str) -> bool:
        known = self._coincide.get((a, b))
        if known is None:
            known = self._coincide[a, b] = can_coincide(self.first, a, self.second, b, self._types)
        return known

    def _may_stay(self, a: str, b: str) -> bool:
        return a not in self.first.delete and self._may_coincide(a, b)

    def _may_meet(self, meeting: Laid) -> Callable[[str, str], bool]:
        """Whether an element that is there after the first rule and one of L2 with a NAC can be one."""
        created = {node.variable: frozenset(node.labels) for node in self.first.create.nodes}
        kept = {node.variable: frozenset(node.labels) for node in self.first.K.nodes}
        asked = meeting.labels
        left, second = self.first.create.variables, self.second.variables
        nodes = {node.variable for node in meeting.pattern.nodes}

        def may(a: str, b: str) -> bool:
            if b in second:
                return a not in left and self._may_stay(a, b)
            if a in self.first.delete or (b in nodes) != (a in created or a in kept):
                return False
            labels = asked.get(b, frozenset())
            if a in created:
                return labels <= created[a]
            return a in self._relabels or a not in kept or are_together(self._types, kept[a] | labels)

        return may

    def _overlap(
        self, one: Pattern, other: Pattern, seeds: _Seeds, may: Callable[[str, str], bool]
    ) -> Iterator[Sharing]:
        for sharing in overlaps(one, other, seeds, may):
            self._overlaps += 1
            if self._overlaps > self._limit:
                raise TooManyOverlaps(self.first.name, self.second.name, self._limit)
            yield sharing

    def _pair(self, kind: str, finding: _Finding) -> Iterator[CriticalPair]:
        """The critical pair of a finding, if both rules can apply there and its constraints hold too."""
        situation, conflict = finding.situation, finding.conflict
        if not situation.glues():
            return
        verdict = solve((*situation.applicable(), *finding.constraints), situation.choices)
        if verdict.impossible:
            return
        model, m1, m2 = verdict.model or {}, situation.m1, situation.m2
        deeds = " and ".join(dict.fromkeys(conflict.values()))
        used = " and ".join(dict.fromkeys(b for _, b in conflict))
        pair = CriticalPair(
            kind,
            self.first,
            self.second,
            situation.model_graph(model),
            tuple(m1[v] for v in self.first.variables),
            tuple(m2[v] for v in self.second.variables),
            tuple(dict.fromkeys(m1[a] for a, _ in conflict)),
            f"{self.first.name!r} {deeds}, which {finding.use.format(repr(self.second.name), used)}",
            (situation.parameters(1, model), situation.parameters(2, model)),
            verdict.model is not None,
        )
        yield replace(pair, certain=_is_seen(pair)) if pair.certain and situation.is_open else pair


@dataclass(frozen=True)
class _Finding:
    """A situation, the seeds that are shared in it, what the second rule does with what the first changed (after
    `which`, with its name and its variables to fill in), and what must hold besides that both rules apply."""

    situation: Situation
    conflict: _Seeds
    use: str
    constraints: tuple[Constraint, ...] = ()


def _is_seen(pair: CriticalPair) -> bool:
    """Whether the conflict is there in the pair's own graph, as it stands."""
    head = Head.of(pair.graph)
    rules = (pair.first, pair.second)
    first, second = (
        Match(rule, ids) for rule, ids in zip(rules, (pair.first_match, pair.second_match), strict=True)
    )

    def applies(match: Match, params: Mapping[str, Value]) -> bool:
        there = all(id in head.node_by_id or id in head.edge_by_id for id in match.ids)
        holds = match.rule.program.holds(guarded=True)
        return there and holds(head, params, match.ids) and gluing(match.rule, match, head) is None

    if not (applies(first, pair.parameters[0]) and applies(second, pair.parameters[1])):
        return False
    apply(head, pair.first, first, pair.parameters[0], found=True)
    return not applies(second, pair.parameters[1])


def _those(seeds: _Seeds, sharing: Sharing) -> _Seeds:
    return {(a, b): deed for (a, b), deed in seeds.items() if sharing.get(b) == a}


KINDS: dict[str, Callable[[_Conflicts], Iterator[_Finding]]] = {
    "delete_use": _Conflicts.delete_use,
    "produce_dangling": _Conflicts.produce_dangling,
    "produce_forbid": _Conflicts.produce_forbid,
    "attribute": _Conflicts.attribute,
}
"""The kinds of conflict, and how to find them"""
