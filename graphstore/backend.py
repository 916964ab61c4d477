"""What the store asks of whatever keeps its tables: ordered bytes, transactions, nothing else.

A backend keeps named tables of byte keys in bytewise order. There is one writer at a time; a reader sees the state of
the moment it began, whole, and never waits for the writer. `environment` is the backend on LMDB, `memory` the one that
lasts as long as its process; both pass one suite. Keys have 1 to 511 bytes.

What the tables mean is `ledger`; this module knows their names only.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

__all__ = ["FORMAT", "TABLES", "Backend", "Reading", "Writing", "first_settings"]

FORMAT = 1
"""The format this code writes (docs/format.md)."""

TABLES = (
    "meta",
    "graphs",
    "commits",
    "log",
    "versions",
    "roots",
    "nodes",
    "saves",
    "stale",
    "tags",
    "pins",
    "payloads",
    "uses",
    "index",
)

T = TypeVar("T")
Item = tuple[bytes, bytes]


def first_settings(snapshot_every: int, format: int = FORMAT) -> dict[bytes, bytes]:
    """What the meta table of a new store holds: values are JSON."""
    settings = {"format": format, "store": secrets.token_hex(16), "snapshot_every": snapshot_every}
    return {name.encode(): json.dumps(value).encode() for name, value in settings.items()}


class Reading(Protocol):
    """A consistent view of all tables, as of the transaction `id()`."""

    def id(self) -> int:
        """The number of the last committed transaction it sees; inside a write, the number it will have."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""

    def floor(self, table: str, key: bytes) -> Item | None:
        """The last entry at or before a key."""

    def last(self, table: str) -> Item | None:
        """The last entry of a table."""

    def scan(self, table: str, start: bytes = b"") -> Iterator[Item]:
        """Entries from the first at or after `start`, ascending. The table must not be written to meanwhile."""

    def scan_back(self, table: str, start: bytes) -> Iterator[Item]:
        """Entries from the last at or before `start`, descending. The table must not be written to meanwhile."""

    def count(self, table: str) -> int:
        """How many entries a table has. O(1)."""


class Writing(Reading, Protocol):
    """A view that sees its own changes."""

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Set the value of a key."""

    def append(self, table: str, key: bytes, value: bytes) -> None:
        """Set the value of a key that must come after every other of the table, else `Corrupt`."""

    def delete(self, table: str, key: bytes) -> bool:
        """Remove a key; whether it was there."""


class Backend(Protocol):
    """Transactions over the tables."""

    @property
    def name(self) -> str:
        """What errors call the place."""

    @property
    def path(self) -> Path | None:
        """The directory of the store, when it has one."""

    @property
    def read_only(self) -> bool:
        """Whether writing is refused."""

    def read(self) -> AbstractContextManager[Reading]:
        """A view for a short while. May be nested, and opened inside `write` (it sees the last committed state)."""

    def joined(self) -> AbstractContextManager[Reading]:
        """This thread's innermost open view, or a new one: what is read in parts is read of one moment. Inside `write`
        it is a new one."""

    def write(self, work: Callable[[Writing], T]) -> T:
        """Run `work` in a write transaction and commit it durably. Nothing of a failed one stays; `work` may be run
        again when the space had to grow."""

    def last_id(self) -> int:
        """The number of the last committed transaction of any process. Grows with each that wrote something. O(1)."""

    def check_usable(self) -> None:
        """Raise `StoreClosed` when closed, or when this process was forked from the opener."""

    @property
    def forked(self) -> bool:
        """Whether this process is a fork of the one that opened it."""

    def damage(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """What is wrong with the medium, as sentences: without any, all the rest can be relied on."""

    def sizes(self) -> dict[str, int]:
        """Bytes: `file`, `map`, `pages` (all that the medium has), `used` (those with data), and one entry a table."""

    def copy(self, target: Path) -> None:
        """Write a compact copy, consistent and synced, while writers go on."""

    def close(self, *, interrupted: bool = False) -> None:
        """End it. Further use is `StoreClosed`."""
