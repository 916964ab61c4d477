"""The life that is recorded: `workload.py ROOT PLACE SEED [HOW...]`, a process that makes a store and uses it.

It writes a note to ROOT/notes when a promise was made to it (a transaction acknowledged, a tag set, ...), and at the
end ROOT/../model.json: what every version of every graph holds, by TxId, from books of its own. PLACE is where the
store is to be, below ROOT.

HOW: `briefly` for a short life; `stopped` for one that ends while the store is made, right after the rename (the
preloaded recorder sees to it); and, to break the store on purpose, `sloppy` leaves out the flush of the meta page,
`unflushed` all.
"""

import copy
import json
import os
import random
import sys
import threading
from pathlib import Path

import lmdb
from contents import contents

from itonami.graphstore import Conflict, Event, Store

SMALL_MAP = 1 << 17
INDEX = ("Item", "n")


def say(out: int, **note: object) -> None:
    os.write(out, (json.dumps(note) + "\n").encode())


class Life:
    """One store, its books, and what can happen to it."""

    def __init__(self, path: Path, out: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.path = path
        self.out = out
        self.books: dict[str, tuple[dict, dict]] = {}  # graph -> nodes, edges, as of now
        self.roots: dict[tuple[int, str], str] = {}
        self.contents: dict[tuple[int, str], str] = {}
        self.lock = threading.Lock()
        self.store = self.opened()

    def opened(self) -> Store:
        store = Store.open(self.path, snapshot_every=4)
        say(self.out, opened=True)
        return store

    # -- the books -----------------------------------------------------------------------------------------

    def edit(self, evolver, nodes: dict, edges: dict, rng: random.Random, size: int) -> None:
        """A few random edits, done to a graph and to its books."""
        for _ in range(rng.randrange(1, 4)):
            name = f"n{rng.randrange(12)}"
            value = rng.choice(
                [rng.randrange(100), "x" * rng.randrange(40), rng.randbytes(rng.randrange(size))]
            )
            value = value if size < 1_000 else rng.randbytes(rng.randrange(size // 2, size))
            if name not in nodes:
                evolver.add_node("Item", id=name, n=rng.randrange(9), v=value)
                nodes[name] = (["Item"], {"n": evolver.node(name)["n"], "v": value})
            elif rng.random() < 0.2:
                evolver.remove_node(name, detach=True)
                del nodes[name]
                for edge in [id for id, ends in edges.items() if name in (ends[0], ends[2])]:
                    del edges[edge]
            else:
                evolver.update(name, v=value)
                nodes[name][1]["v"] = value
        if len(nodes) > 1 and rng.random() < 0.5:
            source, target = rng.sample(sorted(nodes), 2)
            id = f"e{len(self.contents)}-{rng.randrange(1 << 30)}"
            evolver.add_edge(source, "TO", target, id=id, weight=1)
            edges[id] = (source, "TO", target, {"weight": 1})

    def enter(self, version, nodes: dict, edges: dict) -> None:
        """Note a version that was acknowledged."""
        at = (version.tx, version.graph)
        with self.lock:
            self.roots[at] = version.root.hex()
            self.contents[at] = contents(nodes, edges)
            self.books[version.graph] = (nodes, edges)

    def copy_of(self, graph: str) -> tuple[dict, dict]:
        return copy.deepcopy(self.books.get(graph, ({}, {})))

    def acknowledge(self, versions, written: dict[str, tuple[dict, dict]]) -> None:
        for version in versions:
            self.enter(version, *written[version.graph])
        say(self.out, tx=versions[0].tx)

    # -- what can happen -----------------------------------------------------------------------------------

    def single(self, size: int = 300) -> None:
        graph = self.rng.choice("abc")
        written = self.copy_of(graph)
        transaction = self.store.transaction(graph, event="edit", data={"size": size})
        with transaction as evolver:
            self.edit(evolver, *written, self.rng, size)
        self.acknowledge([transaction.committed], {graph: written})

    def large(self) -> None:
        self.single(50_000)

    def several(self) -> None:
        """One transaction over several graphs."""
        written = {
            graph: self.copy_of(graph) for graph in self.rng.sample("abcdefgh", self.rng.randrange(2, 5))
        }
        writes = []
        for graph, books in written.items():
            number, before = self.store.checkout(graph)
            evolver = before.evolver()
            self.edit(evolver, *books, self.rng, 300)
            writes.append(
                self.store.prepare(graph, number + 1, evolver.persistent(), evolver.delta(), [Event("joint")])
            )
        self.acknowledge(self.store.commit(writes), written)

    def crowd(self) -> None:
        """Threads that commit at once, to graphs of their own and to one they share."""

        def work(seed: int) -> None:
            rng = random.Random(seed)
            for graph in (f"own-{seed % 7}-{threading.get_ident()}", "shared", "shared"):
                while True:
                    transaction = self.store.transaction(graph, event="crowd")
                    try:
                        with transaction as evolver:
                            id = f"{seed}-{rng.randrange(1 << 30)}"
                            evolver.add_node("Item", id=id, n=1, v="y" * rng.randrange(400))
                            after = [
                                (node.id, list(node.labels), dict(node.data)) for node in evolver.nodes()
                            ]
                    except Conflict:
                        continue
                    nodes = {id: (labels, data) for id, labels, data in after}
                    self.acknowledge([transaction.committed], {graph: (nodes, {})})
                    break

        threads = [threading.Thread(target=work, args=(self.rng.randrange(1 << 30),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def index(self) -> None:
        self.store.declare_index(*INDEX)
        say(self.out, index=True)

    def reopen(self) -> None:
        self.store.close()
        self.store = self.opened()

    def fork(self) -> None:
        graph = self.rng.choice(sorted(self.books.keys() & set("abc")))
        number = sum(name.startswith("fork") for name in self.books)
        version = self.store.fork(graph, f"fork-{number}", self.store.head(graph).tx)
        self.acknowledge([version], {version.graph: self.copy_of(graph)})

    def tag(self) -> None:
        graph = self.rng.choice(sorted(self.books.keys() & set("abc")))
        name = f"tag{self.rng.randrange(3)}"
        tx = self.rng.choice([tx for tx, name in self.roots if name == graph and self.kept(graph, tx)])
        say(self.out, tagging=[graph, name])
        self.store.tag(graph, name, tx)
        say(self.out, tag=[graph, name, tx])

    def kept(self, graph: str, tx: int) -> bool:
        try:
            self.store.at(graph, tx)
        except KeyError:
            return False
        return True

    def prune(self) -> None:
        graph = self.rng.choice(sorted(self.books.keys() & set("abc")))
        versions = sorted(tx for tx, name in self.roots if name == graph)
        horizon = self.rng.choice(versions[len(versions) // 3 :])
        say(self.out, pruning=[graph, horizon])
        self.store.prune(graph, horizon)

    def compact(self) -> None:
        self.store.close()
        Store.compact(self.path)
        self.store = self.opened()

    # -- the course of it ----------------------------------------------------------------------------------

    def happenings(self) -> list:
        """What happens, in order: the common things, and what this version of the store can do besides."""
        new = [
            getattr(self, name) for name in ("fork", "tag", "prune", "compact") if hasattr(self.store, name)
        ]
        later = (
            [self.single] * 9 + [self.several] * 3 + [self.large] * 3 + [self.crowd, self.index, self.reopen]
        )
        later += new * 2
        self.rng.shuffle(later)
        return [self.single, self.several, self.single, self.shrink, *later, self.single]

    def shrink(self) -> None:
        """Make the map small, so that it has to grow."""
        backend = self.store._backend
        if hasattr(backend, "env"):
            backend.env.set_mapsize(SMALL_MAP)

    def run(self, *, briefly: bool) -> None:
        brief = [self.single, self.several, self.large, self.single, self.single]
        for happening in brief if briefly else self.happenings():
            happening()
        self.store.close()

    def versions(self) -> list[list]:
        """All that were acknowledged: TxId, graph, root, contents."""
        return [[tx, graph, root, self.contents[tx, graph]] for (tx, graph), root in self.roots.items()]


def broken(**left_out: bool) -> None:
    """Have every LMDB environment opened without its flushes."""
    original = lmdb.open
    lmdb.open = lambda *arguments, **settings: original(*arguments, **{**settings, **left_out})


def main() -> None:
    root, place, seed, how = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    if "sloppy" in how:
        broken(metasync=False)
    if "unflushed" in how:
        broken(metasync=False, sync=False)
    out = os.open(root / "notes", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    if "stopped" in how:
        os.write(out, b"!stop rename")
    life = Life(root / place, out, seed)
    life.run(briefly="briefly" in how)
    model = {"place": place, "versions": life.versions()}
    (root.parent / "model.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main()
