"""State changes only by rules: from the events alone, graphstore and rules rebuild every version of every run."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flows import ONCE, QUICK, act, dec, flow, par, saga, seq, status, until
from replay_alone import Mismatch, replayed, rules_of

from itonami.graphstore import Corrupt, ItonamiError, Store
from itonami.graphstore.records import Commit, Entry, Event
from itonami.workflow import Engine, RunEnded, activity
from itonami.workflow.engine import rebuild

ALONE = Path(__file__).parent / "replay_alone.py"


async def lived_in(path: Path) -> None:
    """A store with runs of every end and every operator."""
    import asyncio

    tries = []

    @activity
    async def work(ctx) -> dict:
        return {"by": ctx.step, "n": 2}

    @activity
    async def flaky() -> None:
        tries.append(1)
        if len(tries) % 2:
            raise ConnectionError("once")

    @activity
    async def fail() -> None:
        raise ValueError("always")

    @activity
    async def hang() -> None:
        await asyncio.Event().wait()

    undone = act("work", id="a", compensate=act("work", id="undo a", input_mapping={"ctx_of": "$.error"}))
    definitions = {
        "good": seq(
            act("work", id="w"),
            par(act("flaky", retry_policy=QUICK), act("work", id="x"), act("hang"), need=2),
            dec(("steps.w.output.n > 1", act("work", id="y")), default=act("fail")),
        ),
        "bad": saga(
            seq(undone, saga(act("work", id="b")), act("fail", retry_policy=ONCE)), act("work", id="tidy")
        ),
        "stopped": seq(undone, act("hang")),
        "ended": seq(undone, act("hang")),
        "late": seq(undone, act("hang")),
    }

    @activity(name="work")
    async def lenient(ctx, ctx_of: object = None) -> dict:
        return {"by": ctx.step, "n": 2}

    async with Engine.open(path, [lenient, flaky, fail, hang]) as engine:
        for id, strategy in definitions.items():
            more = {"timeout": 30} if id == "late" else {}
            run = await engine.start(flow(strategy, id=id, outputs=["by"], **more), id=id)
            if id in ("stopped", "ended"):
                await until(engine, lambda run=run: status(run, "hang") == "running")
                await (run.cancel() if id == "stopped" else run.terminate())
            try:
                await run.result()
            except RunEnded:
                assert id != "good"
        statuses = {version.graph: engine.run(version.graph).status for version in engine.runs()}
    assert statuses == {
        "good": "succeeded",
        "bad": "failed",
        "stopped": "cancelled",
        "ended": "terminated",
        "late": "timed_out",
    }


@pytest.fixture
async def path(tmp_path):
    await lived_in(tmp_path / "state.itonami")
    return tmp_path / "state.itonami"


def test_two_packages_alone_rebuild_every_version_of_every_run(path):
    done = subprocess.run([sys.executable, str(ALONE), str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Store.open(path, create=False) as store:
        heads = {version.graph: [version.version, version.root.hex()] for version in store.graphs(kind="run")}
        assert json.loads(done.stdout) == heads
        assert len(heads) == 5
        for run in heads:
            assert rebuild(store, run).root.hex() == heads[run][1]


def altered(event: Event) -> list[Event]:
    """The event with one thing about it changed, in every way there is."""
    found = [replace(event, rule="run_resumed", match=("@graph",), data=None)]
    found += [
        replace(event, match=(*event.match[:n], "nobody", *event.match[n + 1 :]))
        for n in range(len(event.match))
    ]
    for key in event.data or {}:
        found.append(replace(event, data={**event.data, key: {"not": "what it was"}}))
        found.append(replace(event, data={k: v for k, v in event.data.items() if k != key}))
    return found


def anew(entry: Entry, **changes) -> Entry:
    """The entry with other contents, digest and all."""
    names = ("graph", "version", "root", "events", "delta", "base")
    made, _ = Entry.make(*(changes.get(name, getattr(entry, name)) for name in names))
    return made


def retold(commit: Commit, run: str, events: tuple[Event, ...]) -> Commit:
    entries = tuple(anew(entry, events=events) if entry.graph == run else entry for entry in commit.entries)
    return replace(commit, entries=entries)


def test_any_reason_that_was_altered_left_out_or_added_is_found(path):
    tried = 0
    with Store.open(path, create=False) as store:
        for version in store.graphs(kind="run"):
            run = version.graph
            commits = list(store.entries(run))
            rules = rules_of(store, store.at(run).header["rules"])
            for place, commit in enumerate(commits):
                events = commit.entry(run).events
                forged = []
                for n, event in enumerate(events):
                    if event.rule is not None:
                        forged += [(*events[:n], other, *events[n + 1 :]) for other in altered(event)]
                        forged += [(*events[:n], *events[n + 1 :]), (*events[: n + 1], *events[n:])]
                for other in forged:
                    story = [*commits[:place], retold(commit, run, other)]
                    with pytest.raises((Mismatch, ItonamiError)):
                        list(replayed(store, run, story, rules))
                    tried += 1
    assert tried > 300


def test_a_fact_that_was_altered_is_found(path):
    with Store.open(path, create=False) as store:
        commits = list(store.entries("good"))
        rules = rules_of(store, store.at("good").header["rules"])
        for place, commit in enumerate(commits):
            entry = commit.entry("good")
            other = commits[place - 1].entry("good")
            for forged in (anew(entry, delta=other.delta), anew(entry, root=other.root)):
                story = [*commits[:place], replace(commit, entries=(forged,))]
                with pytest.raises(Mismatch):
                    list(replayed(store, "good", story, rules))


def test_rules_that_were_altered_are_found(path):
    with Store.open(path, create=False) as store:
        address = store.at("good").header["rules"]
        with store.transaction(f"rules/{address}", event="Tampered") as graph:
            node = store.at(f"rules/{address}").node("run_succeeded")
            graph.update("run_succeeded", text=node["text"].replace("'succeeded'", "'failed'"))
        with pytest.raises((Corrupt, ItonamiError), match="address"):
            rebuild(store, "good")
