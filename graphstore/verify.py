"""The invariants of a store, run: what `Store.verify` checks.

1. The file is a sound B+tree file (`pages`), and its settings have their shapes.
2. Records are canonical; TxIds are 1, 2, 3 ... without a gap; commit times increase; each body has its digest and
   is canonical, or was pruned; record n is leaf n - 1 of the log, and every hash of the log follows from the leaves.
3. The graphs and versions tables say what the records say, no more and no less.
4. From the empty graph, its base or its horizon each graph's deltas lead to every recorded root.
5. Every saved trie has the root of its version, every node its hash; nodes are in use or marked stale.
6. Every payload has its hash, and as many uses as there are references; tags and pins name versions that are there.
7. The index holds what the heads hold.

A finding names the place; checking goes on after it. It reads in short transactions, so writers are not held up; what
is committed while it runs is left for the next time. No repair may live here.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from itonami.graphstore import merkle
from itonami.graphstore.backend import Backend, Reading
from itonami.graphstore.codec import PAYLOAD_MARK, decode, encode, references
from itonami.graphstore.element import Node
from itonami.graphstore.errors import Corrupt, ItonamiError
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import Ledger, Name, Root, to_int, u64
from itonami.graphstore.past import marks_of
from itonami.graphstore.payloads import Payloads
from itonami.graphstore.pruning import Retention
from itonami.graphstore.records import Commit, Entry, microseconds
from itonami.graphstore.secondary import entries_of, full_key
from itonami.graphstore.shelf import Shelf, decoded, leaf_payloads
from itonami.graphstore.snapshots import maker
from itonami.graphstore.trie import Branch, Stub

__all__ = ["Report", "verify"]

CHUNK = 1_000
_ANY = range(1 << 32)
LENGTHS: dict[str, tuple[Container[int], Container[int]]] = {
    "graphs": (range(1, 256), (8, 24)),
    "commits": ((8,), _ANY),
    "log": ((8,), range(32, 2_081)),
    "versions": ((16,), range(8, 265)),
    "roots": ((16,), (40,)),
    "nodes": ((8,), range(1, 2_000)),
    "saves": ((8,), (24,)),
    "stale": ((24,), (8,)),
    "tags": (range(9, 264), (8,)),
    "pins": ((16,), (0,)),
    "payloads": ((32,), _ANY),
    "uses": ((32,), (8,)),
}
"""Bytes of keys and of values, by table"""
PROGRESS_EVERY = 100
MAX_FINDINGS = 1_000
_DAMAGE = (
    ItonamiError,
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    AssertionError,
    struct.error,
)
"""What reading damaged bytes may raise: each is a finding, none ends the audit."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: `ok`, or the `damage`, each finding a sentence that names its place."""

    ok: bool
    damage: tuple[str, ...]
    transactions: int
    graphs: int


