"""Laws of the engine: it ends a random run as the core says it ends, however often it is stopped on the way."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Plan, Simulation, orders, tales, told

from itonami.graphstore import Store
from itonami.workflow import ActivityError, Engine, activity
from itonami.workflow.engine import rebuild
from itonami.workflow.engine.effects import ENDED

INPUTS = {"n": 2}
AT_ONCE = {"initial_interval": 0, "maximum_attempts": 4}


@dataclass
class Players:
    """The activities of a tale, who play by its plans; `performed` holds what they were asked for."""

    plans: dict[str, Plan]
    performed: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        @activity(name="a", retry=AT_ONCE)
        async def act(ctx, **inputs: object) -> dict:
            return self.play(ctx)

        @activity(name="u", retry=AT_ONCE)
        def undo(ctx, **inputs: object) -> dict:
            return self.play(ctx)

        self.activities = (act, undo)

    def play(self, ctx) -> dict:
        self.performed.append((ctx.step, ctx.attempt))
        plan = self.plans[ctx.step]
        if ctx.attempt <= plan.fails:
            raise ConnectionError("try again")
        if ctx.attempt == plan.fails + 1 and plan.last != "succeed":
            raise ActivityError(
                plan.last, type="Timeout" if plan.last == "time out" else "Boom", retryable=False
            )
        return {"from": ctx.step}


async def rest(engine: Engine, run: str) -> None:
    """Until the run has ended; what parks is tried again."""
    await engine.ended(run)
    while engine.run(run).status not in ENDED:
        await engine.resume(run)
        await engine.ended(run)


def acknowledged(store: Store) -> set[str]:
    """The steps whose outcome is in the store."""
    if "run" not in store:
        return set()
    return {node.id for node in store.at("run").nodes("Activity") if "ended" in node.data}


@settings(max_examples=30)
@given(tales, orders)
def test_the_engine_ends_a_run_as_the_core_does(tale, order):
    program, plans = told(tale)
    expected = Simulation(program, plans, checked=False).run(order)

    async def lived() -> None:
        async with Engine.memory(Players(plans).activities) as engine:
            await engine.start(program.definition, INPUTS, id="run")
            await rest(engine, "run")
            assert engine.run("run").status == expected
            assert engine.rebuild("run").root == engine.store.head("run").root
            assert engine.store.verify().ok

    asyncio.run(lived())


@settings(max_examples=25)
@given(tales, st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_an_engine_that_is_stopped_again_and_again_loses_and_repeats_nothing_acknowledged(tale, stops):
    program, plans = told(tale)
    expected = Simulation(program, plans, checked=False).run()

    async def one_engine(store: Store, stop: int | None) -> None:
        done, players = acknowledged(store), Players(plans)
        enough = asyncio.Event()
        heard = []

        def count(version: object) -> None:
            heard.append(version)
            if stop is not None and len(heard) > stop:
                enough.set()

        async with Engine.open(store, players.activities) as engine:
            engine.observers.append(count)
            if "run" in store:
                await engine.resume("run")
            else:
                await engine.start(program.definition, INPUTS, id="run")
            ending = asyncio.create_task(rest(engine, "run"))
            stopping = asyncio.create_task(enough.wait())
            await asyncio.wait((ending, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (ending, stopping):
                task.cancel()
            await asyncio.gather(ending, stopping, return_exceptions=True)
        assert not done & {step for step, _ in players.performed}

    async def lived() -> None:
        with Store.memory() as store:
            for stop in (*stops, None):
                await one_engine(store, stop)
            assert store.at("run").header["status"] == expected
            assert rebuild(store, "run").root == store.head("run").root
            assert store.verify().ok

    asyncio.run(lived())
