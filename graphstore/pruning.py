"""Letting go of the past: which versions a graph keeps, and how the rest is dropped.

Versions before a graph's *horizon* are pruned: they answer `VersionPruned`. Their commit records and leaves stay, so
proofs made of them stay good; their events, changes and trie nodes go. The horizon's own trie is saved first. Versions
that a tag names or a fork starts from stay readable.

The horizon is set in one transaction; the sweep behind it goes on in small ones, so writers are not held up, and where
it was cut short it goes on at the next call. A trie node written at `made` and stale since `stale` may go when no saved
version that is kept lies in [made, stale).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from itonami.graphstore.backend import Backend, Reading, Writing
from itonami.graphstore.codec import references
from itonami.graphstore.errors import Corrupt, InvalidValue, NotFound, VersionPruned
from itonami.graphstore.ledger import LATEST, Ledger, Name, to_int, u64
from itonami.graphstore.payloads import Payloads
from itonami.graphstore.points import Moment
from itonami.graphstore.records import Commit, encode_stored, microseconds
from itonami.graphstore.shelf import leaf_payloads

__all__ = ["Pruned", "Pruner", "Retention"]

CHUNK = 500
MAX_AGE = timedelta(days=365_250)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Which versions a graph keeps: the last so many, those in force so long ago or later, those in force at a TxId
    or later. A version is kept if any of them keeps it, and the head always is."""

    versions: int | None = None
    age: timedelta | None = None
    tx: int | None = None

    def __post_init__(self) -> None:
        kinds = {"versions": int, "age": timedelta, "tx": int}
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind | None):
                raise InvalidValue(
                    f"{name} is a {kind.__name__}, not {getattr(self, name)!r}", where="retention"
                )
        if self.versions is not None and self.versions < 1:
            raise InvalidValue(f"a graph keeps at least 1 version, not {self.versions}")
        if self.age is not None and not timedelta(0) <= self.age <= MAX_AGE:
            raise InvalidValue("the age of what is kept is from 0 to 1,000 years", where="retention")
        if self.tx is not None and self.tx < 0:
            raise InvalidValue(f"there is no TX {self.tx}")

    def to_json(self) -> dict[str, Any]:
        """As it stands in the store."""
        age = None if self.age is None else self.age // timedelta(microseconds=1)
        return {"versions": self.versions, "age_us": age, "tx": self.tx}

    @classmethod
    def from_json(cls, fields: dict[str, Any] | None) -> Retention | None:
        if fields is None:
            return None
        try:
            age = fields.get("age_us")
            return cls(
                versions=fields.get("versions"),
                age=None if age is None else timedelta(microseconds=age),
                tx=fields.get("tx"),
            )
        except (AttributeError, TypeError, OverflowError, InvalidValue) as error:
            raise Corrupt(f"the retention has another shape: {error}") from error

    def horizon(self, ledger: Ledger, txn: Reading, number: bytes, now: datetime) -> int:
        """The TxId of the first version that is kept; 0 when all are."""
        first = []
        if self.versions is not None:
            first.append(_nth_last(txn, number, self.versions))
        if self.age is not None:
            first.append(_in_force(ledger, txn, number, ledger.tx_at(txn, microseconds(now - self.age))))
        if self.tx is not None:
            first.append(_in_force(ledger, txn, number, self.tx))
        return min(first, default=0)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning dropped: versions of how many graphs, and trie nodes."""

    graphs: int = 0
    versions: int = 0
    nodes: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.graphs + other.graphs, self.versions + other.versions, self.nodes + other.nodes)


Keep = Callable[[Writing, str, bytes, int], None]
"""Have the trie of a version on disk: (transaction, graph, number, tx)."""


class Pruner:
    """Sets horizons and sweeps behind them."""

    def __init__(self, backend: Backend, ledger: Ledger, keep: Keep, clock: Callable[[], datetime]) -> None:
        self._backend = backend
        self._ledger = ledger
        self._keep = keep
        self._clock = clock

    def keep_to(self, policy: Retention, graph: str, *, saved_only: bool = False) -> Pruned:
        """Drop what a policy does not keep of a graph; `saved_only`: up to a version whose trie is on disk already."""
        with self._backend.read() as txn:
            name = self._named(txn, graph)
            due = policy.horizon(self._ledger, txn, name.number, self._clock())
            if saved_only:
                root = self._ledger.root_at(txn, name.number, due)
                due = 0 if root is None else root.tx
        if saved_only and due <= name.horizon:
            return Pruned()
        return self.prune(graph, max(due, name.horizon))

    def prune_before(self, graph: str, point: Moment, required: bool) -> Pruned:
        """Drop the versions of a graph before the one in force at a point in time. It must be there if `required`."""
        with self._backend.read() as txn:
            name = self._named(txn, graph)
            try:
                horizon = self._ledger.resolve(txn, graph, point)
            except VersionPruned:
                horizon = name.horizon  # that far already: the sweep goes on where it stopped
            except NotFound:
                if required:
                    raise
                horizon = name.horizon  # all graphs are meant, and this one is younger
        return self.prune(graph, horizon)

    def _named(self, txn: Reading, graph: str) -> Name:
        name = self._ledger.name(txn, graph)
        if name is None:
            raise NotFound(f"there is no graph {graph!r}", where="store")
        return name

    def prune(self, graph: str, horizon: int) -> Pruned:
        """Drop the versions of a graph before TX `horizon`, which is one of its versions. Again with the same horizon,
        it goes on where it was cut short. 0 drops nothing."""
        if not horizon:
            return Pruned()
        name = self._backend.write(lambda txn: self._set(txn, graph, horizon))
        versions = 0
        while name.swept < name.horizon:
            swept, name = self._backend.write(lambda txn: self._sweep_bodies(txn, graph))
            versions += swept
        nodes = 0
        after: bytes | None = b""
        while after is not None:
            start = after
            dropped, after = self._backend.write(lambda txn: self._sweep_nodes(txn, name, start))  # noqa: B023
            nodes += dropped
        return Pruned(int(versions > 0 or nodes > 0), versions, nodes)

    def _set(self, txn: Writing, graph: str, horizon: int) -> Name:
        name = self._ledger.name(txn, graph)
        if name is None or (horizon and not txn.get("versions", name.number + u64(horizon))):
            raise NotFound(f"TX {horizon} made no version", where=f"graph {graph!r}")
        if horizon <= name.horizon:
            return name
        self._keep(txn, graph, name.number, horizon)
        name = Name(name.number, horizon, name.swept)
        txn.put("graphs", graph.encode(), name.encoded())
        return name

    def _sweep_bodies(self, txn: Writing, graph: str) -> tuple[int, Name]:
        name = self._ledger.name(txn, graph)
        assert name is not None
        after = max(name.swept - 1, 0)
        transactions = self._ledger.versions(txn, name.number, after, name.horizon - 1, CHUNK)
        for tx in transactions:
            _drop_body(txn, self._ledger.commit(txn, tx), graph)
        swept = transactions[-1] + 1 if len(transactions) == CHUNK else name.horizon
        name = Name(name.number, name.horizon, swept)
        txn.put("graphs", graph.encode(), name.encoded())
        return len(transactions), name

    def _sweep_nodes(self, txn: Writing, name: Name, start: bytes) -> tuple[int, bytes | None]:
        """One chunk of stale nodes, from a key of their table on; returns where the next one starts."""
        pinned = self._ledger.pinned(txn, name.number)
        for root in self._ledger.roots(txn, name.number):  # each time: a tag may have gone meanwhile
            if root.tx < name.horizon and root.tx not in pinned:
                txn.delete("roots", name.number + u64(root.tx))
        keys: list[tuple[bytes, int]] = []
        following: bytes | None = None
        for key, value in txn.scan("stale", start or name.number):
            if key[:8] != name.number or to_int(key[8:16]) > name.horizon:
                break
            if len(keys) == CHUNK:
                following = key
                break
            keys.append((key, to_int(value)))
        dropped = 0
        for key, made in keys:
            kept = bisect_left(pinned, made)
            if kept < len(pinned) and pinned[kept] < to_int(key[8:16]):
                continue
            data = txn.get("nodes", key[16:])
            if data is not None:
                Payloads.drop(txn, leaf_payloads(data, txn))
                txn.delete("nodes", key[16:])
                dropped += 1
            txn.delete("stale", key)
        if dropped:
            self._ledger.set(txn, "sweeps", (self._ledger.setting(txn, "sweeps") or 0) + 1)
        return dropped, following


def _drop_body(txn: Writing, commit: Commit, graph: str) -> None:
    """Let go of what a commit says of one graph beyond its record."""
    body = commit.entry(graph).body
    if body is None:
        return
    bodies = [None if entry.graph == graph else entry.body for entry in commit.entries]
    txn.put("commits", u64(commit.tx), encode_stored(commit.record, bodies))
    Payloads.drop(txn, references(body))


def _in_force(ledger: Ledger, txn: Reading, number: bytes, tx: int) -> int:
    """The version of a graph that held at a TxId; 0 before its first."""
    found = ledger.version_at(txn, number, min(tx, LATEST))
    return 0 if found is None else found[0]


def _nth_last(txn: Reading, number: bytes, versions: int) -> int:
    """The TxId of the version that is the nth from the last; 0 when there are fewer."""
    for count, (key, _) in enumerate(txn.scan_back("versions", number + u64(LATEST)), start=1):
        if key[:8] != number:
            return 0
        if count == versions:
            return to_int(key[8:])
    return 0
