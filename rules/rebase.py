"""Rebase: a derivation made on one graph, made again on what others made of that graph meanwhile.

            others                       If every application is parallel independent of what the others did, the
       G ===========> G1                 square closes (Local Church-Rosser: Ehrig et al. 2006, theorem 3.20), and
       ||             ||                 H1 is the same graph in whichever order they commit. Then the agenda runs,
       || mine        || mine, agenda    seeded at both changes: a rule that only both together enable fires here.
       vv             vv                 If not, `NotIndependent` says which rule did what to which.
       H ===========> H1

`rebase` is also a store's `on_conflict`: asked inside the committer with what a loser attempted, it gives what is
committed instead. A logged event is never rebased. Nothing that commits may live here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from itonami.graphstore.delta import Delta
from itonami.graphstore.graph import HEADER, Graph
from itonami.graphstore.head import Head
from itonami.graphstore.records import Event
from itonami.graphstore.write import Attempt, Rebased
from itonami.rules.agenda import DEFAULT_LIMIT, Bind, Firing, quiesce, unbound
from itonami.rules.derivation import Application, Derivation, derivation_of, edited, replayed
from itonami.rules.errors import NotIndependent, RewriteError
from itonami.rules.independence import independent
from itonami.rules.rewrite import apply
from itonami.rules.ruleset import RuleSet, known
from itonami.rules.step import Step

__all__ = ["Rebase", "rebase"]


@dataclass(frozen=True)
class _Meanwhile:
    """What others did: their applications, from a base to where they led."""

    applications: tuple[Application, ...]
    base: Graph
    graph: Graph


@dataclass(frozen=True)
class Rebase:
    """`rebase` with its options, to be a store's `on_conflict`.

    `rules` is the rule set of the events; without it, the one whose address the graph's header has under `rules`
    (hex), if this process made it. `bind` gives parameters to what the agenda fires (a pure function)."""

    rules: RuleSet | None = None
    bind: Bind = unbound
    limit: int = DEFAULT_LIMIT

    @overload
    def __call__(self, mine: Derivation, onto: Derivation) -> Derivation: ...
    @overload
    def __call__(self, mine: Attempt) -> Rebased: ...

    def __call__(self, mine: Derivation | Attempt, onto: Derivation | None = None) -> Derivation | Rebased:
        """What `mine` becomes after `onto`, which started from the same graph; for an `Attempt`, what is to be
        committed. Raises `NotIndependent`, a `Conflict`. O(graph) to index it."""
        if isinstance(mine, Attempt):
            return self._attempt(mine)
        if onto is None:
            raise TypeError("a derivation is rebased onto another")
        if mine.base != onto.base:
            raise RewriteError(
                "the two derivations start from different graphs",
                where="rebase",
                fix="rebase onto all that was done to the graph since",
            )
        return self._after(mine, _Meanwhile(onto.applications, onto.base, onto.graph))

    def _after(self, mine: Derivation, onto: _Meanwhile) -> Derivation:
        if (conflict := independent(mine, onto)) is not None:
            raise NotIndependent(conflict)
        head = Head.of(onto.graph)
        for rule, match, params in mine.firings:
            apply(head, rule, match, params)
        fired = [*mine.firings, *self._rest(mine.rules, mine.delta, onto, head)]
        return derivation_of(onto.graph, mine.rules, fired, head)

    def _rest(self, rules: RuleSet, mine: Delta, onto: _Meanwhile, head: Head) -> Iterator[Firing]:
        """Let the agenda come to rest, seeded at what each side changed in the end: the same whoever came first."""
        seeds = [Step.of(mine), Step.of(onto.base.diff(onto.graph))]
        return quiesce(head, rules, seeds, self.bind, self.limit)

    # -- as a store's on_conflict --------------------------------------------------------------------------

    def _attempt(self, attempt: Attempt) -> Rebased:
        rules = self.rules or _rules_of(attempt)
        base, applications, since = attempt.head, list[Application](), attempt.since()
        for entry in reversed(since):
            base = base.patch(entry.delta.inverse())
        graph = base
        for entry in since:
            applications += _explained(graph, rules, entry.events, entry.delta)
            graph = graph.patch(entry.delta)
        onto = _Meanwhile(tuple(applications), base, graph)
        try:
            made = _replayed(base, rules, attempt.events, attempt.delta)
            if made is not None:
                after = self._after(made, onto)
                return Rebased(after.graph, after.events)
            return self._edited(attempt, rules, onto)
        except NotIndependent as error:
            raise error.on(attempt.graph, attempt.version, attempt.head_version) from None

    def _edited(self, attempt: Attempt, rules: RuleSet, onto: _Meanwhile) -> Rebased:
        """Free edits, which are not fired again but made again; then the agenda runs, as after rules."""
        edit = edited(onto.base, attempt.events, attempt.delta)
        if (conflict := independent(edit, onto)) is not None:
            raise NotIndependent(conflict)
        both = onto.graph.patch(attempt.delta)
        head = Head.of(both)
        fired = self._rest(rules, attempt.delta, onto, head)
        rested = derivation_of(both, rules, fired, head)
        return Rebased(rested.graph, (*attempt.events, *rested.events))


rebase = Rebase()
"""`rebase(derivation, onto)`, and `on_conflict=rebase`; see `Rebase`."""


def _replayed(graph: Graph, rules: RuleSet, events: Sequence[Event], delta: Delta) -> Derivation | None:
    """The derivation that events recorded, if they are rule applications that make this delta."""
    if not events or any(event.rule is None or event.rule not in rules for event in events):
        return None
    try:
        made = replayed(graph, rules, events)
    except RewriteError:
        return None  # the rules do not justify them: what is certain is the delta
    return made if made.delta == delta else None


def _explained(
    graph: Graph, rules: RuleSet, events: Sequence[Event], delta: Delta
) -> tuple[Application, ...]:
    """What events did: rule applications if the rules justify them, else free edits."""
    made = _replayed(graph, rules, events, delta)
    return (edited(graph, events, delta),) if made is None else made.applications


def _rules_of(attempt: Attempt) -> RuleSet:
    """The rule set that the graph's header names; one without rules where nothing speaks of any."""
    header = attempt.head.find(HEADER)
    address = None if header is None else header.data.get("rules")
    rules = known(address) if isinstance(address, str) else None
    if rules is None and (address is not None or any(event.rule is not None for event in attempt.events)):
        raise RewriteError(
            f"the rule set {address} is not loaded" if address else "the header names no rule set",
            where=f"graph {attempt.graph!r}",
            fix="pass the rule set's own: on_conflict=rules.rebase",
        )
    return rules or RuleSet(())
