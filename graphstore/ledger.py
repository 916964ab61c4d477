"""What a commit writes and what a reader finds: the tables of a store.

    meta      name -> value                       format, store id, declared indices
    graphs    name -> number                      8 bytes: the TxId that made it, and its place there
    commits   tx -> record                        the truth (`records`), appended
    versions  number tx -> version                which transactions touched a graph
    roots     number tx -> location, root         versions whose trie is on disk (`shelf`)
    nodes     location -> trie node               appended
    index     value, number, node -> graph, node  derived (`secondary`)

Invariants: TxIds are 1, 2, 3 ... without a gap; commit times never decrease; each version of a graph is one more
than the last; an entry's delta turns the version before into a graph with the entry's root. `verify` runs them.
All functions work inside a transaction they are given; waiting, caching and threads live elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from itonami.graphstore.codec import encode, load
from itonami.graphstore.errors import Conflict, Corrupt, InvalidValue, NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.points import AtTag, AtTime, AtTx, Back
from itonami.graphstore.records import Commit, Entry, Version, encode_record, microseconds
from itonami.graphstore.secondary import Entries, Pair, full_key

__all__ = ["Ledger", "Place", "Write"]

MAX_GRAPHS = 256
MAX_DELTA_BYTES = 1 << 20
_LATEST = (1 << 64) - 1


@dataclass(slots=True)
class Write:
    """One graph's part of a request: made outside the write transaction, complete but for TxId and time."""

    entry: Entry
    encoded: bytes
    after: Graph
    before: bytes | None = None
    pairs: tuple[Pair, ...] = ()
    index_out: Entries = frozenset()
    index_in: Entries = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a graph stands: its number, and its version, transaction and root."""

    number: bytes
    version: int
    tx: int
    root: bytes


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _int(data: Any) -> int:
    return int.from_bytes(data, "big")


class Ledger:
    """Reads and writes the tables inside given transactions."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self.tables = tables

    # -- commits -------------------------------------------------------------------------------------------

    def last(self, txn: Any) -> tuple[int, int]:
        """The last TxId and its time in microseconds; (0, 0) in an empty store."""
        cursor = txn.cursor(db=self.tables["commits"])
        if not cursor.last():
            return 0, 0
        return _int(cursor.key()), int(load(bytes(cursor.value()))[1])

    def commit(self, txn: Any, tx: int) -> Commit:
        """The commit of a TxId, else `NotFound`."""
        record = txn.get(_u64(tx), db=self.tables["commits"]) if 0 < tx <= _LATEST else None
        if record is None:
            raise NotFound(f"there is no transaction {tx}", where="store")
        commit = Commit.decode(bytes(record))
        if commit.tx != tx:
            raise Corrupt(f"the record of transaction {tx} says it is {commit.tx}")
        return commit

    def commits(self, txn: Any, first: int) -> Iterator[Commit]:
        """Commits from TxId `first` on."""
        cursor = txn.cursor(db=self.tables["commits"])
        if cursor.set_range(_u64(first)):
            for _, record in cursor:
                yield Commit.decode(bytes(record))

    def append(self, txn: Any, tx: int, time: int, writes: list[Write], places: list[bytes]) -> None:
        """Put one transaction: the record, the versions, the index. `places` are the graphs' numbers."""
        record = encode_record(tx, time, [write.encoded for write in writes])
        if not txn.put(_u64(tx), record, db=self.tables["commits"], append=True):
            raise Corrupt(f"there is a transaction at or after {tx} already")
        for write, number in zip(writes, places, strict=True):
            txn.put(number + _u64(tx), _u64(write.entry.version), db=self.tables["versions"])
            for key, node in write.index_out:
                txn.delete(full_key(key, number, node), db=self.tables["index"])
            for key, node in write.index_in:
                value = encode([write.entry.graph, node])
                txn.put(full_key(key, number, node), value, db=self.tables["index"])

    # -- graphs --------------------------------------------------------------------------------------------

    def number(self, txn: Any, graph: str) -> bytes | None:
        """The number of a graph, or None."""
        found = txn.get(graph.encode(), db=self.tables["graphs"])
        return None if found is None else bytes(found)

    def add_graph(self, txn: Any, graph: str, tx: int, position: int) -> bytes:
        """Give a new graph its number."""
        number = _u64(tx << 8 | position)
        txn.put(graph.encode(), number, db=self.tables["graphs"])
        return number

    def graphs(self, txn: Any) -> Iterator[str]:
        """The names of all graphs, in order."""
        return (bytes(name).decode() for name, _ in txn.cursor(db=self.tables["graphs"]))

    # -- versions ------------------------------------------------------------------------------------------

    def version_at(self, txn: Any, number: bytes, tx: int) -> tuple[int, int] | None:
        """(tx, version) of the last version at or before a TxId, or None."""
        cursor = txn.cursor(db=self.tables["versions"])
        if not _seek_back(cursor, number + _u64(tx)) or bytes(cursor.key())[:8] != number:
            return None
        return _int(bytes(cursor.key())[8:]), _int(cursor.value())

    def versions(self, txn: Any, number: bytes, after: int = 0, until: int | None = None) -> list[int]:
        """The TxIds of a graph's versions in (after, until], oldest first."""
        return [tx for tx, _ in self.numbered(txn, number, after, until)]

    def numbered(
        self, txn: Any, number: bytes, after: int = 0, until: int | None = None
    ) -> list[tuple[int, int]]:
        """(tx, version) of a graph's versions in (after, until], oldest first."""
        cursor = txn.cursor(db=self.tables["versions"])
        found: list[tuple[int, int]] = []
        if cursor.set_range(number + _u64(after + 1)):
            for key, version in cursor:
                key = bytes(key)
                tx = _int(key[8:])
                if key[:8] != number or (until is not None and tx > until):
                    break
                found.append((tx, _int(version)))
        return found

    def place(self, txn: Any, graph: str, tx: int | None = None) -> Place | None:
        """Where a graph stands at a TxId (now, without one), or None before its first version."""
        number = self.number(txn, graph)
        found = None if number is None else self.version_at(txn, number, _LATEST if tx is None else tx)
        if number is None or found is None:
            return None
        entry = self.commit(txn, found[0]).entry(graph)
        return Place(number, found[1], found[0], entry.root)

    def resolve(self, txn: Any, graph: str, point: AtTx | Back | AtTime | AtTag) -> int:
        """The TxId of the version that a point in time means, else `NotFound`."""
        number = self.number(txn, graph)
        if number is None:
            raise NotFound(f"there is no graph {graph!r}", where="store")
        if isinstance(point, AtTag):
            raise NotFound(f"no tag {point.name!r}", where=f"graph {graph!r}")
        if isinstance(point, Back):
            found = self._back(txn, number, point.versions)
        else:
            tx = point.tx if isinstance(point, AtTx) else self._tx_at(txn, microseconds(point.time))
            found = self.version_at(txn, number, min(max(tx, 0), _LATEST))
        if found is None:
            first = self.versions(txn, number)[0]
            raise NotFound(
                "there is no version at that point",
                where=f"graph {graph!r}",
                fix=f"its first version is TX {first}",
            )
        return found[0]

    def _back(self, txn: Any, number: bytes, versions: int) -> tuple[int, int] | None:
        """(tx, version) so many versions before the last, or None. O(versions)."""
        cursor = txn.cursor(db=self.tables["versions"])
        here = _seek_back(cursor, number + _u64(_LATEST))
        for _ in range(versions):
            here = here and bytes(cursor.key())[:8] == number and cursor.prev()
        if not here or bytes(cursor.key())[:8] != number:
            return None
        return _int(bytes(cursor.key())[8:]), _int(cursor.value())

    def _tx_at(self, txn: Any, time: int) -> int:
        """The last TxId committed at or before a time: bisection, since times never decrease."""
        low, high = 0, self.last(txn)[0]
        while low < high:
            middle = (low + high + 1) // 2
            record = txn.get(_u64(middle), db=self.tables["commits"])
            if record is None:
                raise Corrupt(f"transaction {middle} is missing")
            low, high = (middle, high) if load(bytes(record))[1] <= time else (low, middle - 1)
        return low

    # -- persisted roots -----------------------------------------------------------------------------------

    def root_at(self, txn: Any, number: bytes, tx: int) -> tuple[int, int, bytes] | None:
        """(tx, location, root) of the last version at or before `tx` whose trie is on disk, or None."""
        cursor = txn.cursor(db=self.tables["roots"])
        if not _seek_back(cursor, number + _u64(tx)) or bytes(cursor.key())[:8] != number:
            return None
        value = bytes(cursor.value())
        return _int(bytes(cursor.key())[8:]), _int(value[:8]), value[8:]

    def put_root(self, txn: Any, number: bytes, tx: int, location: int, root: bytes) -> None:
        """Note that the trie of a version is on disk."""
        txn.put(number + _u64(tx), _u64(location) + root, db=self.tables["roots"])

    # -- meta and index ------------------------------------------------------------------------------------

    def pairs(self, txn: Any) -> tuple[Pair, ...]:
        """The declared indices."""
        found = txn.get(b"indices", db=self.tables["meta"])
        try:
            return tuple((label, key) for label, key in json.loads(bytes(found))) if found else ()
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the declared indices have another shape: {error}") from error

    def put_pairs(self, txn: Any, pairs: tuple[Pair, ...]) -> None:
        txn.put(b"indices", json.dumps(pairs).encode(), db=self.tables["meta"])

    def index_entries(self, txn: Any, low: bytes, high: bytes) -> Iterator[tuple[str, str]]:
        """(graph, node id) of an index between two key prefixes, both included, in order of value."""
        cursor = txn.cursor(db=self.tables["index"])
        if not cursor.set_range(low):
            return
        for key, value in cursor:
            key = bytes(key)
            if key > high and not key.startswith(high):
                return
            graph, node = load(bytes(value))
            yield graph, node

    def put_index(self, txn: Any, graph: str, number: bytes, entries: Entries) -> None:
        for key, node in entries:
            txn.put(full_key(key, number, node), encode([graph, node]), db=self.tables["index"])


