"""Messages to a run from any process: a graph of its own, so that a writer never meets the engine's writes.

A message is a node; the engine takes it in the same transaction as the transition it causes, so it counts once. When no
engine runs, it waits. `MEANINGS` says what each kind of message asks of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from itonami.graphstore import Event, InvalidValue, NotFound, Store
from itonami.graphstore.write import Write
from itonami.workflow.engine import requests
from itonami.workflow.engine.effects import ENDED
from itonami.workflow.engine.requests import Request

__all__ = ["KIND", "Message", "meaning", "post", "still_waits", "taken", "waiting"]

KIND = ("Message", "sent")
"""The index by which the engine finds messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """`kind` is one of `MEANINGS`; `body` is what it says."""

    run: str
    id: str
    kind: str
    body: dict[str, Any]


def _cancel(body: dict[str, Any], now: datetime) -> list[Request]:
    deadline_ms = body.get("deadline_ms")
    due = now + timedelta(milliseconds=deadline_ms) if isinstance(deadline_ms, int) else None
    reason = str(body.get("reason", "cancelled by request"))
    return [requests.cancel("cancelled", {"type": "Cancelled", "message": reason}, due)]


def _terminate(body: dict[str, Any], now: datetime) -> list[Request]:
    reason = str(body.get("reason", "terminated by request"))
    return requests.terminate({"type": "Terminated", "message": reason})


MEANINGS: dict[str, Callable[[dict[str, Any], datetime], list[Request]]] = {
    "cancel": _cancel,
    "terminate": _terminate,
}


def meaning(kind: str, body: dict[str, Any], now: datetime) -> list[Request]:
    """What a message asks of the run. Raises `InvalidValue` for a kind that nobody knows."""
    if kind not in MEANINGS:
        raise InvalidValue(f"{kind!r} is no message to a run", fix=f"send one of {', '.join(MEANINGS)}")
    return MEANINGS[kind](body, now)


def post(store: Store, run: str, kind: str, body: dict[str, Any]) -> None:
    """Put a message into a run's inbox, durably; a run that has ended needs none. `NotFound` when there is no such
    run."""
    meaning(kind, body, datetime.now(UTC))
    header = store.at(run).header
    if header.get("kind") != "run":
        raise NotFound(f"{run!r} is no run", where=f"store {store.name}")
    if header["status"] in ENDED:
        return
    store.declare_index(*KIND)
    store.transact(
        f"inbox/{run}",
        lambda inbox: inbox.add_node("Message", kind=kind, body=body, sent=datetime.now(UTC)),
        event="MessageSent",
        data={"kind": kind},
    )


def waiting(store: Store, run: str | None = None) -> list[Message]:
    """All messages, or those to one run, oldest first."""
    found = []
    for inbox, id in store.indexed_range(*KIND):
        name = inbox.removeprefix("inbox/")
        node = store.at(inbox).find(id) if run in (None, name) else None
        if node is not None:  # else it was taken since the index was read
            found.append(Message(name, id, node.data["kind"], node.data["body"]))
    return found


def still_waits(store: Store, message: Message) -> bool:
    """Whether nobody has taken it yet."""
    return store.at(f"inbox/{message.run}").find(message.id) is not None


def taken(store: Store, message: Message) -> Write:
    """The write that takes a message out, to be committed with what it causes."""
    name = f"inbox/{message.run}"
    version, inbox = store.checkout(name)
    evolver = inbox.evolver()
    evolver.remove_node(message.id)
    return store.prepare(name, version + 1, evolver.persistent(), evolver.delta(), [Event("MessageTaken")])
