"""Limits reach the past: whatever a procedure or `USE events` reads is counted, and nothing is kept half made."""

import contextlib
import time

import pytest

from itonami.graphstore import Store
from itonami.query import LimitExceeded, Limits, run
from itonami.query.events import events
from itonami.query.kept import Kept

VERSIONS = 1_500

READING = [
    "USE events('g') MATCH (n) RETURN count(*) AS n",
    "CALL itonami.causes() YIELD kind RETURN count(*) AS n",
    "CALL itonami.history('a') YIELD tx RETURN count(*) AS n",
    "CALL itonami.log() YIELD tx RETURN count(*) AS n",
    "CALL itonami.blame('a') YIELD tx RETURN count(*) AS n",
    "CALL itonami.parted('h') YIELD common RETURN count(*) AS n",
    "CALL itonami.runs({workflow: 'w'}) YIELD run RETURN count(*) AS n",
]


@pytest.fixture(scope="module")
def past():
    """Two graphs of one history, and many runs."""
    with Store.memory() as store:
        for name in "gh":
            store.transact(name, lambda graph: graph.add_node("N", id="a", v=-1) and None, event="made")
        for number in range(VERSIONS):
            for name in "gh":
                store.transact(name, lambda graph, n=number: graph.update("a", v=n), event="step")
        for number in range(300):
            header = {"kind": "run", "workflow": "w"}
            name = f"run{number}"
            store.transact(
                name,
                lambda graph, h=header: graph.add_node("@graph", id="@graph", **h) and None,
                event="made",
            )
        yield store


@pytest.mark.parametrize("text", READING)
def test_every_version_and_event_is_a_step(past, text):
    with pytest.raises(LimitExceeded, match=r"more than 200 steps; .* Limits\(steps="):
        run(past, text, graph="g", limits=Limits(steps=200))
    assert run(past, text, graph="g", limits=Limits(steps=40 * VERSIONS)).columns == ("n",)


@pytest.mark.parametrize("text", READING)
def test_a_limit_of_time_is_kept_to(text, past):
    began = time.monotonic()
    with contextlib.suppress(LimitExceeded):
        run(past, text, graph="g", at=past.head("g").tx - 1, limits=Limits(seconds=0.02))
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("text", [READING[0], READING[1], READING[4]])
def test_what_is_held_for_all_events_counts_as_values(past, text):
    if "blame" in text:
        text = text.replace("'a'", "'a', 'v'")
    with pytest.raises(LimitExceeded, match=r"more than 1,000 values"):
        run(past, text, graph="g", limits=Limits(values=1_000))
    each = f"UNWIND range(1, 3) AS i {READING[1]}"
    assert run(past, each, graph="g", limits=Limits(values=2 * VERSIONS)).rows[0][0] >= VERSIONS


def test_a_query_that_was_stopped_leaves_nothing_half_made(past):
    at = past.version("h", "HEAD~100").tx
    text = "USE events('h') MATCH (e:Event) RETURN count(*) AS n"
    for steps in (5, 700, 2_000, 5_000):
        with pytest.raises(LimitExceeded):
            run(past, text, at=at, limits=Limits(steps=steps))
    assert run(past, text, at=at).rows == ((VERSIONS + 1 - 100,),)


def test_the_graph_of_events_is_made_once_a_version(past):
    assert events(past, "g") is events(past, "g", past.head("g").tx)
    assert events(past, "g", "HEAD~1") is not events(past, "g")
    steps = Limits(steps=300)
    assert run(past, READING[0], graph="g", limits=steps).rows == ((VERSIONS + 2,),)


def test_what_is_kept_is_whole_few_and_let_go_with_its_store():
    kept, made = Kept(2), []

    def make(value):
        made.append(value)
        if value == "bad":
            raise RuntimeError
        return value

    with Store.memory() as store, Store.memory() as other:
        for key in ("a", "b", "a", "c", "a", "b"):
            assert kept.of(store, key, lambda key=key: make(key)) == key
        assert made == ["a", "b", "c", "b"]
        with pytest.raises(RuntimeError):
            kept.of(store, "bad", lambda: make("bad"))
        assert kept.of(store, "bad", lambda: "good") == "good"
        assert kept.of(other, "a", lambda: "another") == "another"
