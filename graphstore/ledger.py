"""What a commit writes and what a reader finds: the tables of a store.

    meta      name -> value                        format, store id, snapshot interval, declared indices, retention
    graphs    name -> number, horizon, swept       number = TxId that made it << 8 | its place there
    commits   tx -> record, bodies                 the truth (`records`), appended
    log       tx -> hashes                         the subtrees of the log that this leaf completes (`merkle`), appended
    versions  number tx -> version, marks          which transactions touched a graph, and which nodes (`past`)
    roots     number tx -> location, root          versions whose trie is on disk
    nodes     location -> trie node                appended (`shelf`)
    saves     location -> number, tx, count        who wrote the nodes from there on
    stale     number stale location -> made        nodes a graph wrote at `made` and no longer uses since `stale`
    tags      number name -> tx                    names of versions
    pins      number tx -> nothing                 versions that forks start from: what the records' bases say
    payloads  address -> encoding                  large values (`payloads`)
    uses      address -> count                     how many bodies and leaves refer to them
    index     value, number, node -> graph, node   derived (`secondary`)

Invariants: TxIds are 1, 2, 3 ... without a gap; commit times increase; each version of a graph is one more
than the last; an entry's delta turns the version before into a graph with the entry's root; record number n is leaf
n - 1 of the log. `verify` runs them. All functions work inside a transaction they are given; waiting, caching and
threads live elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from itonami.graphstore import merkle
from itonami.graphstore.backend import Backend, Reading, Writing
from itonami.graphstore.codec import Value, encode, load
from itonami.graphstore.element import hashed
from itonami.graphstore.errors import Corrupt, NotFound, VersionPruned
from itonami.graphstore.past import MANY, MARK_DIGITS
from itonami.graphstore.payloads import Payloads
from itonami.graphstore.points import AtTag, AtTime, AtTx, Back
from itonami.graphstore.records import Commit, Entry, encode_stored, microseconds, only_body, time_of
from itonami.graphstore.secondary import Entries, Pair, full_key
from itonami.graphstore.write import Write

__all__ = ["Ledger", "Name", "Place", "Root"]

LATEST = (1 << 64) - 1
MAX_NAME_BYTES = 255
_FIRST = (1).to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Name:
    """What the graphs table says of a graph. Versions before TX `horizon` are pruned; the bodies of those before TX
    `swept` are gone. Both 0: nothing was pruned."""

    number: bytes
    horizon: int = 0
    swept: int = 0

    def encoded(self) -> bytes:
        return self.number + (u64(self.horizon) + u64(self.swept) if self.horizon else b"")

    @classmethod
    def of(cls, value: bytes) -> Name:
        if len(value) not in (8, 24):
            raise Corrupt("an entry of the graphs table has another shape")
        return cls(value[:8], *(to_int(value[at : at + 8]) for at in range(8, len(value), 8)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a graph stands: its number, and its version, transaction and root."""

    number: bytes
    version: int
    tx: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Root:
    """A version whose trie is on disk: at `location`, 0 for the empty graph."""

    tx: int
    location: int
    root: bytes


def u64(value: int) -> bytes:
    """A number as a key: 8 bytes, big-endian. `Corrupt` beyond them: numbers come from the file."""
    if not 0 <= value <= LATEST:
        raise Corrupt(f"{value} is no number of a table")
    return value.to_bytes(8, "big")


def to_int(data: bytes) -> int:
    """The number of a key or value: 8 bytes, else `Corrupt`."""
    if len(data) != 8:
        raise Corrupt(f"a number of a table has {len(data)} bytes")
    return int.from_bytes(data, "big")


