"""The pure core: (graph, what happened) -> derivation. One transition of one run, to quiescence.

    state --request--> external rule, then internal rules until none applies --> events, delta, next graph

No clock, no storage, no randomness, no task: time comes with the request, parameters from the program's binder, and
the result is data. So a simulator can drive it, and replay meets every root. No code path here changes the graph but
by a rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from itonami.graphstore import HEADER, Delta, Event, Graph, Head, Node
from itonami.rules import apply, find, quiesce
from itonami.workflow.engine.program import Program
from itonami.workflow.engine.requests import Request

__all__ = ["ACTIVE", "Derivation", "RunState"]

MAX_REWRITES = 10_000
ACTIVE = ("running", "waiting")


@dataclass(frozen=True, slots=True)
class Derivation:
    """One transition: the reasons in order, the fact, and the graph it leads to."""

    version: int
    events: tuple[Event, ...]
    delta: Delta
    after: Graph
    touched: tuple[Node, ...]


class RunState:
    """A live run: its graph, the head the rules are matched against, and its version."""

    __slots__ = ("graph", "head", "program", "run", "version")

    def __init__(self, run: str, program: Program, version: int, graph: Graph, head: Head | None = None) -> None:
        self.run = run
        self.program = program
        self.version = version
        self.graph = graph
        self.head = Head.of(graph) if head is None else head

    @property
    def header(self) -> Node:
        """The run's header node."""
        return self.head.node_by_id[HEADER]

    @property
    def status(self) -> str:
        """The run's status."""
        return str(self.header.data["status"])

    def active(self) -> list[str]:
        """The ids of steps that run or wait. O(steps)."""
        nodes = self.head.node_by_id
        return [id for id in sorted(self.head.labelled["Step"]) if nodes[id].data["status"] in ACTIVE]

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
        self.graph = self.graph.replaced(puts, drops)
        self.version += 1
        touched = tuple(item for item in puts if type(item) is Node)
        return Derivation(self.version, tuple(events), delta, self.graph, touched)

    def _fire(self, request: Request, time: datetime, events: list[Event]) -> None:
        rules = self.program.rules
        rule = rules[request.rule]
        params = {**request.params, "time": time}
        match = find(rule, self.head, request.anchors, params)
        if match is None:
            data = {"rule": request.rule, "at": request.anchors, **request.params}
            events.append(Event("OutcomeIgnored", data))
            return
        params = {name: params[name] for name in rule.parameters}
        changes = apply(self.head, rule, match, params)
        events.append(Event(rule.event, params or None, rule.name, match.ids))
        bind = self.program.bind(time)
        for fired, where, bound in quiesce(self.head, rules, changes, bind, limit=MAX_REWRITES):
            events.append(Event(fired.event, bound or None, fired.name, where.ids))
