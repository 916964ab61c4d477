"""Exploration: all graphs that a grammar reaches from its start, and all rule applications between them.

    states = {start};  for each state s, for each rule r and match m that apply:  s --(r, m)--> s',  s' a state

Breadth first. Two graphs are one state iff they are equal with edge ids erased, or, `isomorphic`, iff they are
isomorphic; both are exact: markings of the ground net are compared, or certificates of `canonical`. Rules of a lower
priority apply only where none of a higher one does, external ones only where no internal one does, as the engine has
it. (Rensink, The GROOVE Simulator, AGTIVE 2003; isomorphism: Rensink, Isomorphism checking in GROOVE, GraBaTs 2006.)

A successor costs one addition and one lookup, for what an application adds to a marking is kept with it. Only a new
state is looked at: what applied to its parent and was not touched still applies (Local Church-Rosser), the rest is
checked again, and what is new is found from the seeds of the agenda (`triggers`). No property of a space may be
decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from time import monotonic
from typing import Any

from itonami.graphstore.codec import Value, normalise
from itonami.graphstore.collector import uncollected
from itonami.graphstore.errors import InvalidValue
from itonami.graphstore.graph import Graph
from itonami.rules.analysis.canonical import Canonizer, TooRegular
from itonami.rules.analysis.ground import MAX_FIRINGS, Change, Ground, Symmetry, fire_pooled, weight
from itonami.rules.analysis.statespace import Action, Found, Move, StateSpace, check_reads
from itonami.rules.effect import Ids
from itonami.rules.errors import RuleError
from itonami.rules.gluing import gluing
from itonami.rules.grammar import Grammar
from itonami.rules.match import Match
from itonami.rules.pattern import Injective
from itonami.rules.rewrite import fire
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet
from itonami.rules.triggers import Seed, Triggers

__all__ = ["DEFAULT_LIMIT", "DEFAULT_TRANSITIONS", "Progress", "explore"]

DEFAULT_LIMIT = 1_000_000
DEFAULT_TRANSITIONS = 10_000_000
MAX_SYMMETRIES = 64
MAX_BYTES = 1 << 29
"""What markings may take; more only where ids of created nodes are kept, and new ones come for ever."""

_REPORT_EVERY = 1_024

Choices = Mapping[str, Sequence[Mapping[str, Value]]]
"""rule name: the parameters it may fire with, each a map"""

_Modes = tuple[Injective, Injective]  # of matches, of the embeddings of NACs


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an exploration is; `queue` counts the states that wait to be expanded."""

    states: int
    transitions: int
    queue: int


def explore(
    grammar: Grammar | RuleSet | Iterable[Rule],
    isomorphic: bool | None = None,
    limit: int = DEFAULT_LIMIT,
    depth: int | None = None,
    *,
    start: Graph | str | None = None,
    transitions: int = DEFAULT_TRANSITIONS,
    seconds: float | None = None,
    choices: Choices | None = None,
    progress: Callable[[Progress], object] | None = None,
    clock: Callable[[], float] = monotonic,
) -> StateSpace:
    """The state space of a grammar from one of its starts (by key), or of rules from a start graph.

    `isomorphic` None is as the grammar says; for rules, whether one creates nodes (the ids of what is created tell
    how it came about, so exact states may be many more). At most `limit` states and `transitions`, `depth`
    applications from the start and so many `seconds`: beyond, the space is not `complete`, says why, and holds what
    was found. A rule with parameters fires with each of its `choices`. `progress` is called every 1,024 states and at
    the end; what it raises ends the exploration.

    Raises `RuleError` for parameters without choices, and for rules that read what is erased: ids of edges, and up to
    isomorphism of nodes (comparing two ids is no such reading). It costs some 50 us a state, 1 us a transition, and up
    to isomorphism once more as much for each refinement of a state's colours."""
    if isinstance(grammar, Grammar):
        rules, graph = grammar.rules, start if isinstance(start, Graph) else grammar.start(start)
        isomorphic = grammar.isomorphic if isomorphic is None else isomorphic
        modes: _Modes = (grammar.injective, grammar.nac_injective)
    else:
        rules, modes = tuple(grammar), (True, True)
        if not isinstance(start, Graph):
            raise InvalidValue("rules have no start graph", where="explore", fix="pass start=graph")
        graph = start
    if isomorphic is None:
        isomorphic = any(rule.create.nodes for rule in rules)
    if not 0 < limit <= MAX_FIRINGS:
        raise InvalidValue(f"limit is {limit}", where="explore", fix=f"use 1 to {MAX_FIRINGS}")
    for rule in rules:
        check_reads(rule, isomorphic)
    limits = _Limits(limit, transitions, depth, None if seconds is None else clock() + seconds, clock)
    explorer = _Explorer(_Search(_moves(rules, choices or {}), graph, modes, isomorphic), limits, isomorphic)
    with uncollected():
        reason = explorer.run(progress or (lambda _: None))
    return StateSpace(explorer.found, explorer.search.ground, graph, isomorphic, reason)


