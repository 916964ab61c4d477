"""Retries, backoff and timeouts, on a clock that the tests move."""

import asyncio
import threading

import pytest
from flows import ONCE, QUICK, Time, act, events, flow, happened, par, seq, status, step, until

from itonami.workflow import ActivityError, RunEnded, activity


def flaky(times: int, name: str = "work", **settings: object):
    """An activity that fails `times` times, and the attempts it saw."""
    attempts = []

    @activity(name=name, **settings)
    async def work(ctx) -> dict:
        attempts.append((ctx.attempt, ctx.key))
        if len(attempts) <= times:
            raise ConnectionError(f"attempt {len(attempts)}")
        return {"attempt": ctx.attempt}

    return work, attempts


async def test_a_flaky_activity_is_tried_again_after_growing_rests_with_the_same_key(house):
    time, (work, attempts) = Time(), flaky(3)
    retry = {
        "initial_interval": "1s",
        "backoff_coefficient": 3,
        "maximum_interval": "5s",
        "maximum_attempts": 5,
    }
    async with house.engine(work, **time.settings) as engine:
        run = await engine.start(flow(act("work", retry_policy=retry), outputs=["attempt"]))
        for number, rest_s in ((1, 1.0), (2, 3.0), (3, 5.0)):
            await until(engine, lambda: status(run, "work") == "waiting")
            await asyncio.sleep(0)
            assert step(run, "work")["error"]["message"] == f"attempt {number}"
            assert time.due_s == rest_s
            time.advance(rest_s / 2)
            assert status(run, "work") == "waiting"
            time.advance(rest_s / 2)
            await until(engine, lambda n=number: step(run, "work")["attempt"] == n + 1)
        assert await run.result() == {"attempt": 4}
    assert attempts == [(n, f"{run.id}/work/1") for n in (1, 2, 3, 4)]
    assert events(run).count("ActivityRetryScheduled") == events(run).count("TimerFired") == 3
    assert "error" not in step(run, "work")


async def test_jitter_takes_its_chance_from_the_engine(house):
    time, (work, _) = Time(), flaky(1)
    async with house.engine(work, random=lambda: 0.0, **time.settings) as engine:
        retry = {"initial_interval": "10s", "jitter": 0.5}
        run = await engine.start(flow(act("work", retry_policy=retry)))
        await until(engine, lambda: status(run, "work") == "waiting")
        await asyncio.sleep(0)
        assert time.due_s == 5.0
        time.advance(5)
        await run.result()


async def test_after_the_last_attempt_the_step_fails_with_the_last_error(house):
    work, attempts = flaky(10)
    async with house.engine(work) as engine:
        run = await engine.start(flow(act("work", retry_policy={**QUICK, "maximum_attempts": 2})))
        with pytest.raises(RunEnded, match="attempt 2"):
            await run.result()
    assert len(attempts) == 2


async def test_the_policy_of_a_step_goes_before_the_activitys_own(house):
    work, attempts = flaky(10, retry=ONCE)
    async with house.engine(work) as engine:
        run = await engine.start(flow(act("work")))
        with pytest.raises(RunEnded):
            await run.result()
        assert len(attempts) == 1
        run = await engine.start(flow(act("work", retry_policy={**QUICK, "maximum_attempts": 3})))
        with pytest.raises(RunEnded):
            await run.result()
    assert len(attempts) == 4


@pytest.mark.parametrize("said", ["by the policy", "by the error"])
async def test_what_trying_again_cannot_mend_is_not_tried_again(house, said):
    attempts = []

    @activity
    async def work() -> None:
        attempts.append(1)
        raise ActivityError("gone", type="Gone", retryable=said == "by the policy")

    policy = {**QUICK, "non_retryable_errors": ["Gone"] if said == "by the policy" else []}
    async with house.engine(work) as engine:
        run = await engine.start(flow(act("work", retry_policy=policy)))
        with pytest.raises(RunEnded, match="gone"):
            await run.result()
    assert len(attempts) == 1


async def test_a_timeout_is_tried_again_and_the_last_one_is_the_steps_end(house):
    attempts = []

    @activity
    async def hang(ctx) -> None:
        attempts.append(ctx)
        await asyncio.Event().wait()

    async with house.engine(hang) as engine:
        retry = {**QUICK, "maximum_attempts": 2}
        run = await engine.start(
            flow(seq(act("hang", timeout=5, retry_policy=retry), act("hang", id="next")))
        )
        with pytest.raises(RunEnded, match="5 ms") as caught:
            await run.result()
        assert caught.value.status == "failed"
        assert (status(run, "hang"), status(run, "next")) == ("timed_out", "skipped")
        assert happened(run, "ActivityTimedOut") == [("ActivityTimedOut", "hang")]
    assert len(attempts) == 2
    assert all(ctx.cancelled for ctx in attempts)


