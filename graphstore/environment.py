"""The backend on LMDB: opening, transactions, the map's growth, nothing else.

Both LMDB syncs stay on: that is the only mode that lost nothing in simulated power cuts. Transactions are short, since
the map can grow only between them (`gate`). LMDB does not survive a damaged file, so small ones are checked page by
page before they are walked (`pages`), large ones by `verify`. How a store is made is `creation`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from itonami.graphstore.backend import FORMAT, TABLES
from itonami.graphstore.creation import (
    DATA_FILE,
    INITIAL_MAP_BYTES,
    LOCK_FILE,
    check_vacant,
    create_store,
    opening,
    refused,
    reserve_lock_file,
    sync_directory,
    sync_file,
)
from itonami.graphstore.errors import (
    Corrupt,
    InvalidValue,
    ItonamiError,
    NotAStore,
    StoreClosed,
    StoreFull,
    UnsupportedFormat,
)
from itonami.graphstore.gate import Gate, Views
from itonami.graphstore.metas import check_metas
from itonami.graphstore.pages import check_pages
from itonami.graphstore.translation import translated

__all__ = ["Environment"]

CHECKED_BYTES = 1 << 22
"""Files up to here are checked page by page whenever they are opened: some 20 us a page of 4 KiB."""
MAXIMUM_MAP_BYTES = 1 << 44
_MAGIC_AT, _MAGIC = 16, (0xBEEFC0DE).to_bytes(4, sys.byteorder)
MAX_READERS = 1024
CHECK_READERS_EVERY = 64
"""Write transactions between two looks for readers that were killed: they would pin pages for ever"""

Item = tuple[bytes, bytes]
T = TypeVar("T")


class _Transaction:
    """The tables, in one LMDB transaction: `backend.Reading`, and `backend.Writing` in a write transaction."""

    __slots__ = ("_tables", "_txn")

    def __init__(self, txn: lmdb.Transaction, tables: dict[str, Any]) -> None:
        self._txn = txn
        self._tables = tables

    def id(self) -> int:
        return int(self._txn.id())

    def get(self, table: str, key: bytes) -> bytes | None:
        found: Any = self._txn.get(key, db=self._tables[table])
        return found  # type: ignore[no-any-return]

    def floor(self, table: str, key: bytes) -> Item | None:
        cursor = self._back(table, key)
        return None if cursor is None else cursor.item()

    def last(self, table: str) -> Item | None:
        cursor: Any = self._txn.cursor(db=self._tables[table])
        return cursor.item() if cursor.last() else None

    def scan(self, table: str, start: bytes = b"") -> Iterator[Item]:
        cursor: Any = self._txn.cursor(db=self._tables[table])
        here = cursor.set_range(start) if start else cursor.first()
        return iter(cursor.iternext()) if here else iter(())

    def scan_back(self, table: str, start: bytes) -> Iterator[Item]:
        cursor = self._back(table, start)
        return iter(()) if cursor is None else iter(cursor.iterprev())

    def count(self, table: str) -> int:
        return int(self._txn.stat(self._tables[table])["entries"])

    def put(self, table: str, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._tables[table])

    def append(self, table: str, key: bytes, value: bytes) -> None:
        if not self._txn.put(key, value, db=self._tables[table], append=True):
            raise Corrupt(f"table {table} has an entry at or after {key.hex()} already")

    def delete(self, table: str, key: bytes) -> bool:
        return bool(self._txn.delete(key, db=self._tables[table]))

    def _back(self, table: str, key: bytes) -> Any:
        """A cursor at the last entry at or before `key`, or None."""
        cursor = self._txn.cursor(db=self._tables[table])
        here = (cursor.key() == key or cursor.prev()) if cursor.set_range(key) else cursor.last()
        return cursor if here else None


class Environment:
    """One opened LMDB environment: a `backend.Backend`."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        durable: bool = True,
        map_bytes: int = INITIAL_MAP_BYTES,
        max_map_bytes: int = MAXIMUM_MAP_BYTES,
        check: bool | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._max_map_bytes = max_map_bytes
        self._gate = Gate()
        self._views = Views()
        self._pid = os.getpid()
        self._open = True
        self._writes = 0
        data = path / DATA_FILE
        self._settings: dict[str, Any] = {
            "map_size": max(min(map_bytes, max_map_bytes), data.stat().st_size),
            "readonly": read_only,
            "sync": durable,
            "metasync": durable,
        }
        _check_file(data)
        self._enter(data.stat().st_size <= CHECKED_BYTES if check is None else check)

    def _enter(self, thorough: bool) -> None:
        """Open the environment, alone (`opening`)."""
        path, data = self.path, self.path / DATA_FILE
        try:
            with opening(path):
                _refuse(check_metas(data), path)
                if not (path / LOCK_FILE).exists():  # nobody has it open: look without leaving a lock file
                    if thorough:
                        _refuse(check_pages(data), path)
                        thorough = False
                    with lmdb.open(str(path), max_dbs=1, readonly=True, lock=False, create=False) as env:
                        _check_format(env, path)
                    reserve_lock_file(path, MAX_READERS)
                if not self.read_only:
                    sync_directory(path.parent)  # who made it may have been killed before it did so
                self.env = lmdb.open(
                    str(path), max_dbs=len(TABLES), max_readers=MAX_READERS, create=False, **self._settings
                )
                try:
                    if thorough:
                        with self.env.begin():  # keeps the pages of the snapshot that is looked at
                            _refuse(check_pages(data), path)
                    self.env.reader_check()  # readers that were killed would pin pages
                    _check_format(self.env, path)
                    self._tables = {name: self.env.open_db(name.encode(), create=False) for name in TABLES}
                except BaseException:
                    self.env.close()
                    raise
        except lmdb.Error as error:
            raise translated(error, path) from error
        except ItonamiError:  # some are an OSError too
            raise
        except OSError as error:
            raise refused(error, path) from error

    @classmethod
    def open(cls, path: Path, *, create: bool, snapshot_every: int = 64, **settings: Any) -> Environment:
        """Open the store at `path`, making it first when `create` and nothing is there."""
        if not (path / DATA_FILE).exists():
            check_vacant(path, create)
            create_store(path, snapshot_every=snapshot_every)
        return cls(path, **settings)

    @property
    def name(self) -> str:
        return str(self.path)

    def damage(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """What is wrong with the structure of the file: LMDB must not walk it then."""
        data = self.path / DATA_FILE
        found = check_metas(data)
        if found:
            return found
        with self.read():
            return check_pages(data, progress=progress)

    # -- transactions --------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[_Transaction]:
        """A short read transaction: a consistent view, to be left soon."""
        self.check_usable()
        with self._gate.passing():
            txn = self._begun()
            view = _Transaction(txn, self._tables)
            try:
                with self._views.holding(view):
                    yield view
            except lmdb.Error as error:
                raise translated(error, self.path) from error
            finally:
                txn.abort()

    @contextmanager
    def joined(self) -> Iterator[_Transaction]:
        """This thread's innermost open view, or a new one."""
        view = self._views.open[-1] if self._views.open else None
        if view is not None:
            yield view
        else:
            with self.read() as view:
                yield view

    def _begun(self) -> lmdb.Transaction:
        """A read transaction. Where another process grew the file beyond this one's map, none can begin until the map
        is as large, so this thread steps out of the gate for that."""
        while True:
            self.check_usable()
            try:
                return self.env.begin()
            except lmdb.MapResizedError as error:
                with self._gate.outside():
                    self._grow(error)
            except lmdb.PanicError:
                with self._gate.outside():
                    self._enter_again()
            except lmdb.Error as error:
                raise translated(error, self.path) from error

    def write(self, work: Callable[[_Transaction], T]) -> T:
        """Run `work` in a write transaction and commit it durably; when the map is full, grow it and run
        `work` again. Nothing of a failed transaction stays."""
        if self.read_only:
            raise InvalidValue(
                "the store was opened read-only", where=str(self.path), fix="open it for writing"
            )
        while True:
            self.check_usable()
            try:
                with self._gate.passing(), self._views.holding(None):
                    self.check_usable()
                    self._writes += 1
                    if self._writes % CHECK_READERS_EVERY == 0:
                        self.env.reader_check()
                    return self._written(self.env.begin(write=True), work)
            except lmdb.PanicError:
                self._enter_again()
            except (lmdb.MapFullError, lmdb.MapResizedError) as error:
                self._grow(error)
            except lmdb.Error as error:
                raise translated(error, self.path) from error

    def _written(self, txn: lmdb.Transaction, work: Callable[[_Transaction], T]) -> T:
        """The work done and committed. py-lmdb (3.0, trans_abort) ends a failed write only at a moment when no other
        thread is in a call of LMDB, which threads that read without a pause never let come: so they are held up."""
        try:
            result = work(_Transaction(txn, self._tables))
        except BaseException:
            with self._gate.barred():
                txn.abort()
            raise
        txn.commit()
        return result

    def _enter_again(self) -> None:
        """LMDB uses an environment no more in which the write of a meta page failed."""
        with self._gate.shut():
            self.env.close()
            self._enter(thorough=False)

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
        self.check_usable()
        with self._gate.passing():
            self.check_usable()
            return int(self.env.info()["last_txnid"])

    def sizes(self) -> dict[str, int]:
        """Bytes of the file, of the map, of the pages in use, and of each table."""
        with self._gate.passing():
            self.check_usable()
            info, page = self.env.info(), self.env.stat()["psize"]
            with self.env.begin() as txn:
                tables = {name: txn.stat(table) for name, table in self._tables.items()}
        sizes = {
            "file": (self.path / DATA_FILE).stat().st_size,
            "map": info["map_size"],
            "pages": page * (info["last_pgno"] + 1),
        }
        for name, stat in tables.items():
            sizes[name] = page * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"])
        sizes["used"] = sum(sizes[name] for name in tables)
        return sizes

    def copy(self, target: Path) -> None:
        """A compact copy into an empty directory, consistent while writers go on, then synced. It reads in one LMDB
        transaction, so pages freed meanwhile are reused only afterwards."""
        with self._gate.passing():
            self.check_usable()
            try:
                self.env.copy(str(target), compact=True)
            except lmdb.Error as error:
                raise translated(error, target) from error
        sync_file(target / DATA_FILE)
        sync_directory(target)

    @staticmethod
    def peek(path: Path) -> int:
        """The number of the last transaction, read without joining those that have it open."""
        with lmdb.open(str(path), readonly=True, lock=False, create=False) as env:
            return int(env.info()["last_txnid"])

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, *, interrupted: bool = False) -> None:
        """Close the environment. Further use is `StoreClosed`. `interrupted`: an exception struck this thread while it
        was reading; it reads no more."""
        if interrupted:
            self._gate.leave()
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
                fix="close it before forking, or start children with multiprocessing's 'spawn'",
            )