class Ledger:
    """Reads and writes the tables inside given transactions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def payload(self, payload: bytes) -> Value:
        """The value behind a reference."""
        with self._backend.joined() as txn:
            return Payloads(txn).value(payload)

    # -- commits -------------------------------------------------------------------------------------------

    def last(self, txn: Reading) -> tuple[int, int]:
        """The last TxId and its time in microseconds; (0, 0) in an empty store."""
        found = txn.last("commits")
        return (0, 0) if found is None else (to_int(found[0]), time_of(found[1]))

    def commit(self, txn: Reading, tx: int) -> Commit:
        """The commit of a TxId, else `NotFound`."""
        stored = txn.get("commits", u64(tx)) if 0 < tx <= LATEST else None
        if stored is None:
            raise NotFound(f"there is no transaction {tx}", where="store")
        found = Commit.decode(stored, Payloads(txn).value)
        if found.tx != tx:
            raise Corrupt(f"the record of transaction {tx} says it is {found.tx}")
        for entry in found.entries:
            entry.resolve()
        return found

    def append(self, txn: Writing, tx: int, record: bytes, writes: list[Write], numbers: list[bytes]) -> None:
        """Put one transaction: record and bodies, versions, payloads, index. `numbers` are the graphs' numbers."""
        txn.append("commits", u64(tx), encode_stored(record, [write.entry.body for write in writes]))
        for write, number in zip(writes, numbers, strict=True):
            txn.put("versions", number + u64(tx), u64(write.entry.version) + write.marks)
            if write.payloads:
                Payloads.hold(txn, write.payloads)
            for key, node in write.index_out:
                txn.delete("index", full_key(key, number, node))
            for key, node in write.index_in:
                txn.put("index", full_key(key, number, node), encode([write.entry.graph, node]))

    # -- the log -------------------------------------------------------------------------------------------

    def subtree(self, txn: Reading, level: int, index: int) -> bytes:
        """The hash of a perfect subtree of the log."""
        leaf, offset = merkle.stored(level, index)
        hashes = txn.get("log", u64(leaf + 1))
        if hashes is None or len(hashes) < offset + 32:
            raise Corrupt(f"the log has no subtree {index} at level {level}")
        return hashes[offset : offset + 32]

    def peaks(self, txn: Reading, size: int) -> tuple[bytes, ...]:
        """The log's peaks when it had `size` leaves. O(log size)."""
        return merkle.peaks_at(partial(self.subtree, txn), size)

    # -- graphs --------------------------------------------------------------------------------------------

    def name(self, txn: Reading, graph: str) -> Name | None:
        """The entry of a graph, or None."""
        key = _name_key(graph)
        found = None if key is None else txn.get("graphs", key)
        return None if found is None else Name.of(found)

    def number(self, txn: Reading, graph: str) -> bytes | None:
        """The number of a graph, or None."""
        found = self.name(txn, graph)
        return None if found is None else found.number

    def add_graph(self, txn: Writing, graph: str, tx: int, position: int) -> bytes:
        """Give a new graph its number."""
        number = u64(tx << 8 | position)
        txn.put("graphs", graph.encode(), number)
        return number

    def graphs(self, txn: Reading, prefix: str = "") -> Iterator[str]:
        """The names of all graphs, or of those whose names start so, in order."""
        found = _under(txn, "graphs", prefix.encode(errors="surrogatepass"))
        return (name.decode(errors="replace") for name, _ in found)

    # -- versions ------------------------------------------------------------------------------------------

    def version_at(self, txn: Reading, number: bytes, tx: int) -> tuple[int, int] | None:
        """(tx, version) of the last version at or before a TxId, or None."""
        found = txn.floor("versions", number + u64(tx))
        if found is None or found[0][:8] != number:
            return None
        return to_int(found[0][8:]), to_int(found[1][:8])

    def versions(
        self, txn: Reading, number: bytes, after: int = 0, until: int = LATEST, limit: int | None = None
    ) -> list[int]:
        """The TxIds of a graph's versions in (after, until], oldest first; at most so many."""
        return [tx for tx, _ in self.numbered(txn, number, after, until, limit)]

    def numbered(
        self, txn: Reading, number: bytes, after: int = 0, until: int = LATEST, limit: int | None = None
    ) -> list[tuple[int, int]]:
        """(tx, version) of a graph's versions in (after, until], oldest first; at most so many."""
        found: list[tuple[int, int]] = []
        for key, version in txn.scan("versions", number + u64(after + 1)):
            tx = to_int(key[8:])
            if key[:8] != number or tx > until or len(found) == limit:
                break
            found.append((tx, to_int(version[:8])))
        return found

    def marked(self, txn: Reading, number: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """(tx, marks) of a graph's versions in (after, until], oldest first."""
        found: list[tuple[int, bytes]] = []
        for key, value in txn.scan("versions", number + u64(after + 1)):
            tx = to_int(key[8:])
            if key[:8] != number or tx > until:
                break
            found.append((tx, value[8:]))
        return found

    def touching(
        self, txn: Reading, name: Name, id: str, node: str | None, after: int, most: int
    ) -> tuple[list[int], int | None]:
        """Of the next so many versions after a TxId: those that may have changed the element `id`, which is, or leaves,
        the node `node`; and the TxId to go on after, None at the end. Marks tell which commits are looked into, or all
        are: whatever changes an element has its id in its bytes. The first that is kept is always there."""
        mark = None if node is None else bytes.fromhex(hashed(node)[:MARK_DIGITS])
        named, horizon, last = encode(id), u64(name.horizon), b""
        found: list[int] = []
        for key, value in islice(txn.scan("versions", name.number + max(u64(after + 1), horizon)), most):
            if not key.startswith(name.number):
                return found, None
            last, most = key[8:], most - 1
            if value.startswith(_FIRST) or last == horizon:
                return [to_int(last)], to_int(last)
            if mark is None or _bears(value, mark):
                stored = txn.get("commits", last)
                if stored is None or named in stored:
                    found.append(to_int(last))
        return found, None if most else to_int(last)

    def bodies(self, txn: Reading, graph: str, transactions: list[int]) -> list[bytes]:
        """What transactions did to a graph, encoded; `VersionPruned` when that is gone."""
        found: list[bytes] = []
        for tx in transactions:
            stored = txn.get("commits", u64(tx))
            body = None if stored is None else only_body(stored)
            if body is None:
                body = self.commit(txn, tx).entry(graph).body
            if body is None:
                raise VersionPruned(f"what TX {tx} changed was pruned", where=f"graph {graph!r}")
            found.append(body)
        return found

    def since(self, txn: Reading, graph: str, number: bytes, version: int) -> tuple[Entry, ...]:
        """What was done to a graph after a version, oldest first. O(what was done)."""
        entries: list[Entry] = []
        last = txn.floor("versions", number + u64(LATEST))
        while last is not None and last[0][:8] == number and to_int(last[1][:8]) > version:
            tx = to_int(last[0][8:])
            entries.append(self.commit(txn, tx).entry(graph))
            last = txn.floor("versions", number + u64(tx - 1))
        return tuple(reversed(entries))

    def place(self, txn: Reading, graph: str, tx: int = LATEST) -> Place | None:
        """Where a graph stands at a TxId (now, without one), or None before its first version."""
        number = self.number(txn, graph)
        found = None if number is None else self.version_at(txn, number, tx)
        if number is None or found is None:
            return None
        entry = self.commit(txn, found[0]).entry(graph)
        return Place(number, found[1], found[0], entry.root)

    def resolve(
        self, txn: Reading, graph: str, point: AtTx | Back | AtTime | AtTag, last: int = LATEST
    ) -> int:
        """The TxId of the version that a point in time means when TX `last` was the newest, else `NotFound`, or
        `VersionPruned`. Versions that a tag names or a fork starts from outlive the pruning of those around them."""
        name = self.name(txn, graph)
        if name is None:
            raise NotFound(f"there is no graph {graph!r}", where="store")
        if isinstance(point, AtTag):
            return self.tag(txn, graph, name.number, point.name)
        if isinstance(point, Back):
            found = self._back(txn, name.number, point.versions, last)
        else:
            tx = point.tx if isinstance(point, AtTx) else self.tx_at(txn, microseconds(point.time))
            found = self.version_at(txn, name.number, min(max(tx, 0), last))
        if found is None:
            first = self.versions(txn, name.number, limit=1)
            raise NotFound(
                "there is no version at that point",
                where=f"graph {graph!r}",
                fix=f"its first version is TX {first[0]}" if first else None,
            )
        if found[0] < name.horizon and found[0] not in self.pinned(txn, name.number):
            raise VersionPruned(
                f"version {found[1]}, of TX {found[0]}, was pruned",
                where=f"graph {graph!r}",
                fix=f"the first that is kept is of TX {name.horizon}",
            )
        return found[0]

    def _back(self, txn: Reading, number: bytes, versions: int, last: int) -> tuple[int, int] | None:
        """(tx, version) so many versions before the one of TX `last`, or None. O(versions)."""
        for steps, (key, version) in enumerate(txn.scan_back("versions", number + u64(last))):
            if key[:8] != number:
                return None
            if steps == versions:
                return to_int(key[8:]), to_int(version[:8])
        return None

    def tx_at(self, txn: Reading, time: int) -> int:
        """The last TxId committed at or before a time: bisection, since times never decrease."""
        low, high = 0, self.last(txn)[0]
        while low < high:
            middle = (low + high + 1) // 2
            stored = txn.get("commits", u64(middle))
            if stored is None:
                raise Corrupt(f"transaction {middle} is missing")
            low, high = (middle, high) if time_of(stored) <= time else (low, middle - 1)
        return low

    # -- tags and pins -------------------------------------------------------------------------------------

    def tag(self, txn: Reading, graph: str, number: bytes, name: str) -> int:
        """The TxId that a tag names, else `NotFound`."""
        key = _name_key(name)
        found = None if key is None else txn.get("tags", number + key)
        if found is None:
            known = ", ".join(sorted(self.tags(txn, number))[:5])
            raise NotFound(
                f"there is no tag {name!r}", where=f"graph {graph!r}", fix=f"it has {known or 'no tags'}"
            )
        return to_int(found)

    def tags(self, txn: Reading, number: bytes) -> dict[str, int]:
        """The tags of a graph: name to TxId."""
        try:
            return {key[8:].decode(): to_int(tx) for key, tx in _under(txn, "tags", number)}
        except UnicodeDecodeError as error:
            raise Corrupt(f"a tag has another shape: {error}") from error

    def pinned(self, txn: Reading, number: bytes) -> list[int]:
        """The TxIds of versions that pruning keeps: forks start there, or a tag names them."""
        forks = {to_int(key[8:]) for key, _ in _under(txn, "pins", number)}
        return sorted(forks | set(self.tags(txn, number).values()))

    # -- persisted roots -----------------------------------------------------------------------------------

    def root_at(self, txn: Reading, number: bytes, tx: int) -> Root | None:
        """The last version at or before `tx` whose trie is on disk, or None."""
        found = txn.floor("roots", number + u64(tx))
        if found is None or found[0][:8] != number:
            return None
        return _root(*found)

    def root_after(self, txn: Reading, number: bytes, tx: int) -> Root | None:
        """The first version after `tx` whose trie is on disk, or None."""
        for key, value in txn.scan("roots", number + u64(tx + 1)):
            return _root(key, value) if key[:8] == number else None
        return None

    def roots(self, txn: Reading, number: bytes) -> list[Root]:
        """The versions whose trie is on disk, oldest first."""
        return [_root(key, value) for key, value in _under(txn, "roots", number)]

    # -- meta and index ------------------------------------------------------------------------------------

    def setting(self, txn: Reading, name: str) -> Any:
        """A value of the meta table, or None."""
        found = txn.get("meta", name.encode())
        try:
            return None if found is None else json.loads(found)
        except ValueError as error:
            raise Corrupt(f"the setting {name!r} has another shape: {error}") from error

    def set(self, txn: Writing, name: str, value: Any) -> None:
        """Set a value of the meta table."""
        txn.put("meta", name.encode(), json.dumps(value).encode())

    def whole(self, txn: Reading, name: str) -> int:
        """A setting that is a whole number from 1 on, else `Corrupt`."""
        found = self.setting(txn, name)
        if type(found) is not int or found < 1:
            raise Corrupt(f"the setting {name!r} is {found!r}")
        return found

    def pairs(self, txn: Reading) -> tuple[Pair, ...]:
        """The declared indices."""
        try:
            return tuple((str(label), str(key)) for label, key in self.setting(txn, "indices") or ())
        except (ValueError, TypeError) as error:
            raise Corrupt(f"the declared indices have another shape: {error}") from error

    def index_entries(self, txn: Reading, low: bytes, high: bytes) -> Iterator[tuple[str, str]]:
        """(graph, node id) of an index between two key prefixes, both included, in order of value."""
        for key, value in txn.scan("index", low):
            if key > high and not key.startswith(high):
                return
            found = load(value)
            if not (
                isinstance(found, list) and len(found) == 2 and all(isinstance(name, str) for name in found)
            ):
                raise Corrupt(f"index entry {key[:60]!r} has another shape")
            yield found[0], found[1]

    def put_index(self, txn: Writing, graph: str, number: bytes, entries: Entries) -> None:
        for key, node in entries:
            txn.put("index", full_key(key, number, node), encode([graph, node]))


def _bears(version: bytes, mark: bytes) -> bool:
    """Whether a mark is among those of a version, which stand behind its number."""
    at = version.find(mark, 8)
    while at >= 0 and at % len(mark):
        at = version.find(mark, at + 1)
    return at >= 0 or version[8:] == MANY


def _name_key(name: object) -> bytes | None:
    """The key of a name; None for what can be none."""
    if not isinstance(name, str):
        return None
    key = name.encode(errors="surrogatepass")
    return key if 0 < len(key) <= MAX_NAME_BYTES else None


def _root(key: bytes, value: bytes) -> Root:
    return Root(to_int(key[8:]), to_int(value[:8]), value[8:])


def _under(txn: Reading, table: str, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries whose keys start with a prefix."""
    for key, value in txn.scan(table, prefix):
        if not key.startswith(prefix):
            return
        yield key, value
