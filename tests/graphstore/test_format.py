"""The file format is what docs/format.md says: a second reader, written from that page, sees what the store sees."""

import json
import lzma
import re
import struct
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import apply_edits, edits, graphs, values

from itonami.graphstore import Graph, Store, codec, secondary
from itonami.graphstore.backend import FORMAT, TABLES

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "golden")]

import make_golden  # noqa: E402
import second_reader  # noqa: E402
from second_reader import SecondReader, number  # noqa: E402

PAGE = (HERE.parent.parent / "docs" / "format.md").read_text()
GOLDEN = sorted((HERE / "golden").glob("format-*.mdb.xz"))


def read_again(store: Store, folder: Path) -> SecondReader:
    """The second reader of a copy: LMDB opens a file only once in a process."""
    return SecondReader(second_reader.tables_of(store.backup(folder / "copy")))


def assert_agreement(store: Store, reader: SecondReader) -> None:
    """Store and second reader see the same: every version of every graph, its reasons and facts, and the log."""
    assert reader.meta["store"] == store.id
    assert list(reader.graphs) == [head.graph for head in store.graphs()]
    for graph in reader.graphs:
        assert reader.tags(graph) == store.tags(graph)
        history = list(store.history(graph))
        assert reader.versions(graph) == {version.tx: version.version for version in history}
        for version in history:
            entry, body = reader.said(graph, version.tx)
            assert (entry[2], body is None) == (version.root, version.pruned)
            if body is not None:
                known = store.commit_of(version.tx).entry(graph)
                due = [[event.to_list() for event in known.events], known.delta.to_list()]
                assert codec.encode(plain(reader, body)) == codec.encode(due)
            if reader.readable(graph, version.tx):
                assert_same(reader, reader.at(graph, version.tx), store.at(graph, version.tx))
                assert second_reader.root(reader.at(graph, version.tx, replay=True)) == version.root
    leaves = reader.leaves()
    for size in range(store.last_tx + 1):
        assert second_reader.log_root(leaves[:size]) == store.log.root(size)
    reader.check_payloads()
    assert_index(reader)
    assert_starred(reader)


def plain(reader: SecondReader, shared: Any) -> Any:
    """A structure with what its references stand for."""
    match shared:
        case list():
            return [plain(reader, item) for item in shared]
        case dict():
            return {key: plain(reader, item) for key, item in shared.items()}
        case cbor2.CBORTag():
            return second_reader.decode(reader.payload(shared.value))
    return shared


def assert_same(reader: SecondReader, state: second_reader.State, graph: Graph) -> None:
    items = {item.path: item for item in graph.items()}
    assert state.keys() == items.keys()
    for path, record in state.items():
        assert second_reader.encode(record) == items[path].record
        assert codec.encode(plain(reader, record)) == codec.encode(items[path].to_list())


def assert_starred(reader: SecondReader) -> None:
    """The invariants of section 10 that `verify` does not check."""
    for graph, value in reader.graphs.items():
        first = min(reader.versions(graph))
        assert number(value[:8]) == first << 8 | list(reader.entries[first - 1]).index(graph)
        for tx in reader.versions(graph):
            entry, _ = reader.said(graph, tx)
            for base, at in entry[4:]:
                assert (entry[1], at < tx) == (1, True)
                assert at.to_bytes(8) in reader.of("pins", base)
            if reader.readable(graph, tx):
                assert_whole(reader.at(graph, tx))
        roots = {number(tx): root for tx, root in reader.of("roots", graph).items()}
        for key, made in reader.of("stale", graph).items():
            for tx, root in roots.items():
                in_use = number(made) <= tx < number(key[:8])
                assert in_use or key[8:] not in locations(reader, root[:8]), "a node is in use and stale"
    following = 1
    for first, run in reader.tables["saves"].items():
        assert number(first) == following
        following += number(run[16:])


def assert_whole(state: second_reader.State) -> None:
    edges = [record for record in state.values() if len(record) == 5]
    assert len({edge[0] for edge in edges}) == len(edges)
    assert {end for _, source, _, target, _ in edges for end in (source, target)} <= {
        record[0] for record in state.values() if len(record) == 3
    }


def locations(reader: SecondReader, location: bytes) -> set[bytes]:
    """Where the nodes of a saved trie lie."""
    found, stack = set(), [location] if number(location) else []
    while stack:
        found.add(top := stack.pop())
        below = reader.node(top)[3:]
        stack += [places[n : n + 8] for places in below for n in range(0, len(places), 8)]
    return found


