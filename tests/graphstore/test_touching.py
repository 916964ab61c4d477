"""`touching` names every kept version that changed an element, wherever it was, and few others."""

from random import Random

import pytest

from itonami.graphstore import NotFound, Store
from itonami.graphstore.past import MANY, marks_of

IDS = [f"n{number}" for number in range(6)]
EDGES = [f"e{number}" for number in range(4)]


def edited(store, graph, seed, times):
    """Random edits; some versions touch so many nodes that they have no marks."""
    rng = Random(seed)
    for _ in range(times):
        with store.transaction(graph, event="edit") as evolver:
            edges = {edge.id: edge for edge in evolver.edges()}
            node, edge = rng.choice(IDS), rng.choice(EDGES)
            present = [id for id in IDS if id in evolver]
            if node not in evolver:
                evolver.add_node("A", id=node)
            elif rng.random() < 0.2:
                evolver.remove_node(node, detach=True)
            elif edge in edges:
                evolver.remove_edge(edge) if rng.random() < 0.5 else evolver.update(edge, v=rng.random())
            elif len(present) > 1:
                evolver.add_edge(node, "R", rng.choice(present), id=edge)
            if rng.random() < 0.1:
                for number in range(80):
                    evolver.add_node("Many", id=f"many{number}-{rng.random()}")


def changed(store, graph, id):
    """(tx, nodes that it was at) of every kept version after the first in which the element differs."""
    found, before = [], None
    for version in store.history(graph):
        try:
            state = store.at(graph, version.tx)
        except NotFound:
            continue
        if before is not None:
            was, now = (g.find(id) or g.find_edge(id) for g in (before, state))
            if was != now:
                places = {getattr(element, "source", id) for element in (was, now) if element is not None}
                found.append((version.tx, places))
        before = state
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with Store.open(tmp_path_factory.mktemp("touching") / "s", snapshot_every=9) as store:
        edited(store, "whole", 1, 150)
        edited(store, "other", 2, 5)
        edited(store, "pruned", 3, 120)
        store.tag("pruned", "kept", store.version("pruned", "HEAD~90").tx)
        store.prune("pruned", "HEAD~70")
        store.fork("whole", "fork", store.version("whole", "HEAD~50").tx)
        edited(store, "fork", 4, 60)
        yield store


@pytest.mark.parametrize("graph", ["whole", "pruned", "fork"])
def test_no_version_that_changed_an_element_is_missed(store, graph):
    changes = {id: changed(store, graph, id) for id in IDS + EDGES}
    assert sum(map(len, changes.values())) > 40
    for id, found in changes.items():
        assert {tx for tx, _ in found} <= set(store.touching(graph, id))
        for place in IDS:
            assert {tx for tx, places in found if place in places} <= set(store.touching(graph, id, place))


@pytest.mark.parametrize("graph", ["whole", "pruned", "fork"])
def test_the_first_version_that_is_kept_is_always_there_and_others_only_if_they_name_the_element(
    store, graph
):
    kept = [version.tx for version in store.history(graph) if not version.pruned]
    assert list(store.touching(graph, "nothing")) == kept[:1]
    assert list(store.touching(graph, "nothing", "n1")) == kept[:1]
    whole = list(store.touching(graph, "n1", "n1"))
    assert whole == sorted(set(whole))
    assert set(whole) <= set(kept)
    for since in (0, *whole[1:5], kept[-1]):
        assert list(store.touching(graph, "n1", "n1", since)) == [tx for tx in whole if tx > since]


def test_versions_that_touched_very_many_nodes_are_looked_into(store):
    deltas = {v.tx: store.commit_of(v.tx).entry("whole").delta for v in store.history("whole")}
    many = [tx for tx, delta in deltas.items() if marks_of(delta) == MANY]
    assert len(many) > 3
    named = next(node.id for node in deltas[many[1]].added_nodes if node.id.startswith("many"))
    assert set(store.touching("whole", named, named)) == {next(iter(deltas)), many[1]}


def test_more_versions_than_are_looked_through_at_once(monkeypatch, store):
    whole = list(store.touching("whole", "n2", "n2"))
    monkeypatch.setattr("itonami.graphstore.reading.LOOKED_THROUGH", 7)
    assert list(store.touching("whole", "n2", "n2")) == whole


def test_what_is_not_there_is_not_found_at_once(store):
    with pytest.raises(NotFound):
        store.touching("nowhere", "n1")


def test_names_are_told_by_how_they_begin(store):
    assert store.names() == ["fork", "other", "pruned", "whole"]
    assert store.names("o") == ["other"]
    assert store.names("", 2) == ["fork", "other"]
    assert store.names("x") == []
