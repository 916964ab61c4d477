"""The `itonami` command from outside: real processes on a real store, killed, interrupted and watched."""

import json
import os
import pty
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from cli_process import COMMAND, Commands, ended, environment, started

from itonami.graphstore import Store

ACTIVITIES = """
import os, time
from pathlib import Path
from itonami.workflow import ActivityContext, ActivityError, activity

HERE = Path(__file__).parent

@activity
def greet(name):
    print("this is no result")
    return {"greeting": f"hello {name}"}

@activity
def hang(name, ctx: ActivityContext):
    with open(HERE / "keys", "a") as keys:
        keys.write(f"{ctx.key}\\n")
    print("hanging")
    while (HERE / "closed").exists():
        time.sleep(0.01)
    return {"greeting": f"good morning {name}"}

@activity(retry={"maximum_attempts": 2, "initial_interval": "1ms"})
def charge(name):
    raise ConnectionError("the bank is closed")

@activity
def refund(name):
    return {}

@activity(retry={"maximum_attempts": 1})
def stuck(name):
    if (HERE / "closed").exists():
        raise ActivityError("not yet")
    return {}
"""


def workflow(id: str, strategy: dict) -> str:
    inputs = [{"name": "name", "type": "string", "default": "world"}]
    outputs = [{"name": "greeting", "type": "string"}]
    body = {"id": id, "version": "1", "inputs": inputs, "outputs": outputs, "strategy": strategy}
    return json.dumps({"workflow": body})


def activity(name: str, **more: object) -> dict:
    return {"op": "activity", "activity_ref": name} | more


WORKFLOWS = {
    "greeting": activity("greet"),
    "patient": {"op": "seq", "strategies": [activity("greet"), activity("hang")]},
    "doomed": {
        "op": "saga",
        "main_flow": {"op": "seq", "strategies": [activity("greet"), activity("charge")]},
        "compensation": activity("refund"),
    },
    "parking": {"op": "saga", "main_flow": activity("charge"), "compensation": activity("stuck")},
}


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands as processes of one nursery."""
    made = Commands(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path):
    """A folder of workflows and their activities. While the file `closed` is there, `hang` hangs."""
    (tmp_path / "acts.py").write_text(ACTIVITIES)
    for name, strategy in WORKFLOWS.items():
        (tmp_path / f"{name}.json").write_text(workflow(name, strategy))
    (tmp_path / "closed").touch()
    return tmp_path


@pytest.fixture
def itonami(commands, folder):
    """`itonami COMMAND ...` in that folder."""
    return lambda *argv: commands(*argv, cwd=folder)


def run(name: str, id: str, *more: str) -> tuple[str, ...]:
    return ("run", f"{name}.json", "--activities", "acts.py", "--id", id, *more)


def wait_for(folder: Path, run_id: str, event: str) -> None:
    """Until the run's log holds such an event: `log --follow` wakes at each new one."""
    with Store.open(folder / "state.itonami", read_only=True, create=False) as store:
        if run_id in store and any(e.name == event for v in store.history(run_id) for e in v.events):
            return
    follow = started("log", run_id, "--follow", "--json", cwd=folder)
    for line in follow.stdout:
        if json.loads(line)["event"] == event:
            break
    follow.kill()
    ended(follow)


def hanging(folder: Path, id: str, *more: str) -> subprocess.Popen:
    """A real engine process in the middle of `hang`."""
    process = started(*run("patient", id, *more), cwd=folder)
    for line in process.stderr:
        if line == "hanging\n":
            return process
    raise AssertionError("it never hung")


# -- run and what it leaves --------------------------------------------------------------------------------


def test_a_run_prints_its_result_on_stdout_and_progress_on_stderr(itonami):
    done = itonami(*run("greeting", "g-1", "--input", '{"name": "reader"}'))
    assert done.code == 0
    heading, result = done.out.split("\n", 1)
    assert heading == "g-1 succeeded"
    assert json.loads(result) == {"greeting": "hello reader"}
    lines = done.err.splitlines()
    assert lines[:2] == ["run g-1", "  > greet"]
    assert lines[2] == "this is no result", "what an activity prints is no result"
    assert lines[3].startswith("  ok greet (")