def _seek_back(cursor: Any, key: bytes) -> bool:
    """Move to the last entry at or before `key`."""
    if not cursor.set_range(key):
        return bool(cursor.last())
    return bool(bytes(cursor.key()) == key or cursor.prev())


def check_expected(place: Place | None, write: Write) -> None:
    """Raise `Conflict` unless the write continues the graph's present version."""
    actual = 0 if place is None else place.version
    moved = place is not None and write.before is not None and place.root != write.before
    if write.entry.version != actual + 1 or moved:
        raise Conflict(write.entry.graph, write.entry.version - 1, actual)


def check_size(writes: list[Write]) -> None:
    """The bounds of one transaction: 256 graphs, each once, and 1 MiB."""
    if not 1 <= len(writes) <= MAX_GRAPHS:
        raise InvalidValue(f"a transaction changes 1 to {MAX_GRAPHS} graphs, not {len(writes)}")
    if len({write.entry.graph for write in writes}) < len(writes):
        raise InvalidValue("a transaction changes a graph only once", fix="merge the changes into one write")
    size = sum(len(write.encoded) for write in writes)
    if size > MAX_DELTA_BYTES:
        raise InvalidValue(
            f"the transaction has {size} bytes, the limit is {MAX_DELTA_BYTES}",
            fix="store large values outside and refer to them, or split the transaction",
        )


def versions_of(commit_tx: int, time: Any, writes: list[Write]) -> list[Version]:
    """What the waiter is told."""
    return [
        Version(w.entry.graph, w.entry.version, commit_tx, time, w.entry.root, w.entry.events) for w in writes
    ]
