"""A program: a definition made ready to run, and the pure functions that bind its parameters.

A rule fires with parameters that the graph cannot know: an activity's input, a decision's choice, the run's result.
They are bound here, once, from the definition's mappings and guards over what the graph says, and enter the event;
replay calls none of this. Everything is a function of (graph, definition, time). No storage and no waiting may live
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from itonami.graphstore import HEADER, Graph, Head, ItonamiError, Node
from itonami.graphstore.codec import normalise
from itonami.rules import Match, Redirect, Rule, RuleSet
from itonami.workflow.definition import (
    Activity,
    CompiledGuard,
    CompiledMapping,
    Decision,
    Definition,
    GuardError,
    MappingError,
    Op,
    RetryPolicy,
    Saga,
    children,
    compile_guard,
    compile_mapping,
)
from itonami.workflow.definition.values import KINDS
from itonami.workflow.patterns import compile_definition

__all__ = ["Program"]

Binding = dict[str, Any] | Redirect | None
SHOWN_CHARS = 48
"""As much of a workflow's id as stands in the name of its graph, which has at most 255 bytes."""

_DEFAULT_RETRY = RetryPolicy()
_HALTED = {"type": "Cancelled", "message": "another branch decided the outcome"}


@dataclass(frozen=True, slots=True)
class Task:
    """What the definition says of one activity step."""

    activity: str
    mapping: CompiledMapping | None
    order: tuple[str, ...] | None
    timeout_ms: int | None
    retry: RetryPolicy | None


