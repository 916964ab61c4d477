"""`docs/query.md` says what is so: its examples are run, its tables tried and its command lines typed."""

import contextlib
import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from itonami.graphstore import Graph, Store
from itonami.query import ArgumentError, Limits, QueryArithmeticError, QuerySyntaxError, run
from itonami.query.cypher.lexer import MAX_DEPTH, MAX_LENGTH
from itonami.query.functions import AGGREGATES, FUNCTIONS
from itonami.query.procedures import PROCEDURES
from itonami.query.values.domain import MAX_LIST, MAX_TEXT

DOCUMENT = Path(__file__).parents[2] / "docs" / "query.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
PARAMS = {"p": [1], "props": {"state": "new"}}
_ROW = re.compile(r"(?m)^\| (.*) \|$")
_SPAN = re.compile(r"`([^`]+)`")
_CLAUSES = ("CALL", "EXPLAIN", "LOAD", "MATCH", "RETURN", "SHOW", "UNWIND", "USE")


def table(head):
    """The rows of the table whose first cell is `head`, a row as the code in each of its cells."""
    rows = TEXT.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    cells = (
        [part.replace("\\|", "|") for part in re.split(r" \|(?: |$)", row)] for row in _ROW.findall(rows)[1:]
    )
    return [[_SPAN.findall(cell) for cell in row] for row in cells]


def code(head, column=0):
    """All the code in a column of a table."""
    return [span for row in table(head) for span in row[column]]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The directory where the examples were run."""
    directory = tmp_path_factory.mktemp("query docs")
    with contextlib.chdir(directory):
        failed, tried = doctest.testfile(
            str(DOCUMENT), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS
        )
    assert not failed
    assert tried > 40
    return directory


@pytest.fixture(scope="module")
def ask(place):
    with Store.open(place / "state.itonami") as store:
        yield lambda text: run(store, text, graph="order-17", params=PARAMS)


def test_the_examples_do_what_they_show(place):
    assert (place / "state.itonami").exists()


@pytest.mark.parametrize("text", code("clause"))
def test_every_clause_is_one(ask, text):
    assert ask(text).columns


@pytest.mark.parametrize("pattern", code("pattern"))
def test_every_pattern_is_one(ask, pattern):
    ask(f"MATCH {pattern} RETURN count(*)")


@pytest.mark.parametrize("expression", code("expression"))
def test_every_expression_is_one(ask, expression):
    assert len(ask(f"MATCH (n:Item {{price: 40}}) RETURN {expression} AS it")) == 1


def functions():
    """The names in the table of functions. What starts with dots goes on from each of the names before."""
    for _, cell in table("functions"):
        before = []
        for names in map(str.split, cell):
            if not names[0].startswith("."):
                before = names
                yield from names
            for end in (name for name in names if name.startswith(".")):
                yield from (name + end.removeprefix("...") for name in before)


def test_every_function_is_named_and_no_other():
    assert {name.lower() for name in functions()} == FUNCTIONS.keys() | AGGREGATES.keys()


@pytest.mark.parametrize(("call", "fields"), [(row[0][0], row[1][0].split()) for row in table("call")])
def test_every_procedure_is_as_it_is_shown(call, fields):
    name, arguments = call.rstrip(")").split("(")
    procedure = PROCEDURES[name]
    assert tuple(fields) == procedure.outputs
    if "{" not in arguments:
        assert tuple(re.findall(r"\w+", arguments)) == procedure.inputs
        assert len(re.findall(r"\w+", arguments.split("[")[0])) == procedure.required


def test_every_procedure_is_shown():
    assert {span.split("(")[0] for span in code("call")} == PROCEDURES.keys()


@pytest.mark.parametrize("text", code("not there"))
def test_what_is_not_there_is_refused(ask, text):
    with pytest.raises(QuerySyntaxError):
        ask(text)


@pytest.mark.parametrize("text", [text for text in code("not there", 1) if text.startswith(_CLAUSES)])
def test_what_is_said_instead_is_there(ask, text):
    ask(text)


def test_integers_beyond_64_bits_are_read_and_not_reckoned_with():
    evolver = Graph().evolver()
    evolver.add_node(id="n", big=2**70)
    graph = evolver.persistent()
    assert run(graph, "MATCH (n) WHERE n.big > 5 RETURN n.big, toFloat(n.big)").rows == ((2**70, 2.0**70),)
    assert run(graph, "MATCH (n) WHERE id(n) = 1 RETURN n").rows == ()
    for text, error in [
        ("MATCH (n) RETURN n.big + 1", QueryArithmeticError),
        ("RETURN 9223372036854775807 + 1", QueryArithmeticError),
        (f"RETURN {2**70}", QuerySyntaxError),
        ("RETURN $big", ArgumentError),
    ]:
        with pytest.raises(error):
            run(graph, text, params={"big": 2**70} if "$" in text else None)


def test_the_limits_are_as_they_are_shown():
    (shown,) = re.findall(r"`query\.(Limits\(.*?\))`", TEXT)
    assert eval(shown, {"Limits": Limits}) == Limits()
    section = " ".join(TEXT.split("Fixed are:")[1].split("\n\n")[0].split())
    for words in (
        f"{MAX_LENGTH:,} characters a query",
        f"{MAX_DEPTH} levels",
        f"{MAX_LIST:,} elements",
        f"{MAX_TEXT:,} characters a text",
    ):
        assert words in section


def commands():
    block = re.search(r"```console\n(.*?)```", TEXT, re.DOTALL)[1]
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(("line", "shown"), commands(), ids=[line for line, _ in commands()])
def test_the_commands_print_what_is_shown(place, line, shown, monkeypatch):
    monkeypatch.delenv("ITONAMI_STORE", raising=False)
    program, *arguments = shlex.split(line)
    assert program == "itonami"
    command = [sys.executable, "-m", "itonami.workflow.cli", *arguments]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert doctest.OutputChecker().check_output(shown, ran.stdout, doctest.ELLIPSIS), ran.stdout
