"""Whatever is wrong with what a user passes: exit code 2, one sentence (what, where, how to mend it), nothing written.

Every case runs twice, with and without `--json`, each time as a process of its own, in a folder that is compared
byte for byte before and after. LMDB's table of readers (`lock.mdb`) is shared memory, not content, and left out.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Commands, ended, started

from itonami.graphstore import Store
from itonami.graphstore.backend import FORMAT
from itonami.graphstore.creation import create_store

ACTIVITIES = """
from itonami.workflow import activity

@activity
def greet(name):
    return {"greeting": f"hello {name}"}

@activity
def greet_all(name):
    return {"greeting": f"hello all, {name}"}
"""


HOLDER = """
import asyncio
from itonami.workflow import Engine

async def main():
    async with Engine.open("state"):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def workflow(strategy: dict, **more: object) -> str:
    """A definition that greets."""
    inputs = [{"name": "name", "type": "string", "required": True}, {"name": "extra", "type": "any"}]
    return json.dumps(
        {"workflow": {"id": "greeting", "version": "1", "inputs": inputs, "strategy": strategy} | more}
    )


GREET = {"op": "activity", "activity_ref": "greet"}
MISNAMED = {"op": "activity", "activity_ref": "great"}
UNKNOWN_OPERATOR = {"op": "seq", "strategies": [GREET, {"op": "paralel", "branches": []}]}
BAD_GUARD = {"op": "decision", "conditions": [{"condition": "inputs.name ==", "branch": GREET}]}

FILES = {
    "acts.py": ACTIVITIES,
    "greeting.json": workflow(GREET),
    "misnamed.json": workflow(MISNAMED),
    "operator.json": workflow(UNKNOWN_OPERATOR),
    "guard.json": workflow(BAD_GUARD),
    "syntax.jsonnet": "{\n  workflow: {\n    id: 'a' 'b',\n  },\n}\n",
    "leaving.jsonnet": "import '../outside.libsonnet'\n",
    "deep.jsonnet": "local f(n) = 1 + f(n + 1);\nf(0)\n",
    "endless.jsonnet": "local f(n) = f(n + 1) tailstrict;\nf(0)\n",
    "huge.jsonnet": "std.makeArray(1000000000, function(n) 'x' + n)\n",
    "tabs.yaml": "workflow:\n\tid: x\n",
    "syntax.py": "def broken(:\n    pass\n",
    "raising.py": "x = 1\nraise RuntimeError('no database')\n",
    "twice.json": '{"workflow": {}, "workflow": {}}',
    "array.json": "[1, 2]",
    "inputs.bin": b"\xff\xfe\x00",
    "big.json": json.dumps({"name": "w", "extra": "x" * 2_000_000}),
    "nested.json": json.dumps({"name": "w", "extra": "["}).replace('"["', "[" * 120 + "]" * 120),
    "nostore/readme.txt": "a folder like any other",
    "afile": "a file like any other",
}

RUN = ("run", "greeting.json", "--activities", "acts.py")
WITH = ("--activities", "acts.py", "--input", '{"name": "w"}')
ON = ("--store", "state")

