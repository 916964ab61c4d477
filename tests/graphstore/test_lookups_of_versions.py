"""The lookups of a version are those derived anew from its elements, whichever version they were followed from."""

import random
import threading

import pytest

from itonami.graphstore import Graph, Store
from itonami.graphstore.cache import RELATED_VERSIONS
from itonami.graphstore.errors import Corrupt, NotFound
from itonami.graphstore.lookup import Lookup, Spread

LABELS = "ABC"


def changed(store, name, rng):
    """One transaction: elements come, change, get other labels, and go with their edges."""
    with store.transaction(name, event="changed") as graph:
        ids = [node.id for node in graph.nodes()]
        for _ in range(rng.randrange(1, 6)):
            id = f"n{rng.randrange(40)}"
            if id not in ids:
                graph.add_node(*rng.sample(LABELS, rng.randrange(3)), id=id, n=rng.randrange(3))
                ids.append(id)
            elif rng.random() < 0.2:
                graph.remove_node(id, detach=True)
                ids.remove(id)
            elif rng.random() < 0.5:
                graph.update(id, n=rng.randrange(99))
            else:
                graph.add_edge(id, rng.choice(LABELS), rng.choice(ids))


def plain(spread: Spread) -> dict:
    kept = {found.id: found for found in spread.values()}
    assert len(kept) == spread.count
    assert all(spread.get(id) is found for id, found in kept.items())
    return kept


def into(lookup: Lookup, ids) -> dict:
    return {id: lookup.into.get(id) for id in ids if lookup.into.get(id)}


def check(graph: Graph, ordered=(None, *LABELS)) -> None:
    found, anew = graph.lookup(), Lookup.of(graph.items())
    nodes, edges = plain(anew.nodes), plain(anew.edges)
    assert plain(found.nodes) == nodes
    assert plain(found.edges) == edges
    assert into(found, nodes) == into(anew, nodes)
    for mine, other in (
        (found.nodes_by_label, anew.nodes_by_label),
        (found.edges_by_label, anew.edges_by_label),
    ):
        assert {label: plain(spread) for label, spread in mine.items()} == {
            label: plain(spread) for label, spread in other.items()
        }
    for label in ordered:
        assert found.ordered(label) == anew.ordered(label)


@pytest.mark.parametrize("seed", range(12))
def test_lookups_in_any_order_are_those_derived_anew(tmp_path, seed):
    rng = random.Random(seed)
    path = tmp_path / "s"
    store = Store.open(path, snapshot_every=rng.choice([2, 7, 64]))
    names = ["g"]
    changed(store, "g", rng)
    for step in range(150):
        act = rng.random()
        name = rng.choice(names)
        if act < 0.4:
            changed(store, name, rng)
        elif act < 0.44 and len(names) < 4:
            kept = [v.tx for v in store.history(name) if not v.pruned]
            names.append(f"f{step}")
            store.fork(name, names[-1], at=rng.choice(kept))
        elif act < 0.46:
            store.snapshot(name)
        elif act < 0.48:
            store.prune(name, rng.choice(list(store.history(name))[-8:]).tx)
        elif act < 0.51:
            store.close()
            store = Store.open(path)
        else:
            version = rng.choice([v for v in store.history(name) if not v.pruned])
            graph = store.at(name, version.tx)
            check(graph, rng.sample([None, *LABELS], rng.randrange(5)))
            assert graph.root == version.root
            assert Graph().replaced(graph.items()).root == version.root
    assert store.verify().ok
    store.close()


def grown(path, versions):
    with Store.open(path, snapshot_every=4) as store:
        with store.transaction("g", event="made") as graph:
            for n in range(500):
                graph.add_node(*(["Even"] if n % 2 == 0 else []), id=f"n{n}", n=n)
            for n in range(500):
                graph.add_edge(f"n{n}", "NEXT", f"n{(n + 1) % 500}")
        for n in range(versions):
            with store.transaction("g", event="set") as graph:
                graph.update(f"n{n}", n=-n)


