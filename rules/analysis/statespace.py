"""State spaces: the graphs that a grammar reaches, and the rule applications between them.

    s0 --(r, m)--> s1 --(r', m')--> ...        states are numbered as they were found, breadth first

So the path on which a state was found is a shortest one. A state is kept as the marking of a ground net (`ground`), a
transition as two integers; graphs, matches and paths are made when asked for. States below `expanded` have all their
transitions here; if the space is not `complete`, `reason` says what cut it short. (Baier and Katoen, Principles of
Model Checking, 2008, chapter 2: transition systems.) How spaces are found is in `explore`, what holds in them in
`temporal`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, overload

from itonami.graphstore.codec import Value
from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Edge, Graph
from itonami.graphstore.head import Head
from itonami.rules.analysis.canonical import Canonizer
from itonami.rules.analysis.ground import Change, Ground, weight
from itonami.rules.effect import Ids
from itonami.rules.errors import RuleError
from itonami.rules.replay import Event
from itonami.rules.rewrite import fire
from itonami.rules.rule import Rule
from itonami.rules.term import Binary, Id, Term

if TYPE_CHECKING:
    import networkx

__all__ = ["Action", "Move", "StateSpace", "Transition", "Transitions", "check_reads"]


@dataclass(frozen=True, eq=False)
class Move:
    """A rule with the parameters it fires with. Moves of the highest `rank` that apply somewhere go first."""

    rule: Rule
    params: Mapping[str, Value]
    rank: tuple[bool, int]
    number: int

    @cached_property
    def local(self) -> bool:
        """Whether only what it matches can stop it: it has no NAC, and leaves nothing dangling."""
        return not (self.rule.nacs or self._deletes_nodes)

    @cached_property
    def writes_nodes(self) -> bool:
        """Whether what it changes is a function of what its nodes are."""
        return self._deletes_nodes or bool(self.rule.assignments or self.rule.relabels)

    @property
    def _deletes_nodes(self) -> bool:
        return any(node.variable in self.rule.delete for node in self.rule.L.nodes)


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """A move at a match, whatever the state: `change` is None if it depends on the state (it names new nodes)."""

    move: Move
    ids: Ids
    change: Change | None
    weight: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule application from a state to a state. `ids` is its match in the graph of the source, in the order of the
    rule's variables."""

    source: int
    target: int
    rule: str
    ids: Ids
    params: Mapping[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Found:
    """What an exploration writes down, as it goes: transition t is `actions[fired[t]]` to `targets[t]`, and those of
    state s begin at `first[s]`; `origins[s]` is the transition that found state s."""

    markings: list[int] = field(default_factory=list)
    origins: array[int] = field(default_factory=lambda: array("Q"))
    actions: list[Action] = field(default_factory=list)
    fired: array[int] = field(default_factory=lambda: array("I"))
    targets: array[int] = field(default_factory=lambda: array("I"))
    first: array[int] = field(default_factory=lambda: array("Q", [0]))
    levels: list[int] = field(default_factory=lambda: [0])


class Transitions(Sequence[Transition]):
    """The transitions in order of their source, each made when asked for."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found.fired)

    @overload
    def __getitem__(self, at: int) -> Transition: ...
    @overload
    def __getitem__(self, at: slice) -> list[Transition]: ...
    def __getitem__(self, at: int | slice) -> Transition | list[Transition]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = range(len(self))[at]
        found = self._found
        source = bisect_right(found.first, number) - 1
        action = found.actions[found.fired[number]]
        return Transition(
            source, found.targets[number], action.move.rule.name, action.ids, action.move.params
        )


class StateSpace:
    """A state space. States are numbers, 0 is the start; `len(space)` and `len(space.states)` is how many there are,
    `len(space.transitions)` how many rule applications lead from one to another."""

    def __init__(
        self, found: Found, ground: Ground, start: Graph, isomorphic: bool, reason: str | None
    ) -> None:
        self._found = found
        self._ground = ground
        self._start = start
        self.isomorphic = isomorphic
        self.reason = reason
        self.initial = 0

    @property
    def complete(self) -> bool:
        """Whether these are all states and transitions there are."""
        return self.reason is None

    @property
    def states(self) -> range:
        """The states, in the order in which they were found."""
        return range(len(self._found.markings))

    @property
    def transitions(self) -> Transitions:
        """All transitions, by source."""
        return Transitions(self._found)

    @property
    def expanded(self) -> int:
        """States below this number have all their transitions here."""
        return len(self._found.first) - 1

    @cached_property
    def finals(self) -> list[int]:
        """The states at which no rule applies: deadlocks."""
        first = self._found.first
        return [state for state in range(self.expanded) if first[state] == first[state + 1]]

    def __len__(self) -> int:
        return len(self._found.markings)

    def __repr__(self) -> str:
        cut = "" if self.complete else f", cut short: {self.reason}"
        kind = "up to isomorphism" if self.isomorphic else "exact"
        return f"<StateSpace {kind}: {len(self)} states, {len(self.transitions)} transitions{cut}>"

    # -- states --------------------------------------------------------------------------------------------

    def leaving(self, state: int) -> range:
        """The numbers of the transitions of a state: places in `transitions`."""
        self._check(state)
        first, last = self._found.first, len(self._found.fired)
        start = first[state] if state < len(first) else last
        return range(start, first[state + 1] if state + 1 < len(first) else last)

    def target(self, number: int) -> int:
        """Where a transition leads."""
        return self._found.targets[number]

    def successors(self, state: int) -> Sequence[int]:
        """The targets of a state's transitions, in order, one for each."""
        span = self.leaving(state)
        return self._found.targets[span.start : span.stop]

    def depth(self, state: int) -> int:
        """How many rule applications the state is away from the start."""
        self._check(state)
        return bisect_right(self._found.levels, state) - 1

    def graph(self, state: int) -> Graph:
        """The graph of a state. Nodes have the ids they have at the start; created nodes and edges, ids of the
        exploration (up to isomorphism any would do). O(n log n)."""
        self._check(state)
        return self._ground.graph(self._found.markings[state])

    def view(self, state: int) -> Head:
        """The graph of a state to look at, until the next call of any method. O(what differs from the last)."""
        self._check(state)
        return self._ground.go(self._found.markings[state])

    def _check(self, state: int) -> None:
        if not 0 <= state < len(self):
            raise NotFound(
                f"no state {state}", where="state space", fix=f"they are numbered 0 to {len(self) - 1}"
            )

    # -- paths ---------------------------------------------------------------------------------------------

    def path(self, state: int) -> list[Event]:
        """A shortest derivation of a state: (rule, match ids, params) of each step, as `replay` takes it from the
        start graph."""
        self._check(state)
        return self.derivation(self.way(state))

    def way(self, state: int) -> list[int]:
        """The numbers of the transitions on which a state was found."""
        numbers = []
        while state:
            numbers.append(self._found.origins[state])
            state = self.transitions[numbers[-1]].source
        return numbers[::-1]

    def derivation(self, numbers: Iterable[int]) -> list[Event]:
        """The events of transitions that follow one another from the start, as `replay` takes them.

        Matches are carried over from the graphs of the states to those that the events lead to: along equal edges,
        along the names of created nodes and, where states are told up to isomorphism, along an isomorphism."""
        return _Derivation(self._ground, self._found, self._start, self.isomorphic).events(numbers)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """A MultiDiGraph of the states; edges carry `rule`, `ids` and `params`."""
        import networkx

        result = networkx.MultiDiGraph()
        result.add_nodes_from(self.states)
        result.add_edges_from(
            (t.source, t.target, number, {"rule": t.rule, "ids": t.ids, "params": t.params})
            for number, t in enumerate(self.transitions)
        )
        return result


# -- what states do not tell -----------------------------------------------------------------------------------


def check_reads(rule: Rule, isomorphic: bool) -> None:
    """`RuleError` for a rule that depends on what the comparison of states does not see."""
    nacs = [*rule.nacs, *(inner for nac in rule.nacs for inner in nac.nacs)]
    terms = [*rule.where, *(term for nac in nacs for term in nac.where)]
    terms += [assignment.term for assignment in rule.assignments]
    patterns = (rule.L, rule.create, *(nac.pattern for nac in nacs))
    nodes = {node.variable for pattern in patterns for node in pattern.nodes}
    for variable in (variable for term in terms for variable in _read_ids(term)):
        if variable not in nodes:
            raise RuleError(
                f"it reads id({variable}), and states are compared with edge ids erased",
                where=f"rule {rule.name!r}",
                fix="give the edge a property to read instead",
            )
        if isomorphic:
            raise RuleError(
                f"it reads id({variable}), and states are compared up to isomorphism",
                where=f"rule {rule.name!r}",
                fix="explore with isomorphic=False, or give the node a property to read instead",
            )


def _read_ids(term: Term) -> Iterator[str]:
    """The variables whose ids are read otherwise than to compare two."""
    if isinstance(term, Id):
        yield term.variable
    elif not (
        isinstance(term, Binary)
        and term.operator in ("=", "<>")
        and isinstance(term.left, Id)
        and isinstance(term.right, Id)
    ):
        for part in term.parts():
            yield from _read_ids(part)


# -- derivations -----------------------------------------------------------------------------------------------


class _Derivation:
    """One derivation, played on a real head beside the ground net. `here` maps the net's node ids to real ones."""

    def __init__(self, ground: Ground, found: Found, start: Graph, isomorphic: bool) -> None:
        self._ground = ground
        self._found = found
        self._isomorphic = isomorphic
        self._head = Head.of(start)
        self._here = {node.id: node.id for node in start.nodes()}

    def events(self, numbers: Iterable[int]) -> list[Event]:
        return [self._step(number) for number in numbers]

    def _step(self, number: int) -> Event:
        found, ground = self._found, self._ground
        source = bisect_right(found.first, number) - 1
        action, target = found.actions[found.fired[number]], found.markings[found.targets[number]]
        rule, params = action.move.rule, action.move.params
        ground.go(found.markings[source])
        ids = self._real(rule, action.ids)
        change, created = ground.change(rule, action.ids, params)
        step = fire(self._head, rule, ids, params)
        self._here |= zip(created, (node.id for node in step.created_nodes), strict=True)
        reached = ground.marking + weight(change)
        if reached != target:
            self._carry_over(reached, target)
        return rule.name, ids, params

    def _real(self, rule: Rule, ids: Ids) -> Ids:
        """The match on the real head."""
        count, real = len(rule.L.nodes), [self._here[id] for id in ids[: len(rule.L.nodes)]]
        taken: dict[str, str] = {}
        for id in ids[count:]:
            if id not in taken:
                edge = self._ground.head.edge_by_id[id]
                taken[id] = next(e for e in self._copies(edge) if e not in taken.values())
            real.append(taken[id])
        return tuple(real)

    def _copies(self, like: Edge) -> Iterator[str]:
        """The ids of the real edges that are equal to one of the net but for their ids."""
        for edge in self._head.out(self._here[like.source], like.label):
            other = Edge(like.id, like.source, like.label, like.target, edge.data)
            if edge.target == self._here[like.target] and other == like:
                yield edge.id

    def _carry_over(self, reached: int, target: int) -> None:
        """From the graph that was reached to the isomorphic one that stands for the state."""
        assert self._isomorphic
        canonizer = Canonizer()
        order = canonizer.form(self._ground.go(reached)).order
        stands = canonizer.form(self._ground.go(target)).order
        self._here = {id: self._here[other] for id, other in zip(stands, order, strict=True)}
