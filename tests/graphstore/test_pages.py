"""Laws of the structure check: a healthy LMDB file has no finding, however it came about; an edited one has, or LMDB
can read and write it as if it were whole."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "tamper"))

from children import tried
from edits import PAGE, File

from itonami.graphstore.metas import check_metas
from itonami.graphstore.pages import check_pages

PLAIN = Path(__file__).parent / "tamper" / "plain.py"

numbers = st.integers(0, 400)
puts = st.tuples(
    st.just("put"),
    st.integers(0, 2),
    numbers,
    st.sampled_from([1, 9, 120, 511]),
    st.sampled_from([0, 7, 90, 900, 3_000, 9_000]),
)
runs = st.tuples(
    st.just("run"), st.integers(0, 2), numbers, st.integers(1, 300), st.sampled_from([0, 60, 2_000])
)
deletes = st.tuples(st.just("delete"), st.integers(0, 2), numbers, st.integers(1, 200))
others = st.sampled_from(
    [("drop", 0), ("drop", 1), ("remove", 2), ("abort",), ("commit",), ("commit",), ("read",), ("unread",)]
)
steps = st.lists(puts | runs | deletes | others, max_size=60)


class Writer:
    """Takes steps in an environment of three tables, several to a transaction, at times under an open reader."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = lmdb.open(str(path), max_dbs=3, map_size=1 << 28, sync=False)
        self.tables = [self.env.open_db(b"t%d" % n) for n in range(3)]
        self.txn = self.env.begin(write=True)
        self.reader = None

    def step(self, kind, *arguments):
        getattr(self, kind)(*arguments)

    def put(self, table, number, key_bytes, value_bytes):
        self.txn.put(
            (b"%03d" % number).ljust(key_bytes, b".")[:key_bytes], bytes(value_bytes), db=self.tables[table]
        )

    def run(self, table, number, count, value_bytes):
        for n in range(count):
            self.txn.put((number * 1_000 + n).to_bytes(8, "big"), bytes(value_bytes), db=self.tables[table])

    def delete(self, table, number, count):
        cursor = self.txn.cursor(db=self.tables[table])
        if cursor.set_range(b"%03d" % number) or cursor.first():
            while count and cursor.delete():
                count -= 1

    def drop(self, table):
        self.txn.drop(self.tables[table], delete=False)

    def remove(self, table):
        self.txn.drop(self.tables[table], delete=True)
        self.commit()
        self.txn.abort()
        self.tables[table] = self.env.open_db(b"t%d" % table)
        self.txn = self.env.begin(write=True)

    def abort(self):
        self.txn.abort()
        self.txn = self.env.begin(write=True)

    def commit(self):
        self.txn.commit()
        assert check_metas(self.path / "data.mdb") == check_pages(self.path / "data.mdb") == []
        self.txn = self.env.begin(write=True)

    def read(self):
        self.unread()
        self.reader = self.env.begin()

    def unread(self):
        if self.reader is not None:
            self.reader.abort()
            self.reader = None

    def close(self):
        self.commit()
        self.txn.abort()
        self.unread()
        for compact in (False, True):
            copy = self.path / f"copy{compact}"
            copy.mkdir()
            self.env.copy(str(copy), compact=compact)
            assert check_pages(copy / "data.mdb") == []
        self.env.close()


@given(steps=steps)
def test_a_healthy_file_has_no_finding(tmp_path_factory, steps):
    writer = Writer(tmp_path_factory.mktemp("healthy"))
    for step in steps:
        writer.step(*step)
    writer.close()


def test_a_large_healthy_file_has_none_either(tmp_path):
    path = tmp_path / "data.mdb"
    told = []
    with lmdb.open(str(tmp_path), max_dbs=3, map_size=1 << 28, sync=False) as env:
        tables = [env.open_db(name) for name in (b"a", b"b", b"c")]
        assert check_pages(path) == []
        for turn in range(4):
            with env.begin(write=True) as txn:
                for n in range(25_000):
                    txn.put((turn * 25_000 + n).to_bytes(8, "big"), os.urandom(60 + n % 90), db=tables[0])
                for _ in range(4_000):
                    txn.put(os.urandom(24), os.urandom(40), db=tables[1])
                for _ in range(10):
                    txn.put(os.urandom(3), bytes(200_000), db=tables[2])
                cursor = txn.cursor(db=tables[1])
                for _ in range(1_000):
                    if cursor.set_range(os.urandom(2)):
                        cursor.delete()
            assert check_pages(path, progress=lambda *pages: told.append(pages)) == []
    assert told[-1][0] <= told[-1][1] == path.stat().st_size // PAGE


BUSY = """
import lmdb, os, sys
with lmdb.open(sys.argv[1], max_dbs=1, map_size=1 << 26, sync=False) as env:
    table = env.open_db(b"t")
    while os.getppid() == int(sys.argv[2]):
        with env.begin(write=True) as txn:
            for _ in range(20):
                txn.put(os.urandom(1), os.urandom(os.urandom(1)[0] * 20), db=table)
"""


