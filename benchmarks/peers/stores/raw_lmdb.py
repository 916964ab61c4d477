"""Raw LMDB: the floor under a store that keeps its versions in LMDB. No graph, no hash, no history but where asked.

A node is a record under (graph, node), a change one put and one synchronous commit, both syncs on. At once, a group
commit: one transaction for one change of every task under way, the most that any committer could batch. A history
is a record under (node, version), so that a version of a node is one step of a cursor. A version is pinned the only
way LMDB has: by a reader that stays open (http://www.lmdb.tech/doc/, "Caveats": long-lived transactions).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import lmdb

from benchmarks.peers.stores import RECORD_BYTES, StorePeer, lmdb_page_bytes

__all__ = ["RawLmdb", "open_peer"]

MAP_BYTES = 1 << 34


class RawLmdb(StorePeer):
    """One table of records."""

    def __init__(self, directory: Path, environment: lmdb.Environment) -> None:
        self._directory = directory
        self._environment = environment
        self._pinned: lmdb.Transaction | None = None
        flags = environment.flags()
        self.settings = {flag: "on" if flags[flag] else "off" for flag in ("sync", "metasync")}

    def fill(self, graphs: int, nodes: int) -> None:
        with self._environment.begin(write=True) as transaction:
            for graph in range(graphs):
                for node in range(nodes):
                    transaction.put(_key(graph, node), _record(0), append=True)

    def commit(self, graph: int, node: int, value: int) -> None:
        with self._environment.begin(write=True) as transaction:
            transaction.put(_key(graph, node), _record(value))

    async def commit_at_once(self, graphs: int, steps: int) -> None:
        for step in range(steps):
            with self._environment.begin(write=True) as transaction:
                for graph in range(graphs):
                    transaction.put(_key(graph, step), _record(step))

    def value(self, graph: int, node: int) -> int:
        with self._environment.begin() as transaction:
            return _value(transaction.get(_key(graph, node)))

    def grow(self, parts: Sequence[str]) -> None:
        for step, text in enumerate(parts):
            with self._environment.begin(write=True) as transaction:
                transaction.put(_key(0, step), text.encode())

    def page_bytes(self) -> int:
        return lmdb_page_bytes(self._directory, tables=False)

    def history(self, nodes: int, changes: Sequence[int]) -> None:
        with self._environment.begin(write=True) as transaction:
            for node in range(nodes):
                transaction.put(_key(node, 0), _record(0), append=True)
            for version, node in enumerate(changes, 1):
                transaction.put(_key(node, version), _record(version))

    def read(self, version: int, node: int) -> int:
        key = _key(node, version)
        with self._environment.begin() as transaction:
            cursor = transaction.cursor()
            if not cursor.set_range(key):
                cursor.last()
            elif cursor.key() != key:
                cursor.prev()
            return _value(cursor.value())

    def pin(self) -> None:
        self._pinned = self._environment.begin()

    def pinned(self, node: int) -> int:
        assert self._pinned is not None
        return _value(self._pinned.get(_key(0, node)))

    def release(self) -> None:
        """End the reader that pins, if there is one."""
        if self._pinned is not None:
            self._pinned.abort()


def _key(high: int, low: int) -> bytes:
    return high.to_bytes(4, "big") + low.to_bytes(4, "big")


def _record(value: int) -> bytes:
    return value.to_bytes(8, "big") + bytes(RECORD_BYTES - 8)


def _value(record: Any) -> int:
    return int.from_bytes(record[:8], "big")


@asynccontextmanager
async def open_peer(directory: Path, *, snapshots: bool = True) -> AsyncIterator[RawLmdb]:
    """An environment in `directory`."""
    with lmdb.open(str(directory), map_size=MAP_BYTES) as environment:
        peer = RawLmdb(directory, environment)
        try:
            yield peer
        finally:
            peer.release()
