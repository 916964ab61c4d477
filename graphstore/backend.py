"""The LMDB environment of a store: creation, tables, the map's growth, nothing else.

Creation is done in a temporary directory beside the target, synced and renamed, because LMDB's own creation is not
crash safe: a store either exists whole or not at all. Both LMDB syncs stay on; that is the only mode that lost
nothing in simulated power cuts. Read transactions are short: the gate below lets the map grow between them, since
LMDB may only change the map when no transaction of the process is open (lmdb.h, mdb_env_set_mapsize).

What the tables mean is `ledger`; this module knows their names only.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from itonami.graphstore.errors import (
    Corrupt,
    InvalidValue,
    NotAStore,
    StoreBusy,
    StoreClosed,
    StoreFull,
    UnsupportedFormat,
)

__all__ = ["FORMAT", "TABLES", "Backend"]

FORMAT = 1
"""The format this code writes. It may change until the format document is published."""

TABLES = ("meta", "graphs", "commits", "versions", "roots", "nodes", "index")
INITIAL_MAP_BYTES = 1 << 28
MAXIMUM_MAP_BYTES = 1 << 44
_DATA_FILE, _LOCK_FILE = "data.mdb", "lock.mdb"
_MAGIC_AT, _MAGIC = 16, (0xBEEFC0DE).to_bytes(4, sys.byteorder)
_MAX_READERS = 1024
_DISK_REFUSALS = ("No space left", "Input/output error", "File too large", "quota")  # a short write is EIO

T = TypeVar("T")


class _Gate:
    """Many may pass, or one may have it shut: readers against the growth of the map."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._shut = False
        self._mine = threading.local()  # how often this thread is inside: it may enter again

    @property
    def inside(self) -> bool:
        """Whether this thread is inside."""
        return bool(getattr(self._mine, "depth", 0))

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside for a while; nested, it costs nothing."""
        depth = getattr(self._mine, "depth", 0)
        if not depth:
            with self._condition:
                while self._shut:
                    self._condition.wait()
                self._inside += 1
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            if not depth:
                with self._condition:
                    self._inside -= 1
                    if not self._inside:
                        self._condition.notify_all()

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Have it alone: wait until nobody is inside, and let nobody in."""
        with self._condition:
            while self._shut:
                self._condition.wait()
            self._shut = True
            while self._inside:
                self._condition.wait()
        try:
            yield
        finally:
            with self._condition:
                self._shut = False
                self._condition.notify_all()


