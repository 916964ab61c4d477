"""A full disk and a full map: a typed error, nothing lost, reads go on, and work goes on after room is made."""

import os
import sys
import threading
from pathlib import Path

import pytest
from recording import Preloaded
from small_disk import Disk, SmallFiles, SmallTmpfs, told

from itonami.graphstore import Store, StoreFull

FAULTS = Path(__file__).parent / "crash" / "faults.py"
SIZE = 2 << 20


@pytest.fixture(params=[SmallTmpfs, SmallFiles])
def on_a_small_disk(request, tmp_path):
    """Runs a story on a small disk of either kind."""

    def run(story):
        ended = told(story, request.param, tmp_path, SIZE)
        if ended.said.startswith("not permitted"):
            pytest.skip(ended.said)
        assert ended.killed is None
        assert ended.said == "done", ended.said

    return run


def write(store: Store, graph: str, id: str, size: int = 20_000) -> None:
    with store.transaction(graph, event="e") as evolver:
        evolver.add_node(id=id, data=os.urandom(size))


def write_until_full(store: Store, graph: str, size: int = 20_000) -> int:
    for count in range(1_000):
        try:
            write(store, graph, str(count), size)
        except StoreFull:
            return count
    raise AssertionError("it was never full")


def ids(store: Store, graph: str) -> set[str]:
    return {node.id for node in store.at(graph).nodes()}


def test_a_full_disk_loses_nothing_and_work_goes_on_after_room_is_made(on_a_small_disk):
    def story(disk: Disk) -> None:
        path = disk.path / "s"
        with Store.open(path, snapshot_every=4) as store:
            count = write_until_full(store, "g")
            assert count > 3
            disk.fill()
            for size in (20_000, 200_000, 20_000):
                with pytest.raises(StoreFull):
                    write(store, "g", "too much", size)
            assert store.last_tx == count
            assert ids(store, "g") == {str(n) for n in range(count)}, "reads go on"
            assert store.verify().ok
            disk.make_room()
            write(store, "g", "more")
            write(store, "other", "more")
            assert store.verify().ok
        with Store.open(path) as store:
            assert ids(store, "g") == {*(str(n) for n in range(count)), "more"}
            assert store.last_tx == count + 2
            assert store.verify().ok

    on_a_small_disk(story)


def test_of_a_crowd_that_meets_a_full_disk_each_hears_what_became_of_its_own(on_a_small_disk):
    def story(disk: Disk) -> None:
        done: dict[str, int] = {}

        def work(graph: str) -> None:
            done[graph] = write_until_full(store, graph, 8_000)

        with Store.open(disk.path / "s", snapshot_every=4) as store:
            threads = [threading.Thread(target=work, args=(f"g{n}",)) for n in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            disk.make_room()
            assert store.last_tx == sum(done.values())
            assert all(len(ids(store, graph)) == count for graph, count in done.items() if count)
            write(store, "g0", "more")
            assert store.verify().ok

    on_a_small_disk(story)


def test_no_store_is_made_on_a_full_disk_and_nothing_is_left_behind(on_a_small_disk):
    def story(disk: Disk) -> None:
        disk.fill()
        before = set(disk.path.iterdir())
        with pytest.raises(StoreFull):
            Store.open(disk.path / "s")
        assert set(disk.path.iterdir()) == before
        disk.make_room()
        with Store.open(disk.path / "s") as store:
            write(store, "g", "first")
            assert store.verify().ok

    on_a_small_disk(story)


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("lock", ["with its lock file", "without its lock file"])
def test_a_store_can_be_opened_on_a_full_disk_or_says_why_not(on_a_small_disk, lock, read_only):
    def story(disk: Disk) -> None:
        path = disk.path / "s"
        with Store.open(
            path, snapshot_every=1_000
        ) as store:  # else the room made is too little for a snapshot
            count = write_until_full(store, "g")
        if lock == "without its lock file":
            (path / "lock.mdb").unlink()
        disk.fill()
        try:
            with Store.open(path, read_only=read_only) as store:
                assert len(ids(store, "g")) == count
        except StoreFull:
            assert lock == "without its lock file", "there is room for what it needs"
        disk.make_room()
        with Store.open(path, snapshot_every=1_000) as store:
            write(store, "g", "more")
            assert store.verify().ok
            assert len(ids(store, "g")) == count + 1

    on_a_small_disk(story)


def test_many_may_begin_to_read_while_the_disk_is_full(on_a_small_disk):
    def story(disk: Disk) -> None:
        with Store.open(disk.path / "s") as store:
            write(store, "g", "first")
            disk.fill()
            together = threading.Barrier(150)
            seen: list[set[str]] = []

            def read() -> None:  # all are in their views at once: each has a place in LMDB's table of readers
                with store._backend.read():
                    together.wait()
                    seen.append(ids(store, "g"))

            threads = [threading.Thread(target=read) for _ in range(together.parties)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert seen == [{"first"}] * together.parties

    on_a_small_disk(story)


def test_a_full_map_loses_nothing_and_work_goes_on_with_a_larger_one(tmp_path):
    with Store.open(tmp_path / "s", snapshot_every=4, max_map_bytes=1 << 19) as store:
        count = write_until_full(store, "g")
        assert count > 3
        with pytest.raises(StoreFull, match="limit"):
            write(store, "g", "too much")
        assert len(ids(store, "g")) == count
        assert store.verify().ok
    assert (tmp_path / "s" / "data.mdb").stat().st_size <= 1 << 19
    with Store.open(tmp_path / "s", max_map_bytes=1 << 20) as store:
        write(store, "g", "more")
        assert ids(store, "g") == {*(str(n) for n in range(count)), "more"}
        assert store.verify().ok


@pytest.fixture(scope="session")
def faulty(tmp_path_factory):
    """Runs `faults.py` under the recorder, which makes a chosen call of it fail."""
    try:
        recorder = Preloaded(tmp_path_factory.mktemp("recorder"))
    except OSError as error:
        pytest.skip(f"calls cannot be made to fail here: {error}")

    def run(root: Path, *fault: str) -> None:
        command = [sys.executable, str(FAULTS), str(root), *fault]
        ended = recorder.run(command, root, root.parent / "log", capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr

    return run


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", ["data", "sync", "meta"])
def test_a_disk_that_fails_at_any_call_of_a_commit_loses_nothing(faulty, tmp_path, call, number, moment):
    (tmp_path / "root").mkdir()
    faulty(tmp_path / "root", call, number, moment)
