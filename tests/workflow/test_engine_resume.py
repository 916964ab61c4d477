"""Resume: what was acknowledged is not performed again, what was under way is, with the same key."""

import asyncio

import pytest
from flows import QUICK, Time, act, events, flow, par, seq, status, statuses, step, until

from itonami.graphstore import NotFound, Store
from itonami.workflow import Engine, RunEnded, activity
from itonami.workflow.activities import UnknownActivity


class Bench:
    """Activities that write down each performance; `held` ones wait for their gate."""

    def __init__(self) -> None:
        self.performed: list[tuple[str, str, int]] = []
        self.held: set[str] = set()
        self.gate = asyncio.Event()

        @activity
        async def work(ctx) -> dict:
            self.performed.append((ctx.step, ctx.key, ctx.attempt))
            if ctx.step in self.held:
                await self.gate.wait()
            return {"by": ctx.step}

        self.work = work


@pytest.fixture
async def bench():
    return Bench()


def works(*steps: str) -> list[dict]:
    return [act("work", id=step) for step in steps]


async def test_only_what_was_under_way_is_performed_again_and_with_the_same_key(durable_house, bench):
    house, bench.held = durable_house, {"b"}
    definition = flow(seq(*works("first"), par(*works("a", "b", "c")), *works("last")), outputs=["by"])
    async with house.engine(bench.work) as engine:
        run = await engine.start(definition, id="r")
        await until(
            engine, lambda: [status(run, id) for id in "abc"] == ["succeeded", "running", "succeeded"]
        )
        before = len(list(run.history()))
    assert len(list(house.store.history("r"))) == before, "closing writes nothing"
    bench.held.clear()
    async with house.engine(bench.work) as engine:
        assert len(engine.runs(status="running")) == 1
        (run,) = await engine.resume()
        assert await run.result() == {"by": "last"}
    performed = [step for step, _, _ in bench.performed]
    assert performed == ["first", "a", "b", "c", "b", "last"]
    assert {key for step, key, _ in bench.performed if step == "b"} == {"r/b/1"}
    assert {attempt for _, _, attempt in bench.performed} == {1}


async def test_resume_finds_all_that_did_not_end_or_only_what_it_is_asked_for(house, bench):
    bench.held = {"hold"}
    async with house.engine(bench.work) as engine:
        await (await engine.start(flow(*works("free")), id="done")).result()
        for id in ("one", "two", "three"):
            await engine.start(flow(*works("hold")), id=id)
    bench.held.clear()
    async with house.engine(bench.work) as engine:
        assert [run.id for run in await engine.resume("two", "done", "two")] == ["two", "done"]
        await engine.run("two").result()
        assert engine.run("one").status == "running"
        assert sorted(run.id for run in await engine.resume()) == ["one", "three"]
        await asyncio.gather(*(engine.run(id).result() for id in ("one", "three")))
        assert await engine.resume() == []
    assert [step for step, _, _ in bench.performed] == ["free"] + ["hold"] * 6


async def test_a_run_that_is_driven_is_not_driven_twice(house, bench):
    bench.held = {"hold"}
    async with house.engine(bench.work) as engine:
        run = await engine.start(flow(*works("hold")))
        await until(engine, lambda: status(run, "hold") == "running")
        await asyncio.gather(engine.resume(), engine.resume(run.id), engine.resume())
        bench.gate.set()
        await run.result()
    assert len(bench.performed) == 1
    async with house.engine(bench.work) as engine:
        bench.gate.clear()
        run = await engine.start(flow(*works("hold")))
    async with house.engine(bench.work) as engine:
        await asyncio.gather(*(engine.resume(run.id) for _ in range(5)))
        bench.gate.set()
        await engine.run(run.id).result()
    assert len(bench.performed) == 3


async def test_a_rest_between_attempts_goes_on_where_it_was(house):
    time, attempts = Time(), []

    @activity
    async def work(ctx) -> None:
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise ConnectionError("later")

    async with house.engine(work, **time.settings) as engine:
        run = await engine.start(flow(act("work", retry_policy={"initial_interval": "1h"})))
        await until(engine, lambda: status(run, "work") == "waiting")
    later = Time()
    later.now = time.now
    later.advance(1_800)
    async with house.engine(work, **later.settings) as engine:
        (run,) = await engine.resume()
        assert later.due_s == 1_800
        later.advance(1_800)
        await until(engine, lambda: status(run, "work") == "waiting" and step(run, "work")["attempt"] == 2)
    long_after = Time()
    long_after.now = later.now
    long_after.advance(86_400)
    async with house.engine(work, **long_after.settings) as engine:
        (run,) = await engine.resume()
        assert long_after.due_s == 0
        long_after.advance(0)
        await run.result()
    assert attempts == [1, 2, 3]