class Backend:
    """One opened environment. `read()` and `write(fn)` give LMDB transactions; `tables` its handles."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        durable: bool = True,
        map_bytes: int = INITIAL_MAP_BYTES,
        max_map_bytes: int = MAXIMUM_MAP_BYTES,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._max_map_bytes = max_map_bytes
        self._gate = _Gate()
        self._pid = os.getpid()
        self._open = True
        _check_file(path / _DATA_FILE)
        try:
            if not (path / _LOCK_FILE).exists():  # nobody has it open: look without leaving a lock file
                with lmdb.open(str(path), max_dbs=1, readonly=True, lock=False, create=False) as env:
                    _check_format(env, path)
            self.env = lmdb.open(
                str(path),
                map_size=max(map_bytes, (path / _DATA_FILE).stat().st_size),
                max_dbs=len(TABLES),
                max_readers=_MAX_READERS,
                readonly=read_only,
                create=False,
                sync=durable,
                metasync=durable,
            )
            try:
                self.env.reader_check()  # readers that were killed would pin pages
                _check_format(self.env, path)
                self.tables = {name: self.env.open_db(name.encode(), create=False) for name in TABLES}
            except BaseException:
                self.env.close()
                raise
        except lmdb.Error as error:
            raise _translated(error, path) from error

    @classmethod
    def open(cls, path: Path, *, create: bool, **settings: Any) -> Backend:
        """Open the store at `path`, making it first when `create` and nothing is there."""
        if not (path / _DATA_FILE).exists():
            _check_vacant(path, create)
            create_store(path)
        return cls(path, **settings)

    # -- transactions --------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[lmdb.Transaction]:
        """A short read transaction: a consistent view, to be left soon."""
        while True:
            try:
                with self._gate.passing():
                    self.check_usable()
                    txn = self.env.begin()
                    try:
                        yield txn
                    finally:
                        txn.abort()
                return
            except lmdb.MapResizedError as error:  # another process grew the file; nothing was read yet
                if self._gate.inside:
                    raise
                self._grow(error)
            except lmdb.Error as error:
                raise _translated(error, self.path) from error

    def write(self, work: Callable[[lmdb.Transaction], T]) -> T:
        """Run `work` in a write transaction and commit it durably; when the map is full, grow it and run
        `work` again. Nothing of a failed transaction stays."""
        if self.read_only:
            raise InvalidValue(
                "the store was opened read-only", where=str(self.path), fix="open it for writing"
            )
        while True:
            try:
                with self._gate.passing():
                    self.check_usable()
                    with self.env.begin(write=True) as txn:
                        return work(txn)
            except (lmdb.MapFullError, lmdb.MapResizedError) as error:
                self._grow(error)
            except lmdb.Error as error:
                raise _translated(error, self.path) from error

    def _grow(self, cause: lmdb.Error) -> None:
        with self._gate.shut():
            if isinstance(cause, lmdb.MapResizedError):
                self.env.set_mapsize(0)
                return
            size = self.env.info()["map_size"]
            if size >= self._max_map_bytes:
                raise StoreFull(
                    f"the map has reached its limit of {self._max_map_bytes} bytes",
                    where=str(self.path),
                    fix="open the store with a larger limit, or prune it",
                ) from cause
            self.env.set_mapsize(min(size * 2, self._max_map_bytes))

    def last_id(self) -> int:
        """The number of the last transaction of any process: the one cheap way to see foreign commits."""
        with self._gate.passing():
            self.check_usable()
            return int(self.env.info()["last_txnid"])

    def close(self) -> None:
        """Close the environment. Further use is `StoreClosed`."""
        if self._open and os.getpid() == self._pid:
            with self._gate.shut():
                self._open = False
                self.env.close()

    @property
    def forked(self) -> bool:
        """Whether this process is a fork of the one that opened it."""
        return os.getpid() != self._pid

    def check_usable(self) -> None:
        """Raise `StoreClosed` when closed, or when this process was forked from the opener."""
        if not self._open:
            raise StoreClosed("the store is closed", where=str(self.path))
        if os.getpid() != self._pid:
            raise StoreClosed(
                "the store was opened before this process was forked",
                where=str(self.path),
                fix="open it again in the child",
            )


def _check_file(file: Path) -> None:
    """LMDB makes a database of an empty file, so a file must first prove to be one: by the magic number of its
    first meta page (mdb.c, MDB_meta)."""
    with file.open("rb") as handle:
        start = handle.read(_MAGIC_AT + 4)
    if start[_MAGIC_AT:] != _MAGIC:
        raise NotAStore("data.mdb is no LMDB file", where=str(file.parent), fix="choose another path")


def _check_format(env: lmdb.Environment, path: Path) -> None:
    """The environment holds a store of a format that this code reads."""
    meta = env.open_db(b"meta", create=False)
    with env.begin() as txn:
        found = txn.get(b"format", db=meta)
    if found is None:
        raise NotAStore("the LMDB file holds no Itonami store", where=str(path), fix="choose another path")
    if int(found) > FORMAT:
        raise UnsupportedFormat(
            f"the store has format {int(found)}, this version reads up to {FORMAT}",
            where=str(path),
            fix="open it with a newer itonami",
        )


def create_store(path: Path, *, format: int = FORMAT) -> None:
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
                txn.put(b"format", str(format).encode(), db=tables["meta"])
                txn.put(b"store", secrets.token_hex(16).encode(), db=tables["meta"])
            env.sync(True)
        (scratch / _LOCK_FILE).unlink(missing_ok=True)
        _sync_directory(scratch)
        try:
            scratch.rename(path)
        except OSError:
            if not (path / _DATA_FILE).exists():  # else another process was first: its store is the store
                raise
        _sync_directory(path.parent)
    except lmdb.Error as error:
        raise _translated(error, path) from error
    except OSError as error:
        raise NotAStore(
            f"no store can be made there: {error.strerror}", where=str(path), fix="choose another path"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_vacant(path: Path, create: bool) -> None:
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
            f"the directory holds no {_DATA_FILE}: it is no store", where=str(path), fix="choose another path"
        )


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _translated(error: lmdb.Error, path: Path) -> Exception:
    """LMDB's errors in our words."""
    where = str(path)
    if "already open" in str(error):
        return StoreBusy(
            "the store is already open in this process", where=where, fix="share that Store object"
        )
    if isinstance(error, lmdb.InvalidError | lmdb.VersionMismatchError):
        return NotAStore("data.mdb is no LMDB file of this kind", where=where)
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError | lmdb.BadTxnError):
        return Corrupt(f"LMDB found damage: {error}", where=where, fix="restore a backup")
    if isinstance(error, lmdb.DiskError) or any(sign in str(error) for sign in _DISK_REFUSALS):
        return StoreFull(f"the disk refused the write: {error}", where=where, fix="make room and try again")
    if isinstance(error, lmdb.NotFoundError):
        return NotAStore("the LMDB file holds no Itonami store", where=where)
    if isinstance(error, lmdb.LockError | lmdb.ReadersFullError):
        return StoreBusy(f"LMDB: {error}", where=where)
    return Corrupt(f"LMDB: {error}", where=where)
