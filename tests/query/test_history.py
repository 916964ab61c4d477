"""The history of an element is every version that changed it, no more and no less; the log is every event."""

import pytest

from itonami.graphstore import Graph, Node, NotFound, Store, VersionPruned
from itonami.query import run
from itonami.query.history import history
from itonami.query.log import log


def states(store, graph):
    """(version, graph value) of every version that is kept, with what came before the first of them."""
    kept = []
    before = Graph()
    for version in store.history(graph):
        try:
            kept.append((version, store.at(graph, version.tx)))
        except VersionPruned:
            continue
    entry = store.commit_of(kept[0][0].tx).entry(graph)
    if entry.base is not None:
        before = store.at(*entry.base)
    elif kept[0][0].version > 1:
        before = kept[0][1].patch(entry.delta.inverse())
    return before, kept


def element(graph, id):
    return graph.find(id) or graph.find_edge(id)


def brute_force(store, graph, id):
    """(tx, was, is) of every kept version in which the element differs, and of the first where it was there."""
    before, kept = states(store, graph)
    was, rows = element(before, id), []
    for number, (version, state) in enumerate(kept):
        now = element(state, id)
        if now != was or (number == 0 and now is not None):
            rows.append((version.tx, was, now))
        was = now
    return rows


def ids(store, graph):
    before, kept = states(store, graph)
    return sorted({item.id for state in (before, *(state for _, state in kept)) for item in state.items()})


def test_history_is_every_version_that_changed_the_element(store, graph):
    assert ids(store, graph)
    for id in ids(store, graph):
        expected = brute_force(store, graph, id)
        if not expected:
            with pytest.raises(NotFound):
                history(store, graph, id)
            continue
        found = list(history(store, graph, id))
        assert [(row.tx, row.element) for row in found] == [(tx, now) for tx, _, now in expected]
        for row, (_, was, now) in zip(found, expected, strict=True):
            check(row, was, now)


def check(row, was, now):
    """A row says what it was and is: before and after are what differs, and lead from one to the other."""
    had, has = ({} if side is None else side.data for side in (was, now))
    if row.change == "present":
        assert was == now
        assert (row.before, row.after, row.labels_removed, row.labels_added) == ({}, {}, (), ())
        return
    assert {key: value for key, value in had.items() if key not in row.before} | row.after == has
    assert all(had[key] == value for key, value in row.before.items())
    assert all(key not in row.before or row.before[key] != value for key, value in row.after.items())
    assert row.change == ("added" if was is None else "removed" if now is None else row.change)
    if isinstance(was, Node) and isinstance(now, Node):
        assert was.labels - set(row.labels_removed) | set(row.labels_added) == now.labels
    assert row.events
    assert len(row.events) == len(row.rules)


def test_history_up_to_a_point_is_its_beginning(store):
    whole = list(history(store, "hand", "n1"))
    assert len(whole) > 10
    for until in (whole[0].tx, whole[4].tx, whole[5].tx - 1):
        assert list(history(store, "hand", "n1", until)) == [row for row in whole if row.tx <= until]


def test_history_names_the_events_and_rules_that_matched_the_element(store):
    rows = list(history(store, "poor", "flaky"))
    told = [(row.change, row.events[-1], row.rules[-1], row.element["status"]) for row in rows]
    assert told == [
        ("present", "ActivityScheduled", "activity_scheduled", "pending"),
        ("set", "ActivityScheduled", "activity_scheduled", "running"),
        ("set", "ActivityRetryScheduled", "activity_retried", "waiting"),
        ("set", "TimerFired", "activity_due", "running"),
        ("set", "ActivityRetryScheduled", "activity_retried", "waiting"),
        ("set", "TimerFired", "activity_due", "running"),
        ("set", "StepStarted", "seq_next", "succeeded"),
    ]
    assert rows[-1].after["output"] == {"through": True}


def test_what_was_never_there_is_not_found(store):
    for graph, id in (("hand", "n99"), ("nowhere", "n1")):
        with pytest.raises(NotFound):
            history(store, graph, id)


