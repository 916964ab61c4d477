"""The causal order of a run crosses its transactions: every linear extension of it leads to the same graph."""

from itertools import pairwise
from random import Random

import networkx
import pytest

from itonami.graphstore import HEADER, NotFound, Store
from itonami.query import run as query
from itonami.query.causes import cause_rows, causes, order_of
from itonami.query.events import events, place_id
from itonami.query.log import log
from itonami.query.pinned import rules_of
from itonami.rules import replayed
from itonami.rules.independence import dependence

RUNS = ("poor", "rich", "wide")


def random_extension(order, rng):
    waiting = {place: set(order.predecessors(place)) for place in order}
    extension = []
    while waiting:
        place = rng.choice(sorted(place for place, led in waiting.items() if not led))
        extension.append(place)
        del waiting[place]
        for led in waiting.values():
            led.discard(place)
    return extension


def base(store, graph):
    return store.at(*store.commit_of(next(store.history(graph)).tx).entry(graph).base)


@pytest.mark.parametrize("run", RUNS)
def test_every_linear_extension_of_a_runs_causes_replays_to_its_root(store, run):
    order, rng = order_of(store, run), Random(1)
    rules, start, root = rules_of(store, store.at(run)), base(store, run), store.head(run).root
    for _ in range(10):
        told = [order.events[place].event for place in random_extension(order.graph, rng)]
        assert replayed(start, rules, told).graph.root == root


def test_independent_branches_are_not_ordered(store):
    order = causes(store, "wide")
    ended = [place for place, said in order.nodes(data=True) if said["rule"] == "activity_completed"]
    assert len(ended) == 4
    assert not any(b in networkx.descendants(order, a) for a in ended for b in ended)
    extensions = {tuple(random_extension(order, Random(seed))) for seed in range(5)}
    assert len(extensions) > 1


def test_the_order_is_the_transitive_reduction_of_all_dependences(store, graph):
    order = order_of(store, graph)
    happened = list(order.events.values())
    full = networkx.DiGraph()
    full.add_nodes_from(order.events)
    for number, later in enumerate(happened):
        for earlier in happened[:number]:
            if dependence(earlier, later) is not None:
                full.add_edge(earlier.place, later.place)
    assert set(networkx.transitive_reduction(full).edges) == set(order.graph.edges)


@pytest.mark.parametrize("run", RUNS)
def test_the_order_is_over_all_events_of_the_log_and_leads_from_its_first_to_its_last(store, run):
    order, places = causes(store, run), [(row.tx, row.seq) for row in log(store, run)]
    assert list(order) == places
    assert all(cause < effect for cause, effect in order.edges)
    assert places[0] in networkx.ancestors(order, places[-1])


def test_the_causes_of_an_event_are_what_led_to_it(store):
    order = causes(store, "poor")
    failed = next(place for place, said in order.nodes(data=True) if said["name"] == "ActivityFailed")
    part = causes(store, "poor", failed)
    assert set(part) == {failed, *networkx.ancestors(order, failed)}
    assert set(causes(store, "poor", failed[0])) > set(part)
    rows = list(cause_rows(part))
    assert [(row.effect_tx, row.effect_seq) for row in rows] == sorted(
        (row.effect_tx, row.effect_seq) for row in rows
    )
    assert (rows[-1].effect_event, rows[-1].cause_event) == ("ActivityFailed", "ActivityScheduled")
    assert rows[-1].because.startswith("rule 'activity_scheduled' changed property")
    for nothing in (10**6, (failed[0], 99)):
        with pytest.raises(NotFound, match="no event"):
            causes(store, "poor", nothing)


def test_an_order_is_made_once_a_version(tmp_path):
    with Store.open(tmp_path / "s") as store:
        for number in range(3):
            with store.transaction("g", event=f"e{number}") as graph:
                graph.add_node(id=f"n{number}") if number < 2 else graph.update("n0", v=1)
        first = causes(store, "g")
        assert causes(store, "g") is first
        assert list(first.edges) == [((1, 0), (3, 0))]  # n1 has nothing to do with it
        assert list(causes(store, "g", at=2).edges) == []
        with pytest.raises(networkx.NetworkXError):
            first.add_edge((1, 0), (2, 0))


# -- events as a graph ----------------------------------------------------------------------------------------


def test_the_events_of_a_graph_are_a_graph(store, graph):
    found, order = events(store, graph), causes(store, graph)
    assert {node.id for node in found.nodes("Event")} == set(map(place_id, order))
    caused = {(edge.source, edge.target, edge["because"]) for edge in found.edges("CAUSES")}
    assert caused == {(place_id(a), place_id(b), said["because"]) for a, b, said in order.edges(data=True)}
    places = list(map(place_id, order))
    following = {edge.source: edge.target for edge in found.edges("NEXT")}
    assert following == dict(pairwise(places))
    for row in log(store, graph):
        if row.event is not None and place_id((row.tx, row.seq)) in found:
            node = found.node(place_id((row.tx, row.seq)))
            assert node.labels == {"Event", row.event}
            assert (node["name"], node["time"], node.get("rule")) == (row.event, row.time, row.rule)
    assert found.node(HEADER)["kind"] == "events"
    assert found.root == events(store, graph).root


def test_causes_are_matched_over_in_the_language(store):
    path = query(
        store,
        "USE events($run) MATCH p = (f:ActivityFailed)-[:CAUSES*]->(e:RunFailed) "
        "RETURN [n IN nodes(p) | n.name] AS names",
        params={"run": "poor"},
    ).rows
    assert path[0][0][:3] == ["ActivityFailed", "StepEnded", "UnwindingStarted"]
    text = "MATCH (e:Event) RETURN count(*), max(e.tx)"
    tx = store.version("poor", "HEAD~3").tx
    number = sum(1 for row in log(store, "poor") if row.tx <= tx)
    assert query(store, f"USE events('poor') AS OF TX {tx} {text}").rows == ((number, tx),)
    assert query(store, text, graph="events/poor", at=tx).rows == ((number, tx),)


def test_what_is_pruned_is_not_told_by_who_asked_before(tmp_path):
    text = "USE events('g') MATCH (e:Event) RETURN collect(e.tx)"
    told = "CALL itonami.causes() YIELD cause_tx RETURN collect(cause_tx)"
    with Store.open(tmp_path / "s") as store:
        for number in range(6):
            with store.transaction("g", event="put") as graph:
                graph.update("n", v=number) if number else graph.add_node(id="n")
        assert query(store, text).rows == (([1, 2, 3, 4, 5, 6],),)
        store.prune("g", 4)
        here = [query(store, each, graph="g").rows for each in (text, told)]
        assert causes(store, "g") is causes(store, "g")
    with Store.open(tmp_path / "s") as store:
        assert [query(store, each, graph="g").rows for each in (text, told)] == here
    assert here == [(([4, 5, 6],),), (([4, 5],),)]