def _moves(rules: Iterable[Rule], choices: Choices) -> list[Move]:
    """The rules with their parameters, highest rank first."""
    moves: list[Move] = []
    for rule in sorted(rules, key=lambda rule: (rule.external, -rule.priority)):
        given: Sequence[Mapping[str, Value]] = choices.get(rule.name, ()) if rule.parameters else ({},)
        if not given:
            names = ", ".join(f"${name}" for name in rule.parameters)
            raise RuleError(
                f"the parameters {names} have no values",
                where=f"rule {rule.name!r}",
                fix=f"pass choices={{{rule.name!r}: [{{...}}]}}",
            )
        for params in given:
            if missing := set(rule.parameters) - params.keys():
                raise RuleError(f"a choice does not bind ${min(missing)}", where=f"rule {rule.name!r}")
            moves.append(Move(rule, normalise(params), (not rule.external, rule.priority), len(moves)))
    return moves


# -- what applies ----------------------------------------------------------------------------------------------

Enabled = tuple[int, ...]
"""The numbers of the actions that apply in a state, whatever their priority"""


class _Search:
    """Finds what applies at a marking, afresh or from what applied before."""

    def __init__(self, moves: list[Move], start: Graph, modes: _Modes, isomorphic: bool) -> None:
        self.ground = Ground(start, fire_pooled if isomorphic else fire)
        self.actions: list[Action] = []
        self._modes = modes
        self._moves = moves
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._strict = modes == (True, True)
        rules = list({id(move.rule): move.rule for move in moves}.values())
        plain = [replace(rule, external=False, priority=0) for rule in rules]
        self._triggers = Triggers(plain)
        places = {id(twin): id(rule) for twin, rule in zip(plain, rules, strict=True)}
        self._moves_of = {
            twin: [move for move in moves if id(move.rule) == rule] for twin, rule in places.items()
        }
        self._ids: list[Ids] = []
        self._local: list[bool] = []  # whether what is apart from the match cannot stop the action

    def everywhere(self) -> Iterator[int]:
        """The actions that apply where the head stands, by a search of the whole graph."""
        head = self.ground.head
        for move in self._moves:
            finder = move.rule.program.finder(
                injective=self._modes[0], nac_injective=self._modes[1], applicable=self._strict, guarded=True
            )
            for ids in finder(head, move.params):
                if self._strict or gluing(move.rule, Match(move.rule, ids, *self._modes), head) is None:
                    yield self._action(move, ids)

    def after(self, change: Change, before: Enabled) -> Iterator[int]:
        """The actions that apply where the head stands, given those before the change that led there."""
        if not self._strict:
            return self.everywhere()
        step, touched = self.ground.step(change)
        ids, local, apart = self._ids, self._local, touched.isdisjoint
        kept = []
        for number in before:
            if apart(ids[number]) and local[number]:
                kept.append(number)
            elif (found := self._again(self.actions[number])) is not None:
                kept.append(found)
        seeds = self._triggers.seeds(self.ground.head, step)
        return chain(kept, self._new(seeds, set(kept))) if seeds else iter(kept)

    def _again(self, action: Action) -> int | None:
        """The action at what its match is now, if it still applies."""
        holds = action.move.rule.program.holds(applicable=True, guarded=True)
        if not holds(self.ground.head, action.move.params, action.ids):
            return None
        return self._action(action.move, action.ids)

    def _new(self, seeds: Iterable[Seed], seen: set[int]) -> Iterator[int]:
        """The actions that the seeds lead to, but for those that were seen."""
        head, triggers = self.ground.head, self._triggers
        for number, anchor in dict.fromkeys(seeds):
            finder, moves = triggers.finder(number), self._moves_of[id(triggers.rules[number])]
            for ids in finder(head, None, anchor) if anchor else finder(head, None):
                for move in moves:
                    if move.rule.guard_parameters:
                        holds = move.rule.program.holds(applicable=True, guarded=True)
                        if not holds(head, move.params, ids):
                            continue
                    if (found := self._action(move, ids)) not in seen:
                        seen.add(found)
                        yield found

    def change(self, action: Action) -> Change:
        """What the action changes where the head stands."""
        if action.change is not None:
            return action.change
        return self.ground.change(action.move.rule, action.ids, action.move.params)[0]

    def _action(self, move: Move, ids: Ids) -> int:
        """The number of a move at a match where the head stands. What it changes is a function of the match and, if it
        reads nodes to write, of these nodes."""
        key: tuple[Any, ...] = (move.number, ids)
        if move.writes_nodes:
            nodes = self.ground.head.node_by_id
            key += tuple([nodes[id] for id in ids[: len(move.rule.L.nodes)]])
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.actions)
            change = None
            if not move.rule.create.nodes:
                change = self.ground.change(move.rule, ids, move.params)[0]
            self.actions.append(Action(move, ids, change, 0 if change is None else weight(change)))
            self._ids.append(ids)
            self._local.append(move.local)
        return number