def test_inside_a_read_transaction_there_is_none_while_others_commit(tmp_path):
    path = tmp_path / "data.mdb"
    with lmdb.open(str(tmp_path), max_dbs=1, map_size=1 << 26) as env:
        env.open_db(b"t")
        writer = subprocess.Popen([sys.executable, "-c", BUSY, str(tmp_path), str(os.getpid())])
        try:
            seen = set()
            while len(seen) < 30:
                assert writer.poll() is None
                assert check_metas(path) == []
                with env.begin() as txn:
                    assert check_pages(path) == []
                    seen.add(txn.id())
        finally:
            writer.kill()
            writer.wait()


@pytest.fixture
def file(tmp_path):
    """A file of two tables, the first of several pages, and a free list."""
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 24) as env:
        tables = [env.open_db(b"a"), env.open_db(b"b")]
        for turn in range(3):
            with env.begin(write=True) as txn:
                for n in range(100):
                    txn.put(b"%05d" % (n * 7 % 100), bytes(40 + turn), db=tables[0])
                txn.put(b"big", bytes(20_000), db=tables[1])
    assert check_pages(tmp_path / "data.mdb") == []
    return File(tmp_path / "data.mdb")


def dirty(file):
    file.set(file.root(0) * PAGE + 10, 2, 0x11)


def its_own_child(file):
    root = file.root(0)
    file.set(file.nodes(root)[1], 6, root)


def wild_child(file):
    file.set(file.nodes(file.root(0))[1], 6, 1 << 40)


def no_root(file):
    file.set(file.tables()[0] + 40, 8, 1)


def two_at_one_place(file):
    leaf = file.get(file.nodes(file.root(0))[0], 6)
    first, second, *_ = file.pointers(leaf)
    file.set(first, 2, file.get(second, 2))


def disorder(file):
    leaf = file.get(file.nodes(file.root(0))[0], 6)
    first, second, *_ = file.pointers(leaf)
    left, right = file.get(first, 2), file.get(second, 2)
    file.set(first, 2, right), file.set(second, 2, left)


def too_long(file):
    leaf = file.get(file.nodes(file.root(0))[0], 6)
    file.set(file.nodes(leaf)[0], 4, 1 << 30)


def short_run(file):
    (node,) = file.nodes(file.root(1))
    file.set(file.get(node + 11, 8) * PAGE + 12, 4, 2)


def free_and_used(file):
    node = file.nodes(file.free_leaves()[0])[0]
    places = range(node + 24, node + 16 + file.get(node, 4), 8)
    pages = [file.get(at, 8) for at in places]
    for at, page in zip(places, sorted([*pages[1:], file.root(0)], reverse=True), strict=True):
        file.set(at, 8, page)


def free_without_end(file):
    node = file.nodes(file.free_leaves()[0])[0]
    file.set(node + 16, 8, 1 << 60)


def of_the_future(file):
    node = file.nodes(file.free_leaves()[0])[-1]
    file.set(node + 8, 8, 1 << 40)


def other_format(file):
    file.set(20, 4, 3)


def misleading_meta(file):
    file.set(144, 8, file.get(144, 8) + 1001)


def huge_map(file):
    file.set(file.newest() + 32, 8, 1 << 62)


def pages_to_come(file):
    file.set(file.newest() + 136, 8, 3_000)


def emptied(file):
    at = file.tables()[1]
    file.data[at : at + 48] = bytes(40) + b"\xff" * 8


def cut_off(file):
    del file.data[-PAGE:]


def empty(file):
    file.data.clear()


EDITS = {
    dirty: "flags", its_own_child: "reached twice", wild_child: "not in the file", no_root: "not in the file",
    two_at_one_place: "overlap", disorder: "not in order", too_long: "node of", short_run: "has 2 pages",
    free_and_used: "reached twice", free_without_end: "record of TxnId", of_the_future: "record of TxnId",
    other_format: "format is 3", misleading_meta: "TxnId", huge_map: "too large", pages_to_come: "nor free",
    emptied: "nor free", cut_off: "not in the file", empty: "too short",
}  # fmt: skip


@pytest.mark.parametrize(("edit", "finding"), EDITS.items(), ids=lambda it: getattr(it, "__name__", ""))
def test_what_lmdb_would_stumble_over_is_found(file, edit, finding):
    edit(file)
    file.save()
    found = check_pages(file.path)
    assert any(finding in sentence for sentence in found), found


def test_there_are_as_many_findings_as_were_asked_for(file):
    for node in file.nodes(file.root(0)):
        file.set(file.get(node, 6) * PAGE + 10, 2, 0)
    file.save()
    assert len(check_pages(file.path)) > 1
    assert len(check_pages(file.path, 1)) == 1


def laws(folder: Path, first: int, count: int) -> Counter[str]:
    results = tried(PLAIN, folder, first, count)
    assert len(results) == count
    assert [result for result in results if result["end"] not in ("found", "sound", "table missing")] == []
    return Counter(result["end"] for result in results)


def test_an_edited_file_is_found_out_or_as_good_as_a_whole_one(tmp_path):
    ends = laws(tmp_path, 0, 200)
    assert min(ends["found"], ends["sound"]) > 30


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000_000, 1_050_000, 10_000))
def test_so_are_fifty_thousand_of_them(tmp_path, first):
    laws(tmp_path, first, 10_000)
