"""What a process remembers of a store, and when it may believe it.

Heads (where each graph stands), the declared indices and the last TxId are believed only while LMDB's last transaction
is the one they were read at (`synced`); another process's commits are read and what they touched is forgotten. A graph
at a TxId never changes, so graphs are kept as long as there is room.

A graph at TxId T is read as the nearest persisted root at or below T, plus the deltas since.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from itonami.graphstore.errors import Corrupt, NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import Ledger, Place
from itonami.graphstore.secondary import Pair
from itonami.graphstore.shelf import Shelf

__all__ = ["Cache"]

CACHED_PLACES = 65_536
CACHED_GRAPHS = 1_024


class Cache:
    """Heads and graphs of one store, read through given transactions. Safe to use from any thread."""

    def __init__(self, ledger: Ledger, shelf: Shelf) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._lock = threading.Lock()
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._graphs: OrderedDict[tuple[bytes, int], Graph] = OrderedDict()
        self.synced = -1
        """LMDB's transaction that all below belongs to; -1 when nothing was read yet"""
        self.last = (0, 0)
        """The last TxId and its time in microseconds"""
        self.pairs: tuple[Pair, ...] = ()
        """The declared indices"""

    def catch_up(self, txn: Any, seen: int) -> None:
        """See what other processes did up to LMDB's transaction `seen`. Usually nothing."""
        with self._lock:
            if seen <= self.synced:
                return
            self._places.clear()
            self.last = self._ledger.last(txn)
            self.pairs = self._ledger.pairs(txn)
            self.synced = seen

    def place(self, txn: Any, graph: str) -> Place | None:
        """Where a graph stands in this transaction's view, or None when it is not there. What is remembered of a
        later moment (another thread committed meanwhile) must not be mixed with an earlier view."""
        seen = txn.id()
        self.catch_up(txn, seen)
        with self._lock:
            kept = self._places.get(graph) if self.synced == seen else None
        return kept or self._ledger.place(txn, graph)

    def standing(self, txn: Any, graph: str) -> Place | None:
        """`place` inside a write transaction, whose own number is not committed yet."""
        return self._places.get(graph) or self._ledger.place(txn, graph)

    def advance(self, synced: int, last: tuple[int, int], places: dict[str, Place]) -> None:
        """This process committed, durably: now, and not before, may others hear of it."""
        with self._lock:
            if synced <= self.synced:
                return  # a reader has seen this and more already
            self.synced = synced
            self.last = last
            self._places.update(places)
            while len(self._places) > CACHED_PLACES:
                self._places.popitem(last=False)

    def graph(self, txn: Any, graph: str, tx: int) -> Graph:
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
            while len(self._graphs) > CACHED_GRAPHS:
                self._graphs.popitem(last=False)

    def _replayed(self, txn: Any, graph: str, number: bytes, tx: int) -> Graph:
        found = self._ledger.root_at(txn, number, tx)
        start, result = (0, Graph()) if found is None else (found[0], self._shelf.graph(*found[1:]))
        for step in self._ledger.versions(txn, number, start, tx):
            entry = self._ledger.commit(txn, step).entry(graph)
            if entry.base is not None:
                result = self.graph(txn, *entry.base)
            result = result.patch(entry.delta)
        if result.root != self._ledger.commit(txn, tx).entry(graph).root:
            raise Corrupt(f"replay does not meet the root of TX {tx}", where=f"graph {graph!r}")
        return result
