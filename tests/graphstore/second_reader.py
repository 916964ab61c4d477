"""A second reader of the store, written from docs/format.md alone: that page is complete when this file agrees.

Nothing of the package is used: encodings, trie roots and the log are computed here. Sections are those of the page. It
is made to be compared, not to be fast. A graph is a dict from paths to records, in which references stay references.
"""

import json
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import lmdb
from blake3 import blake3

FORMAT, TABLES, REFERENCE = 1, 14, 0x49544E4D
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
State = dict[str, list[Any]]
number = int.from_bytes


def h(data: bytes) -> bytes:
    return blake3(data).digest()


def head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    code = sum(argument >= 1 << bits for bits in (8, 16, 32))
    return bytes([major << 5 | 24 + code]) + argument.to_bytes(1 << code)


def floating(value: float) -> bytes:
    for code, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        with suppress(OverflowError):
            if struct.unpack(form, data := struct.pack(form, value))[0] == value:
                return code + data
    return b"\xfb" + struct.pack(">d", value)


def encode(value: Any) -> bytes:
    """The one encoding of a value, or of a structure with references."""
    match value:
        case None | False | True:
            return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
        case int() if -(1 << 64) <= value < 1 << 64:
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case int():
            rest = max(value, -1 - value)
            return head(6, 2 if value > 0 else 3) + encode(rest.to_bytes((rest.bit_length() + 7) // 8))
        case float():
            return floating(value)
        case str() | bytes():
            data = value if isinstance(value, bytes) else value.encode()
            return head(3 if isinstance(value, str) else 2, len(data)) + data
        case datetime():
            seconds, rest = divmod((value - EPOCH) // MICROSECOND, 10**6)
            return head(6, 1) + (floating((seconds * 10**6 + rest) / 10**6) if rest else encode(seconds))
        case list():
            return head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            entries = sorted((encode(key), encode(item)) for key, item in value.items())
            return head(5, len(value)) + b"".join(key + item for key, item in entries)
        case cbor2.CBORTag():
            return head(6, value.tag) + encode(value.value)
    raise AssertionError(f"{value!r} is no value")


def decode(data: bytes) -> Any:
    value = cbor2.loads(data)
    assert encode(value) == data, "not in canonical form"
    return value


def references(shared: Any) -> Iterator[bytes]:
    """The payloads that a structure refers to. References stand where they must and nowhere else."""
    in_map = isinstance(shared, dict)
    for item in shared.values() if in_map else shared:
        if isinstance(item, cbor2.CBORTag):
            assert (in_map, item.tag) == (True, REFERENCE)
            yield item.value
        elif in_map and isinstance(item, str | bytes | list):
            assert len(encode(item)) < 256
        elif isinstance(item, dict | list):
            yield from references(item)


def path(id: str, *ends: str) -> str:
    """Where a node lies, or an edge with its source and label."""
    at, *way = [h(text.encode()).hex() for text in (*ends, id)]
    return f"{at[:32]}01{way[0][:8]}{way[1][:32]}" if way else f"{at[:32]}00"


def path_of(record: list[Any]) -> str:
    return path(*record[:3]) if len(record) == 5 else path(record[0])


def root(state: State) -> bytes:
    """The hash of the trie over these records."""
    if len(state) < 2:
        return h(
            encode([part for at, record in state.items() for part in (bytes.fromhex(at), encode(record))])
        )
    parting = next(n for n, nibbles in enumerate(zip(*state, strict=False)) if len(set(nibbles)) > 1)
    below: dict[int, State] = {}
    for at in sorted(state):
        below.setdefault(int(at[parting], 16), {})[at] = state[at]
    return h(
        encode([at[:parting], sum(1 << nibble for nibble in below), b"".join(map(root, below.values()))])
    )


def patched(state: State, delta: list[Any]) -> State:
    """The graph after a delta, each before-value compared."""
    state = dict(state)
    parts = delta + [[]] * (6 - len(delta))
    for part in parts:
        assert [item[0] for item in part] == sorted({item[0] for item in part}, key=str.encode)
    for record in parts[0] + parts[3]:
        assert encode(state.pop(path_of(record))) == encode(record)
    for id, before, after, *labels in parts[2]:
        _, own, properties = state[path(id)]
        removed, added = labels or ([], [])
        assert not {*removed} - {*own} | {*added} & {*own}
        own = sorted({*own, *added} - {*removed}, key=str.encode)
        state[path(id)] = [id, own, changed(properties, before, after)]
    for id, source, label, before, after in parts[5]:
        *ends, properties = state[path(id, source, label)]
        state[path(id, source, label)] = [*ends, changed(properties, before, after)]
    for record in parts[1] + parts[4]:
        assert path_of(record) not in state
        state[path_of(record)] = record
    return state


def changed(properties: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in properties.items() if key not in before}
    assert encode(before) == encode({key: properties[key] for key in before})
    assert kept.keys().isdisjoint(after)
    return kept | after


def log_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + log_root(leaves[:k]) + log_root(leaves[k:])).digest()


def tables_of(folder: Path) -> dict[str, dict[bytes, bytes]]:
    """All tables of a store, read in one transaction."""
    with lmdb.open(str(folder), readonly=True, create=False, max_dbs=TABLES) as env, env.begin() as txn:
        names = list(txn.cursor().iternext(values=False))
        return {name.decode(): dict(txn.cursor(env.open_db(name, txn, create=False))) for name in names}


class SecondReader:
    """What the tables of a store mean."""

    def __init__(self, tables: dict[str, dict[bytes, bytes]]) -> None:
        self.tables = tables
        self.meta = {name.decode(): json.loads(value) for name, value in self.tables["meta"].items()}
        assert self.meta["format"] <= FORMAT, "a newer format"
        self.graphs = {name.decode(): value for name, value in self.tables["graphs"].items()}
        self.stored = [decode(value) for value in self.tables["commits"].values()]
        self.entries = [
            {entry[0]: (entry, body) for entry, body in zip(decode(record)[2], bodies, strict=True)}
            for record, *bodies in self.stored
        ]

    def of(self, table: str, graph: str) -> dict[bytes, bytes]:
        """What a table says of a graph: the rest of the key to the value."""
        own = self.graphs[graph][:8]
        return {key[8:]: value for key, value in self.tables[table].items() if key[:8] == own}

    def versions(self, graph: str) -> dict[int, int]:
        return {number(tx): number(version[:8]) for tx, version in self.of("versions", graph).items()}

    def tags(self, graph: str) -> dict[str, int]:
        return {name.decode(): number(tx) for name, tx in self.of("tags", graph).items()}

    def said(self, graph: str, tx: int) -> tuple[list[Any], list[Any] | None]:
        """The entry of a version and its body, [events, delta]; no body once pruned."""
        entry, body = self.entries[tx - 1][graph]
        assert body is None or h(body) == entry[3], "the body has another digest"
        return entry, None if body is None else decode(body)

    def readable(self, graph: str, tx: int) -> bool:
        kept = {*self.tags(graph).values(), *map(number, self.of("pins", graph))}
        return tx >= number(self.graphs[graph][8:16]) or tx in kept

    def at(self, graph: str, tx: int, *, replay: bool = False) -> State:
        """A version by the nearest saved trie and the deltas since; or by all deltas there are, from the horizon on."""
        roots = {number(key): value for key, value in self.of("roots", graph).items() if number(key) <= tx}
        since = min(number(self.graphs[graph][8:16]), tx) if replay else max(roots, default=0)
        state = self.trie(roots[since]) if since else {}
        for step in (step for step in self.versions(graph) if since < step <= tx):
            entry, (_, delta) = self.said(graph, step)
            state = patched(self.at(*entry[4], replay=replay) if len(entry) > 4 else state, delta)
        assert root(state) == self.said(graph, tx)[0][2], "this is not the recorded root"
        return state

    def trie(self, value: bytes) -> State:
        """A saved trie, given its entry of `roots`."""
        state, stack = {}, [(value[:8], value[8:])] if number(value[:8]) else []
        while stack:
            location, due = stack.pop()
            fields = self.node(location)
            assert h(encode(fields[:3])) == due, "a trie node does not have its hash"
            if len(fields) == 2:
                state[fields[0].hex()] = record = decode(fields[1])
                assert path_of(record) == fields[0].hex()
            else:
                _, bitmap, hashes, places = fields
                assert bitmap.bit_count() * 32 == len(hashes) == 4 * len(places)
                stack += [(places[n * 8 :][:8], hashes[n * 32 :][:32]) for n in range(bitmap.bit_count())]
        return state

    def node(self, location: bytes) -> list[Any]:
        """The fields of a node; a leaf with its record."""
        fields = decode(self.tables["nodes"][location])
        if isinstance(fields[1], cbor2.CBORTag):
            fields[1] = self.payload(fields[1].value)
        return fields

    def payload(self, reference: bytes) -> bytes:
        found = self.tables["payloads"][reference]
        assert h(found) == reference, "a payload does not have its hash"
        return found

    def leaves(self) -> list[bytes]:
        """The leaf hashes of the log, from the records; the table holds what follows from them."""
        leaves = [sha256(b"\0" + record).digest() for record, *_ in self.stored]
        due = {}
        for tx in range(1, len(leaves) + 1):  # levels: 1 + the trailing ones of tx - 1
            sizes = [1 << level for level in range((tx & -tx).bit_length())]
            due[tx.to_bytes(8)] = b"".join(log_root(leaves[tx - size : tx]) for size in sizes)
        assert self.tables["log"] == due
        return leaves

    def check_payloads(self) -> None:
        """Each payload has its hash, and as many uses as there are."""
        uses: Counter[bytes] = Counter()
        for body in (body for _, *bodies in self.stored for body in bodies if body is not None):
            uses.update(set(references(decode(body))))
        for location in self.tables["nodes"]:
            if len(fields := self.node(location)) == 2:
                own = {h(fields[1])} if len(fields[1]) > 1024 else set()
                uses.update(own | set(references(decode(fields[1]))))
        assert {key: number(count) for key, count in self.tables["uses"].items()} == uses
        assert self.tables["payloads"].keys() == {key for key in uses if decode(self.payload(key))}
