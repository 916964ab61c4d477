"""A run read off its state graph as a tree of steps: what every drawing of a run starts from.

The state graph is a series-parallel structure (Valdes, Tarjan & Lawler 1982) written with edges: `ROOT`
from the header, `CHILD` from composites in the order of the property `order`, `COMPENSATE` from a step to
what undoes it, `COMPENSATION` from a saga to its second flow. A step is read once, whatever the edges say.
What is too much to draw (steps in all, branches side by side, depth) becomes one step `more`, which counts
the states it stands for. Only reading may live here: no colours, no lengths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from itonami.graphstore.errors import InvalidValue
from itonami.graphstore.graph import HEADER, Graph, Node

__all__ = ["LIMIT", "MORE", "OTHERWISE", "RunTree", "Step", "part_id", "run_tree"]

LIMIT = 400
"""Steps a drawing shows at most."""

BREADTH = 16
"""Branches side by side a drawing shows at most: those that need attention, then the first."""

DEPTH = 60

MORE = "More"
OTHERWISE = "otherwise"
_KINDS = frozenset({"Seq", "Parallel", "Decision", "Activity", "Saga"})
_SIDE_BY_SIDE = frozenset({"Parallel", "Decision"})
_UNSTARTED = frozenset({"pending", "queued", "skipped", "dropped"})
_ENDED_EARLY = frozenset({"cancelled", "terminated", "timed_out"})
_OVER = frozenset({"succeeded", "failed", "crashed", "dropped"}) | _ENDED_EARLY
_URGENCY = {
    state: i for i, state in enumerate(("failed", "timed_out", "crashed", "parked", "waiting", "running"))
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `kind` is its label (`Seq`, `Activity`, ...) or `More`; `guard` is the text on the way to it;
    `void` says that its run is over or its branch was passed by."""

    id: str
    kind: str
    status: str
    guard: str | None = None
    activity: str | None = None
    attempt: int = 0
    state: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    error: str | None = None
    output: Any = None
    children: tuple[Step, ...] = ()
    compensate: Step | None = None
    compensation: Step | None = None
    tally: tuple[tuple[str, int], ...] = ()
    void: bool = False

    @property
    def appearance(self) -> str:
        """The state a reader sees: `status`, but `not_run` for what is pending and will never begin."""
        return "not_run" if self.void and self.status == "pending" else self.status

    @property
    def passed(self) -> bool:
        """Whether flow went through it."""
        return self.status in ("succeeded", "compensated")

    @property
    def ran(self) -> bool:
        """Whether anything of it began."""
        if self.status in _UNSTARTED:
            return False
        if self.status in _ENDED_EARLY and self.started is None:
            return any(child.ran for child in self.children)
        return True

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, once both are known."""
        return _seconds(self.started, self.ended)

    def walk(self) -> Iterator[Step]:
        """This step and every step below it, in the order of a drawing."""
        yield self
        for below in (*self.children, self.compensation, self.compensate):
            if below is not None:
                yield from below.walk()


@dataclass(frozen=True, slots=True)
class RunTree:
    """A run: what its header says, and its steps. `shown` of `total` steps are in the tree."""

    workflow: str
    version: str
    status: str
    error: str | None
    started: datetime | None
    ended: datetime | None
    root: Step
    shown: int
    total: int

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.status in _OVER

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, once both are known."""
        return _seconds(self.started, self.ended)


def part_id(step: str, part: str) -> str:
    """An id for a part of a step's drawing that is no step: longer than the 255 bytes an id may have."""
    return f"{step}/{part}".ljust(256, "~")


def run_tree(graph: Graph, limit: int = LIMIT) -> RunTree:
    """The run of a state graph, its first `limit` steps. Raises `InvalidValue` where the graph is no run.
    O(steps)."""
    header = graph.find(HEADER)
    roots = list(graph.out(HEADER, "ROOT")) if header is not None else []
    if header is None or not roots:
        raise InvalidValue(
            "the graph has no root step, so it is no workflow run", fix="draw it with graph_svg"
        )
    status = str(header.data.get("status", "pending"))
    reader = _Reader(graph, limit)
    root = reader.step(graph.node(roots[0].target), 0, void=status in _OVER)
    return RunTree(
        workflow=str(header.data.get("workflow", "workflow")),
        version=str(header.data.get("version") or ""),
        status=status,
        error=_message(header.data.get("error")),
        started=_moment(header.data.get("started")),
        ended=_moment(header.data.get("ended")),
        root=root,
        shown=len(reader.seen),
        total=max(sum(1 for _ in graph.nodes("Step")), len(reader.seen)),
    )


