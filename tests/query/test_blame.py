"""The event that is blamed for a value really wrote it: a version before, it was another; and it was the last to."""

import pytest

from itonami.graphstore import Event, Graph, Head, NotFound, Store, VersionPruned
from itonami.query import EntityNotFound
from itonami.query import run as query
from itonami.query.blame import blame
from itonami.query.causes import causes
from itonami.query.pinned import rules_of
from itonami.rules import Match, Rule, RuleSet, apply, replay

MISSING = object()


def held(graph, row):
    """What a graph holds where a row of blame says."""
    element = graph.find(row.id) or graph.find_edge(row.id)
    if element is None:
        return MISSING
    if row.key is None:
        return True
    if row.key.startswith(":"):
        return True if row.key[1:] in element.labels else MISSING
    return element.data.get(row.key, MISSING)


def before(store, row):
    entry = store.commit_of(row.tx).entry(row.graph)
    if entry.base is not None:
        return store.at(*entry.base)
    return store.at(row.graph, row.tx).patch(entry.delta.inverse())


def everything(store, graph, at):
    state = store.at(graph, at)
    return [row for item in state.items() for row in blame(store, graph, item.id, at=at)]


def test_a_version_before_the_one_that_is_blamed_the_value_was_another(store, graph):
    last = store.head(graph).version
    for back in {0, last // 3, last // 2} - ({last // 2} if graph == "pruned" else set()):
        for row in everything(store, graph, f"HEAD~{back}"):
            now = held(store.at(row.graph, row.tx), row)
            assert now == row.value
            if row.event is not None:
                assert held(before(store, row), row) != row.value
                event = store.commit_of(row.tx).entry(row.graph).events[row.seq]
                assert (row.event, row.rule, row.match, row.params) == (
                    event.name,
                    event.rule,
                    event.match,
                    event.data,
                )


@pytest.mark.parametrize("run", ["poor", "rich", "wide"])
def test_the_value_appears_with_the_event_that_is_blamed_and_no_later_one_changes_it(store, run):
    rules = rules_of(store, store.at(run))
    for row in everything(store, run, "HEAD"):
        if row.rule is None:  # it came with the definition
            assert row.graph.startswith("definition/")
            continue
        head = Head.of(before(store, row))
        events = store.commit_of(row.tx).entry(run).events
        seen = []
        for event in events:
            replay(head, rules, [(event.rule, event.match, event.data or {})])
            seen.append(held(Graph().replaced([*head.nodes(), *head.edges()]), row))
        start = held(before(store, row), row)
        assert ([start, *seen])[row.seq] != row.value
        assert all(value == row.value for value in seen[row.seq :])


def test_the_failure_is_blamed_on_the_activity_that_failed(store):
    (row,) = blame(store, "poor", "@graph", "status")
    assert (row.value, row.event, row.rule) == ("failed", "RunFailed", "run_failed")
    led = [(cause["event"], cause["rule"]) for cause in row.cause]
    assert led[-1] == ("UnwindingEnded", "unwinding_ended")
    assert ("ActivityCompleted", "activity_completed") in led  # of `undo`: what set this transaction off
    assert all(cause["because"].startswith("rule ") for cause in row.cause)
    names = [said["rule"] for _, said in causes(store, "poor", (row.tx, row.seq)).nodes(data=True)]
    assert "activity_failed" in names

    (row,) = blame(store, "poor", "charge", "error")
    assert (row.event, row.match, row.value["message"]) == ("ActivityFailed", ("charge",), "no money")
    assert [(cause["event"], cause["match"]) for cause in row.cause] == [("ActivityScheduled", ["charge"])]


def test_a_value_is_blamed_as_of_a_point_in_time(store):
    values = {blame(store, "poor", "flaky", "attempt", at=tx)[0].value for tx in attempts(store)}
    assert values == {1, 2, 3}
    (last,) = blame(store, "poor", "flaky", "attempt")
    assert (last.event, last.rule, last.value) == ("TimerFired", "activity_due", 3)


def attempts(store):
    return [v.tx for v in store.history("poor") if "attempt" in store.at("poor", v.tx).node("flaky").data]


def test_a_property_that_is_gone_is_blamed_on_who_took_it(store):
    (row,) = blame(store, "rich", "flaky", "state")
    assert (row.value, row.event, row.rule) == (None, "ActivityCompleted", "activity_completed")
    with pytest.raises(NotFound, match="never had 'stat'"):
        blame(store, "rich", "flaky", "stat")


def test_a_node_that_is_gone_is_blamed_on_who_removed_it():
    with Store.memory() as store:
        with store.transaction("g", event="made") as graph:
            graph.add_node(id="n", v=1)
        with store.transaction("g", event="lost", cause="a storm", author="sea") as graph:
            graph.remove_node("n")
        (row,) = blame(store, "g", "n")
        assert (row.key, row.value, row.event, row.origin, row.author) == (
            None,
            None,
            "lost",
            "a storm",
            "sea",
        )


def test_free_edits_name_their_event_and_what_was_recorded_as_its_cause(store):
    for row in everything(store, "hand", "HEAD"):
        assert row.event.startswith("edit ")
        assert (row.seq, row.rule, row.author, row.cause) == (0, None, "me", ())
        assert row.origin == {"n": store.version("hand", row.tx).version - 1}


def test_what_came_with_a_fork_is_blamed_where_it_was_made(store):
    graphs = {row.graph for row in everything(store, "fork", "HEAD")}
    assert graphs == {"fork", "hand"}


def test_what_was_there_before_the_past_was_pruned_has_no_event(store):
    rows = everything(store, "pruned", "HEAD")
    assert {row.event is None for row in rows} == {True, False}
    with pytest.raises(VersionPruned):
        blame(store, "pruned", "n1", at=next(store.history("pruned")).tx)


COUNT = """
rule count external match (c:Counter) set c.n = c.n + 1
rule same external match (c:Counter) set c.n = c.n
"""


def test_an_event_that_wrote_what_was_there_is_not_blamed():
    rules = RuleSet.parse(COUNT)
    with Store.memory() as store:
        with store.transaction("g", event="made") as graph:
            graph.add_node("Counter", id="c", n=0)
        head = Head.of(store.at("g"))
        fired = [(rules[name], Match(rules[name], ("c",))) for name in ("same", "count", "same", "same")]
        for rule, match in fired:
            apply(head, rule, match, {})
        events = [Event(rule.event, None, rule.name, match.ids) for rule, match in fired]
        after = store.at("g").replaced(*head.touched())
        store.commit([store.prepare("g", 2, after, head.delta(), events)])
        (row,) = blame(store, "g", "c", "n", rules=rules)
        assert (row.tx, row.seq, row.rule, row.value) == (2, 1, "count", 1)
        assert [(cause["rule"], cause["seq"]) for cause in row.cause][-1] == ("same", 0)
        (unexplained,) = blame(
            store, "g", "c", "n"
        )  # nobody pinned the rules: the transaction is all we know
        assert (unexplained.tx, unexplained.seq, unexplained.cause) == (2, 0, ())
        assert isinstance(rules["count"], Rule)


@pytest.fixture
def copy(store, tmp_path):
    """A copy of the store, to be written to."""
    with Store.open(store.backup(tmp_path / "copy")) as store:
        yield store


def test_a_run_whose_past_was_pruned_is_explained_from_where_it_begins(store, copy):
    whole = {(row.id, row.key): row for row in everything(store, "poor", "HEAD")}
    copy.prune("poor", "HEAD~2")
    first = next(version for version in copy.history("poor") if not version.pruned)
    for row in everything(copy, "poor", "HEAD"):
        known = whole[row.id, row.key]
        assert row.value == known.value
        if known.graph == "poor" and known.tx >= first.tx:
            assert row[:-1] == known[:-1]
            assert set(place(row)) <= set(place(known))
        else:
            assert (row.tx, row.event, row.cause) == (first.tx, None, ())
    assert min(causes(copy, "poor"))[0] == first.tx


def place(row):
    return [(cause["tx"], cause["seq"]) for cause in row.cause]


def test_a_fork_of_a_run_blames_the_run_and_the_run_its_definition(copy):
    copy.fork("poor", "other", "HEAD~3")
    with copy.transaction("other", event="patched", author="hand") as graph:
        graph.update("charge", status="succeeded")
    rows = everything(copy, "other", "HEAD")
    assert {row.graph.split("/")[0] for row in rows} == {"other", "poor", "definition"}
    (row,) = [row for row in rows if row.graph == "other"]
    assert (row.id, row.key, row.event, row.author) == ("charge", "status", "patched", "hand")
    assert row.rule is None


@pytest.fixture
def spared(tmp_path):
    """A store in which pruning spared TX 2 of `g`, where the fork `f` begins."""
    with Store.open(tmp_path / "spared") as store:
        store.transact("g", lambda graph: graph.add_node("A", id="n", x=1) and None, event="a")
        store.transact("g", lambda graph: graph.add_node("A", id="m", x=1) and None, event="b")
        store.fork("g", "f", at=2)
        for x in (2, 3):
            store.transact("g", lambda graph, x=x: graph.update("m", x=x), event="c")
        store.transact("g", lambda graph: graph.remove_node("n"), event="d")
        store.prune("g", 5)
        yield store


def test_what_a_fork_has_of_a_version_that_pruning_spared_has_no_event(spared):
    for id in "nm":
        (row,) = blame(spared, "f", id, "x")
        assert (row.value, row.graph, row.tx, row.event, row.cause) == (1, "g", 2, None, ())
    assert [row.key for row in blame(spared, "g", "n", at=2)] == [None, ":A", "x"]
    with pytest.raises(NotFound, match="graph 'f': 'n' never had 'y'; it has, or had, x"):
        blame(spared, "f", "n", "y")


def test_a_fork_of_a_fork_is_blamed_where_the_past_ends(spared):
    spared.fork("f", "h", at=3)
    for x in (2, 3):
        spared.transact("f", lambda graph, x=x: graph.update("m", x=x), event="e")
    spared.prune("f", "HEAD")
    (row,) = blame(spared, "h", "n", "x")
    assert (row.value, row.graph, row.tx, row.event) == (1, "f", 3, None)


def test_a_query_says_in_which_graph_an_element_never_was(spared):
    with pytest.raises(EntityNotFound, match="graph 'f': 'n' never had 'y'"):
        query(spared, "CALL itonami.blame('n', 'y')", graph="f")
    with pytest.raises(EntityNotFound, match="graph 'g': no version has a node or edge 'z'"):
        query(spared, "CALL itonami.history('z', 'g')", graph="f")
