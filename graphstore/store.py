"""The store: versioned graphs under one directory, transactions over them, any version at any time.

    with Store.open("state.itonami") as store:
        with store.transaction("order-17", event="placed") as graph:
            graph.add_node("Order", state="new")
        store.at("order-17", "HEAD")

A version is pinned by its TxId, never by an open LMDB transaction. A read at TxId T is the nearest persisted root at
or below T, plus fewer than `snapshot_every` deltas. Heads are cached, and believed only while LMDB's last
transaction is the one they were cached at. What is written where is `ledger`; how requests queue is `committer`.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from itonami.graphstore.backend import Backend
from itonami.graphstore.codec import Value, normalise, same
from itonami.graphstore.committer import Committer, Outcome
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import Conflict, Corrupt, InvalidValue, ItonamiError, NotFound
from itonami.graphstore.evolver import Evolver, checked_name
from itonami.graphstore.graph import HEADER, Graph
from itonami.graphstore.ledger import (
    Ledger,
    Place,
    Write,
    check_expected,
    check_size,
    key_between,
    versions_of,
)
from itonami.graphstore.points import Point, parse_point
from itonami.graphstore.records import Commit, Entry, Event, Version, microseconds, moment
from itonami.graphstore.secondary import Entries, Pair, entries_of, moved
from itonami.graphstore.shelf import Shelf, unshelve
from itonami.graphstore.transaction import Transaction

if TYPE_CHECKING:
    from itonami.graphstore.verify import Report

__all__ = ["Store"]

CACHED_GRAPHS = 4_096
ATTEMPTS = 1_000  # somebody wins each round, so this many lost in a row means something else is wrong

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """A directory holding `data.mdb`. Any number of threads, tasks and processes may use one at once."""

    def __init__(
        self, backend: Backend, *, snapshot_every: int, clock: Callable[[], datetime] = _now
    ) -> None:
        if snapshot_every < 1:
            raise InvalidValue(f"snapshot_every must be at least 1, not {snapshot_every}")
        self._backend = backend
        self._ledger = Ledger(backend.tables)
        self._shelf = Shelf(backend)
        self._snapshot_every = snapshot_every
        self._clock = clock
        self._lock = threading.Lock()
        self._synced = -1  # LMDB's transaction number that the caches belong to
        self._last = (0, 0)  # the last TxId and its time
        self._pairs: tuple[Pair, ...] = ()
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._graphs: OrderedDict[tuple[bytes, int], Graph] = OrderedDict()
        self._base_entries: dict[tuple[bytes, tuple[Pair, ...]], Entries] = {}
        self._scratch: Path | None = None
        self._committer: Committer | None = None
        self._starting = threading.Lock()
        self._closed = False

    # -- opening and closing -------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: bool = True,
        read_only: bool = False,
        snapshot_every: int = 64,
        max_map_bytes: int = 1 << 44,
        clock: Callable[[], datetime] = _now,
    ) -> Store:
        """Open the store at a directory, made if it is not there. Raises `NotAStore`, `UnsupportedFormat`."""
        backend = Backend.open(
            Path(path), create=create and not read_only, read_only=read_only, max_map_bytes=max_map_bytes
        )
        return cls(backend, snapshot_every=snapshot_every, clock=clock)

    @classmethod
    def memory(cls, *, snapshot_every: int = 64, clock: Callable[[], datetime] = _now) -> Store:
        """A store that lasts as long as it is open: a temporary directory, never flushed."""
        scratch = Path(tempfile.mkdtemp(prefix="itonami-"))
        backend = Backend.open(scratch / "store", create=True, durable=False)
        store = cls(backend, snapshot_every=snapshot_every, clock=clock)
        store._scratch = scratch
        return store

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self._backend.path

    def close(self) -> None:
        """Commit what is queued and close. Further use is `StoreClosed`."""
        with self._starting:
            self._closed = True
            committer, self._committer = self._committer, None
        if committer is not None:
            committer.close()
        self._backend.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading -------------------------------------------------------------------------------------------

    def head(self, graph: str) -> Version:
        """The newest version of a graph, else `NotFound`."""
        with self._backend.read() as txn:
            place = self._required(txn, graph)
            commit = self._ledger.commit(txn, place.tx)
        return Version.of(commit, commit.entry(graph))

    def at(self, graph: str, point: Point = "HEAD") -> Graph:
        """The graph as it was at a point in time, else `NotFound`. Fewer than `snapshot_every` deltas."""
        parsed = parse_point(point)
        with self._backend.read() as txn:
            return self._graph(txn, graph, self._ledger.resolve(txn, graph, parsed))

    def version(self, graph: str, point: Point = "HEAD") -> Version:
        """The version that a point in time means, else `NotFound`."""
        parsed = parse_point(point)
        with self._backend.read() as txn:
            commit = self._ledger.commit(txn, self._ledger.resolve(txn, graph, parsed))
        return Version.of(commit, commit.entry(graph))

    def history(self, graph: str, since: Point | None = None) -> Iterator[Version]:
        """The versions of a graph, oldest first; after `since`, when given."""
        for commit in self.entries(graph, since):
            yield Version.of(commit, commit.entry(graph))

    def entries(self, graph: str, since: Point | None = None) -> Iterator[Commit]:
        """The commits that touched a graph, oldest first. Each is read in a transaction of its own."""
        with self._backend.read() as txn:
            number = self._required(txn, graph).number
            after = 0 if since is None else self._ledger.resolve(txn, graph, parse_point(since))
            transactions = self._ledger.versions(txn, number, after)
        return (self.commit_of(tx) for tx in transactions)

    def commit_of(self, tx: int) -> Commit:
        """The commit of a TxId: every graph it changed, with reasons and facts."""
        with self._backend.read() as txn:
            return self._ledger.commit(txn, tx)

    def diff(self, graph: str, a: Point, b: Point) -> Delta:
        """What turns the graph at `a` into the graph at `b`."""
        return self.at(graph, a).diff(self.at(graph, b))

    def graphs(self, at: Point | None = None, **header: Value) -> Iterator[Version]:
        """The graphs whose header has these values, in order of name; all, without any. A declared index is
        used where there is one (`declare_index`), else every graph's header is read."""
        wanted = normalise(header)
        for name in self._candidates(wanted) if at is None else self._names():
            try:
                version = self.version(name, "HEAD" if at is None else at)
                found = self.at(name, version.tx).header if wanted else {}
            except NotFound:
                continue
            if all(key in found and same(found[key], value) for key, value in wanted.items()):
                yield version

    def _names(self) -> list[str]:
        with self._backend.read() as txn:
            return list(self._ledger.graphs(txn))

    def _candidates(self, wanted: dict[str, Value]) -> list[str]:
        with self._backend.read() as txn:
            pairs = self._ledger.pairs(txn)
            for key, value in wanted.items():
                if (HEADER, key) in pairs:
                    bound = key_between((HEADER, key), value)
                    return sorted(
                        {g for g, _ in self._ledger.index_entries(txn, (HEADER, key), bound, bound)}
                    )
            return list(self._ledger.graphs(txn))

    def __contains__(self, graph: object) -> bool:
        with self._backend.read() as txn:
            return isinstance(graph, str) and self._ledger.number(txn, graph) is not None

    @property
    def last_tx(self) -> int:
        """The last TxId; 0 in an empty store."""
        with self._backend.read() as txn:
            return self._ledger.last(txn)[0]

    @property
    def last_id(self) -> int:
        """A number that grows with every transaction of any process: cheap to watch for changes."""
        return self._backend.last_id()

    def _required(self, txn: Any, graph: str) -> Place:
        place = self._place(txn, graph)
        if place is None:
            raise NotFound(f"there is no graph {graph!r}", where=f"store {self.path}")
        return place

    def _place(self, txn: Any, graph: str) -> Place | None:
        """The present place of a graph, from the cache while it is known to be true."""
        with self._lock:
            if txn.id() > self._synced:
                self._catch_up(txn)
            place = self._places.get(graph)
        if place is None:
            place = self._ledger.place(txn, graph)
        return place

    def _catch_up(self, txn: Any) -> None:
        """Another process committed, or nothing was read yet: forget what its commits touched."""
        if self._synced >= 0:
            for commit in self._ledger.commits(txn, self._last[0] + 1):
                for entry in commit.entries:
                    self._places.pop(entry.graph, None)
        self._last = self._ledger.last(txn)
        self._pairs = self._ledger.pairs(txn)
        self._synced = txn.id()

    def _graph(self, txn: Any, graph: str, tx: int) -> Graph:
        """The graph at the version that transaction `tx` made."""
        number = self._ledger.number(txn, graph)
        if number is None:
            raise NotFound(f"there is no graph {graph!r}", where=f"store {self.path}")
        with self._lock:
            if (cached := self._graphs.get((number, tx))) is not None:
                self._graphs.move_to_end((number, tx))
                return cached
        found = self._ledger.root_at(txn, number, tx)
        start, result = (0, Graph()) if found is None else (found[0], self._persisted(found))
        for step in self._ledger.versions(txn, number, start, tx):
            entry = self._ledger.commit(txn, step).entry(graph)
            if entry.base is not None:
                result = self._graph(txn, *entry.base)
            result = result.patch(entry.delta)
            if step == tx and result.root != entry.root:
                raise Corrupt(f"replay does not meet the root of TX {tx}", where=f"graph {graph!r}")
        self._remember(number, tx, result)
        return result

    def _persisted(self, found: tuple[int, int, bytes]) -> Graph:
        _, location, root = found
        return Graph(self._shelf.load(location, root) if location else None)

    def _remember(self, number: bytes, tx: int, graph: Graph) -> None:
        with self._lock:
            self._graphs[number, tx] = graph
            while len(self._graphs) > CACHED_GRAPHS:
                self._graphs.popitem(last=False)

    # -- writing -------------------------------------------------------------------------------------------

    def transaction(
        self,
        graph: str,
        *,
        event: str,
        data: Value = None,
        cause: Value = None,
        author: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """Edit a graph in a `with` or `async with` block: it gives an `Evolver`, and commits at its end. Raises
        `Conflict` when somebody else committed to the graph in between; an exception inside commits nothing."""
        reason = Event(
            checked_name(event, "event name"), normalise(data), cause=normalise(cause), author=author
        )
        return Transaction(self, checked_name(graph, "graph name"), reason, expected_version)

    def transact(self, graph: str, fn: Callable[[Evolver], T], *, event: str, **reason: Any) -> T:
        """Run `fn(evolver)` in a transaction, again on `Conflict`, and return what it returned."""
        for _ in range(ATTEMPTS - 1):
            try:
                with self.transaction(graph, event=event, **reason) as evolver:
                    return fn(evolver)
            except Conflict:
                continue
        with self.transaction(graph, event=event, **reason) as evolver:
            return fn(evolver)

    def checkout(self, graph: str) -> tuple[int, Graph]:
        """The version number and value of a graph's head; (0, the empty graph) when there is none."""
        with self._backend.read() as txn:
            place = self._place(txn, graph)
            return (0, Graph()) if place is None else (place.version, self._graph(txn, graph, place.tx))

    def prepare(
        self,
        graph: str,
        version: int,
        after: Graph,
        delta: Delta,
        events: Iterable[Event],
        *,
        base: tuple[str, int] | None = None,
    ) -> Write:
        """A write that makes `version` of a graph: `after` is its value, `delta` what changed since the version
        before (or since graph `base[0]` at TX `base[1]`, for version 1 of a fork). O(k log n)."""
        entry = Entry(graph, version, after.root, tuple(events), delta, base)
        write = Write(entry, entry.encoded(), after)
        self._index(write)
        return write

    def _index(self, write: Write) -> None:
        """Work out what the write does to the declared indices."""
        write.pairs = pairs = self._pairs if self._synced >= 0 else self._declared()
        base = write.entry.base
        out, into = moved(pairs, write.entry.delta, write.after)
        if base is not None:
            into = into | (self._entries_of_base(base, pairs) - out)
            out = frozenset()
        write.index_out, write.index_in = out, into

    def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Commit prepared writes as one transaction, durably, or none of them. Raises `Conflict`."""
        return self._committing().submit(list(writes))

    def commit_async(self, writes: Sequence[Write]) -> asyncio.Future[list[Version]]:
        """Queue prepared writes at once, in order of calls; the future resolves when they are durable."""
        return self._committing().submit_async(list(writes))

    def _committing(self) -> Committer:
        committer = self._committer
        if committer is None:
            with self._starting:
                self._backend.check_usable()
                if self._committer is None:
                    self._committer = Committer(self._commit_batch)
                committer = self._committer
        return committer

    def declare_index(self, label: str, key: str) -> None:
        """Keep an index over the values of `key` of nodes labelled `label`, in the heads of all graphs."""
        pair = (checked_name(label, "label"), checked_name(key, "property key"))
        if pair in self._declared():
            return

        def declare(txn: Any) -> None:
            pairs = self._ledger.pairs(txn)
            if pair in pairs:
                return
            self._ledger.put_pairs(txn, (*pairs, pair))
            for name in list(self._ledger.graphs(txn)):
                place = self._ledger.place(txn, name)
                assert place is not None
                entries = entries_of((pair,), self._graph(txn, name, place.tx))
                self._ledger.put_index(txn, name, place.number, entries)

        self._backend.write(declare)
        self._declared()

    def indexed(self, label: str, key: str, value: Value) -> list[tuple[str, str]]:
        """(graph, node id) of the nodes in the heads of all graphs whose `key` has the value. O(found)."""
        bound = key_between((label, key), normalise(value))
        return self._scan((label, key), bound, bound)

    def indexed_range(
        self, label: str, key: str, low: Value = None, high: Value = None
    ) -> list[tuple[str, str]]:
        """(graph, node id) in order of value, from `low` to `high`, both included."""
        pair = (label, key)
        return self._scan(
            pair,
            None if low is None else key_between(pair, normalise(low)),
            None if high is None else key_between(pair, normalise(high)),
        )

    def _scan(self, pair: Pair, low: bytes | None, high: bytes | None) -> list[tuple[str, str]]:
        with self._backend.read() as txn:
            if pair not in self._ledger.pairs(txn):
                raise NotFound(f"no index on {pair[0]}.{pair[1]}", where="store", fix="declare_index it")
            return list(self._ledger.index_entries(txn, pair, low, high))

    def _declared(self) -> tuple[Pair, ...]:
        if self._backend.last_id() > self._synced:
            with self._backend.read() as txn, self._lock:
                self._catch_up(txn)
        return self._pairs

    def _entries_of_base(self, base: tuple[str, int], pairs: tuple[Pair, ...]) -> Entries:
        """The index entries a fork inherits; remembered by root, so that a start costs O(1)."""
        with self._backend.read() as txn:
            graph = self._graph(txn, *base)
        key = (graph.root, pairs)
        if key not in self._base_entries:
            self._base_entries[key] = entries_of(pairs, graph)
        return self._base_entries[key]

    # -- inside the committer ------------------------------------------------------------------------------

    def _commit_batch(self, requests: Sequence[list[Write]]) -> list[Outcome]:
        shelved: list[Any] = []

        def work(txn: Any) -> tuple[list[Outcome], dict[str, Place], tuple[int, int], int]:
            unshelve(shelved)
            shelved.clear()
            with self._lock:
                if txn.id() > self._synced + 1:
                    self._catch_up(txn)
                last = self._last
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
            return outcomes, running, last, txn.id()

        try:
            outcomes, running, last, id = self._backend.write(work)
        except BaseException:
            unshelve(shelved)
            raise
        self._advance(requests, outcomes, running, last, id)
        return outcomes

    def _checked(self, txn: Any, writes: list[Write], running: dict[str, Place]) -> list[Place | None]:
        check_size(writes)
        places = []
        for write in writes:
            name = write.entry.graph
            place = running.get(name) or self._places.get(name) or self._ledger.place(txn, name)
            check_expected(place, write)
            if write.pairs != self._pairs:
                self._index(write)  # an index was declared since it was prepared
            places.append(place)
        return places

    def _put(
        self,
        txn: Any,
        last: tuple[int, int],
        writes: list[Write],
        places: list[Place | None],
        running: dict[str, Place],
        shelved: list[Any],
    ) -> None:
        tx, time = last
        numbers = [
            self._ledger.add_graph(txn, write.entry.graph, tx, position) if place is None else place.number
            for position, (write, place) in enumerate(zip(writes, places, strict=True))
        ]
        self._ledger.append(txn, tx, time, writes, numbers)
        for write, number in zip(writes, numbers, strict=True):
            entry = write.entry
            running[entry.graph] = Place(number, entry.version, tx, entry.root)
            if entry.version % self._snapshot_every == 0:
                shelved.extend(self._shelf.save(txn, write.after.top))
                top = write.after.top
                self._ledger.put_root(txn, number, tx, 0 if top is None else top.location or 0, entry.root)

    def _advance(
        self,
        requests: Sequence[list[Write]],
        outcomes: list[Outcome],
        running: dict[str, Place],
        last: tuple[int, int],
        id: int,
    ) -> None:
        """The batch is durable: now, and not before, the caches may know of it."""
        with self._lock:
            self._synced = id
            self._last = last
            self._places.update(running)
            while len(self._places) > CACHED_GRAPHS:
                self._places.popitem(last=False)
        for writes, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                continue
            for write, version in zip(writes, outcome, strict=True):
                place = running[version.graph]
                if place.version == version.version:
                    self._remember(place.number, place.tx, write.after)

    # -- care ----------------------------------------------------------------------------------------------

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Report:
        """Check every invariant of the store: every record, every root by replay, every persisted trie, every
        index entry. `progress(done, total)` is called per graph."""
        from itonami.graphstore.verify import verify

        return verify(self._backend, self._ledger, self._shelf, progress)