class Program:
    """A definition, its graph, and its bindings. Immutable; shared by all runs of the definition."""

    def __init__(self, definition: Definition, rules: RuleSet) -> None:
        self.definition = definition
        self.rules = rules
        self.graph: Graph = compile_definition(definition, rules.address.hex())
        self.name = f"definition/{definition.id[:SHOWN_CHARS]}/{self.graph.root.hex()[:24]}"
        self.tasks: dict[str, Task] = {}
        self._guards: dict[str, list[CompiledGuard]] = {}
        self._defaults: dict[str, bool] = {}
        self._troubled: dict[str, str] = {}  # step inside a compensation -> scope whose error it may see
        for op in definition.ops():
            self._add(op)
        for op, scope in _compensations(definition.strategy, HEADER):
            for inner in _ops(op):
                self._troubled.setdefault(inner.id, scope)
        self._outputs = [
            (
                output,
                None if output.source is None else compile_mapping(output.source, f"output {output.name}"),
            )
            for output in definition.outputs
        ]
        self._head = Head.of(self.graph)
        self._binders: dict[str, Callable[[Head, Match, datetime], Binding]] = {
            "activity_scheduled": self._schedule,
            "decision_made": self._decide,
            "run_succeeded": self._finish,
        }

    def _add(self, op: Op) -> None:
        if isinstance(op, Activity):
            mapping = (
                None
                if op.input_mapping is None
                else compile_mapping(op.input_mapping, f"input_mapping of {op.id!r}")
            )
            order = tuple(op.input_mapping) if isinstance(op.input_mapping, Mapping) else None
            self.tasks[op.id] = Task(op.activity_ref, mapping, order, op.timeout_ms, op.retry_policy)
        elif isinstance(op, Decision):
            self._guards[op.id] = [compile_guard(text, f"decision {op.id!r}") for text, _ in op.conditions]
            self._defaults[op.id] = op.default is not None

    def head(self) -> Head:
        """A fresh head of the definition's graph: a fork, so its cost is that of copying dictionaries."""
        return self._head.fork()

    @property
    def activities(self) -> set[str]:
        """The names of all activities that the definition refers to."""
        return {task.activity for task in self.tasks.values()}

    # -- binding -------------------------------------------------------------------------------------------

    def bind(self, time: datetime) -> Callable[[Rule, Head, Match], Binding]:
        """The binder of one transition: it gives the parameters of a rule for a match."""
        binders = self._binders

        def bound(rule: Rule, head: Head, match: Match) -> Binding:
            binder = binders.get(rule.name)
            return {"time": time} if binder is None else binder(head, match, time)

        return bound

    def input_of(self, head: Head, step: str) -> Any:
        """The input of an activity step as its mapping makes it, or None: without one it is the run's inputs, and no
        copy of them is kept. Raises `MappingError`."""
        mapping = self.tasks[step].mapping
        if mapping is None:
            return None
        return mapping.evaluate(self._scope(head, mapping.references, step))

    def _schedule(self, head: Head, match: Match, time: datetime) -> Binding:
        node = head.node_by_id[match["a"]]
        try:
            return {"input": self.input_of(head, node.id), "time": time}
        except MappingError as error:
            params = {"error": described(error), "time": time}
            if node.data.get("shielded"):
                return Redirect("activity_rejected_shielded", {"error": params["error"]})
            return Redirect("activity_rejected", params)

    def _decide(self, head: Head, match: Match, time: datetime) -> Binding:
        step = match["d"]
        try:
            for number, guard in enumerate(self._guards[step]):
                if guard.evaluate(self._scope(head, guard.references, step)):
                    return {"choice": number}
        except GuardError as error:
            return Redirect("decision_erred", {"error": described(error)})
        return {"choice": -1 if self._defaults[step] else -2}

    def _finish(self, head: Head, match: Match, time: datetime) -> Binding:
        try:
            return {"result": self._result(head), "time": time}
        except MappingError as error:
            return Redirect("run_result_failed", {"error": described(error), "time": time})

    def _result(self, head: Head) -> dict[str, Any]:
        """The run's outputs: by `from`, else the latest step output with that key, else null."""
        result: dict[str, Any] = {}
        for output, mapping in self._outputs:
            if mapping is not None:
                value = mapping.evaluate(self._scope(head, mapping.references, HEADER))
            else:
                value = _latest_output(head, output.name)
            if value is not None and not KINDS[output.type](value):
                raise MappingError(
                    f"the value {value!r:.60} is no {output.type}",
                    where=f"output {output.name!r}",
                    fix="correct the output's `type` or its `from`",
                )
            result[output.name] = value
        return result

    def _scope(self, head: Head, references: frozenset[str] | None, step: str) -> dict[str, Any]:
        """What a mapping or guard sees. Only the steps it refers to are looked up, so the cost is the rule's."""
        nodes = head.node_by_id
        wanted = self.graph_steps if references is None else references
        steps = {name: _visible(nodes[name]) for name in wanted if name in nodes}
        return {
            "inputs": nodes[HEADER].data.get("inputs", {}),
            "steps": steps,
            "error": self._error(head, step),
            "item": None,
        }

    def _error(self, head: Head, step: str) -> Any:
        """What a compensation undoes its scope for: the error that ended it, else why it was cancelled."""
        scope = self._troubled.get(step)
        if scope is None:
            return None
        own, run = head.node_by_id[scope].data, head.node_by_id[HEADER].data
        return own.get("error") or run.get("reason") or _HALTED

    @property
    def graph_steps(self) -> list[str]:
        """The ids of all steps."""
        return [op.id for op in self.definition.ops()]

    def arguments(self, head: Head, step: str) -> Any:
        """A private copy of a step's input, its keys in the order of the mapping (the graph sorts them)."""
        nodes = head.node_by_id
        copy = normalise(nodes[step].data.get("input", nodes[HEADER].data["inputs"]))
        order = self.tasks[step].order
        if order is None or not isinstance(copy, dict):
            return copy
        return {key: copy[key] for key in order if key in copy}

    def retry_of(self, step: str, registered: RetryPolicy | None) -> RetryPolicy:
        """The policy of a step: its own, else its activity's, else the default (three attempts)."""
        return self.tasks[step].retry or registered or _DEFAULT_RETRY


def described(error: ItonamiError) -> dict[str, Any]:
    """An error of a definition's own expression, as it stands in the graph."""
    return {"type": type(error).__name__, "message": str(error), "retryable": False}


def _visible(node: Node) -> dict[str, Any]:
    data = node.data
    return {"status": data["status"], "output": data.get("output"), "error": data.get("error")}


def _latest_output(head: Head, key: str) -> Any:
    found: tuple[datetime, str] | None = None
    value = None
    for id in head.labelled.get("Activity", ()):
        data = head.node_by_id[id].data
        output = data.get("output")
        if data["status"] != "succeeded" or data.get("shielded"):  # what a compensation says is no result
            continue
        if isinstance(output, dict) and key in output:
            rank = (data["ended"], id)
            if found is None or rank > found:
                found, value = rank, output[key]
    return value


def _ops(op: Op) -> Iterator[Op]:
    yield op
    for child in children(op):
        yield from _ops(child)


def _compensations(op: Op, scope: str) -> Iterator[tuple[Op, str]]:
    """Every op that is run as a compensation, with the scope whose failure starts it; innermost first."""
    inner = op.id if isinstance(op, Saga) else scope
    for child in children(op):
        yield from _compensations(child, inner)
    if isinstance(op, Saga) and op.compensation is not None:
        yield op.compensation, op.id
    if isinstance(op, Activity) and op.compensate is not None:
        yield op.compensate, scope
