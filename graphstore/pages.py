"""The shape of an LMDB data file, proved before LMDB trusts it.

LMDB follows page numbers, offsets and sizes wherever they point: on a damaged file it reads outside its map, or
aborts, and Python dies with it. Here the file is read as bytes, and everything LMDB relies on is checked:

    meta -> free list -> branch -> leaf: TxnId -> numbers of pages that may be used again
         -> main      -> branch -> leaf: name  -> MDB_db -> branch -> leaf: key -> value, or -> overflow pages

The law (mdb.c 0.9, struct MDB_page): each page is reached once, or stands in the free list once. A tree has one depth,
its keys ascend; the nodes of a page tile it from `upper` to its end. What we do not use (duplicates, integer keys) is
refused. A healthy file has no finding, however it came about. What values mean is the business of `verify`; nothing of
stores may live here, nor any call of LMDB.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from operator import lt
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from itonami.graphstore.metas import FIRST_PAGE, HEAD, TREE, Damage, Meta, Tree, newest_meta, opened

__all__ = ["check_pages"]

_MAX_KEY = 511  # MDB_MAXKEYSIZE
_NO_PAGE = (1 << 64) - 1  # P_INVALID: the root of an empty tree
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4  # P_*: of these a page has exactly one
_PLAIN, _BIG, _TABLE = 0, 1, 2  # F_BIGDATA: the value is a page number; F_SUBDATA: it is an MDB_db
_RUN = Struct("=QHHI")  # MDB_page of an overflow page: its number, pad, flags, how many pages
_NODE = Struct("=IHH")  # MDB_node: data size or child page, flags or child page >> 32, key size
_NUMBER = Struct("=Q")
_node = _NODE.unpack_from
_PROGRESS_PAGES = 4_096

Progress = Callable[[int, int], None]


class _Enough(Exception):
    """There are as many findings as were asked for."""


@cache
def _shorts(count: int) -> Struct:
    return Struct(f"={count}H")


class _Page(NamedTuple):
    """A branch or leaf; the pointers to its nodes are in order of keys."""

    data: bytes
    flags: int
    upper: int
    pointers: tuple[int, ...]

    @classmethod
    def of(cls, number: int, data: bytes) -> _Page:
        own, _, flags, lower, upper = HEAD.unpack_from(data)
        if own != number:
            raise Damage(f"its header says it is page {own}")
        if flags not in (_LEAF, _BRANCH):
            raise Damage(f"its flags are {flags:#x}")
        if lower & 1 or upper & 1 or not HEAD.size < lower <= upper < len(data):
            raise Damage(f"its free space is from {lower} to {upper}")
        return cls(data, flags, upper, _shorts((lower - HEAD.size) >> 1).unpack_from(data, HEAD.size))

    def check_tiling(self, ends: list[int]) -> None:
        """The nodes tile the page from `upper` to its end: they start where others end. As each ends after its start,
        the last can only end at the page's end, the one before it where the last starts, and so on."""
        starts = set(self.pointers)
        if len(starts) < len(ends) or starts.symmetric_difference(ends) != {self.upper, len(self.data)}:
            raise Damage("its nodes overlap, leave gaps or end outside it")

    def nodes(self) -> Iterator[tuple[bytes, int, int, int]]:
        """Of each node its key, the place of what follows the key, its first word (data size, or low half of a child's
        number), and its flags (or the high half)."""
        for at in self.pointers:
            word, flags, key_bytes = _node(self.data, at)
            value = at + _NODE.size + key_bytes
            yield self.data[at + _NODE.size : value], value, word, flags


@dataclass(slots=True)
class _Count:
    """What was met in a tree."""

    branches: int = 0
    leaves: int = 0
    overflow: int = 0
    entries: int = 0

    def of(self, tree: Tree) -> Tree:
        """The tree's record as it should be."""
        counts = (self.branches, self.leaves, self.overflow, self.entries)
        return Tree(tree.pad, tree.flags, tree.depth if self.leaves else 0, *counts, tree.root)


