"""The golden store of the present format: a small store with everything in it, and what must be read from it.

    python tests/graphstore/golden/make_golden.py        writes format-N.mdb.xz and format-N.json beside this file

It is made once for each format and never changed while that format can be read: whoever reads it differently has broken
a store that somebody has. Clock and ids are fixed, so what it means is the same whenever it is made. The expectations
are written down by `Store`, and read again by `second_reader`, which was written from docs/format.md alone.
"""

from __future__ import annotations

import json
import lzma
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from itonami.graphstore import Event, Retention, Store, Version, VersionPruned
from itonami.graphstore.backend import FORMAT

HERE = Path(__file__).parent
BEGAN = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
STORE_ID = "0123456789abcdef" * 2
LONG = "".join(chr(ord("a") + n % 26) for n in range(400))
INDICES = [("Order", "status"), ("Kind", "v0"), ("Value", "v1"), ("Item", "due")]

VALUES: dict[str, list[Any]] = {
    "plain": [None, False, True, "", "text", "ünïcödé \U0001f600 \x00", b"", b"\x00\xff"],
    "integers": [
        0,
        23,
        24,
        255,
        256,
        65_535,
        65_536,
        (1 << 32) - 1,
        1 << 32,
        (1 << 64) - 1,
        -1,
        -24,
        -25,
        -256,
    ],
    "wide": [-(1 << 32), -(1 << 63), -(1 << 64)],
    "bignums": [1 << 64, -(1 << 64) - 1, 1 << 100, -(1 << 100)],
    "half": [0.0, -0.0, 1.5, -2.0, 65_504.0, 2.0**-24],
    "single": [65_505.0, 0.10000000149011612, 3.4028234663852886e38, 2.0**-149],
    "double": [0.1, 1e300, 5e-324, -1.7976931348623157e308],
    "moments": [BEGAN, BEGAN + timedelta(microseconds=1), BEGAN + timedelta(seconds=0.5)],
    "old": [datetime(1, 1, 1, tzinfo=UTC), datetime(1697, 10, 17, 11, 3, 28, 1, tzinfo=UTC)],
    "late": [
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2242, 3, 16, 12, 56, 31, 999_999, tzinfo=UTC),
    ],
    "nested": [[], {}, [[], [{}]], {"b": 1, "aa": 2, "a": {"ü": [1, {"z": None}]}}],
}
"""Every kind and width of value."""

LARGE: dict[str, Any] = {
    "text_255": LONG[:253],  # with its head of 2 bytes 255: inline
    "text_256": LONG[:254],  # 256: by reference
    "bytes_255": LONG[:253].encode(),
    "bytes_256": LONG[:254].encode(),
    "list_255": [LONG[:252]],
    "list_256": [LONG[:253]],
    "list_of_maps": [{"inner": LONG}, {"inner": LONG[:10]}],  # one payload, in which nothing is a reference
    "map": {"inner": LONG, "deeper": {"bytes": LONG.encode(), "short": 1}},  # two references, a map is none
    "tag_like": b"\xdaITNM\x58\x20" + bytes(32),
}
"""Values on either side of the threshold, and what stands around large ones."""


def clock() -> Callable[[], datetime]:
    """1.000001 s a call; every fifth goes back by a minute."""
    calls = iter(range(1_000_000))

    def now() -> datetime:
        call = next(calls)
        return (
            BEGAN + timedelta(seconds=call, microseconds=call) - timedelta(minutes=1 if call % 5 == 4 else 0)
        )

    return now


def _values(store: Store) -> None:
    """Nodes with every kind of value; one by one, then changed, then all gone: the empty graph as a version."""
    with store.transaction(
        "values", event="one", data={"large": LONG, "few": [1, 2]}, author="golden"
    ) as graph:
        graph.add_node("Kind", id="plain", properties=_numbered(VALUES["plain"]))
    with store.transaction("values", event="all", data=[{"large": LONG}, LONG], cause={"why": LONG}) as graph:
        for kind, values in VALUES.items():
            if kind != "plain":
                graph.add_node("Kind", "Value", id=kind, properties=_numbered(values))
        graph.add_node(id="large", properties=LARGE)
        graph.add_node(id="wide record", properties={f"property {n}": LONG[n : n + 90] for n in range(40)})
    store.snapshot("values")
    with store.transaction("values", event="changed", data=LONG) as graph:
        graph.update("half", v0=1, v1="now a text", v2=LONG, v3=-0.0)
        graph.update("large", text_255=LONG, text_256=None, map={"inner": LONG[::-1]})
        graph.unset("wide record", "property 7", "property 8")
        graph.relabel("nested", add=["Ärger", "A"], remove=["Value"])
        graph.remove_node("double")
    store.tag("values", "full")
    with store.transaction("values", event="emptied") as graph:
        for node in list(graph.nodes()):
            graph.remove_node(node.id)
    store.snapshot("values")
    with store.transaction("values", event="begun again") as graph:
        graph.add_node("Kind", id="plain", properties={"again": LONG})


def _numbered(values: list[Any]) -> dict[str, Any]:
    return {f"v{n}": value for n, value in enumerate(values)}