# what is wrong: the command line, and what the sentence must say of what, where, and the mending
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a syntax error in Jsonnet": (("run", "syntax.jsonnet"), ("syntax.jsonnet:3", "comma", "mend the line")),
    "a syntax error in YAML": (("check", "tabs.yaml"), ("tabs.yaml:2",)),
    "a key that stands twice": (("check", "twice.json"), ("twice.json", "'workflow'", "twice")),
    "an unknown operator": (
        ("run", "operator.json", *WITH),
        ("$.workflow.strategy.strategies[1].op", "'paralel'", "did you mean 'parallel'"),
    ),
    "a guard that is no CEL": (
        ("check", "guard.json"),
        ("$.workflow.strategy.conditions[0].condition", "CEL"),
    ),
    "an activity that is not registered": (
        ("run", "misnamed.json", *WITH),
        ("misnamed.json, step 'great'", "'great'", "did you mean 'greet'"),
    ),
    "no activities at all": (
        ("run", "greeting.json", "--input", '{"name": "w"}'),
        ("'greet'", "--activities"),
    ),
    "a missing input": (RUN, ("$.inputs.name", "missing", "string")),
    "a mistyped input": ((*RUN, "--input", '{"name": 5}'), ("$.inputs.name", "no string but integer")),
    "an unknown input": ((*RUN, "--input", '{"nam": "w"}'), ("'nam'", "$.inputs", "did you mean 'name'")),
    "an input beyond JSON": ((*RUN, "--input", '{"name": NaN}'), ("$.inputs.name", "nan")),
    "inputs that are no JSON": ((*RUN, "--input", '{"name": '), ("--input", "line 1, column 10", "@FILE")),
    "inputs that are no object": ((*RUN, "--input", "[1]"), ("--input", "no object")),
    "inputs from a missing file": ((*RUN, "--input", "@none.json"), ("none.json", "No such file")),
    "inputs from no text": ((*RUN, "--input", "@inputs.bin"), ("inputs.bin", "UTF-8")),
    "inputs from an array": ((*RUN, "--input", "@array.json"), ("array.json", "no object")),
    "inputs too large to commit": ((*RUN, "--input", "@big.json"), ("--input", "1048576")),
    "inputs nested too deeply": ((*RUN, "--input", "@nested.json"), ("--input", "nested")),
    "an import that leaves the folder": (
        ("run", "leaving.jsonnet"),
        ("leaving.jsonnet:1", "leaves", "folder"),
    ),
    "a bottomless Jsonnet program": (("check", "deep.jsonnet"), ("deep.jsonnet:1", "too deeply", "endless")),
    "a huge Jsonnet program": (("check", "huge.jsonnet"), ("huge.jsonnet", "memory", "smaller")),
    "a definition that is not there": (("run", "none.json"), ("none.json", "No such file")),
    "a definition of no known kind": (("run", "acts.py"), ("acts.py", "*.json")),
    "activities with a syntax error": (
        ("run", "greeting.json", "--input", '{"name": "w"}', "--activities", "syntax.py"),
        ("syntax.py:1", "SyntaxError"),
    ),
    "activities that raise": (
        ("run", "greeting.json", "--input", '{"name": "w"}', "--activities", "raising.py"),
        ("raising.py:2", "no database"),
    ),
    "activities that are not there": (
        ("run", "greeting.json", "--input", '{"name": "w"}', "--activities", "none.py"),
        ("none.py", "No such file"),
    ),
    "an id that is taken": (
        (*ON, "run", "greeting.json", *WITH, "--id", "hello-1"),
        ("'hello-1'", "another id"),
    ),
    "an id that is reserved": (("run", "greeting.json", *WITH, "--id", "rules/1"), ("'rules/1'", "rules/")),
    "an empty id": (("run", "greeting.json", *WITH, "--id", ""), ("run id",)),
    "a store of a newer format": (
        ("--store", "newer", "run", "greeting.json", *WITH),
        ("newer", f"format {FORMAT + 98}", "newer itonami"),
    ),
    "a look at a newer format": (("--store", "newer", "ps"), ("newer", "newer itonami")),
    "a folder that is no store": (
        ("--store", "nostore", "run", "greeting.json", *WITH),
        ("nostore", "no store"),
    ),
    "a look at no store": (("--store", "nostore", "verify"), ("nostore", "no store")),
    "a file that is no store": (("--store", "afile", "run", "greeting.json", *WITH), ("afile", "file")),
    "a store below a file": (("--store", "afile/x", "run", "greeting.json", *WITH), ("afile",)),
    "no store": (("ps",), ("state.itonami", "there is no store")),
    "nothing to resume from": (("resume",), ("state.itonami", "there is no store")),
    "a bad point in time": ((*ON, "show", "hello-1", "--at", "yesterday"), ("--at", "'yesterday'", "HEAD~3")),
    "a point without a zone": ((*ON, "show", "hello-1", "--at", "2026-01-31"), ("--at", "zone")),
    "a bad point to compare": ((*ON, "diff", "hello-1", "HEAD", "HEAD-1"), ("B", "'HEAD-1'")),
    "a point before the run": ((*ON, "show", "hello-1", "--at", "1"), ("'hello-1'", "first version is TX")),
    "more versions back than there are": ((*ON, "show", "hello-1", "--at", "HEAD~99"), ("'hello-1'",)),
    **{
        f"a run that is not there: {command}": (
            (*ON, command, "helo-1", *more),
            ("'helo-1'", "state", "did you mean 'hello-1'"),
        )
        for command, *more in (
            ("show",),
            ("log",),
            ("log", "--follow"),
            ("diff", "1"),
            ("replay",),
            ("resume",),
            ("cancel",),
            ("terminate",),
        )
    },
    "a graph that is no run": ((*ON, "replay", "notes"), ("'notes'", "not a run")),
    "a run that has ended": ((*ON, "cancel", "hello-1"), ("'hello-1'", "ended succeeded")),
    "a deadline that is none": ((*ON, "cancel", "hello-1", "--deadline", "soon"), ("--deadline", "'soon'")),
    "an unknown command": (("shwo",), ("shwo", "did you mean 'show'")),
    "an unknown option": ((*ON, "show", "hello-1", "--att", "1"), ("--att", "--at")),
    "a missing argument": (("show",), ("show", "run", "--help")),
    "--store behind the command": (("ps", "--store", "state"), ("--store", "before the command")),
    "an unknown format": ((*ON, "show", "hello-1", "--format", "png"), ("--format", "'png'", "'svg'")),
    "an unknown status": (
        (*ON, "ps", "--status", "succeded"),
        ("--status", "'succeded'", "did you mean 'succeeded'"),
    ),
    "an attribute without a value": ((*ON, "ps", "--where", "customer"), ("--where", "KEY=VALUE")),
}


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands as processes of one nursery."""
    made = Commands(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, commands):
    """A folder of everything that can be wrong, and a store in which one run has ended."""
    folder = tmp_path_factory.mktemp("bad") / "folder"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder.parent / "outside.libsonnet").write_text("{}")
    create_store(folder / "newer", format=FORMAT + 98)
    assert commands(*ON, "run", "greeting.json", *WITH, "--id", "hello-1", cwd=folder).code == 0
    with Store.open(folder / "state") as store, store.transaction("notes", event="written") as graph:
        graph.add_node("Note", text="no run at all")
    return folder


@pytest.fixture(scope="module", autouse=True)
def endless(folder):
    """Two real processes that take their five seconds while the cases run."""
    return [started("check", "endless.jsonnet", *more, cwd=folder) for more in ((), ("--json",))]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the bytes of the files."""
    paths = (path for path in folder.rglob("*") if path.name != "lock.mdb")
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


