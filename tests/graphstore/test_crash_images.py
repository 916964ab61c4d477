"""The power is cut at any moment of a store's life: what was acknowledged is there, and nothing half-written is.

A process lives with a store (`crash/workload.py`) while all it writes is recorded (`crash/recording.py`). From the
record the states are built that a disk may be in when its power fails (`crash/medium.py`, `crash/images.py`), and
each is opened and compared with what the process had been told by then (`crash/inspection.py`).
"""

import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from images import Image, everything, images
from inspection import Inspector
from medium import Medium
from recording import Operation, Preloaded, Sync, Traced, Write, recorders

WORKLOAD = Path(__file__).parent / "crash" / "workload.py"


@pytest.fixture(scope="session")
def recorder(tmp_path_factory):
    found, missing = recorders(tmp_path_factory.mktemp("recorder"))
    if not found:
        pytest.skip("nothing here can record what a process writes: " + "; ".join(missing))
    return found[0]


class Lived:
    """A life of a store, recorded: the operations, and where its model of itself is."""

    def __init__(
        self, recorder: Preloaded | Traced, folder: Path, seed: int, place: str = "state.itonami"
    ) -> None:
        self.recorder = recorder
        self.seed = seed
        self.place = place
        self.root = folder / "root"
        self.root.mkdir()
        self.log = folder / "log"
        self.model = folder / "model.json"

    def live(self, *how: str) -> "Lived":
        command = [sys.executable, str(WORKLOAD), str(self.root), self.place, str(self.seed), *how]
        ended = self.recorder.run(command, self.root, self.log, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stderr
        return self

    @property
    def operations(self) -> list[Operation]:
        return list(self.recorder.read(self.log, self.root))

    def inspected(self, chosen: Iterable[Image]) -> tuple[int, list[str]]:
        """How many images there were, and what was wrong with which."""
        count, wrong = 0, []
        with Inspector(self.model) as inspector:
            for image, findings in inspector.findings(iter(chosen)):
                count += 1
                wrong += [f"seed {self.seed}, {image} of {self.log}: {finding}" for finding in findings[:3]]
        return count, wrong


def test_the_record_of_a_life_leads_to_the_very_file_it_left(recorder, tmp_path):
    lived = Lived(recorder, tmp_path, seed=1).live()
    medium = Medium()
    for operation in lived.operations:
        medium.apply(operation)
    data = f"{lived.place}/data.mdb"
    assert medium.image(everything(medium, random.Random(0)))[data] == (lived.root / data).read_bytes()
    told = [json.loads(note) for note in medium.notes]
    assert len([note for note in told if "tx" in note]) > 20
    assert (
        sum(len(operation.data) for operation in lived.operations if isinstance(operation, Write)) > 1 << 18
    )


def test_a_few_hundred_power_cuts_lose_nothing(recorder, tmp_path):
    lived = Lived(recorder, tmp_path, seed=2).live()
    count, wrong = lived.inspected(images(lived.operations, lived.seed, share=0.12))
    assert wrong == []
    assert count >= 200


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 14))
def test_thousands_of_power_cuts_lose_nothing(recorder, tmp_path, seed):
    lived = Lived(recorder, tmp_path, seed).live()
    count, wrong = lived.inspected(images(lived.operations, lived.seed))
    assert wrong == []
    assert count >= 700


def test_a_store_made_below_new_directories_is_there_after_a_power_cut(recorder, tmp_path):
    lived = Lived(recorder, tmp_path, seed=3, place="new/and/deep/state.itonami").live("briefly")
    count, wrong = lived.inspected(images(lived.operations, lived.seed, share=0.5))
    assert wrong == []
    assert count >= 20


def test_who_comes_after_a_creator_that_was_killed_can_rely_on_the_store(recorder, tmp_path):
    if not recorder.obeys:
        pytest.skip("this recorder cannot end a process at a given call: there is no C compiler")
    lived = Lived(recorder, tmp_path, seed=4).live("stopped").live("briefly")
    count, wrong = lived.inspected(images(lived.operations, lived.seed, share=0.5))
    assert wrong == []
    assert count >= 20


@pytest.mark.parametrize(
    ("how", "due"),
    [("sloppy", "was acknowledged, the last is"), ("unflushed", "")],
    ids=["without the flush of the meta page", "without any flush"],
)
def test_the_images_of_a_store_without_its_flushes_do_show_losses(recorder, tmp_path, how, due):
    lived = Lived(recorder, tmp_path, seed=5).live("briefly", how)
    _, wrong = lived.inspected(images(lived.operations, lived.seed, share=0.15))
    assert [finding for finding in wrong if due in finding], "the harness has no teeth"


def test_a_disk_that_lies_about_its_flushes_is_found_out(recorder, tmp_path):
    lived = Lived(recorder, tmp_path, seed=6).live("briefly")
    honest = lived.operations
    started = next(
        n for n, operation in enumerate(honest) if getattr(operation, "text", "").startswith('{"opened')
    )
    lying = honest[:started] + [
        operation for operation in honest[started:] if not isinstance(operation, Sync)
    ]
    _, wrong = lived.inspected(images(lying, lived.seed, share=0.15))
    signs = ("was acknowledged", "Corrupt", "the process died")
    assert any(sign in finding for finding in wrong for sign in signs), "the harness has no teeth"


def test_both_recorders_tell_the_same(tmp_path):
    found, missing = recorders(tmp_path)
    if missing:
        pytest.skip("one recorder is all there is here: " + "; ".join(missing))
    kinds = []
    for recorder in found:
        (tmp_path / recorder.name).mkdir()
        lived = Lived(recorder, tmp_path / recorder.name, seed=7).live("briefly")
        medium = Medium()
        for operation in lived.operations:
            medium.apply(operation)
        assert not medium.loose or not any(file.states for file in medium.files.values())
        kinds.append([type(operation).__name__ for operation in lived.operations])
    assert kinds[0] == kinds[1]