def assert_index(reader: SecondReader) -> None:
    """The index holds what section 6.5 says and nothing else."""
    due = {}
    for graph, value in reader.graphs.items():
        for record in reader.at(graph, max(reader.versions(graph))).values():
            for label, key in reader.meta.get("indices", ()):
                if len(record) == 3 and label in record[1] and key in record[2]:
                    pair = second_reader.encode(label) + second_reader.encode(key)
                    own = value[:8] + second_reader.h(record[0].encode())[:16]
                    entry = second_reader.encode([graph, record[0]])
                    due[pair + ordered(plain(reader, record[2][key])) + own] = entry
    assert reader.tables["index"] == due


def ordered(value: Any) -> bytes:
    """Kind and ordered value."""
    match value:
        case None:
            return b"\0"
        case bool():
            return b"\1" + bytes([value])
        case int() | float():
            try:
                double = float(value)
            except OverflowError:
                double = sys.float_info.max * (1 if value > 0 else -1)
            bits = number(struct.pack(">d", double))
            return b"\2" + (bits ^ (2**64 - 1 if bits >> 63 else 2**63)).to_bytes(8)
        case datetime():
            return b"\3" + ((value - second_reader.EPOCH) // second_reader.MICROSECOND + 2**63).to_bytes(8)
        case str():
            return b"\4" + value.encode()[:100].replace(b"\0", b"\0\xff") + b"\0\0"
    return b"\5" + second_reader.h(second_reader.encode(value))


# -- laws --------------------------------------------------------------------------------------------------------


@given(values)
def test_a_value_has_the_encoding_of_the_page(value):
    assert second_reader.encode(value) == codec.encode(value)
    assert second_reader.encode(second_reader.decode(codec.encode(value))) == codec.encode(value)


@pytest.mark.parametrize("kind", make_golden.VALUES)
def test_every_width_of_a_value_has_the_encoding_of_the_page(kind):
    for value in make_golden.VALUES[kind]:
        assert second_reader.encode(value) == codec.encode(value)
        assert codec.decode(second_reader.encode(value)) == value


@given(values)
def test_an_index_key_is_that_of_the_page(value):
    assert ordered(value) == secondary.ordered(value)


@given(st.integers(-(1 << 33) * 10**6, (1 << 33) * 10**6 - 1))
def test_a_timestamp_of_the_years_1698_to_2242_keeps_its_microseconds(microseconds):
    moment = second_reader.EPOCH + microseconds * second_reader.MICROSECOND
    assert second_reader.encode(moment) == codec.encode(moment)
    assert codec.decode(codec.encode(moment)) == moment


@given(graphs)
def test_a_root_follows_from_the_records_alone(graph):
    assert second_reader.root({i.path: second_reader.decode(i.record) for i in graph.items()}) == graph.root


@given(graphs, graphs)
def test_a_delta_leads_from_graph_to_graph(before, after):
    states = [{i.path: second_reader.decode(i.record) for i in graph.items()} for graph in (before, after)]
    assert second_reader.patched(states[0], before.diff(after).to_list()) == states[1]


names = st.sampled_from(["a", "b", "c", "d"])
steps = st.one_of(
    st.tuples(st.just("edit"), names, edits()),
    st.tuples(st.just("edit"), names, edits()),
    st.tuples(st.just("fork"), names, names, st.integers(0, 3)),
    st.tuples(st.sampled_from(["tag", "untag", "snapshot", "prune"]), names, st.integers(0, 3)),
)


def lived(store: Store, life: list[tuple[Any, ...]]) -> None:
    """Take the steps that are possible."""
    for step in life:
        match step:
            case "edit", graph, changes:
                store.transact(
                    graph, lambda evolver, changes=changes: apply_edits(evolver, changes), event="edit"
                )
            case "fork", graph, new, back if graph in store and new not in store:
                store.fork(graph, new, kept(store, graph, back))
            case "tag", graph, back if graph in store:
                store.tag(graph, f"t{back}", kept(store, graph, back))
            case "untag", graph, back if graph in store and f"t{back}" in store.tags(graph):
                store.untag(graph, f"t{back}")
            case "snapshot", graph, back if graph in store:
                store.snapshot(graph, kept(store, graph, back))
            case "prune", graph, back if graph in store:
                store.prune(graph, kept(store, graph, back))


def kept(store: Store, graph: str, back: int) -> int:
    """The TX of a version so many TXs before the last, or else of the first that was not pruned."""
    first = next(version.tx for version in store.history(graph) if not version.pruned)
    return max(store.head(graph).tx - back, first)


@settings(max_examples=15)
@given(st.lists(steps, min_size=3, max_size=25), st.integers(1, 5))
def test_the_second_reader_agrees_after_any_life_of_a_store(life, snapshot_every):
    with TemporaryDirectory() as folder, Store.memory(snapshot_every=snapshot_every) as store:
        lived(store, life)
        assert_agreement(store, read_again(store, Path(folder)))
        assert store.verify().ok


# -- the golden stores -------------------------------------------------------------------------------------------


@pytest.fixture(params=["lmdb", "memory"])
def everything(request, tmp_path):
    """A store with everything in it."""
    clock = make_golden.clock()
    opened: dict[str, Callable[[], Store]] = {
        "lmdb": lambda: Store.open(tmp_path / "state.itonami", snapshot_every=4, clock=clock),
        "memory": lambda: Store.memory(snapshot_every=4, clock=clock),
    }
    with opened[request.param]() as store:
        make_golden.fill(store)
        yield store


def test_the_second_reader_agrees_on_a_store_with_everything_in_it(everything, tmp_path):
    assert_agreement(everything, read_again(everything, tmp_path))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name.split(".")[0])
