"""SQLite in WAL mode with synchronous FULL: every commit is synced (https://sqlite.org/pragma.html#pragma_synchronous).

A node is a row under (graph, node), a change one UPDATE and its commit; no history, no hash. At once, what raw LMDB
is granted: one transaction for one change of every task under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from benchmarks.peers import sqlite_durability
from benchmarks.peers.stores import RECORD_BYTES, StorePeer

__all__ = ["SqliteWal", "open_peer"]

FILE = "state.sqlite"
UPDATE = "UPDATE node SET value = ? WHERE graph = ? AND node = ?"


class SqliteWal(StorePeer):
    """One table of nodes, and one of parts that only grows."""

    def __init__(self, directory: Path, connection: sqlite3.Connection) -> None:
        self._directory = directory
        self._connection = connection
        self.settings = sqlite_durability(connection)

    def fill(self, graphs: int, nodes: int) -> None:
        rest = bytes(RECORD_BYTES - 8)
        rows = ((graph, node, 0, rest) for graph in range(graphs) for node in range(nodes))
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO node VALUES (?, ?, ?, ?)", rows)

    def commit(self, graph: int, node: int, value: int) -> None:
        self._connection.execute(UPDATE, (value, graph, node))

    async def commit_at_once(self, graphs: int, steps: int) -> None:
        for step in range(steps):
            with self._connection:
                self._connection.execute("BEGIN")
                self._connection.executemany(UPDATE, ((step, graph, step) for graph in range(graphs)))

    def value(self, graph: int, node: int) -> int:
        query = "SELECT value FROM node WHERE graph = ? AND node = ?"
        (value,) = self._connection.execute(query, (graph, node)).fetchone()
        return int(value)

    def grow(self, parts: Sequence[str]) -> None:
        for step, text in enumerate(parts):
            self._connection.execute("INSERT INTO part VALUES (?, ?)", (step, text))

    def page_bytes(self) -> int:
        return sqlite_page_bytes(self._directory / FILE)


def sqlite_page_bytes(file: Path) -> int:
    """Bytes of the pages of a closed SQLite database that hold something (the free list is left out)."""
    with closing(sqlite3.connect(file)) as connection:
        pragmas = ("page_count", "freelist_count", "page_size")
        count, free, size = (connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas)
    return int((count - free) * size)


@asynccontextmanager
async def open_peer(directory: Path, *, snapshots: bool = True) -> AsyncIterator[SqliteWal]:
    """A database in `directory` that commits each statement outside a transaction by itself."""
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS node (graph, node, value, rest, PRIMARY KEY (graph, node)) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS part (step INTEGER PRIMARY KEY, text)")
        yield SqliteWal(directory, connection)