def test_json_is_one_document_with_the_keys_of_a_run(itonami):
    done = itonami(*run("greeting", "g-1", "--json"))
    assert done.code == 0
    assert list(done.json) == ["run", "workflow", "status", "tx", "inputs", "result", "error", "steps"]
    assert done.json == itonami("show", "g-1", "--json").json
    assert done.json["inputs"] == {"name": "world"}
    assert done.json["steps"][0]["output"] == {"greeting": "hello world"}


def test_inputs_come_from_a_file_and_an_id_is_made_where_none_is_given(itonami, folder):
    (folder / "in.json").write_text('{"name": "file"}')
    done = itonami("run", "greeting.json", "--activities", "acts.py", "--input", "@in.json", "--json")
    assert done.json["result"] == {"greeting": "hello file"}
    assert len(done.json["run"]) == 26
    assert itonami("show", done.json["run"]).code == 0


def test_a_failed_run_is_compensated_ends_with_1_and_says_why(itonami):
    done = itonami(*run("doomed", "d-1"))
    assert (done.code, done.out) == (1, "d-1 failed: ConnectionError: the bank is closed\n")
    told = [line.strip() for line in done.err.splitlines()]
    assert "to be tried again charge: ConnectionError: the bank is closed" in told
    assert "> charge (attempt 2)" in told
    assert "compensating saga by refund" in told
    log = itonami("log", "d-1").out.splitlines()
    for event in ("ActivityFailed", "RunFailed"):
        (line,) = (line for line in log if event in line)
        assert "ConnectionError: the bank is closed" in line
    assert itonami(*run("doomed", "d-2", "--json")).json["error"]["type"] == "ConnectionError"


def test_a_run_out_of_retries_in_its_compensation_is_parked_and_resumed(itonami, folder):
    parked = itonami(*run("parking", "p-1"))
    assert parked.code == 1
    assert parked.out.startswith("p-1 parked")
    assert "itonami resume p-1" in parked.err
    assert itonami("resume", "p-1", "--activities", "acts.py").code == 1
    (folder / "closed").unlink()
    resumed = itonami("resume", "--activities", "acts.py")
    assert resumed.out.startswith("p-1 failed"), "compensated, it fails as it was to"
    assert itonami("resume", "--json").json == []


# -- killed, interrupted -----------------------------------------------------------------------------------


def test_after_sigkill_resume_runs_only_what_was_under_way_with_the_same_key(itonami, folder):
    process = hanging(folder, "k-1")
    process.kill()
    process.communicate()
    (folder / "closed").unlink()
    done = itonami("resume", "k-1", "--activities", "acts.py")
    assert done.code == 0
    assert json.loads(done.out.split("\n", 1)[1]) == {"greeting": "good morning world"}
    assert done.err.splitlines()[:2] == ["run k-1", "  > hang (under way when it stopped: performed again)"]
    assert "greet" not in done.err
    assert (folder / "keys").read_text().split() == ["k-1/hang/1"] * 2
    assert itonami("replay", "k-1").code == 0


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_ctrl_c_ends_with_130_names_the_way_on_and_the_run_is_resumed(as_json, itonami, folder):
    process = hanging(folder, "c-1", *(["--json"] if as_json else []))
    process.send_signal(signal.SIGINT)
    stopped = ended(process, timeout=20)
    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    said = json.dumps(stopped.json["error"]) if as_json else stopped.err.splitlines()[-1]
    assert "`itonami resume c-1 --activities acts.py`" in said
    assert as_json or stopped.out == ""
    assert itonami("show", "c-1", "--json").json["status"] == "running"
    (folder / "closed").unlink()
    assert itonami("resume", "c-1", "--activities", "acts.py", "--json").json["status"] == "succeeded"
    assert itonami("verify").code == 0


