"""Candidates: where the rules of a program apply next, while the graph changes under the search.

A search that has found a match is suspended, and goes on from there when its rule is wanted again. Only when it is
exhausted are the rewrites since looked at: what they made possible is searched for from the seeds of their changes
(`triggers`), as on the agenda, or, if they are many for the size of the graph, in the whole graph anew. So a rewrite
costs what it changed, whatever the size of the graph; a rule that is not wanted costs nothing; and a rule has no
candidate exactly when a search of the whole graph finds none. Seeds come first in, first out, so the order of matches
is a function of the start graph and of what was asked. Where matches are not injective, or a rule is external, there
are no seeds. Nothing is fired here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from itonami.graphstore.head import Head
from itonami.rules.effect import Ids
from itonami.rules.gluing import gluing
from itonami.rules.match import Match, matches
from itonami.rules.pattern import Injective
from itonami.rules.rule import Rule
from itonami.rules.step import Step
from itonami.rules.triggers import Seed, Triggers

__all__ = ["Candidates"]

MAX_LOG = 4_096
"""Rewrites that are kept for searches that have not looked at them."""

FEW = 64
NODES_A_REWRITE = 16
"""More rewrites than a `FEW`, and than one for so many nodes, are worth a search of the whole graph."""


class Candidates:
    """The candidates of some rules on one head, which changes by what `fired` is told of and by nothing else."""

    def __init__(
        self, rules: Iterable[Rule], injective: Injective = True, nac_injective: Injective = True
    ) -> None:
        seeded = injective is True and nac_injective is True
        self._log = _Log()
        self._of: dict[str, _Wide | _Seeded] = {
            rule.name: _Seeded(rule, self._log)
            if seeded and not rule.external
            else _Wide(rule, self._log, injective, nac_injective)
            for rule in rules
        }

    def next(self, rule: str, head: Head) -> Ids | None:
        """Where the rule applies, gluing included; None if nowhere."""
        return self._of[rule].next(head)

    def fired(self, rule: str, ids: Ids, head: Head, step: Step) -> None:
        """A rule was fired there, and the head has changed."""
        log = self._log
        log.steps.append(step)
        log.count += 1
        self._of[rule].retry(ids)
        if len(log.steps) == MAX_LOG:
            for search in self._of.values():
                search.forget(head)
            log.steps.clear()


class _Log:
    """How many rewrites there were, and the last of them."""

    __slots__ = ("count", "steps")

    def __init__(self) -> None:
        self.count = 0
        self.steps: list[Step] = []

    def since(self, count: int) -> list[Step]:
        """The rewrites after the first `count`."""
        return self.steps[len(self.steps) - (self.count - count) :]


class _Wide:
    """The search of the whole graph for one rule: suspended, and begun anew where the graph has changed."""

    def __init__(self, rule: Rule, log: _Log, injective: Injective, nac_injective: Injective) -> None:
        self._rule = rule
        self._log = log
        self._injective = injective
        self._nac_injective = nac_injective
        self._begun_at = -1
        self._found: Iterator[Ids] = iter(())

    def next(self, head: Head) -> Ids | None:
        for ids in self._found:
            if self._applies(ids, head):
                return ids
        if self._begun_at == self._log.count:
            return None
        self._begun_at = self._log.count
        self._found = self._everywhere(head)
        return next(self._found, None)

    def _everywhere(self, head: Head) -> Iterator[Ids]:
        for match in matches(self._rule, head, self._injective, nac_injective=self._nac_injective):
            if gluing(self._rule, match, head) is None:
                yield match.ids

    def _applies(self, ids: Ids, head: Head) -> bool:
        holds = self._rule.program.holds(injective=self._injective, nac_injective=self._nac_injective)
        match = Match(self._rule, ids, self._injective, self._nac_injective)
        return holds(head, None, ids) and gluing(self._rule, match, head) is None

    def retry(self, ids: Ids) -> None:
        """The next search of the whole graph finds it again."""

    def forget(self, head: Head) -> None:
        """It looks at no rewrites, only at how many there were."""


class _Seeded:
    """The search for one rule from seeds, the first of which is the whole graph."""

    def __init__(self, rule: Rule, log: _Log) -> None:
        self._triggers = Triggers((rule,))
        (self._whole,) = self._triggers.everywhere()
        self._log = log
        self._seen = 0
        self._wanted = False
        self._found: Iterator[Ids] = iter(())
        self._seeds = deque([self._whole])
        self._waiting = {self._whole}
        self._retries: deque[Ids] = deque()

    def next(self, head: Head) -> Ids | None:
        self._wanted = True
        holds = self._triggers.check(self._whole[0])
        while True:
            for ids in self._found:
                if holds(head, None, ids):
                    return ids
            if not self._seeds:
                self._catch_up(head)
                if not self._seeds:
                    break
            number, id = seed = self._seeds.popleft()
            self._waiting.discard(seed)
            finder = self._triggers.finder(number)
            self._found = finder(head, None, id) if id else finder(head, None)
        while self._retries:
            ids = self._retries.popleft()
            if holds(head, None, ids):
                return ids
        return None

    def retry(self, ids: Ids) -> None:
        """Once all else is searched, see whether the rule applies there still."""
        self._retries.append(ids)

    def forget(self, head: Head) -> None:
        """Need the log no more. A rule that was not wanted for so long is searched for everywhere when it is."""
        if self._wanted:
            self._catch_up(head)
        else:
            self._search_everywhere()
        self._seen = self._log.count
        self._wanted = False

    def _catch_up(self, head: Head) -> None:
        """Take the seeds of the rewrites since it last did, unless the whole graph is to be searched anyway."""
        seen, self._seen = self._seen, self._log.count
        if self._whole in self._waiting:
            return
        if self._seen - seen > max(FEW, len(head) // NODES_A_REWRITE):
            self._search_everywhere()
            return
        for step in self._log.since(seen):
            for seed in self._triggers.seeds(head, step):
                if seed not in self._waiting:
                    self._wait_for(seed)

    def _search_everywhere(self) -> None:
        self._seeds.clear()
        self._waiting.clear()
        self._wait_for(self._whole)

    def _wait_for(self, seed: Seed) -> None:
        self._seeds.append(seed)
        self._waiting.add(seed)
