"""The `eventsourcing` library with the SQLite recorder it ships: an aggregate of events (https://eventsourcing.readthedocs.io).

Graph 0 is one aggregate whose nodes are entries of a dict; a change is one event. Nothing is turned: JSON transcoding,
WAL as the recorder sets it, no snapshots and no cache, which are the library's defaults; so a rebuild reads all events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.peers import sqlite_durability
from benchmarks.peers.stores import StorePeer
from benchmarks.peers.stores.sqlite_wal import sqlite_page_bytes

__all__ = ["EventSourcing", "open_peer"]

FILE = "events.sqlite"
SAVED_AT_ONCE = 100
"""Events of a history that are saved together, to have it sooner."""


class Board(Aggregate):
    """The state: values by node, and parts that are only added."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}
        self.parts: list[str] = []

    @staticmethod
    def create_id() -> Any:
        """The one aggregate's id."""
        return uuid5(NAMESPACE_URL, "board")

    @event("Changed")
    def change(self, node: int, value: int) -> None:
        """Set the value of a node."""
        self.values[node] = value

    @event("Grew")
    def grow(self, text: str) -> None:
        """Add a part."""
        self.parts.append(text)


class EventSourcing(StorePeer):
    """The application with its recorder open."""

    def __init__(self, directory: Path, application: Application[Any]) -> None:
        self._directory = directory
        self._application = application
        self.settings = _durability(application)

    def grow(self, parts: Sequence[str]) -> None:
        board = Board()
        for text in parts:
            board.grow(text)
            self._application.save(board)

    def page_bytes(self) -> int:
        return sqlite_page_bytes(self._directory / FILE)

    def history(self, nodes: int, changes: Sequence[int]) -> None:
        board = Board()
        for version, node in enumerate(changes, 1):
            board.change(node, version)
            if version % SAVED_AT_ONCE == 0:
                self._application.save(board)
        self._application.save(board)

    def rebuild(self) -> Callable[[int], int]:
        board: Board = self._application.repository.get(Board.create_id())
        return lambda node: board.values.get(node, 0)


def _durability(application: Application[Any]) -> dict[str, str]:
    """Asked of a connection of the recorder's own pool."""
    datastore = cast(Any, application.factory).datastore
    with datastore.transaction(commit=False) as cursor:
        return sqlite_durability(cursor.sqlite_cursor.connection)


@asynccontextmanager
async def open_peer(directory: Path, *, snapshots: bool = True) -> AsyncIterator[EventSourcing]:
    """An application on `directory`/events.sqlite."""
    environment = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(directory / FILE)}
    with Application[Any](env=environment) as application:
        yield EventSourcing(directory, application)
