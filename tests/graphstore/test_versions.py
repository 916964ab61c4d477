"""Forks, tags, views, the live tail, conflicts that are mended, and what a store tells of itself."""

import asyncio
import multiprocessing
import threading
from datetime import UTC, datetime, timedelta

import pytest

from itonami.graphstore import (
    Attempt,
    Conflict,
    Event,
    InvalidValue,
    NotFound,
    Rebased,
    Store,
    StoreBusy,
    VersionPruned,
)


def grown(store, name, versions, start=0):
    for n in range(start, start + versions):
        with store.transaction(name, event="grown", data={"n": n}) as graph:
            graph.add_node("N", id=f"n{n}", n=n)


# -- forks ---------------------------------------------------------------------------------------------------------


def test_a_fork_begins_with_the_state_of_its_base_and_goes_its_own_way(store):
    grown(store, "g", 6)
    fork = store.fork("g", "h", "HEAD~2")
    assert (fork.version, fork.root) == (1, store.at("g", "HEAD~2").root)
    assert fork.events == (Event("Forked", {"graph": "g", "tx": 4}),)
    with store.transaction("h", event="own") as graph:
        graph.update("n1", n="mine")
        graph.remove_node("n3")
    assert store.at("g").node("n1")["n"] == 1
    assert sorted(n.id for n in store.at("h").nodes()) == ["n0", "n1", "n2"]
    deeper = store.fork("h", "i", 7)
    assert store.at("i") == store.at("g", 4)
    assert deeper.tx == 9
    assert store.verify().ok


def test_a_fork_shares_every_node_of_a_saved_trie(store):
    with store.transaction("g", event="built") as graph:
        for n in range(500):
            graph.add_node(id=f"n{n}")
    store.snapshot("g")
    before = store.stats().trie_nodes
    for n in range(20):
        store.fork("g", f"fork {n}", "HEAD")
    assert store.stats().trie_nodes == before
    with store.transaction("fork 7", event="own") as graph:
        graph.update("n3", x=1)
    store.snapshot("fork 7")
    assert before < store.stats().trie_nodes < before + 10, "only the path to what changed"


def test_a_fork_that_cannot_be_is_refused_and_nothing_is_written(store):
    grown(store, "g", 2)
    last = store.last_id
    with pytest.raises(NotFound):
        store.fork("nobody", "h")
    with pytest.raises(NotFound):
        store.fork("g", "h", 0)
    with pytest.raises(InvalidValue, match="already"):
        store.fork("g", "g")
    with pytest.raises(InvalidValue):
        store.fork("g", "x" * 300)
    with pytest.raises(InvalidValue):
        store.fork("g", "h", "HEAD", event="")
    assert store.last_id == last


# -- tags and points -----------------------------------------------------------------------------------------------


def test_a_tag_is_a_point_in_time_that_can_be_moved_and_forgotten(store):
    grown(store, "g", 3)
    assert store.tag("g", "release 1", "HEAD~1").version == 2
    assert len(store.at("g", "TAG release 1")) == 2
    assert store.version("g", "tag release 1").tx == 2
    store.tag("g", "release 1")
    assert store.tags("g") == {"release 1": 3}
    assert store.diff("g", 1, "TAG release 1").added_nodes[0].id == "n1"
    store.untag("g", "release 1")
    for missing in (lambda: store.at("g", "TAG release 1"), lambda: store.untag("g", "release 1")):
        with pytest.raises(NotFound, match="release 1"):
            missing()
    for bad in ("", " x", "x" * 256, "\ud800", 7):
        with pytest.raises(InvalidValue):
            store.tag("g", bad)
    with pytest.raises(NotFound):
        store.tag("nobody", "t")
    assert store.verify().ok


def test_a_view_is_every_graph_as_of_one_transaction(store):
    for name in ("a", "b"):
        with store.transaction(name, event="e") as graph:
            graph.add_node("@graph", id="@graph", state="new")
    view = store.view()
    grown(store, "c", 1)
    with store.transaction("a", event="e") as graph:
        graph.update("@graph", state="done")
    assert [v.graph for v in view.graphs()] == ["a", "b"]
    assert [v.graph for v in view.graphs(state="new")] == ["a", "b"]
    assert view.at("a").header["state"] == "new"
    assert view.version("a").version == 1
    with pytest.raises(NotFound):
        view.at("c")
    assert [v.graph for v in store.view(view.time).graphs()] == ["a", "b"]
    assert [v.graph for v in store.view(datetime.now(UTC)).graphs(state="new")] == ["b"]
    assert list(store.view(0).graphs()) == []
    for point in ("HEAD~1", "TAG x"):
        with pytest.raises(InvalidValue, match="one graph"):
            store.view(point)


# -- the live tail -------------------------------------------------------------------------------------------------


def test_a_watch_sees_every_transaction_in_order_as_it_comes(store):
    grown(store, "g", 3)
    seen = []

    def follow():
        for commit in store.watch(2):
            seen.append(commit.tx)
            if commit.tx == 53:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    grown(store, "g", 50, start=3)
    follower.join(timeout=10)
    assert seen == list(range(2, 54))


