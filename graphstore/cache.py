"""What a process remembers of a store, and when it may believe it.

Heads (where each graph stands), the declared indices, the last TxId and the log's peaks are believed only while LMDB's
last transaction is the one they were read at (`synced`); when another process committed they are read anew. A graph at
a TxId never changes, so graphs and saved tries are kept as long as there is room.

A graph at TxId T is read as the nearest saved trie at or below T, plus the deltas since (`past`). What it derives, its
lookups, follows those of the nearest version that has them: of each graph some are remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from weakref import ref

from itonami.graphstore.backend import Backend, Reading
from itonami.graphstore.errors import Corrupt, ItonamiError, NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import Ledger, Place, Root, to_int
from itonami.graphstore.metrics import Observe
from itonami.graphstore.past import Past
from itonami.graphstore.pruning import Retention
from itonami.graphstore.secondary import Pair
from itonami.graphstore.shelf import Shelf
from itonami.graphstore.trie import Tree

__all__ = ["Cache", "Present", "Trees"]

CACHED_PLACES = 65_536
CACHED_GRAPHS = 1_024
CACHED_TREES = 64
RELATED_GRAPHS = 128
RELATED_VERSIONS = 8
"""Of so many graphs, so many versions each keep their lookups; others derive them again. Those of a version cost up to
20 KB for each element in which it differs from others, and a list of all nodes for each label that is asked for in
order."""

Trees = dict[tuple[bytes, int], Tree]
"""Tries that are on disk, by the graph's number and TxId"""

K = TypeVar("K")
V = TypeVar("V")


class Present:
    """The last transaction: its TxId, its time in microseconds, and the log's peaks with its leaf."""

    __slots__ = ("peaks", "time", "tx")

    def __init__(self, tx: int = 0, time: int = 0, peaks: tuple[bytes, ...] = ()) -> None:
        self.tx = tx
        self.time = time
        self.peaks = peaks


class _Relatives:
    """What one version asks of the others (`graph.Relatives`). A graph is a value: it does not keep the cache, and does
    without where that is gone, or the store is closed."""

    __slots__ = ("_cache", "_number", "_tx")

    def __init__(self, cache: Cache, number: bytes, tx: int) -> None:
        self._cache = ref(cache)
        self._number = number
        self._tx = tx

    def nearest(self) -> Graph | None:
        cache = self._cache()
        try:
            return None if cache is None else cache.related(self._number, self._tx)
        except ItonamiError:  # they are a help, no more: what is wrong with others is not wrong with this one
            return None

    def joined(self, graph: Graph) -> None:
        cache = self._cache()
        if cache is not None:
            cache.join(self._number, self._tx, graph)


@dataclass(frozen=True, slots=True)
class _Expected:
    """What LMDB's transaction `id` will bring, if it is ours: the log tells."""

    id: int
    present: Present
    places: dict[str, Place]
    graphs: dict[str, Graph]


