"""Edits of a store's data file, random by seed: damage as disks do it, and forgery as people do.

`RAW` are edits of the bytes, which know the pages' layout (mdb.c, struct MDB_page, MDB_node, MDB_meta); `FORGED` are
edits through LMDB itself, after which the file is in order and only what it says is wrong. Each tells what it did.
"""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import cbor2
import lmdb

PAGE = 4096
BRANCH, LEAF, OVERFLOW = 1, 2, 4
META_FIELDS = {
    "number": (0, 8), "flags": (10, 2), "magic": (16, 4), "version": (20, 4), "map": (32, 8), "last": (136, 8),
    "txn": (144, 8), "psize": (40, 4), "free flags": (44, 2), "free depth": (46, 2), "free branches": (48, 8),
    "free leaves": (56, 8), "free overflow": (64, 8), "free entries": (72, 8), "free root": (80, 8),
    "main pad": (88, 4), "main flags": (92, 2), "main depth": (94, 2), "main branches": (96, 8),
    "main leaves": (104, 8), "main overflow": (112, 8), "main entries": (120, 8), "main root": (128, 8),
}  # fmt: skip
HEAD_FIELDS = {
    "number": (0, 8),
    "pad": (8, 2),
    "flags": (10, 2),
    "lower": (12, 2),
    "upper": (14, 2),
    "pages": (12, 4),
}
NODE_FIELDS = {
    "low": (0, 2),
    "high": (2, 2),
    "flags": (4, 2),
    "key size": (6, 2),
    "word": (0, 4),
    "child": (0, 6),
}
TREE_FIELDS = {
    "pad": (0, 4), "flags": (4, 2), "depth": (6, 2), "branches": (8, 8), "leaves": (16, 8), "overflow": (24, 8),
    "entries": (32, 8), "root": (40, 8),
}  # fmt: skip


