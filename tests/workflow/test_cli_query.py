"""`history`, `blame`, `causes`, `diff --with`, `query` and `reindex` from outside: real commands on a real store."""

import csv
import io
import json
import shlex
import xml.etree.ElementTree as ElementTree

import pytest
from cli_process import Commands
from test_cli import ACTIVITIES, WORKFLOWS, workflow

from itonami.graphstore import Store
from itonami.query import blame, causes, history, log
from itonami.query.causes import cause_rows
from itonami.workflow.cli.output import plain


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands as processes of one nursery."""
    made = Commands(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, commands):
    """A folder with a store in which one run failed, after a retry, and two succeeded."""
    path = tmp_path_factory.mktemp("query")
    (path / "activities.py").write_text(ACTIVITIES)
    for name, strategy in WORKFLOWS.items():
        (path / f"{name}.json").write_text(workflow(name, strategy))
    for id, name, code in (("d", "doomed", 1), ("g", "greeting", 0), ("h", "greeting", 0)):
        given = json.dumps({"name": id})
        ended = commands(
            "run", f"{name}.json", "--id", id, "--activities", "activities.py", "--input", given, cwd=path
        )
        assert ended.code == code, ended.err
    return path


@pytest.fixture
def ask(commands, folder):
    """Run a command in the folder, which must end with a code."""

    def run(*argv, code=0):
        ended = commands(*argv, cwd=folder)
        assert ended.code == code, ended
        return ended

    return run


@pytest.fixture
def store(folder):
    with Store.open(folder / "state.itonami", read_only=True) as store:
        yield store


def documents(rows):
    return json.loads(json.dumps([plain(row._asdict()) for row in rows]))


def test_blame_names_the_event_the_rule_and_the_cause_of_a_value(ask, store):
    assert ask("blame", "d", "charge", "--json").json == documents(blame(store, "d", "charge"))
    told = ask("blame", "d", "@graph", "status").out.splitlines()
    assert told[0] == '@graph.status = "failed"'
    assert "RunFailed  run_failed  @graph" in told[1]
    assert told[2] == "  because of"
    assert "UnwindingEnded: rule 'unwinding_ended' changed property 'phase' of '@graph'" in told[3]
    everything = ask("blame", "d", "charge").out
    assert "TimerFired" in everything
    assert "DefinitionRegistered" in everything
    earlier = ask("blame", "d", "charge", "attempt", "--at", "HEAD~2", "--json").json
    assert (earlier[0]["value"], earlier[0]["event"]) in ((1, "ActivityScheduled"), (2, "TimerFired"))


def test_history_tells_every_change_of_a_node(ask, store):
    rows = list(history(store, "d", "charge"))
    found = ask("history", "d", "charge", "--json").json
    assert [(row["tx"], row["change"], row["after"]) for row in found] == [
        (row.tx, row.change, plain(row.after)) for row in rows
    ]
    assert found[-1]["element"]["properties"]["status"] == "failed"
    told = ask("history", "d", "charge").out
    assert told.count("\nTX ") + 1 == len(rows)
    assert 'status: "running" -> "waiting"' in told


@pytest.mark.parametrize("format", ["text", "dot", "svg"])
def test_causes_are_told_and_drawn(ask, store, format):
    last = store.head("d").tx
    drawn = ask("causes", "d", last, "--format", format).out
    document = ask("causes", "d", last, "--format", format, "--json").json
    assert document["causes"] == documents(cause_rows(causes(store, "d", last)))
    assert [(e["tx"], e["seq"]) for e in document["events"]] == [(r.tx, r.seq) for r in log(store, "d")]
    if format == "text":
        assert "because of" in drawn
        assert "drawing" not in document
        return
    assert document["drawing"].rstrip("\n") == drawn.rstrip("\n")
    assert "ActivityRetryScheduled" in drawn
    if format == "svg":
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
    else:
        assert drawn.startswith("digraph")


def test_one_event_of_a_transaction_is_named_by_its_place(ask, store):
    first = next(log(store, "d"))
    assert [e["event"] for e in ask("causes", "d", f"{first.tx}.0", "--json").json["events"]] == [
        "RunStarted"
    ]


def test_diff_with_another_run_tells_where_they_parted(ask):
    found = ask("diff", "g", "HEAD", "HEAD", "--with", "h", "--json").json
    assert found["parted"]["common"] == 0
    assert [found["parted"][side]["params"]["inputs"] for side in "ab"] == [{"name": "g"}, {"name": "h"}]
    assert {change["id"] for change in found["nodes"]["set"]} >= {"@graph", "greet"}
    told = ask("diff", "g", "HEAD", "--with", "h").out
    assert told.startswith("the logs part after 0 events\n- ")
    assert ask("diff", "g", "HEAD", "--with", "g").out == "the logs say the same\n"
    assert "parted" not in ask("diff", "g", "HEAD~1", "--json").json


def test_a_query_is_printed_as_table_json_and_csv(ask):
    text = "MATCH (s:Activity) WHERE s.status = $status RETURN id(s) AS step, s.attempt, s.error.type AS why"
    asked = ("query", text, "--run", "d", "--param", "status=failed")
    assert ask(*asked).out.splitlines() == [
        "step    s.attempt  why",
        "charge  2          ConnectionError",
    ]
    expected = {"columns": ["step", "s.attempt", "why"], "rows": [["charge", 2, "ConnectionError"]]}
    assert ask(*asked, "--json").json == expected
    assert ask(*asked, "--format", "json").json == expected
    rows = list(csv.reader(io.StringIO(ask(*asked, "--format", "csv").out)))
    assert rows == [expected["columns"], ["charge", "2", "ConnectionError"]]
    then = ask("query", "MATCH (s:Activity) RETURN count(s.output)", "--run", "g", "--at", "HEAD~1", "--json")
    assert then.json["rows"] == [[0]]


def test_a_query_names_its_graph_asks_procedures_and_reads_the_log_as_a_graph(ask, folder):
    (folder / "path.cypher").write_text(
        "MATCH p = (:ActivityRetryScheduled)-[:CAUSES*]->(:RunFailed) RETURN length(p) AS steps LIMIT 1"
    )
    assert ask("query", "@path.cypher", "--run", "events/d", "--json").json["rows"][0][0] > 3
    (folder / "marked.cypher").write_text("RETURN 1 AS x", encoding="utf-8-sig")
    assert ask("query", "@marked.cypher", "--json").json["rows"] == [[1]]
    runs = ask("query", "CALL itonami.runs({status: 'succeeded'}) YIELD run RETURN run", "--json").json[
        "rows"
    ]
    assert runs == [["g"], ["h"]]
    text = "USE run('d') CALL itonami.blame('charge', 'status') YIELD event, rule RETURN event, rule"
    assert ask("query", text, "--json").json["rows"] == [["ActivityFailed", "activity_failed"]]
    assert "Call" in ask("query", "EXPLAIN CALL itonami.runs() YIELD run RETURN run").out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["query", "MATCH (n RETURN n", "--run", "d"], "line 1, column 10"),
        (["query", "CREATE (n)", "--run", "d"], "rules"),
        (["query", "RETURN $x", "--run", "d"], "$x"),
        (["query", "MATCH (n) RETURN n"], "names no graph; pass --run RUN"),
        (["query", "CALL itonami.log()"], "names no graph; pass --run RUN"),
        (["query", "RETURN 1", "--run", "dd"], "there is no run 'dd'"),
        (["query", "RETURN 1", "--run", "events/dd"], "there is no run 'dd'"),
        (["query", "RETURN 1", "--run", "d", "--at", "never"], "no point in time"),
        (["query", "RETURN 1", "--param", "x"], "KEY=VALUE"),
        (["query", "@nothing.cypher"], "nothing.cypher"),
        (["blame", "d", "charg"], "charg"),
        (["blame", "d", "charge", "statu"], "never had 'statu'"),
        (["history", "d", "nothing"], "nothing"),
        (["causes", "d", "first"], "no event"),
        (["causes", "d", "999"], "no event 999"),
        (["diff", "g", "HEAD", "--with", "x"], "there is no run 'x'"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(ask, argv, said):
    told = ask(*argv, code=2)
    assert said in told.err
    assert told.out == ""
    assert "Traceback" not in told.err
    error = ask(*argv, "--json", code=2).json["error"]
    assert error["what"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100", 100), ("-1.5e3", -1500.0), ("true", True), ("null", None), (' [1, "a"]', [1, "a"]),
        ('{"a": {"b": 2}}', {"a": {"b": 2}}), ('"17"', "17"), ("17a", "17a"), ("007", "007"), ("", ""),
        ("nullable", "nullable"), ("2026-01-31", "2026-01-31"), ("a=b", "a=b"), ("é", "é"),
    ],
)  # fmt: skip
def test_a_parameter_is_json_where_it_looks_so_and_else_a_text(ask, text, value):
    assert ask("query", "RETURN $p AS p", "--param", f"p={text}", "--json").json["rows"] == [[value]]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        (["p={a:1"], "--param p:1:2: no JSON"),
        (["p=[1, 2"], "--param p:1:"),
        (['p="a'], "--param p:1:1: no JSON"),
        (['p={"a": 1, "a": 2}'], "'a' stands twice"),
        (["p=1e999"], "1e999 is too large"),
        (["p=[-1e999]"], "1e999 is too large"),
        (["p=NaN"], "NaN is no JSON number"),
        (["p=-Infinity"], "-Infinity is no JSON number"),
        (["p=" + "9" * 5_000], "too many digits"),
        (["p=" + "9" * 30], "beyond 64 bits"),
        (["p=" + "[" * 100_000], "nests too deeply"),
        (["p=" + "[" * 400 + "]" * 400], "deep"),
        (['p="\\ud800"'], "surrogate"),
        (['p={"\\udfff": 1}'], "surrogate"),
        (["p=\udc80"], "surrogate"),
        (["p=1", "p=2"], "'p' is given twice"),
        (["=1"], "KEY=VALUE"),
        (["x" * 5_000], "KEY=VALUE"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_parameter_that_is_none_is_refused_in_a_sentence(ask, params, says):
    argv = ["query", "RETURN $p AS p", *(part for param in params for part in ("--param", param))]
    told = ask(*argv, code=2)
    assert says in told.err
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert len(told.err) < 400
    assert ask(*argv, "--json", code=2).json["error"]["fix"]


def test_a_query_that_wants_more_than_it_may_names_the_option_that_gives_it(ask):
    rows = ("query", "UNWIND range(1, 50) AS x RETURN x")
    assert "--rows N" in ask(*rows, "--rows", "20", code=2).err
    assert "Limits" not in ask(*rows, "--rows", "20", code=2).err
    assert ask(*rows, "--rows", "20", "--json", code=2).json["error"]["fix"].endswith("--rows N")
    assert len(ask(*rows, "--rows", "50", "--json").json["rows"]) == 50
    forever = "UNWIND range(1, 1000000000) AS x RETURN max(x)"
    assert "longer than 0.2 s; ask for less (LIMIT), or raise it: --seconds N" in (
        ask("query", forever, "--seconds", "0.2", code=2).err
    )
    held = "UNWIND range(1, 100000) AS x RETURN collect(x)"
    assert "--values N" in ask("query", held, "--values", "1000", code=2).err
    assert "--steps N" in ask("query", forever, "--steps", "1000", code=2).err
    assert "--rows: the limit rows is 0; give a positive number" in ask(*rows, "--rows", "0", code=2).err
    assert "--seconds" in ask(*rows, "--seconds", "nan", code=2).err


def test_a_missing_parameter_is_passed_by_its_option(ask):
    told = ask("query", "RETURN $least AS x", code=2)
    assert "the parameter $least was not given; pass --param least=VALUE" in told.err
    assert "line 1, column 8" in told.err


def test_json_stands_behind_the_command(ask):
    error = ask("--json", "query", "RETURN 1 AS x", code=2).json["error"]
    assert error["fix"] == "write --json behind the command"
    assert ask("query", "--json", "RETURN 1 AS x").json["rows"] == [[1]]


def test_a_table_has_ids_and_bounds_and_csv_is_whole(ask):
    text = "MATCH (s:Activity)-[e]-() RETURN s, e, s.nothing AS none ORDER BY id(s), id(e) LIMIT 1"
    line = ask("query", text, "--run", "d").out.splitlines()[1]
    assert line.startswith("(charge:Activity:")
    assert "…  [e" in line
    assert max(map(len, line.split("  "))) <= 200
    (row,) = list(csv.reader(io.StringIO(ask("query", text, "--run", "d", "--format", "csv").out)))[1:]
    assert (row[0][-2:], row[2]) == ("})", "")
    long = ask("query", "RETURN $t AS t", "--param", "t=" + "x" * 5_000, "--format", "csv").out
    assert long == "t\n" + "x" * 5_000 + "\n"


def test_the_examples_of_the_help_are_queries(ask, folder):
    told = ask("query", "--help").out
    examples = [line.strip() for line in told.splitlines() if line.startswith("    itonami query")]
    assert len(examples) == 6
    (folder / "slowest.cypher").write_text("MATCH (s:Step) RETURN id(s) ORDER BY s.ended")
    for example in examples:
        ask(*(part.replace("order-17", "g") for part in shlex.split(example)[1:]))


def test_an_index_that_verify_found_wrong_is_derived_anew(ask, folder):
    with Store.open(folder / "state.itonami") as store:
        store._backend.write(lambda txn: txn.delete("index", next(key for key, _ in txn.scan("index"))))
    assert ask("verify", "--json", code=1).json["ok"] is False
    assert ask("reindex", "--json").json["wrong"] == 1
    assert ask("verify", "--json").json["ok"] is True
    assert ask("reindex").out.endswith("0 were wrong\n")
