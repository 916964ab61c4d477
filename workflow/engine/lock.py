"""One engine a store: an advisory lock on a file in the store's directory that names its holder.

The kernel frees the lock when the holder dies, however it dies; what the file says is only for people.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from itonami.graphstore import StoreBusy

__all__ = ["EngineLock"]


class EngineLock:
    """Held from `acquire` to `release`. Raises `StoreBusy`, naming the holder. A store in memory needs none."""

    def __init__(self, store: Path | None) -> None:
        self._path = None if store is None else store / "engine.lock"
        self._handle: int | None = None

    def acquire(self) -> None:
        if self._path is None:
            return
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 4096).decode(errors="replace")
            os.close(handle)
            raise StoreBusy(
                f"another engine runs on this store ({_named(holder)})",
                where=str(self._path.parent),
                fix="stop it first; `cancel` and `terminate` need no engine of their own",
            ) from None
        os.ftruncate(handle, 0)
        said = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat()}
        os.pwrite(handle, json.dumps(said).encode(), 0)
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _named(holder: str) -> str:
    try:
        said = json.loads(holder)
        return f"process {said['pid']} on {said['host']}, since {said['since']}"
    except (ValueError, KeyError, TypeError):
        return "its name is not written yet"
