"""What a measured system is: something that runs workflows of N trivial steps, each durable before the next.

One module a system, each with one function `open_peer(directory, body)` (the `Opener` below). A peer has the
durable settings its users have by default, and its fastest honest way to run workflows in sequence and at
once; its module says which, and why. No measuring here: the rows hold the clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Body", "Opener", "Peer", "load", "run_in_threads", "sqlite_durability"]

# https://sqlite.org/pragma.html#pragma_synchronous
_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}

Body = Callable[[], dict[str, object]]
"""What every step of every system does: stamp the time, return a small record (called from any thread)."""


class Peer(Protocol):
    """A system, open on a directory of its own."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What makes it durable, read back from the open system rather than from its documentation."""

    async def run(self, name: str, steps: int) -> None:
        """Run one workflow from start to result: `steps` steps in sequence, `body` called once in each."""

    async def run_all(self, names: Sequence[str], steps: int, at_once: int) -> None:
        """Run a workflow for each name, `at_once` of them under way at any time."""


class Opener(Protocol):
    """How a system is opened; leaving the context closes it, with everything on disk."""

    def __call__(self, directory: Path, body: Body) -> AbstractAsyncContextManager[Peer]: ...


def load(package: str, name: str) -> Any:
    """`open_peer` of the system called `name`: an `Opener` of here, or of `peers.stores`. Raises ImportError if
    something it needs is not installed."""
    return import_module(f"{package}.{name}").open_peer


def run_in_threads(run: Callable[[str], object], names: Sequence[str], at_once: int) -> None:
    """Call `run` for each name on `at_once` threads. Raises the first failure."""
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(run, names):
            pass


def sqlite_durability(connection: sqlite3.Connection) -> dict[str, str]:
    """The pragmas that decide whether a SQLite commit survives power loss, as this connection has them."""
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    return {"journal_mode": str(journal).upper(), "synchronous": _SYNCHRONOUS[synchronous]}
