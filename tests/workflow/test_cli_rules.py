"""`itonami rules` from outside: real processes, the published counts, and one sentence for every bad file.

What each published number is, and which do not bind, is said in `tests/rules/test_conformance.py`.
"""

import json
import os
import pty
import subprocess
import sys

import pytest
from cli_process import Commands, environment


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands as processes of one nursery."""
    made = Commands(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


@pytest.fixture
def rules(commands, conformance, tmp_path):
    """`itonami rules`, in a folder of its own; a name among the published files stands for its path."""

    def run(*argv):
        paths = [conformance / "dpo" / f"{word}.json" for word in map(str, argv)]
        words = [path if path.is_file() else word for path, word in zip(paths, argv, strict=True)]
        return commands("rules", *words, cwd=tmp_path)

    return run


def expected(conformance, name):
    return json.loads((conformance / "dpo" / f"{name}.json").read_text())["expect"]


# -- published numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 4, 5, 6])
def test_the_philosophers_are_explored_exactly_and_up_to_isomorphism(size, rules, conformance):
    expect = expected(conformance, "dining_philosophers")
    exact = rules("explore", "dining_philosophers", "--n", size, "--json")
    assert exact.code == 0
    published = expect["published_concrete_states(identity kept)"][str(size)]
    assert [exact.json["states"], exact.json["transitions"]] == published
    alike = rules("explore", "dining_philosophers", "--start", size, "--isomorphic", "--json").json
    brute_force = expect["up_to_isomorphism"][
        "N:[states,transitions counted per match,deadlocks] (brute force)"
    ]
    assert [alike["states"], alike["transitions"], alike["final"]] == brute_force[str(size)]


@pytest.mark.parametrize("name", ["groove_append", "groove_loose_nodes"])
@pytest.mark.parametrize("mode", ["none", "all"])
def test_grooves_grammars_are_explored_as_double_pushouts_on_multigraphs(name, mode, rules, conformance):
    key = {"none": "dpo_multigraph_homomorphic", "all": "dpo_multigraph_injective"}[mode]
    expect = expected(conformance, name)[key]
    ended = rules("explore", name, "--injective", mode, "--json")
    assert [ended.json[key] for key in ("states", "transitions", "final")] == [
        expect[key] for key in ("states", "matches", "final")
    ]
    assert ended.err == f"{name}.json means SPO on simple graphs; it is taken as DPO on multigraphs\n"
    if mode == "none":
        assert rules("explore", name, "--json").json == ended.json


def test_the_lattice_of_independent_steps_is_found_by_its_key(rules, conformance):
    for words in (("--n", 3), ("--start", "N=3"), ()):
        found = rules("explore", "fork_join_lattice", *words, "--json").json
        assert [found["states"], found["transitions"]] == expected(conformance, "fork_join_lattice")[
            "N:[states,transitions]"
        ]["3"]
        assert found["start"] == "N=3"


def test_programs_run_to_the_published_sizes(rules, conformance):
    after = expected(conformance, "varro_sts_mutex")["N=1000"]
    mutex = rules("run", "varro_sts_mutex", "--n", 1000, "--json").json
    setup, run = after["after_setup"], after["after_run"]
    assert mutex["rewrites"] == setup["rewrites"] + run["rewrites_in_run"]
    assert [mutex["nodes"], mutex["edges"]] == [run["nodes"], run["edges"]]
    assert mutex["edge_labels"] == {"next": run["next"], "token": run["token"]}
    four = expected(conformance, "sierpinski")["grgen_4_generations"]
    sierpinski = rules("run", "sierpinski", "--n", 2, "--json").json
    assert {key: sierpinski[key] for key in ("rewrites", "nodes", "edges")} == {
        key: four[key] for key in ("rewrites", "nodes", "edges")
    }
    assert sierpinski["node_labels"] == {key: four[key] for key in ("A", "AB", "B", "BC", "C", "CA")}
    assert sierpinski["edge_labels"] == four["edge_label"]


def test_matches_are_counted_with_nacs_and_gluing(rules, conformance):
    for size in (3, 6):
        found = rules("match", "dining_philosophers", "--n", size, "--json").json
        assert found["matches"] == 2 * size
        assert found["rules"] == {"left": size, "right": size, "release": 0}
    found = rules("match", "grgen_dpo_gluing", "--json").json
    assert found["cases"] == {
        "dpo_001": 2,
        "dpo_002": 1,
        "dpo_003": 1,
        "dpo_004": 2,
        "dpoHom2_001": 0,
        "dpoHom2_002": 2,
        "dpoHom3_001": 0,
        "dpoHom3_002": 0,
    }
    assert found["matches"] == sum(found["cases"].values())


def test_each_case_of_a_pack_can_be_run(rules, conformance):
    cases = json.loads((conformance / "dpo" / "grgen_dpo_gluing.json").read_text())["cases"]
    for case in (case for case in cases if "steps" in case):
        found = rules("run", "grgen_dpo_gluing", "--case", case["id"], "--json").json
        assert [found["nodes"], found["edges"]] == [
            case["steps"][-1][f"{key}_after"] for key in ("nodes", "edges")
        ]
        applied = (step["matches"] for step in case["steps"] if step["mode"] == "apply all")
        assert found["rewrites"] == sum(applied)
    one = rules("match", "groove_rule_vectors", "--case", "mult/readerEraser-1", "--json")
    assert one.json["matches"] == 2


def test_critical_pairs_are_those_of_verigraph(rules, conformance):
    expect = expected(conformance, "verigraph_critical_pairs")
    found = rules("pairs", "verigraph_critical_pairs", "--json").json
    assert found["rules"] == expect.pop("rule_order")
    for kind, table in expect.items():
        assert found[kind.partition("(")[0]] == table
    listed = rules("pairs", "verigraph_critical_pairs", "--list", "--json").json["list"]
    assert len(listed) == found["pairs"] == 23
    assert {"kind", "first", "second", "graph", "explanation"} <= listed[0].keys()


# -- what is printed -------------------------------------------------------------------------------------------

SORT = """# Sorting by swaps.
rule swap
  match (a:Item)-[n:NEXT]->(b:Item)
  where a.key > b.key
  set a.key = b.key, b.key = a.key
