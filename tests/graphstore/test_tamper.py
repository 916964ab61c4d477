"""A store whose file was damaged or forged: no edit ends the process, each that changes an answer is found, none makes
a false proof hold. How it is edited and asked stands in `tamper/`."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "tamper"))

from children import tried

TRIAL = Path(__file__).parent / "tamper" / "trial.py"
HARMLESS = {"refused", "verify", "same", "unproved", "earlier"}


def laws(folder: Path, first: int, count: int) -> Counter[str]:
    """Try the edits; how often each end was met."""
    results = tried(TRIAL, folder, first, count)
    assert len(results) == count
    assert [result for result in results if result["end"] not in HARMLESS] == []
    assert [result for result in results if result["leaks"]] == [], "errors that are not ours"
    return Counter(result["end"] for result in results)


def test_no_edit_of_the_file_crashes_lies_unnoticed_or_proves_a_lie(tmp_path):
    ends = laws(tmp_path, 0, 240)
    assert min(ends["refused"], ends["verify"], ends["same"]) > 15, "the edits reach all depths"


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000_000, 1_020_000, 1_000))
def test_none_of_twenty_thousand_edits_does(tmp_path, first):
    laws(tmp_path, first, 1_000)
