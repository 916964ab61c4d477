"""Real processes killed with SIGKILL while they write: what was acknowledged is there, and the others work on."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from recording import Preloaded

from itonami.graphstore import Store

KILLING = Path(__file__).parent / "crash" / "killing.py"
PATIENCE_SECONDS = 60


def killed(folder: Path, kills: int, seed: int) -> None:
    command = [sys.executable, str(KILLING), str(folder), str(kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_200)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["found"] == [], f"seed {seed}"
    assert done.stderr == "", "a writer met an error"
    assert report["kills"] >= kills
    assert report["acknowledged"] > kills


def test_killed_writers_lose_nothing_and_their_neighbours_go_on(tmp_path):
    killed(tmp_path, 16, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 15))
def test_two_hundred_killed_writers_lose_nothing(tmp_path, seed):
    killed(tmp_path, 40, seed)


def _stands_in_a_transaction(path, said):
    def clock():  # it is read inside the write transaction
        said.send("inside")
        signal.pause()

    with Store.open(path, clock=clock) as store, store.transaction("g", event="never") as graph:
        graph.add_node(id="half", data="x" * 50_000)


def _stands_in_a_view(path, said):
    with Store.open(path) as store, store._backend.read():
        said.send("inside")
        signal.pause()


def standing(path, where):
    """A process that stands still inside a transaction."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=where, args=(path, theirs))
    process.start()
    assert ours.poll(PATIENCE_SECONDS)
    assert ours.recv() == "inside"
    return process


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def add(store, id):
    with store.transaction("g", event="e") as graph:
        graph.add_node(id=id)


def test_a_process_goes_on_when_its_neighbour_is_killed_inside_a_write_transaction(tmp_path):
    with Store.open(tmp_path / "s") as store:
        add(store, "first")
        for number in range(3):
            neighbour = standing(tmp_path / "s", _stands_in_a_transaction)
            waiting = threading.Thread(target=add, args=(store, str(number)), daemon=True)
            waiting.start()
            waiting.join(0.05)
            assert waiting.is_alive(), "the neighbour holds the lock"
            assert len(store.at("g")) == number + 1, "readers do not wait"
            kill(neighbour)
            waiting.join(PATIENCE_SECONDS)
            assert not waiting.is_alive(), "the lock of the dead was not given up"
        assert [node.id for node in store.at("g").nodes()].count("half") == 0
        assert store.last_tx == 4
        assert store.verify().ok


def size_after(path, commits, *, beside_the_dead):
    with Store.open(path) as store:
        add(store, "first")
        if beside_the_dead:
            kill(standing(path, _stands_in_a_view))
        for n in range(commits):
            store.transact("g", lambda graph, n=n: graph.update("first", n=n), event="e")
    return (path / "data.mdb").stat().st_size


def test_a_reader_that_was_killed_does_not_keep_pages_from_being_reused(tmp_path):
    usual = size_after(tmp_path / "a", 300, beside_the_dead=False)
    assert size_after(tmp_path / "b", 300, beside_the_dead=True) < usual + (4 << 20)


OPENER = """
import os, sys
from itonami.graphstore import Store
if sys.argv[2:]:
    os.write(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY), b"!halt open")
with Store.open(sys.argv[1]) as store:
    with store.transaction("g", event="e") as graph:
        graph.add_node(id="waited")
"""


def locks_of(pid):
    """What a process holds (`WRITE`, `READ`) and waits for (`->`), of the kernel's table of file locks."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {word for line in lines if str(pid) in line for word in line}


def wait_for_lock(pid, sign, seconds):
    """Until a process holds or awaits a lock. No event tells of it, so the table is read again and again."""
    until = time.monotonic() + seconds
    while sign not in locks_of(pid) and time.monotonic() < until:
        time.sleep(0.005)


@pytest.mark.parametrize("before", [5, 6])  # which of LMDB's two meta pages is the newest
def test_who_waits_for_an_opener_that_is_killed_is_not_misled(tmp_path, before):
    try:
        recorder = Preloaded(tmp_path)
    except OSError as error:
        pytest.skip(f"an opening cannot be halted here: {error}")
    path = tmp_path / "s"
    with Store.open(path) as store:
        for n in range(before):
            add(store, str(n))
    command = [sys.executable, "-c", OPENER, str(path)]
    halted = recorder.start([*command, str(tmp_path / "notes")], tmp_path, tmp_path / "log")
    wait_for_lock(halted.pid, "WRITE", PATIENCE_SECONDS)
    waiting = subprocess.Popen(command)
    wait_for_lock(waiting.pid, "->", 5)
    halted.kill()
    halted.wait()
    assert waiting.wait(PATIENCE_SECONDS) == 0
    with Store.open(path) as store:
        assert {node.id for node in store.at("g").nodes()} == {*map(str, range(before)), "waited"}
        assert store.last_tx == before + 1
        assert store.verify().ok