# -- the exploration -------------------------------------------------------------------------------------------


class _Stop(Exception):
    """A limit was met; the argument says which."""


@dataclass(frozen=True, slots=True)
class _Limits:
    states: int
    transitions: int
    depth: int | None
    deadline: float | None
    clock: Callable[[], float]

    def check_time(self) -> None:
        if self.deadline is not None and self.clock() >= self.deadline:
            raise _Stop("the time is up")


class _Explorer:
    """One exploration. `known` maps each marking that was met to its state; up to isomorphism, several to one."""

    def __init__(self, search: _Search, limits: _Limits, isomorphic: bool) -> None:
        self.search = search
        self.found = Found(actions=search.actions)
        self._limits = limits
        self._known: dict[int, int] = {}
        self._canonizer = Canonizer() if isomorphic else None
        self._forms: dict[bytes, int] = {}
        self._symmetries: list[Symmetry] = []  # they tell of graphs that they are isomorphic, without a look
        self._queue: deque[tuple[Change, Enabled] | None] = deque()
        self._bytes = 0
        self._ranked = len({move.rank for move in search._moves}) > 1

    def run(self, progress: Callable[[Progress], object]) -> str | None:
        """Expand state after state; None, or which limit was met."""
        found, reason = self.found, None
        try:
            if self._canonizer is not None:
                names = self._canonizer.automorphisms(self.search.ground.head, MAX_SYMMETRIES)
                self._symmetries = [Symmetry(name) for name in names]
            self._state(0, None)
            while self._queue:
                state = len(found.first) - 1
                if state % _REPORT_EVERY == 0 and state:
                    progress(self._progress())
                if state == found.levels[-1]:
                    self._next_level()
                self._expand(found.markings[state], self._queue[0])
                self._queue.popleft()
                found.first.append(len(found.fired))
        except (_Stop, TooRegular) as stop:
            reason = str(stop)
        progress(self._progress())
        return reason

    def _progress(self) -> Progress:
        return Progress(len(self.found.markings), len(self.found.fired), len(self._queue))

    def _next_level(self) -> None:
        levels = self.found.levels
        if self._limits.depth is not None and len(levels) - 1 >= self._limits.depth:
            raise _Stop(f"{self._limits.depth} steps from the start are reached")
        levels.append(len(self.found.markings))

    def _expand(self, marking: int, came: tuple[Change, Enabled] | None) -> None:
        """Write down all transitions of a state."""
        search, found, known = self.search, self.found, self._known
        search.ground.go(marking)
        self._limits.check_time()
        enabled = self._enabled(search.everywhere() if came is None else search.after(*came))
        actions, fired, targets, most = search.actions, found.fired, found.targets, self._limits.transitions
        for number in self._first(enabled) if self._ranked else enabled:
            if len(fired) >= most:
                raise _Stop(f"{most} transitions are reached")
            action = actions[number]
            if (change := action.change) is not None:
                reached = marking + action.weight
            else:
                change = search.change(action)
                reached = marking + weight(change)
            target = known.get(reached)
            if target is None:
                target = self._state(reached, (change, enabled))
                if self._canonizer is not None:
                    search.ground.go(marking)
            fired.append(number)
            targets.append(target)

    def _enabled(self, found: Iterator[int]) -> Enabled:
        """All actions that apply, unless there are more than transitions allowed."""
        enabled = list(islice(found, _REPORT_EVERY))
        while len(enabled) % _REPORT_EVERY == 0 and (more := list(islice(found, _REPORT_EVERY))):
            self._limits.check_time()
            enabled += more
            if len(enabled) > self._limits.transitions:
                raise _Stop(f"one state has more than {self._limits.transitions} transitions")
        return tuple(enabled)

    def _first(self, enabled: Enabled) -> Enabled:
        """The actions of the highest rank among them."""
        ranks = [self.search.actions[number].move.rank for number in enabled]
        highest = max(ranks, default=None)
        return tuple([number for number, rank in zip(enabled, ranks, strict=True) if rank == highest])

    def _state(self, marking: int, came: tuple[Change, Enabled] | None) -> int:
        """The state of a marking that was not met before: a new one, unless it is isomorphic to another."""
        found = self.found
        number = len(found.markings)
        if self._canonizer is not None:
            form = self._canonizer.form(self.search.ground.go(marking))
            known = self._forms.setdefault(form.certificate, number)
            if known < number:
                self._known[marking] = known
                return known
        if number >= self._limits.states:
            raise _Stop(f"{number} states are reached")
        self._bytes += marking.bit_length() // 8
        if self._bytes > MAX_BYTES:
            raise _Stop(f"{number} states take more than {MAX_BYTES >> 20} MiB")
        self._known[marking] = number
        if self._symmetries:
            for image in self.search.ground.images(marking, self._symmetries):
                self._known.setdefault(image, number)
        found.markings.append(marking)
        found.origins.append(len(found.fired))
        self._queue.append(came)
        return number