async def test_a_function_that_outlives_its_timeout_is_asked_to_stop_and_not_heard(house):
    asked = threading.Event()

    @activity
    def hang(ctx) -> dict:
        assert ctx.wait_cancelled(20)
        asked.set()
        return {"too": "late"}

    async with house.engine(hang) as engine:
        run = await engine.start(flow(act("hang", timeout=250, retry_policy=ONCE)))
        with pytest.raises(RunEnded):
            await run.result()
        assert await asyncio.to_thread(asked.wait, 20)
        assert "output" not in step(run, "hang")


async def test_the_time_limit_of_a_function_does_not_run_while_it_waits_for_a_place(house):
    gate = threading.Event()
    entered = []

    @activity(timeout="1s")
    def quick() -> None:
        entered.append(1)

    @activity
    def slow() -> None:
        gate.wait(20)

    async with house.engine(slow, quick, concurrency=1) as engine:
        first = await engine.start(flow(act("slow")))
        second = await engine.start(flow(act("quick", timeout=50, retry_policy=ONCE)))
        await asyncio.sleep(0.1)
        gate.set()
        await first.result()
        await second.result()
    assert entered == [1]


async def test_a_run_that_takes_too_long_is_cancelled_undone_and_ends_timed_out(house):
    time, undone = Time(), []

    @activity
    async def quick() -> dict:
        return {}

    @activity
    async def hang() -> None:
        await asyncio.Event().wait()

    @activity
    async def undo(why: str) -> None:
        undone.append(why)

    compensate = act("undo", input_mapping={"why": "$.error.type"})
    strategy = seq(act("quick", compensate=compensate), act("hang"), act("quick", id="after"))
    async with house.engine(quick, hang, undo, **time.settings) as engine:
        run = await engine.start(flow(strategy, timeout="10s"))
        await until(engine, lambda: status(run, "hang") == "running")
        time.advance(10)
        with pytest.raises(RunEnded, match="too long") as caught:
            await run.result()
        assert caught.value.status == run.status == "timed_out"
        assert (status(run, "hang"), status(run, "after")) == ("cancelled", "cancelled")
    assert undone == ["Timeout"]
    assert events(run)[-1] == "RunTimedOut"


async def test_a_run_that_ends_in_time_hears_nothing_of_its_timeout(house):
    time, (work, _) = Time(), flaky(0)
    async with house.engine(work, **time.settings) as engine:
        run = await engine.start(flow(act("work"), timeout="10s"))
        await run.result()
        time.advance(100)
        await asyncio.sleep(0)
        assert events(run)[-1] == "RunSucceeded"
        assert "due" not in run.header


async def test_the_timeout_does_not_reach_a_compensation(house):
    time, gate = Time(), asyncio.Event()

    @activity
    async def quick() -> dict:
        return {}

    @activity
    async def fail() -> None:
        raise ValueError("no")

    @activity
    async def undo() -> None:
        await gate.wait()

    strategy = seq(act("quick", compensate=act("undo")), act("fail", retry_policy=ONCE))
    async with house.engine(quick, fail, undo, **time.settings) as engine:
        run = await engine.start(flow(strategy, timeout="10s"))
        await until(engine, lambda: status(run, "undo") == "running")
        time.advance(100)
        gate.set()
        await engine.ended(run.id)
        assert run.status == "failed"
        assert status(run, "quick") == "compensated"


async def test_rests_of_many_branches_end_each_at_its_time(house):
    time = Time()
    seen = []

    @activity
    async def work(ctx) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("later")
        seen.append(ctx.step)

    branches = (act("work", id=f"b{n}", retry_policy={"initial_interval": f"{n}s"}) for n in (3, 1, 2))
    async with house.engine(work, **time.settings) as engine:
        run = await engine.start(flow(par(*branches)))
        await until(engine, lambda: events(run).count("ActivityRetryScheduled") == 3)
        await asyncio.sleep(0)
        for n in (1, 2, 3):
            time.advance(1)
            await until(engine, lambda n=n: status(run, f"b{n}") == "succeeded")
        assert seen == ["b1", "b2", "b3"]
        await run.result()