class File:
    """The bytes of a data file, and where its pages and nodes are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = bytearray(path.read_bytes())

    def save(self) -> None:
        self.path.write_bytes(self.data)

    @property
    def pages(self) -> int:
        return len(self.data) // PAGE

    def get(self, at: int, size: int) -> int:
        return int.from_bytes(self.data[at : at + size], "little")

    def set(self, at: int, size: int, value: int) -> None:
        self.data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")

    def used(self, *kinds: int) -> list[int]:
        """The pages whose header says they are of these kinds, old ones included."""
        return [
            p
            for p in range(2, self.pages)
            if self.get(p * PAGE, 8) == p and self.get(p * PAGE + 10, 2) in kinds
        ]

    def pointers(self, page: int) -> list[int]:
        count = (self.get(page * PAGE + 12, 2) - 16) // 2
        return [page * PAGE + 16 + 2 * n for n in range(max(0, min(count, 2040)))]

    def nodes(self, page: int) -> list[int]:
        found = (page * PAGE + self.get(pointer, 2) for pointer in self.pointers(page))
        return [at for at in found if at + 8 <= (page + 1) * PAGE]

    def newest(self) -> int:
        return 0 if self.get(144, 8) > self.get(PAGE + 144, 8) else PAGE

    def leaves_of(self, root: int) -> Iterator[int]:
        stack = [root]
        while stack:
            page = stack.pop()
            if page < self.pages:
                if self.get(page * PAGE + 10, 2) == BRANCH:
                    stack += [self.get(at, 6) for at in self.nodes(page)]
                else:
                    yield page

    def free_leaves(self) -> list[int]:
        return list(self.leaves_of(self.get(self.newest() + 80, 8)))

    def tables(self) -> list[int]:
        """Where the MDB_db records of the tables are."""
        leaves = self.leaves_of(self.get(self.newest() + 128, 8))
        return [at + 8 + self.get(at + 6, 2) for page in leaves for at in self.nodes(page)]

    def root(self, table: int) -> int:
        return self.get(self.tables()[table] + 40, 8)


def odd(random: Random, file: File, old: int, size: int) -> int:
    """A value to put in place of another: one that is near, one at a limit, a page, any."""
    return random.choice(
        [
            old + random.choice([-8, -2, -1, 1, 2, 8]),
            old ^ 1 << random.randrange(8 * size),
            random.choice([0, 1, 2, 3, 15, 16, 17, 255, 511, 512, 4094, 4095, 4096, 4097, 0x7FFF, 0xFFFF]),
            (1 << random.choice([15, 16, 31, 32, 47, 48, 62, 63, 64])) - random.choice([0, 1]),
            random.randrange(file.pages + 2),
            random.randrange(1 << 8 * size),
        ]
    )  # fmt: skip


def change(random: Random, file: File, at: int, fields: dict[str, tuple[int, int]], place: str) -> str:
    name, (offset, size) = random.choice(list(fields.items()))
    old = file.get(at + offset, size)
    file.set(at + offset, size, odd(random, file, old, size))
    return f"{place}: {name} {old} -> {file.get(at + offset, size)}"


def flip(random: Random, file: File) -> str:
    places = [random.randrange(len(file.data)) for _ in range(random.choice([1, 1, 1, 2, 8]))]
    for at in places:
        file.data[at] ^= 1 << random.randrange(8)
    return f"bits flipped at {places}"


def byte(random: Random, file: File) -> str:
    page = random.choice(file.used(BRANCH, LEAF, OVERFLOW))
    at = page * PAGE + random.choice([random.randrange(64), random.randrange(PAGE)])
    file.data[at] = random.randrange(256)
    return f"page {page}: byte {at % PAGE} set"


def meta(random: Random, file: File) -> str:
    place = random.randrange(2)
    return change(random, file, place * PAGE, META_FIELDS, f"meta {place}")


def head(random: Random, file: File) -> str:
    page = random.choice(file.used(BRANCH, LEAF, OVERFLOW))
    return change(random, file, page * PAGE, HEAD_FIELDS, f"page {page}")


def node(random: Random, file: File) -> str:
    page = random.choice(file.used(BRANCH, LEAF))
    return change(random, file, random.choice(file.nodes(page)), NODE_FIELDS, f"node of page {page}")


def branch(random: Random, file: File) -> str:
    pages = file.used(BRANCH)
    if not pages:
        return head(random, file)
    page = random.choice(pages)
    return change(random, file, random.choice(file.nodes(page)), NODE_FIELDS, f"child of page {page}")


def pointer(random: Random, file: File) -> str:
    page = random.choice(file.used(BRANCH, LEAF))
    at = random.choice(file.pointers(page))
    old = file.get(at, 2)
    others = [file.get(other, 2) for other in file.pointers(page)]
    file.set(at, 2, random.choice([odd(random, file, old, 2), random.choice(others), random.randrange(PAGE)]))
    return f"page {page}: pointer {old} -> {file.get(at, 2)}"


def swapped_pointers(random: Random, file: File) -> str:
    page = random.choice(file.used(BRANCH, LEAF))
    a, b = (random.choice(file.pointers(page)) for _ in range(2))
    left, right = file.get(a, 2), file.get(b, 2)
    file.set(a, 2, right), file.set(b, 2, left)
    return f"page {page}: pointers {left} and {right} swapped"


def fewer_nodes(random: Random, file: File) -> str:
    page = random.choice(file.used(BRANCH, LEAF))
    lower = file.get(page * PAGE + 12, 2)
    file.set(page * PAGE + 12, 2, lower - 2 * random.randint(1, 3))
    if random.random() < 0.5:
        file.set(page * PAGE + 14, 2, min((at % PAGE for at in file.nodes(page)), default=PAGE))
    return f"page {page}: nodes cut off"


def value(random: Random, file: File) -> str:
    """Bytes after a node's header: a key, a value, the number of an overflow page, a table's record."""
    page = random.choice(file.used(LEAF))
    at = random.choice(file.nodes(page)) + 8
    at += random.randrange(max(1, min(file.get(at - 2, 2) + 60, 600)))
    if at < len(file.data):
        file.data[at] ^= 1 << random.randrange(8)
    return f"page {page}: bit flipped at {at % PAGE}, in a key or value"


def table(random: Random, file: File) -> str:
    return change(random, file, random.choice(file.tables()), TREE_FIELDS, "record of a table")


def roots(random: Random, file: File) -> str:
    a, b = random.sample(file.tables(), 2)
    whole = random.random() < 0.7
    left, right = (slice(at + (0 if whole else 40), at + 48) for at in (a, b))
    file.data[left], file.data[right] = file.data[right], file.data[left]
    return f"{'records' if whole else 'roots'} of two tables swapped"


def free(random: Random, file: File) -> str:
    """A number in the free list: a key, a count, a page."""
    pages = file.free_leaves()
    if not pages or not file.nodes(pages[0]):
        return meta(random, file)
    page = random.choice(pages)
    at = random.choice(file.nodes(page))
    word = at + 8 + 8 * random.randrange(1 + min(file.get(at, 4) // 8, 60))
    old = file.get(word, 8)
    file.set(word, 8, odd(random, file, old, 8))
    return f"free list, page {page}: {old} -> {file.get(word, 8)}"


def swapped_pages(random: Random, file: File) -> str:
    a, b = random.randrange(file.pages), random.randrange(file.pages)
    one, two = slice(a * PAGE, a * PAGE + PAGE), slice(b * PAGE, b * PAGE + PAGE)
    file.data[one], file.data[two] = file.data[two], file.data[one]
    if fixed := random.random() < 0.7:
        file.set(a * PAGE, 8, a), file.set(b * PAGE, 8, b)
    return f"pages {a} and {b} swapped{', numbers mended' if fixed else ''}"


def copied_page(random: Random, file: File) -> str:
    a, b = random.randrange(file.pages), random.randrange(file.pages)
    file.data[b * PAGE : b * PAGE + PAGE] = file.data[a * PAGE : a * PAGE + PAGE]
    if fixed := random.random() < 0.7:
        file.set(b * PAGE, 8, b)
    return f"page {a} copied over {b}{', number mended' if fixed else ''}"


def sector(random: Random, file: File) -> str:
    size = random.choice([64, 512, 4096, 8192])
    at = random.randrange(len(file.data) // size) * size
    source = random.randrange(len(file.data) // size) * size
    other = file.data[source : source + size]
    filling = random.choice([bytes(size), b"\xff" * size, random.randbytes(size), other])
    file.data[at : at + size] = filling
    return f"{size} bytes overwritten at {at}"


def cut(random: Random, file: File) -> str:
    size = random.choice([random.randrange(len(file.data)), random.randrange(file.pages) * PAGE])
    del file.data[size:]
    return f"cut to {size} bytes"


def longer(random: Random, file: File) -> str:
    size = random.choice([1, 100, PAGE, 10 * PAGE])
    file.data += random.randbytes(size)
    return f"{size} bytes longer"


RAW: tuple[Callable[[Random, File], str], ...] = (
    flip, byte, meta, head, node, branch, pointer, swapped_pointers, fewer_nodes, value, table, roots, free,
    swapped_pages, copied_page, sector, cut, longer,
)  # fmt: skip


# -- forgery ---------------------------------------------------------------------------------------------------


def altered(random: Random, data: bytes) -> bytes:
    """The bytes with one changed, cut, or longer; or, where they are CBOR or JSON, with one item changed."""
    kind = random.randrange(4)
    if kind == 0 and data:
        at = random.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[: random.randrange(len(data) + 1)]
    if kind == 2:
        return data + random.randbytes(random.choice([1, 8, 100, 3000]))
    for load, dump in ((cbor2.loads, lambda item: cbor2.dumps(item, canonical=True)), (json.loads, to_json)):
        try:
            return dump(other(random, load(data)))
        except (ValueError, TypeError, OverflowError, RecursionError, cbor2.CBORDecodeError):
            continue
    return other(random, data)


def to_json(item: object) -> bytes:
    return json.dumps(item).encode()


def other(random: Random, item: object) -> object:
    """The item with something in it changed."""
    match item:
        case bool():
            return not item
        case int():
            return random.choice([item + 1, item - 1, -item, item ^ 1 << random.randrange(40), 1 << 70])
        case float():
            return random.choice([-item, item + 1, 1e300])
        case str():
            return random.choice(["", item + "x", item[1:], item.swapcase(), "@graph"])
        case bytes() if len(item) == 8:
            return random.choice(
                [struct.pack(">Q", (struct.unpack(">Q", item)[0] + 1) % (1 << 64)), bytes(8), item[:7]]
            )
        case bytes():
            if item and random.random() < 0.5:
                try:
                    return cbor2.dumps(other(random, cbor2.loads(item)), canonical=True)
                except (ValueError, TypeError, OverflowError, RecursionError, cbor2.CBORDecodeError):
                    pass
            if not item or random.random() < 0.3:
                return item + b"x"
            at = random.randrange(len(item))
            return item[:at] + bytes([item[at] ^ 1 << random.randrange(8)]) + item[at + 1 :]
        case list() if item:
            at, new = random.randrange(len(item)), list(item)
            kind = random.randrange(6)
            if kind == 0:
                del new[at]
            elif kind == 1:
                new.append(new[at])
            elif kind == 2:
                random.shuffle(new)
            else:
                new[at] = other(random, new[at])
            return new
        case dict() if item:
            key, new = random.choice(list(item)), dict(item)
            kind = random.randrange(4)
            if kind == 0:
                del new[key]
            elif kind == 1:
                new[other(random, key)] = new.pop(key)
            else:
                new[key] = other(random, new[key])
            return new
        case cbor2.CBORTag():
            return cbor2.CBORTag(item.tag, other(random, item.value))
    return random.choice([None, 0, [], {}, "x", b"", [None], True])


Table = tuple[lmdb.Transaction, object, list[tuple[bytes, bytes]]]


def forged_value(random: Random, table: Table) -> str:
    txn, db, rows = table
    key, old = random.choice(rows)
    txn.put(key, altered(random, old), db=db)
    return f"value of {key.hex()} altered"


def forged_key(random: Random, table: Table) -> str:
    txn, db, rows = table
    key, old = random.choice(rows)
    new = altered(random, key)[:511] or b"\0"
    txn.put(new, old, db=db)
    if moved := random.random() < 0.5:
        txn.delete(key, db=db)
    return f"{key.hex()} {'moved' if moved else 'copied'} to {new.hex()}"


def deleted(random: Random, table: Table) -> str:
    txn, db, rows = table
    gone = random.sample(rows, min(len(rows), random.choice([1, 1, 2, 5])))
    for key, _ in gone:
        txn.delete(key, db=db)
    return f"{[key.hex() for key, _ in gone]} deleted"


def last_deleted(random: Random, table: Table) -> str:
    txn, db, rows = table
    txn.delete(rows[-1][0], db=db)
    return f"the last, {rows[-1][0].hex()}, deleted"


def swapped_values(random: Random, table: Table) -> str:
    txn, db, rows = table
    (a, left), (b, right) = (random.choice(rows) for _ in range(2))
    txn.put(a, right, db=db), txn.put(b, left, db=db)
    return f"values of {a.hex()} and {b.hex()} swapped"


def copied_value(random: Random, table: Table) -> str:
    txn, db, rows = table
    (a, left), (b, _) = (random.choice(rows) for _ in range(2))
    txn.put(b, left, db=db)
    return f"value of {a.hex()} copied to {b.hex()}"


def emptied(random: Random, table: Table) -> str:
    txn, db, _ = table
    txn.drop(db, delete=random.random() < 0.3)
    return "emptied, or removed"


def inserted(random: Random, table: Table) -> str:
    txn, db, rows = table
    key = random.choice([random.randbytes(random.choice([1, 8, 16, 40])), random.choice(rows)[0] + b"\0"])
    txn.put(key, random.choice([b"", b"\0", random.randbytes(8), random.choice(rows)[1]]), db=db)
    return f"{key.hex()} inserted"


FORGED: tuple[Callable[[Random, Table], str], ...] = (
    forged_value, forged_value, forged_value, forged_key, deleted, last_deleted, swapped_values, copied_value, emptied,
    inserted,
)  # fmt: skip


def forge(random: Random, path: Path) -> str:
    with lmdb.open(str(path), max_dbs=64, map_size=1 << 28, lock=False) as env:
        with env.begin() as txn:
            names = [bytes(name) for name, _ in txn.cursor()]
        handles = {name: env.open_db(name, create=False) for name in names}
        with env.begin(write=True) as txn:
            tables = {
                name: [(bytes(k), bytes(v)) for k, v in txn.cursor(db=db)] for name, db in handles.items()
            }
            name = random.choice([name for name in names if tables[name]])
            done = random.choice(FORGED)(random, (txn, handles[name], tables[name]))
    return f"table {name.decode()}: {done}"


def edit(seed: int, path: Path) -> str:
    """Edit the data file in the directory `path`; what was done."""
    random = Random(seed)
    if random.random() < 0.3:
        return forge(random, path)
    file = File(path / "data.mdb")
    done: list[str] = []
    for _ in range(random.choice([1, 1, 1, 1, 2, 3])):
        try:
            done.append(random.choice(RAW)(random, file))
        except (IndexError, ValueError):  # what it would edit is not there, since an edit before destroyed it
            done.append("nothing")
    file.save()
    return "; ".join(done)