def test_a_watch_of_one_graph_from_now_on_ends_after_a_silence_and_with_the_store(store):
    grown(store, "g", 3)
    watch = store.watch(graph="g", timeout=0.05)
    grown(store, "other", 2)
    grown(store, "g", 1, start=3)
    assert [commit.tx for commit in watch] == [6]
    endless = store.watch()
    ended = threading.Thread(target=lambda: list(endless))
    ended.start()
    store.close()
    ended.join(timeout=5)
    assert not ended.is_alive()


async def test_a_watch_is_an_async_iterator_too(store):
    async def follow():
        return [commit.tx async for commit in store.watch(1, timeout=0.2)]

    follower = asyncio.create_task(follow())
    for n in range(3):
        async with store.transaction("g", event="e") as graph:
            graph.add_node(id=str(n))
    assert await follower == [1, 2, 3]


def _write_elsewhere(path):
    with Store.open(path) as store:
        grown(store, "elsewhere", 5)


def test_a_watch_hears_of_other_processes(tmp_path):
    with Store.open(tmp_path / "s") as store:
        watch = store.watch()
        child = multiprocessing.get_context("spawn").Process(target=_write_elsewhere, args=(tmp_path / "s",))
        child.start()
        assert [next(watch).tx for _ in range(5)] == [1, 2, 3, 4, 5]
        child.join()


# -- conflicts -----------------------------------------------------------------------------------------------------


def merged(attempt: Attempt):
    """The attempt's own change on top of whatever came in between."""
    return attempt.head.patch(attempt.delta)


def test_a_loser_may_be_rebased_inside_the_committer(store):
    grown(store, "g", 1)
    with store.transaction("g", event="slow", on_conflict=merged) as slow:
        slow.add_node(id="slow")
        with store.transaction("g", event="quick") as quick:
            quick.add_node(id="quick")
    head = store.head("g")
    assert (head.version, head.events[0].name) == (3, "slow")
    assert {"slow", "quick"} <= {node.id for node in store.at("g").nodes()}
    assert store.verify().ok


def test_a_rebase_may_tell_its_own_events_decline_or_fail(store):
    grown(store, "g", 1)

    def lose(on_conflict):
        with store.transaction("g", event="slow", on_conflict=on_conflict) as slow:
            slow.add_node()
            grown(store, "g", 1, start=store.last_tx)

    lose(lambda attempt: Rebased(merged(attempt), (Event("anew", attempt.head_version),)))
    assert store.head("g").events == (Event("anew", 2),)
    tx = store.last_tx
    with pytest.raises(Conflict):
        lose(lambda attempt: None)
    with pytest.raises(ZeroDivisionError):
        lose(lambda attempt: 1 / 0)
    with pytest.raises(InvalidValue, match="on_conflict"):
        lose(lambda attempt: "no graph")
    with pytest.raises(Conflict):
        lose(lambda attempt: attempt.head.patch(store.diff("g", "HEAD", 1)).patch(attempt.delta.inverse()))
    assert store.last_tx == tx + 4, "only the winners' versions"
    assert store.verify().ok


