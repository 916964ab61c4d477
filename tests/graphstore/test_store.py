"""Stories and laws of the store, on real LMDB files."""

import asyncio
import itertools
import multiprocessing
import os
import pickle
import threading
from datetime import UTC, datetime, timedelta

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore import (
    Conflict,
    Event,
    Graph,
    InvalidValue,
    NotAStore,
    NotFound,
    Store,
    StoreBusy,
    StoreClosed,
    StoreFull,
    UnsupportedFormat,
)
from itonami.graphstore.creation import create_store


def test_the_tour_of_the_contract(store):
    with store.transaction("order-17", event="placed", data={"by": "web"}) as graph:
        order = graph.add_node("Order", state="new", total=120)
        item = graph.add_node("Item", sku="A-1")
        graph.add_edge(order, "CONTAINS", item, quantity=2)
    placed = store.head("order-17").tx
    with store.transaction("order-17", event="paid") as graph:
        graph.update(order, state="paid")
    assert store.at("order-17", placed).node(order)["state"] == "new"
    assert store.at("order-17").node(order)["state"] == "paid"
    (change,) = store.diff("order-17", placed, "HEAD").set_nodes
    assert (change.before, change.after) == ({"state": "new"}, {"state": "paid"})
    assert [version.events[0].name for version in store.history("order-17")] == ["placed", "paid"]
    assert store.verify().ok


def test_every_point_in_time_means_the_version_it_names(store):
    times = []
    for n in range(6):
        with store.transaction("g", event=f"e{n}") as graph:
            graph.add_node(id=str(n))
        times.append(store.head("g").time)
        with store.transaction("other", event="noise") as graph:
            graph.add_node()
    assert len(store.at("g", "HEAD~2")) == 4
    assert len(store.at("g", 5)) == 3
    assert len(store.at("g", "TX 6")) == 3, "between versions the earlier is read"
    assert len(store.at("g", times[1])) == 2
    assert len(store.at("g", times[1].isoformat())) == 2
    assert len(store.at("g", datetime.now(UTC) + timedelta(days=1))) == 6
    for nowhere in (0, "HEAD~6", times[0] - timedelta(days=1), "TAG nobody"):
        with pytest.raises(NotFound):
            store.at("g", nowhere)
    for nonsense in ("yesterday", "2026-01-01T00:00:00", True, "HEAD~x", 1.5):
        with pytest.raises(InvalidValue):
            store.at("g", nonsense)


def test_the_loser_of_a_race_gets_a_conflict_and_leaves_nothing(store):
    with store.transaction("g", event="e") as graph:
        graph.add_node(id="a")
    with pytest.raises(Conflict) as caught, store.transaction("g", event="slow") as slow:
        with store.transaction("g", event="quick") as quick:
            quick.add_node(id="b")
        slow.add_node(id="c")
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    with pytest.raises(Conflict), store.transaction("g", event="e", expected_version=1):
        pass
    assert "c" not in store.at("g")
    assert store.last_tx == 2, "a refused request consumes no TxId"


def test_an_exception_inside_a_transaction_writes_nothing(store):
    with pytest.raises(ZeroDivisionError), store.transaction("g", event="e") as graph:
        graph.add_node()
        raise ZeroDivisionError
    assert "g" not in store
    assert store.last_tx == 0


def test_transact_tries_again_until_it_wins(store):
    def add(graph):
        count = graph.find("counter")
        if count is None:
            graph.add_node(id="counter", n=1)
        else:
            graph.update("counter", n=count["n"] + 1)

    def work():
        for _ in range(20):
            store.transact("g", add, event="add")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.at("g").node("counter")["n"] == 80


def test_several_graphs_change_together_or_not_at_all(store):
    def write(name, version):
        _, before = store.checkout(name)
        evolver = before.evolver()
        evolver.add_node()
        return store.prepare(name, version, evolver.persistent(), evolver.delta(), [Event("e")])

    versions = store.commit([write("a", 1), write("b", 1)])
    assert {version.tx for version in versions} == {1}
    with pytest.raises(Conflict):
        store.commit([write("a", 2), write("b", 1)])
    assert store.head("a").version == 1
    with pytest.raises(InvalidValue, match="once"):
        store.commit([write("a", 2), write("a", 2)])
    with pytest.raises(InvalidValue, match="bytes"), store.transaction("huge", event="e") as graph:
        graph.add_node(data="x" * (1 << 20))
    assert "huge" not in store
    assert store.verify().ok


async def test_tasks_share_flushes_and_all_are_durable(tmp_path):
    async def work(store, name):
        for n in range(5):
            async with store.transaction(name, event="e") as graph:
                graph.add_node(id=str(n))

    with Store.open(tmp_path / "s") as store:
        await asyncio.gather(*(work(store, f"g{n}") for n in range(20)))
    with Store.open(tmp_path / "s", read_only=True) as store:
        assert store.last_tx == 100
        assert all(len(store.at(f"g{n}")) == 5 for n in range(20))
        assert store.verify().ok


