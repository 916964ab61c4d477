"""What happens inside the one write transaction of a batch.

Each request is checked against the running heads of the batch before anything of it is put: a refused one consumes no
TxId and leaves its mates alone. Commit times increase: max(clock, last + 1 us). The record becomes a leaf of the
log in the same transaction. Every `snapshot_every` versions of a graph, and
after each MiB of large changes, its trie is saved. The caches hear of a batch
when it is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import perf_counter

from itonami.graphstore import merkle
from itonami.graphstore.backend import Backend, Reading, Writing
from itonami.graphstore.cache import Cache, Present, Trees
from itonami.graphstore.committer import Outcome
from itonami.graphstore.errors import Conflict, InvalidValue, ItonamiError, NotFound, VersionPruned
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import Ledger, Place, u64
from itonami.graphstore.metrics import Observe
from itonami.graphstore.points import Moment
from itonami.graphstore.records import encode_record, microseconds, moment
from itonami.graphstore.secondary import Entries, Pair, entries_of, moved
from itonami.graphstore.snapshots import Snapshots
from itonami.graphstore.write import Attempt, Rebased, Write, check_size, versions_of

__all__ = ["Writer"]

KEPT_BASES = 1_024
COUNTED_BYTES, UNSAVED_BYTES = 1 << 12, 1 << 20


@dataclass(slots=True)
class _Batch:
    """A batch in its write transaction: where its graphs stand so far, and what is to be remembered of it."""

    txn: Writing
    present: Present
    places: dict[str, Place] = field(default_factory=dict)
    graphs: dict[str, Graph] = field(default_factory=dict)
    trees: Trees = field(default_factory=dict)
    saved: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    conflicts: int = 0
    id: int = 0
    ended: float = 0.0


class Writer:
    """Turns requests, each a list of writes, into transactions. One thread at a time may call `commit`."""

    def __init__(
        self,
        backend: Backend,
        ledger: Ledger,
        snapshots: Snapshots,
        cache: Cache,
        *,
        snapshot_every: int,
        clock: Callable[[], datetime],
        observe: Observe,
    ) -> None:
        self._backend = backend
        self._ledger = ledger
        self._snapshots = snapshots
        self._cache = cache
        self._snapshot_every = snapshot_every
        self._clock = clock
        self._observe = observe
        self._inherited: dict[tuple[bytes, tuple[Pair, ...]], Entries] = {}
        self._saved: set[str] = set()
        self._unsaved: dict[bytes, int] = {}

    # -- before the transaction ----------------------------------------------------------------------------

    def index(self, write: Write) -> None:
        """Work out what a write does to the declared indices. Needs no transaction unless it starts a fork."""
        write.pairs = pairs = self._cache.pairs
        out, into = moved(pairs, write.entry.delta, write.after)
        if write.entry.base is not None:
            out, into = frozenset(), into | (self._of_base(write.entry.base, pairs) - out)
        write.index_out, write.index_in = out, into

    def _of_base(self, base: tuple[str, int], pairs: tuple[Pair, ...]) -> Entries:
        """The index entries a fork inherits; remembered by root, so that a start costs O(1)."""
        if not pairs:
            return frozenset()
        with self._backend.read() as txn:
            graph = self._cache.graph(txn, *base)
        key = (graph.root, pairs)
        if key not in self._inherited:
            if len(self._inherited) >= KEPT_BASES:
                self._inherited.clear()
            self._inherited[key] = entries_of(pairs, graph)
        return self._inherited[key]

    # -- the transaction -----------------------------------------------------------------------------------

    def commit(self, requests: Sequence[list[Write]]) -> list[Outcome]:
        """Commit a batch durably; for each request its versions, or the error it was refused with. Raises when the
        whole batch could not be committed: then none of it was."""
        began = perf_counter()
        batch = self._backend.write(lambda txn: self._batch(txn, requests))
        if batch.places:  # LMDB does not count a transaction that wrote nothing
            self._cache.advance(batch.id)
            self._cache.keep_trees(batch.trees)
            self._saved |= batch.saved
        ended = perf_counter()
        self._observe("batch_size", len(requests))
        self._observe("commit_seconds", ended - began)
        self._observe("flush_seconds", ended - batch.ended)
        if batch.conflicts:
            self._observe("conflicts", batch.conflicts)
        return batch.outcomes

    def take_saved(self) -> set[str]:
        """The graphs whose trie was saved by the interval since this was last asked."""
        saved, self._saved = self._saved, set()
        return saved

    def _batch(self, txn: Writing, requests: Sequence[list[Write]]) -> _Batch:
        id = txn.id()
        self._cache.catch_up(txn, id - 1)  # what is written here is not committed yet
        batch = _Batch(txn, self._cache.present, id=id)
        for request in requests:
            try:
                writes, places = self._checked(batch, request)
            except (
                BaseException
            ) as error:  # on_conflict is the caller's code: what it raised, the loser hears
                if isinstance(error, Conflict):
                    batch.conflicts += 1
                elif isinstance(error, KeyboardInterrupt | SystemExit) or not (
                    isinstance(error, ItonamiError) or any(write.on_conflict for write in request)
                ):
                    raise
                batch.outcomes.append(error)
                continue
            self._put(batch, writes, places)
            batch.outcomes.append(versions_of(batch.present.tx, moment(batch.present.time), writes))
        if batch.places:
            self._cache.expect(id, batch.present, batch.places, batch.graphs)
        batch.ended = perf_counter()
        return batch

    def _checked(self, batch: _Batch, request: list[Write]) -> tuple[list[Write], list[Place | None]]:
        """The writes as they are to be put, and where their graphs stand."""
        check_size(request)
        writes: list[Write] = []
        places: list[Place | None] = []
        for write in request:
            place = batch.places.get(write.entry.graph) or self._cache.standing(batch.txn, write.entry.graph)
            if not _continues(place, write):
                write = self._rebased(batch, write, place)
            if write.pairs != self._cache.pairs:
                self.index(write)  # an index was declared since it was prepared
            if write.entry.base is not None:
                if write.entry.version != 1:
                    raise InvalidValue(
                        "only version 1 starts from another graph", where=f"graph {write.entry.graph!r}"
                    )
                self._check_base(batch.txn, *write.entry.base)
            writes.append(write)
            places.append(place)
        if any(made is not asked for made, asked in zip(writes, request, strict=True)):
            check_size(writes)
        return writes, places

    def _rebased(self, batch: _Batch, write: Write, place: Place | None) -> Write:
        """What a loser's `on_conflict` makes of the present head, else `Conflict`."""
        entry = write.entry
        actual = 0 if place is None else place.version
        conflict = Conflict(entry.graph, entry.version - 1, actual)
        if write.on_conflict is None or place is None:
            raise conflict
        head = batch.graphs.get(entry.graph)
        if head is None:  # not an empty one: the running head is committed with the batch only
            head = self._cache.graph(batch.txn, entry.graph, place.tx)
        since = partial(self._ledger.since, batch.txn, entry.graph, place.number, entry.version - 1)
        attempt = Attempt(entry.graph, entry.version - 1, entry.events, entry.delta, actual, head, since)
        try:
            made = write.on_conflict(attempt)
        except InvalidValue as error:
            raise conflict from error
        if made is None:
            raise conflict
        after, events = (made.after, made.events) if isinstance(made, Rebased) else (made, entry.events)
        if not isinstance(after, Graph):
            raise InvalidValue(f"on_conflict returned {type(after).__name__}, not a graph or None")
        anew = Write.make(
            entry.graph,
            actual + 1,
            after,
            head.diff(after),
            events,
            before=head.root,
            on_conflict=write.on_conflict,
        )
        self.index(anew)
        return anew

    def _check_base(self, txn: Reading, graph: str, tx: int) -> None:
        name = self._ledger.name(txn, graph)
        committed = 0 < tx <= self._cache.present.tx  # what this batch makes is not there to be read yet
        found = self._ledger.version_at(txn, name.number, tx) if name is not None and committed else None
        if name is None or found is None or found[0] != tx:
            raise NotFound(f"there is no version of TX {tx} to fork", where=f"graph {graph!r}")
        if tx < name.horizon and tx not in self._ledger.pinned(txn, name.number):
            raise VersionPruned(f"the version of TX {tx} was pruned", where=f"graph {graph!r}")

    def _put(self, batch: _Batch, writes: list[Write], places: list[Place | None]) -> None:
        txn, present = batch.txn, batch.present
        tx, time = present.tx + 1, max(microseconds(self._clock()), present.time + 1)
        numbers = [
            self._ledger.add_graph(txn, write.entry.graph, tx, position) if place is None else place.number
            for position, (write, place) in enumerate(zip(writes, places, strict=True))
        ]
        record = encode_record(tx, time, [write.encoded for write in writes])
        self._ledger.append(txn, tx, record, writes, numbers)
        hashes, peaks = merkle.append(present.peaks, present.tx, merkle.leaf_hash(record))
        txn.append("log", u64(tx), hashes)
        batch.present = Present(tx, time, peaks)
        for write, number in zip(writes, numbers, strict=True):
            entry = write.entry
            batch.places[entry.graph] = Place(number, entry.version, tx, entry.root)
            batch.graphs[entry.graph] = write.after
            if entry.base is not None:
                self._pin(batch, *entry.base)
            if self._due(number, entry.version, len(entry.body or b"")):
                self.save(batch.txn, batch.trees, number, tx, write.after)
                batch.saved.add(entry.graph)

    def _due(self, number: bytes, version: int, changed: int) -> bool:
        """Whether a trie is to be saved: every so many versions, and when as much as a large transaction changed since.
        Small changes are not counted: their number bounds them."""
        if changed >= COUNTED_BYTES:
            changed += self._unsaved.pop(number, 0)
            if changed < UNSAVED_BYTES:
                if len(self._unsaved) >= KEPT_BASES:
                    self._unsaved.clear()
                self._unsaved[number] = changed
        return version % self._snapshot_every == 0 or changed >= UNSAVED_BYTES

    def _pin(self, batch: _Batch, graph: str, tx: int) -> None:
        """A fork starts here: have the version on disk, and keep it."""
        number = self._ledger.number(batch.txn, graph)
        assert number is not None
        if batch.txn.get("pins", number + u64(tx)) is None:
            self.keep(batch.txn, batch.trees, graph, number, tx)
            batch.txn.put("pins", number + u64(tx), b"")

    def keep_at(self, txn: Writing, trees: Trees, graph: str, point: Moment) -> tuple[int, bytes]:
        """Have the trie of the version on disk that a point in time means; its TxId and the graph's number."""
        trees.clear()  # of an attempt that met a full map
        tx = self._ledger.resolve(txn, graph, point)
        number = self._ledger.number(txn, graph)
        assert number is not None
        self.keep(txn, trees, graph, number, tx)
        return tx, number

    def keep(self, txn: Writing, trees: Trees, graph: str, number: bytes, tx: int) -> None:
        """Save the trie of a version unless it is on disk already."""
        found = self._ledger.root_at(txn, number, tx)
        if found is None or found.tx != tx:
            self.save(txn, trees, number, tx, self._cache.graph(txn, graph, tx))

    def save(self, txn: Writing, trees: Trees, number: bytes, tx: int, graph: Graph) -> None:
        """Save the trie of a version against the nearest one before it; it joins `trees`, to be remembered if the
        transaction commits."""
        before = self._snapshots.before(txn, number, tx)
        old = None
        if before is not None:
            key = before[0], before[1].tx
            old = trees[key] if key in trees else self._cache.tree(*before)
        trees[number, tx] = self._snapshots.take(txn, number, tx, graph, old)


def _continues(place: Place | None, write: Write) -> bool:
    """Whether the write continues the graph's present version."""
    actual = 0 if place is None else place.version
    moved_on = place is not None and write.before is not None and place.root != write.before
    return write.entry.version == actual + 1 and not moved_on
