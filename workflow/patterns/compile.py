"""A definition as a graph: the state of a run before it starts.

    (@graph:Run:Scope)-[:ROOT]->(step)            the header, and the tree below it by CHILD
    (@graph)-[:TOP]->(@bottom/@graph:Bottom)      its empty stack of compensations
    (@definition)                                 the source, as it was given, in JSON text

A run starts by pointing at this graph's root, so it costs nothing however large the definition. The same definition
gives the same graph: ids of edges are numbered in the order of the document. Only the translation may live here; what
the graph then does is in the patterns' rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from itonami.graphstore import HEADER, Edge, Graph, Node
from itonami.workflow.definition import Activity, Decision, Definition, Op, Parallel, Saga, Seq

__all__ = ["DEFINITION", "compile_definition"]

DEFINITION = "@definition"
"""Id of the node that holds the definition's source."""


class _Drawing:
    """The graph as it is drawn: nodes and numbered edges."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def node(self, id: str, labels: tuple[str, ...], **properties: Any) -> str:
        data = {key: value for key, value in properties.items() if value is not None}
        self.nodes.append(Node(id, labels, data))
        return id

    def edge(self, source: str, label: str, target: str) -> None:
        self.edges.append(Edge(f"e{len(self.edges)}", source, label, target))

    def bottom(self, scope: str) -> None:
        self.edge(scope, "TOP", self.node(f"@bottom/{scope}", ("Bottom",)))


def compile_definition(definition: Definition, rules: str) -> Graph:
    """The graph a run of `definition` starts from; `rules` is the address of the rule set it pins. O(size)."""
    drawing = _Drawing()
    drawing.node(
        HEADER,
        (HEADER, "Run", "Scope", "Timer"),
        kind="definition",
        workflow=definition.id,
        version=definition.version,
        rules=rules,
        status="pending",
    )
    drawing.node(DEFINITION, ("Definition",), source=json.dumps(definition.source, ensure_ascii=False))
    drawing.bottom(HEADER)
    root = _step(drawing, definition.strategy, scope=HEADER, order=0, branch=None)
    drawing.edge(HEADER, "ROOT", root)
    return Graph().replaced([*drawing.nodes, *drawing.edges])


def _step(drawing: _Drawing, op: Op, *, scope: str | None, order: int, branch: int | None) -> str:
    """Draw one step and all below it. `scope` is None inside a compensation: nothing there is undone."""
    draw = _DRAWERS[type(op)]
    return draw(drawing, op, scope, {"status": "pending", "order": order, "branch": branch})


def _activity(drawing: _Drawing, op: Activity, scope: str | None, common: dict[str, Any]) -> str:
    labels = ("Step", "Activity", "Effect", "Timer")
    drawing.node(op.id, labels, **common, activity=op.activity_ref, shielded=None if scope else True)
    if op.compensate is not None and scope is not None:
        drawing.edge(op.id, "SCOPE", scope)
        drawing.edge(op.id, "COMPENSATE", _step(drawing, op.compensate, scope=None, order=0, branch=None))
    return op.id


def _seq(drawing: _Drawing, op: Seq, scope: str | None, common: dict[str, Any]) -> str:
    drawing.node(op.id, ("Step", "Seq"), **common)
    previous = None
    for order, child in enumerate(op.strategies):
        step = _step(drawing, child, scope=scope, order=order, branch=None)
        drawing.edge(op.id, "CHILD", step)
        drawing.edge(previous or op.id, "NEXT" if previous else "FIRST", step)
        previous = step
    return op.id


def _parallel(drawing: _Drawing, op: Parallel, scope: str | None, common: dict[str, Any]) -> str:
    quorum = op.needed < len(op.branches)
    drawing.node(op.id, ("Step", "Parallel"), **common, on_failure=op.on_failure, quorum=quorum or None)
    for order, child in enumerate(op.branches):
        step = _step(drawing, child, scope=scope, order=order, branch=None)
        drawing.edge(op.id, "CHILD", step)
        drawing.edge(op.id, "OPEN", step)
    if quorum:
        for _ in range(op.needed):
            drawing.edge(op.id, "NEED", op.id)
        for _ in range(len(op.branches) - op.needed):
            drawing.edge(op.id, "SPARE", op.id)
    return op.id


def _decision(drawing: _Drawing, op: Decision, scope: str | None, common: dict[str, Any]) -> str:
    drawing.node(op.id, ("Step", "Decision"), **common, guards=[guard for guard, _ in op.conditions])
    branches = [(number, child) for number, (_, child) in enumerate(op.conditions)]
    if op.default is not None:
        branches.append((-1, op.default))
    for order, (number, child) in enumerate(branches):
        drawing.edge(op.id, "CHILD", _step(drawing, child, scope=scope, order=order, branch=number))
    return op.id


def _saga(drawing: _Drawing, op: Saga, scope: str | None, common: dict[str, Any]) -> str:
    drawing.node(op.id, ("Step", "Saga", "Scope"), **common)
    drawing.bottom(op.id)
    if scope is not None:
        drawing.edge(op.id, "SCOPE", scope)
    main = _step(drawing, op.main_flow, scope=op.id if scope else None, order=0, branch=None)
    drawing.edge(op.id, "CHILD", main)
    drawing.edge(op.id, "MAIN", main)
    if op.compensation is not None:
        flow = _step(drawing, op.compensation, scope=None, order=1, branch=None)
        drawing.edge(op.id, "COMPENSATION", flow)
    return op.id


_DRAWERS: dict[type[Op], Callable[[_Drawing, Any, str | None, dict[str, Any]], str]] = {
    Activity: _activity,
    Seq: _seq,
    Parallel: _parallel,
    Decision: _decision,
    Saga: _saga,
}
