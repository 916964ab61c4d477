"""Raw LMDB: the floor under everything that keeps its steps in LMDB, and the unit of the ratios.

A step is one put of a record as large as a small step's, and one synchronous commit; no workflow, no graph,
no hash. At once, a group commit: one transaction and one sync for one step of every run under way, the most
that any committer could batch. Both of LMDB's syncs stay on (http://www.lmdb.tech/doc/group__mdb__env.html).

The key is run and step, the least that lets a run's steps be found again. Appended under one growing number
instead, group commits were 1.8 times as fast here, single commits the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import lmdb

from benchmarks.peers import Body

RECORD_BYTES = 300
MAP_BYTES = 1 << 32

__all__ = ["RawLmdb", "open_peer"]


class RawLmdb:
    """One table of records, a step each."""

    def __init__(self, environment: lmdb.Environment, body: Body) -> None:
        self._environment = environment
        self._body = body
        self._record = bytes(RECORD_BYTES)

    @property
    def settings(self) -> Mapping[str, str]:
        flags = self._environment.flags()
        return {flag: "on" if flags[flag] else "off" for flag in ("sync", "metasync")}

    async def run(self, name: str, steps: int) -> None:
        for step in range(steps):
            self._commit([name], step)

    async def run_all(self, names: Sequence[str], steps: int, at_once: int) -> None:
        for first in range(0, len(names), at_once):
            for step in range(steps):
                self._commit(names[first : first + at_once], step)

    def _commit(self, names: Sequence[str], step: int) -> None:
        with self._environment.begin(write=True) as transaction:
            for name in names:
                self._body()
                transaction.put(f"{name}/{step:08}".encode(), self._record)


@asynccontextmanager
async def open_peer(directory: Path, body: Body) -> AsyncIterator[RawLmdb]:
    """An environment in `directory`."""
    with lmdb.open(str(directory), map_size=MAP_BYTES) as environment:
        yield RawLmdb(environment, body)
