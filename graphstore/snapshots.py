"""Which versions have their trie on disk, and which of its nodes are still needed.

A trie is saved every so many versions, where a fork starts, where a tag points, at the horizon of a pruning and on
request. It is saved against the nearest one before it. A node that the newest trie of a graph no longer uses is marked
*stale* from then on, if that graph wrote it itself: it is in use at most for the saved versions in [made, stale). Nodes
that a fork inherited are its base's to mark, and the base's version is pinned for as long as the fork is there.
"""

from __future__ import annotations

from itonami.graphstore.backend import Reading, Writing
from itonami.graphstore.errors import Corrupt
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import Ledger, Root, to_int, u64
from itonami.graphstore.shelf import Save, Shelf
from itonami.graphstore.trie import Tree

__all__ = ["Snapshots"]


class Snapshots:
    """Saves tries inside given transactions."""

    def __init__(self, ledger: Ledger, shelf: Shelf) -> None:
        self._ledger = ledger
        self._shelf = shelf

    def before(self, txn: Reading, number: bytes, tx: int) -> tuple[bytes, Root] | None:
        """What a version of a graph is saved against: its nearest saved version, else the one its fork starts from;
        with the number of the graph it is of."""
        own = self._ledger.root_at(txn, number, tx)
        if own is not None:
            return number, own
        for first in self._ledger.versions(txn, number, 0, tx, limit=1):
            for entry in self._ledger.commit(txn, first).entries:
                if entry.base is not None and self._ledger.number(txn, entry.graph) == number:
                    origin = self._ledger.number(txn, entry.base[0])
                    found = None if origin is None else self._ledger.root_at(txn, origin, entry.base[1])
                    return None if origin is None or found is None else (origin, found)
        return None

    def take(self, txn: Writing, number: bytes, tx: int, graph: Graph, old: Tree) -> Tree:
        """Save the trie of a version against `old`, the nearest saved before it; returns it with its locations.
        O(changes log n)."""
        first = next_location(txn)
        job = Save(txn, self._shelf, first)
        twin = job.tree(graph.top, old)
        if job.next > first:
            txn.append("saves", u64(first), number + u64(tx) + u64(job.next - first))
        later = self._ledger.root_after(txn, number, tx)
        txn.put("roots", number + u64(tx), u64(0 if twin is None else twin.location or 0) + graph.root)
        if later is None:
            low = high = made = 0  # nodes that were written together tend to go together
            owner = b""
            for location in sorted(job.stale):
                if not low <= location < high:
                    low, high, owner, made = maker(txn, location)
                if owner == number:
                    txn.put("stale", number + u64(tx) + u64(location), u64(made))
        else:  # saved after the fact: the next saved version does not know of these nodes
            for location in range(first, job.next):
                txn.put("stale", number + u64(later.tx) + u64(location), u64(tx))
        return twin


def next_location(txn: Reading) -> int:
    """The location after every one that was ever given: none is given twice."""
    found = txn.last("saves")
    return 1 if found is None else to_int(found[0]) + to_int(found[1][16:])


def maker(txn: Reading, location: int) -> tuple[int, int, bytes, int]:
    """Who wrote a node: the locations it was written among, first and one beyond the last; the graph, by number, and
    the version it was written for."""
    found = txn.floor("saves", u64(location))
    low = high = 0
    if found is not None:
        low = to_int(found[0])
        high = low + to_int(found[1][16:])
    if found is None or location >= high:
        raise Corrupt(f"nothing says who wrote trie node {location}")
    return low, high, found[1][:8], to_int(found[1][8:16])
