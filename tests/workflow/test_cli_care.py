"""What an operator does with a store from the command line: counts it, copies it, names its versions, lets go of its
past. Real processes on real stores; whatever a command says is compared with what the store then answers."""

import json
import signal

import pytest
from cli_process import Commands, ended, started
from test_cli_bad_input import check_refused, snapshot

from itonami.graphstore import NotFound, Store, VersionPruned

ACTIVITIES = """
import time
from pathlib import Path
from itonami.workflow import activity

@activity
def greet(name):
    return {"greeting": f"hello {name}"}

@activity
def hang():
    print("hanging")
    while (Path(__file__).parent / "closed").exists():
        time.sleep(0.01)
    return {}
"""
GREET = {"op": "activity", "activity_ref": "greet", "input_mapping": {"name": "world"}}
STEPS = [GREET | {"id": f"greet{n}"} for n in range(4)]
HANG = {"op": "activity", "activity_ref": "hang", "input_mapping": {}}
VERSIONS = 12


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands as processes of one nursery."""
    made = Commands(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


@pytest.fixture
def path(tmp_path):
    """A store of two graphs, which took turns: `a` has the odd TxIds, `b` the even ones."""
    with Store.open(tmp_path / "state.itonami", snapshot_every=4) as store:
        for number in range(VERSIONS):
            for graph in ("a", "b"):
                with store.transaction(graph, event="written") as evolver:
                    evolver.add_node("Note", id=f"n{number}", text=f"{number}" * 300)
    return tmp_path / "state.itonami"


@pytest.fixture
def itonami(commands, path):
    """`itonami COMMAND ...` on that store."""
    return lambda *argv: commands(*argv, cwd=path.parent)


@pytest.fixture
def folder(tmp_path):
    """A folder with two workflows: one that ends, and one that hangs while the file `closed` is there."""
    (tmp_path / "acts.py").write_text(ACTIVITIES)
    for name, steps in (("short", STEPS), ("long", [*STEPS, HANG])):
        body = {"id": name, "version": "1", "strategy": {"op": "seq", "strategies": steps}}
        (tmp_path / f"{name}.json").write_text(json.dumps({"workflow": body}))
    (tmp_path / "closed").touch()
    return tmp_path


def ran(commands, folder, name: str) -> None:
    assert commands("run", f"{name}.json", "--activities", "acts.py", "--id", name, cwd=folder).code == 0


def readable(path) -> dict[str, list[int]]:
    """The TxIds of each graph at which it can be read."""
    found: dict[str, list[int]] = {}
    with Store.open(path, create=False, read_only=True) as store:
        for version in list(store.graphs()):
            for made in store.history(version.graph):
                try:
                    store.at(version.graph, made.tx)
                except VersionPruned:
                    continue
                found.setdefault(version.graph, []).append(made.tx)
    return found


ODD, EVEN = list(range(1, 24, 2)), list(range(2, 25, 2))


def test_help_says_what_each_command_cannot_undo_or_see(commands, tmp_path):
    listed = commands("--help", cwd=tmp_path).out
    names = ("stats", "backup", "compact", "prune", "retention", "tag", "untag", "tags")
    for name in (*names, "checkpoint", "prove", "verify-proof"):
        assert f"\n  {name} " in listed
        assert "--json" in commands(name, "--help", cwd=tmp_path).out
    told = " ".join(commands("verify", "--help", cwd=tmp_path).out.split())
    assert "rewrote as a whole has no damage in itself. It is caught only against a checkpoint" in told
    told = " ".join(commands("prune", "--help", cwd=tmp_path).out.split())
    assert "its replay and its log start at the first version that was kept" in told


# -- counting and copying ----------------------------------------------------------------------------------


def test_stats_counts_what_is_in_the_store(itonami, path):
    found = itonami("stats", "--json").json
    with Store.open(path, create=False, read_only=True) as store:
        assert found == store.stats().to_json()
    assert (found["transactions"], found["graphs"], found["versions"]) == (24, 2, 24)
    text = itonami("stats").out
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line]
    assert ["transactions", "24"] in lines
    assert ["table", "size"] in lines
    assert {line[0] for line in lines} >= {"commits", "log", "nodes", "payloads"}
    assert "KiB" in dict(lines)["file"]


def test_a_backup_is_a_whole_store_that_answers_alike(itonami, path):
    done = itonami("backup", "copies/monday", "--json")
    copy = path.parent / "copies" / "monday"
    assert done.json == {"backup": "copies/monday", "bytes": (copy / "data.mdb").stat().st_size}
    assert readable(copy) == readable(path)
    assert itonami("--store", "copies/monday", "verify", "--json").json == {"ok": True, "damage": []}
    assert itonami("backup", "tuesday").out.startswith("backup: tuesday, ")


def test_a_backup_is_made_while_an_engine_runs_and_its_run_resumes_from_it(commands, folder):
    process = hanging(folder)
    assert commands("backup", "copy", cwd=folder).code == 0
    process.kill()
    process.communicate()
    (folder / "closed").unlink()
    resumed = commands("--store", "copy", "resume", "--activities", "acts.py", "--json", cwd=folder)
    assert resumed.json["status"] == "succeeded"


def test_compacting_gives_back_what_pruning_freed(itonami, path):
    itonami("prune", "--before", "HEAD")
    before = (path / "data.mdb").stat().st_size
    done = itonami("compact", "--json").json
    assert done == {"before": before, "after": (path / "data.mdb").stat().st_size}
    assert done["after"] < done["before"]
    assert itonami("verify").code == 0
    assert " -> " in itonami("compact").out


def hanging(folder):
    """A real engine process in the middle of its run `long`."""
    process = started("run", "long.json", "--activities", "acts.py", "--id", "long", cwd=folder)
    for line in process.stderr:
        if line == "hanging\n":
            return process
    raise AssertionError("it never hung")


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_store_that_an_engine_holds_is_not_compacted(as_json, commands, folder):
    process = hanging(folder)
    before = snapshot(folder)
    refused = commands("compact", *(["--json"] if as_json else []), cwd=folder)
    check_refused(refused, ("state.itonami", "open elsewhere", "stop"), as_json)
    assert snapshot(folder) == before
    process.kill()
    process.communicate()


# -- pruning -----------------------------------------------------------------------------------------------


PRUNINGS = {
    "one graph before a TxId": (("a", "--before", "8"), ODD[3:], EVEN),
    "one graph before its head": (("a", "--before", "HEAD"), ODD[-1:], EVEN),
    "one graph before a version": (("a", "--before", "HEAD~2"), ODD[-3:], EVEN),
    "all graphs before a TxId": (("--before", "TX 8"), ODD[3:], EVEN[3:]),
    "all graphs before now": (("--before", "HEAD"), ODD[-1:], EVEN[-1:]),
    "all graphs before they were": (("--before", "2001-01-01T00:00:00Z"), ODD, EVEN),
    "all but the last versions": (("--keep-versions", "5"), ODD[-5:], EVEN[-5:]),
    "of one graph all but the last": (("b", "--keep-versions", "1"), ODD, EVEN[-1:]),
    "more than there are": (("--keep-versions", "99"), ODD, EVEN),
    "from a TxId": (("--keep-from", "21"), ODD[-2:], EVEN[-3:]),
    "any reason to keep is enough": (("--keep-from", "21", "--keep-versions", "2"), ODD[-2:], EVEN[-3:]),
    "the newest": (("--keep-age", "1ms"), ODD[-1:], EVEN[-1:]),
    "a day": (("--keep-age", "P1D"), ODD, EVEN),
}


@pytest.mark.parametrize("case", PRUNINGS)
def test_pruning_keeps_what_it_was_asked_to_keep(case, itonami, path):
    argv, a, b = PRUNINGS[case]
    before = snapshot(path)
    rehearsed = itonami("prune", *argv, "--dry-run", "--json").json
    assert snapshot(path) == before, "a rehearsal drops nothing"
    done = itonami("prune", *argv, "--json").json
    assert readable(path) == {"a": a, "b": b}
    assert rehearsed == done | {"nodes": None, "dry_run": True}
    assert done["versions"] == len(ODD) - len(a) + len(EVEN) - len(b)
    assert itonami("prune", *argv, "--json").json["versions"] == 0, "again, there is nothing left to drop"
    assert itonami("verify", "--json").json == {"ok": True, "damage": []}


def test_pruning_says_what_it_dropped_and_how_to_have_the_room(itonami):
    assert itonami("prune", "--before", "8", "--dry-run").out == "prune: would drop 6 versions of 2 graphs\n"
    done = itonami("prune", "--before", "8")
    assert done.out.startswith("prune: dropped 6 versions of 2 graphs, ")
    assert "`itonami compact`" in done.err
    assert itonami("prune", "--before", "8").out == "prune: nothing to drop\n"


def test_retention_is_printed_set_and_lifted_and_prune_without_options_obeys_it(itonami, path):
    everything = {"versions": None, "age": None, "tx": None}
    assert itonami("retention", "--json").json == everything
    assert itonami("retention").out == "retention: every version is kept\n"
    held = itonami("retention", "--keep-versions", "3", "--keep-age", "1ms", "--json").json
    assert held == itonami("retention", "--json").json == {"versions": 3, "age": "PT0.001S", "tx": None}
    assert "the last 3 of each graph" in itonami("retention").out
    assert readable(path) == {"a": ODD, "b": EVEN}, "to say what is kept drops nothing yet"
    assert itonami("prune", "--json").json["versions"] == 2 * (VERSIONS - 3)
    assert readable(path) == {"a": ODD[-3:], "b": EVEN[-3:]}
    assert itonami("retention", "--keep-from", "4", "--json").json == everything | {"tx": 4}
    assert itonami("retention", "--keep-all", "--json").json == everything
    assert itonami("prune").code == 2


# -- what is left of a pruned past -------------------------------------------------------------------------


def test_a_pruned_point_is_refused_with_the_first_that_is_kept(itonami):
    itonami("prune", "a", "--before", "HEAD")
    for argv in (("show", "a", "--at", "5"), ("diff", "a", "5"), ("tag", "a", "old", "--at", "5")):
        for more in ((), ("--json",)):
            says = ("graph 'a'", "version 3, of TX 5, was pruned", "the first that is kept is of TX 23")
            check_refused(itonami(*argv, *more), says, bool(more))


def test_the_log_tells_which_events_were_pruned(itonami):
    whole = itonami("log", "a", "--json").json
    itonami("prune", "a", "--before", "HEAD~2")
    rows = itonami("log", "a", "--json").json
    assert [row["tx"] for row in rows] == ODD
    for row, was in zip(rows[:-3], whole, strict=False):
        none = dict.fromkeys(("event", "rule", "match", "params", "cause"))
        assert row == {"tx": was["tx"], "seq": 0, "time": was["time"]} | none | {"pruned": True}
    assert rows[-3:] == whole[-3:]
    heading, *lines = itonami("log", "a").out.splitlines()
    assert heading == "the events of 9 versions, TX 1 to 17, were pruned"
    assert [line.split()[2] for line in lines[1:]] == ["written"] * 3


def test_a_run_pruned_to_any_version_is_told_and_replayed_from_there(commands, folder):
    ran(commands, folder, "short")
    whole = commands("log", "short", "--json", cwd=folder).json
    made = sorted({row["tx"] for row in whole})
    told = commands("log", "short", cwd=folder).out.splitlines()
    replayed = commands("replay", "short", "--json", cwd=folder).json
    assert (replayed["from"], replayed["versions"]) == (None, len(made))
    for place, tx in enumerate(made[1:], start=1):
        commands("prune", "short", "--before", tx, cwd=folder)
        kept = commands("log", "short", cwd=folder).out.splitlines()
        assert "pruned" in kept[0]
        assert kept[2:] == [line for line in told[1:] if int(line.split(".")[0]) >= tx]
        followed = commands("log", "short", "--follow", "--json", cwd=folder).out.splitlines()
        assert [json.loads(line) for line in followed] == commands("log", "short", "--json", cwd=folder).json
        again = commands("replay", "short", "--json", cwd=folder).json
        assert again == replayed | {"from": tx, "versions": len(made) - place - 1}
    assert f"since TX {made[-1]} (those before were pruned)" in commands("replay", "short", cwd=folder).out


def test_a_run_that_goes_on_is_pruned_killed_and_resumed(commands, folder):
    process = hanging(folder)
    dropped = commands("prune", "--before", "HEAD", "--json", cwd=folder).json
    assert dropped["versions"] > 0
    follow = started("log", "long", "--follow", "--json", cwd=folder)
    assert json.loads(follow.stdout.readline())["pruned"]
    process.kill()
    process.communicate()
    (folder / "closed").unlink()
    assert commands("resume", "--activities", "acts.py", "--json", cwd=folder).json["status"] == "succeeded"
    rows = [json.loads(line) for line in ended(follow).out.splitlines()]
    assert rows[-1]["event"] == "RunSucceeded", "who follows hears of the run's end from another process"
    assert commands("replay", "long", "--json", cwd=folder).json["ok"]
    assert commands("verify", cwd=folder).code == 0


def test_ctrl_c_ends_following_a_pruned_log(commands, folder):
    process = hanging(folder)
    commands("prune", "--before", "HEAD", cwd=folder)
    follow = started("log", "long", "--follow", cwd=folder)
    assert "were pruned" in follow.stdout.readline() + follow.stdout.readline()
    follow.send_signal(signal.SIGINT)
    assert ended(follow).code == 130
    process.kill()
    process.communicate()


# -- tags --------------------------------------------------------------------------------------------------


def test_a_tag_is_a_point_in_time_that_outlives_pruning(itonami, path):
    made = itonami("tag", "a", "draft", "--at", "5", "--json").json
    assert (made["run"], made["tag"], made["tx"], made["version"]) == ("a", "draft", 5, 3)
    assert itonami("tag", "a", "the last one").out == "the last one: TX 23, version 12 of a\n"
    itonami("prune", "--before", "HEAD")
    assert readable(path) == {"a": [5, 23], "b": [24]}
    shown = itonami("show", "a", "--at", "TAG draft", "--json").json
    assert [node["id"] for node in shown["nodes"]] == ["n0", "n1", "n2"]
    assert len(itonami("diff", "a", "TAG draft", "--json").json["nodes"]["added"]) == VERSIONS - 3
    assert [(row["tag"], row["tx"]) for row in itonami("tags", "a", "--json").json] == [
        ("draft", 5),
        ("the last one", 23),
    ]
    assert itonami("tags", "a").out.splitlines()[1].startswith("draft")
    assert itonami("tags", "b", "--json").json == []
    assert itonami("tags", "b").out.split() == ["tag", "tx", "version", "time"]


def test_a_tag_moves_and_is_forgotten(itonami, path):
    itonami("tag", "a", "good", "--at", "3")
    assert itonami("tag", "a", "good", "--at", "HEAD", "--json").json["tx"] == 23
    assert itonami("untag", "a", "good", "--json").json == {"run": "a", "tag": "good", "tx": 23}
    with Store.open(path, create=False, read_only=True) as store:
        assert store.tags("a") == {}
        with pytest.raises(NotFound):
            store.at("a", "TAG good")
    itonami("tag", "a", "good")
    assert itonami("untag", "a", "good").out == "good: no tag of a any more\n"


# -- bad input ---------------------------------------------------------------------------------------------

# what is wrong: the command line, and what the sentence must say of what, where, and the mending
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nothing to prune by": (("prune",), ("nothing says what to prune", "--before", "retention")),
    "two things to prune by": (
        ("prune", "--before", "8", "--keep-versions", "1"),
        ("--before", "two ways", "not both"),
    ),
    "a bad point to prune before": (("prune", "--before", "then"), ("--before", "'then'", "HEAD~3")),
    "a point of one graph for all": (
        ("prune", "--before", "HEAD~3"),
        ("--before", "one graph", "name a run"),
    ),
    "a tag of one graph for all": (("prune", "--before", "TAG x"), ("--before", "one graph", "name a run")),
    "a tag that is not there": (("prune", "a", "--before", "TAG x"), ("graph 'a'", "no tag 'x'")),
    "a point before the graph": (
        ("prune", "b", "--before", "1"),
        ("graph 'b'", "no version at that point", "TX 2"),
    ),
    "no versions to keep": (("prune", "--keep-versions", "0"), ("--keep-versions", "equal to 1")),
    "an age that is none": (("prune", "--keep-age", "old"), ("--keep-age", "'old'", "PT30M")),
    "an age in years": (("retention", "--keep-age", "P1Y"), ("--keep-age", "'P1Y'", "P30D")),
    "a TxId below the first": (("retention", "--keep-from", "-1"), ("--keep-from", "equal to 0")),
    "all and some": (("retention", "--keep-all", "--keep-versions", "1"), ("--keep-all", "alone")),
    "a backup onto something": (("backup", "full"), ("full", "something already", "new directory")),
    "a backup onto a file": (("backup", "full/afile"), ("afile", "something already", "new directory")),
    "a backup onto itself": (("backup", "state.itonami"), ("state.itonami", "something already")),
    "an empty tag": (("tag", "a", ""), ("tag ''", "choose another")),
    "a tag with spaces around it": (("tag", "a", " x"), ("tag ' x'", "spaces", "choose another")),
    "a tag that is too long": (("tag", "a", "x" * 256), ("255 bytes", "choose another")),
    "a tag at a bad point": (("tag", "a", "x", "--at", "then"), ("--at", "'then'")),
    "a tag to forget that is not there": (
        ("untag", "a", "kep"),
        ("graph 'a'", "'kep'", "did you mean 'kept'"),
    ),
    **{
        f"no store: {command}": (("--store", "none", command, *more), ("none", "there is no store"))
        for command, *more in (
            ("stats",),
            ("backup", "x"),
            ("compact",),
            ("prune", "--before", "1"),
            ("retention", "--keep-all"),
            ("tag", "a", "x"),
        )
    },
    **{
        f"a run that is not there: {command}": ((command, "c", *more), ("no run 'c'", "state.itonami"))
        for command, *more in (("prune", "--before", "1"), ("tag", "x"), ("untag", "x"), ("tags",))
    },
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """A folder with a store of two graphs, one of them tagged, and a directory that holds something."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "full").mkdir()
    (folder / "full" / "afile").write_text("something")
    with Store.open(folder / "state.itonami") as store:
        for graph in ("a", "b"):
            with store.transaction(graph, event="written") as evolver:
                evolver.add_node("Note")
        store.tag("a", "kept")
    return folder


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_one_sentence_and_writes_nothing(case, as_json, commands, bad):
    argv, says = CASES[case]
    before = snapshot(bad)
    check_refused(commands(*argv, *(["--json"] if as_json else []), cwd=bad), says, as_json)
    assert snapshot(bad) == before
