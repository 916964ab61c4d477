"""The transcript of a graph: its log with every event taken for what it did, by its own rules.

    G0 ==(r1, m1)==> G1 ==(r2, m2)==> ... ==(rn, mn)==> Gn        (Ehrig et al. 2006, definition 3.2)

An event says which rule fired where; here it is fired again, on the state it met, so that what it read and wrote is
known (`rules.footprint`). Where a transaction's rules do not justify its delta, or it has none, its events are taken
together as one free edit: what is certain is the delta. An event that changed nothing (an outcome that came too late)
is an application that meets nothing.

What follows from footprints is told by `causes` and `blame`; nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from itonami.graphstore.delta import Delta
from itonami.graphstore.element import Edge, Node
from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.graphstore.reading import Reader
from itonami.graphstore.records import Commit, Event
from itonami.query.tally import UNCOUNTED, Tally, counted
from itonami.rules import Application, RewriteError, RuleSet, apply
from itonami.rules.footprint import Footprint, footprint, footprint_of
from itonami.rules.match import Match
from itonami.rules.step import Step

__all__ = ["Occurrence", "Place", "before", "enacted", "occurrences"]

Place = tuple[int, int]
"""Where an event stands in the log: TxId, and number within the transaction"""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event, and what it did. Of free edits `seq` is the first event's, and `application` is named after all."""

    tx: int
    seq: int
    time: datetime
    event: Event
    application: Application

    @property
    def place(self) -> Place:
        """(tx, seq)."""
        return self.tx, self.seq

    @property
    def name(self) -> str:
        """The rule's name, or of free edits the names of their events."""
        return self.application.name

    @property
    def ids(self) -> tuple[str, ...]:
        """Where it happened."""
        return self.application.ids

    @property
    def footprint(self) -> Footprint:
        """What it read and wrote."""
        return self.application.footprint

    @property
    def applications(self) -> tuple[Occurrence, ...]:
        """Itself: one application is a derivation of length one."""
        return (self,)


def occurrences(
    store: Reader, graph: str, until: int, rules: RuleSet | None, *, tally: Tally = UNCOUNTED
) -> Iterator[Occurrence]:
    """What happened to a graph up to a TxId, oldest first; of a graph whose past was pruned, from its horizon on, swept
    or not. O(events), 0.2 ms each, and the graph once."""
    head: Head | None = None
    for commit in counted(store.entries(graph, max(store.horizon(graph) - 1, 0)), tally):
        if commit.tx > until:
            return
        entry = commit.entry(graph)
        if entry.pruned:  # meanwhile
            head = None
            continue
        if head is None or entry.base is not None:
            head = Head.of(before(store, commit, graph))
        yield from enacted(head, rules, commit, graph, tally=tally)


def before(store: Reader, commit: Commit, graph: str) -> Graph:
    """What a transaction met: the version before, the base of a fork, or what the delta leads back to."""
    entry = commit.entry(graph)
    if entry.base is not None:
        return store.at(*entry.base)
    return store.at(graph, commit.tx).patch(entry.delta.inverse())


def enacted(
    head: Head, rules: RuleSet | None, commit: Commit, graph: str, *, tally: Tally = UNCOUNTED
) -> list[Occurrence]:
    """What one transaction did; the head is advanced past it."""
    entry = commit.entry(graph)
    made = None if rules is None else _fired(head, rules, entry.events, entry.delta, tally)
    if made is None:
        head.revert()
        made = [_edited(head, entry.events, entry.delta)]
        _advance(head, entry.delta)
    head.settle()
    return [
        Occurrence(commit.tx, seq, commit.time, event, application)
        for seq, (event, application) in enumerate(zip(entry.events, made, strict=False))
    ]


def _fired(
    head: Head, rules: RuleSet, events: Sequence[Event], delta: Delta, tally: Tally
) -> list[Application] | None:
    """What events did, fired again on the head; None where the rules do not make the delta of them."""
    if any(event.rule is not None and event.rule not in rules for event in events):
        return None
    try:
        made = [_application(head, rules, event) for event in counted(events, tally)]
    except (RewriteError, NotFound):
        return None
    return made if head.delta() == delta else None


def _application(head: Head, rules: RuleSet, event: Event) -> Application:
    if event.rule is None:
        return Application(event.name, None, (), {}, Step(), Footprint())
    rule = rules[event.rule]
    match, params = Match.from_ids(rule, event.match or ()), event.data or {}
    reads = footprint(rule, match.ids, head)
    step = apply(head, rule, match, params)
    return Application(rule.name, rule, match.ids, params, step, reads.after(step))


def _edited(head: Head, events: Sequence[Event], delta: Delta) -> Application:
    name = ", ".join(dict.fromkeys(event.name for event in events))
    return Application(name, None, (), {}, Step.of(delta), footprint_of(delta, head))


def _advance(head: Head, delta: Delta) -> None:
    """Let a head go through a delta."""
    for edge in delta.removed_edges:
        head.drop_edge(edge.id)
    for node in delta.removed_nodes:
        head.drop_node(node.id)
    for node in delta.added_nodes:
        head.put_node(node)
    for edge in delta.added_edges:
        head.put_edge(edge)
    for change in delta.set_nodes:
        node = head.node(change.id)
        labels = node.labels - set(change.labels_removed) | set(change.labels_added)
        head.put_node(Node(node.id, labels, change.applied(node.data)))
    for moved in delta.set_edges:
        edge = head.edge(moved.id)
        head.put_edge(Edge(edge.id, edge.source, edge.label, edge.target, moved.applied(edge.data)))