def _child(path, name, count):
    with Store.open(path) as store:
        for n in range(count):
            store.transact(name, lambda graph, n=n: graph.add_node(id=f"{os.getpid()}-{n}"), event="e")


def test_processes_share_a_store_and_see_each_other(tmp_path):
    path = tmp_path / "s"
    context = multiprocessing.get_context("spawn")
    with Store.open(path) as store:
        with store.transaction("shared", event="e") as graph:
            graph.add_node(id="first")
        children = [context.Process(target=_child, args=(path, "shared", 15)) for _ in range(2)]
        for child in children:
            child.start()
        for n in range(15):
            store.transact("shared", lambda graph, n=n: graph.add_node(id=f"own-{n}"), event="e")
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0, 0]
        assert len(store.at("shared")) == 46
        assert store.head("shared").version == 46
        assert store.verify().ok


def test_a_refused_request_does_not_hide_what_another_process_commits_next(tmp_path):
    path = tmp_path / "s"
    context = multiprocessing.get_context("spawn")

    def elsewhere():
        child = context.Process(target=_child, args=(path, "g", 1))
        child.start()
        child.join()
        assert child.exitcode == 0

    with Store.open(path) as store:
        with store.transaction("g", event="e") as graph:
            graph.add_node(id="a")
        with pytest.raises(Conflict):
            store.commit([store.prepare("g", 1, Graph(), Graph().diff(Graph()), [Event("stale")])])
        elsewhere()
        with store.transaction("g", event="e") as graph:
            graph.add_node(id="c")
        assert len(store.at("g")) == 3
        assert store.verify().ok


def test_a_second_opening_in_one_process_says_so(tmp_path):
    with Store.open(tmp_path / "s"), pytest.raises(StoreBusy, match="already open"):
        Store.open(tmp_path / "s")


def test_the_map_grows_while_readers_read(tmp_path):
    create_store(tmp_path / "s")
    store = Store.open(tmp_path / "s")
    store._backend.env.set_mapsize(1 << 18)
    stop = threading.Event()
    seen = []

    def read():
        while not stop.is_set():
            seen.append(len(list(store.graphs())))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(40):
        with store.transaction(f"g{n}", event="e") as graph:
            graph.add_node(data=f"{n:04}" * 5_000)
    stop.set()
    reader.join()
    assert store._backend.env.info()["map_size"] > 1 << 18
    assert store.verify().ok
    store.close()


def test_a_map_that_grows_during_a_snapshot_leaves_no_version_unreadable(tmp_path):
    create_store(tmp_path / "s")
    with Store.open(tmp_path / "s", snapshot_every=1) as store:
        store._backend.env.set_mapsize(1 << 17)
        for n in range(60):
            with store.transaction("g", event="e") as graph:
                for k in range(12):
                    graph.add_node(id=f"{n}-{k}", data="x" * 500)
    with Store.open(tmp_path / "s") as store:
        assert [len(store.at("g", v.tx)) for v in store.history("g")] == [12 * n for n in range(1, 61)]
        assert store.verify().ok


def test_a_full_map_is_a_typed_error_and_loses_nothing(tmp_path):
    create_store(tmp_path / "s")
    with Store.open(tmp_path / "s", max_map_bytes=1 << 18) as store:
        store._backend.env.set_mapsize(1 << 18)
        written = 0
        with pytest.raises(StoreFull):
            for _ in range(100):
                with store.transaction("g", event="e") as graph:
                    graph.add_node(id=str(written), data=f"{written:04}" * 5_000)
                written += 1
        assert written > 0
        assert len(store.at("g")) == written
        assert store.verify().ok
    with Store.open(tmp_path / "s") as store:
        with store.transaction("g", event="e") as graph:
            graph.add_node(id="more", data="x" * 20_000)
        assert len(store.at("g")) == written + 1