@dataclass(slots=True)
class _Walk:
    """One pass over the trees of a snapshot."""

    file: int
    meta: Meta
    limit: int
    progress: Progress | None
    size: int = 0
    in_file: int = 0
    node_max: int = 0
    reached: int = 0
    taken: bytearray = field(default_factory=bytearray)
    beyond: set[int] = field(default_factory=set)
    tables: list[tuple[str, Tree]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = self.meta.free.pad
        self.in_file = min(os.fstat(self.file).st_size // self.size, self.meta.last + 1)
        self.node_max = ((self.size - HEAD.size) // 2 & -2) - 2  # me_nodemax; more stands on pages of its own
        self.taken = bytearray(self.in_file)

    def run(self) -> None:
        """All trees, then the account of the pages: the file may end early, but only within free ones."""
        try:
            self.tree("the free list", self.meta.free)
            self.tree("the main table", self.meta.main)
            for name, tree in self.tables:
                self.tree(name, tree)
            lost = self.meta.last + 1 - FIRST_PAGE - self.reached - len(self.beyond)
            if lost and not self.findings:
                self.find(f"{lost} of the pages up to {self.meta.last} are neither reached nor free")
        except _Enough:
            return

    def find(self, what: str) -> None:
        self.findings.append(what)
        if len(self.findings) >= self.limit:
            raise _Enough

    def take(self, first: int, count: int = 1) -> None:
        """Note that pages are reached, or free; either only once."""
        after = first + count
        if first < FIRST_PAGE or after > self.in_file:
            raise Damage(f"page {after - 1} is not in the file")
        if any(self.taken[first:after]):
            raise Damage(f"page {first} is reached twice, or is also free")
        self.taken[first:after] = b"\1" * count
        before, self.reached = self.reached, self.reached + count
        if self.progress is not None and before // _PROGRESS_PAGES != self.reached // _PROGRESS_PAGES:
            self.progress(self.reached, self.in_file)

    # -- trees ---------------------------------------------------------------------------------------------

    def tree(self, name: str, tree: Tree) -> None:
        """A tree, page by page, in order of keys. The stack holds pages with their depth and the bounds of their keys,
        `low` included, `high` not: at most the children of one branch a level."""
        before = len(self.findings)
        count = _Count()
        pages: list[tuple[int, int, bytes, bytes | None]] = []
        if tree.root != _NO_PAGE:
            pages.append((tree.root, 1, b"", None))
        while pages:
            number, depth, low, high = pages.pop()
            try:
                self.take(number)
                page = _Page.of(number, os.pread(self.file, self.size, number * self.size))
                if page.flags == _BRANCH:
                    children = self.branch(page, tree, low, high)
                    pages += [(child, depth + 1, at, until) for child, at, until in children]
                    count.branches += 1
                elif depth == tree.depth:
                    self.leaf(page, tree, low, high, count)
                else:
                    raise Damage(f"it is a leaf at depth {depth}, the tree has depth {tree.depth}")
            except (Damage, StructError) as damage:  # what starts outside its page cannot be unpacked
                self.find(f"{name}, page {number}: {damage}")
        due = count.of(tree)
        if tree != due and len(self.findings) == before:
            self.find(f"{name}: its record {tuple(tree)} does not fit its pages, {tuple(due)}")

    def branch(
        self, page: _Page, tree: Tree, low: bytes, high: bytes | None
    ) -> Iterator[tuple[int, bytes, bytes | None]]:
        """The children of a branch with the bounds of their keys, last first. The first node's key means nothing."""
        keys, ends, words, high_words = zip(*page.nodes(), strict=True)
        if len(keys) < 2:
            raise Damage("it is a branch with one child")
        page.check_tiling([end + 1 & -2 for end in ends])
        if max(map(len, keys)) > _MAX_KEY:
            raise Damage("it has a key that is too long")
        ordered = self.ordered([low, *self.comparable(tree, list(keys[1:]))], low, high)
        children = [word | high_word << 32 for word, high_word in zip(words, high_words, strict=True)]
        return zip(reversed(children), reversed(ordered), [high, *reversed(ordered[1:])], strict=True)

    def leaf(self, page: _Page, tree: Tree, low: bytes, high: bytes | None, count: _Count) -> None:
        """A leaf, and what stands outside it. Nearly all time goes here: 0.7 us a node."""
        data, node_max, outside = page.data, self.node_max, False
        keys, ends = [], []
        for at in page.pointers:
            size, flags, key_bytes = _node(data, at)
            if flags:
                outside = True
                size = _NUMBER.size if flags == _BIG else size
            value = at + 8 + key_bytes
            end = value + size + 1 & -2
            if end - at > node_max or key_bytes > _MAX_KEY:
                raise Damage(f"it has a node of {end - at} bytes, with a key of {key_bytes}")
            keys.append(data[at + 8 : value])
            ends.append(end)
        page.check_tiling(ends)
        if not self.ordered(self.comparable(tree, keys), low, high)[0]:
            raise Damage("it has an empty key")
        if tree is self.meta.free:
            self.free_records(page, count)
        elif outside:
            self.outside(page, tree, count)
        count.leaves += 1
        count.entries += len(keys)

    def comparable(self, tree: Tree, keys: list[bytes]) -> list[bytes]:
        """The keys such that bytes compare as LMDB does: by memcmp, then length; in the free list as numbers."""
        if tree is not self.meta.free:
            return keys
        if any(len(key) != _NUMBER.size for key in keys):
            raise Damage("it has a TxnId of another size")
        return [key[::-1] for key in keys] if sys.byteorder == "little" else keys

    def ordered(self, keys: list[bytes], low: bytes, high: bytes | None) -> list[bytes]:
        if keys[0] < low or not all(map(lt, keys, keys[1:])) or (high is not None and keys[-1] >= high):
            raise Damage("its keys are not in order")
        return keys

    # -- what leaves point to ------------------------------------------------------------------------------

    def outside(self, page: _Page, tree: Tree, count: _Count) -> None:
        """Values on pages of their own, and the tables that the main table names."""
        for key, at, size, flags in page.nodes():
            if flags == _BIG:
                count.overflow += self.run_of(page, at, size)[1]
            elif flags == _TABLE and tree is self.meta.main and size == TREE.size:
                table = Tree(*TREE.unpack_from(page.data, at))
                if table.flags or table.pad:
                    raise Damage(f"the table {key!r} has flags {table.flags:#x}")
                self.tables.append((f"the table {key.decode(errors='replace')!r}", table))
            elif flags != _PLAIN:
                raise Damage(f"it has a node with flags {flags:#x}")

    def run_of(self, page: _Page, at: int, data_bytes: int) -> tuple[int, int]:
        """The first page and the number of pages of a value that stands on its own. These may be more than it needs:
        LMDB puts a smaller value over a larger one of the same transaction."""
        (first,) = _NUMBER.unpack_from(page.data, at)
        if not FIRST_PAGE <= first < self.in_file:
            raise Damage(f"page {first} is not in the file")
        number, _, flags, count = _RUN.unpack(os.pread(self.file, _RUN.size, first * self.size))
        if number != first or flags != _OVERFLOW:
            raise Damage(f"page {first} has not the header of an overflow page")
        if count * self.size < HEAD.size + data_bytes:
            raise Damage(f"a value of {data_bytes} bytes has {count} pages from page {first} on")
        self.take(first, count)
        return first, count

    def free_records(self, page: _Page, count: _Count) -> None:
        """The records of a leaf of the free list."""
        for key, at, size, flags in page.nodes():
            value = page.data[at : at + size]
            if flags == _BIG:
                first, pages = self.run_of(page, at, size)
                count.overflow += pages
                value = os.pread(self.file, size, first * self.size + HEAD.size)
            elif flags != _PLAIN:
                raise Damage(f"it has a node with flags {flags:#x}")
            self.free(int.from_bytes(key, sys.byteorder), value)

    def free(self, txn: int, value: bytes) -> None:
        """A record of the free list: a count, then so many page numbers, descending. LMDB reserves records before it
        fills them; one that stays empty has count 0 and any size."""
        if not 0 < txn <= self.meta.txn:
            raise Damage(f"it has a record of TxnId {txn}")
        if not value or len(value) % _NUMBER.size:
            raise Damage(f"the record of TxnId {txn} has {len(value)} bytes")
        count, *pages = (number for (number,) in _NUMBER.iter_unpack(value))
        if count not in (0, len(pages)):
            raise Damage(f"the record of TxnId {txn} has {len(pages)} pages, not {count}")
        pages = pages[:count]
        if not all(map(lt, pages[1:], pages)) or (pages and pages[0] > self.meta.last):
            raise Damage(f"the pages in the record of TxnId {txn} are not in order")
        for page in pages:
            if page < self.in_file:
                self.take(page)
            elif page in self.beyond:
                raise Damage(f"page {page} is free twice")
            else:
                self.beyond.add(page)


def check_pages(path: Path, limit_findings: int = 20, progress: Progress | None = None) -> list[str]:
    """The findings in an LMDB data file, as sentences; without any, LMDB can read and write all of it. Reads the newest
    snapshot: where others may commit meanwhile, call it inside a read transaction begun after `check_metas`, since that
    keeps the snapshot's pages. `progress(done, total)` is told of pages. Raises `OSError`. O(pages) time, one byte of
    memory a page."""
    with opened(path) as file:
        try:
            walk = _Walk(file, newest_meta(file), limit_findings, progress)
        except Damage as damage:
            return [str(damage)]
        walk.run()
    return walk.findings