def test_several_runs_are_resumed_at_once_and_told_apart(itonami, folder):
    for id in ("m-1", "m-2"):
        process = hanging(folder, id)
        process.kill()
        process.communicate()
    (folder / "closed").unlink()
    done = itonami("resume", "--activities", "acts.py", "--json")
    assert {entry["run"]: entry["status"] for entry in done.json} == {"m-1": "succeeded", "m-2": "succeeded"}
    assert any(line.startswith("m-2  ok hang") for line in done.err.splitlines())


# -- beside a working engine -------------------------------------------------------------------------------


def test_every_looking_command_works_while_an_engine_writes(itonami, folder):
    process = hanging(folder, "w-1")
    assert itonami("ps", "--json").json[0]["status"] == "running"
    assert "▶ hang" in itonami("show", "w-1").out
    assert itonami("log", "w-1", "--json").json[-1]["event"] == "ActivityScheduled"
    first = itonami("log", "w-1", "--json").json[0]["tx"]
    assert itonami("diff", "w-1", first, "HEAD").code == 0
    assert itonami("replay", "w-1").code == 0
    assert itonami("verify", "--json").json == {"ok": True, "damage": []}
    (folder / "closed").unlink()
    assert ended(process).code == 0


def test_log_follow_ends_with_the_run_having_told_each_event_once(itonami, folder):
    process = hanging(folder, "f-1")
    follow = started("log", "f-1", "--follow", "--json", cwd=folder)
    rows = [json.loads(follow.stdout.readline())]
    assert rows[0]["event"] == "RunStarted"
    (folder / "closed").unlink()
    rows += map(json.loads, follow.stdout)
    assert (ended(follow).code, ended(process).code) == (0, 0)
    assert rows == itonami("log", "f-1", "--json").json
    assert itonami("log", "f-1", "--follow").out == itonami("log", "f-1").out


def test_ctrl_c_ends_log_follow_with_130(folder):
    process = hanging(folder, "i-1")
    follow = started("log", "i-1", "--follow", cwd=folder)
    while "hang" not in follow.stdout.readline():
        pass
    follow.send_signal(signal.SIGINT)
    assert ended(follow).code == 130
    process.kill()
    process.communicate()


def test_cancel_reaches_a_running_engine_and_waits_for_one_that_does_not_run(itonami, folder):
    process = hanging(folder, "x-1")
    assert itonami("cancel", "x-1", "--json").json == {
        "run": "x-1",
        "requested": "cancel",
        "status": "running",
    }
    wait_for(folder, "x-1", "RunCancelRequested")
    process.kill()
    process.communicate()
    (folder / "closed").unlink()
    assert itonami("resume", "x-1", "--activities", "acts.py").out.startswith("x-1 cancelled")


def test_terminate_ends_a_run_at_once_whether_an_engine_drives_it_or_not(itonami, folder):
    process = hanging(folder, "t-1")
    done = itonami("terminate", "t-1", "--reason", "no longer wanted", "--json")
    assert done.json["status"] == "terminated"
    stopped = ended(process, timeout=20)
    assert (stopped.code, stopped.out) == (1, "t-1 terminated: Terminated: no longer wanted\n")
    process = hanging(folder, "t-2")
    process.kill()
    process.communicate()
    assert itonami("terminate", "t-2").out == "t-2 is terminated\n"
    assert itonami("show", "t-2", "--json").json["error"]["message"] == "terminated by request"


# -- looking back ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def past(tmp_path_factory, commands):
    """A store with two runs that have ended, and `itonami COMMAND ...` on it by the environment's ITONAMI_STORE."""
    folder = tmp_path_factory.mktemp("past")
    (folder / "acts.py").write_text(ACTIVITIES)
    for name in ("greeting", "doomed"):
        (folder / f"{name}.json").write_text(workflow(name, WORKFLOWS[name]))
        commands(*run(name, f"{name}-1"), cwd=folder)
    return lambda *argv: commands(*argv, cwd=folder)


