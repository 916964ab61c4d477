"""Whatever a caller passes that the store cannot keep is refused with a typed error that says what, and nothing of it
is written: LMDB's last transaction stays the one it was."""

import contextlib
import math
from datetime import UTC, datetime

import pytest

from itonami.graphstore import Conflict, Event, Graph, InvalidValue, ItonamiError, NotFound, Retention


def cycle():
    value: list = []
    value.append({"again": value})
    return value


def deep(levels):
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


VALUES = {
    "not a number": math.nan,
    "infinity": math.inf,
    "nested": {"a": [1, {"b": -math.inf}]},
    "cycle": cycle(),
    "deep": deep(101),
    "very deep": deep(100_000),
    "surrogate": "\ud800",
    "surrogate in a key": {"\udfff": 1},
    "key that is no text": {1: 2},
    "key that is bytes": {b"a": 2},
    "set": {1, 2},
    "object": object(),
    "class": int,
    "complex": 1j,
    "naive time": datetime(2026, 1, 1),
    "time beyond microseconds": datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    "10 MB of text": "x" * 10_000_000,
    "10 MB of bytes": b"x" * 10_000_000,
    "10 MB of list": ["x" * 100] * 100_000,
    "10 MB of map": {f"key {n}": "x" * 100 for n in range(100_000)},
}


@pytest.fixture
def seeded(store):
    with store.transaction("g", event="e") as graph:
        graph.add_node("A", id="a", n=1)
        graph.add_node("A", id="b")
        graph.add_edge("a", "L", "b", id="e")
    return store


@contextlib.contextmanager
def refused(store, kind=InvalidValue):
    before = store.last_id, store.last_tx
    with pytest.raises(kind) as caught:
        yield
    assert isinstance(caught.value, ItonamiError)
    assert caught.value.what
    assert (store.last_id, store.last_tx) == before, "nothing was written"


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_values_outside_the_domain(seeded, value):
    with refused(seeded), seeded.transaction("g", event="e") as graph:
        graph.add_node(value=value)
    with refused(seeded), seeded.transaction("g", event="e") as graph:
        graph.update("a", value=value)
    with refused(seeded), seeded.transaction("g", event="e") as graph:
        graph.add_edge("a", "L", "b", value=value)
    with refused(seeded), seeded.transaction("g", event="e", data=value):
        pass
    with refused(seeded), seeded.transaction("g", event="e", data={"v": [value]}):
        pass
    with refused(seeded), seeded.transaction("g", event="e", cause=value):
        pass
    with contextlib.suppress(InvalidValue):
        assert list(seeded.graphs(kind=value)) == []
    with contextlib.suppress(InvalidValue, NotFound):
        assert seeded.indexed("A", "n", value) == []


NAMES = ["", "x" * 256, "é" * 128, "\ud800", None, 7, b"bytes", ["g"]]


@pytest.mark.parametrize("name", NAMES, ids=[repr(name)[:20] for name in NAMES])
def test_names_that_are_none(seeded, name):
    with refused(seeded):
        seeded.transaction(name, event="e")
    with refused(seeded):
        seeded.transaction("g", event=name)
    if name is not None:
        with refused(seeded):
            seeded.transaction("g", event="e", author=name)
        for edit in (
            lambda graph: graph.add_node(id=name),
            lambda graph: graph.add_edge("a", "L", "b", id=name),
        ):
            with refused(seeded), seeded.transaction("g", event="e") as graph:
                edit(graph)
    for edit in (
        lambda graph: graph.add_node(name),
        lambda graph: graph.add_edge("a", name, "b"),
        lambda graph: graph.add_node(properties={name if name != ["g"] else 1: 1}),
        lambda graph: graph.relabel("a", add=[name]),
    ):
        with refused(seeded), seeded.transaction("g", event="e") as graph:
            edit(graph)
    with refused(seeded):
        seeded.tag("g", name)
    with refused(seeded):
        seeded.fork("g", name)
    with refused(seeded):
        seeded.declare_index(name, "key")
    for ask in (seeded.head, seeded.at, seeded.version, seeded.tags, lambda name: list(seeded.history(name))):
        with refused(seeded, NotFound):
            ask(name)
    assert name not in seeded
    graph = seeded.at("g")
    for ask in (graph.node, graph.edge) if name != ["g"] else (graph.node,):
        with refused(seeded, NotFound):
            ask(name)
    assert list(graph.out(name)) == []
    with refused(seeded):
        seeded.prepare(name, 1, Graph(), Graph().diff(Graph()), [Event("e")])


