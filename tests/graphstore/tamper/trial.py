"""A store suffers an edit: does it still open, what does it answer and prove, what does `verify` find?

    python trial.py FOLDER              makes the store FOLDER/whole
    python trial.py FOLDER FIRST LAST   tries the edits FIRST to LAST - 1 on copies of it

Each edit is announced on standard output before the store is opened, and its end is told after it, as JSON: so a
process that dies names its edit. An alarm and a limit of memory see to it that it dies of endless loops, too. The ends:

    refused     `Store.open` raised an error of ours         same      all answers are those of before
    verify      `verify` found damage                        earlier   all are those of one transaction before
    unproved    `verify` found none; a tag or setting differs
    WRONG       `verify` found none, but an answer differs
    FORGED      a proof of something that never was holds

Tags and settings are changed at will by who may write: nothing in the log says what they were. That the last
transaction is gone, only a checkpoint kept elsewhere can tell.
"""

import json
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from edits import PAGE, File, edit

from itonami.graphstore import ItonamiError, Store
from itonami.graphstore.codec import encode
from itonami.graphstore.proof import check

MAX_DATA_BYTES = 4 << 30
PATIENCE_SECONDS = 60
TRANSACTIONS = 24
GRAPHS = {f"order-{n}": range(n + 1, TRANSACTIONS + 1, 3) for n in range(3)} | {"fork": range(25, 28)}
"""The graphs, and the TxIds of their versions, with one that is not there"""
IDS = ("@graph", "item-3", "edge-3", "nobody")


def make(path: Path) -> None:
    """A store with everything in it: several graphs, edges, large values, a fork, a tag, indices, saved tries."""
    random, ticks, start = Random(1), count(), datetime(2026, 1, 1, tzinfo=UTC)
    with Store.open(
        path, snapshot_every=4, clock=lambda: start + timedelta(milliseconds=next(ticks))
    ) as store:
        store.declare_index("@graph", "status")
        store.declare_index("Item", "price")
        for n in range(TRANSACTIONS):
            with store.transaction(f"order-{n % 3}", event=f"step {n}", data={"n": n}, author="x") as graph:
                if n < 3:
                    graph.add_node("@graph", id="@graph", status="new")
                graph.update("@graph", status=random.choice(["new", "running", "done"]), step=n)
                item = graph.add_node(
                    "Item", "Thing", id=f"item-{n}", price=random.randrange(100), note="n" * 40
                )
                graph.add_edge("@graph", "HAS", item, id=f"edge-{n}", at=start)
                if n % 5 == 4:
                    graph.update(
                        item, document="large " * random.choice([60, 900, 2_000]), list=[1, 2.5, None]
                    )
                if n > 12 and n % 4 == 0:
                    graph.remove_node(f"item-{n - 12}", detach=True)
        store.fork("order-1", "fork", "HEAD~2")
        store.tag("order-0", "good", "HEAD~1")
        store.snapshot("order-2")
        store.prune("order-2", before="HEAD~3")
        with store.transaction("fork", event="last") as graph:
            graph.add_node("Item", id="last", price=1)


def roll_back(path: Path) -> None:
    """Let LMDB see the transaction before the last: as an edit of one number does."""
    file = File(path / "data.mdb")
    newest = file.newest()
    file.set(newest + 144, 8, file.get(newest + 144, 8) - 2)
    file.set(newest + 136, 8, file.get((PAGE - newest) + 136, 8))
    file.save()


