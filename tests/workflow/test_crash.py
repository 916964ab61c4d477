"""Engines killed with SIGKILL: what was acknowledged is never run again, what was under way is, with the same key."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ZYGOTE = Path(__file__).parent / "crash_zygote.py"


def crash(path: Path, kills: int, seed: int) -> dict:
    command = [sys.executable, str(ZYGOTE), str(path), str(kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(report: dict, kills: int) -> None:
    assert report["kills"] >= kills
    assert report["run_again"] == [], "an acknowledged activity was run again"
    assert report["lost"] == [], "an acknowledged outcome was lost"
    assert report["other_key"] == [], "an activity was run again under another key"
    assert report["not_run"] == [], "an activity that was under way was forgotten"
    assert set(report["ended"].values()) == {"failed"}, "each run ends as its definition says"
    assert report["verify"] == []
    assert report["rebuilt"]


def test_fifty_kills_lose_nothing_and_repeat_only_what_was_under_way(tmp_path):
    check(crash(tmp_path / "state.itonami", 50, seed=17), 50)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_kills(tmp_path, seed):
    check(crash(tmp_path / "state.itonami", 50, seed), 50)
