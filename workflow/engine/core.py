"""The pure core: (graph, what happened) -> derivation. One transition of one run, to quiescence.

    state --request--> external rule, then internal rules until none applies --> events, delta, next graph

No clock, no storage, no randomness, no task: time comes with the request, parameters from the program's binder, and
the result is data. So a simulator can drive it, and replay meets every root. No code path here changes the graph but
by a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from itonami.graphstore import HEADER, Delta, Event, Graph, Head, Node
from itonami.rules import Match, Rule, apply, find, matches, quiesce
from itonami.workflow.engine.program import Program
from itonami.workflow.engine.requests import Request

__all__ = ["Derivation", "RunState"]

MAX_REWRITES = 10_000
REWRITES_PER_NODE = 8
"""A transition may touch every step of a large definition (a parallel of thousands starts at once), each a few times:
what takes more than both limits does not come to rest."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """One transition: the reasons in order, the fact, and the graph it leads to."""

    version: int
    before: bytes
    events: tuple[Event, ...]
    delta: Delta
    after: Graph
    touched: tuple[Node, ...]


class RunState:
    """A live run: its graph, the head the rules are matched against, and its version."""

    __slots__ = ("graph", "head", "program", "run", "version")

    def __init__(
        self, run: str, program: Program, version: int, graph: Graph, head: Head | None = None
    ) -> None:
        self.run = run
        self.program = program
        self.version = version
        self.graph = graph
        self.head = Head.of(graph) if head is None else head

    @property
    def header(self) -> dict[str, Any]:
        """The properties of the run's header node."""
        return self.head.node_by_id[HEADER].data

    @property
    def status(self) -> str:
        """The run's status."""
        return str(self.header["status"])

    def step(self, id: str) -> dict[str, Any]:
        """The properties of a step's node."""
        return self.head.node_by_id[id].data

    def derive(self, requests: Iterable[Request], time: datetime) -> Derivation:
        """Fire the requests in order, each followed by its consequences, and advance the state. A request that does
        not apply (an outcome whose attempt is no longer current) is recorded and changes nothing. On an error
        the state is as before."""
        events: list[Event] = []
        try:
            for request in requests:
                self._fire(request, time, events)
        except BaseException:
            self.head.revert()
            raise
        delta = self.head.delta()
        puts, drops = self.head.touched()
        self.head.settle()
        before, self.graph = self.graph.root, self.graph.replaced(puts, drops)
        self.version += 1
        touched = tuple(item for item in puts if type(item) is Node)
        return Derivation(self.version, before, tuple(events), delta, self.graph, touched)

    def _fire(self, request: Request, time: datetime, events: list[Event]) -> None:
        params = {**request.params, "time": time}
        changes = []
        for rule, match in self._places(request, params):
            bound = {name: params[name] for name in rule.parameters}
            changes.append(apply(self.head, rule, match, bound, found=not request.everywhere))
            events.append(Event(rule.event, bound or None, rule.name, match.ids))
        if not changes and not request.everywhere:
            data = {"rule": request.rules[0], "at": dict(request.anchors), **request.params}
            events.append(Event("OutcomeIgnored", data))
        limit = MAX_REWRITES + REWRITES_PER_NODE * len(self.head)
        bind = self.program.bind(time)
        for fired, where, given in quiesce(self.head, self.program.rules, changes, bind, limit=limit):
            events.append(Event(fired.event, given or None, fired.name, where.ids))

    def _places(self, request: Request, params: Mapping[str, Any]) -> list[tuple[Rule, Match]]:
        """Where a request fires: each match of its first rule that has one, or only the first match."""
        for rule in map(self.program.rules.__getitem__, request.rules):
            if request.everywhere:
                found = list(matches(rule, self.head, params=params))
            else:
                match = find(rule, self.head, request.anchors, params)
                found = [] if match is None else [match]
            if found:
                return [(rule, match) for match in found]
        return []
