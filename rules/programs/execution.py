"""Executing the program of a grammar: rule after rule, as its steps say, on one head.

    G0 ==(r1, m1)==> G1 ==(r2, m2)==> ... ==(rn, mn)==> Gn        (Ehrig et al. 2006, definition 3.2)

Which rule comes next is the program's to say (`instruction`), where it applies is found by `candidates`, and what
happens is `rewrite`'s. A rule that should be applied n times and finds fewer matches is applied at those, and the
execution says so (`short`). No search and no rewriting may live here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from itonami.graphstore.collector import uncollected
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.rules.effect import Ids
from itonami.rules.errors import RuleError
from itonami.rules.gluing import gluing
from itonami.rules.grammar import Grammar
from itonami.rules.match import matches
from itonami.rules.programs.candidates import Candidates
from itonami.rules.programs.instruction import AllOf, FirstOf, Instruction, Repeat, Times, as_long_as_possible
from itonami.rules.rewrite import fire
from itonami.rules.rule import Rule

__all__ = ["DEFAULT_LIMIT", "Execution", "Short", "execute"]

DEFAULT_LIMIT = 5_000_000
MAX_SHORT = 20
PROGRESS_EVERY = 1_000
SETTLE_EVERY = 1_024
"""Nobody asks an execution what it changed, so the head need not remember."""


@dataclass(frozen=True, slots=True)
class Short:
    """A step of the program at `place` that asked for more applications of a rule than there were."""

    place: str
    rule: str
    asked: int
    applied: int


@dataclass(frozen=True)
class Execution:
    """What was done. `applied` counts rewrites by rule, `events` are (rule, match ids) where they were asked for,
    `complete` says that the program came to its end; `short` has its first steps that fell short."""

    head: Head
    rewrites: int
    applied: dict[str, int]
    events: tuple[tuple[str, Ids], ...]
    complete: bool
    short: tuple[Short, ...]

    def graph(self) -> Graph:
        """The graph it led to. O(n log n)."""
        return Graph().replaced([*self.head.nodes(), *self.head.edges()])


def execute(
    grammar: Grammar,
    start: str | Graph | None = None,
    n: int | None = None,
    *,
    limit: int = DEFAULT_LIMIT,
    record: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Execution:
    """Run a grammar's program from a start graph, or from that of a key, with N = n. Without a program: whichever
    rule applies first, until none does.

    Stops after `limit` rewrites; `record` keeps the events; `progress` is told how many rewrites were done, every
    `PROGRESS_EVERY`. Raises `RuleError` where the program needs an N, or a rule has parameters. O(graph + rewrites),
    each rewrite at a cost that does not depend on the graph's size where patterns are connected: 10 us and up."""
    graph = start if isinstance(start, Graph) else grammar.start(start, n)
    size = n if isinstance(start, Graph) else grammar.size(start, n)
    program = grammar.program or as_long_as_possible([rule.name for rule in grammar.rules])
    machine = _Machine(grammar, _used(grammar, program), Head.of(graph), size, limit)
    applied, events = Counter[str](), list[tuple[str, Ids]]()
    complete = True
    try:
        with uncollected():
            for name, ids in machine.run(program):
                applied[name] += 1
                if record:
                    events.append((name, ids))
                if progress is not None and machine.rewrites % PROGRESS_EVERY == 0:
                    progress(machine.rewrites)
    except _LimitReached:
        complete = False
    rewrites, short = machine.rewrites, tuple(machine.short)
    return Execution(machine.head, rewrites, dict(applied), tuple(events), complete, short)


def _used(grammar: Grammar, program: tuple[Instruction, ...]) -> list[Rule]:
    """The rules that a program mentions, in the grammar's order; `RuleError` for one that has parameters."""
    mentioned = set(_mentioned(program))
    used = [rule for rule in grammar.rules if rule.name in mentioned]
    for rule in used:
        if rule.parameters:
            what = f"a program binds no parameters, and the rule needs ${rule.parameters[0]}"
            raise RuleError(what, where=f"rule {rule.name!r}", fix="set constants instead")
    return used


def _mentioned(program: Iterable[Instruction]) -> Iterator[str]:
    for step in program:
        match step:
            case Repeat():
                yield from _mentioned(step.body)
            case FirstOf():
                yield from step.rules
            case _:
                yield step.rule


class _LimitReached(Exception):
    """There is another rewrite to do, and the limit forbids it."""


class _Machine:
    """Runs steps on a head; each rewrite is yielded after it was done."""

    def __init__(self, grammar: Grammar, rules: list[Rule], head: Head, size: int | None, limit: int) -> None:
        self.head = head
        self.rewrites = 0
        self.short: list[Short] = []
        self._rules = {rule.name: rule for rule in rules}
        self._modes = grammar.injective, grammar.nac_injective
        self._candidates = Candidates(rules, *self._modes)
        self._size = size
        self._limit = limit

    def run(self, steps: tuple[Instruction, ...]) -> Iterator[tuple[str, Ids]]:
        """Run steps in order."""
        for step in steps:
            match step:
                case Times():
                    yield from self._times(step)
                case Repeat():
                    yield from self._repeat(step)
                case FirstOf():
                    yield from self._first_of(step)
                case AllOf():
                    yield from self._all_of(step)

    def _times(self, step: Times) -> Iterator[tuple[str, Ids]]:
        name, count, done = step.rule, step.count.at(self._size, step.place), 0
        while done != count:
            ids = self._candidates.next(name, self.head)
            if ids is None:
                if count is not None and len(self.short) < MAX_SHORT:
                    self.short.append(Short(step.place, name, count, done))
                return
            self._fire(name, ids)
            done += 1
            yield name, ids

    def _repeat(self, step: Repeat) -> Iterator[tuple[str, Ids]]:
        count, done = step.count.at(self._size, f"{step.place}.repeat"), 0
        while done != count:
            before, short = self.rewrites, len(self.short)
            yield from self.run(step.body)
            if count is None:
                del self.short[short:]  # to find nothing is how such a repetition ends
            if self.rewrites == before:
                return  # nothing has changed, so no later pass would apply anything either
            done += 1

    def _first_of(self, step: FirstOf) -> Iterator[tuple[str, Ids]]:
        for name in step.rules:
            ids = self._candidates.next(name, self.head)
            if ids is not None:
                self._fire(name, ids)
                yield name, ids
                return

    def _all_of(self, step: AllOf) -> Iterator[tuple[str, Ids]]:
        rule = self._rules[step.rule]
        injective, nac_injective = self._modes
        holds = rule.program.holds(injective=injective, nac_injective=nac_injective)
        for match in list(matches(rule, self.head, injective, nac_injective=nac_injective)):
            if holds(self.head, None, match.ids) and gluing(rule, match, self.head) is None:
                self._fire(rule.name, match.ids)
                yield rule.name, match.ids

    def _fire(self, name: str, ids: Ids) -> None:
        if self.rewrites == self._limit:
            raise _LimitReached
        changes = fire(self.head, self._rules[name], ids, {})
        self._candidates.fired(name, ids, self.head, changes)
        self.rewrites += 1
        if self.rewrites % SETTLE_EVERY == 0:
            self.head.settle()
