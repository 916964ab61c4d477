"""The openCypher TCK, read and not run: what it accepts is accepted, what it refuses at compile time is refused so.

A scenario takes part with its query alone, if that reads; its set-up is parsed with `writes=True`. An error `at any
time` may be found here or while running, an error `at runtime` must not be found here.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from itonami.query.cypher import check, parse
from itonami.query.cypher.errors import QueryError
from itonami.query.functions import FUNCTIONS

CONFORMANCE = os.environ.get("ITONAMI_CONFORMANCE")
NEIGHBOURS = [folder / "shared" / "conformance" for folder in Path(__file__).parents]
FOLDER = next(
    (
        tck
        for folder in ([Path(CONFORMANCE)] if CONFORMANCE else NEIGHBOURS)
        if (tck := folder / "opencypher-tck" / "features").is_dir()
    ),
    None,
)
WRITES = re.compile(r"\b(CREATE|MERGE|DELETE|DETACH|SET|REMOVE|FOREACH)\b", re.IGNORECASE)
QUOTED = re.compile(r"//[^\n]*|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`")
ERROR = re.compile(r"an? (\w+) should be raised at (compile time|runtime|any time): (.+)")


@dataclass
class Scenario:
    place: str
    setup: list[str]
    query: str = ""
    phase: str | None = None
    error: tuple[str, str] = ("", "")
    procedures: bool = False

    @property
    def writes(self):
        return WRITES.search(QUOTED.sub("", self.query)) is not None


def scenarios():
    if FOLDER is None:
        pytest.skip("the TCK is not here")
    pytest.importorskip("gherkin", reason="gherkin-official reads the TCK")
    from gherkin.parser import Parser
    from gherkin.pickles.compiler import Compiler

    for path in sorted(FOLDER.rglob("*.feature")):
        document = Parser().parse(path.read_text(encoding="utf-8"))
        document["uri"] = path.name
        for number, pickle in enumerate(Compiler().compile(document)):
            scenario = Scenario(f"{path.name}#{number}", [])
            for step in pickle["steps"]:
                text = step["text"]
                argument = step.get("argument", {}).get("docString", {}).get("content", "")
                if text == "having executed:":
                    scenario.setup.append(argument)
                elif text == "executing query:":
                    scenario.query = argument
                elif text.startswith("there exists a procedure"):
                    scenario.procedures = True
                elif found := ERROR.fullmatch(text):
                    scenario.error, scenario.phase = (found[1], found[3]), found[2]
            yield scenario


@pytest.fixture(scope="module")
def tck():
    return list(scenarios())


def verdict(query):
    """None if nothing speaks against the query, else the kind and the detail of the error."""
    try:
        check(parse(query), FUNCTIONS)
    except QueryError as error:
        return error.kind, error.detail
    return None


def test_every_query_with_a_result_is_accepted_and_no_runtime_error_is_foreseen(tck):
    told = Counter()
    for scenario in tck:
        if not scenario.writes and scenario.phase in (None, "runtime"):
            found = verdict(scenario.query)
            told[found is None] += 1
            assert found is None, f"{scenario.place}: {found}\n{scenario.query}"
    assert told[True] > 1000


def test_every_compile_time_error_is_found_by_its_kind_and_detail(tck):
    found = Counter()
    missed = []
    for scenario in tck:
        if scenario.phase == "compile time" and not scenario.writes and not scenario.procedures:
            ok = verdict(scenario.query) == scenario.error
            found[ok] += 1
            if not ok and scenario.error[1] != "ProcedureNotFound":  # the registry's to say
                missed.append(f"{scenario.place}: {scenario.error} {scenario.query}")
    assert not missed, "\n".join(missed)
    assert found[True] / found.total() >= 0.95


def test_an_error_at_any_time_is_found_as_what_it_is_or_left_to_the_run(tck):
    for scenario in tck:
        if scenario.phase == "any time":
            found = verdict(scenario.query)
            assert found is None or found[0] == scenario.error[0], scenario.query


def test_every_set_up_and_every_writing_query_parses_when_writes_are_allowed(tck):
    for scenario in tck:
        for text in scenario.setup:
            parse(text, writes=True)
        if scenario.writes and scenario.phase is None:
            assert check(parse(scenario.query, writes=True), FUNCTIONS) is not None


def test_every_writing_query_is_refused_in_the_product(tck):
    for scenario in tck:
        if scenario.writes and scenario.phase is None:
            assert verdict(scenario.query) == ("SyntaxError", "InvalidClauseComposition"), scenario.query
