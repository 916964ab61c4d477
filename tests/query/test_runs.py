"""Runs found by workflow, status, time and attributes are those that a look at every graph finds."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from itonami.graphstore import HEADER, InvalidValue, NotFound, Store
from itonami.graphstore.care import reindex
from itonami.query import ArgumentError, EntityNotFound, Procedure, QueryTypeError
from itonami.query import run as query
from itonami.query.blame import blame
from itonami.query.causes import cause_rows, causes
from itonami.query.diff import diff
from itonami.query.history import history
from itonami.query.log import log
from itonami.query.procedures import PROCEDURES
from itonami.query.runs import RECENT, runs
from itonami.query.values import from_store

START = datetime(2030, 1, 1, tzinfo=UTC)
WORKFLOWS, STATUSES = ("order", "wide"), ("running", "failed", "succeeded")
DECLARED = [(), (("status",)), (("kind", "workflow", "status", "started"))]


def put(store, name, **header):
    with store.transaction(name, event="put") as graph:
        if HEADER in graph:
            graph.update(HEADER, **header)
        else:
            graph.add_node(HEADER, id=HEADER, **header)


def made(store):
    """Eighteen runs and what is no run, half of them moved on since."""
    for number, (workflow, status, n) in enumerate(product(WORKFLOWS, STATUSES, range(3))):
        started, attributes = START + timedelta(hours=number), {"n": n, "text": str(n)}
        put(store, f"run{number}", kind="run", workflow=workflow, status="running", started=started)
        put(store, f"run{number}", status=status, attributes=attributes)
    put(store, "definition/order/1", kind="definition", workflow="order", status="pending")
    put(store, "inbox/run1", kind="inbox", status="running")
    with store.transaction("bare", event="put") as graph:
        graph.add_node("A")


def brute_force(store, at, wanted):
    found = []
    for version in store.graphs(at):
        header = store.at(version.graph, version.tx).header
        attributes = header.get("attributes") or {}
        asked = {key: value for key, value in wanted.items() if key != "attributes"}
        asked |= wanted.get("attributes", {})
        since, until = asked.pop("since", START), asked.pop("until", START + timedelta(days=99))
        fields = {key: header.get(key) for key in ("workflow", "status") if key in asked}
        if header.get("kind") == "run" and since <= header["started"] <= until:
            has = attributes | fields
            if all(key in has and has[key] == value for key, value in asked.items()):
                found.append(version.graph)
    return found


FILTERS = [
    {},
    {"workflow": "order"},
    {"status": "failed"},
    {"workflow": "wide", "status": "succeeded"},
    {"workflow": "none"},
    {"n": 2},
    {"n": 2, "text": "2", "status": "running"},
    {"n": "2"},
    {"attributes": {"missing": None}},
    {"attributes": {"n": 1}, "text": "1"},
    {"since": START + timedelta(hours=5)},
    {"until": START + timedelta(hours=5), "workflow": "order"},
    {"since": START + timedelta(hours=3), "until": START + timedelta(hours=3), "n": 0},
]


@pytest.mark.parametrize("declared", DECLARED, ids=["no index", "one index", "all indices"])
def test_runs_are_those_that_a_look_at_every_graph_finds(declared):
    with Store.memory() as store:
        for key in declared:
            store.declare_index(HEADER, key)
        made(store)
        for wanted in FILTERS:
            for at in (None, store.last_tx, 20, 7):
                assert [row.run for row in runs(store, at, **wanted)] == brute_force(store, at, wanted), (
                    wanted
                )


def test_an_index_makes_a_question_cheap_and_never_decides_it():
    with Store.memory() as store:
        store.declare_index(HEADER, "status")
        made(store)
        sound = [row.run for row in runs(store, status="failed")]
        store._backend.write(lambda txn: [txn.delete("index", key) for key, _ in list(txn.scan("index"))])
        assert list(runs(store, status="failed")) == []  # what is not in it is not found
        reindex(store)
        assert [row.run for row in runs(store, status="failed")] == sound
        put(store, sound[0], status="succeeded")
        assert [row.run for row in runs(store, status="failed")] == sound[1:]


def test_a_row_says_when_a_run_was_started_and_moved(store):
    rows = {row.run: row for row in runs(store)}
    assert rows.keys() == {"poor", "rich", "wide", "again"}
    poor = rows["poor"]
    assert (poor.workflow, poor.status, poor.attributes) == ("order", "failed", {"customer": "poor", "n": 4})
    assert poor.started <= poor.ended <= poor.updated
    assert poor.tx == store.head("poor").tx
    assert [row.status for row in runs(store, store.version("poor", "HEAD~2").tx)] == ["running"]


def test_times_without_a_zone_are_refused(store):
    with pytest.raises(InvalidValue, match="zone"):
        runs(store, since=datetime(2030, 1, 1))


# -- the same as procedures -----------------------------------------------------------------------------------


def asked(store, text, graph="poor", **settings):
    return query(store, text, graph=graph, **settings)


def plain(rows):
    """Rows as the language has them."""
    return tuple(tuple(listed(value) for value in row) for row in rows)


def listed(value):
    if isinstance(value, tuple | list):
        return [listed(item) for item in value]
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return from_store(value)


def test_procedures_say_what_the_functions_say(store):
    tx = store.version("poor", "HEAD~4").tx
    for text, rows in (
        ("CALL itonami.log()", log(store, "poor")),
        (f"CALL itonami.log({tx})", log(store, "poor", tx)),
        ("CALL itonami.log(null, 'HEAD~4')", log(store, "poor", None, tx)),
        ("CALL itonami.log(null, null, 'wide')", log(store, "wide")),
        ("CALL itonami.history('flaky')", history(store, "poor", "flaky")),
        (f"CALL itonami.diff({tx})", diff(store, "poor", tx)),
        (f"CALL itonami.diff({tx}, 'HEAD', 'rich')", diff(store, "poor", tx, other="rich")),
        ("CALL itonami.blame('charge', 'status')", blame(store, "poor", "charge", "status")),
        ("CALL itonami.blame('charge')", blame(store, "poor", "charge")),
        ("CALL itonami.causes()", cause_rows(causes(store, "poor"))),
        (f"CALL itonami.causes({tx}, 0)", cause_rows(causes(store, "poor", (tx, 0)))),
        ("CALL itonami.runs()", runs(store)),
        ("CALL itonami.runs({status: 'failed', customer: 'poor'})", runs(store, status="failed")),
    ):
        expected = list(rows)
        result = asked(store, text)
        assert result.columns == type(expected[0])._fields
        assert result.rows == plain(expected), text


def test_where_the_query_reads_the_past_so_do_its_procedures(store):
    tx = store.version("poor", "HEAD~4").tx
    assert asked(store, "CALL itonami.log()", at=tx).rows == plain(log(store, "poor", until=tx))
    assert asked(store, "CALL itonami.runs()", at=tx).rows == plain(runs(store, tx))
    status = asked(store, "CALL itonami.blame('charge', 'status') YIELD value", at=tx).rows
    assert status == ((store.at("poor", tx).node("charge")["status"],),)


def test_procedures_take_their_arguments_from_rows(store):
    text = "MATCH (s:Activity) CALL itonami.history(id(s)) YIELD tx RETURN id(s) AS id, count(tx) AS n ORDER BY id"
    assert asked(store, text).rows == tuple(
        (id, len(list(history(store, "poor", id)))) for id in ("charge", "flaky", "greet", "undo")
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("CALL itonami.history('nothing')", EntityNotFound),
        ("CALL itonami.log(null, null, 'nowhere')", EntityNotFound),
        ("CALL itonami.log('yesterday')", ArgumentError),
        ("CALL itonami.log(true)", QueryTypeError),
        ("CALL itonami.history(1)", QueryTypeError),
        ("CALL itonami.diff(null)", QueryTypeError),
        ("CALL itonami.causes('x')", QueryTypeError),
        ("CALL itonami.runs([1])", QueryTypeError),
    ],
)
def test_what_a_procedure_cannot_do_is_said_with_its_place(store, text, error):
    with pytest.raises(error) as raised:
        asked(store, text)
    assert raised.value.line == 1


def test_a_graph_value_has_no_history(store):
    with pytest.raises(EntityNotFound, match="no history"):
        query(store.at("poor"), "CALL itonami.log()")
    with pytest.raises(NotFound):
        log(store, "nowhere")


def test_procedures_read_the_graph_and_the_point_that_use_names(store):
    tx = store.version("poor", "HEAD~4").tx
    found = query(store, f"USE run('poor') AS OF TX {tx} CALL itonami.log() YIELD tx, seq RETURN tx, seq")
    assert found.rows == tuple((row.tx, row.seq) for row in log(store, "poor", until=tx))
    found = query(store, "USE run('rich') CALL itonami.history('charge') YIELD tx RETURN tx", graph="poor")
    assert found.rows == tuple((row.tx,) for row in history(store, "rich", "charge"))


# -- keys that may be mistaken --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("{staus: 'failed'}", "no run has the search attribute 'staus'.*; did you mean `status`?"),
        ("{custmer: 'poor'}", "did you mean `customer`?"),
        ("{colour: 'red'}", "workflow, status, since, until, at, attributes; .*attributes: {colour: ...}"),
        ("{attributes: 7}", "attributes are a map"),
    ],
)
def test_a_key_that_no_run_has_is_taken_for_a_mistake(store, where, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        asked(store, f"CALL itonami.runs({where})")
    assert caught.value.line == 1


def test_attributes_under_their_own_key_may_have_any_names(store):
    assert asked(store, "CALL itonami.runs({attributes: {colour: 'red'}})").rows == ()
    assert asked(store, "CALL itonami.runs({customer: 'nobody'})").rows == ()
    found = asked(store, "CALL itonami.runs({attributes: {customer: 'rich', n: 4}}) YIELD run").rows
    assert found == (("rich",),)
    assert [row.run for row in runs(store, attributes={"customer": "rich"})] == ["rich"]
    with pytest.raises(InvalidValue, match="did you mean `status`"):
        list(runs(store, staus="failed"))
    with Store.memory() as empty:
        assert query(empty, "CALL itonami.runs({customer: 17})").rows == ()


def test_the_engine_declares_what_runs_are_asked_by(store):
    assert {name for name, node in store.indexed_range(HEADER, "started") if node == HEADER} == {
        row.run for row in runs(store)
    }


def test_records_are_read_only_of_the_runs_that_are_found(monkeypatch):
    with Store.memory() as store:
        store.declare_index(HEADER, "kind")
        made(store)
        read = []
        version = store.version
        monkeypatch.setattr(store, "version", lambda name, at: read.append(name) or version(name, at))
        found = [row.run for row in runs(store, n=2, text="2")]
        assert read == found
        assert len(found) == 6


# -- a snapshot -----------------------------------------------------------------------------------------------


def started(store, number):
    put(store, f"r{number}", kind="run", workflow="w", status="running", attributes={"n": number})


def meanwhile(context, source):
    put(source.store, "r2", status="done", attributes={})
    started(source.store, 9)
    yield (1,)


MEANWHILE = dict(PROCEDURES) | {"test.put": Procedure("test.put", (), ("done",), meanwhile)}


@pytest.mark.parametrize("declared", DECLARED, ids=["no index", "one index", "all indices"])
@pytest.mark.parametrize(
    "text",
    [
        "CALL test.put() YIELD done CALL itonami.runs({%s}) YIELD run, status, tx",
        "CALL itonami.runs({%s}) YIELD run, status, tx CALL test.put() YIELD done",
    ],
    ids=["before", "between the rows"],
)
@pytest.mark.parametrize("where", ["", "status: 'running'", "workflow: 'w'", "n: 2", "attributes: {n: 2}"])
def test_runs_are_those_of_one_transaction_whatever_is_committed_meanwhile(declared, text, where):
    with Store.memory() as store:
        for key in declared:
            store.declare_index(HEADER, key)
        for number in range(3):
            started(store, number)
        found = query(store, text % where + " RETURN run, status, tx", procedures=MEANWHILE).rows
        assert found == tuple((f"r{n}", "running", n + 1) for n in (range(3) if "n:" not in where else (2,)))
        put(store, "r2", status="running", attributes={"n": 2})
        found = query(
            store, "CALL test.put() YIELD done CALL itonami.runs({status: 'done'}) YIELD run RETURN run",
            procedures=MEANWHILE,
        )  # fmt: skip
        assert found.rows == ()


def test_a_key_is_taken_for_a_mistake_by_the_runs_that_the_query_sees():
    with Store.memory() as store:
        started(store, 2)
        text = "CALL test.put() YIELD done CALL itonami.runs({n: 7}) YIELD run RETURN run"
        assert query(store, text, procedures=MEANWHILE).rows == ()  # r2 had it


def test_of_a_moment_long_ago_all_graphs_are_read():
    with Store.memory() as store:
        store.declare_index(HEADER, "status")
        for number in range(3):
            started(store, number)
        put(store, "r1", status="done")
        for _ in range(RECENT + 1):
            put(store, "other", n=store.last_tx)
        assert [row.run for row in runs(store, 3, status="running")] == ["r0", "r1", "r2"]
        assert [row.run for row in runs(store, status="running")] == ["r0", "r2"]


# -- headers that anybody wrote -------------------------------------------------------------------------------

ODD = {
    "a": {"status": True, "started": "yesterday", "attributes": [1, 2]},
    "b": {"status": 1, "started": 7, "attributes": "text"},
    "c": {"status": 1.0, "workflow": [1], "attributes": {"c": 1}},
    "d": {"status": "x" * 300, "workflow": 7, "started": START, "attributes": None},
}
ODD_QUESTIONS = [
    ({}, "abcd"),
    ({"since": START}, "d"),
    ({"until": START}, "d"),
    ({"c": 1}, "c"),
    ({"c": True}, ""),
    ({"status": True}, "a"),
    ({"status": 1}, "b"),
    ({"status": 1.0}, "c"),
    ({"status": "x" * 299}, ""),
    ({"status": "x" * 300}, "d"),
    ({"workflow": [1]}, "c"),
    ({"workflow": 7.0}, ""),
]


@pytest.mark.parametrize("declared", DECLARED, ids=["no index", "one index", "all indices"])
def test_what_a_header_says_is_compared_and_never_trusted(declared):
    with Store.memory() as store:
        for key in declared:
            store.declare_index(HEADER, key)
        for name, header in ODD.items():
            put(store, name, kind="run", **header)
        for wanted, found in ODD_QUESTIONS:
            assert [row.run for row in runs(store, **wanted)] == list(found), wanted
        assert [row.attributes for row in runs(store)] == [{}, {}, {"c": 1}, {}]
        with pytest.raises(InvalidValue, match="no run has the search attribute 't'"):
            list(runs(store, t=1))


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("since: localdatetime('2026-01-01T00:00')", "since is a time with a zone, not a local datetime"),
        ("until: date('2026-01-01')", "until is a time with a zone, not a date"),
        ("since: '2026-01-01'", "since is a time with a zone, not a string"),
        ("c: date('2026-01-01')", "c is a date, which no store holds"),
        ("status: time('12:00')", "status is a time, which no store holds"),
        ("attributes: {due: [localtime('12:00')]}", "due is a local time, which no store holds"),
    ],
)
def test_a_time_that_no_store_holds_is_refused_by_its_name_in_the_language(store, where, says):
    with pytest.raises(QueryTypeError, match=rf"{says}; use datetime\(\.\.\.\)"):
        asked(store, f"CALL itonami.runs({{{where}}})")


# -- procedures under USE events ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "itonami.log() YIELD tx AS a, event AS b",
        "itonami.log(null, 'HEAD~2') YIELD tx AS a, event AS b",
        "itonami.history('charge') YIELD tx AS a, change AS b",
        "itonami.blame('charge', 'status') YIELD tx AS a, event AS b",
        "itonami.causes() YIELD cause_tx AS a, because AS b",
        "itonami.diff('HEAD~2') YIELD id AS a, key AS b",
        "itonami.runs() YIELD run AS a, status AS b",
    ],
)
@pytest.mark.parametrize("point", ["", " AS OF HEAD~1"])
def test_under_the_events_of_a_graph_procedures_read_the_graph(store, call, point):
    expected = query(store, f"USE run('poor'){point} CALL {call} RETURN a, b").rows
    assert expected
    assert query(store, f"USE events('poor'){point} CALL {call} RETURN a, b").rows == expected
    if not point:
        assert query(store, f"CALL {call} RETURN a, b", graph="events/poor").rows == expected
