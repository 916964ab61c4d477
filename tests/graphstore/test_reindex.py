"""Derived indices are derived: whatever becomes of them, they come back from the graphs, and nothing else changes."""

import pytest

from itonami.graphstore import InvalidValue, Store
from itonami.graphstore.care import reindex
from itonami.graphstore.codec import encode


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path):
    made = Store.open(tmp_path / "s") if request.param == "disk" else Store.memory()
    with made as store:
        store.declare_index("Order", "state")
        store.declare_index("@graph", "status")
        for number in range(5):
            with store.transaction(f"g{number}", event="made") as graph:
                graph.add_node("@graph", id="@graph", status="open" if number % 2 else "closed")
                for n in range(4):
                    graph.add_node("Order", id=f"o{n}", state="new" if n else "paid")
        yield store


def table(store):
    with store._backend.read() as txn:
        return dict(txn.scan("index"))


def damaged(store, harm):
    """Do something to the index table behind the store's back."""
    store._backend.write(lambda txn: harm(txn, sorted(key for key, _ in txn.scan("index"))))


HARMS = {
    "emptied": lambda txn, keys: [txn.delete("index", key) for key in keys],
    "one is missing": lambda txn, keys: txn.delete("index", keys[3]),
    "one is of another node": lambda txn, keys: txn.put("index", keys[0], encode(["g0", "o9"])),
    "one is of nothing": lambda txn, keys: txn.put("index", keys[-1] + b"x", encode(["g7", "o1"])),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_verify_finds_wrong_with_an_index_is_right_afterwards(store, harm):
    before, last, roots = table(store), store.last_tx, [version.root for version in store.graphs()]
    damaged(store, HARMS[harm])
    assert not store.verify().ok
    found = reindex(store)
    assert found.entries == len(before) == 25
    assert found.wrong == (25 if harm == "emptied" else 1)
    assert table(store) == before
    assert store.verify().ok
    assert store.last_tx == last
    assert [version.root for version in store.graphs()] == roots
    assert len(store.indexed("Order", "state", "paid")) == 5


def test_a_sound_index_is_not_written_and_progress_counts_graphs(store):
    told = []
    assert reindex(store, lambda done, total: told.append((done, total))).wrong == 0
    assert told == [(done, 5) for done in range(1, 6)]


def test_a_store_that_was_opened_read_only_is_not_mended(tmp_path):
    Store.open(tmp_path / "s").close()
    with Store.open(tmp_path / "s", read_only=True) as store, pytest.raises(InvalidValue, match="read-only"):
        reindex(store)
