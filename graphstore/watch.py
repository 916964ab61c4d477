"""The live tail of a store: its transactions, each as soon as it is durable, whichever process made it.

A commit of this process wakes its watchers; those of others are seen by looking at LMDB's last transaction number, a
field in shared memory, every few milliseconds: the one poll there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from typing import TYPE_CHECKING

from itonami.graphstore.errors import InvalidValue, NotFound, StoreClosed
from itonami.graphstore.records import Commit

if TYPE_CHECKING:
    from itonami.graphstore.reading import Reader

__all__ = ["Watch"]

POLL_SECONDS = 0.02


class Watch(Iterator[Commit], AsyncIterator[Commit]):
    """Commits in order, without a gap; of one graph only, when one is named. `for` or `async for`."""

    def __init__(self, store: Reader, from_tx: int, graph: str | None, timeout: float | None) -> None:
        if from_tx < 0:
            raise InvalidValue(f"there is no TX {from_tx}", fix="watch from 0 or later")
        self._store = store
        self._next = max(from_tx, 1)
        self._graph = graph
        self._timeout = timeout
        self._last = store.last_id

    def __iter__(self) -> Watch:
        return self

    def __aiter__(self) -> Watch:
        return self

    def __next__(self) -> Commit:
        until = self._until()
        try:
            while (commit := self._ready()) is None:
                if monotonic() >= until:
                    raise StopIteration
                self._store.wait(self._last, POLL_SECONDS)
        except StoreClosed:
            raise StopIteration from None
        return commit

    async def __anext__(self) -> Commit:
        until = self._until()
        try:
            while (commit := self._ready()) is None:
                if monotonic() >= until:
                    raise StopAsyncIteration
                await asyncio.sleep(POLL_SECONDS)
        except StoreClosed:
            raise StopAsyncIteration from None
        return commit

    def _until(self) -> float:
        return float("inf") if self._timeout is None else monotonic() + self._timeout

    def _ready(self) -> Commit | None:
        """The next commit that is wanted, if it is there."""
        while True:
            seen = self._store.last_id
            try:
                commit = self._store.commit_of(self._next)
            except NotFound:
                self._last = seen
                return None
            self._next += 1
            if self._graph is None or any(entry.graph == self._graph for entry in commit.entries):
                return commit