class Questions:
    """What a store is asked. Errors of ours are answers; of the others a note is made in `leaks`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.answers: dict[str, str] = {}
        self.leaks: list[str] = []

    def told(self, question: Callable[[], Any]) -> str:
        try:
            return repr(question())
        except ItonamiError as error:
            return f"<{type(error).__name__}>"
        except Exception as error:
            frames = [
                frame
                for frame in traceback.extract_tb(error.__traceback__)
                if "graphstore/" in frame.filename
            ]
            place = " < ".join(f"{Path(frame.filename).name}:{frame.name}" for frame in reversed(frames[-4:]))
            self.leaks.append(f"{type(error).__name__} in {place}")
            return f"<{type(error).__name__}>"

    def ask(self, name: str, question: Callable[..., Any], *arguments: Any) -> None:
        self.answers[name] = self.told(lambda: question(*arguments))

    def all(self) -> dict[str, str]:
        store, ask = self.store, self.ask
        ask("last", lambda: store.last_tx)
        ask("graphs", lambda: list(store.graphs()))
        for tx in range(1, TRANSACTIONS + 4):
            ask(f"commit {tx}", self.commit, tx)
        for graph, transactions in GRAPHS.items():
            ask(f"head {graph}", store.head, graph)
            ask(f"history {graph}", lambda graph=graph: list(store.history(graph)))
            ask(f"state {graph}", lambda graph=graph: content(store.at(graph).items()))
            ask(f"out {graph}", lambda graph=graph: content(store.at(graph).out("@graph")))
            ask(f"unproved: tags {graph}", store.tags, graph)
            for tx in transactions:
                ask(f"at {graph} {tx}", lambda graph=graph, tx=tx: content(store.at(graph, tx).items()))
                ask(f"version {graph} {tx}", store.version, graph, tx)
        for status in ("new", "running", "done"):
            ask(
                f"status {status}",
                lambda status=status: [version.graph for version in store.graphs(status=status)],
            )
            ask(f"indexed {status}", store.indexed, "@graph", "status", status)
        ask("prices", store.indexed_range, "Item", "price")
        ask("unproved: id", lambda: store.id)
        ask("unproved: retention", lambda: store.retention)
        return self.answers

    def commit(self, tx: int) -> Any:
        return [(entry, entry.events, entry.delta) for entry in self.store.commit_of(tx).entries]

    def claims(self, root: bytes, points: Callable[[str], Iterable[Any]]) -> set[str]:
        """What the store proves, of these versions of each graph, to somebody who trusts a root of its log."""

        def claim(graph: str, id: str, point: Any) -> Any:
            found = check(self.store.prove(graph, id, point).text(), root=root)
            return sorted((key, value) for key, value in found.items() if key != "log")

        asked = [(graph, id, point) for graph in GRAPHS for id in IDS for point in points(graph)]
        told = {self.told(lambda question=question: claim(*question)) for question in asked}
        return {claim for claim in told if not claim.startswith("<")}

    def verify(self) -> str | None:
        """The first damage that `verify` finds."""
        damage = ["verify raised an error"]

        def verified() -> None:
            damage[:] = self.store.verify().damage

        self.told(verified)
        return damage[0] if damage else None

    def write(self) -> None:
        """Commits, enough of them to use free pages again."""
        for n in range(3):
            for graph in ("order-0", "fork", "new"):
                self.told(lambda graph=graph, n=n: self.store.transact(graph, addition(n), event="after"))


def content(items: Iterable[Any]) -> str:
    """Nodes and edges in one order; their own is that of the trie, or of the replay."""
    return sha256(b"".join(sorted(encode(item.to_list()) for item in items))).hexdigest()


def addition(n: int) -> Callable[[Any], Any]:
    return lambda graph: graph.add_node("Item", price=n, text="y" * 5_000)


class Trials:
    """The store as it was, and what becomes of copies of it."""

    def __init__(self, folder: Path) -> None:
        self.whole, self.copy = folder / "whole", folder / "copy"
        self.fresh()
        with Store.open(self.copy) as store:
            questions = Questions(store)
            self.now, self.root = dict(questions.all()), store.log.root()
            self.truth = questions.claims(self.root, GRAPHS.__getitem__)
            assert questions.verify() is None
            assert not questions.leaks
        self.fresh()
        roll_back(self.copy)
        with Store.open(self.copy) as store:
            self.earlier = dict(Questions(store).all())
        assert self.now != self.earlier
        assert len(self.truth) > 50

    def fresh(self) -> None:
        shutil.rmtree(self.copy, ignore_errors=True)
        self.copy.mkdir()
        shutil.copyfile(self.whole / "data.mdb", self.copy / "data.mdb")

    def trial(self, seed: int) -> dict[str, Any]:
        self.fresh()
        result: dict[str, Any] = {"seed": seed, "edit": edit(seed, self.copy), "leaks": []}
        print(json.dumps(result), flush=True)
        try:
            store = Store.open(self.copy, create=False)
        except ItonamiError as error:
            return result | {"end": "refused", "what": str(error)}
        except Exception as error:
            return result | {
                "end": "refused",
                "leaks": [f"{type(error).__name__} in Store.open"],
                "what": str(error),
            }
        with store:
            questions = Questions(store)
            end, what = self.judged(questions)
            questions.write()
        return result | {"end": end, "what": what, "leaks": sorted(set(questions.leaks))}

    def judged(self, questions: Questions) -> tuple[str, str]:
        answers = questions.all()
        forged = questions.claims(self.root, lambda _: ["HEAD", 9]) - self.truth
        damage = questions.verify()
        if forged:
            return "FORGED", str(forged)
        if damage is not None:
            return "verify", damage
        if answers == self.earlier:
            return "earlier", ""
        wrong = {name: answer for name, answer in answers.items() if answer != self.now[name]}
        if all(name.startswith("unproved") for name in wrong):
            return ("unproved" if wrong else "same"), str(wrong)
        return "WRONG", str({name: (self.now[name], answer) for name, answer in wrong.items()})[:2_000]


def main(folder: Path, first: int, last: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.set_int_max_str_digits(0)  # an edited number may have many
    trials = Trials(folder)
    for seed in range(first, last):
        signal.alarm(PATIENCE_SECONDS)
        result = trials.trial(seed)
        signal.alarm(0)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    if sys.argv[2:]:
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    else:
        make(Path(sys.argv[1]) / "whole")
