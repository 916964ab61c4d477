"""What a process remembers of a store is what stands there, whoever commits, fails or is interrupted."""

import os
import random
import threading
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest

from itonami.graphstore import Conflict, Store, cache
from itonami.graphstore.errors import StoreFull
from itonami.graphstore.memory import Memory


def of_one_moment():
    return datetime(2026, 1, 31, tzinfo=UTC)


def write(store, name, n):
    """A prepared first version of a graph."""
    evolver = store.checkout(name)[1].evolver()
    evolver.add_node("N", id="n", n=n)
    reason = store._event(event="made", data=None, cause=None, author=None)
    return [store.prepare(name, 1, evolver.persistent(), evolver.delta(), [reason])]


def failing(store, monkeypatch, error, often=lambda: True):
    """Have write transactions end with an error when all was done in them."""
    commit = store._backend.write

    def failing_write(work):
        def failing_work(txn):
            result = work(txn)
            if often():
                raise error
            return result

        return commit(failing_work)

    monkeypatch.setattr(store._backend, "write", failing_write)


def test_what_another_committed_in_place_of_a_failed_commit_is_read(monkeypatch):
    """The clock stands still, and both batches end alike: with the same record, and the same leaf of the log."""
    backend = Memory()
    mine, other = (Store(backend, clock=of_one_moment) for _ in range(2))
    with mine.transaction("first", event="made") as evolver:
        evolver.add_node("N", id="n", n=0)
    with monkeypatch.context() as patch:
        failing(mine, patch, StoreFull("no space"))
        with pytest.raises(StoreFull):
            mine._writer.commit([write(mine, "g", 1), write(mine, "last", 0)])
    expected = mine._cache._expected
    other._writer.commit([write(other, "g", 2), write(other, "last", 0)])
    assert expected.id == mine.last_id
    assert expected.places["last"] == other._cache.standing(None, "last")
    assert mine.checkout("g")[1].root == other.checkout("g")[1].root
    assert mine.checkout("g")[1].node("n")["n"] == 2
    with mine.transaction("g", event="set") as evolver:
        evolver.update("n", n=3)
    assert other.verify().ok


def test_an_interrupted_reader_leaves_nothing_of_a_later_moment(monkeypatch):
    store = Store.memory()
    for n in (1, 2):
        store.transact(
            "g", lambda g, n=n: g.update("n", n=n) if "n" in g else g.add_node(id="n"), event="set"
        )
    with store._backend.read() as earlier:
        trim, calls = cache._trim, []

        def interrupted(kept, limit):
            calls.append(limit)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return trim(kept, limit)

        monkeypatch.setattr(cache, "_trim", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.transact("g", lambda g: g.update("n", n=3), event="set")
        assert store._cache.place(earlier, "g").version == 2
    assert store.checkout("g")[0] == 3
    assert store.checkout("g")[1].node("n")["n"] == 3


def count_up(store, seed, rounds):
    """Versions of which each says its number, and other transactions in between."""
    rng = random.Random(seed)
    for _ in range(rounds):
        name = rng.choice(["g", "h"])
        act = rng.random()
        try:
            if act < 0.8:
                store.transact(name, counted, event="counted")
            elif act < 0.9:
                store.tag(name, f"t{rng.randrange(3)}")
            elif act < 0.95:
                store.prune(name, store.head(name).tx)
            else:
                store.declare_index("N", f"k{rng.randrange(3)}")
        except (StoreFull, Conflict):
            continue


def counted(evolver):
    if "n" in evolver:
        evolver.update("n", n=evolver.node("n")["n"] + 1)
    else:
        evolver.add_node("N", id="n", n=1)
    evolver.add_node("Filling", text=os.urandom(200).hex())


def count_elsewhere(path, seed, rounds):
    with Store.open(path) as store:
        count_up(store, seed, rounds)


def test_heads_are_true_while_processes_and_threads_commit_and_fail(tmp_path, monkeypatch):
    path, wrong, done = tmp_path / "s", [], threading.Event()
    with Store.open(path, snapshot_every=7) as store:
        for name in ("g", "h"):
            store.transact(name, counted, event="counted")
        rng = random.Random(0)
        failing(store, monkeypatch, StoreFull("no space"), lambda: rng.random() < 0.2)

        def look():
            seen = {"g": 0, "h": 0}
            try:
                while not done.wait(0.0005):
                    for name in seen:
                        version, graph = store.checkout(name)
                        if not seen[name] <= version == graph.node("n")["n"]:
                            wrong.append((name, seen[name], version, graph.node("n")["n"]))
                        seen[name] = version
            except BaseException as error:
                wrong.append(error)

        lookers = [threading.Thread(target=look) for _ in range(2)]
        workers = [threading.Thread(target=count_up, args=(store, seed, 60)) for seed in (1, 2)]
        child = get_context("spawn").Process(target=count_elsewhere, args=(path, 3, 120))
        child.start()
        for thread in (*lookers, *workers):
            thread.start()
        for thread in workers:
            thread.join()
        child.join()
        done.set()
        for thread in lookers:
            thread.join()
        assert wrong == []
        assert child.exitcode == 0
        monkeypatch.undo()
        assert store.verify().ok
        for name in ("g", "h"):
            version, graph = store.checkout(name)
            assert version == graph.node("n")["n"] == store.head(name).version
            assert graph.root == store.head(name).root
