"""Sagas in the engine: what is undone, with what it sees, and what happens when undoing fails."""

import pytest
from flows import ONCE, Time, act, events, flow, happened, par, saga, seq, status, step, until

from itonami.workflow import RunEnded, activity


class Shop:
    """An account of what was done and undone; `broken` names fail."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.broken: set[str] = set()
        self.saw: list[object] = []

        @activity
        async def do(ctx) -> dict:
            if ctx.step in self.broken:
                raise ConnectionError(f"{ctx.step} is broken")
            self.did.append(ctx.step)
            return {"receipt": f"receipt of {ctx.step}"}

        @activity
        async def note(why: object) -> None:
            self.saw.append(why)

        self.activities = (do, note)


@pytest.fixture
def shop():
    return Shop()


def do(step: str, undo: bool = True) -> dict:
    compensate = {"compensate": act("do", id=f"undo {step}", retry_policy=ONCE)} if undo else {}
    return act("do", id=step, retry_policy=ONCE, **compensate)


async def failed(engine, run) -> dict:
    with pytest.raises(RunEnded) as caught:
        await run.result()
    return caught.value.error


async def test_nested_sagas_are_undone_from_the_inside_out(house, shop):
    inner = saga(seq(do("a"), do("b")), do("inner flow", undo=False), id="inner")
    outer = saga(seq(do("x"), inner, do("y"), do("z")), do("outer flow", undo=False))
    shop.broken = {"z"}
    async with house.engine(*shop.activities) as engine:
        run = await engine.start(flow(outer))
        error = await failed(engine, run)
        assert error["message"] == "z is broken"
        assert run.status == "failed"
    assert shop.did[4:] == ["undo y", "undo b", "undo a", "inner flow", "undo x", "outer flow"]


async def test_without_a_saga_the_run_itself_is_the_scope(house, shop):
    shop.broken = {"c"}
    async with house.engine(*shop.activities) as engine:
        run = await engine.start(flow(seq(do("a"), do("b"), do("c"))))
        await failed(engine, run)
        assert [step for _, step in happened(run, "StepCompensated")] == ["@graph", "@graph"]
    assert shop.did == ["a", "b", "undo b", "undo a"]


async def test_a_compensation_is_mapped_from_the_error_and_from_what_was_done(house, shop):
    undo = act("note", input_mapping={"why": ["$.error.message", "$.steps.a.output.receipt"]})
    shop.broken = {"b"}
    async with house.engine(*shop.activities) as engine:
        run = await engine.start(flow(seq(act("do", id="a", compensate=undo), do("b"))))
        await failed(engine, run)
    assert shop.saw == [["b is broken", "receipt of a"]]


async def test_what_a_compensation_says_is_no_result(house, shop):
    lossy = par(saga(seq(do("a"), do("b"))), do("c"), need="any", on_failure="collect")
    shop.broken = {"b"}
    async with house.engine(*shop.activities) as engine:
        run = await engine.start(flow(seq(lossy), outputs=["receipt"]))
        assert await run.result() == {"receipt": "receipt of c"}


async def test_a_compensation_out_of_retries_parks_the_run_until_resume_succeeds(house, shop):
    shop.broken = {"b", "undo a"}
    time = Time()
    async with house.engine(*shop.activities, **time.settings) as engine:
        run = await engine.start(flow(seq(do("x"), do("a"), do("b"))))
        with pytest.raises(RunEnded, match="undo a is broken") as caught:
            await run.result()
        assert caught.value.status == run.status == "parked"
        assert status(run, "undo a") == "waiting"
        assert run.header["error"]["message"] == "b is broken"
        await engine.resume(run.id)  # still broken
        await until(engine, lambda: step(run, "undo a")["attempt"] == 2)
        await engine.ended(run.id)
        assert run.status == "parked"
        assert events(run).count("ActivityParked") == 2
    shop.broken.clear()
    async with house.engine(*shop.activities, **time.settings) as engine:
        (run,) = await engine.resume()
        error = await failed(engine, run)
        assert run.status == "failed"
        assert error["message"] == "b is broken"
        assert step(run, "undo a")["attempt"] == 3
    assert shop.did == ["x", "a", "undo a", "undo x"]


async def test_a_run_is_not_at_rest_while_another_compensation_is_under_way(house, shop):
    import asyncio

    gate = asyncio.Event()

    @activity
    async def slow() -> None:
        await gate.wait()

    shop.broken = {"main", "u"}
    strategy = saga(do("main"), par(do("u", undo=False), act("slow")))
    async with house.engine(*shop.activities, slow) as engine:
        run = await engine.start(flow(strategy))
        await until(engine, lambda: run.status == "parked")
        waiting = asyncio.create_task(engine.ended(run.id))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        gate.set()
        await waiting
        assert run.status == "parked"
        shop.broken.clear()
        await engine.resume(run.id)
        await failed(engine, run)
        assert run.status == "failed"


async def test_a_compensation_is_retried_by_its_policy_before_it_parks(house, shop):
    time, tries = Time(), []

    @activity
    async def undo(ctx) -> None:
        tries.append(ctx.attempt)
        if ctx.attempt < 3:
            raise ConnectionError("not yet")

    shop.broken = {"b"}
    policy = {"initial_interval": "1h", "maximum_attempts": 3}
    strategy = seq(act("do", id="a", compensate=act("undo", retry_policy=policy)), do("b"))
    async with house.engine(*shop.activities, undo, **time.settings) as engine:
        run = await engine.start(flow(strategy))
        for attempt in (1, 2):
            await until(engine, lambda n=attempt: step(run, "undo").get("attempt") == n)
            await until(engine, lambda: status(run, "undo") == "waiting")
            time.advance(2 * 3_600)
        await failed(engine, run)
        assert status(run, "a") == "compensated"
    assert tries == [1, 2, 3]
