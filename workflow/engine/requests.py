"""What may happen to a run from outside, as data: an external rule, anchored, with its parameters.

Each function below is one row of the engine's alphabet. A `Request` holds no graph, no clock and no handle: it can be
recorded, tried again after a conflict, or made up by a simulator. What applies is decided by the rules, when it is
fired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from itonami.graphstore import HEADER

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """Fire the first of the external `rules` that applies where its variables `anchors` are these ids; `time` is
    added when it is fired. `everywhere`: fire it at each match there is."""

    rules: tuple[str, ...]
    anchors: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    everywhere: bool = False


def start(inputs: dict[str, Any], attributes: dict[str, Any] | None, due: datetime | None) -> Request:
    """The run begins; `due` is when it times out."""
    params = {"inputs": inputs, "attributes": attributes, "due": due}
    return Request(("run_started",), {"r": HEADER}, params)


def completed(step: str, attempt: int, output: Any) -> Request:
    """An attempt succeeded."""
    return Request(("activity_completed",), {"a": step}, {"attempt": attempt, "output": output})


def failed(step: str, attempt: int, error: dict[str, Any]) -> Request:
    """An attempt failed and no other may follow: its step fails, or parks inside a compensation."""
    rule = "activity_timed_out" if error["type"] == "Timeout" else "activity_failed"
    return Request((rule, "activity_parked"), {"a": step}, {"attempt": attempt, "error": error})


def retried(step: str, attempt: int, error: dict[str, Any], due: datetime) -> Request:
    """An attempt failed; the next is due at `due`."""
    return Request(("activity_retried",), {"a": step}, {"attempt": attempt, "error": error, "due": due})


def due(step: str, attempt: int) -> Request:
    """The time of the next attempt has come."""
    return Request(("activity_due",), {"a": step}, {"attempt": attempt})


def stopped(step: str) -> Request:
    """A running activity obeyed the request to cancel."""
    return Request(("activity_cancelled",), {"a": step})


def resumed(step: str, input: Any) -> Request:
    """A compensation that was out of retries is tried again."""
    return Request(("activity_resumed",), {"a": step}, {"input": input})


def unpark() -> Request:
    """A parked run goes on."""
    return Request(("run_resumed",), {"r": HEADER})


def park(error: dict[str, Any]) -> Request:
    """The run cannot go on by its rules: it stops where it is."""
    return Request(("run_parked",), {"r": HEADER}, {"error": error})


def cancel(outcome: str, reason: dict[str, Any], deadline: datetime | None) -> Request:
    """The run shall end `cancelled` or `timed_out`; after the deadline its activities are not waited for."""
    params = {"outcome": outcome, "reason": reason, "due": deadline}
    return Request(("run_cancel_requested",), {"r": HEADER}, params)


def abandon() -> list[Request]:
    """The deadline of a cancel has passed: what was signalled is not waited for."""
    return [
        Request(("run_deadline_passed",), {"r": HEADER}),
        Request(("activity_cancelled",), everywhere=True),
    ]


def terminate(reason: dict[str, Any]) -> list[Request]:
    """The run ends now, and its active steps with it."""
    return [
        Request(("step_terminated",), everywhere=True),
        Request(("run_terminated",), {"r": HEADER}, {"reason": reason}),
    ]
