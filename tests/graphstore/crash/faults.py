"""The life of a store whose disk fails once: `faults.py ROOT CALL NUMBER MOMENT`, a process under the recorder.

CALL is `data`, `sync` or `meta` (the write that makes a transaction valid), NUMBER the name of the error, MOMENT says
whether the call fails `before` or `after` it did its work. It asserts what the store promises, at every step.
"""

import errno
import os
import sys
from pathlib import Path

from itonami.graphstore import Store, StoreFull

BEFORE = 5


def write(store: Store, id: str) -> None:
    with store.transaction("g", event="e") as evolver:
        evolver.add_node(id=id, data=os.urandom(5_000))


def main() -> None:
    root, call, number, moment = Path(sys.argv[1]), *sys.argv[2:]
    orders = os.open(root / "notes", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    due = {str(n) for n in range(BEFORE)}
    with Store.open(root / "s", snapshot_every=4) as store:
        for id in sorted(due):
            write(store, id)
        order = f"!fail {call} {getattr(errno, number)} {moment}"
        os.write(orders, order.encode())
        try:
            write(store, "failed")
        except StoreFull:
            pass
        else:
            raise AssertionError("the error was swallowed")
        assert {node.id for node in store.at("g").nodes()} == due, "reads go on, and what failed is not seen"
        assert store.last_tx == BEFORE
        assert store.verify().ok
        write(store, "more")
        assert store.last_tx == BEFORE + 1
        assert store.verify().ok
    with Store.open(root / "s") as store:
        assert {node.id for node in store.at("g").nodes()} == {*due, "more"}
        assert store.verify().ok


if __name__ == "__main__":
    main()
