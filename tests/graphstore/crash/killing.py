"""A process that starts writers by fork and kills them: SIGKILL at random moments, then the books are compared.

Run as a script: `killing.py FOLDER KILLS SEED`. It prints one JSON report. Two processes of two threads each write to
one store, which they may have to make first; the first is killed, the second must go on, then it is killed too. What
was acknowledged to a writer it says through a pipe, a line each, so a moment is chosen by counting lines, and the
kill follows at once or some microseconds later. The forking process never has a store open while it forks.
"""

import json
import os
import random
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from itonami.graphstore import Conflict, Event, Store

ROUNDS_PER_STORE = 5
PATIENCE_SECONDS = 60
PAUSES_US = (0, 0, 50, 200, 800, 2_000)
CREATION_US = 20_000  # about how long it takes from the fork to the first line


def writer(path: Path, out: int, seed: int) -> None:
    """Open the store and write to it until killed, with two threads; say what was acknowledged."""
    with Store.open(path, snapshot_every=4) as store:
        threads = [threading.Thread(target=write, args=(store, out, seed + n)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def write(store: Store, out: int, seed: int) -> None:
    rng = random.Random(seed)
    own = f"own-{seed}"
    while True:
        node = f"{seed}-{rng.randrange(1 << 40)}"
        value = rng.randbytes(rng.choice([10, 10, 10, 400, 30_000]))
        graphs = rng.choice([[own], ["shared"], [own, "shared"]])
        with suppress(Conflict):
            writes = []
            for graph in graphs:
                number, before = store.checkout(graph)
                evolver = before.evolver()
                evolver.add_node("Item", id=node, v=value)
                for stale in [item.id for item in before.nodes()][:-6]:  # pages are freed and reused
                    evolver.remove_node(stale)
                event = Event("write", {"by": os.getpid()})
                writes.append(
                    store.prepare(graph, number + 1, evolver.persistent(), evolver.delta(), [event])
                )
            for version in store.commit(writes):
                line = [os.getpid(), version.tx, version.graph, version.root.hex(), node, len(value)]
                os.write(out, (json.dumps(line) + "\n").encode())


class Lines:
    """What the writers say."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe
        self.rest = b""
        self.said: list[list] = []

    def more(self) -> bool:
        """Wait for something; False at the end."""
        if not select.select([self.pipe], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError("the writers are silent")
        data = os.read(self.pipe, 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.said += [json.loads(line) for line in lines]
        return bool(data)

    def until(self, count: int, by: int) -> None:
        """Wait until a process has said so many lines."""
        while sum(line[0] == by for line in self.said) < count and self.more():
            continue


def kill_after(pid: int, pause_us: int) -> None:
    until = time.perf_counter() + pause_us / 1e6
    while time.perf_counter() < until:
        continue
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def started(path: Path, pipe: tuple[int, int], seed: int) -> int:
    pid = os.fork()
    if pid == 0:
        os.close(pipe[0])
        try:
            writer(path, pipe[1], seed)
        except BaseException as error:
            os.write(2, f"a writer failed: {error!r}\n".encode())
        finally:
            os._exit(1)
    return pid


def one_round(path: Path, rng: random.Random) -> list[list]:
    """Two writers, killed one after the other. Returns what was acknowledged to them."""
    pipe = os.pipe()
    creating = not path.exists()
    victim, neighbour = (started(path, pipe, rng.randrange(1 << 30)) for _ in range(2))
    os.close(pipe[1])
    lines = Lines(pipe[0])
    if creating or rng.random() < 0.2:
        kill_after(victim, rng.randrange(CREATION_US))
    else:
        lines.until(rng.randrange(1, 8), victim)
        kill_after(victim, rng.choice(PAUSES_US))
    so_far = sum(line[0] == neighbour for line in lines.said)
    lines.until(so_far + 3, neighbour)
    kill_after(neighbour, rng.choice(PAUSES_US))
    while lines.more():
        continue
    os.close(pipe[0])
    return lines.said


def compare(path: Path, said: list[list]) -> list[str]:
    """What is not as it was acknowledged."""
    found = []
    with Store.open(path, read_only=True) as store:
        last = store.last_tx
        for _, tx, graph, root, node, size in said:
            if tx > last or store.version(graph, tx).root.hex() != root:
                found.append(f"TX {tx} of {graph} was lost, the last is {last}")
            elif len(store.at(graph, tx).node(node)["v"]) != size:
                found.append(f"TX {tx} of {graph} has other contents")
        return [*found, *store.verify().damage]


def main() -> None:
    folder, kills, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    report: dict = {"kills": 0, "acknowledged": 0, "found": []}
    while report["kills"] < kills:
        path = folder / f"{report['kills']}.itonami"
        said: list[list] = []
        for _ in range(ROUNDS_PER_STORE):
            said += one_round(path, rng)
            report["kills"] += 2
            report["found"] += compare(path, said)
        report["acknowledged"] += len(said)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
