"""DBOS Transact on its default system database, SQLite: durable functions (https://docs.dbos.dev/python).

A workflow calls one step in a loop; each step's output is committed before the next begins. In sequence, the
workflow function is called; at once, it is called from a pool of threads. Of the ways DBOS offers these were
the fastest here: coroutines with `gather` came to half of threads, `start_workflow` to nine tenths.

DBOS leaves SQLite in its default rollback journal, four syncs a commit (counted with strace). The figures are
of that default. Setting `PRAGMA journal_mode=WAL` on the file beforehand doubled it here, from 160 to 318
steps/s in sequence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

from dbos import DBOS, SetWorkflowID

from benchmarks.peers import Body, run_in_threads, sqlite_durability

__all__ = ["DbosSqlite", "open_peer"]


class DbosSqlite:
    """The launched DBOS instance (one a process) and its one workflow."""

    def __init__(self, workflow: Callable[[int], None], settings: Mapping[str, str]) -> None:
        self._workflow = workflow
        self.settings = settings

    async def run(self, name: str, steps: int) -> None:
        self._call(steps, name)

    async def run_all(self, names: Sequence[str], steps: int, at_once: int) -> None:
        run_in_threads(partial(self._call, steps), names, at_once)

    def _call(self, steps: int, name: str) -> None:
        with SetWorkflowID(name):
            self._workflow(steps)


def _durability(instance: DBOS) -> dict[str, str]:
    """Asked of a connection of DBOS's own engine: `synchronous` is a matter of the connection."""
    connection = instance._sys_db.engine.raw_connection()
    try:
        return sqlite_durability(cast(sqlite3.Connection, connection.driver_connection))
    finally:
        connection.close()


@asynccontextmanager
async def open_peer(directory: Path, body: Body) -> AsyncIterator[DbosSqlite]:
    """DBOS launched on `directory`/dbos.sqlite, its log quiet; destroyed, registry included, on leaving."""
    instance = DBOS(
        config={
            "name": "benchmark",
            "system_database_url": f"sqlite:///{directory / 'dbos.sqlite'}",
            "log_level": "ERROR",
        }
    )
    step = DBOS.step(name="step")(body)

    def steps_in_sequence(steps: int) -> None:
        for _ in range(steps):
            step()

    workflow = DBOS.workflow(name="steps_in_sequence")(steps_in_sequence)
    DBOS.launch()
    try:
        yield DbosSqlite(workflow, _durability(instance))
    finally:
        DBOS.destroy(destroy_registry=True)
