"""Local confluence: does it matter which of two rules in conflict goes first?

         G               G   a critical pair's overlap
       /   \\
     H1     H2           H1 the first rule applied at m1, H2 the second at m2
      *\\   /*
         X               X   both go on by rules of the set until they meet, up to isomorphism

A set is locally confluent if every critical pair is strictly joinable: the isomorphism is the identity on what H1 and
H2 both kept of G, and that is all still there in X (Plump, Hypergraph Rewriting: Critical Pairs and Undecidability of
Confluence, 1993, and Confluence of Graph Transformation Revisited, LNCS 3838, 2005; Ehrig, Ehrig, Prange and Taentzer
2006, theorem 6.28). Since an element takes along properties and labels that a larger graph may give it, we ask more:
whatever is left of G in X is left on both sides, and in its place. With termination such a set is confluent (Newman).
Of a pair that cannot meet at all, G itself is the counterexample, be it reachable or not. Joinable, but not strictly,
says nothing; confluence is undecidable (Plump 1993).

The lemma is about structure. A NAC, a condition, a value or a label may spoil a joining in a larger graph or for other
values (Lambers, Ehrig, Prange and Orejas, Embedding and Confluence of Graph Transformations with NACs, ICGT 2008), so
a joining counts as a proof only where none is in play (`general`); else it holds for the pair's own graph. Priorities
are ignored. Which pairs there are is not decided here: see `critical`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from itonami.graphstore.graph import Edge, Graph, Node
from itonami.graphstore.head import Head
from itonami.rules.analysis.canonical import Canonizer, TooRegular
from itonami.rules.analysis.critical import CriticalPair, Types, critical_pairs
from itonami.rules.gluing import gluing
from itonami.rules.grammar import Grammar
from itonami.rules.match import Match, matches
from itonami.rules.rewrite import rewrite
from itonami.rules.rule import Rule

__all__ = ["Confluence", "Joining", "confluence", "joining"]

LIMIT = 200


@dataclass(frozen=True)
class Joining:
    """Whether the two results of a critical pair meet again, and how.

    `left` and `right` are what the first and the second rule led to by `left_steps` and `right_steps` (names of
    rules): joinable, where they meet; not joinable, two normal forms where there are, else H1 and H2; unknown, H1
    and H2. `general`: it is so in every larger graph and for all values, too."""

    pair: CriticalPair
    verdict: Literal["joinable", "not_joinable", "unknown"]
    left: Graph
    right: Graph
    left_steps: tuple[str, ...] = ()
    right_steps: tuple[str, ...] = ()
    general: bool = False
    reason: str = ""

    def __str__(self) -> str:
        lines = [f"{self.verdict.replace('_', ' ')}: {self.pair.explanation}"]
        for rule, steps in ((self.pair.first, self.left_steps), (self.pair.second, self.right_steps)):
            lines.append(f"  {', '.join((rule.name, *steps))}")
        return "\n".join([*lines, *([f"  {self.reason}"] if self.reason else [])])


@dataclass(frozen=True)
class Confluence:
    """The joinings of all critical pairs of a set of rules, in the order of the pairs."""

    joinings: tuple[Joining, ...]

    @property
    def locally_confluent(self) -> bool | None:
        """True if that is proved, False if a pair refutes it, None if neither."""
        if any(joined.verdict == "not_joinable" for joined in self.joinings):
            return False
        return True if all(joined.general for joined in self.joinings) else None

    def __str__(self) -> str:
        answer = {True: "locally confluent", False: "not locally confluent", None: "local confluence unknown"}
        counts = Counter(joined.verdict.replace("_", " ") for joined in self.joinings)
        shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "none"
        open_ones = [str(joined) for joined in self.joinings if joined.verdict != "joinable"]
        return "\n".join([f"{answer[self.locally_confluent]}; critical pairs: {shown}", *open_ones])


def confluence(
    rules: Iterable[Rule] | Grammar,
    *,
    types: Types = "inferred",
    limit: int = LIMIT,
    depth: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Confluence:
    """Try to join every critical pair of some rules, each through at most `limit` states and `depth` steps a side.

    Rules with parameters are not tried: nobody binds them. `types` is as in `critical_pairs`, `progress(done, all)`
    counts pairs. Raises `TooManyOverlaps`. A state costs a search for all rules."""
    given = rules.rules if isinstance(rules, Grammar) else tuple(rules)
    pairs = critical_pairs(rules if isinstance(rules, Grammar) else given, types=types)
    joinings = []
    for done, pair in enumerate(pairs):
        if progress is not None:
            progress(done, len(pairs))
        joinings.append(joining(pair, given, limit=limit, depth=depth))
    if progress is not None:
        progress(len(pairs), len(pairs))
    return Confluence(tuple(joinings))


def joining(
    pair: CriticalPair, rules: Iterable[Rule], *, limit: int = LIMIT, depth: int | None = None
) -> Joining:
    """Try to join one critical pair by these rules."""
    if not pair.certain:
        reason = "its conditions are undecided, so there is no graph to start from"
        return Joining(pair, "unknown", pair.graph, pair.graph, reason=reason)
    first = Match(pair.first, pair.first_match)
    second = Match(pair.second, pair.second_match)
    left = rewrite(pair.graph, pair.first, first, pair.parameters[0]).graph
    right = rewrite(pair.graph, pair.second, second, pair.parameters[1]).graph
    given = tuple(rules)
    try:
        return _joined(pair, left, right, given, limit, depth)
    except TooRegular as error:
        return Joining(pair, "unknown", left, right, reason=str(error))


# -- two searches that meet --------------------------------------------------------------------------------------


def _joined(
    pair: CriticalPair, left: Graph, right: Graph, rules: tuple[Rule, ...], limit: int, depth: int | None
) -> Joining:
    pins = _ids(pair.graph)
    kept = pins & _ids(left) & _ids(right)
    canonizer = Canonizer()
    tried = tuple(rule for rule in rules if not rule.parameters)
    sides = _Side(left, pins, kept, tried, canonizer), _Side(right, pins, kept, tried, canonizer)
    while not (common := sides[0].meets(sides[1])):
        open_sides = [side for side in sides if side.waiting and (depth is None or side.depth < depth)]
        if not open_sides or sum(len(side.states) for side in sides) >= limit:
            return _parted(pair, sides, tried == rules)
        min(open_sides, key=lambda side: len(side.states)).advance()
    one, other = sides[0].states[common], sides[1].states[common]
    kept_values = not any(rule.assignments or rule.relabels for rule in (pair.first, pair.second))
    general = _same_step(pair) or (kept_values and all(map(_is_plain, one.steps + other.steps)))
    return Joining(pair, "joinable", one.graph, other.graph, one.names, other.names, general)


def _parted(pair: CriticalPair, sides: tuple[_Side, _Side], all_tried: bool) -> Joining:
    """They did not meet strictly: because they cannot, or because not all was tried."""
    left, right = sides
    reason = ""
    if left.waiting or right.waiting:
        reason = f"not within {len(left.states) + len(right.states)} states"
    elif not all_tried:
        reason = "rules with parameters were not tried"
    elif left.looks() & right.looks():
        reason = "they meet, but not strictly: an element of the overlap is lost or exchanged"
    if reason:
        return Joining(pair, "unknown", left.start, right.start, reason=reason)
    one, other = left.normal_form(), right.normal_form()
    if one is None or other is None:
        reason = "one of them never comes to rest"
        return Joining(pair, "not_joinable", left.start, right.start, reason=reason)
    return Joining(pair, "not_joinable", one.graph, other.graph, one.names, other.names)


@dataclass
class _State:
    graph: Graph
    steps: tuple[Rule, ...]
    is_strict: bool
    is_normal: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(rule.name for rule in self.steps)


class _Side:
    """What one graph leads to, breadth first, up to isomorphisms that leave pinned elements where they are."""

    def __init__(
        self,
        start: Graph,
        pins: frozenset[str],
        kept: frozenset[str],
        rules: tuple[Rule, ...],
        canonizer: Canonizer,
    ) -> None:
        self.start = start
        self.states: dict[bytes, _State] = {}
        self.waiting: deque[_State] = deque()
        self._pins = pins
        self._kept = kept
        self._rules = rules
        self._canonizer = canonizer
        self._add(start, ())

    @property
    def depth(self) -> int:
        """How many steps led to what is looked at next."""
        return len(self.waiting[0].steps)

    def advance(self) -> None:
        """Add what the next waiting state leads to."""
        state = self.waiting.popleft()
        state.is_normal = True
        for rule, later in _successors(state.graph, self._rules):
            state.is_normal = False
            self._add(later, (*state.steps, rule))

    def _add(self, graph: Graph, steps: tuple[Rule, ...]) -> None:
        key = self._canonizer.form(_pinned(graph, self._pins)).certificate
        if key not in self.states:
            self.states[key] = _State(graph, steps, _ids(graph) >= self._kept)
            self.waiting.append(self.states[key])

    def meets(self, other: _Side) -> bytes | None:
        """The first state that the other has too, and in which all is there that was kept."""
        shared = (key for key, state in self.states.items() if state.is_strict and key in other.states)
        return next(shared, None)

    def normal_form(self) -> _State | None:
        """The first state to which no rule applies."""
        return next((state for state in self.states.values() if state.is_normal), None)

    def looks(self) -> set[bytes]:
        """The states up to any isomorphism."""
        return {self._canonizer.form(state.graph).certificate for state in self.states.values()}


def _successors(graph: Graph, rules: tuple[Rule, ...]) -> Iterator[tuple[Rule, Graph]]:
    head = Head.of(graph)
    for rule in rules:
        for match in matches(rule, head):
            if gluing(rule, match, head) is None:
                yield rule, rewrite(graph, rule, match).graph


def _ids(graph: Graph) -> frozenset[str]:
    return frozenset(element.id for element in (*graph.nodes(), *graph.edges()))


def _pinned(graph: Graph, pins: frozenset[str]) -> Graph:
    """The graph with the ids of some elements written into them, so that no isomorphism exchanges them."""
    nodes = [Node(n.id, n.labels, {"": [n.id, n.data]}) if n.id in pins else n for n in graph.nodes()]
    edges = [
        Edge(e.id, e.source, e.label, e.target, {"": [e.id, e.data]}) if e.id in pins else e
        for e in graph.edges()
    ]
    return Graph().replaced([*nodes, *edges])


def _same_step(pair: CriticalPair) -> bool:
    """Whether the two rewrites are one and the same."""
    return pair.first == pair.second and pair.first_match == pair.second_match and not pair.first.parameters


def _is_plain(rule: Rule) -> bool:
    """Whether only structure decides where the rule applies, and it changes nothing else."""
    return not (rule.where or rule.nacs or rule.assignments or rule.relabels)