def _check_file(file: Path) -> None:
    """LMDB makes a database of an empty file, so a file must first prove to be one: by the magic number of its
    first meta page (mdb.c, MDB_meta)."""
    with file.open("rb") as handle:
        start = handle.read(_MAGIC_AT + 4)
    if start[_MAGIC_AT:] != _MAGIC:
        raise NotAStore("data.mdb is no LMDB file", where=str(file.parent), fix="choose another path")


def _refuse(damage: list[str], path: Path) -> None:
    """LMDB dies of what these checks find, and Python with it."""
    if damage:
        raise Corrupt(f"data.mdb is damaged: {damage[0]}", where=str(path), fix="restore a backup")


def _check_format(env: lmdb.Environment, path: Path) -> None:
    """The environment holds a store of a format that this code reads."""
    meta = env.open_db(b"meta", create=False)
    with env.begin() as txn:
        found = txn.get(b"format", db=meta)
    if found is None:
        raise NotAStore("the LMDB file holds no Itonami store", where=str(path), fix="choose another path")
    if not found.isdigit() or len(found) > 9:
        raise Corrupt("the store does not say its format", where=str(path), fix="restore a backup")
    if int(found) > FORMAT:
        raise UnsupportedFormat(
            f"the store has format {int(found)}, this version reads up to {FORMAT}",
            where=str(path),
            fix="open it with a newer itonami",
        )