def check_refused(outcome, says: tuple[str, ...], as_json: bool) -> None:
    """Exit code 2, one sentence on stderr or one document on stdout, and no traceback."""
    assert outcome.code == 2, outcome
    if as_json:
        assert outcome.err == ""
        error = outcome.json["error"]
        assert set(error) == {"type", "what", "where", "fix"}
        assert all(error.values()), error
        sentence = " ".join(str(error[key]) for key in ("where", "what", "fix"))
    else:
        assert outcome.out == ""
        sentence = outcome.err.removesuffix("\n")
        assert sentence.startswith("itonami: ")
        assert "\n" not in sentence
    assert "Traceback" not in sentence
    for part in says:
        assert part in sentence, sentence


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_one_sentence_and_writes_nothing(case, as_json, commands, folder):
    argv, says = CASES[case]
    before = snapshot(folder)
    outcome = commands(*argv, *(["--json"] if as_json else []), cwd=folder)
    check_refused(outcome, says, as_json)
    assert snapshot(folder) == before


def test_an_endless_program_is_stopped_by_the_clock(endless, folder):
    for process, as_json in zip(endless, (False, True), strict=True):
        check_refused(ended(process), ("endless.jsonnet", "longer than 5 s", "endless recursion"), as_json)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_store_in_use_by_another_engine_names_its_holder(as_json, commands, folder):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        before = snapshot(folder)
        more = ["--json"] if as_json else []
        outcome = commands(*ON, "run", "greeting.json", *WITH, *more, cwd=folder)
        check_refused(outcome, ("state", "another engine", str(holder.pid), os.uname().nodename), as_json)
        assert snapshot(folder) == before
        holder.kill()


def test_a_real_process_refuses_as_the_forked_one_does(folder, commands):
    argv, says = CASES["an unknown operator"]
    real = ended(started(*argv, cwd=folder))
    check_refused(real, says, as_json=False)
    assert real == commands(*argv, cwd=folder)
