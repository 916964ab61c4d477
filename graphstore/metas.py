"""The two meta pages of an LMDB data file, read as bytes: which snapshot counts, and whether LMDB can be misled.

    meta page = page header, then MDB_meta = magic, version, address, map size, free list, main table, last page, TxnId

Transaction N writes the meta page N modulo 2, so the other still holds the one before (mdb.c 0.9, struct MDB_meta, with
8-byte page numbers in the machine's byte order). LMDB reads both pages; in one place it goes by the larger TxnId, in
another by TxnId modulo 2: only where the two agree is it known what it will read. Nothing beyond the two pages is read
here; that is `pages`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import NamedTuple

__all__ = [
    "FIRST_PAGE",
    "HEAD",
    "META",
    "TREE",
    "Damage",
    "Meta",
    "Tree",
    "check_metas",
    "newest_meta",
    "opened",
]

FIRST_PAGE = 2  # after the two metas
META = 8  # the flag P_META of a page
HEAD = Struct("=QHHHH")  # MDB_page: its number, pad, flags, lower, upper
TREE = Struct("=IHHQQQQQ")  # MDB_db
_START = Struct("=II8xQ")  # MDB_meta up to its two MDB_db: magic, version, (address), map size
_END = Struct("=QQ")  # and after them: last page, TxnId
_FREE_AT = HEAD.size + _START.size
_MAIN_AT = _FREE_AT + TREE.size
_END_AT = _MAIN_AT + TREE.size
_BYTES = _END_AT + _END.size

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_SIZES = (4096, 8192, 16384, 32768)  # the machine's, up to MAX_PAGESIZE
_MAX_MAP_BYTES = 1 << 46  # what a process can map
_MAX_TXN = 1 << 63
_INTEGER_KEYS, _NO_SUBDIRECTORY = (
    0x08,
    0x4000,
)  # flags of the free list; the second if the file was so created
_READ_AGAIN = 100


class Damage(Exception):
    """What is wrong with one page or tree: a finding on its way to the list."""


class Tree(NamedTuple):
    """An MDB_db: what LMDB knows of a tree. The `pad` of the free list is the page size."""

    pad: int
    flags: int
    depth: int
    branches: int
    leaves: int
    overflow: int
    entries: int
    root: int


@dataclass(frozen=True, slots=True)
class Meta:
    """An MDB_meta: the start of one snapshot. `place` is where it was read, `page` what its page's header says."""

    place: int
    page: int
    flags: int
    magic: int
    version: int
    map_bytes: int
    free: Tree
    main: Tree
    last: int
    txn: int

    @classmethod
    def of(cls, place: int, data: bytes) -> Meta:
        page, _, flags, _, _ = HEAD.unpack_from(data)
        free, main = (Tree(*TREE.unpack_from(data, at)) for at in (_FREE_AT, _MAIN_AT))
        magic, version, map_bytes = _START.unpack_from(data, HEAD.size)
        last, txn = _END.unpack_from(data, _END_AT)
        return cls(place, page, flags, magic, version, map_bytes, free, main, last, txn)

    def check(self) -> None:
        """Raise `Damage` for what is wrong with it by itself."""
        laws = (
            (self.page == self.place and self.flags == META, "its header is not a meta page's"),
            (self.magic == _MAGIC, "it has not LMDB's magic number"),
            (self.version == _VERSION, f"its format is {self.version}, not {_VERSION}"),
            (self.free.pad in _PAGE_SIZES, f"its page size is {self.free.pad}"),
            (self.free.flags & ~_NO_SUBDIRECTORY == _INTEGER_KEYS, "the flags of the free list are others"),
            (self.main.flags == self.main.pad == 0, "the flags of the main table are not 0"),
            (self.txn < _MAX_TXN, f"TxnId {self.txn} is too large"),
            (not self.txn or self.txn % 2 == self.place, f"TxnId {self.txn} belongs to the other"),
            (self.last >= FIRST_PAGE - 1, f"its last page is {self.last}"),
            ((self.last + 1) * self.free.pad <= self.map_bytes, f"page {self.last} is outside its map"),
            (self.map_bytes <= _MAX_MAP_BYTES, f"its map of {self.map_bytes} bytes is too large"),
        )
        for holds, what in laws:
            if not holds:
                raise Damage(f"meta page {self.place}: {what}")


def _both(file: int) -> tuple[Meta, Meta]:
    """The two metas, as they were at one moment: other processes may be committing."""
    earlier = None
    for _ in range(_READ_AGAIN):
        start = os.pread(file, _BYTES, 0)
        if len(start) < _BYTES:
            raise Damage("the file is too short for an LMDB file")
        first = Meta.of(0, start)
        first.check()
        second = os.pread(file, _BYTES, first.free.pad)
        if len(second) < _BYTES:
            raise Damage("the file ends within its meta pages")
        if earlier == (start, second):
            break
        earlier = (start, second)
    return first, Meta.of(1, second)


def newest_meta(file: int) -> Meta:
    """The meta of the last transaction; both must be sound, and LMDB sure to pick this one, else `Damage`. Their TxnIds
    are neighbours; in a new file both are 0, and the first counts."""
    first, second = _both(file)
    second.check()
    newest, older = (second, first) if first.txn < second.txn else (first, second)
    if newest.txn and newest.txn != older.txn + 1:
        raise Damage(f"the meta pages are of TxnIds {older.txn} and {newest.txn}, which are no neighbours")
    if newest.free.pad != older.free.pad:
        raise Damage("the meta pages differ in the page size")
    if newest.last < older.last:
        raise Damage(f"the last page went back from {older.last} to {newest.last}")
    return newest


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The file, to be read."""
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def check_metas(path: Path) -> list[str]:
    """The findings in the meta pages of an LMDB data file, at most one; constant time. Without any, LMDB can open the
    file and begin a transaction: that touches no other page. Raises `OSError`."""
    with opened(path) as file:
        try:
            newest_meta(file)
        except Damage as damage:
            return [str(damage)]
    return []