class Cache:
    """Heads and graphs of one store, read through given transactions. Safe to use from any thread."""

    def __init__(self, backend: Backend, ledger: Ledger, shelf: Shelf, observe: Observe) -> None:
        self._joined = backend.joined
        self._ledger = ledger
        self._shelf = shelf
        self._observe = observe
        self._lock = threading.Lock()
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._graphs: OrderedDict[tuple[bytes, int], Graph] = OrderedDict()
        self._trees: OrderedDict[tuple[bytes, int], Tree] = OrderedDict()
        self._related: OrderedDict[bytes, OrderedDict[int, Graph]] = OrderedDict()
        self._newest: OrderedDict[bytes, tuple[int, Tree]] = OrderedDict()
        self._sweeps: int | None = None
        self._expected: _Expected | None = None
        self.synced = -1
        """LMDB's transaction that all below belongs to; -1 when nothing was read yet"""
        self.present = Present()
        self.pairs: tuple[Pair, ...] = ()
        """The declared indices"""
        self.retention: Retention | None = None
        """Which versions are kept"""

    def catch_up(self, txn: Reading, seen: int) -> None:
        """See what other processes did up to LMDB's transaction `seen`. Usually nothing."""
        with self._lock:
            if seen <= self.synced or self._came_true(txn, seen):
                return
            self._places.clear()
            tx, time = self._ledger.last(txn)
            self.present = Present(tx, time, self._ledger.peaks(txn, tx))
            self.pairs = self._ledger.pairs(txn)
            self.retention = Retention.from_json(self._ledger.setting(txn, "retention"))
            sweeps = self._ledger.setting(txn, "sweeps")
            if sweeps != self._sweeps:  # trie nodes are gone that graphs in here may not have read yet
                self._sweeps = sweeps
                self._graphs.clear()
                self._trees.clear()
                self._newest.clear()
            self.synced = seen

    def place(self, txn: Reading, graph: str) -> Place | None:
        """Where a graph stands in this transaction's view, or None when it is not there. What is remembered of a
        later moment (another thread committed meanwhile) must not be mixed with an earlier view."""
        if not isinstance(graph, str):
            return None
        seen = txn.id()
        self.catch_up(txn, seen)
        with self._lock:
            kept = self._places.get(graph) if self.synced == seen else None
        return kept or self._ledger.place(txn, graph)

    def head(self, graph: str, seen: int) -> tuple[int, Graph] | None:
        """The version and value of a graph's head, if both are remembered as of LMDB's transaction `seen`: no
        transaction is needed to know that they still stand."""
        with self._lock:
            place = self._places.get(graph) if self.synced == seen else None
            kept = None if place is None else self._graphs.get((place.number, place.tx))
        return None if place is None or kept is None else (place.version, kept)

    def standing(self, txn: Reading, graph: str) -> Place | None:
        """`place` inside a write transaction, whose own number is not committed yet."""
        return self._places.get(graph) or self._ledger.place(txn, graph)

    def expect(self, id: int, present: Present, places: dict[str, Place], graphs: dict[str, Graph]) -> None:
        """Said inside a write transaction, last: what will stand when it is committed. Readers may see it before the
        committing thread runs again; they need not read anew what is known."""
        self._expected = _Expected(id, present, places, graphs)

    def _came_true(self, txn: Reading, seen: int) -> bool:
        """Whether what is new is the commit that was expected, and nothing else. It may have failed, and another
        process been there instead: then the log is another. Its last leaf need not be, but its peaks stand for all."""
        due = self._expected
        if due is None or not self.synced + 1 == due.id == seen:
            return False
        last, size = txn.last("log"), due.present.tx
        if last is None or to_int(last[0]) != size or self._ledger.peaks(txn, size) != due.present.peaks:
            return False
        self._adopt(due)
        return True

    def _adopt(self, due: _Expected) -> None:
        self.synced = -1  # whoever is interrupted from here on reads all anew
        self.present = due.present
        self._places.update(due.places)
        _trim(self._places, CACHED_PLACES)
        for graph, value in due.graphs.items():
            place = due.places[graph]
            self._graphs[place.number, place.tx] = value
        _trim(self._graphs, CACHED_GRAPHS)
        self.synced = due.id

    def advance(self, id: int) -> None:
        """This process committed what was expected, durably, as LMDB's transaction `id`: now, and not before, may
        others hear of it."""
        with self._lock:
            due, self._expected = self._expected, None
            if due is None or due.id != id:
                return
            if self.synced + 1 == id:  # else a reader has seen this, or more, already
                self._adopt(due)
        for graph, value in due.graphs.items():
            place = due.places[graph]
            value.relate(_Relatives(self, place.number, place.tx))

    def graph(self, txn: Reading, graph: str, tx: int) -> Graph:
        """The graph at the version that transaction `tx` made. Fewer than `snapshot_every` deltas, if not kept."""
        number = self._ledger.number(txn, graph)
        if number is None:
            raise NotFound(f"there is no graph {graph!r}", where="store")
        kept = self._graphs.get((number, tx))
        if kept is None:
            kept = self._replayed(txn, graph, number, tx)
            self.keep(number, tx, kept)
        return kept

    def keep(self, number: bytes, tx: int, graph: Graph) -> None:
        """Remember a graph; the one kept longest goes when there are too many."""
        with self._lock:
            self._graphs[number, tx] = graph
            _trim(self._graphs, CACHED_GRAPHS)
        graph.relate(_Relatives(self, number, tx))

    def join(self, number: bytes, tx: int, graph: Graph) -> None:
        """This version has its lookups; those that have had them longest forget them when there are too many."""
        with self._lock:
            versions = self._related.setdefault(number, OrderedDict())
            self._related.move_to_end(number)
            former = versions.pop(tx, graph)  # the same version, read twice
            versions[tx] = graph
            gone = [] if former is graph else [former]
            gone += _trim(versions, RELATED_VERSIONS)
            for others in _trim(self._related, RELATED_GRAPHS):
                gone += others.values()
            for other in gone:
                other.forget()

    def related(self, number: bytes, tx: int) -> Graph | None:
        """The nearest version that has its lookups: of this graph, else of the one it was forked from, and so on."""
        while True:
            with self._lock:
                versions = self._related.get(number) or OrderedDict()
                known = [at for at, graph in versions.items() if graph.known is not None]
                if known:
                    return versions[min(known, key=lambda at: abs(at - tx))]
            with self._joined() as txn:
                base = self._base(txn, number)
            if base is None:
                return None
            number, tx = base

    def tree(self, number: bytes, root: Root) -> Tree:
        """A trie that is on disk, with its locations; as much of it in memory as was read or written before."""
        if not root.location:
            return None
        tx, kept = self._newest.get(number, (0, None))
        if tx != root.tx:
            kept = self._trees.get((number, root.tx))
        if kept is None:
            kept = self._shelf.load(root.location, root.root)
            self.keep_trees({(number, root.tx): kept})
        return kept

    def keep_trees(self, trees: Trees) -> None:
        """Remember tries that are on disk now: of each graph the newest, against which the next will be saved, and the
        last few of all."""
        with self._lock:
            for (number, tx), tree in trees.items():
                if tx >= self._newest.get(number, (0, None))[0]:
                    self._newest[number] = tx, tree
                    self._newest.move_to_end(number)
                else:
                    self._trees[number, tx] = tree
            _trim(self._newest, CACHED_GRAPHS)
            _trim(self._trees, CACHED_TREES)

    def _replayed(self, txn: Reading, graph: str, number: bytes, tx: int) -> Graph:
        """The saved trie at or before a version, and what happened since: looked at when it is needed (`past`)."""
        found = self._ledger.root_at(txn, number, tx)
        start = 0 if found is None else found.tx
        result = Graph(None if found is None else self.tree(number, found))
        steps = self._ledger.marked(txn, number, start, tx)
        self._observe("replay_length", len(steps))
        if found is None and steps:
            base = self._ledger.commit(txn, steps[0][0]).entry(graph).base
            result = result if base is None else self.graph(txn, *base)
        if not steps:
            if result.root != self._ledger.commit(txn, tx).entry(graph).root:
                raise Corrupt(f"the saved trie of TX {tx} is not the recorded one", where=f"graph {graph!r}")
            return result
        transactions = [step for step, _ in steps]
        marks = [mark for _, mark in steps]
        bodies = partial(_bodies, self._joined, self._ledger, graph, transactions)
        return Graph(later=Past(result, marks, bodies, self._ledger.payload))

    def _base(self, txn: Reading, number: bytes) -> tuple[bytes, int] | None:
        """The number and TxId of the version that a graph was forked from."""
        for first in self._ledger.versions(txn, number, limit=1):
            for entry in self._ledger.commit(txn, first).entries:
                if entry.base is not None and self._ledger.number(txn, entry.graph) == number:
                    origin = self._ledger.number(txn, entry.base[0])
                    return None if origin is None else (origin, entry.base[1])
        return None


def _bodies(
    joined: Callable[[], AbstractContextManager[Reading]], ledger: Ledger, graph: str, transactions: list[int]
) -> tuple[list[bytes], bytes]:
    """What these transactions did to a graph, and the root that the last one recorded."""
    with joined() as txn:
        root = ledger.commit(txn, transactions[-1]).entry(graph).root
        return ledger.bodies(txn, graph, transactions), root


def _trim(kept: OrderedDict[K, V], limit: int) -> list[V]:
    """Let the first go until so many are left; those that went."""
    return [kept.popitem(last=False)[1] for _ in range(len(kept) - limit)]
