"""The read side of a store: any version of any graph at any time, found, compared, followed and proved.

A version is pinned by its TxId, never by an open LMDB transaction: every call below reads in short transactions of its
own. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from itonami.graphstore.backend import Backend, Reading
from itonami.graphstore.cache import Cache
from itonami.graphstore.codec import Value, normalise, same
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import InvalidValue, NotFound
from itonami.graphstore.graph import HEADER, Graph
from itonami.graphstore.ledger import LATEST, Ledger, Place
from itonami.graphstore.log import Log
from itonami.graphstore.metrics import Observe
from itonami.graphstore.points import AtTag, AtTime, AtTx, Back, Moment, Point, parse_point
from itonami.graphstore.records import Commit, Version, microseconds
from itonami.graphstore.secondary import Pair, exactly, value_bounds
from itonami.graphstore.shelf import Shelf

if TYPE_CHECKING:
    from itonami.graphstore.care import Stats
    from itonami.graphstore.note import Signer
    from itonami.graphstore.proof import StateProof
    from itonami.graphstore.verify import Report
    from itonami.graphstore.watch import Watch

__all__ = ["Reader", "View"]

LOOKED_THROUGH = 1_000
"""Versions that are looked through in one read transaction"""


class Reader:
    """What `Store` can be asked. Safe to use from any thread."""

    def __init__(self, backend: Backend, observe: Observe) -> None:
        self._backend = backend
        self._ledger = Ledger(backend)
        self._shelf = Shelf(backend)
        self._cache = Cache(backend, self._ledger, self._shelf, observe)
        self.log = Log(backend, self._ledger)
        """The transparency log: proofs and checkpoints over the commit records"""

    @property
    def path(self) -> Path | None:
        """The store's directory; None in memory."""
        return self._backend.path

    @property
    def name(self) -> str:
        """What errors call the store: its directory, or "memory"."""
        return self._backend.name

    @property
    def id(self) -> str:
        """The store's own name, given when it was made: 32 hexadecimal digits. A backup has the same."""
        with self._backend.read() as txn:
            return str(self._ledger.setting(txn, "store"))

    # -- versions ------------------------------------------------------------------------------------------

    def head(self, graph: str) -> Version:
        """The newest version of a graph, else `NotFound`."""
        with self._backend.read() as txn:
            place = self._required(txn, graph)
            commit = self._ledger.commit(txn, place.tx)
        return Version.of(commit, commit.entry(graph))

    def at(self, graph: str, point: Point = "HEAD") -> Graph:
        """The graph as it was at a point in time, else `NotFound` or `VersionPruned`. Fewer than `snapshot_every`
        deltas; of what lies on disk, only the nodes that are asked for are read."""
        parsed = parse_point(point)
        with self._backend.read() as txn:
            return self._cache.graph(txn, graph, self._ledger.resolve(txn, graph, parsed))

    def resolve(self, graph: str, point: Point, last: int) -> int:
        """The TxId that a point in time means when TX `last` was the newest, else `NotFound` or `VersionPruned`: so
        whoever asks for several moments can have them all of one state of the store."""
        parsed = parse_point(point)
        with self._backend.read() as txn:
            return self._ledger.resolve(txn, graph, parsed, last)

    def version(self, graph: str, point: Point = "HEAD") -> Version:
        """The version that a point in time means, else `NotFound` or `VersionPruned`."""
        parsed = parse_point(point)
        with self._backend.read() as txn:
            commit = self._ledger.commit(txn, self._ledger.resolve(txn, graph, parsed))
        return Version.of(commit, commit.entry(graph))

    def history(self, graph: str, since: Point | None = None) -> Iterator[Version]:
        """The versions of a graph, oldest first, pruned ones included; after `since`, when given."""
        for commit in self.entries(graph, since):
            yield Version.of(commit, commit.entry(graph))

    def entries(self, graph: str, since: Point | None = None) -> Iterator[Commit]:
        """The commits that touched a graph, oldest first. Each is read in a transaction of its own."""
        with self._backend.read() as txn:
            number = self._required(txn, graph).number
            after = 0 if since is None else self._after(txn, graph, parse_point(since))
            transactions = self._ledger.versions(txn, number, after)
        return (self.commit_of(tx) for tx in transactions)

    def touching(self, graph: str, id: str, node: str | None = None, since: int = 0) -> Iterator[int]:
        """The TxIds, after `since`, of the versions that may have changed a node or edge: all that did, few that did
        not, and the first that is kept, where histories begin. `node` is where it is: itself, or the node that an edge
        leaves; then the marks of the versions tell, 1 us each, else their bytes, 3 us. Whoever asks looks at each, and
        asks anew when the element is elsewhere."""
        with self._backend.read() as txn:
            self._required(txn, graph)
        return self._touching(graph, id, node, since)

    def _touching(self, graph: str, id: str, node: str | None, since: int) -> Iterator[int]:
        after: int | None = since
        while after is not None:
            with self._backend.read() as txn:
                name = self._ledger.name(txn, graph)
                assert name is not None, "graphs are never removed"
                found, after = self._ledger.touching(txn, name, id, node, after, LOOKED_THROUGH)
            yield from found

    def _after(self, txn: Reading, graph: str, point: Moment) -> int:
        """The TxId after which a history begins: it need not be that of a version, nor of one that is kept."""
        if isinstance(point, AtTx):
            return min(point.tx, LATEST - 1)
        if isinstance(point, AtTime):
            return self._ledger.tx_at(txn, microseconds(point.time))
        return self._ledger.resolve(txn, graph, point)

    def horizon(self, graph: str) -> int:
        """The TxId before which the versions of a graph are pruned, save those that a tag names or a fork starts from;
        0 where none is."""
        with self._backend.read() as txn:
            name = self._ledger.name(txn, graph)
        if name is None:
            raise NotFound(f"there is no graph {graph!r}", where=f"store {self.name}")
        return name.horizon

    def commit_of(self, tx: int) -> Commit:
        """The commit of a TxId: every graph it changed, with reasons and facts."""
        with self._backend.read() as txn:
            return self._ledger.commit(txn, tx)

    def diff(self, graph: str, a: Point, b: Point) -> Delta:
        """What turns the graph at `a` into the graph at `b`. Equal subtrees are skipped: O(changes log n)."""
        return self.at(graph, a).diff(self.at(graph, b))

    def tags(self, graph: str) -> dict[str, int]:
        """The tags of a graph: name to TxId."""
        with self._backend.read() as txn:
            return self._ledger.tags(txn, self._required(txn, graph).number)

    def checkout(self, graph: str) -> tuple[int, Graph]:
        """The version number and value of a graph's head; (0, the empty graph) when there is none."""
        known = self._cache.head(graph, self._backend.last_id())
        if known is not None:
            return known
        with self._backend.read() as txn:
            place = self._cache.place(txn, graph)
            return (0, Graph()) if place is None else (place.version, self._cache.graph(txn, graph, place.tx))

    def _required(self, txn: Reading, graph: str) -> Place:
        place = self._cache.place(txn, graph)
        if place is None:
            raise NotFound(f"there is no graph {graph!r}", where=f"store {self.name}")
        return place

    # -- the whole store -----------------------------------------------------------------------------------

    def graphs(self, at: Point | None = None, **header: Value) -> Iterator[Version]:
        """The graphs whose header has these values, in order of name; all, without any. A declared index is used
        where there is one (`declare_index`), else every graph's header is read. With `at`: as of one TxId or time."""
        wanted = normalise(header)
        tx = None if at is None else self._moment(at)
        for name in self._candidates(wanted) if tx is None else self.names():
            try:
                version = self.version(name, "HEAD" if tx is None else tx)
                found = self.at(name, version.tx).header if wanted else {}
            except NotFound:
                continue
            if all(key in found and same(found[key], value) for key, value in wanted.items()):
                yield version

    def view(self, at: Point = "HEAD") -> View:
        """Every graph as of one TxId or time."""
        return View(self, self._moment(at))

    def watch(
        self, from_tx: int | None = None, *, graph: str | None = None, timeout: float | None = None
    ) -> Watch:
        """The transactions from a TxId on (from now on, without one), each as soon as it is durable, those of other
        processes included: an iterator and an async iterator that waits for more. It ends with the store, or after
        `timeout` seconds without news."""
        from itonami.graphstore.watch import Watch

        if not isinstance(from_tx, int | None):
            raise InvalidValue(
                f"{from_tx!r} is no TxId", where="watch", fix="give a whole number, or nothing for now"
            )
        return Watch(self, self.last_tx + 1 if from_tx is None else from_tx, graph, timeout)

    def _moment(self, point: Point) -> int:
        """The TxId of a point in time that is not of one graph."""
        parsed = parse_point(point)
        if isinstance(parsed, AtTag) or (isinstance(parsed, Back) and parsed.versions):
            raise InvalidValue(
                f"{point!r} names a version of one graph",
                where="whole store",
                fix="use a TxId, HEAD or a time",
            )
        if isinstance(parsed, Back):
            return self.last_tx
        if isinstance(parsed, AtTime):
            with self._backend.read() as txn:
                return self._ledger.tx_at(txn, microseconds(parsed.time))
        return min(parsed.tx, self.last_tx)

    def names(self, prefix: str = "", most: int | None = None) -> list[str]:
        """The names of all graphs, or of those whose names start so, in order; at most so many. O(names)."""
        with self._backend.read() as txn:
            return list(islice(self._ledger.graphs(txn, prefix), most))

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

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until `last_id` may have grown beyond `seen`, so long at most: at once when this process commits."""

    # -- indices -------------------------------------------------------------------------------------------

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

    # -- proofs and care -----------------------------------------------------------------------------------

    def prove(
        self, graph: str, id: str, point: Point = "HEAD", *, signer: Signer | None = None
    ) -> StateProof:
        """Proof that a graph had a node or edge at a point in time, with its value, or that it had none of that id:
        trie path, commit record, inclusion in the log, checkpoint (signed, with a signer). O(log n)."""
        from itonami.graphstore.note import Signer
        from itonami.graphstore.proof import state_proof

        if not isinstance(signer, Signer | None):
            raise InvalidValue("the signer is no Signer", where="prove", fix="use Signer.parse(text)")
        return state_proof(self, graph, id, point, signer)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Report:
        """Check every invariant of the store: the file's structure, every record and leaf, every root by replay, every
        saved trie, every payload and index entry. `progress(done, total)` counts records and versions."""
        from itonami.graphstore.verify import verify

        return verify(self._backend, progress)

    def stats(self) -> Stats:
        """Counts and sizes. O(tables)."""
        from itonami.graphstore.care import stats

        return stats(self._backend, self._ledger)

    def backup(self, path: str | Path) -> Path:
        """Write a compact copy of the store to a new directory while writers go on, and return it. It is there whole
        or not at all."""
        from itonami.graphstore.care import backup

        return backup(self._backend, Path(path))


class View:
    """Every graph as of one TxId."""

    def __init__(self, store: Reader, tx: int) -> None:
        self._store = store
        self.tx = tx

    def graphs(self, **header: Value) -> Iterator[Version]:
        """The graphs there were, or those whose header had these values, in order of name."""
        return self._store.graphs(self.tx, **header)

    def at(self, graph: str) -> Graph:
        """A graph as it was then, else `NotFound`."""
        return self._store.at(graph, self.tx)

    def version(self, graph: str) -> Version:
        """The version of a graph that held then, else `NotFound`."""
        return self._store.version(graph, self.tx)

    @property
    def time(self) -> datetime | None:
        """When that transaction was committed; None before the first."""
        return self._store.commit_of(self.tx).time if self.tx else None

    def __repr__(self) -> str:
        return f"<View of {self._store.name} at TX {self.tx}>"
