"""One place says what a point means: for graphs and procedures alike, as of the transaction the query began after."""

from datetime import UTC, datetime, timedelta

import pytest

from itonami.graphstore import NotFound, Store
from itonami.query import ArgumentError, EntityNotFound, Procedure, QueryError, run
from itonami.query.engine.source import StoreSource
from itonami.query.procedures import PROCEDURES


@pytest.fixture
def store():
    with Store.memory() as store:
        put(store, 0)
        for number in range(1, 5):
            put(store, number)
        store.tag("g", "third", 3)
        yield store


def put(store, v):
    store.transact(
        "g",
        lambda graph: graph.update("a", v=v) if v else graph.add_node("A", id="a", v=0) and None,
        event="put",
    )


def meanwhile(context, source):
    put(source.store, 99)
    yield (1,)


MEANWHILE = dict(PROCEDURES) | {"test.put": Procedure("test.put", (), ("done",), meanwhile)}

POINTS = ["HEAD", "head", "HEAD~1", "head~1", " HEAD~1 ", "TX 3", "tx 3", 3, "3", "TAG third"]
CALLS = [
    "CALL itonami.log() YIELD tx RETURN max(tx) AS tx",
    "CALL itonami.history('a') YIELD tx RETURN max(tx) AS tx",
    "CALL itonami.blame('a', 'v') YIELD tx RETURN max(tx) AS tx",
    "CALL itonami.causes() YIELD effect_tx RETURN max(effect_tx) AS tx",
    "CALL itonami.diff(1) YIELD after RETURN after + 1 AS tx",
    "CALL itonami.log(null, $point) YIELD tx RETURN max(tx) AS tx",
    "CALL itonami.blame('a', 'v', $point) YIELD tx RETURN max(tx) AS tx",
    "CALL itonami.diff(1, $point) YIELD after RETURN after + 1 AS tx",
    "MATCH (n) RETURN n.v + 1 AS tx",
    "USE graph('g') AS OF $point CALL itonami.log() YIELD tx RETURN max(tx) AS tx",
    "USE events('g') MATCH (n:Event) RETURN max(n.tx) AS tx",
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_procedure_reads_the_point_that_a_graph_would_be_read_at(store, point, call):
    expected = store.version("g", point).tx
    found = run(store, call, graph="g", at=point, params={"point": point})
    assert found.rows == ((expected,),)


@pytest.mark.parametrize("point", ["HEAD", "HEAD~1", 99, "TX 99", datetime(2090, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("call", CALLS)
def test_what_is_committed_while_a_query_runs_is_not_seen_by_its_procedures(store, point, call):
    expected = run(store, call, graph="g", at=point, params={"point": point}).rows
    if call.startswith("USE"):
        head, _, _ = call.partition(" CALL ") if " CALL " in call else call.partition(" MATCH ")
        text = f"{head} CALL test.put() YIELD done{call[len(head) :]}"
    else:
        text = f"CALL test.put() YIELD done {call}"
    found = run(store, text, graph="g", at=point, params={"point": point}, procedures=MEANWHILE)
    assert found.rows == expected
    assert store.at("g").node("a")["v"] == 99


def test_the_source_tells_moments_of_all_graphs(store):
    source = StoreSource(store, "g", "HEAD~2")
    put(store, 99)
    assert [source.moment(point) for point in (None, "HEAD", 2, "TX 77")] == [3, 5, 2, 5]
    assert source.moment(datetime.now(UTC) + timedelta(days=1)) == 5
    assert StoreSource(store, None, "HEAD").moment() == store.last_tx
    for point in ("HEAD~2", "TAG third"):
        with pytest.raises(ArgumentError, match="one graph"):
            source.moment(point)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("MATCH (n) AS OF TX (-1) RETURN n", ArgumentError, "-1 is no TxId; they count from 1"),
        ("USE graph('g') AS OF TX (0 - 5) MATCH (n) RETURN n", ArgumentError, "-5 is no TxId"),
        ("CALL itonami.log(-2)", ArgumentError, "-2 is no TxId"),
        ("CALL itonami.runs({at: -1})", ArgumentError, "-1 is no TxId"),
        ("CALL itonami.causes(null, 0)", ArgumentError, "event 0 of no transaction; give its TxId"),
        ("CALL itonami.causes(99)", EntityNotFound, "there is no event 99"),
        ("MATCH (n) AS OF 'HEAD~-1' RETURN n", ArgumentError, "no point in time"),
        ("MATCH (n) AS OF HEAD~99 RETURN n", EntityNotFound, "no version at that point"),
        ("MATCH (n) AS OF TX 0 RETURN n", EntityNotFound, "no version at that point"),
    ],
)
def test_what_is_no_point_and_no_event_is_said_where_it_stands(store, text, error, says):
    with pytest.raises(error) as caught:
        run(store, text, graph="g")
    assert says in str(caught.value)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "at", [-1, True, 1.5, "yesterday", datetime(2026, 1, 1), "HEAD~\u0661", "TX \u0663", "\u0663"]
)
def test_what_is_no_point_is_refused_in_python_too(store, at):
    for text in ("MATCH (n) RETURN n", "CALL itonami.log()", "USE events('g') MATCH (n) RETURN n"):
        with pytest.raises(ArgumentError):
            run(store, text, graph="g", at=at)


@pytest.mark.parametrize("now", [datetime(2026, 1, 1), "2026-01-01", 7])
def test_the_moment_of_a_statement_has_a_zone(store, now):
    with pytest.raises(ArgumentError, match=r"now= .* tzinfo"):
        run(store, "RETURN datetime() AS t", now=now)
    assert run(store, "RETURN datetime().year AS y", now=datetime(2030, 1, 1, tzinfo=UTC)).rows == ((2030,),)


MISSING = [
    ("MATCH (n) RETURN n", {"graph": "ordr-17"}),
    ("USE graph('ordr-17') MATCH (n) RETURN n", {}),
    ("USE events('ordr-17') MATCH (n) RETURN n", {}),
    ("CALL itonami.log()", {"graph": "ordr-17"}),
    ("CALL itonami.history('x', 'ordr-17')", {}),
    ("CALL itonami.diff(1, 2, 'ordr-17', 'g')", {}),
    ("CALL itonami.parted('ordr-17', 'g')", {}),
    ("USE run('ordr-17') AS OF HEAD~1 MATCH (n) RETURN n", {}),
]


@pytest.mark.parametrize(("text", "settings"), MISSING)
def test_a_graph_that_is_not_there_is_one_error_with_the_name_that_may_be_meant(store, text, settings):
    store.transact("order-17", lambda graph: graph.add_node("A") and None, event="made")
    for kind in (EntityNotFound, NotFound, QueryError, KeyError, LookupError):
        with pytest.raises(kind) as caught:
            run(store, text, **settings)
        assert "there is no graph 'ordr-17'; did you mean `order-17`?" in str(caught.value)