def test_the_log_is_every_event_in_order(store, graph):
    rows = list(log(store, graph))
    versions = list(store.history(graph))
    told = [(row.tx, row.seq, row.event, row.rule, row.match, row.params) for row in rows if row.event]
    assert told == [
        (version.tx, seq, event.name, event.rule, event.match, event.data)
        for version in versions
        for seq, event in enumerate(version.events)
    ]
    assert [row.tx for row in rows if row.event is None] == [v.tx for v in versions if v.pruned]
    some = versions[3].tx, versions[9 if len(versions) > 9 else -1].tx
    assert list(log(store, graph, *some)) == [row for row in rows if some[0] < row.tx <= some[1]]


def test_an_id_that_stands_only_in_values_and_matches_is_not_taken_for_a_change():
    with Store.memory() as store:
        for number in range(3):
            with store.transaction("g", event="made", data={"about": "n"}) as graph:
                graph.add_node(id=f"m{number}", of="n")
        with store.transaction("g", event="made") as graph:
            graph.add_node(id="n")
        assert [row.tx for row in history(store, "g", "n")] == [4]


def test_history_follows_an_element_from_node_to_node_and_from_kind_to_kind():
    with Store.memory() as store:
        with store.transaction("g", event="made") as graph:
            for id in "abc":
                graph.add_node("N", id=id)
        for source in "abca":
            with store.transaction("g", event="linked") as graph:
                if any(edge.id == "x" for edge in graph.edges()):
                    graph.remove_edge("x")
                graph.add_edge(source, "R", "a", id="x")
            store.transact("g", lambda graph: graph.update("b", v=store.last_tx), event="else")
            store.transact("g", lambda graph: graph.update("x", w=store.last_tx), event="set")
        store.transact("g", lambda graph: graph.remove_edge("x"), event="gone")
        store.transact("g", lambda graph: graph.update("b", v=0), event="else")
        store.transact("g", lambda graph: graph.add_node("N", id="x") and None, event="node")
        found = [(row.tx, row.element) for row in history(store, "g", "x")]
        assert found == [(tx, now) for tx, _, now in brute_force(store, "g", "x")]
        assert [row.change for row in history(store, "g", "x")] == [
            "added", "set", "replaced", "set", "replaced", "set", "replaced", "set", "removed", "added",
        ]  # fmt: skip


def test_history_reads_only_the_versions_that_touched_the_element(monkeypatch):
    with Store.memory() as store:
        with store.transaction("g", event="made") as graph:
            graph.add_node("N", id="a")
            graph.add_node("N", id="b")
        for number in range(60):
            store.transact(
                "g", lambda graph, n=number: graph.update("b" if n % 20 else "a", v=n), event="set"
            )
        read = []
        real = store.commit_of
        monkeypatch.setattr(store, "commit_of", lambda tx: read.append(tx) or real(tx))
        assert [row.tx for row in history(store, "g", "a")] == [1, 2, 22, 42]
        assert read == [1, 2, 22, 42]


def test_a_procedure_called_without_brackets_takes_its_parameters_as_far_as_they_are_given(store):
    graph = next(head.graph for head in store.graphs() if len(list(log(store, head.graph))) > 2)
    every = run(store, "CALL itonami.log()", graph=graph).rows
    assert run(store, "CALL itonami.log", graph=graph).rows == every
    since = every[-1][0] - 1
    later = run(store, "CALL itonami.log", graph=graph, params={"since": since}).rows
    assert later == tuple(row for row in every if row[0] > since) != every
    head = run(store, "CALL itonami.blame", graph=graph, params={"id": "@graph"}).rows
    early = run(store, "CALL itonami.blame", graph=graph, params={"id": "@graph", "at": every[0][0]}).rows
    assert (
        early
        == run(store, "CALL itonami.blame('@graph', null, $at)", graph=graph, params={"at": every[0][0]}).rows
    )
    assert early != head


def test_history_up_to_a_version_that_pruning_spared_begins_there():
    with Store.memory() as store:
        store.transact("g", lambda graph: graph.add_node("A", id="n", x=0) and None, event="a")
        for x in range(1, 6):
            store.transact("g", lambda graph, x=x: graph.update("n", x=x), event="b")
        store.tag("g", "kept", 3)
        store.prune("g", 5)
        (row,) = history(store, "g", "n", 3)
        assert (row.version, row.tx, row.change, row.element["x"], row.events) == (3, 3, "present", 2, ())
        assert list(history(store, "g", "n", "TAG kept")) == [row]
        assert [row.tx for row in history(store, "g", "n")] == [5, 6]
        with pytest.raises(NotFound, match="no version has a node or edge 'm'"):
            history(store, "g", "m", 3)