def test_edits_that_would_break_the_graph(seeded):
    edits = {
        "node twice": (InvalidValue, lambda graph: graph.add_node(id="a")),
        "edge twice": (InvalidValue, lambda graph: graph.add_edge("a", "M", "b", id="e")),
        "edge from nowhere": (NotFound, lambda graph: graph.add_edge("nobody", "L", "b")),
        "edge to nowhere": (NotFound, lambda graph: graph.add_edge("a", "L", "nobody")),
        "update of nothing": (NotFound, lambda graph: graph.update("nobody", n=1)),
        "unset of nothing": (NotFound, lambda graph: graph.unset("nobody", "n")),
        "relabel of nothing": (NotFound, lambda graph: graph.relabel("nobody", add=["A"])),
        "removal of nothing": (NotFound, lambda graph: graph.remove_node("nobody")),
        "removal of no edge": (NotFound, lambda graph: graph.remove_edge("nobody")),
        "removal of a node with edges": (InvalidValue, lambda graph: graph.remove_node("a")),
    }
    for kind, edit in edits.values():
        with refused(seeded, kind), seeded.transaction("g", event="e") as graph:
            edit(graph)


def test_points_in_time_that_are_none(seeded):
    for point in (
        True,
        1.5,
        "",
        "yesterday",
        "TX",
        "TX x",
        "HEAD~",
        "HEAD~-1",
        "2026-01-01",
        b"1",
        None,
        ["HEAD"],
    ):
        for ask in (seeded.at, seeded.version, seeded.tag, seeded.prune):
            arguments = ("g", "t", point) if ask == seeded.tag else ("g", point)
            if ask == seeded.prune and point is None:
                continue
            with refused(seeded):
                ask(*arguments)
    for point in (0, "0", "HEAD~1", "1999-01-01T00:00:00Z", "TAG none", datetime(1, 1, 1, tzinfo=UTC)):
        for ask in (seeded.at, seeded.fork, seeded.snapshot):
            arguments = ("g", "new", point) if ask == seeded.fork else ("g", point)
            with refused(seeded, NotFound):
                ask(*arguments)
    for tx in (0, -1, 2, 1 << 64, 1 << 70):
        with refused(seeded, NotFound):
            seeded.commit_of(tx)
    with refused(seeded, NotFound):
        seeded.log.inclusion(2)
    with refused(seeded, NotFound):
        seeded.log.consistency(2, 1)
    with refused(seeded):
        seeded.watch(-1)


def test_requests_that_contradict_the_store(seeded):
    with refused(seeded, Conflict), seeded.transaction("g", event="e", expected_version=7):
        pass
    with refused(seeded):
        seeded.fork("g", "g")
    with seeded.transaction("late", event="e") as late:
        late.add_node(id="a")
    for edit in (
        lambda: late.add_node(),
        lambda: late.update("a", n=1),
        lambda: late.add_edge("a", "L", "a"),
        lambda: late.remove_node("a"),
        lambda: late.relabel("a", add=["A"]),
    ):
        with refused(seeded):
            edit()
    for wrong in ("30d", 30, {"versions": 3}):
        with refused(seeded):
            seeded.retention = wrong
    with refused(seeded):
        Retention(age=30)
    with refused(seeded):
        seeded.watch("HEAD")
    with refused(seeded):
        seeded.prove("g", "a", signer="secret")
    same = Graph().diff(Graph())
    for version in (0, 1, 3):
        with refused(seeded, Conflict):
            seeded.commit([seeded.prepare("g", version, Graph(), same, [Event("e")])])
    with refused(seeded, Conflict):
        seeded.commit([seeded.prepare("g", 2, Graph(), same, [Event("e")], before=b"another root")])
    for base in (("nobody", 1), ("g", 7)):
        with refused(seeded, NotFound):
            seeded.commit([seeded.prepare("h", 1, Graph(), same, [Event("e")], base=base)])
    for writes in ([], [seeded.prepare(f"g{n}", 1, Graph(), same, [Event("e")]) for n in range(257)]):
        with refused(seeded, InvalidValue):
            seeded.commit(writes)
    with refused(seeded):
        seeded.retention = Retention(versions=0)