def test_show_draws_any_transaction_in_every_notation(past):
    first = past("log", "greeting-1", "--json").json[0]["tx"]
    assert "▶ greet" in past("show", "greeting-1", "--at", first).out
    assert "✓ greet" in past("show", "greeting-1", "--at", "HEAD").out
    drawings = {name: past("show", "greeting-1", "--format", name).out for name in ("svg", "graphml")}
    for drawing in drawings.values():
        ElementTree.fromstring(drawing)
    assert past("show", "greeting-1", "--format", "mermaid").out.startswith(("flowchart", "graph", "---"))
    assert past("show", "greeting-1", "--format", "dot").out.startswith("digraph")
    assert past("show", "greeting-1", "--format", "json").json == past("show", "greeting-1", "--json").json
    both = past("show", "greeting-1", "--format", "svg", "--json").json
    assert both["status"] == "succeeded"
    assert both["drawing"] + "\n" == drawings["svg"] or both["drawing"] == drawings["svg"]


def test_log_rows_have_the_keys_of_an_event_and_follow_each_other(past):
    rows = past("log", "doomed-1", "--json").json
    assert all(
        list(row) == ["tx", "seq", "time", "event", "rule", "match", "params", "cause"] for row in rows
    )
    assert [row["seq"] for row in rows if row["tx"] == rows[0]["tx"]] == list(
        range(sum(row["tx"] == rows[0]["tx"] for row in rows))
    )
    assert (rows[0]["event"], rows[-1]["event"]) == ("RunStarted", "RunFailed")
    assert rows[1]["cause"] == {"tx": rows[0]["tx"], "seq": 0}
    assert rows[0]["params"]["inputs"] == {"name": "world"}


def test_ps_finds_runs_by_workflow_status_and_attribute(past):
    assert [row["run"] for row in past("ps", "--json").json] == ["doomed-1", "greeting-1"]
    assert [row["run"] for row in past("ps", "--status", "failed", "--json").json] == ["doomed-1"]
    assert [row["run"] for row in past("ps", "--workflow", "greeting", "--json").json] == ["greeting-1"]
    assert past("ps", "--where", "customer=17", "--json").json == []
    heading, *lines = past("ps").out.splitlines()
    assert heading.split() == ["run", "workflow", "status", "started", "ended", "tx"]
    assert [line.split()[:3] for line in lines] == [
        ["doomed-1", "doomed", "failed"],
        ["greeting-1", "greeting", "succeeded"],
    ]


def test_ps_finds_attributes_as_text_and_as_json(commands, tmp_path):
    import asyncio

    from itonami.workflow import Engine
    from itonami.workflow import activity as declared

    @declared
    def greet(name):
        return {"greeting": name}

    async def attributed() -> None:
        async with Engine.open(tmp_path / "state.itonami", [greet]) as engine:
            definition = json.loads(workflow("greeting", WORKFLOWS["greeting"]))
            for id, customer in (("a", 17), ("b", "17"), ("c", "18"), ("d", True)):
                await engine.start(definition, {}, id=id, attributes={"customer": customer})

    asyncio.run(attributed())
    for wanted, ids in (("17", ["a", "b"]), ("18", ["c"]), ("true", ["d"])):
        found = commands("ps", "--where", f"customer={wanted}", "--json", cwd=tmp_path).json
        assert [row["run"] for row in found] == ids


def test_diff_says_what_changed_both_ways(past):
    first = past("log", "greeting-1", "--json").json[0]["tx"]
    changes = past("diff", "greeting-1", first, "HEAD", "--json").json
    (step,) = (change for change in changes["nodes"]["set"] if change["id"] == "greet")
    assert (step["before"]["status"], step["after"]["status"]) == ("running", "succeeded")
    assert '~ greet.status: "running" -> "succeeded"' in past("diff", "greeting-1", first).out.splitlines()
    back = past("diff", "greeting-1", "HEAD", first, "--json").json
    assert back["nodes"]["added"] == changes["nodes"]["removed"]