def test_paths_that_are_no_store_are_refused_and_left_alone(tmp_path):
    (tmp_path / "file").write_text("hello")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter").write_text("hello")
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "data.mdb").write_bytes(b"x" * 10_000)
    lmdb.open(str(tmp_path / "foreign"), max_dbs=3).close()
    (tmp_path / "foreign" / "lock.mdb").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "data.mdb").touch()
    create_store(tmp_path / "newer", format=99)
    before = tree_of(tmp_path)
    for name in ("file", "folder", "garbage", "foreign", "empty", "file/below"):
        with pytest.raises(NotAStore):
            Store.open(tmp_path / name)
    with pytest.raises(UnsupportedFormat, match="99"):
        Store.open(tmp_path / "newer")
    with pytest.raises(NotAStore):
        Store.open(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()
    assert tree_of(tmp_path) == before, "not a byte was written"


def tree_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_use_after_close_or_in_a_forked_child_is_refused(tmp_path):
    store = Store.open(tmp_path / "s")
    with store.transaction("g", event="e") as graph:
        graph.add_node()
    pid = os.fork()
    if pid == 0:
        try:
            store.head("g")
        except StoreClosed:
            os._exit(17)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 17
    store.close()
    with pytest.raises(StoreClosed):
        store.head("g")
    with pytest.raises(StoreClosed), store.transaction("g", event="e") as graph:
        graph.add_node()


def test_graphs_are_found_by_header_with_and_without_an_index(store):
    for n, state in enumerate(["new", "new", "paid"]):
        with store.transaction(f"g{n}", event="e") as graph:
            graph.add_node("@graph", id="@graph", state=state, n=n)
    assert [v.graph for v in store.graphs(state="new")] == ["g0", "g1"]
    store.declare_index("@graph", "state")
    with store.transaction("g1", event="e") as graph:
        graph.update("@graph", state="paid")
    assert [v.graph for v in store.graphs(state="paid")] == ["g1", "g2"]
    assert [v.graph for v in store.graphs(state="paid", n=2)] == ["g2"]
    assert [v.graph for v in store.graphs(at=3, state="new")] == ["g0", "g1"]
    assert store.verify().ok


def test_verify_names_what_was_altered(store):
    for n in range(10):
        with store.transaction("g", event="e") as graph:
            graph.add_node("T", id=str(n), secret="old")

    def alter(txn):
        key = (3).to_bytes(8, "big")
        txn.put("commits", key, txn.get("commits", key).replace(b"old", b"new"))

    store._backend.write(alter)
    report = store.verify()
    assert not report.ok
    assert any("TX 3" in finding for finding in report.damage)


def test_verify_notices_a_version_number_that_was_altered(store):
    for n in range(3):
        with store.transaction("g", event="e") as graph:
            graph.add_node(id=str(n))

    def alter(txn):
        (key, _), *_ = list(txn.scan("versions"))
        txn.put("versions", key, (9).to_bytes(8, "big"))

    store._backend.write(alter)
    assert not store.verify().ok


def test_values_that_look_alike_are_told_apart_by_an_index(store):
    store.declare_index("T", "v")
    values = {"a": "x", "b": "x\0y", "c": 1, "d": 1.0, "e": True, "f": "z" * 101, "g": "z" * 102, "h": 2**60}
    with store.transaction("g", event="e") as graph:
        for id, value in values.items():
            graph.add_node("T", id=id, v=value)
        graph.add_node("T", id="n", v=None)
    for id, value in values.items():
        assert store.indexed("T", "v", value) == [("g", id)]
    assert store.indexed("T", "v", 2**60 + 1) == []
    assert {id for _, id in store.indexed_range("T", "v", high=5)} == {"c", "d"}
    assert {id for _, id in store.indexed_range("T", "v", low="z")} == {"f", "g"}
    assert len(store.indexed_range("T", "v")) == 9


def test_a_bad_request_leaves_its_mates_alone(store):
    with pytest.raises(InvalidValue):
        store.prepare("x" * 600, 1, Graph(), Graph().diff(Graph()), [Event("e")])
    for nowhere in (-1, 1 << 70):
        with pytest.raises(NotFound):
            store.commit_of(nowhere)
    with pytest.raises(InvalidValue, match="to the microsecond"), store.transaction("g", event="e") as graph:
        graph.add_node(at=datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC))
    error = pickle.loads(pickle.dumps(Conflict("g", 1, 2)))
    assert (error.graph, error.expected, error.actual) == ("g", 1, 2)
    assert "g" not in store


def test_many_threads_read_and_write_and_see_whole_versions(store):
    faults = []
    stop = threading.Event()

    def read():
        while not stop.is_set():
            try:
                for version in store.graphs():
                    number, graph = store.checkout(version.graph)
                    assert len(graph) == number
            except Exception as error:
                faults.append(error)

    def write(name):
        for _ in range(40):
            store.transact(name, lambda graph: graph.add_node(), event="e")

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "a", "b", "c")]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert faults == []
    assert len(store.at("a")) == 80
    assert store.verify().ok


@given(st.lists(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_index_keys_of_numbers_sort_as_the_numbers(numbers):
    from itonami.graphstore.secondary import ordered

    by_key = sorted(numbers, key=ordered)
    assert all(float(a) <= float(b) for a, b in itertools.pairwise(by_key))


def test_commits_that_are_kept_keep_no_reader_of_the_file(tmp_path, monkeypatch):
    """LMDB has room for so many readers; an entry decodes its body when it is asked, long after."""
    monkeypatch.setattr("itonami.graphstore.environment.MAX_READERS", 20)
    with Store.open(tmp_path / "s") as store:
        for number in range(60):
            with store.transaction("g", event="add") as graph:
                graph.add_node("N", id=f"n{number}", text="x" * 400 if number % 2 else "x")
        kept = list(store.entries("g"))
        assert [len(commit.entry("g").delta.added_nodes) for commit in kept] == [1] * 60
