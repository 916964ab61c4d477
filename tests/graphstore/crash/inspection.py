"""Are all promises kept in an image? `inspection.py MODEL`, a process that answers for one image a line.

It opens the store in each folder it is told of, as any program would, and compares: everything acknowledged is there,
no version is other than it was written, nothing half-written is seen, `verify` is clean, and the store can be written
on. It is a process of its own, because a damaged LMDB file may kill who reads it; that is a finding too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from contents import contents_of
from images import Image, write_image

from itonami.graphstore import Graph, Store, VersionPruned

AHEAD = 6


@dataclass
class Promises:
    """What the process had been told, or had asked for, by the time of the cut."""

    opened: bool = False
    last_tx: int = 0
    index: bool = False
    tags: dict[tuple[str, str], int | None] = field(default_factory=dict)
    horizons: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, notes: list[str]) -> "Promises":
        promises = cls()
        for note in map(json.loads, notes):
            match note:
                case {"opened": _}:
                    promises.opened = True
                case {"tx": tx}:
                    promises.last_tx = max(promises.last_tx, tx)
                case {"index": _}:
                    promises.index = True
                case {"tagging": [graph, name]}:
                    promises.tags[graph, name] = None  # it may stand where it stood, or where it is to
                case {"tag": [graph, name, tx]}:
                    promises.tags[graph, name] = tx
                case {"pruning": [graph, horizon]}:
                    promises.horizons[graph] = max(horizon, promises.horizons.get(graph, 0))
        return promises


class Inspection:
    """One opened image against what it ought to hold."""

    def __init__(self, store: Store, model: dict, promises: Promises) -> None:
        self.store = store
        self.promises = promises
        self.found: list[str] = []
        self.last = store.last_tx
        self.versions = [version for version in model["versions"] if version[0] <= self.last]
        self.written = max(version[0] for version in model["versions"])

    def run(self) -> list[str]:
        if not self.promises.last_tx <= self.last <= self.written:
            self.found.append(f"TX {self.promises.last_tx} was acknowledged, the last is {self.last}")
        names = {version.graph for version in self.store.graphs()}
        if names != {graph for _, graph, *_ in self.versions}:
            self.found.append(f"graphs {sorted(names)} do not belong to TX {self.last}")
        for tx, graph, root, contents in self.versions:
            self.version(tx, graph, root, contents)
        self.marks()
        self.verified()
        if not self.found:
            self.written_on()
        return self.found

    def version(self, tx: int, graph: str, root: str, contents: str) -> None:
        """A version is as it was written, unless a pruning that was begun has dropped it."""
        try:
            version, state = self.store.version(graph, tx), self.store.at(graph, tx)
        except VersionPruned:
            if tx >= self.promises.horizons.get(graph, 0):
                self.found.append(f"TX {tx} of {graph} is pruned, and nobody asked for it")
            return
        if (version.tx, version.root.hex()) != (tx, root) or state.root.hex() != root:
            self.found.append(f"TX {tx} of {graph} has another root")
        if contents_of(state) != contents:
            self.found.append(f"TX {tx} of {graph} has other contents")

    def marks(self) -> None:
        """Tags and the index."""
        for (graph, name), tx in self.promises.tags.items():
            if tx is not None and self.store.version(graph, f"TAG {name}").tx != tx:
                self.found.append(f"tag {name} of {graph} is not at TX {tx}")
        if self.promises.index:
            due = {(g, n.id) for g in {v[1] for v in self.versions} for n in self.store.at(g).nodes("Item")}
            if set(self.store.indexed_range("Item", "n")) != due:
                self.found.append("the index does not hold what the graphs hold")

    def verified(self) -> None:
        report = self.store.verify()
        self.found += [f"verify: {finding}" for finding in report.damage]

    def written_on(self) -> None:
        """Work goes on: in a graph that was there and in a new one."""
        for graph in ("a", "after the cut"):
            before = self.store.at(graph) if graph in self.store else Graph()
            with self.store.transaction(graph, event="afterwards") as evolver:
                evolver.add_node(id="afterwards", data="z" * 3_000)
            if len(self.store.at(graph)) != len(before) + 1:
                self.found.append(f"what was written to {graph} afterwards is not there")
        if self.store.last_tx != self.last + 2:
            self.found.append(f"TX {self.last + 2} was due afterwards")


def inspect(folder: Path, model: dict, notes: list[str]) -> list[str]:
    """What is wrong with the store in a folder; an empty list is what it ought to be."""
    promises = Promises.of(notes)
    path = folder / model["place"]
    if promises.opened and not path.exists():
        return ["the store was acknowledged and is not there"]
    try:
        with Store.open(path, snapshot_every=4) as store:
            return Inspection(store, model, promises).run()
    except Exception as error:  # whatever it is, it belongs to this image
        return [f"{type(error).__name__}: {error}"]


class Inspector:
    """Gives images to an inspecting process, some ahead of its answers, and starts another one when it dies."""

    def __init__(self, model: Path) -> None:
        self.command = [sys.executable, __file__, str(model)]
        shared_memory = Path("/dev/shm")
        place = shared_memory if os.access(shared_memory, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="itonami-images-", dir=place))
        self.process: subprocess.Popen | None = None
        self.count = 0
        self.waiting: deque[tuple[Image, Path]] = deque()

    def __enter__(self) -> "Inspector":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        shutil.rmtree(self.folder)

    def findings(self, images: Iterator[Image]) -> Iterator[tuple[Image, list[str]]]:
        """Every image with what is wrong with it."""
        for image in images:
            folder = self.folder / str(self.count)
            self.count += 1
            folder.mkdir()
            write_image(image.files, folder)
            self.waiting.append((image, folder))
            self._tell(image, folder)
            if len(self.waiting) > AHEAD:
                yield self._answer()
        while self.waiting:
            yield self._answer()

    def _tell(self, image: Image, folder: Path) -> None:
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        try:
            self.process.stdin.write(json.dumps([str(folder), image.notes]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # it died of an image before this one: `_answer` finds out of which

    def _answer(self) -> tuple[Image, list[str]]:
        image, folder = self.waiting.popleft()
        line = self.process.stdout.readline()
        if line:
            found = json.loads(line)
        else:
            number = -self.process.wait()
            name = signal.Signals(number).name if number > 0 else f"exit code {-number}"
            found = [f"the process died of it: {name}"]
            self._end()
            for later in self.waiting:
                self._tell(*later)
        shutil.rmtree(folder)
        return image, found

    def _end(self) -> None:
        if self.process is not None:
            with suppress(BrokenPipeError):  # it died with lines unread
                self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()
            self.process = None


def main() -> None:
    model = json.loads(Path(sys.argv[1]).read_text())
    for line in sys.stdin:
        folder, notes = json.loads(line)
        print(json.dumps(inspect(Path(folder), model, notes)), flush=True)


if __name__ == "__main__":
    main()