def test_replay_and_verify_answer_with_documents(past):
    replayed = past("replay", "doomed-1", "--json").json
    assert replayed["ok"]
    assert replayed["damage"] is None
    assert len(replayed["root"]) == 64
    assert past("verify", "--json").json == {"ok": True, "damage": []}
    assert past("verify").out.startswith("verify: ok (")


def test_check_says_whether_a_definition_is_one(past):
    assert past("check", "doomed.json").out == "doomed 1: ok, 5 steps\n"
    assert past("check", "doomed.json", "--json").json["ok"]


def test_a_graph_that_is_no_run_is_shown_as_nodes_and_edges(commands, tmp_path):
    with Store.open(tmp_path / "state.itonami") as store, store.transaction("order", event="placed") as graph:
        order, item = graph.add_node("Order", id="o", total=120), graph.add_node("Item", id="i\x1b[2J")
        graph.add_edge(order, "CONTAINS", item, quantity=2)
    shown = commands("show", "order", cwd=tmp_path).out
    assert '(o:Order {"total": 120})' in shown
    assert "\x1b" not in shown, "no name drives a terminal"
    document = commands("show", "order", "--json", cwd=tmp_path).json
    assert [node["id"] for node in document["nodes"]] == ["i\x1b[2J", "o"]
    assert commands("show", "order", "--format", "svg", cwd=tmp_path).out.startswith("<svg")
    assert commands("log", "order", cwd=tmp_path).out.split()[4] == "placed"


def test_a_damaged_store_fails_verification_with_1(commands, folder):
    commands(*run("greeting", "g-1"), cwd=folder)
    data = folder / "state.itonami" / "data.mdb"
    data.write_bytes(data.read_bytes().replace(b"hello world", b"hallo world"))
    assert commands("verify", cwd=folder).code == 1
    outcome = commands("verify", "--json", cwd=folder)
    assert not outcome.json["ok"]
    assert outcome.json["damage"]
    assert commands("replay", "g-1", "--json", cwd=folder).code == 1


# -- the frame ---------------------------------------------------------------------------------------------


def test_help_names_every_command_and_without_arguments_it_is_printed(past):
    text = past("--help")
    names = ["run", "resume", "cancel", "terminate", "ps", "show", "log", "diff", "replay", "verify", "check"]
    assert [name for name in names if f"\n  {name} " not in text.out] == []
    assert past().out == text.out
    assert past().code == 0
    assert all("--json" in past(name, "--help").out for name in names)


def test_a_reader_that_leaves_is_no_error(past, folder):
    pipe = subprocess.Popen(
        f"{' '.join(COMMAND)} --help | head -1",
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    out, err = pipe.communicate(timeout=60)
    assert (out, err) == (b"Usage: itonami [OPTIONS] COMMAND [ARGS]...\n", b"")


def test_on_a_terminal_a_live_tree_is_drawn_on_stderr_alone(folder):
    (folder / "closed").unlink()
    leader, follower = pty.openpty()
    command = [*COMMAND, *run("patient", "l-1")]
    env = environment() | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=follower, env=env, text=True
    ) as process:
        os.close(follower)
        drawn = b""
        while chunk := _read(leader):
            drawn += chunk
        out = process.stdout.read()
    os.close(leader)
    assert process.returncode == 0
    assert out.startswith("l-1 succeeded\n{")
    assert "\x1b" not in out
    text = drawn.decode()
    assert "run l-1" in text
    assert "\x1b[32m✓ " in text, "states have their colours"
    assert text.rstrip().count("✓") >= 2


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65_536)
    except OSError:  # EIO: the other side is closed
        return b""