def test_many_rebased_writers_lose_nothing(store):
    with store.transaction("g", event="e") as graph:
        graph.add_node(id="0")

    def work(name):
        for n in range(25):
            with store.transaction("g", event="add", on_conflict=merged) as graph:
                graph.add_node(id=f"{name}-{n}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.at("g")) == 101
    assert store.head("g").version == 101


def test_a_stale_expected_version_cannot_heal(store):
    grown(store, "g", 2)
    calls = []
    with pytest.raises(Conflict):
        store.transact("g", calls.append, event="e", expected_version=1)
    assert calls == []


# -- what a store tells --------------------------------------------------------------------------------------------


def test_an_observer_hears_of_batches_flushes_conflicts_and_replays(tmp_path):
    heard: dict[str, list[float]] = {}
    with Store.open(
        tmp_path / "s", observe=lambda name, value: heard.setdefault(name, []).append(value)
    ) as store:
        grown(store, "g", 5)
        with pytest.raises(Conflict):
            store.commit([store.prepare("g", 2, store.at("g"), store.diff("g", 5, 5), [Event("late")])])
    with Store.open(
        tmp_path / "s", observe=lambda name, value: heard.setdefault(name, []).append(value)
    ) as store:
        store.at("g")
    assert sum(heard["batch_size"]) == 6
    assert heard["conflicts"] == [1]
    assert heard["replay_length"] == [5]
    assert len(heard["queue_depth"]) == len(heard["flush_seconds"]) == len(heard["commit_seconds"]) == 6
    assert all(
        0 <= flush <= all_
        for flush, all_ in zip(heard["flush_seconds"], heard["commit_seconds"], strict=True)
    )


def test_an_observer_that_fails_harms_nothing(tmp_path):
    with Store.open(tmp_path / "s", observe=lambda name, value: 1 / 0) as store:
        with pytest.warns(UserWarning, match="observer failed"):
            grown(store, "g", 1)
        grown(store, "g", 3, start=1)
        assert store.head("g").version == 4


def test_stats_count_what_is_there(store):
    grown(store, "g", 9)
    store.tag("g", "t")
    with store.transaction("h", event="e") as graph:
        graph.add_node(text="long " * 100)
    stats = store.stats()
    assert (stats.transactions, stats.graphs, stats.versions, stats.tags, stats.payloads) == (10, 2, 10, 1, 1)
    assert stats.saved_tries == 3
    assert stats.used > 0
    assert stats.store == store.id


def test_a_backup_made_while_writing_is_a_store_of_some_moment(store, tmp_path):
    grown(store, "g", 5)
    stop = threading.Event()

    def write():
        n = 5
        while not stop.is_set():
            grown(store, "g", 1, start=n)
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    store.backup(tmp_path / "copy")
    stop.set()
    writer.join()
    with Store.open(tmp_path / "copy") as copy:
        assert copy.id == store.id
        assert copy.last_tx >= 5
        assert [v.root for v in copy.history("g")] == [v.root for v in store.history("g")][: copy.last_tx]
        assert store.log.root(copy.last_tx) == copy.log.root()
        assert copy.verify().ok
        grown(copy, "g", 1, start=10_000)
    with pytest.raises(InvalidValue, match="already"):
        store.backup(tmp_path / "copy")


def test_compaction_gives_back_what_pruning_freed_and_needs_the_store_alone(tmp_path):
    path = tmp_path / "s"
    with Store.open(path) as store:
        for n in range(40):
            with store.transaction("g", event="e") as graph:
                graph.add_node(id=str(n), text=f"{n:05}" * 10_000)
        with pytest.raises(StoreBusy):
            Store.compact(path)
        for n in range(39):
            with store.transaction("g", event="e") as graph:
                graph.remove_node(str(n))
        grown(store, "g", 1)
        assert store.stats().payloads == 40
        store.prune("g", "HEAD")
        assert store.stats().payloads == 1, "what nothing refers to is collected"
        root = store.head("g").root
    before, after = Store.compact(path)
    assert after < before / 4
    with Store.open(path) as store:
        assert store.at("g").root == root
        assert store.verify().ok
        with pytest.raises(VersionPruned):
            store.at("g", 3)
        grown(store, "g", 3, start=1)


def _hold_open(path, opened, done):
    with Store.open(path):
        opened.set()
        done.wait()


def test_compaction_is_refused_while_another_process_has_it_open(tmp_path):
    with Store.open(tmp_path / "s") as store:
        grown(store, "g", 3)
    context = multiprocessing.get_context("spawn")
    opened, done = context.Event(), context.Event()
    child = context.Process(target=_hold_open, args=(tmp_path / "s", opened, done))
    child.start()
    opened.wait()
    with pytest.raises(StoreBusy):
        Store.compact(tmp_path / "s")
    done.set()
    child.join()
    Store.compact(tmp_path / "s")


def test_a_store_opened_read_only_answers_everything_and_writes_nothing(tmp_path):
    with Store.open(tmp_path / "s") as store:
        grown(store, "g", 3)
        store.tag("g", "t", 1)
    with Store.open(tmp_path / "s", read_only=True) as store:
        assert len(store.at("g", "TAG t")) == 1
        assert store.verify().ok
        assert store.log.size == 3
        store.backup(tmp_path / "copy")
        for write in (
            lambda: store.transact("g", lambda graph: graph.add_node(), event="e"),
            lambda: store.fork("g", "h"),
            lambda: store.tag("g", "u"),
            lambda: store.prune("g", 2),
            lambda: store.declare_index("A", "b"),
        ):
            with pytest.raises(InvalidValue, match="read-only"):
                write()
        assert store.last_tx == 3


def test_the_snapshot_interval_is_the_stores_own(tmp_path):
    with Store.open(tmp_path / "s", snapshot_every=2) as store:
        grown(store, "g", 4)
    with Store.open(tmp_path / "s") as store:
        grown(store, "g", 4, start=4)
        assert store.stats().saved_tries == 4
    with Store.open(tmp_path / "s", snapshot_every=8) as store:
        grown(store, "g", 8, start=8)
        assert store.stats().saved_tries == 5
    for bad in (0, -1):
        with pytest.raises(InvalidValue):
            Store.open(tmp_path / "t", snapshot_every=bad)
    assert not (tmp_path / "t").exists()


def test_commit_times_never_decrease_though_the_clock_does(tmp_path):
    times = iter([datetime(2030, 1, 1, tzinfo=UTC), *[datetime(2020, 1, 1, tzinfo=UTC)] * 9])
    with Store.open(tmp_path / "s", clock=lambda: next(times)) as store:
        grown(store, "g", 4)
        stamps = [version.time for version in store.history("g")]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] - stamps[0] == timedelta(microseconds=3)
