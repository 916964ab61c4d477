"""Derivations: sequences of rule applications, and what each met.

    G0 ==(r1, m1)==> G1 ==(r2, m2)==> ... ==(rn, mn)==> Gn        (Ehrig et al. 2006, definition 3.2)

`derive` fires what is asked for and lets the agenda come to rest after each; `replayed` follows what was recorded. A
derivation is a value: the graph it starts from, what fired where, and the graph it leads to. It gives the store its
events and its delta, and, on first use, the footprint of each application. Whether derivations can be joined is said
in `independence` and `rebase`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from itonami.graphstore.codec import Value
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.graphstore.records import Event
from itonami.rules.agenda import DEFAULT_LIMIT, Bind, Firing, quiesce, unbound
from itonami.rules.errors import RewriteError
from itonami.rules.footprint import Footprint, footprint, footprint_of
from itonami.rules.match import Match, find
from itonami.rules.rewrite import apply
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet
from itonami.rules.step import Step

__all__ = ["Application", "Derivation", "Request", "derivation_of", "derive", "edited", "replayed"]

Request = tuple[str, Mapping[str, str], Mapping[str, Value]]
"""What is asked for: a rule's name, the ids of some of its variables, its parameters."""


@dataclass(frozen=True, slots=True)
class Application:
    """One rule application (a direct derivation): the rule, where, with what, and what it read and wrote.

    Free edits, which no rule made, have no rule and no ids, and go by the name of their event."""

    name: str
    rule: Rule | None
    ids: tuple[str, ...]
    params: Mapping[str, Value]
    step: Step
    footprint: Footprint

    @property
    def applications(self) -> tuple[Application, ...]:
        """Itself: one application is a derivation of length one."""
        return (self,)

    def __repr__(self) -> str:
        return f"<{self.name} at {', '.join(self.ids)}>" if self.ids else f"<{self.name}>"


@dataclass(frozen=True)
class Derivation:
    """`firings` lead from `base` to `graph`, by rules of `rules`. `delta` is their net effect."""

    base: Graph
    rules: RuleSet
    firings: tuple[Firing, ...]
    graph: Graph
    delta: Delta = field(repr=False)

    @cached_property
    def applications(self) -> tuple[Application, ...]:
        """What each firing read and wrote, found by following them from the base. O(graph) to index it."""
        return tuple(_followed(Head.of(self.base), self.firings))

    @property
    def events(self) -> tuple[Event, ...]:
        """The reasons, in order, as the store records them."""
        return tuple(
            Event(rule.event, dict(params) or None, rule.name, match.ids)
            for rule, match, params in self.firings
        )

    def __str__(self) -> str:
        from itonami.rules.drawing import derivation_text, scenes

        return derivation_text(scenes(self.base, self.firings))

    def _repr_svg_(self) -> str:
        from itonami.rules.drawing import derivation_svg, scenes

        return derivation_svg(scenes(self.base, self.firings))

    def __len__(self) -> int:
        return len(self.firings)

    def __iter__(self) -> Iterator[Application]:
        return iter(self.applications)


def derive(
    graph: Graph,
    rules: RuleSet,
    requests: Iterable[Request] = (),
    bind: Bind = unbound,
    limit: int = DEFAULT_LIMIT,
) -> Derivation:
    """Fire requests in order, each followed by the internal rules until none applies. Without requests: the internal
    rules alone, from a search of the whole graph.

    A request is (rule name, {variable: id}, parameters) and fires at its first match. Raises `RewriteError` where
    there is none, `NotQuiescent` where the rules do not come to rest. O(graph) to index it."""
    head, firings = Head.of(graph), list[Firing]()
    asked = list(requests)
    for name, anchor, params in asked:
        rule = rules[name]
        match = find(rule, head, anchor, params)
        if match is None:
            places = ", ".join(f"{variable} = {id!r}" for variable, id in anchor.items()) or "any place"
            raise RewriteError("the rule applies nowhere there", where=f"rule {name!r} at {places}")
        bound = {name: params[name] for name in rule.parameters if name in params}
        step = apply(head, rule, match, bound, found=True)
        firings += [(rule, match, bound), *quiesce(head, rules, step, bind, limit)]
    if not asked:
        firings += quiesce(head, rules, None, bind, limit)
    return derivation_of(graph, rules, firings, head)


def replayed(graph: Graph, rules: RuleSet, events: Iterable[Event]) -> Derivation:
    """The derivation that events recorded. Every match is checked; `RewriteError` names the event that does not hold.
    O(graph) to index it."""
    head = Head.of(graph)
    firings = [_firing(rules, number, event) for number, event in enumerate(events)]
    for _ in _followed(head, firings):
        pass
    return derivation_of(graph, rules, firings, head)


def edited(graph: Graph, events: Sequence[Event], delta: Delta) -> Application:
    """Free edits of a graph as one application, named after their events."""
    name = ", ".join(dict.fromkeys(event.name for event in events)) or "edit"
    return Application(name, None, (), {}, Step.of(delta), footprint_of(delta, graph))


def derivation_of(graph: Graph, rules: RuleSet, firings: Iterable[Firing], head: Head) -> Derivation:
    """The derivation that led from a graph to where a head of it stands."""
    return Derivation(graph, rules, tuple(firings), graph.replaced(*head.touched()), head.delta())


def _firing(rules: RuleSet, number: int, event: Event) -> Firing:
    """What an event says fired. `RewriteError` when it says no such thing."""
    where = f"event {number} ({event.rule or event.name})"
    if event.rule is None:
        raise RewriteError("no rule made this event, so it cannot be replayed", where=where)
    if event.data is not None and not isinstance(event.data, dict):
        raise RewriteError(f"the parameters are a map, not {type(event.data).__name__}", where=where)
    try:
        rule = rules[event.rule]
        return rule, Match.from_ids(rule, event.match or ()), event.data or {}
    except (RewriteError, NotFound) as error:
        raise RewriteError(f"{error.where}: {error.what}", where=where) from error


def _followed(head: Head, firings: Iterable[Firing]) -> Iterator[Application]:
    """Apply firings again, checked, and say what each read and wrote."""
    for number, (rule, match, params) in enumerate(firings):
        try:
            reads = footprint(rule, match.ids, head)
            step = apply(head, rule, match, params)
        except (RewriteError, NotFound) as error:
            witness = getattr(error, "witness", None)
            where = f"event {number} ({rule.name})"
            raise RewriteError(f"{error.where}: {error.what}", where=where, witness=witness) from error
        yield Application(rule.name, rule, match.ids, params, step, reads.after(step))