def _order(store: Store, versions: int) -> None:
    """A graph of many versions: edges of all sorts, an edge that moves, nodes that come and go, a header."""
    with store.transaction("order", event="placed") as graph:
        graph.add_node("Order", id="@graph", properties={"status": "new", "total": 12.5})
        for n in range(6):
            graph.add_node("Item", id=f"item {n}", properties={"n": n, "due": BEGAN + timedelta(days=n)})
            graph.add_edge("@graph", "HAS", f"item {n}", id=f"has {n}", properties={"at": n})
        graph.add_edge("item 0", "SELF", "item 0", id="loop")
        graph.add_edge("item 0", "NEXT", "item 1", id="next", properties={"note": LONG})
        graph.add_edge("item 0", "NEXT", "item 1", id="parallel")
    for step in range(2, versions + 1):
        with store.transaction("order", event="step", data={"step": step}, author="golden") as graph:
            graph.update("@graph", status=f"at {step}", total=step / 3)
            graph.update("has 0", at=step)
            graph.remove_edge("next")
            graph.add_edge(f"item {step % 6}", "NEXT", f"item {(step + 1) % 6}", id="next", note=LONG[step:])
            if step % 3 == 0:
                graph.add_node("Note", id=f"note {step}", properties={"text": LONG + str(step)})
            elif step % 3 == 2 and step > 3:
                graph.remove_node(f"note {step - 2}")


def _step(store: Store, graph: str, node: str, **changes: Any) -> None:
    with store.transaction(graph, event="step") as evolver:
        evolver.update(node, **changes)


def fill(store: Store) -> None:
    """Everything a store can hold. The store saves a trie every 4 versions."""
    for label, key in INDICES[:-1]:
        store.declare_index(label, key)
    _values(store)
    _order(store, 14)
    store.declare_index(*INDICES[-1])
    store.tag("order", "third", "HEAD~11")
    store.tag("order", "vierzehn äöü")
    store.fork("order", "fork", "HEAD~6", author="golden")
    for n in range(5):
        _step(store, "fork", "item 1", n=n + 100)
    store.fork("fork", "fork of fork", "HEAD~2")
    _step(store, "fork of fork", "@graph", status="forked twice")
    store.fork("order", "fork of tag", "TAG third")
    store.fork("values", "fork of nothing", "HEAD~1")
    store.fork("order", "fork without change")
    store.fork("values", "every kind", "TAG full")
    _together(store)
    name = "n" * 255
    with store.transaction(name, event="e" * 255, author="a" * 255) as graph:
        graph.add_node("L" * 255, id="i" * 255, properties={"p" * 255: "short"})
    store.prune("order", "HEAD~3")
    store.fork("order", "fork of pruned", "TAG third")
    _step(store, "order", "@graph", status="after pruning")
    store.prune("fork", "HEAD~1")
    for n in range(4):
        _step(store, "fork of tag", "item 2", n=n)
    store.untag("values", "full")
    store.tag("values", "filled", "HEAD~2")
    store.snapshot("order", "HEAD~1")
    store.retention = Retention(versions=100, age=timedelta(days=7), tx=1)


def _together(store: Store) -> None:
    """One transaction over three graphs, with full events and with none."""
    writes = []
    for name in ("zwei", "eins", "order"):
        version, before = store.checkout(name)
        evolver = before.evolver()
        evolver.add_node("Shared", id="together", properties={"large": LONG, "moment": BEGAN})
        events = [
            Event("rule", {"$output": LONG}, "sha-of-rule", ("a", "b"), {"tx": 1}, "author"),
            Event("match only", match=()),
            Event("bare"),
        ]
        chosen = [] if name == "eins" else events
        writes.append(store.prepare(name, version + 1, evolver.persistent(), evolver.delta(), chosen))
    store.commit(writes)


def expected(store: Store) -> dict[str, Any]:
    """What must be read from a store: of each graph its roots by TX, which versions were pruned, which of them cannot
    be read any more, and its tags; the roots of the log by size; what the indices hold."""
    graphs = {}
    for name in [head.graph for head in store.graphs()]:
        history = list(store.history(name))
        graphs[name] = {
            "roots": {str(version.tx): version.root.hex() for version in history},
            "pruned": [version.tx for version in history if version.pruned],
            "unreadable": [version.tx for version in history if not _readable(store, version)],
            "tags": store.tags(name),
        }
    log = {str(size): store.log.root(size).hex() for size in range(store.last_tx + 1)}
    indexed = {f"{label}.{key}": store.indexed_range(label, key) for label, key in INDICES}
    return {"store": store.id, "graphs": graphs, "log": log, "indexed": json.loads(json.dumps(indexed))}


def _readable(store: Store, version: Version) -> bool:
    try:
        return store.at(version.graph, version.tx).root == version.root
    except VersionPruned:
        return False


def make(path: Path) -> None:
    """The golden store, at a path."""
    with mock.patch.object(secrets, "token_hex", return_value=STORE_ID):
        store = Store.open(path, snapshot_every=4, clock=clock())
    with store:
        fill(store)


def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "golden.itonami"
        make(path)
        with Store.open(path) as store:
            report = store.verify()
            if not report.ok:
                sys.exit("\n".join(report.damage))
            found = expected(store)
            data = (store.backup(Path(folder) / "copy") / "data.mdb").read_bytes()
    packed = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    (HERE / f"format-{FORMAT}.mdb.xz").write_bytes(packed)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (HERE / f"format-{FORMAT}.json").write_text(text + "\n", encoding="utf-8")
    print(f"format {FORMAT}: {len(found['log']) - 1} transactions, {len(data)} bytes, packed {len(packed)}")


if __name__ == "__main__":
    main()
