"""Model checking: what always, never or at last holds in a state space.

    never(p)                AG not p     no state satisfies p
    reachable(p)            EF p         some state does
    eventually(p)           AF p         every run from the start comes to a state that does
    always_eventually(p)    AG AF p      every run comes to such states again and again

A run is a path that is infinite or ends where no rule applies, and rests there: so a deadlock that does not satisfy p
violates the last two, and one that does satisfies them. No fairness is assumed. Safety is looked up in the states, in
the order of their distance, so the path shown is a shortest one; liveness fails iff a cycle or a deadlock without p can
be reached, and is decided by the strongly connected components of the states without p. (Baier and Katoen, Principles
of Model Checking, 2008, sections 3.3 and 6.3-6.4; components: Tarjan, SIAM J. Computing 1, 1972.) A space that was cut
short can still refute, and show what is reachable; else the answer is unknown. No exploration may live here.

    space = explore(grammar)
    verdict = never(space, "match (p)-[:left]->(f), (q)-[:left]->(f)")
    verdict.holds, verdict.reason, verdict.trace        # True, False or None; why; the run that shows it
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from itonami.graphstore.graph import GraphView
from itonami.rules.analysis.statespace import StateSpace, check_reads
from itonami.rules.errors import RuleError
from itonami.rules.replay import Event
from itonami.rules.rule import Rule

__all__ = [
    "Condition",
    "Trace",
    "Verdict",
    "always_eventually",
    "eventually",
    "never",
    "reachable",
    "satisfying",
]

Condition = str | Rule | Callable[[GraphView], bool]
"""What holds of a graph: clauses of a rule (`match ... where ... not ...`) or a rule without effect, which hold where
it has a match; or a function of the graph, which must neither keep nor change it (nor go by ids that the space does
not tell apart)."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A run: the states it passes, and the events that lead along them, as `replay` takes them from the start graph.

    `loop` is the place in `states` to which the last state goes back, by the last event; None where the run ends."""

    states: tuple[int, ...]
    events: tuple[Event, ...]
    loop: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a property holds; None is unknown. `trace` is a counterexample, or the way to what is reachable."""

    holds: bool | None
    reason: str
    trace: Trace | None = None

    def __bool__(self) -> bool:
        return self.holds is True


def satisfying(space: StateSpace, condition: Condition) -> Iterator[int]:
    """The states at which a condition holds, in their order. A few us a state."""
    holds = _test(space, condition)
    return (state for state in space.states if holds(space.view(state)))


def reachable(space: StateSpace, condition: Condition) -> Verdict:
    """EF: whether some state satisfies the condition; the trace is a shortest way to it."""
    state = next(satisfying(space, condition), None)
    if state is not None:
        return Verdict(True, f"state {state} satisfies it", _trace(space, space.way(state)))
    return _unless_cut(space, False, "no state satisfies it")


def never(space: StateSpace, condition: Condition) -> Verdict:
    """AG not: whether no state satisfies the condition; the trace is a shortest way to one that does."""
    found = reachable(space, condition)
    return Verdict(None if found.holds is None else not found.holds, found.reason, found.trace)


def eventually(space: StateSpace, condition: Condition) -> Verdict:
    """AF: whether every run from the start comes to a state that satisfies the condition."""
    good = set(satisfying(space, condition))
    origins: dict[int, int] = {} if 0 in good else {0: -1}
    queue = list(origins)
    for state in queue:
        for number in space.leaving(state):
            target = space.target(number)
            if target not in good and target not in origins:
                origins[target] = number
                queue.append(target)
    way = partial(_back, space, origins, 0)
    return _recurs(space, origins, way)


def always_eventually(space: StateSpace, condition: Condition) -> Verdict:
    """AG AF: whether every run comes to states that satisfy the condition again and again."""
    good = set(satisfying(space, condition))
    return _recurs(space, {state for state in space.states if state not in good}, space.way)


# -- liveness --------------------------------------------------------------------------------------------------


def _recurs(space: StateSpace, without: Container[int], way: Callable[[int], list[int]]) -> Verdict:
    """Whether no run ends or goes round in the states without the condition; `way` is how to get to one."""
    deadlock = next((state for state in space.finals if state in without), None)
    component = _cyclic(space, without)
    if component is not None and (deadlock is None or min(component) < deadlock):
        state = min(component)
        stem, cycle = way(state), _cycle(space, component, state)
        reason = f"a run goes round state {state} without satisfying it"
        return Verdict(False, reason, _trace(space, [*stem, *cycle], loop=len(stem)))
    if deadlock is not None:
        reason = f"a run ends in state {deadlock} without satisfying it"
        return Verdict(False, reason, _trace(space, way(deadlock)))
    return _unless_cut(space, True, "every run comes to a state that satisfies it")


def _cyclic(space: StateSpace, among: Container[int]) -> set[int] | None:
    """The strongly connected component with a cycle that has the first state, or None."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_edges_from(
        (state, target)
        for state in range(space.expanded)
        if state in among
        for target in space.successors(state)
        if target in among
    )
    components = (
        component
        for component in networkx.strongly_connected_components(graph)
        if len(component) > 1 or graph.has_edge(*(tuple(component) * 2))
    )
    return min(components, key=min, default=None)


def _cycle(space: StateSpace, component: Container[int], start: int) -> list[int]:
    """The transitions of a shortest cycle through a state within its component."""
    origins: dict[int, int] = {}
    queue = [start]
    for state in queue:
        for number in space.leaving(state):
            target = space.target(number)
            if target == start:
                return [*_back(space, origins, start, state), number]
            if target in component and target not in origins:
                origins[target] = number
                queue.append(target)
    raise AssertionError("a strongly connected component has a cycle through each of its states")


def _back(space: StateSpace, origins: Mapping[int, int], start: int, state: int) -> list[int]:
    """The transitions from start to state, by the transition that each state on the way was found by."""
    numbers = []
    while state != start:
        numbers.append(origins[state])
        state = space.transitions[numbers[-1]].source
    return numbers[::-1]


# -- verdicts --------------------------------------------------------------------------------------------------


def _unless_cut(space: StateSpace, holds: bool, reason: str) -> Verdict:
    """The verdict, if the space is complete."""
    if space.complete:
        return Verdict(holds, reason)
    return Verdict(None, f"unknown, for the space was cut short: {space.reason}")


def _trace(space: StateSpace, numbers: Sequence[int], loop: int | None = None) -> Trace:
    states = (0, *map(space.target, numbers))
    return Trace(states if loop is None else states[:-1], tuple(space.derivation(numbers)), loop)


def _test(space: StateSpace, condition: Condition) -> Callable[..., bool]:
    """The condition as a function of a head."""
    if isinstance(condition, str):
        condition = Rule.parse(f"rule condition\n{condition}")
    if not isinstance(condition, Rule):
        return condition
    if condition.delete or condition.create or condition.assignments or condition.relabels:
        raise RuleError(
            "a condition changes nothing", where=f"rule {condition.name!r}", fix="leave its effect out"
        )
    if condition.parameters:
        raise RuleError(
            f"a condition has no parameters, and this reads ${condition.parameters[0]}",
            where=f"rule {condition.name!r}",
            fix="write the value",
        )
    check_reads(condition, space.isomorphic)
    finder = condition.program.finder(applicable=False)
    return lambda head: next(finder(head, None), None) is not None
