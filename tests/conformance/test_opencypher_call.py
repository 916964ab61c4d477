"""The openCypher TCK's scenarios of CALL, which its shared runner leaves out as they need procedures.

A procedure of the TCK is a table: the rows whose first columns equal the arguments, the rest of their columns.
"""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from itonami.query import Procedure, QueryError
from itonami.query.values import equals

SHARED = Path(__file__).parents[3] / "shared"
FEATURES = SHARED / "conformance" / "opencypher-tck" / "features" / "clauses" / "call"
DECLARED = re.compile(r"there exists a procedure ([\w.]+)\((.*?)\) :: \((.*?)\)\s*:")

if not FEATURES.is_dir() or find_spec("gherkin") is None:
    pytest.skip("the openCypher TCK and gherkin-official are needed", allow_module_level=True)

import sys  # noqa: E402

sys.path.insert(0, str(SHARED / "tools"))

import opencypher_tck as tck  # noqa: E402

from tests.conformance import writes  # noqa: E402
from tests.conformance.opencypher import NOW, canonical  # noqa: E402

UNTYPED = {
    "[5] Standalone call to procedure should fail if input type is wrong",
    "[6] In-query call to procedure should fail if input type is wrong",
}
"""A procedure's arguments have no declared types here, so that a wrong one cannot be seen before the call."""


def scenarios():
    from gherkin.parser import Parser
    from gherkin.pickles.compiler import Compiler

    for file in sorted(FEATURES.glob("*.feature")):
        document = Parser().parse(file.read_text(encoding="utf-8"))
        for pickle in Compiler().compile({**document, "uri": file.name}):
            yield pytest.param(pickle["steps"], id=f"{file.stem} {pickle['name']}")


def names(declared):
    return tuple(part.split("::")[0].strip() for part in declared.split(",") if part.strip())


def procedure(text, table):
    """The procedure that a step declares, with its rows."""
    name, inputs, outputs = DECLARED.match(text).groups()
    arguments, fields = names(inputs), names(outputs)
    rows = [[tck.VP(cell).parse() for cell in row if cell] for row in table[1:]]

    def call(context, source, *given):
        for row in rows:
            asked = row[: len(given)]
            if all(a is b is None or equals(a, b) for a, b in zip(asked, given, strict=True)):
                yield tuple(row[len(given) :])

    return Procedure(name, arguments, fields, call)


def played(steps):
    """The steps of a scenario: procedures, set-ups, parameters, query, what is expected."""
    made = {"procedures": {}, "setup": [], "params": {}, "query": None, "expect": None, "error": None}
    for step in steps:
        text, argument = step["text"], step.get("argument") or {}
        body = argument.get("docString", {}).get("content")
        table = [tck.split_cells(row) for row in argument.get("dataTable", {}).get("rows", [])]
        raised = re.match(r"an? (\w+) should be raised at (.+?): (.+)$", text)
        if declared := DECLARED.match(text):
            made["procedures"][declared[1]] = procedure(text, table)
        elif text == "having executed:":
            made["setup"].append(body)
        elif text == "parameters are:":
            made["params"] = {row[0]: tck.VP(row[1]).parse() for row in table}
        elif text == "executing query:":
            made["query"] = body
        elif raised:
            made["error"] = raised.groups()
        elif text.startswith("the result should be"):
            made["expect"] = {
                "ordered": "in order" in text, "unordered_lists": False, "cols": table[0] if table else [],
                "rows": table[1:], "empty": text.endswith("empty"),
            }  # fmt: skip
    return made


@pytest.mark.parametrize("steps", list(scenarios()))
def test_a_call_gives_what_the_tck_says(steps, request):
    made = played(steps)
    sandbox = writes.Sandbox()
    for text in made["setup"]:
        writes.run(text, sandbox, {}, NOW)
    if made["error"]:
        if any(name in request.node.callspec.id for name in UNTYPED):
            request.applymarker(pytest.mark.xfail(strict=True, reason="arguments are not typed"))
        with pytest.raises(QueryError) as caught:
            writes.run(made["query"], sandbox, made["params"], NOW, made["procedures"])
        assert (caught.value.kind, caught.value.detail) == (made["error"][0], made["error"][2])
        return
    columns, rows = writes.run(made["query"], sandbox, made["params"], NOW, made["procedures"])
    good, why = tck.check_table(made["expect"], list(columns), [[canonical(v) for v in row] for row in rows])
    assert good, why
