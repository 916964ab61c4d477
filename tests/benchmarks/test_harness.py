"""The harness's arithmetic, and real measurements of raw LMDB through the whole path; no peer is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest

from benchmarks import machine, report
from benchmarks.engine_rows import Trace, last_over_first
from benchmarks.harness import REPOSITORY, Absent, Series, measure_once, paired_ratio, summary
from benchmarks.row import BASE, OURS, Sample, quantile
from benchmarks.rows import ROWS
from benchmarks.rules_rows import RULES_ROWS
from benchmarks.store_rows import STORE_ROWS, Told


def series(*values: float) -> Series:
    return Series(tuple(Sample(value, {"twice": value * 2}) for value in values))


def test_drift_between_rounds_cancels_in_a_paired_ratio() -> None:
    steady, drifting = series(100, 50, 10), series(200, 100, 20)
    assert paired_ratio(drifting, steady) == 2.0
    assert drifting.value == 100
    assert drifting.details == {"twice": 200}


def test_rounds_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_ratio(series(1, 2), series(1))


@pytest.mark.parametrize(("q", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_quantile_is_the_nearest_rank(q: float, expected: int) -> None:
    assert quantile([float(i) for i in range(100, 0, -1)], q) == expected


def test_a_run_whose_steps_take_ever_longer_is_not_flat() -> None:
    flat = [float(i) for i in range(100)]
    slowing = [i * i / 2 for i in range(101)]
    assert last_over_first(flat) == 1.0
    assert last_over_first(slowing) == pytest.approx(19.0)


def test_a_figure_is_refused_when_steps_were_skipped_or_repeated() -> None:
    trace = Trace()
    trace()
    trace.restart()
    trace()
    trace.expect(1)
    with pytest.raises(RuntimeError, match="2 steps were to be run, 1 were"):
        trace.expect(2)


@pytest.mark.parametrize(
    ("row", "best"), [("steps_one_caller", "dbos_sqlite"), ("bytes_per_step", "langgraph_sqlite")]
)
def test_the_best_peer_is_the_fastest_or_the_smallest(row: str, best: str) -> None:
    measured = {
        "raw_lmdb": series(100),
        "itonami": series(40),
        "langgraph_sqlite": series(10),
        "dbos_sqlite": series(20),
    }
    found = summary(ROWS[row], measured)
    assert found["best_peer"] == best
    assert found["best_peer_ratio"] == 40 / measured[best].value
    assert (found["value"], found["ratio"]) == (40, 0.4)
    assert found["peers"] == {"raw_lmdb": 100, "langgraph_sqlite": 10, "dbos_sqlite": 20}


def test_a_system_that_is_not_there_is_named_and_the_others_stand() -> None:
    absent = Absent("cannot be imported: no module", failed=False)
    found = summary(ROWS["steps_one_caller"], {"raw_lmdb": series(100), "itonami": absent})
    assert found["value"] is found["ratio"] is found["best_peer"] is None
    assert found["skipped"] == {"itonami": "cannot be imported: no module"}
    page = report.markdown(
        {"steps_one_caller": found}, machine.describe(), machine.versions(), date(2025, 1, 2)
    )
    assert "| – | 100 | – | – |" in page
    assert "- `steps_one_caller`, Itonami: cannot be imported: no module" in page
    assert "2025-01-02" in page


def test_a_peer_that_cannot_be_imported_is_skipped_and_not_a_failure() -> None:
    outcome = measure_once("no_such_system", "short_run_latency", quick=True)
    assert isinstance(outcome, Absent)
    assert not outcome.failed
    assert "no_such_system" in outcome.why


@pytest.mark.parametrize("row", [name for name, row in ROWS.items() if BASE in row.peers])
def test_raw_lmdb_is_measured_in_a_process_of_its_own_with_both_syncs_on(row: str) -> None:
    outcome = measure_once("raw_lmdb", row, quick=True)
    assert isinstance(outcome, Sample)
    assert outcome.value > 0
    assert outcome.settings == {"sync": "on", "metasync": "on"}


@pytest.mark.parametrize("row", list(STORE_ROWS))
def test_our_store_keeps_what_each_row_asks_back(row: str) -> None:
    outcome = measure_once(OURS, row, quick=True)
    assert isinstance(outcome, Sample), outcome
    assert outcome.value > 0


@pytest.mark.parametrize("row", list(RULES_ROWS))
def test_our_rules_have_the_outcome_that_each_row_asks_for(row: str) -> None:
    outcome = measure_once(OURS, row, quick=True)
    assert isinstance(outcome, Sample), outcome
    assert outcome.value > 0


@pytest.mark.parametrize("peer", ["networkx_vf2", "rustworkx_vf2"])
def test_another_rewriter_passes_the_token_on_or_is_not_there(peer: str) -> None:
    outcome = measure_once(peer, "token_ring", quick=True)
    assert outcome.value > 0 if isinstance(outcome, Sample) else not outcome.failed, outcome


def test_a_history_tells_the_value_of_any_node_in_any_version() -> None:
    told = Told(nodes=5, versions=40)
    values = dict.fromkeys(range(5), 0)
    for version, node in enumerate(told.changes, 1):
        values[node] = version
        assert {node: told.value(version, node) for node in range(5)} == values


def test_engine_and_store_have_a_table_each() -> None:
    measured = {"raw_lmdb": series(100), "itonami": series(40)}
    summaries = {name: summary(ROWS[name], measured) for name in ("steps_one_caller", "commit_one")}
    page = report.markdown(summaries, machine.describe(), machine.versions(), date(2025, 1, 2))
    assert page.index("## The engine") < page.index("## The store") < page.index("## Behind the figures")


def test_the_command_prints_one_json_document_on_stdout_and_progress_on_stderr() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "short_run_latency",
        "--quick",
        "--json",
        "--peer",
        "raw_lmdb",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["short_run_latency"]
    assert found["unit"] == "ms"
    assert found["peers"]["raw_lmdb"] > 0
    assert "raw_lmdb" in done.stderr


def test_an_unknown_name_is_refused_in_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no benchmark is called 'speed'" in done.stderr
    assert "Traceback" not in done.stderr
