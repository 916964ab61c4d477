"""A request: what one transaction is to change, made outside the write transaction, complete but for TxId and time.

A loser's request may be made anew inside the committer: `on_conflict` is asked with what was attempted and where the
graph stands now. Only the shapes and the bounds of a transaction may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import InvalidValue
from itonami.graphstore.graph import Graph
from itonami.graphstore.past import marks_of
from itonami.graphstore.records import Entry, Event, Version
from itonami.graphstore.secondary import Entries, Pair

__all__ = ["Attempt", "OnConflict", "Write", "check_size"]

MAX_GRAPHS = 256
MAX_BODY_BYTES = 1 << 20
MAX_PAYLOADS_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a loser wanted, and what it meets: `events` and `delta` were made on version `version`; the graph stands
    at `head` now, its version `head_version`. `since()` gives what was committed in between, oldest first; it raises
    `VersionPruned` when that is gone."""

    graph: str
    version: int
    events: tuple[Event, ...]
    delta: Delta
    head_version: int
    head: Graph
    since: Callable[[], tuple[Entry, ...]]


@dataclass(frozen=True, slots=True)
class Rebased:
    """What is committed in place of an attempt: the graph that follows the head, and its reasons."""

    after: Graph
    events: tuple[Event, ...]


OnConflict = Callable[[Attempt], "Rebased | Graph | None"]
"""Asked inside the committer, so it must be quick and pure: the graph to commit in place of the attempt (with its
events, or with others), or None to let the `Conflict` stand; so does an `InvalidValue`, e.g. of a delta that
does not fit. What else it raises, the loser gets."""


@dataclass(slots=True)
class Write:
    """One graph's part of a request. `payloads` are what its body refers to, `marks` which nodes it touches."""

    entry: Entry
    encoded: bytes
    payloads: dict[bytes, bytes]
    after: Graph
    before: bytes | None = None
    pairs: tuple[Pair, ...] = ()
    index_out: Entries = frozenset()
    index_in: Entries = frozenset()
    marks: bytes = b""
    on_conflict: OnConflict | None = None

    @classmethod
    def make(
        cls,
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
        """The write that makes `version` of a graph. Raises `InvalidValue` for values outside the domain."""
        entry, payloads = Entry.make(graph, version, after.root, tuple(events), delta, base)
        return cls(
            entry, entry.encoded(), payloads, after, before, marks=marks_of(delta), on_conflict=on_conflict
        )

    @property
    def size(self) -> int:
        """Bytes of its entry and body."""
        return len(self.encoded) + len(self.entry.body or b"")


def check_size(writes: list[Write]) -> None:
    """The bounds of one transaction: 256 graphs, each once, 1 MiB of changes and 16 MiB of large values."""
    if not 1 <= len(writes) <= MAX_GRAPHS:
        raise InvalidValue(f"a transaction changes 1 to {MAX_GRAPHS} graphs, not {len(writes)}")
    if len({write.entry.graph for write in writes}) < len(writes):
        raise InvalidValue("a transaction changes a graph only once", fix="merge the changes into one write")
    size = sum(write.size for write in writes)
    if size > MAX_BODY_BYTES:
        raise InvalidValue(
            f"the transaction has {size} bytes, the limit is {MAX_BODY_BYTES}",
            fix="store large values outside and refer to them, or split the transaction",
        )
    size = sum(len(payload) for write in writes for payload in write.payloads.values())
    if size > MAX_PAYLOADS_BYTES:
        raise InvalidValue(
            f"the large values of the transaction have {size} bytes, the limit is {MAX_PAYLOADS_BYTES}",
            fix="split the transaction",
        )


def versions_of(tx: int, time: datetime, writes: list[Write]) -> list[Version]:
    """What the waiter is told."""
    return [Version(w.entry.graph, w.entry.version, tx, time, w.entry.root, w.entry.events) for w in writes]