def counted(monkeypatch):
    """How many elements were derived anew from, each time."""
    sizes = []
    derive = Lookup.of.__func__

    def counting(cls, items):
        items = list(items)
        sizes.append(len(items))
        return derive(cls, items)

    monkeypatch.setattr(Lookup, "of", classmethod(counting))
    return sizes


def test_one_version_is_derived_anew_and_all_others_follow_it(tmp_path, monkeypatch):
    grown(tmp_path / "s", 40)
    sizes = counted(monkeypatch)
    with Store.open(tmp_path / "s") as store:
        for tx in [20, 1, 41, 19, 21, 5, 33]:
            assert len(store.at("g", tx)) == 500
        store.fork("g", "fork", at=20)
        with store.transaction("fork", event="set") as graph:
            graph.update("n7", n=7)
        assert len(store.at("fork")) == 500
        assert sizes == [1_000]


def test_lookups_are_remembered_of_few_versions(tmp_path, monkeypatch):
    grown(tmp_path / "s", 40)
    sizes = counted(monkeypatch)
    with Store.open(tmp_path / "s") as store:
        graphs = [store.at("g", tx) for tx in range(1, 42)]
        for graph in graphs:
            assert len(list(graph.nodes("Even"))) == 250
        assert sum(graph.known is not None for graph in graphs) == RELATED_VERSIONS
        for graph in graphs:  # who forgot them derives them again
            assert len(list(graph.nodes("Even"))) == 250
        assert sizes == [1_000]


def test_a_version_whose_trie_is_pruned_meanwhile_is_still_followed(tmp_path, monkeypatch):
    grown(tmp_path / "s", 40)
    sizes = counted(monkeypatch)
    with Store.open(tmp_path / "s") as store:
        store.at("g", 3).lookup()
        store.at("g", 18).lookup()
        store.prune("g", 30)
        check(store.at("g", 35))
        assert len(sizes) == 2  # one of them is the check's own


def test_an_order_follows_without_sorting_all_again():
    evolver = Graph().evolver()
    for n in range(1_000):
        evolver.add_node("A", id=f"n{n:04}")
    graph = evolver.persistent()
    graph.lookup().ordered("A")
    graph.lookup().ordered(None)
    for n in (5, 500, 999):
        evolver = graph.evolver()
        evolver.remove_node(f"n{n:04}")
        evolver.add_node("A", id=f"n{n:04}b")
        evolver.update(f"n{n - 1:04}", n=1)
        graph = evolver.persistent()
    assert set(graph.lookup()._orders) == {"A", None}
    check(graph)


def test_what_a_tick_raises_leaves_nothing_derived(tmp_path):
    grown(tmp_path / "s", 4)
    with Store.open(tmp_path / "s") as store:
        graph = store.at("g", 2)

        def refuse(_):
            raise NotFound("out of time")

        with pytest.raises(NotFound):
            graph.lookup(refuse)
        assert graph.known is None
        heard = []
        graph.lookup(heard.append)
        assert sum(heard) == 1_000
        check(graph)
        with pytest.raises(NotFound):
            store.at("g", 4).lookup(refuse)
        assert store.at("g", 4).known is None
        check(store.at("g", 4))


def test_threads_that_ask_for_the_same_versions_get_the_same(tmp_path):
    grown(tmp_path / "s", 24)
    wrong = []
    with Store.open(tmp_path / "s") as store:

        def ask(seed):
            rng = random.Random(seed)
            try:
                for _ in range(40):
                    tx = rng.randrange(1, 26)
                    values = [node.data["n"] for node in store.at("g", tx).nodes()]
                    if sum(value < 0 for value in values) != max(0, tx - 2):
                        wrong.append(tx)
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_tampered_element_is_found_while_lookups_are_derived(tmp_path):
    grown(tmp_path / "s", 4)
    with Store.open(tmp_path / "s") as store:

        def tamper(txn):
            at, data = next((at, data) for at, data in txn.scan("nodes") if b"n250" in data)
            txn.put("nodes", at, data.replace(b"n250", b"n251"))

        store._backend.write(tamper)
        graph = store.at("g", 4)
        for _ in range(2):
            with pytest.raises(Corrupt):
                graph.lookup()
        assert graph.known is None
        assert graph.find("n7").data["n"] == 7
