"""The same requests at the same times in the same order give the same roots: in any store, process or hash order."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

from blake3 import blake3
from flows import Time, act, flow, par, saga, seq, status, until
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Simulation, orders, tales, told

from itonami.graphstore import Store
from itonami.workflow import Engine, activity
from itonami.workflow.engine import RunState, rebuild, requests
from itonami.workflow.engine.catalog import Catalog
from itonami.workflow.engine.driver import write_of

REASON = {"type": "Cancelled", "message": "because"}
HERE = Path(__file__).parent


def story(tale: bytes, order: bytes, turn: int) -> Simulation:
    """A run of some tale, cancelled on the way at some turn."""
    simulation = Simulation(*told(tale), checked=False)
    simulation.run(order, {turn: [requests.cancel("cancelled", REASON, None)]})
    return simulation


def lived(simulation: Simulation, snapshot_every: int, forgets: bytes = b"") -> list[tuple]:
    """The versions of a store that hears what the simulation heard. Where it forgets, it reads its state again."""
    program = simulation.program
    with Store.memory(snapshot_every=snapshot_every) as store:
        base = asyncio.run(Catalog(store).register(program))
        state = RunState("run", program, 0, program.graph, program.head())
        for turn, (wanted, time) in enumerate(simulation.heard):
            if turn and turn < len(forgets) and forgets[turn] % 2:
                state = RunState("run", program, *store.checkout("run"))
            store.commit([write_of(store, "run", state.derive(wanted, time), base)])
        assert rebuild(store, "run").root == state.graph.root
        assert store.verify().ok
        return [
            (version.version, version.tx, version.root, version.events) for version in store.history("run")
        ]


@settings(max_examples=40)
@given(tales, orders, st.integers(0, 20), st.binary(min_size=40, max_size=40))
def test_two_stores_that_hear_the_same_have_equal_roots_at_every_version(tale, order, turn, forgets):
    simulation = story(tale, order, turn)
    first = lived(simulation, 2)
    assert first == lived(simulation, 64, forgets)
    assert [root for _, _, root, _ in first] == [made.after.root for made in simulation.made]


def fingerprint(seed: int, stories: int) -> str:
    """The roots of all versions of some random stories, as one hash."""
    rng, found = random.Random(seed), blake3()
    for _ in range(stories):
        for made in story(rng.randbytes(100), rng.randbytes(60), rng.randrange(20)).made:
            found.update(made.after.root)
    return found.hexdigest()


def test_the_order_of_hashes_in_a_process_does_not_show():
    script = "import test_determinism as t; print(t.fingerprint(11, 40))"
    found = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert found == {fingerprint(11, 40) + "\n"}


async def roots_of_an_engine() -> list[tuple[str, bytes]]:
    time = Time()
    gates = {step: asyncio.Event() for step in "abc"}

    @activity
    async def work(ctx) -> dict:
        if ctx.step in gates:
            await gates[ctx.step].wait()
        if ctx.step == "flaky" and ctx.attempt == 1:
            raise ConnectionError("once")
        return {"by": ctx.step, "bytes": b"\x00", "at": time.now}

    @activity
    async def fail() -> None:
        raise ValueError("always")

    undo = {"compensate": act("work", id="undo")}
    strategy = saga(
        seq(
            par(act("work", id="a", **undo), act("work", id="b"), act("work", id="c")),
            act("work", id="flaky", retry_policy={"initial_interval": "5s"}),
            act("fail", retry_policy={"maximum_attempts": 1}),
        ),
        act("work", id="tidy"),
    )
    async with Engine.memory([work, fail], **time.settings) as engine:
        run = await engine.start(flow(strategy, inputs=["x"]), {"x": {"z": 1, "a": [1.5, None]}}, id="run")
        for step in "cab":
            gates[step].set()
            await until(engine, lambda step=step: status(run, step) == "succeeded")
            time.advance(1)
        await until(engine, lambda: status(run, "flaky") == "waiting")
        await asyncio.sleep(0)
        time.advance(5)
        await engine.ended(run.id)
        return [
            (name, version.root)
            for name in sorted(version.graph for version in engine.store.graphs())
            for version in engine.store.history(name)
        ]


async def test_two_engines_to_which_the_same_happens_have_equal_stores():
    first = await roots_of_an_engine()
    assert first == await roots_of_an_engine()
    assert len(first) > 10
