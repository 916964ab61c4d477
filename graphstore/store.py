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
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from itonami.graphstore.backend import Backend
from itonami.graphstore.cache import Cache
from itonami.graphstore.codec import Value, normalise, same
from itonami.graphstore.committer import Committer, Tell
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import Conflict, InvalidValue, NotFound, StoreClosed
from itonami.graphstore.evolver import Evolver, checked_name
from itonami.graphstore.graph import HEADER, Graph
from itonami.graphstore.ledger import Ledger, Place, Write
from itonami.graphstore.points import Point, parse_point
from itonami.graphstore.records import Commit, Entry, Event, Version
from itonami.graphstore.secondary import Pair, entries_of, exactly, pair_prefix, value_bounds
from itonami.graphstore.shelf import Shelf
from itonami.graphstore.transaction import Transaction
from itonami.graphstore.writer import Writer

if TYPE_CHECKING:
    from itonami.graphstore.verify import Report

__all__ = ["Store"]

MAX_PAIR_BYTES = 250  # with a cut value, a graph's number and a node's hash it fits an LMDB key
ATTEMPTS = 1_000  # somebody wins each round, so this many lost in a row means something else is wrong

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


def _check_interval(snapshot_every: int) -> None:
    if snapshot_every < 1:
        raise InvalidValue(f"snapshot_every must be at least 1, not {snapshot_every}")


class Store:
    """A directory holding `data.mdb`. Any number of threads, tasks and processes may use one at once."""

    def __init__(
        self, backend: Backend, *, snapshot_every: int, clock: Callable[[], datetime] = _now
    ) -> None:
        self._backend = backend
        self._ledger = Ledger(backend.tables)
        self._shelf = Shelf(backend)
        self._cache = Cache(self._ledger, self._shelf)
        self._writer = Writer(
            backend, self._ledger, self._shelf, self._cache, snapshot_every=snapshot_every, clock=clock
        )
        self._scratch: Path | None = None
        self._committer: Committer | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._declared()

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
        _check_interval(snapshot_every)
        backend = Backend.open(
            Path(path), create=create and not read_only, read_only=read_only, max_map_bytes=max_map_bytes
        )
        return cls(backend, snapshot_every=snapshot_every, clock=clock)

    @classmethod
    def memory(cls, *, snapshot_every: int = 64, clock: Callable[[], datetime] = _now) -> Store:
        """A store that lasts as long as it is open: a temporary directory, never flushed."""
        _check_interval(snapshot_every)
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
        if self._backend.forked:
            return  # the store is its opener's to close
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
            return self._cache.graph(txn, graph, self._ledger.resolve(txn, graph, parsed))

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
                    low, high = value_bounds((HEADER, key), value, value)
                    return sorted({graph for graph, _ in self._ledger.index_entries(txn, low, high)})
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
        place = self._cache.place(txn, graph)
        if place is None:
            raise NotFound(f"there is no graph {graph!r}", where=f"store {self.path}")
        return place

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
            place = self._cache.place(txn, graph)
            return (0, Graph()) if place is None else (place.version, self._cache.graph(txn, graph, place.tx))

    def prepare(
        self,
        graph: str,
        version: int,
        after: Graph,
        delta: Delta,
        events: Iterable[Event],
        *,
        base: tuple[str, int] | None = None,
        before: bytes | None = None,
    ) -> Write:
        """A write that makes `version` of a graph: `after` is its value, `delta` what changed since the version
        before (or since graph `base[0]` at TX `base[1]`, for version 1 of a fork). `before` is the root it was made
        on: a writer that queues versions ahead of their commits passes it, so that they cannot follow another's."""
        checked_name(graph, "graph name")
        entry = Entry(graph, version, after.root, tuple(events), delta, base)
        write = Write(entry, entry.encoded(), after, before)
        self._writer.index(write)
        return write

    def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Commit prepared writes as one transaction, durably, or none of them. Raises `Conflict`."""
        return self._committing().submit(list(writes))

    def commit_async(self, writes: Sequence[Write]) -> asyncio.Future[list[Version]]:
        """Queue prepared writes at once, in order of calls; the future resolves when they are durable."""
        return self._committing().submit_async(list(writes))

    def commit_soon(self, writes: Sequence[Write], tell: Tell) -> None:
        """Queue prepared writes at once, in order of calls; `tell` is called in the running loop with the versions
        when they are durable, or with the error. `commit_async` without the future."""
        self._committing().submit_soon(list(writes), tell)

    def _committing(self) -> Committer:
        self._backend.check_usable()
        committer = self._committer
        if committer is None:
            with self._starting:
                if self._closed:
                    raise StoreClosed("the store is closed", where=str(self.path))
                if self._committer is None:
                    self._committer = Committer(self._writer.commit)
                committer = self._committer
        return committer

    def declare_index(self, label: str, key: str) -> None:
        """Keep an index over the values of `key` of nodes labelled `label`, in the heads of all graphs."""
        pair = (checked_name(label, "label"), checked_name(key, "property key"))
        if len(pair_prefix(pair)) > MAX_PAIR_BYTES:
            raise InvalidValue(f"label and key of an index have at most {MAX_PAIR_BYTES - 2} bytes together")
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
                entries = entries_of((pair,), self._cache.graph(txn, name, place.tx))
                self._ledger.put_index(txn, name, place.number, entries)

        self._backend.write(declare)
        self._declared()

    def indexed(self, label: str, key: str, value: Value) -> list[tuple[str, str]]:
        """(graph, node id) of the nodes in the heads of all graphs whose `key` has the value. O(found)."""
        wanted = normalise(value)
        low, high = value_bounds((label, key), wanted, wanted)
        found = self._scan((label, key), low, high)
        if exactly(wanted):
            return found
        return [(graph, node) for graph, node in found if same(self._value(graph, node, key), wanted)]

    def indexed_range(
        self, label: str, key: str, low: Value = None, high: Value = None
    ) -> list[tuple[str, str]]:
        """(graph, node id) in order of value, from `low` to `high`, both included and of one kind (numbers, texts or
        times); without either, all. Numbers beyond 2**53 and texts beyond 100 bytes are told apart only so far."""
        return self._scan((label, key), *value_bounds((label, key), normalise(low), normalise(high)))

    def _value(self, graph: str, node: str, key: str) -> Value:
        with self._backend.read() as txn:
            place = self._cache.place(txn, graph)
            found = None if place is None else self._cache.graph(txn, graph, place.tx).find(node)
        return None if found is None else found.data.get(key)

    def _scan(self, pair: Pair, low: bytes, high: bytes) -> list[tuple[str, str]]:
        with self._backend.read() as txn:
            if pair not in self._ledger.pairs(txn):
                raise NotFound(f"no index on {pair[0]}.{pair[1]}", where="store", fix="declare_index it")
            return list(self._ledger.index_entries(txn, low, high))

    def _declared(self) -> tuple[Pair, ...]:
        """The declared indices, as of now."""
        with self._backend.read() as txn:
            self._cache.catch_up(txn, txn.id())
        return self._cache.pairs

    # -- care ----------------------------------------------------------------------------------------------

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Report:
        """Check every invariant of the store: every record, every root by replay, every persisted trie, every
        index entry. `progress(done, total)` is called per graph."""
        from itonami.graphstore.verify import verify

        return verify(self._backend, self._ledger, self._shelf, progress)