async def test_a_run_whose_time_is_over_meanwhile_is_timed_out(house, bench):
    bench.held = {"hold"}
    time = Time()
    async with house.engine(bench.work, **time.settings) as engine:
        run = await engine.start(flow(*works("hold"), timeout="1h"))
    time.advance(7_200)
    async with house.engine(bench.work, **time.settings) as engine:
        (run,) = await engine.resume()
        time.advance(0)
        await engine.ended(run.id)
        assert run.status == "timed_out"


async def test_a_cancel_that_was_asked_for_before_the_crash_is_carried_out_after_it(house, bench):
    stuck = asyncio.Event()

    @activity
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stuck.set()
            await asyncio.Event().wait()

    async with house.engine(stubborn, bench.work) as engine:
        run = await engine.start(flow(seq(act("stubborn"), *works("after"))))
        await until(engine, lambda: status(run, "stubborn") == "running")
        await asyncio.sleep(0)
        await run.cancel()
        await stuck.wait()
    assert house.store.at(run.id).header["status"] == "running"
    async with house.engine(stubborn, bench.work) as engine:
        (run,) = await engine.resume()
        await engine.ended(run.id)
        assert statuses(run) == {"seq": "cancelled", "stubborn": "cancelled", "after": "cancelled"}
    assert bench.performed == []


async def test_an_activity_that_is_not_registered_keeps_a_run_from_resuming_and_writes_nothing(house, bench):
    bench.held = {"hold"}
    async with house.engine(bench.work) as engine:
        await engine.start(flow(*works("hold")), id="r")

    @activity
    async def wrok() -> None: ...

    async with house.engine(wrok) as engine:
        before = house.store.last_tx
        with pytest.raises(UnknownActivity, match="did you mean 'wrok'"):
            await engine.resume()
        with pytest.raises(NotFound):
            await engine.resume("nobody")
        assert house.store.last_tx == before
        assert engine._drivers == {}


async def test_a_run_goes_on_by_the_definition_and_the_rules_it_started_with(house, bench):
    bench.held = {"hold"}
    async with house.engine(bench.work) as engine:
        await engine.start(flow(seq(*works("hold", "old")), id="w"), id="r")
    async with house.engine(bench.work) as engine:
        await (await engine.start(flow(seq(*works("new")), id="w"))).result()
        bench.gate.set()
        (run,) = await engine.resume()
        await run.result()
        assert set(statuses(run)) == {"seq", "hold", "old"}


async def test_a_store_on_disk_is_resumed_by_a_fresh_engine(tmp_path, bench):
    path, bench.held = tmp_path / "state.itonami", {"b"}
    async with Engine.open(path, [bench.work]) as engine:
        run = await engine.start(flow(seq(*works("a", "b", "c")), outputs=["by"]), id="r")
        await until(engine, lambda: status(run, "b") == "running")
    bench.gate.set()
    async with Engine.open(path, [bench.work]) as engine:
        (run,) = await engine.resume()
        assert await run.result() == {"by": "c"}
        assert engine.rebuild("r").root == engine.store.head("r").root
    with Store.open(path, create=False) as store:
        assert store.verify().ok


async def test_acknowledged_failures_count_after_a_resume(house):
    attempts = []
    time = Time()

    @activity
    async def work(ctx) -> None:
        attempts.append(ctx.attempt)
        raise ConnectionError("never")

    async with house.engine(work, **time.settings) as engine:
        run = await engine.start(flow(act("work", retry_policy={**QUICK, "maximum_attempts": 2})))
        await until(engine, lambda: status(run, "work") == "waiting")
    time.advance(1)
    async with house.engine(work, **time.settings) as engine:
        (run,) = await engine.resume()
        time.advance(0)
        with pytest.raises(RunEnded):
            await run.result()
    assert attempts == [1, 2]
    assert events(run).count("ActivityRetryScheduled") == 1
