"""Messages to a run from any process: a graph of its own, so that a writer never meets the engine's writes.

A message is a node; the engine takes it in the same transaction as the transition it causes, so it counts once. When no
engine runs, it waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from itonami.graphstore import Event, NotFound, Store
from itonami.graphstore.ledger import Write

__all__ = ["KIND", "Message", "post", "taken", "waiting"]

KIND = ("Message", "sent")
"""The index by which the engine finds messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """`kind` is cancel or terminate; `body` is what it says."""

    run: str
    id: str
    kind: str
    body: dict[str, Any]


def post(store: Store, run: str, kind: str, body: dict[str, Any]) -> None:
    """Put a message into a run's inbox, durably. `NotFound` when there is no such run."""
    if store.at(run).header.get("kind") != "run":
        raise NotFound(f"{run!r} is no run", where=f"store {store.path}")
    store.declare_index(*KIND)
    store.transact(
        f"inbox/{run}",
        lambda inbox: inbox.add_node("Message", kind=kind, body=body, sent=datetime.now(UTC)),
        event="MessageSent",
        data={"kind": kind},
    )


def waiting(store: Store) -> list[Message]:
    """All messages, oldest first."""
    found = []
    for inbox, id in store.indexed_range(*KIND):
        data = store.at(inbox).node(id).data
        found.append(Message(inbox.removeprefix("inbox/"), id, data["kind"], data["body"]))
    return found


def taken(store: Store, message: Message) -> Write:
    """The write that takes a message out, to be committed with what it causes."""
    name = f"inbox/{message.run}"
    version, inbox = store.checkout(name)
    evolver = inbox.evolver()
    evolver.remove_node(message.id)
    return store.prepare(name, version + 1, evolver.persistent(), evolver.delta(), [Event("MessageTaken")])
