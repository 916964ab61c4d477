"""A house for engines: one real store, every run of which is audited when a test is over."""

import asyncio
import sys
from pathlib import Path

import pytest

from itonami.graphstore import HEADER, Store
from itonami.workflow import Engine
from itonami.workflow.engine import rebuild

sys.path.insert(0, str(Path(__file__).parent))

RUN_STATES = {"running", "parked", "succeeded", "failed", "cancelled", "terminated", "timed_out"}
STEP_STATES = {
    "pending",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "cancelled",
    "terminated",
    "timed_out",
    "skipped",
    "compensated",
}


class House:
    """A store, the engines opened on it, and the audit of whatever they did."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.unexplained: set[str] = set()  # runs that somebody changed without a rule

    def engine(self, *activities: object, **settings: object) -> Engine:
        return Engine.open(self.store, activities, **settings)

    def audit(self) -> None:
        """Every run meets its roots from its events alone, speaks the vocabulary, and the store verifies."""
        for version in self.store.graphs(kind="run"):
            run = version.graph
            if run not in self.unexplained:
                assert rebuild(self.store, run).root == version.root
            for entry in (commit.entry(run) for commit in self.store.entries(run)):
                for change in entry.delta.set_nodes:
                    states = RUN_STATES if change.id == HEADER else STEP_STATES
                    assert change.after.get("status", "running") in states
                ends = [event.name for event in entry.events if event.name in ENDS]
                assert not ends or ends == [entry.events[-1].name], "the run's end is the last event"
        report = self.store.verify()
        assert report.ok, report.damage


ENDS = {"RunSucceeded", "RunFailed", "RunCancelled", "RunTimedOut", "RunTerminated"}


@pytest.fixture
async def house():
    """A house on a store in memory; no engine may leave a task behind."""
    with Store.memory() as store:
        home = House(store)
        yield home
        assert asyncio.all_tasks() == {asyncio.current_task()}
        home.audit()


@pytest.fixture
async def durable_house(tmp_path):
    """A house on a store on disk, flushed at every commit."""
    with Store.open(tmp_path / "state.itonami", snapshot_every=4) as store:
        home = House(store)
        yield home
        assert asyncio.all_tasks() == {asyncio.current_task()}
        home.audit()
