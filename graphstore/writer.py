"""What happens inside the one write transaction of a batch.

Each request is checked against the running heads of the batch before anything of it is put: a refused one consumes no
TxId and leaves its mates alone. Commit times never decrease: max(clock, last + 1 us). Every `snapshot_every` versions
of a graph its trie is put on the shelf. The caches hear of a batch when it is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from itonami.graphstore.backend import Backend
from itonami.graphstore.cache import Cache
from itonami.graphstore.committer import Outcome
from itonami.graphstore.errors import ItonamiError
from itonami.graphstore.ledger import Ledger, Place, Write, check_expected, check_size, versions_of
from itonami.graphstore.records import microseconds, moment
from itonami.graphstore.secondary import Entries, Pair, entries_of, moved
from itonami.graphstore.shelf import Shelf, unshelve
from itonami.graphstore.trie import Branch, Leaf

__all__ = ["Writer"]

KEPT_BASES = 1_024


class Writer:
    """Turns requests, each a list of writes, into transactions. Used by the committer thread alone, but `index`."""

    def __init__(
        self,
        backend: Backend,
        ledger: Ledger,
        shelf: Shelf,
        cache: Cache,
        *,
        snapshot_every: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._backend = backend
        self._ledger = ledger
        self._shelf = shelf
        self._cache = cache
        self._snapshot_every = snapshot_every
        self._clock = clock
        self._inherited: dict[tuple[bytes, tuple[Pair, ...]], Entries] = {}

    def index(self, write: Write) -> None:
        """Work out what a write does to the declared indices. Needs no transaction unless it starts a fork."""
        write.pairs = pairs = self._cache.pairs
        out, into = moved(pairs, write.entry.delta, write.after)
        if write.entry.base is not None:
            out, into = frozenset(), into | (self._of_base(write.entry.base, pairs) - out)
        write.index_out, write.index_in = out, into

    def _of_base(self, base: tuple[str, int], pairs: tuple[Pair, ...]) -> Entries:
        """The index entries a fork inherits; remembered by root, so that a start costs O(1)."""
        with self._backend.read() as txn:
            graph = self._cache.graph(txn, *base)
        key = (graph.root, pairs)
        if key not in self._inherited:
            if len(self._inherited) >= KEPT_BASES:
                self._inherited.clear()
            self._inherited[key] = entries_of(pairs, graph)
        return self._inherited[key]

    def commit(self, requests: Sequence[list[Write]]) -> list[Outcome]:
        """Commit a batch durably; for each request its versions, or the error it was refused with. Raises when the
        whole batch could not be committed: then none of it was."""
        shelved: list[Leaf | Branch] = []

        def work(txn: Any) -> tuple[list[Outcome], dict[str, Place], tuple[int, int], int]:
            unshelve(shelved)  # of an attempt that met a full map
            shelved.clear()
            return self._batch(txn, requests, shelved)

        try:
            outcomes, running, last, id = self._backend.write(work)
        except BaseException:
            unshelve(shelved)
            raise
        if running:  # LMDB does not count a transaction that wrote nothing
            self._cache.advance(id, last, running)
        for writes, outcome in zip(requests, outcomes, strict=True):
            if not isinstance(outcome, BaseException):
                for write, version in zip(writes, outcome, strict=True):
                    self._cache.keep(running[version.graph].number, version.tx, write.after)
        return outcomes

    def _batch(
        self, txn: Any, requests: Sequence[list[Write]], shelved: list[Leaf | Branch]
    ) -> tuple[list[Outcome], dict[str, Place], tuple[int, int], int]:
        id = txn.id()
        self._cache.catch_up(txn, id - 1)  # what is written here is not committed yet
        last = self._cache.last
        running: dict[str, Place] = {}
        outcomes: list[Outcome] = []
        for writes in requests:
            try:
                places = self._checked(txn, writes, running)
            except ItonamiError as error:
                outcomes.append(error)
                continue
            last = (last[0] + 1, max(microseconds(self._clock()), last[1] + 1))
            self._put(txn, last, writes, places, running, shelved)
            outcomes.append(versions_of(last[0], moment(last[1]), writes))
        return outcomes, running, last, id

    def _checked(self, txn: Any, writes: list[Write], running: dict[str, Place]) -> list[Place | None]:
        check_size(writes)
        places = []
        for write in writes:
            place = running.get(write.entry.graph) or self._cache.standing(txn, write.entry.graph)
            check_expected(place, write)
            if write.pairs != self._cache.pairs:
                self.index(write)  # an index was declared since it was prepared
            places.append(place)
        return places

    def _put(
        self,
        txn: Any,
        last: tuple[int, int],
        writes: list[Write],
        places: list[Place | None],
        running: dict[str, Place],
        shelved: list[Leaf | Branch],
    ) -> None:
        tx, time = last
        numbers = [
            self._ledger.add_graph(txn, write.entry.graph, tx, position) if place is None else place.number
            for position, (write, place) in enumerate(zip(writes, places, strict=True))
        ]
        self._ledger.append(txn, tx, time, writes, numbers)
        for write, number in zip(writes, numbers, strict=True):
            entry, top = write.entry, write.after.top
            running[entry.graph] = Place(number, entry.version, tx, entry.root)
            if entry.version % self._snapshot_every == 0:
                self._shelf.save(txn, top, shelved)
                self._ledger.put_root(txn, number, tx, 0 if top is None else top.location or 0, entry.root)
