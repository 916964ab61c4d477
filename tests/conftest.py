"""Paths shared by all tests: the folder of helpers, and the conformance data of others where it is there."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile("default", deadline=None, max_examples=60)
settings.register_profile("soak", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--soak"):
        for item in items:
            if "soak" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="long: run by `make soak`"))


REPO = Path(__file__).parent.parent
CONFORMANCE = REPO.parent / "shared" / "conformance"


@pytest.fixture
def conformance() -> Path:
    """The folder of others' test data; tests say so when it is not there."""
    if not CONFORMANCE.is_dir():
        pytest.skip("the conformance data is not beside this checkout")
    return CONFORMANCE


@pytest.fixture(params=["lmdb", "memory"])
def store(request, tmp_path):
    """A store, on a real LMDB file and in memory: whatever holds of one holds of both."""
    from itonami.graphstore import Store

    if request.param == "memory":
        opened = Store.memory(snapshot_every=4)
    else:
        opened = Store.open(tmp_path / "state.itonami", snapshot_every=4)
    with opened:
        yield opened
