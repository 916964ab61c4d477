"""How a store comes into being: in a temporary directory beside its place, synced, then renamed into it.

LMDB's own creation is not crash safe; so a store either exists whole or not at all. Copies are made in the same way
(`care`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import lmdb

from itonami.graphstore.backend import FORMAT, TABLES, first_settings
from itonami.graphstore.errors import NotAStore
from itonami.graphstore.translation import translated

__all__ = [
    "DATA_FILE",
    "INITIAL_MAP_BYTES",
    "LOCK_FILE",
    "check_vacant",
    "create_store",
    "sync_directory",
    "sync_file",
]

INITIAL_MAP_BYTES = 1 << 28
DATA_FILE, LOCK_FILE = "data.mdb", "lock.mdb"


def create_store(path: Path, *, format: int = FORMAT, snapshot_every: int = 64) -> None:
    """Make an empty store: in a temporary directory, synced, then renamed into place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise NotAStore(
            f"no store can be made there: {error.strerror}", where=str(path), fix="choose another path"
        ) from error
    try:
        with lmdb.open(str(scratch), map_size=INITIAL_MAP_BYTES, max_dbs=len(TABLES)) as env:
            tables = {name: env.open_db(name.encode()) for name in TABLES}
            with env.begin(write=True) as txn:
                for name, value in first_settings(snapshot_every, format).items():
                    txn.put(name, value, db=tables["meta"])
            env.sync(True)
        (scratch / LOCK_FILE).unlink(missing_ok=True)
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
        raise NotAStore(
            f"no store can be made there: {error.strerror}", where=str(path), fix="choose another path"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_vacant(path: Path, create: bool) -> None:
    if not path.exists():
        if create:
            return
        raise NotAStore(
            "there is no store", where=str(path), fix="check the path, or start a run to make one"
        )
    if not path.is_dir():
        raise NotAStore("this is a file, not a store", where=str(path), fix="name the store's directory")
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