"""
LIST = {
    "nodes": [
        {"id": id, "label": "Item", "attributes": {"key": key}} for id, key in (("a", 3), ("b", 1), ("c", 2))
    ],
    "edges": [{"src": "a", "label": "NEXT", "tgt": "b"}, {"src": "b", "label": "NEXT", "tgt": "c"}],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sort.rules").write_text(SORT)
    (tmp_path / "list.json").write_text(json.dumps(LIST))
    return tmp_path


def test_rules_as_text_are_run_on_a_graph_of_their_own(folder, commands):
    def itonami(*argv):
        return commands("rules", *argv, cwd=folder)

    assert itonami("match", "sort.rules", "--graph", "list.json", "--list").out == (
        "matches  1\nswap     1\nswap  a=a, b=b, n=#0\n"
    )
    assert itonami("explore", "sort.rules", "--graph", "list.json").out == (
        "3 states, 2 transitions, 1 final (ids kept)\n"
    )
    assert itonami("run", "sort.rules", "--graph", "list.json").out == (
        "rewrites  2  swap 2\nnodes     3  Item 3\nedges     2  NEXT 2\n"
    )
    assert itonami("explore", "sort.rules").out == "1 state, 0 transitions, 1 final (ids kept)\n"
    assert itonami("show", "sort.rules").out.splitlines()[0] == "rule swap"
    assert itonami("show", "sort.rules", "--format", "svg").out.startswith("<svg ")
    shown = itonami("show", "sort.rules", "--json").json["rules"]
    (folder / "again.json").write_text(json.dumps(shown))
    assert itonami("show", "again.json", "--json").json["rules"] == shown
    (folder / "one.json").write_text(json.dumps(shown[0]))
    assert itonami("show", "one.json", "--rule", "swap", "--json").json["rules"] == shown
    assert "critical pair" in itonami("pairs", "sort.rules").out


def test_a_limit_prints_what_there_is_and_ends_with_1(rules):
    cut = rules("explore", "dining_philosophers", "--limit", 10, "--json")
    assert cut.code == 1
    assert cut.json["complete"] is False
    assert cut.json["states"] == 10
    assert "not all was explored: " in cut.err
    deep = rules("explore", "dining_philosophers", "--depth", 1)
    assert (deep.code, deep.out) == (0, "7 states, 6 transitions, 0 final (ids kept)\n")
    assert rules("explore", "dining_philosophers", "--depth", 5, "--limit", 10).code == 1
    run = rules("run", "dining_philosophers", "--limit", 2, "--json")
    assert (run.code, run.json["rewrites"], run.json["complete"]) == (1, 2, False)
    assert "--limit" in run.err
    match = rules("match", "dining_philosophers", "--limit", 2, "--json")
    assert (match.code, match.json["matches"]) == (1, 2)
    assert rules("match", "dining_philosophers", "--limit", 6).code == 0


def test_a_step_that_fell_short_is_noted(rules, conformance, tmp_path):
    obj = json.loads((conformance / "dpo" / "varro_sts_mutex.json").read_text())
    obj["program"] = [["requestRule", 3], ["mountRule", 1], ["requestRule", 3]]
    (tmp_path / "short.json").write_text(json.dumps(obj))
    ended = rules("run", "short.json", "--json")
    assert ended.code == 0
    assert ended.json["applied"] == {"mountRule": 1, "requestRule": 2}
    assert ended.err == (
        "program[0]: requestRule was applied 0 times, not 3\nprogram[2]: requestRule was applied 2 times, not 3\n"
    )


def test_without_a_command_there_is_help(commands, tmp_path):
    ended = commands("rules", cwd=tmp_path)
    assert ended.code == 0
    assert all(word in ended.out for word in ("explore", "run", "match", "pairs", "show"))


def test_progress_is_seen_on_a_terminal_and_the_document_alone_on_stdout(conformance, tmp_path):
    """stderr is a pseudo-terminal, stdout a pipe."""
    leader, follower = pty.openpty()
    file = conformance / "dpo" / "varro_sts_mutex.json"
    argv = [sys.executable, "-m", "itonami.workflow.cli", "rules", "run", str(file), "--n", "2000", "--json"]
    process = subprocess.Popen(
        argv,
        cwd=tmp_path,
        env=environment() | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0
    assert json.loads(out)["rewrites"] == 5 * 2000 - 1
    assert b"run" in seen


# -- bad input -------------------------------------------------------------------------------------------------

RULE = {"name": "r", "L": {"nodes": [{"id": "a", "label": "A"}], "edges": []}}
RULE["R"] = RULE["L"]
FILES = {
    "syntax.json": '{"rules": [}',
    "deep.json": "[" * 100_000,
    "latin.json": '{"name": "é"}'.encode("latin-1"),
    "digits.json": '{"name": "g", "program": [["r", ' + "9" * 10_000 + "]]}",
    "nan.json": '{"name": "g", "x": NaN}',
    "number.json": "7",
    "norules.json": '{"rules": 7}',
    "noleft.json": json.dumps({"rules": [{"name": "r"}]}),
    "step.json": json.dumps({"rules": [RULE], "program": [["r", 1], ["s", 1]]}),
    "sized.json": json.dumps({"rules": [RULE], "program": [["r", "N-2"]]}),
    "starts.json": json.dumps({"rules": [RULE], "start": {"3": {"nodes": [], "edges": []}}}),
    "pack.json": json.dumps({"cases": [{"id": "one", "rule": RULE}]}),
    "badcase.json": json.dumps({"cases": [{"id": "one", "rule": {"name": "r"}}]}),
    "syntax.rules": "rule r\n  match (a:A\n",
    "edge.json": json.dumps({"nodes": [], "edges": [{"src": "a", "label": "x", "tgt": "b"}]}),
    "params.rules": "rule r\n  match (a:A)\n  set a.n = $n\n",
    "start.json": json.dumps(RULE["L"]),
    "afolder/readme": "",
}
CASES = {
    "a file that is not there": (("explore", "none.json"), ("none.json", "No such file")),
    "a folder": (("match", "afolder"), ("afolder", "directory")),
    "broken JSON": (("explore", "syntax.json"), ("syntax.json", "line 1, column 12")),
    "JSON nested too deeply": (("explore", "deep.json"), ("deep.json", "nested too deeply")),
    "no UTF-8": (("run", "latin.json"), ("latin.json", "UTF-8")),
    "a number of ten thousand digits": (("run", "digits.json"), ("digits.json", "too long")),
    "a number that is none": (("run", "nan.json"), ("nan.json", "NaN")),
    "no object": (("show", "number.json"), ("number.json", "JSON object")),
    "no list of rules": (("show", "norules.json"), ("norules.json", "'rules'")),
    "a rule without a left side": (("explore", "noleft.json"), ("noleft.json", "rule 'r'", "L is missing")),
    "a program with an unknown rule": (("run", "step.json"), ("step.json", "program[1]", "'s'", "known: r")),
    "a program without its N": (("run", "sized.json"), ("program[0]", "'N-2'", "--n")),
    "a program with too small an N": (("run", "sized.json", "--n", "1"), ("program[0]", "-1 for N = 1")),
    "an unknown start": (("explore", "starts.json", "--start", "4"), ("'4'", "use one of: 3")),
    "no start for an N": (("match", "starts.json", "--n", "4"), ("'4'", "use one of: 3")),
    "a pack where a grammar is needed": (("explore", "pack.json"), ("pack.json", "--case: one")),
    "an unknown case": (("run", "pack.json", "--case", "two"), ("pack.json", "'two'", "known: one")),
    "a case of what is no pack": (("run", "sized.json", "--case", "two"), ("sized.json", "no pack")),
    "a case that is wrong": (("match", "badcase.json"), ("badcase.json", "rule 'r'", "L is missing")),
    "rules with a syntax error": (("show", "syntax.rules"), ("syntax.rules", "line 3")),
    "a graph with a loose edge": (
        ("match", "params.rules", "--graph", "edge.json"),
        ("edge.json", "no end 'a'", "add node 'a'"),
    ),
    "a rule with parameters": (("run", "params.rules", "--graph", "start.json"), ("rule 'r'", "$n")),
    "an unknown rule": (("show", "sized.json", "--rule", "s"), ("'s'", "known: r")),
    "a limit that is none": (("explore", "sized.json", "--limit", "0"), ("--limit",)),
    "an unknown mode": (("match", "sized.json", "--injective", "some"), ("--injective", "some")),
    "no file at all": (("explore",), ("'file'",)),
    "an unknown command": (("expand", "sized.json"), ("expand",)),
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize("case", CASES)
def test_a_bad_file_is_refused_in_one_document(case, commands, bad):
    argv, says = CASES[case]
    ended = commands("rules", *argv, "--json", cwd=bad)
    assert ended.code == 2, ended
    assert ended.err == ""
    error = ended.json["error"]
    assert all(error.values()), error
    sentence = " ".join(str(error[key]) for key in ("where", "what", "fix"))
    assert "\n" not in sentence
    for part in says:
        assert part in sentence, sentence


def test_without_json_it_is_one_sentence(commands, bad):
    for case in ("broken JSON", "a program with an unknown rule", "an unknown command"):
        argv, says = CASES[case]
        ended = commands("rules", *argv, cwd=bad)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert ended.err.startswith("itonami: ")
        assert all(part in ended.err for part in says)
