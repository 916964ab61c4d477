"""The agenda: which rule fires next, until none applies.

After each rewrite only the finders that its changes make worth trying are queued (`triggers`), so the cost of a
step does not depend on the size of the graph: TREAT (Miranker, AAAI 1987) without a network of partial matches.
The queue is ordered by priority, rule, anchor variable and anchor id; the matches of one anchor come lazily, in
order of id, and are checked again when the graph has changed since. So the order of firing is a function of
content. The law: when the agenda is empty, a search of the whole graph finds no internal rule that applies.
No rule may be fired elsewhere than here and in `replay`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from itonami.graphstore.codec import Value, normalise
from itonami.graphstore.head import Head
from itonami.rules.effect import Ids
from itonami.rules.errors import NotQuiescent
from itonami.rules.match import Match, find
from itonami.rules.rewrite import check_bound, fire
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet
from itonami.rules.step import Step
from itonami.rules.triggers import Seed

__all__ = ["DEFAULT_LIMIT", "Agenda", "Bind", "Firing", "Redirect", "quiesce", "unbound"]

DEFAULT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Redirect:
    """Fire another rule of the set instead, where it agrees with the match on the variables of the same name."""

    rule: str
    params: Mapping[str, Value] = field(default_factory=dict)


Bind = Callable[[Rule, Head, Match], "Mapping[str, Value] | Redirect | None"]
"""bind(rule, head, match): the parameters, another rule, or None not to fire at this match. A pure function."""

Firing = tuple[Rule, Match, Mapping[str, Value]]
"""What fired: enough to replay it."""


def unbound(rule: Rule, head: Head, match: Match) -> None:
    """The `Bind` that binds nothing: rules with parameters do not fire."""


class Agenda:
    """The queue of one quiescence. Each seed stands in it at most once."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._triggers = ruleset.triggers
        self._heap: list[Seed] = []
        self._matches: dict[Seed, Iterator[Ids] | None] = {}
        self._last: Seed | None = None
        self._ids: Ids = ()

    def fired(self, head: Head, changes: Step) -> None:
        """Go on after the rule that came `next` was fired; if it still applies at that match, it is tried again."""
        if self._last is not None and self._triggers.check(self._last[0])(head, None, self._ids):
            self._matches[self._last] = None
        self.seed(head, changes)

    def seed(self, head: Head, changes: Step | None) -> None:
        """Queue what a change makes worth trying; None queues a search of the whole graph for every rule."""
        triggers, matches = self._triggers, self._matches
        for seed in triggers.everywhere() if changes is None else triggers.seeds(head, changes):
            if seed not in matches:
                heappush(self._heap, seed)
            matches[seed] = None  # whatever was found from it is looked for anew

    def next(self, head: Head) -> tuple[Rule, Ids] | None:
        """The next rule that applies, and where; None when no queued search finds one."""
        heap, pending, triggers = self._heap, self._matches, self._triggers
        while heap:
            seed = self._last = heap[0]
            number, id = seed
            found = pending[seed]
            if found is None:
                finder = triggers.finder(number)
                found = pending[seed] = finder(head, None, id) if id else finder(head, None)
                for ids in found:
                    self._ids = ids
                    return triggers.rules[number], ids
            else:
                holds = triggers.check(number)
                for ids in found:
                    if holds(head, None, ids):
                        self._ids = ids
                        return triggers.rules[number], ids
            heappop(heap)
            del pending[seed]
        return None


def quiesce(
    head: Head,
    ruleset: RuleSet,
    changes: Step | Iterable[Step] | None,
    bind: Bind = unbound,
    limit: int = DEFAULT_LIMIT,
) -> Iterator[Firing]:
    """Fire internal rules on the head until none applies; each firing is yielded after it was applied.

    `changes` are the steps since the head was last at rest, or None if it never was. A rule with parameters fires
    only where `bind` binds them. Raises `NotQuiescent` after `limit` firings."""
    agenda = Agenda(ruleset)
    for step in (changes,) if changes is None or isinstance(changes, Step) else changes:
        agenda.seed(head, step)
    fired = 0
    while (candidate := agenda.next(head)) is not None:
        firing = _bound(head, ruleset, *candidate, bind)
        if firing is None:
            continue
        if fired == limit:
            raise NotQuiescent(limit)
        fired += 1
        rule, match, params = firing
        agenda.fired(head, fire(head, rule, match.ids, params))
        yield firing


def _bound(head: Head, ruleset: RuleSet, rule: Rule, ids: Ids, bind: Bind) -> Firing | None:
    """What to fire at a match that was just found, with its parameters; None to leave it."""
    match = Match(rule, ids)
    if not rule.parameters:
        return rule, match, {}
    params = bind(rule, head, match)
    if params is None:
        return None
    if isinstance(params, Redirect):
        target, values = ruleset[params.rule], normalise(params.params)
        check_bound(target, values)
        found = find(target, head, {v: match[v] for v in target.variables if v in rule.variables}, values)
        return None if found is None else (target, found, values)
    values = normalise(params)
    check_bound(rule, values)
    if rule.guard_parameters and not rule.program.holds(guarded=True)(head, values, ids):
        return None
    return rule, match, values
