"""Plain LMDB files suffer edits: either `check_pages` finds it, or LMDB reads and writes the file as if it were whole.

    python plain.py FOLDER              makes the files FOLDER/0, FOLDER/1 ...
    python plain.py FOLDER FIRST LAST   tries the edits FIRST to LAST - 1 on copies of them

Works as `trial` does. The ends: `found`; `sound` (LMDB read all and wrote much, and the file is sound after it);
`table missing` (another page with a main table on it took the place of the newest); UNSOUND.
"""

import json
import resource
import shutil
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

import lmdb
from edits import RAW, File

from itonami.graphstore.pages import check_pages

MAX_DATA_BYTES = 4 << 30
PATIENCE_SECONDS = 60
FILES = 3
TABLES = [b"t%d" % n for n in range(5)]
OPENED: dict[str, Any] = {"max_dbs": len(TABLES), "map_size": 1 << 28, "sync": False, "lock": False}


def make(path: Path, seed: int) -> None:
    """A file with short and long keys, branches, values on overflow pages, and free pages."""
    random = Random(seed)
    path.mkdir(parents=True)
    with lmdb.open(str(path), **OPENED) as env:
        tables = [env.open_db(name) for name in TABLES]
        for turn in range(12):
            with env.begin(write=True) as txn:
                for n in range(60):
                    txn.put(
                        b"%08d" % random.randrange(3_000),
                        random.randbytes(random.randint(0, 150)),
                        db=tables[0],
                    )
                    txn.put((turn * 60 + n).to_bytes(8, "big"), bytes(random.randint(0, 300)), db=tables[1])
                    txn.put(random.randbytes(random.choice([1, 20, 300, 511])), bytes(n), db=tables[2])
                for _ in range(2):
                    txn.put(b"%d" % random.randrange(12), bytes(random.randint(2_000, 20_000)), db=tables[3])
                for table in (tables[0], tables[2]):
                    cursor = txn.cursor(db=table)
                    for _ in range(40 if turn % 3 == 2 else 0):
                        if cursor.set_range(b"%d" % random.randrange(10)):
                            cursor.delete()


def read(env: lmdb.Environment, tables: list[Any]) -> None:
    with env.begin() as txn:
        for table in tables:
            cursor = txn.cursor(db=table)
            forward = [key for key, _ in cursor]
            assert [key for key, _ in cursor.iterprev()] == forward[::-1]
            assert all(txn.get(key, db=table) is not None and cursor.set_range(key) for key in forward)


def write(env: lmdb.Environment, tables: list[Any], random: Random) -> None:
    for turn in range(5):
        with env.begin(write=True) as txn:
            for _ in range(80):
                table = random.choice(tables)
                if random.random() < 0.5:
                    key = random.randbytes(random.choice([1, 8, 60, 511]))
                    txn.put(key, random.randbytes(random.choice([0, 10, 500, 5_000])), db=table)
                    continue
                cursor = txn.cursor(db=table)
                if cursor.set_range(random.randbytes(1)) or cursor.first():
                    if random.random() < 0.2:
                        cursor.put(bytes(cursor.key()), random.randbytes(random.randrange(300)))
                    else:
                        cursor.delete()
            if turn == 3:
                txn.drop(random.choice(tables), delete=False)


def used(path: Path, random: Random) -> tuple[str, str]:
    """Have LMDB read all of the file and write much to it."""
    try:
        with lmdb.open(str(path), **OPENED) as env:
            try:
                tables = [env.open_db(name, create=False) for name in TABLES]
            except lmdb.NotFoundError:
                return "table missing", ""
            read(env, tables)
            write(env, tables, random)
    except (lmdb.Error, AssertionError) as error:
        return "UNSOUND", repr(error)
    findings = check_pages(path / "data.mdb")
    return ("UNSOUND", findings[0]) if findings else ("sound", "")


def trial(folder: Path, seed: int) -> dict[str, Any]:
    random, copy = Random(seed), folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copyfile(folder / str(seed % FILES) / "data.mdb", copy / "data.mdb")
    file, done = File(copy / "data.mdb"), []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        try:
            done.append(random.choice(RAW)(random, file))
        except (IndexError, ValueError):  # what it would edit is not there, since an edit before destroyed it
            done.append("nothing")
    file.save()
    result = {"seed": seed, "edit": "; ".join(done), "leaks": []}
    print(json.dumps(result), flush=True)
    findings = check_pages(copy / "data.mdb")
    end, what = ("found", findings[0]) if findings else used(copy, random)
    return result | {"end": end, "what": what}


def main(folder: Path, first: int, last: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for seed in range(first, last):
        signal.alarm(PATIENCE_SECONDS)
        result = trial(folder, seed)
        signal.alarm(0)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    if sys.argv[2:]:
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    else:
        for n in range(FILES):
            make(Path(sys.argv[1]) / str(n), n)
