"""What a run's graph asks of the world, read off its nodes and never off the rewrites that led there.

    Activity, state 'pending'           perform attempt n
    Activity, pending and cancel        signal it, if it is under way; else it is stopped already
    anything with `due`                 wake at that time
    the header with an end status       tell whoever waits

So after a crash the same function over the same nodes gives the same effects. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from itonami.graphstore import HEADER, Node

__all__ = ["ENDED", "Attempt", "Effects", "effects_of"]

ENDED = frozenset({"succeeded", "failed", "cancelled", "terminated", "timed_out"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of an activity step that is to be performed."""

    step: str
    attempt: int
    activity: str


@dataclass(slots=True)
class Effects:
    """What is to be done once the transition is durable."""

    attempts: list[Attempt] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    timers: list[tuple[datetime, str, int]] = field(default_factory=list)
    status: str | None = None


def effects_of(nodes: Iterable[Node]) -> Effects:
    """The effects that these nodes ask for. O(nodes)."""
    found = Effects()
    for node in nodes:
        data = node.data
        if data.get("state") == "pending":
            if data.get("cancel"):
                found.signals.append(node.id)
            else:
                found.attempts.append(Attempt(node.id, data["attempt"], data["activity"]))
        if "due" in data:
            found.timers.append((data["due"], node.id, data.get("attempt", 0)))
        if node.id == HEADER:
            found.status = data["status"]
    return found
