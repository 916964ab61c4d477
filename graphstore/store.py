"""The store: versioned graphs under one directory, transactions over them, any version at any time.

    with Store.open("state.itonami") as store:
        with store.transaction("order-17", event="placed") as graph:
            graph.add_node("Order", state="new")
        store.at("order-17", "HEAD")

This is the writing side; what can be asked is `reading`. What is written where is `ledger`; how requests queue is
`committer`; what becomes of them inside the write transaction is `writer`.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from itonami.graphstore.backend import Backend, Writing
from itonami.graphstore.cache import Trees
from itonami.graphstore.codec import Value, normalise
from itonami.graphstore.committer import Committer, Outcome, Tell
from itonami.graphstore.delta import EMPTY, Delta
from itonami.graphstore.environment import Environment
from itonami.graphstore.errors import Conflict, InvalidValue, NotFound, StoreClosed
from itonami.graphstore.evolver import Evolver, checked_name
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import u64
from itonami.graphstore.memory import Memory
from itonami.graphstore.metrics import Observe, guarded
from itonami.graphstore.points import Point, parse_point
from itonami.graphstore.pruning import Pruned, Pruner, Retention
from itonami.graphstore.reading import Reader
from itonami.graphstore.records import Event, Version
from itonami.graphstore.secondary import Pair, entries_of, pair_prefix
from itonami.graphstore.snapshots import Snapshots
from itonami.graphstore.transaction import Transaction
from itonami.graphstore.write import OnConflict, Write
from itonami.graphstore.writer import Writer

__all__ = ["Store"]

MAX_PAIR_BYTES = 250  # with a cut value, a graph's number and a node's hash it fits an LMDB key
ATTEMPTS = 1_000  # somebody wins each round, so this many lost in a row means something else is wrong
SNAPSHOT_EVERY = 64

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class Store(Reader):
    """A directory holding `data.mdb`, or any other `Backend`. Any number of threads, tasks and processes may use one
    at once."""

    def __init__(
        self,
        backend: Backend,
        *,
        snapshot_every: int | None = None,
        clock: Callable[[], datetime] = _now,
        observe: Observe | None = None,
    ) -> None:
        told = guarded(observe)
        super().__init__(backend, told)
        self._observe = told
        with backend.read() as txn:
            every = snapshot_every or int(self._ledger.setting(txn, "snapshot_every") or SNAPSHOT_EVERY)
        self._snapshots = Snapshots(self._ledger, self._shelf)
        self._writer = Writer(
            backend,
            self._ledger,
            self._snapshots,
            self._cache,
            snapshot_every=every,
            clock=clock,
            observe=told,
        )
        self._pruner = Pruner(backend, self._ledger, self._saved, clock)
        self._committer: Committer | None = None
        self._starting = threading.Lock()
        self._committed = threading.Condition()
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
        snapshot_every: int | None = None,
        max_map_bytes: int = 1 << 44,
        check: bool | None = None,
        clock: Callable[[], datetime] = _now,
        observe: Observe | None = None,
    ) -> Store:
        """Open the store at a directory, made if it is not there. Raises `NotAStore`, `UnsupportedFormat`, `Corrupt`.

        `check`: look at every page of the file first, as LMDB does not survive a damaged one (default: up to 4 MiB).
        `snapshot_every`: a trie is saved every so many versions of a graph; 64, or what the store was made with.
        `observe(name, value)` hears of batches, flushes, conflicts and replays (`metrics`)."""
        _check_interval(snapshot_every)
        backend = Environment.open(
            Path(path),
            create=create and not read_only,
            read_only=read_only,
            max_map_bytes=max_map_bytes,
            snapshot_every=snapshot_every or SNAPSHOT_EVERY,
            check=check,
        )
        try:
            return cls(backend, snapshot_every=snapshot_every, clock=clock, observe=observe)
        except BaseException:
            backend.close()
            raise

    @classmethod
    def memory(
        cls,
        *,
        snapshot_every: int = SNAPSHOT_EVERY,
        clock: Callable[[], datetime] = _now,
        observe: Observe | None = None,
    ) -> Store:
        """A store that lasts as long as it is open, in this process alone; `backup` writes it to a directory."""
        _check_interval(snapshot_every)
        return cls(Memory(snapshot_every=snapshot_every), clock=clock, observe=observe)

    @staticmethod
    def compact(path: str | Path) -> tuple[int, int]:
        """Give back the space that pruning freed, in a store that nobody has open; the bytes before and after. Raises
        `StoreBusy`."""
        from itonami.graphstore.care import compact

        return compact(Path(path))

    def close(self) -> None:
        """Commit what is queued and close. Further use is `StoreClosed`."""
        if self._backend.forked:
            return  # the store is its opener's to close
        with self._starting:
            self._closed = True
            if self._committer is not None:
                self._committer.close()
        self._backend.close(interrupted=isinstance(sys.exc_info()[1], KeyboardInterrupt))
        self._wake()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        on_conflict: OnConflict | None = None,
    ) -> Transaction:
        """Edit a graph in a `with` or `async with` block: it gives an `Evolver`, and commits at its end; an exception
        inside commits nothing. When somebody else committed to the graph in between, it is a `Conflict`.

        Unless `on_conflict` has an answer: it is called inside the committer, so it must be quick and pure, with an
        `Attempt` (events, delta, and the present head), and returns `attempt.head.patch(attempt.delta)` to merge, any
        graph to commit with the same events, `Rebased(graph, events)` for others, or None to let the conflict stand. A
        delta that does not fit the head is a conflict too. Where it is easier to do the work again, use `transact`."""
        reason = self._event(event=event, data=data, cause=cause, author=author)
        return Transaction(self, checked_name(graph, "graph name"), reason, expected_version, on_conflict)

    @staticmethod
    def _event(*, event: str, data: Value, cause: Value, author: str | None) -> Event:
        return Event(
            checked_name(event, "event name"),
            normalise(data),
            cause=normalise(cause),
            author=None if author is None else checked_name(author, "author"),
        )

    def transact(
        self,
        graph: str,
        fn: Callable[[Evolver], T],
        *,
        event: str,
        expected_version: int | None = None,
        **reason: Any,
    ) -> T:
        """Run `fn(evolver)` in a transaction, again on `Conflict`, and return what it returned; `reason` is what
        `transaction` takes: data, cause, author, on_conflict. An `expected_version`
        that is not the head's is a `Conflict` that cannot heal, and is raised."""
        for attempt in range(ATTEMPTS):
            try:
                with self.transaction(
                    graph, event=event, expected_version=expected_version, **reason
                ) as evolver:
                    return fn(evolver)
            except Conflict:
                if expected_version is not None or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

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
        on_conflict: OnConflict | None = None,
    ) -> Write:
        """A write that makes `version` of a graph: `after` is its value, `delta` what changed since the version
        before (or since graph `base[0]` at TX `base[1]`, for version 1 of a fork). `before` is the root it was made
        on: a writer that queues versions ahead of their commits passes it, so that they cannot follow another's."""
        checked_name(graph, "graph name")
        write = Write.make(
            graph, version, after, delta, events, base=base, before=before, on_conflict=on_conflict
        )
        self._writer.index(write)
        return write

    def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Commit prepared writes as one transaction, durably, or none of them. Waits while the queue is full. Raises
        `Conflict`."""
        return self._committing().submit(list(writes))

    def commit_async(self, writes: Sequence[Write]) -> asyncio.Future[list[Version]]:
        """Queue prepared writes at once, in order of calls; the future resolves when they are durable. Who makes many
        without awaiting them awaits `room` first."""
        return self._committing().submit_async(list(writes))

    def commit_soon(self, writes: Sequence[Write], tell: Tell) -> None:
        """Queue prepared writes at once, in order of calls; `tell` is called in the running loop with the versions
        when they are durable, or with the error. `commit_async` without the future."""
        self._committing().submit_soon(list(writes), tell)

    async def room(self) -> None:
        """Wait until the queue of the committer is below its limit."""
        await self._committing().room()

    def _committing(self) -> Committer:
        self._backend.check_usable()
        committer = self._committer
        if committer is None:
            with self._starting:
                if self._closed:
                    raise StoreClosed("the store is closed", where=self.name)
                if self._committer is None:
                    self._committer = Committer(self._commit, self._observe, self._tidy)
                committer = self._committer
        return committer

    def _commit(self, requests: Sequence[list[Write]]) -> list[Outcome]:
        outcomes = self._writer.commit(requests)
        self._wake()
        return outcomes

    def _wake(self) -> None:
        with self._committed:
            self._committed.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until `last_id` may have grown beyond `seen`, so long at most: at once when this process commits."""
        with self._committed:
            if self.last_id <= seen:
                self._committed.wait(seconds)

    # -- forks, tags, indices ------------------------------------------------------------------------------

    def fork(
        self,
        graph: str,
        new: str,
        at: Point = "HEAD",
        *,
        event: str = "Forked",
        cause: Value = None,
        author: str | None = None,
    ) -> Version:
        """Begin a graph with the state of another at a point in time, sharing all its nodes. O(1), but for a version
        whose trie is not on disk yet, which is saved first, and the entries of declared indices."""
        point = parse_point(at)
        checked_name(new, "graph name")
        with self._backend.read() as txn:
            tx = self._ledger.resolve(txn, graph, point)
            value = self._cache.graph(txn, graph, tx)
        if new in self:
            raise InvalidValue(f"there is a graph {new!r} already", where="fork", fix="choose another name")
        data = {"graph": graph, "tx": tx}
        why = self._event(event=event, data=data, cause=cause, author=author)
        return self.commit([self.prepare(new, 1, value, EMPTY, [why], base=(graph, tx))])[0]

    def tag(self, graph: str, name: str, point: Point = "HEAD") -> Version:
        """Name a version, or move the name: `TAG name` is then a point in time. Its state outlives pruning."""
        key = checked_name(name, "tag").encode()
        if name != name.strip() or not name.isprintable():
            raise InvalidValue(
                "a tag has no spaces around it and no control characters",
                where=f"tag {name!r}",
                fix="choose another",
            )
        parsed = parse_point(point)

        def put(txn: Writing) -> int:
            tx, number = self._writer.keep_at(txn, trees, graph, parsed)
            txn.put("tags", number + key, u64(tx))
            return tx

        trees: Trees = {}
        tx = self._backend.write(put)
        self._cache.keep_trees(trees)
        return self._version_of(graph, tx)

    def untag(self, graph: str, name: str) -> None:
        """Forget a name, else `NotFound`."""

        def delete(txn: Writing) -> None:
            number = self._ledger.number(txn, graph)
            if number is None or not txn.delete("tags", number + checked_name(name, "tag").encode()):
                raise NotFound(f"there is no tag {name!r}", where=f"graph {graph!r}")

        self._backend.write(delete)

    def snapshot(self, graph: str, point: Point = "HEAD") -> Version:
        """Save the trie of a version, so that it is read without replay."""
        parsed = parse_point(point)

        trees: Trees = {}
        tx, _ = self._backend.write(lambda txn: self._writer.keep_at(txn, trees, graph, parsed))
        self._cache.keep_trees(trees)
        return self._version_of(graph, tx)

    def _version_of(self, graph: str, tx: int) -> Version:
        commit = self.commit_of(tx)
        return Version.of(commit, commit.entry(graph))

    def _saved(self, txn: Writing, graph: str, number: bytes, tx: int) -> None:
        self._writer.keep(txn, {}, graph, number, tx)  # not remembered: the transaction may fail

    def declare_index(self, label: str, key: str) -> None:
        """Keep an index over the values of `key` of nodes labelled `label`, in the heads of all graphs."""
        pair = (checked_name(label, "label"), checked_name(key, "property key"))
        if len(pair_prefix(pair)) > MAX_PAIR_BYTES:
            raise InvalidValue(
                f"label and key of an index have at most {MAX_PAIR_BYTES} bytes together, encoded"
            )
        if pair in self._declared():
            return

        def declare(txn: Writing) -> None:
            pairs = self._ledger.pairs(txn)
            if pair in pairs:
                return
            self._ledger.set(txn, "indices", (*pairs, pair))
            for name in list(self._ledger.graphs(txn)):
                place = self._ledger.place(txn, name)
                assert place is not None
                entries = entries_of((pair,), self._cache.graph(txn, name, place.tx))
                self._ledger.put_index(txn, name, place.number, entries)

        self._backend.write(declare)
        self._declared()

    def _declared(self) -> tuple[Pair, ...]:
        """The declared indices, as of now."""
        with self._backend.read() as txn:
            self._cache.catch_up(txn, txn.id())
        return self._cache.pairs

    # -- pruning -------------------------------------------------------------------------------------------

    @property
    def retention(self) -> Retention | None:
        """Which versions are kept; None for all. A graph is pruned by it when its trie is saved, so some versions more
        than asked may be kept, and a graph that nobody writes to waits for `prune()`."""
        with self._backend.read() as txn:
            return Retention.from_json(self._ledger.setting(txn, "retention"))

    @retention.setter
    def retention(self, policy: Retention | None) -> None:
        if not isinstance(policy, Retention | None):
            raise InvalidValue(f"{policy!r} is no policy", where="retention", fix="set a Retention, or None")
        fields = None if policy is None else policy.to_json()
        self._backend.write(lambda txn: self._ledger.set(txn, "retention", fields))

    def prune(self, graph: str | None = None, before: Point | Retention | None = None) -> Pruned:
        """Drop the versions of a graph (of all, without one) that lie before a point in time; the version in force at
        that point is kept. Or what a policy does not keep: the one given, or the store's own (`retention`).

        The state of tagged versions, and of those that forks start from, stays; so do all commit records, and the
        transaction that made the first kept version, with what it removed. Space is reused; `compact` gives it back."""
        names = self.names() if graph is None else [graph]
        policy = before if isinstance(before, Retention) else self.retention if before is None else None
        if before is None and policy is None:
            fix = "give a point in time or a policy, or set store.retention"
            raise InvalidValue("nothing says what to prune", where="prune", fix=fix)
        if policy is not None:
            return sum((self._pruner.keep_to(policy, name) for name in names), Pruned())
        assert not isinstance(before, Retention | None)
        point = parse_point(before if graph is not None else self._moment(before))
        return sum((self._pruner.prune_before(name, point, graph is not None) for name in names), Pruned())

    def _tidy(self) -> None:
        """After a batch, in the committer's thread: let the policy have what it asks for of graphs whose trie was
        just saved. It prunes up to a saved trie, so that it need not save another."""
        graphs = self._writer.take_saved()
        policy = self._cache.retention if graphs else None
        if policy is None:
            return
        try:
            for graph in graphs:
                self._pruner.keep_to(policy, graph, saved_only=True)
        except Exception as error:  # what was committed stands; the next batch tries again
            with suppress(Warning):  # which may be an error here, but must not be the writer's
                warnings.warn(f"automatic pruning failed: {error}", stacklevel=2)


def _check_interval(snapshot_every: int | None) -> None:
    if snapshot_every is not None and snapshot_every < 1:
        raise InvalidValue(f"snapshot_every must be at least 1, not {snapshot_every}")
