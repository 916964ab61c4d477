"""The lookups of a version are those derived anew from its elements, whichever version they were followed from."""

import copy
import gc
import pickle
import random
import threading
import weakref

import pytest

from itonami.graphstore import Graph, Store
from itonami.graphstore.cache import RELATED_GRAPHS, RELATED_VERSIONS
from itonami.graphstore.delta import EMPTY
from itonami.graphstore.errors import Corrupt, NotFound, StoreClosed
from itonami.graphstore.lookup import Lookup, Spread
from itonami.graphstore.records import Event

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

    def counting(cls, items, tick=None):
        items = list(items)
        sizes.append(len(items))
        return derive(cls, items, tick)

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


def values_of(store):
    """Versions that are in memory: one committed, one that followed it, one read, and a fork."""
    with store.transaction("g", event="made") as graph:
        for n in range(6):
            graph.add_node("A", id=f"n{n}", n=n)
    made = store.at("g")
    with store.transaction("g", event="set") as graph:
        graph.update("n1", n=7)
    store.fork("g", "fork")
    with store.transaction("fork", event="set") as graph:
        graph.update("n1", n=8)
    return made, store.at("g"), store.at("g", 1), store.at("fork")


def test_a_graph_value_outlives_its_store(tmp_path):
    for store in (Store.open(tmp_path / "s"), Store.memory()):
        values = values_of(store)
        store.close()
        assert [sum(node.data["n"] for node in graph.nodes("A")) for graph in values] == [15, 21, 15, 22]
        for graph in values:
            check(graph)


def test_whatever_is_wrong_with_other_versions_a_graph_has_its_lookups(tmp_path):
    with Store.open(tmp_path / "s") as store:
        graph = values_of(store)[-1]

        def tamper(txn):  # the record that says where the fork starts
            key, value = txn.last("commits")
            txn.put("commits", (int.from_bytes(key, "big") - 1).to_bytes(8, "big"), value[:-9])

        store._backend.write(tamper)
        check(graph)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_a_copy_is_the_elements_alone(tmp_path, duplicate):
    grown(tmp_path / "s", 9)
    with Store.open(tmp_path / "s") as store:
        versions = [store.at("g", tx) for tx in range(1, 11)]
        assert len(versions[4]) == 500
        copies = [duplicate(graph) for graph in versions]
        unread = store.at("g", 10)
        with store.transaction("g", event="set") as graph:
            graph.update("n0", n=1)
        copies.append(duplicate(store.at("g")))
        versions.append(store.at("g"))
    for graph, found in zip(versions, copies, strict=True):
        assert found == graph
        assert found.known is None
        check(found)
    assert duplicate(Graph()) == Graph()
    with Store.open(tmp_path / "s") as store:
        unread = store.at("g", 5)
    with pytest.raises(StoreClosed):
        duplicate(unread)


def test_a_kept_graph_does_not_keep_the_cache(tmp_path):
    grown(tmp_path / "s", 5)
    with Store.open(tmp_path / "s") as store:
        with store.transaction("g", event="set") as graph:
            graph.update("n0", n=1)
        kept = [store.at("g"), store.at("g", 2), store.at("g", 5)]
        kept[0].lookup()
        cache = weakref.ref(store._cache)
    del store, graph
    gc.collect()
    assert cache() is None
    assert len(kept[0]) == 500


def test_lookups_do_not_follow_a_version_that_shares_little(tmp_path, monkeypatch):
    grown(tmp_path / "s", 0)
    with Store.open(tmp_path / "s") as store:
        with store.transaction("g", event="few") as graph:
            for n in range(100):
                graph.update(f"n{n}", n=-n)
        with store.transaction("g", event="many") as graph:
            for n in range(200, 400):
                graph.update(f"n{n}", n=-n)
        with store.transaction("g", event="other") as graph:
            for n in range(500):
                graph.remove_node(f"n{n}", detach=True)
            for n in range(900):
                graph.add_node("Other", id=f"o{n}")
    sizes = counted(monkeypatch)
    with Store.open(tmp_path / "s") as store:
        for tx in (1, 2, 3, 4):
            assert len(list(store.at("g", tx).nodes("Even"))) == (250 if tx < 4 else 0)
        assert sizes == [1_000, 1_000, 900]  # of TX 1, and of 3 and 4, which share too little
        for tx in (1, 2, 3, 4):
            check(store.at("g", tx))


def test_the_tick_may_end_the_following_of_lookups_anywhere():
    with Store.memory() as store:
        for first, last in ((0, 1_500), (1_500, 1_800)):
            with store.transaction("g", event="grown") as evolver:
                for n in range(first, last):
                    evolver.add_node("A", id=f"n{n}")
                for n in range(first, last - 1):
                    evolver.add_edge(f"n{n}", "NEXT", f"n{n + 1}")
        store.at("g", 1).lookup()
        graph = store.at("g")
        heard = []
        graph.lookup(heard.append)
        assert sum(heard) == 599  # it was read what differs
        assert heard.count(0) > 10  # and then made something of
        for at in [1, 300, *range(595, len(heard))]:
            left = iter(range(at))

            def tick(read, left=left):
                if next(left, None) is None:
                    raise NotFound("out of time")

            graph.forget()
            with pytest.raises(NotFound):
                graph.lookup(tick)
            assert graph.known is None
        check(graph)


def test_labels_that_nobody_has_leave_nothing(tmp_path):
    grown(tmp_path / "s", 0)
    with Store.open(tmp_path / "s") as store:
        graph = store.at("g")
        for n in range(100):
            assert list(graph.nodes(f"L{n}")) == []
        assert len(list(graph.nodes("Even"))) == 250
        with store.transaction("g", event="set") as evolver:
            evolver.update("n1", n=0)
        after = store.at("g").lookup()
        assert graph.lookup()._ordered.keys() == {"Even"}
        assert after._ordered.keys() == {"Even"}


def test_lookups_are_remembered_of_few_graphs():
    with Store.memory() as store:
        graphs = []
        for n in range(RELATED_GRAPHS + 20):
            with store.transaction(f"g{n}", event="made") as evolver:
                evolver.add_node("A", id="n")
            graphs.append(store.at(f"g{n}"))
            assert len(graphs[-1]) == 1
        assert [graph.known is None for graph in graphs] == [True] * 20 + [False] * RELATED_GRAPHS
        assert sum(len(graph) for graph in graphs) == len(graphs)
        assert sum(graph.known is not None for graph in graphs) == RELATED_GRAPHS


def test_a_version_that_is_read_twice_has_its_lookups_once(tmp_path):
    grown(tmp_path / "s", 3)
    with Store.open(tmp_path / "s") as store:
        first = store.at("g", 2)
        first.lookup()
        store._cache._graphs.clear()
        second = store.at("g", 2)
        second.lookup()
        assert second is not first
        assert first.known is None
        check(first)
        check(second)


def test_one_value_of_many_versions_keeps_its_lookups():
    with Store.memory() as store:
        with store.transaction("g", event="made") as evolver:
            evolver.add_node("A", id="n")
        graph = store.at("g")
        lookup = graph.lookup()
        for version in range(2, 2 + 2 * RELATED_VERSIONS):
            store.commit([store.prepare("g", version, graph, EMPTY, [Event("seen")])])
        for n in range(RELATED_GRAPHS + 1):
            store.fork("g", f"fork{n}")
        assert store.at("g") is graph
        assert graph.lookup() is lookup
