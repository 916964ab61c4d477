"""The invariants of a store, run: what `Store.verify` checks.

1. Records are canonical; TxIds are 1, 2, 3 ... without a gap; commit times never decrease.
2. The graphs and versions tables say what the records say, no more and no less.
3. From the empty graph (or its base) each graph's deltas lead to every recorded root.
4. Every persisted trie has the root of its version, and every node its hash.
5. The index holds what the heads hold.

A finding names the place; checking goes on after it. No repair may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from itonami.graphstore.backend import Backend
from itonami.graphstore.codec import decode, encode
from itonami.graphstore.errors import Corrupt, ItonamiError
from itonami.graphstore.graph import Graph
from itonami.graphstore.ledger import Ledger
from itonami.graphstore.records import Commit, microseconds
from itonami.graphstore.secondary import entries_of, full_key
from itonami.graphstore.shelf import Shelf

__all__ = ["Report", "verify"]

KEPT_GRAPHS = 64


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: `ok`, or the `damage`, each finding a sentence that names its place."""

    ok: bool
    damage: tuple[str, ...]
    transactions: int
    graphs: int


@dataclass(slots=True)
class _Audit:
    ledger: Ledger
    shelf: Shelf
    txn: Any
    damage: list[str] = field(default_factory=list)
    touched: dict[str, list[int]] = field(default_factory=dict)
    kept: dict[tuple[str, int], Graph] = field(default_factory=dict)

    def find(self, what: str) -> None:
        self.damage.append(what)

    def records(self) -> int:
        """Invariant 1; notes which transactions touch which graph. Returns the number of transactions."""
        expected, last_time = 0, -1
        for key, value in self.txn.cursor(db=self.ledger.tables["commits"]):
            expected += 1
            data, tx = bytes(value), int.from_bytes(key, "big")
            try:
                decode(data)
                commit = Commit.decode(data)
            except ItonamiError as error:
                self.find(f"transaction {tx}: {error.what}")
                continue
            if not tx == commit.tx == expected:
                self.find(f"transaction {tx}: the record says {commit.tx}, {expected} was due")
                expected = tx
            time = microseconds(commit.time)
            if time <= last_time:
                self.find(f"transaction {tx}: its time is not after that of the one before")
            last_time = time
            for entry in commit.entries:
                self.touched.setdefault(entry.graph, []).append(tx)
        return expected

    def tables(self) -> dict[str, bytes]:
        """Invariant 2. Returns the graphs' numbers."""
        cursor = self.txn.cursor(db=self.ledger.tables["graphs"])
        numbers = {bytes(name).decode(errors="replace"): bytes(number) for name, number in cursor}
        for graph in sorted(numbers.keys() ^ self.touched.keys()):
            self.find(f"graph {graph!r}: stands in only one of the graphs table and the records")
        for graph in numbers.keys() & self.touched.keys():
            found = self.ledger.numbered(self.txn, numbers[graph])
            if found != [(tx, version) for version, tx in enumerate(self.touched[graph], start=1)]:
                self.find(f"graph {graph!r}: the versions table and the records differ")
        total = self.txn.stat(self.ledger.tables["versions"])["entries"]
        if total != sum(len(txs) for txs in self.touched.values()):
            self.find("the versions table has entries that no record accounts for")
        return numbers

    def replay(self, graph: str, number: bytes) -> Graph:
        """Invariants 3 and 4 for one graph. Returns its head."""
        state = Graph()
        for version, tx in enumerate(self.touched[graph], start=1):
            entry = self.ledger.commit(self.txn, tx).entry(graph)
            if entry.version != version:
                raise Corrupt(f"TX {tx} says version {entry.version}, {version} was due")
            if entry.base is not None:
                state = self.base(*entry.base)
            state = entry.delta.apply(state)
            if state.root != entry.root:
                raise Corrupt(f"the deltas do not lead to the root of TX {tx}")
            found = self.ledger.root_at(self.txn, number, tx)
            if found is not None and found[0] == tx:
                self.persisted(found, state)
        return state

    def base(self, graph: str, tx: int) -> Graph:
        """The graph a fork starts from; a few are kept, since many runs start from one definition."""
        if (graph, tx) not in self.kept:
            state = Graph()
            for step in self.touched.get(graph, []):
                if step > tx:
                    break
                entry = self.ledger.commit(self.txn, step).entry(graph)
                if entry.base is not None:
                    state = self.base(*entry.base)
                state = entry.delta.apply(state)
            if len(self.kept) >= KEPT_GRAPHS:
                self.kept.clear()
            self.kept[graph, tx] = state
        return self.kept[graph, tx]

    def persisted(self, found: tuple[int, int, bytes], state: Graph) -> None:
        tx, location, root = found
        if root != state.root:
            raise Corrupt(f"the persisted root of TX {tx} is not the recorded one")
        for item, twin in zip(self.shelf.graph(location, root).items(), state.items(), strict=True):
            if item != twin:
                raise Corrupt(f"the persisted trie of TX {tx} differs at {item.id!r}")

    def index(self, heads: Iterator[tuple[str, bytes, Graph]]) -> None:
        """Invariant 5."""
        pairs = self.ledger.pairs(self.txn)
        due = {}
        for graph, number, head in heads:
            for key, node in entries_of(pairs, head):
                due[full_key(key, number, node)] = encode([graph, node])
        held = {bytes(k): bytes(v) for k, v in self.txn.cursor(db=self.ledger.tables["index"])}
        for key in due.keys() | held.keys():
            if due.get(key) != held.get(key):
                self.find(f"index entry {key[:60]!r} does not agree with the graphs")


def verify(
    backend: Backend, ledger: Ledger, shelf: Shelf, progress: Callable[[int, int], None] | None
) -> Report:
    """Run all invariants in one read transaction. O(size of the history)."""
    with backend.read() as txn:
        audit = _Audit(ledger, shelf, txn)
        transactions = audit.records()
        numbers = audit.tables()

        def heads() -> Iterator[tuple[str, bytes, Graph]]:
            names = sorted(numbers.keys() & audit.touched.keys())
            for done, graph in enumerate(names, start=1):
                try:
                    yield graph, numbers[graph], audit.replay(graph, numbers[graph])
                except ItonamiError as error:
                    audit.find(f"graph {graph!r}: {error.what}")
                except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
                    audit.find(f"graph {graph!r}: {error}")
                if progress is not None:
                    progress(done, len(names))

        audit.index(heads())
    return Report(not audit.damage, tuple(audit.damage), transactions, len(numbers))
