"""One transaction on one graph, as a block: read the head, edit, commit at the end or not at all."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from itonami.graphstore.errors import Conflict
from itonami.graphstore.evolver import Evolver
from itonami.graphstore.records import Event, Version
from itonami.graphstore.write import OnConflict, Write

if TYPE_CHECKING:
    from itonami.graphstore.store import Store

__all__ = ["Transaction"]


class Transaction:
    """`with store.transaction(...) as graph:` gives an `Evolver`; `committed` is the version it became."""

    def __init__(
        self, store: Store, graph: str, event: Event, expected: int | None, on_conflict: OnConflict | None
    ) -> None:
        self._store = store
        self._graph = graph
        self._event = event
        self._expected = expected
        self._on_conflict = on_conflict
        self._version = 0
        self._evolver: Evolver | None = None
        self.committed: Version | None = None

    def _begin(self) -> Evolver:
        self._version, before = self._store.checkout(self._graph)
        if self._expected is not None and self._expected != self._version:
            raise Conflict(self._graph, self._expected, self._version)
        self._evolver = before.evolver()
        return self._evolver

    def _write(self) -> Write:
        assert self._evolver is not None
        self._evolver.seal()
        after, delta = self._evolver.persistent(), self._evolver.delta()
        return self._store.prepare(
            self._graph, self._version + 1, after, delta, [self._event], on_conflict=self._on_conflict
        )

    def __enter__(self) -> Evolver:
        return self._begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            (self.committed,) = self._store.commit([self._write()])

    async def __aenter__(self) -> Evolver:
        return self._begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            write = self._write()
            await self._store.room()
            (self.committed,) = await self._store.commit_async([write])
