"""How a store comes into being: in a temporary directory beside its place, synced, then renamed into it.

LMDB's own creation is not crash safe; so a store either exists whole or not at all. Copies are made in the same way
(`care`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from itonami.graphstore.backend import FORMAT, TABLES, first_settings
from itonami.graphstore.errors import ItonamiError, NotAStore, StoreFull
from itonami.graphstore.translation import translated

__all__ = [
    "DATA_FILE",
    "INITIAL_MAP_BYTES",
    "LOCK_FILE",
    "check_vacant",
    "create_store",
    "make_directories",
    "opening",
    "refused",
    "reserve_lock_file",
    "sync_directory",
    "sync_file",
]

INITIAL_MAP_BYTES = 1 << 28
DATA_FILE, LOCK_FILE = "data.mdb", "lock.mdb"
CACHE_LINE = 64  # what LMDB's lock file has for each reader, and twice for itself


def create_store(path: Path, *, format: int = FORMAT, snapshot_every: int = 64) -> None:
    """Make an empty store: in a temporary directory, synced, then renamed into place."""
    try:
        make_directories(path.parent)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise refused(error, path) from error
    try:
        with lmdb.open(str(scratch), map_size=INITIAL_MAP_BYTES, max_dbs=len(TABLES), lock=False) as env:
            tables = {name: env.open_db(name.encode()) for name in TABLES}
            with env.begin(write=True) as txn:
                for name, value in first_settings(snapshot_every, format).items():
                    txn.put(name, value, db=tables["meta"])
            env.sync(True)
        sync_directory(scratch)
        try:
            scratch.rename(path)
        except OSError:
            if not (path / DATA_FILE).exists():  # else another process was first: its store is the store
                raise
        sync_directory(path.parent)
    except lmdb.Error as error:
        raise translated(error, path) from error
    except OSError as error:
        raise refused(error, path) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def make_directories(path: Path) -> None:
    """Make a directory and those above it that are not there, durably."""
    if not path.exists():
        make_directories(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Be the only process that opens the store at a path. LMDB resets what is shared when it finds nobody else, and who
    waits for that believes it done, even if the one that did it was killed half-way (mdb.c, mdb_env_setup_locks). The
    lock is the kernel's: it goes with its holder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def reserve_lock_file(path: Path, readers: int) -> None:
    """Give the lock file its blocks: LMDB writes to it through a map, where a full disk is a SIGBUS. Only when nobody
    has it open, since to close a file is to give up its process's POSIX locks. A medium that is read-only has none."""
    try:
        handle = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES):
            return
        raise
    try:
        os.posix_fallocate(handle, 0, CACHE_LINE * (readers + 2))
    except OSError:
        (path / LOCK_FILE).unlink()
        raise
    finally:
        os.close(handle)


def refused(error: OSError, path: Path) -> ItonamiError:
    """An error of the file system in our words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return StoreFull(
            f"the disk refused the write: {error.strerror}", where=str(path), fix="make room and try again"
        )
    return NotAStore(
        f"no store can be made there: {error.strerror}", where=str(path), fix="choose another path"
    )


def check_vacant(path: Path, create: bool) -> None:
    """Raise `NotAStore` unless a store is at the path, or can be made there."""
    if not path.exists():
        if create:
            return
        raise NotAStore(
            "there is no store", where=str(path), fix="check the path, or start a run to make one"
        )
    if not path.is_dir():
        raise NotAStore("this is a file, not a store", where=str(path), fix="name the store's directory")
    if (path / DATA_FILE).exists():
        return  # somebody else made it just now
    if not create or any(path.iterdir()):
        raise NotAStore(
            f"the directory holds no {DATA_FILE}: it is no store", where=str(path), fix="choose another path"
        )


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    sync_file(path)


def sync_file(path: Path) -> None:
    """Make a file durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