@dataclass(slots=True)
class _Reader:
    """The graph, how many steps may still be read, and those that were."""

    graph: Graph
    limit: int
    seen: set[str] = field(default_factory=set)

    def step(self, node: Node, depth: int, void: bool, guard: str | None = None) -> Step:
        self.seen.add(node.id)
        data = node.data
        status = str(data.get("status", "pending"))
        below = void or status in _OVER or status == "skipped"
        kind = min(node.labels & _KINDS, default=min(node.labels - {"Step"}, default="Step"))
        children = self._children(node, kind, depth, below)
        flow = self._target(node.id, "COMPENSATION", depth, void)
        undo = self._target(node.id, "COMPENSATE", depth, void)
        attempt = data.get("attempt")
        return Step(
            id=node.id,
            kind=kind,
            status=status,
            guard=guard,
            activity=None if data.get("activity") is None else str(data["activity"]),
            attempt=attempt if isinstance(attempt, int) else 0,
            state=None if data.get("state") is None else str(data["state"]),
            started=_moment(data.get("started")),
            ended=_moment(data.get("ended")),
            error=_message(data.get("error")),
            output=data.get("output"),
            children=children,
            compensate=undo,
            compensation=flow,
            void=void,
        )

    def _target(self, id: str, label: str, depth: int, void: bool) -> Step | None:
        nodes = self._unseen(id, label)
        if not nodes or depth >= DEPTH or len(self.seen) >= self.limit:
            return None
        return self.step(nodes[0], depth + 1, void)

    def _unseen(self, id: str, label: str) -> list[Node]:
        nodes = [self.graph.node(edge.target) for edge in self.graph.out(id, label)]
        return sorted((node for node in nodes if node.id not in self.seen), key=_order)

    def _children(self, node: Node, kind: str, depth: int, void: bool) -> tuple[Step, ...]:
        waiting = self._unseen(node.id, "CHILD")
        breadth = len(waiting)
        if kind in _SIDE_BY_SIDE and breadth > BREADTH:
            breadth, waiting = BREADTH, _urgent_first(waiting, BREADTH)
        guards = node.data.get("guards")
        steps: list[Step] = []
        for place, child in enumerate(waiting):
            room = place < breadth and len(self.seen) < self.limit and depth < DEPTH
            if not room:
                steps.append(_more(node.id, waiting[place:]))
                break
            if child.id not in self.seen:
                guard = _guard(guards, child.data.get("branch")) if kind == "Decision" else None
                steps.append(self.step(child, depth + 1, void, guard))
        return tuple(steps)


def _order(node: Node) -> tuple[float, str]:
    order = node.data.get("order")
    return (float(order) if isinstance(order, int | float) else 0.0), node.id


def _urgent_first(nodes: list[Node], room: int) -> list[Node]:
    """The `room` nodes a reader looks for, in their order, then the others in theirs."""
    urgent = sorted(nodes, key=lambda node: _URGENCY.get(str(node.data.get("status")), len(_URGENCY)))
    return sorted(urgent[:room], key=_order) + sorted(urgent[room:], key=_order)


def _more(parent: str, nodes: list[Node]) -> Step:
    tally = Counter(str(node.data.get("status", "pending")) for node in nodes)
    ran = any(status not in _UNSTARTED for status in tally)
    only = next(iter(tally)) if len(tally) == 1 else "running" if ran else "pending"
    return Step(part_id(parent, "more"), MORE, only, guard="…", tally=tuple(sorted(tally.items())))


def _guard(guards: Any, branch: Any) -> str:
    if isinstance(guards, list) and isinstance(branch, int) and 0 <= branch < len(guards):
        return str(guards[branch])
    return OTHERWISE


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _message(error: Any) -> str | None:
    if isinstance(error, dict):
        words = (str(error[key]) for key in ("type", "message") if error.get(key))
        return ": ".join(words) or "error"
    return None if error is None else str(error)