def golden(request, tmp_path):
    """A golden store, unpacked, and what must be read from it."""
    if sys.byteorder != "little":
        pytest.skip("the golden stores were made on a little-endian machine")
    folder = tmp_path / "golden.itonami"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(lzma.decompress(request.param.read_bytes()))
    return folder, json.loads(request.param.with_suffix("").with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("read_only", [True, False], ids=["read-only", "for writing"])
def test_a_golden_store_is_read_as_it_was_made(golden, read_only):
    path, due = golden
    with Store.open(path, create=False, read_only=read_only) as store:
        assert make_golden.expected(store) == due
        report = store.verify()
    assert report.ok, report.damage


def test_a_golden_store_is_written_on(golden):
    path, due = golden
    with Store.open(path, create=False) as store:
        before = store.last_tx
        for graph in list(due["graphs"]):
            with store.transaction(graph, event="on") as evolver:
                evolver.add_node("New", id="new", properties=make_golden.LARGE)
        store.fork("order", "forked anew", "TAG third")
        store.prune(before="HEAD")
        assert store.log.root(before).hex() == due["log"][str(before)]
        assert store.verify().ok
    with Store.open(path, read_only=True) as store:
        assert store.last_tx == before + len(due["graphs"]) + 1
        assert store.at("order").node("new")["text_256"] == make_golden.LARGE["text_256"]
        assert store.verify().ok


def test_the_second_reader_agrees_on_the_golden_store(golden, tmp_path):
    with Store.open(golden[0], read_only=True) as store:
        assert_agreement(store, read_again(store, tmp_path))


def test_what_is_written_today_is_the_present_golden_store(everything):
    """Whoever changes bytes raises the format's number, keeps reading the old one and adds a golden store."""
    due = json.loads((HERE / "golden" / f"format-{FORMAT}.json").read_text(encoding="utf-8"))
    found = make_golden.expected(everything)
    assert {**found, "store": due["store"]} == due


@pytest.mark.parametrize("table", ["commits", "nodes", "payloads", "log", "uses"])
def test_the_second_reader_sees_a_changed_bit(table, tmp_path):
    with Store.memory(snapshot_every=4) as store:
        make_golden.fill(store)
        reader = read_again(store, tmp_path)
        assert_agreement(store, reader)
        entries = list(reader.tables[table].items())
        for key, value in entries[:: len(entries) // 4]:
            reader.tables[table][key] = value[:-1] + bytes([value[-1] ^ 1])
            with pytest.raises((AssertionError, LookupError, ValueError, TypeError)):
                assert_agreement(store, SecondReader(reader.tables))
            reader.tables[table][key] = value


# -- the page ----------------------------------------------------------------------------------------------------


def test_the_page_tells_of_this_format_and_of_every_table():
    section = PAGE.partition("## 6. Tables")[2].partition("### 6.1")[0]
    assert f"This is format {FORMAT}:" in PAGE
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(TABLES)