@dataclass(slots=True)
class _Audit:
    backend: Backend
    ledger: Ledger
    shelf: Shelf
    progress: Callable[[int, int], None] | None
    total: int = 0
    done: int = 0
    damage: list[str] = field(default_factory=list)
    touched: dict[str, list[int]] = field(default_factory=dict)
    bases: set[tuple[str, int]] = field(default_factory=set)
    """Versions that forks start from"""
    sound: dict[int, bytes] = field(default_factory=dict)
    """Trie nodes that were read and found sound: location to hash"""
    below: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Their children: location to locations"""

    def find(self, what: str) -> None:
        if len(self.damage) < MAX_FINDINGS:
            self.damage.append(what)

    def advance(self, steps: int) -> None:
        """So many records or versions more were checked."""
        self.done += steps
        if self.progress is not None:
            self.progress(min(self.done, self.total), self.total)

    def guarded(self, place: str, check: Callable[[], object]) -> None:
        """Run one check; what it raises is a finding."""
        try:
            check()
        except _DAMAGE as error:
            what = error.what if isinstance(error, ItonamiError) else f"{type(error).__name__}: {error}"
            self.find(f"{place}: {what}")

    # -- 1 and 2: settings, records, log -------------------------------------------------------------------

    def settings(self) -> None:
        with self.backend.read() as txn:
            for name in ("format", "store", "snapshot_every"):
                if self.ledger.setting(txn, name) is None:
                    self.find(f"the setting {name!r} is missing")
            self.guarded("declared indices", lambda: self.ledger.pairs(txn))
            self.guarded("retention", lambda: Retention.from_json(self.ledger.setting(txn, "retention")))

    def records(self, until: int) -> None:
        """Notes which transactions touch which graph."""
        time = -1
        peaks: tuple[bytes, ...] = ()
        for first in range(1, until + 1, CHUNK):
            last = min(first + CHUNK - 1, until)
            with self.backend.read() as txn:
                rows = {
                    to_int(key): value
                    for (key, value), _ in zip(txn.scan("commits", u64(first)), range(CHUNK), strict=False)
                }
                for tx in range(first, last + 1):
                    peaks = self.leaf(txn, tx, rows.get(tx), peaks)
                    if tx in rows:
                        time = self.record(txn, tx, rows[tx], time)
            self.advance(last + 1 - first)

    def leaf(
        self, txn: Reading, tx: int, stored: bytes | None, peaks: tuple[bytes, ...]
    ) -> tuple[bytes, ...]:
        """One leaf of the log, and the subtrees it completes."""
        found = txn.get("log", u64(tx))
        if stored is None:
            self.find(f"TX {tx} is missing")
            leaf = found[:32] if found else bytes(32)
        else:
            try:
                leaf = merkle.leaf_hash(Commit.decode(stored).record)
            except _DAMAGE:
                leaf = bytes(32)  # `record` says what is wrong with it
        hashes, peaks = merkle.append(peaks, tx - 1, leaf)
        if found != hashes:
            self.find(f"TX {tx}: the log does not hold its hashes")
        return peaks

    def record(self, txn: Reading, tx: int, stored: bytes, last: int) -> int:
        """One record. Returns its time."""
        try:
            commit = Commit.decode(stored, self.ledger.payload)
            decode(commit.record)
        except _DAMAGE as error:
            self.find(f"TX {tx}: {error}")
            return last
        if commit.tx != tx:
            self.find(f"TX {tx}: the record says {commit.tx}")
        time = microseconds(commit.time)
        if time <= last:
            self.find(f"TX {tx}: its time is not after that of the one before")
        for entry in commit.entries:
            self.touched.setdefault(entry.graph, []).append(tx)
            if entry.base is not None:
                self.bases.add(entry.base)
            self.guarded(f"TX {tx}", lambda entry=entry: self.body(txn, tx, entry))  # type: ignore[misc]
        return time

    def body(self, txn: Reading, tx: int, entry: Entry) -> None:
        name = self.ledger.name(txn, entry.graph)
        if entry.body is None:
            if name is None or tx >= name.swept:
                raise Corrupt(f"what it did to graph {entry.graph!r} is gone, but was not pruned")
            return
        if name is not None and tx < name.swept:
            raise Corrupt(f"what it did to graph {entry.graph!r} was pruned, but is there")
        made, _ = Entry.make(entry.graph, entry.version, entry.root, entry.events, entry.delta, entry.base)
        if made.digest != entry.digest:
            raise Corrupt(f"what it did to graph {entry.graph!r} is not in canonical form")

    # -- 3, 4 and 5: one graph -----------------------------------------------------------------------------

    def graph(self, graph: str, until: int) -> None:
        with self.backend.read() as txn:
            name = self.ledger.name(txn, graph)
            if name is None:
                raise Corrupt("the records tell of it, the graphs table does not")
            touched = self.touched[graph]
            if (name.horizon and txn.get("versions", name.number + u64(name.horizon)) is None) or (
                name.swept > name.horizon
            ):
                self.find(f"graph {graph!r}: the horizon is none of its versions")
            found = self.ledger.numbered(txn, name.number, 0, until)
            if found != [(tx, version) for version, tx in enumerate(touched, start=1)]:
                self.find(f"graph {graph!r}: the versions table and the records differ")
            for root in self.ledger.roots(txn, name.number):
                if root.tx <= until:
                    self.guarded(f"graph {graph!r}", lambda root=root: self.saved(txn, graph, root))  # type: ignore[misc]
            self.replay(txn, graph, name, touched)
        self.advance(len(touched) % PROGRESS_EVERY)

    def saved(self, txn: Reading, graph: str, root: Root) -> None:
        """A trie on disk: every node that was not read yet."""
        if self.ledger.commit(txn, root.tx).entry(graph).root != root.root:
            raise Corrupt(f"the saved root of TX {root.tx} is not the recorded one")
        if not root.location:
            if Graph().root != root.root:
                raise Corrupt(f"the saved trie of TX {root.tx} is empty")
            return
        payloads = Payloads(txn)
        stack = [(root.location, root.root)]
        while stack:
            location, hash = stack.pop()
            if self.sound.get(location) == hash:
                continue
            data = txn.get("nodes", u64(location))
            if data is None:
                raise Corrupt(f"trie node {location} of TX {root.tx} is missing")
            node = decoded(data, location, hash, self.shelf, payloads)
            self.sound[location] = hash
            if isinstance(node, Branch):
                stubs = [child for child in node.children.values() if isinstance(child, Stub)]
                self.below[location] = tuple(stub.location for stub in stubs)
                stack.extend((stub.location, stub.hash) for stub in stubs)
            elif node.item.path != node.path:
                raise Corrupt(f"trie node {location} holds {node.item.id!r} at a path that is not its own")

    def replay(self, txn: Reading, graph: str, name: Name, touched: list[int]) -> None:
        state = Graph()
        for version, tx in enumerate(touched, start=1):
            entry = self.ledger.commit(txn, tx).entry(graph)
            if version % PROGRESS_EVERY == 0:
                self.advance(PROGRESS_EVERY)
            if entry.base is not None and version != 1:
                raise Corrupt(f"TX {tx} starts from another graph, but is version {version}")
            if entry.version != version:
                raise Corrupt(f"TX {tx} says version {entry.version}, {version} was due")
            if tx < name.horizon:
                continue
            if tx == name.horizon:
                state = self.persisted(txn, graph, tx)
            else:
                if entry.base is not None:
                    state = self.persisted(txn, *entry.base)
                state = entry.delta.apply(state)
            if state.root != entry.root:
                raise Corrupt(f"the deltas do not lead to the root of TX {tx}")
            if (txn.get("versions", name.number + u64(tx)) or b"")[8:] != marks_of(entry.delta):
                raise Corrupt(f"the marks of TX {tx} are not those of what it touched")
        whole(state)

    def persisted(self, txn: Reading, graph: str, tx: int) -> Graph:
        """A version whose trie must be on disk: a base, or a horizon."""
        number = self.ledger.number(txn, graph)
        root = None if number is None else self.ledger.root_at(txn, number, tx)
        if root is None or root.tx != tx:
            raise Corrupt(f"the trie of graph {graph!r} at TX {tx} is not on disk")
        if self.ledger.commit(txn, tx).entry(graph).root != root.root:
            raise Corrupt(f"the saved root of graph {graph!r} at TX {tx} is not the recorded one")
        return self.shelf.graph(root.location, root.root)

    # -- 3, 5, 6 and 7: the tables as a whole --------------------------------------------------------------

    def tables(self, until: int) -> None:
        with self.backend.read() as txn:
            numbers: dict[bytes, str] = {}
            for key, value in txn.scan("graphs"):
                graph = key.decode(errors="replace")
                numbers[Name.of(value).number] = graph
                if graph not in self.touched and (to_int(value[:8]) >> 8) <= until:
                    self.find(f"graph {graph!r}: the graphs table tells of it, the records do not")
            for table, (keys, values) in LENGTHS.items():
                for key, value in txn.scan(table):
                    if len(key) not in keys or len(value) not in values:
                        self.find(f"table {table}: the entry {key[:32].hex()} has another shape")
            for table in ("versions", "roots", "stale", "tags", "pins"):
                for key, _ in txn.scan(table):
                    if key[:8] not in numbers:
                        self.find(f"table {table}: {key.hex()} is of no graph")
            pinned = {(numbers.get(key[:8], ""), to_int(key[8:])) for key, _ in txn.scan("pins")}
            for graph, tx in self.bases - pinned:
                self.find(f"graph {graph!r}: a fork starts from TX {tx}, which is not pinned")
            for table in ("tags", "pins"):
                for key, value in txn.scan(table):
                    tx = to_int(value if table == "tags" else key[8:])
                    self.guarded(
                        f"table {table}",
                        lambda key=key, tx=tx: self.persisted(txn, numbers[key[:8]], tx),  # type: ignore[misc]
                    )
            if txn.count("log") != txn.count("commits"):
                self.find("the log and the records differ in number")
            self.guarded("trie nodes", lambda: self.nodes(txn))
            self.guarded("payloads", lambda: self.payloads(txn))
            self.guarded("index", lambda: self.index(txn, numbers))

    def nodes(self, txn: Reading) -> None:
        """Every node is in use by a saved trie, or marked stale; none that is in use is marked as if it were not."""
        following = 1
        for key, value in txn.scan("saves"):
            if to_int(key) != following or txn.get("versions", value[:16]) is None:
                self.find(f"what is said of who wrote the trie nodes from {following} on does not hold")
            following = to_int(key) + to_int(value[16:])
        stale: dict[int, tuple[bytes, int, int]] = {}
        for key, made in txn.scan("stale"):
            location = to_int(key[16:])
            stale[location] = key[:8], to_int(made), to_int(key[8:16])
            if maker(txn, location)[2:] != stale[location][:2]:
                self.find(f"trie node {location} is marked stale by a graph or version that did not write it")
        roots = [
            (key[:8], Root(to_int(key[8:]), to_int(value[:8]), value[8:])) for key, value in txn.scan("roots")
        ]
        there = {to_int(key) for key, _ in txn.scan("nodes")}
        if not self.sound.keys() | stale.keys() >= there:
            for number, root in roots:  # some were saved while this ran
                self.saved(txn, self._graph_of(txn, number), root)
        for location in there - self.sound.keys() - stale.keys():
            self.find(f"trie node {location} belongs to no saved trie")
        self.uses(roots, stale)

    def uses(self, roots: list[tuple[bytes, Root]], stale: dict[int, tuple[bytes, int, int]]) -> None:
        """A stale node lies under none of its graph's saved tries but those in [made, stale). Newest first, so that
        each node is looked at once."""
        seen: dict[bytes, set[int]] = {}
        for number, root in reversed(roots):
            visited = seen.setdefault(number, set())
            stack = [root.location] if root.location else []
            while stack:
                location = stack.pop()
                if location in visited:
                    continue
                visited.add(location)
                stack.extend(self.below.get(location, ()))
                owner, made, since = stale.get(location, (number, 0, root.tx + 1))
                if owner == number and not made <= root.tx < since:
                    self.find(f"trie node {location} is marked stale, but in use at TX {root.tx}")

    def _graph_of(self, txn: Reading, number: bytes) -> str:
        for key, value in txn.scan("graphs"):
            if value[:8] == number:
                return key.decode()
        raise Corrupt(f"no graph has the number {number.hex()}")

    def payloads(self, txn: Reading) -> None:
        due: Counter[bytes] = Counter()
        for _, stored in txn.scan("commits"):
            if PAYLOAD_MARK in stored:
                for entry in Commit.decode(stored).entries:
                    due.update(references(entry.body or b"\xf6"))
        for _, data in txn.scan("nodes"):
            due.update(leaf_payloads(data, txn))
        held = {key: to_int(value) for key, value in txn.scan("uses")}
        for payload in due.keys() | held.keys():
            if due.get(payload, 0) != held.get(payload, 0):
                self.find(
                    f"payload {payload.hex()} has {due.get(payload, 0)} uses, the table says {held.get(payload, 0)}"
                )
        there = {key for key, _ in txn.scan("payloads")}
        for payload in there ^ held.keys():
            self.find(f"payload {payload.hex()} stands in only one of its two tables")
        for payload in there:
            Payloads(txn).encoding(payload)

    def index(self, txn: Reading, numbers: dict[bytes, str]) -> None:
        pairs = self.ledger.pairs(txn)
        held = dict(txn.scan("index"))
        for number, graph in numbers.items() if pairs else ():
            place = self.ledger.place(txn, graph)
            if place is None:
                continue
            for key, node in entries_of(pairs, self.head(txn, graph, number, place.tx)):
                if held.pop(full_key(key, number, node), None) != encode([graph, node]):
                    self.find(f"the index does not hold node {node!r} of graph {graph!r}")
        for key in held:
            self.find(f"index entry {key[:60]!r} does not agree with the graphs")

    def head(self, txn: Reading, graph: str, number: bytes, tx: int) -> Graph:
        root = self.ledger.root_at(txn, number, tx)
        state = Graph() if root is None else self.shelf.graph(root.location, root.root)
        for step in self.ledger.versions(txn, number, 0 if root is None else root.tx, tx):
            entry = self.ledger.commit(txn, step).entry(graph)
            state = entry.delta.apply(self.persisted(txn, *entry.base) if entry.base is not None else state)
        return state


def whole(graph: Graph) -> None:
    """Every edge has both ends, and no two have one id."""
    edges: set[str] = set()
    nodes: set[str] = set()
    ends: set[str] = set()
    for item in graph.items():
        if isinstance(item, Node):
            nodes.add(item.id)
            continue
        if item.id in edges:
            raise Corrupt(f"two edges have the id {item.id!r}")
        edges.add(item.id)
        ends |= {item.source, item.target}
    if ends - nodes:
        raise Corrupt(f"an edge has an end that is not there: {min(ends - nodes)!r}")


def verify(backend: Backend, progress: Callable[[int, int], None] | None) -> Report:
    """Run all invariants. O(size of the history)."""
    damage = backend.damage()
    if damage:
        return Report(False, tuple(damage), 0, 0)  # nothing may walk such a file
    ledger = Ledger(backend)
    audit = _Audit(backend, ledger, Shelf(backend), progress)
    with backend.read() as txn:
        until, last = txn.count("commits"), txn.last("commits")
        audit.total = until + txn.count("versions")
    if last is not None and to_int(last[0]) != until:
        audit.find(f"there are {until} records, but the last is of transaction {to_int(last[0])}")
    audit.guarded("settings", audit.settings)
    audit.guarded("records", lambda: audit.records(until))
    for graph in sorted(audit.touched):
        audit.guarded(f"graph {graph!r}", lambda graph=graph: audit.graph(graph, until))  # type: ignore[misc]
    audit.guarded("tables", lambda: audit.tables(until))
    return Report(not audit.damage, tuple(audit.damage), until, len(audit.touched))
