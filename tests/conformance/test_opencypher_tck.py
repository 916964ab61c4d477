"""The openCypher TCK: every scenario, by the runner that is shared with other engines, in one child process.

What fails is listed by name in `opencypher_failures.txt`; a scenario that fails and is not listed, or is listed and
passes, fails the test. Scenarios of writing clauses run on the test-only interpreter of `writes`; those that need
procedures are `test_opencypher_call`'s.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SHARED = TESTS.parents[1] / "shared"
RUNNER, TCK = SHARED / "tools" / "opencypher_tck.py", SHARED / "conformance" / "opencypher-tck"
FAILURES = Path(__file__).with_name("opencypher_failures.txt")
SECONDS = 300


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Scenario -> (pass, fail, error, crash, timeout or skip; why)"""
    if not RUNNER.exists() or not TCK.exists():
        pytest.skip("the openCypher TCK and its runner are not beside the repository (../shared)")
    if find_spec("gherkin") is None:
        pytest.skip("the TCK's runner needs gherkin: pip install gherkin-official")
    report = tmp_path_factory.mktemp("tck") / "tck.jsonl"
    command = [
        sys.executable, str(RUNNER), "--tck", str(TCK), "--adapter", "tests.conformance.opencypher:Adapter",
        "--strict-errors", "--json", str(report), "--timeout", "30",
    ]  # fmt: skip
    paths = [str(TESTS.parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    subprocess.run(
        command, cwd=TESTS.parent, env=environment, check=True, timeout=SECONDS, capture_output=True
    )
    found = [json.loads(line) for line in report.read_text().splitlines()]
    return {f"{one['id']} {one['name']}": (one["r"], one["why"]) for one in found}


def expected_failures():
    lines = (line.strip() for line in FAILURES.read_text().splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def test_exactly_the_listed_scenarios_fail(outcomes):
    failed = {name: why for name, (outcome, why) in outcomes.items() if outcome not in ("pass", "skip")}
    unexpected = {name: failed[name] for name in failed.keys() - expected_failures()}
    assert not unexpected
    assert not expected_failures() - failed.keys(), "these pass now: take them off the list"


def test_every_scenario_was_run(outcomes):
    assert len(outcomes) > 2_500
    assert sum(outcome == "skip" for outcome, _ in outcomes.values()) <= 50
