"""`history`, `blame`, `causes`, `diff --with`, `query` and `reindex` from outside: real commands on a real store."""

import csv
import io
import json
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
        (["query", "MATCH (n) RETURN n"], "names no graph"),
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


def test_an_index_that_verify_found_wrong_is_derived_anew(ask, folder):
    with Store.open(folder / "state.itonami") as store:
        store._backend.write(lambda txn: txn.delete("index", next(key for key, _ in txn.scan("index"))))
    assert ask("verify", "--json", code=1).json["ok"] is False
    assert ask("reindex", "--json").json["wrong"] == 1
    assert ask("verify", "--json").json["ok"] is True
    assert ask("reindex").out.endswith("0 were wrong\n")
