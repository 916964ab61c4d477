"""What a hostile reader of the code once broke, each as a story: it must stay mended."""

import asyncio
import threading
import warnings
from datetime import timedelta

import pytest

from itonami.graphstore import Conflict, Event, Graph, InvalidValue, NotFound, Retention, Store


def grown(store, name, versions, start=0):
    for n in range(start, start + versions):
        with store.transaction(name, event="grown", data={"n": n}) as graph:
            graph.add_node("N", id=f"n{n}", n=n)


def test_a_loser_is_rebased_onto_an_empty_head_of_its_own_batch(store):
    """An empty graph is false: the running head must not be looked for on disk instead."""
    empty = store.prepare("g", 1, Graph(), Graph().diff(Graph()), [Event("e")])
    evolver = Graph().evolver()
    evolver.add_node(id="late")
    late = store.prepare(
        "g",
        1,
        evolver.persistent(),
        evolver.delta(),
        [Event("late")],
        on_conflict=lambda a: a.head.patch(a.delta),
    )
    outcomes = store._writer.commit([[empty], [late]])
    assert [versions[0].version for versions in outcomes] == [1, 2]
    assert "late" in store.at("g")
    assert store.verify().ok


def test_a_header_that_is_handed_out_cannot_be_written_to(store):
    with store.transaction("g", event="e") as graph:
        graph.add_node(id="@graph", state="new")
    with pytest.raises(TypeError):
        store.at("g").header["state"] = "stolen"
    assert store.verify().ok


def test_headers_are_found_by_an_index_whatever_their_labels(store):
    with store.transaction("g", event="e") as graph:
        graph.add_node("Mine", id="@graph", kind="order")
    assert [v.graph for v in store.graphs(kind="order")] == ["g"]
    store.declare_index("@graph", "kind")
    assert [v.graph for v in store.graphs(kind="order")] == ["g"]
    with store.transaction("g", event="e") as graph:
        graph.relabel("@graph", remove=["@graph", "Mine"])
    assert [v.graph for v in store.graphs(kind="order")] == ["g"]


def test_a_policy_of_any_age_can_be_set_obeyed_and_taken_back(tmp_path):
    for age in (timedelta.max, timedelta(days=-1)):
        with pytest.raises(InvalidValue):
            Retention(age=age)
    with Store.open(tmp_path / "s", snapshot_every=2) as store:
        store.retention = Retention(age=timedelta(days=365_000), versions=1_000)
        grown(store, "g", 6)
        store.retention = None
        grown(store, "g", 2, start=6)
    with Store.open(tmp_path / "s") as store:
        assert store.head("g").version == 8


def test_a_head_that_is_an_old_value_again_outlives_the_pruning_of_the_old(store):
    grown(store, "g", 4)
    old = store.at("g", 2)
    for n in range(4):
        with store.transaction("g", event="e") as graph:
            graph.update("n0", n=100 + n)
            graph.update("n1", n=100 + n)
    head = store.at("g")
    store.commit([store.prepare("g", 9, old, head.diff(old), [Event("reverted")])])
    store.prune("g", "HEAD")
    assert {node.id for node in store.at("g").nodes()} == {"n0", "n1"}
    grown(store, "g", 3, start=50)
    assert store.verify().ok


def test_an_observer_that_fails_where_warnings_are_errors_harms_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Store.open(tmp_path / "s", observe=lambda name, value: 1 / 0) as store:
            grown(store, "g", 3)
            assert store.head("g").version == 3


def test_a_commit_inside_a_commit_is_refused_not_a_deadlock(store):
    grown(store, "g", 1)

    def nested(attempt):
        grown(store, "other", 1)

    with pytest.raises(Conflict), store.transaction("g", event="slow", on_conflict=nested) as slow:
        slow.add_node(id="slow")
        grown(store, "g", 1, start=1)
    grown(store, "g", 1, start=2)
    assert store.head("g").version == 3


async def test_what_an_on_conflict_raises_is_its_own_request_s_alone(tmp_path):
    def cancelled(attempt):
        raise asyncio.CancelledError

    def late(on_conflict):
        return [
            store.prepare("g", 1, Graph(), Graph().diff(Graph()), [Event("late")], on_conflict=on_conflict)
        ]

    with Store.open(tmp_path / "s") as store:
        grown(store, "g", 1)
        bad_base = [store.prepare("h", 1, Graph(), Graph().diff(Graph()), [Event("e")], base=("g", -1))]
        good = [store.prepare("k", 1, Graph(), Graph().diff(Graph()), [Event("e")])]
        told = await asyncio.gather(
            *(store.commit_async(request) for request in (late(cancelled), bad_base, good)),
            return_exceptions=True,
        )
        assert isinstance(told[0], asyncio.CancelledError)
        assert isinstance(told[1], NotFound)
        assert told[2][0].version == 1


def test_two_threads_may_close_and_what_was_queued_is_committed(tmp_path):
    store = Store.open(tmp_path / "s")
    threads = [threading.Thread(target=grown, args=(store, name, 5)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    closers = [threading.Thread(target=store.close) for _ in range(3)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(timeout=10)
        assert not closer.is_alive()
    with Store.open(tmp_path / "s") as again:
        assert again.last_tx == 30


def test_a_history_may_be_resumed_from_any_transaction(store):
    grown(store, "other", 1)
    grown(store, "g", 10)
    assert [v.tx for v in store.history("g", since=0)][:1] == [2]
    store.prune("g", 8)
    assert [v.tx for v in store.history("g", since=3)] == list(range(4, 12))
    assert [v.tx for v in store.history("g", since="HEAD~1")] == [11]
    assert list(store.history("g", since=10**9)) == []


def test_a_view_of_the_future_is_one_of_now(store):
    grown(store, "g", 3)
    view = store.view(10**6)
    grown(store, "g", 2, start=3)
    assert (view.tx, len(view.at("g"))) == (3, 3)
    assert view.time is not None


def test_a_closed_gate_opens_again_though_its_wait_was_interrupted():
    from itonami.graphstore.gate import Gate

    gate = Gate()
    entered, leave = threading.Event(), threading.Event()

    def read():
        with gate.passing():
            entered.set()
            leave.wait()

    reader = threading.Thread(target=read)
    reader.start()
    entered.wait()
    waiting = gate._condition.wait
    gate._condition.wait = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt), gate.shut():
        pass
    gate._condition.wait = waiting
    leave.set()
    reader.join()
    with gate.passing():
        assert gate.inside


def test_verify_and_readers_are_not_misled_by_a_pruning_meanwhile(tmp_path):
    from multiprocessing import get_context

    path = tmp_path / "s"
    with Store.open(path, snapshot_every=4) as store:
        for n in range(40):
            with store.transaction("g", event="e") as graph:
                graph.add_node(id=f"n{n}", text=f"{n} " * 200)
                if n > 4:
                    graph.remove_node(f"n{n - 4}")
        child = get_context("spawn").Process(target=_prune, args=(path, 60))
        child.start()
        while child.is_alive():
            report = store.verify()
            assert report.ok, report.damage
            assert len(list(store.at("g").nodes())) > 0
            for version in store.history("g"):
                assert version.pruned or version.events
        child.join()
        assert child.exitcode == 0
        assert store.verify().ok


def _prune(path, rounds):
    with Store.open(path, snapshot_every=4) as store:
        for n in range(100, 100 + rounds):
            with store.transaction("g", event="e") as graph:
                graph.add_node(id=f"n{n}", text=f"{n} " * 200)
            store.prune("g", "HEAD~3")
