"""Cancel and terminate: what is stopped, what is awaited, what is undone, and what comes too late."""

import asyncio
import subprocess
import sys
import threading
import time as wall

import pytest
from flows import ONCE, Time, act, events, eventually, flow, par, saga, seq, status, statuses, step, until

from itonami.graphstore import InvalidValue, NotFound
from itonami.workflow import RunEnded, activity
from itonami.workflow.engine import inbox

DAY = {"initial_interval": "24h"}


class Work:
    """Activities whose ends the test decides."""

    def __init__(self) -> None:
        self.gate, self.thread_gate = asyncio.Event(), threading.Event()
        self.undone: list[str] = []
        self.cancelled: list[str] = []

        @activity
        async def quick() -> dict:
            return {"quick": True}

        @activity
        async def hang(ctx) -> dict:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.append(ctx.step)
                raise
            return {"hang": True}

        @activity
        def block(ctx) -> dict:
            self.thread_gate.wait(20)
            if ctx.cancelled:
                self.cancelled.append(ctx.step)
            return {"block": True}

        @activity
        async def fail() -> None:
            raise ConnectionError("no")

        @activity
        async def undo(ctx) -> None:
            self.undone.append(ctx.step)

        self.activities = (quick, hang, block, fail, undo)


@pytest.fixture
async def work():
    return Work()


UNDO = act("undo")


async def test_cancel_stops_what_runs_undoes_what_was_done_and_starts_nothing(house, work):
    strategy = seq(act("quick", compensate=UNDO), act("hang"), act("quick", id="after"))
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(strategy))
        await until(engine, lambda: status(run, "hang") == "running")
        await run.cancel()
        with pytest.raises(RunEnded, match="cancelled by request") as caught:
            await run.result()
        assert caught.value.status == run.status == "cancelled"
        assert statuses(run) == {
            "seq": "cancelled",
            "quick": "compensated",
            "undo": "succeeded",
            "hang": "cancelled",
            "after": "cancelled",
        }
    assert (work.cancelled, work.undone) == (["hang"], ["undo"])
    assert events(run)[-1] == "RunCancelled"


async def test_a_rest_between_attempts_ends_with_a_cancel(house, work):
    async with house.engine(*work.activities, **Time().settings) as engine:
        run = await engine.start(flow(act("fail", retry_policy=DAY)))
        await until(engine, lambda: status(run, "fail") == "waiting")
        await run.cancel()
        await engine.ended(run.id)
        assert (run.status, status(run, "fail")) == ("cancelled", "cancelled")


async def test_an_activity_that_still_waits_for_a_place_never_begins(house, work):
    async with house.engine(*work.activities, concurrency=1) as engine:
        run = await engine.start(flow(par(act("hang", id="one"), act("hang", id="two"))))
        await until(engine, lambda: status(run, "two") == "running")
        await run.cancel()
        await engine.ended(run.id)
        assert set(statuses(run).values()) == {"cancelled"}
    assert work.cancelled == ["one"]


async def test_a_cancel_before_the_first_line_of_an_activity_stops_it_there(house, work):
    async with house.engine(*work.activities) as engine:
        starting = asyncio.create_task(engine.start(flow(act("hang")), id="r"))
        await until(engine, lambda: "r" in house.store)
        await engine.cancel("r")  # its task was made in the callback that came just before
        await starting
        await engine.ended("r")
        assert engine.run("r").status == "cancelled"


async def test_a_function_is_asked_and_awaited_and_what_it_did_is_undone(house, work):
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(seq(act("block", compensate=UNDO), act("quick"))))
        await until(engine, lambda: status(run, "block") == "running")
        await run.cancel()
        assert run.status == "running"
        work.thread_gate.set()
        await engine.ended(run.id)
        assert run.status == "cancelled"
        assert (status(run, "block"), status(run, "quick")) == ("compensated", "cancelled")
    assert (work.cancelled, work.undone) == (["block"], ["undo"])


async def test_a_function_that_never_looks_is_abandoned_at_the_deadline(house, work):
    time = Time()
    async with house.engine(*work.activities, **time.settings) as engine:
        run = await engine.start(flow(seq(act("quick", compensate=UNDO), act("block"))))
        await until(engine, lambda: status(run, "block") == "running")
        await run.cancel("10s")
        time.advance(9)
        assert run.status == "running"
        time.advance(1)
        await engine.ended(run.id)
        assert (run.status, status(run, "block")) == ("cancelled", "cancelled")
        ended = run.at().root
        work.thread_gate.set()
        await until(engine, lambda: events(run)[-1] == "OutcomeIgnored")
        assert run.at().root == ended
    assert work.undone == ["undo"]


async def test_a_coroutine_that_refuses_to_stop_is_abandoned_and_does_not_outlive_the_engine(house):
    time, refusals = Time(), []

    @activity
    async def stubborn() -> None:
        while len(refusals) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                refusals.append(1)

    async with house.engine(stubborn, **time.settings) as engine:
        run = await engine.start(flow(act("stubborn")))
        await until(engine, lambda: status(run, "stubborn") == "running")
        await asyncio.sleep(0)
        await run.cancel("1s")
        await asyncio.sleep(0)
        time.advance(1)
        await engine.ended(run.id)
        assert run.status == "cancelled"
    assert len(refusals) == 2


async def test_an_activity_that_ends_well_in_spite_of_the_signal_has_succeeded(house):
    @activity
    async def tidy() -> dict:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"tidied": True}

    async with house.engine(tidy) as engine:
        run = await engine.start(flow(act("tidy"), outputs=["tidied"]))
        await until(engine, lambda: status(run, "tidy") == "running")
        await asyncio.sleep(0)
        await run.cancel()
        assert await run.result() == {"tidied": True}


async def test_a_failure_cancels_the_other_branches_and_a_quorum_the_rest(house, work):
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(par(act("fail", retry_policy=ONCE), act("hang"))))
        with pytest.raises(RunEnded, match="no"):
            await run.result()
        assert (run.status, status(run, "hang")) == ("failed", "cancelled")
        run = await engine.start(flow(par(act("quick"), act("hang"), need="any"), outputs=["quick"]))
        assert await run.result() == {"quick": True}
        assert status(run, "hang") == "cancelled"


async def test_a_cancel_during_compensation_is_ignored(house, work):
    strategy = seq(act("quick", compensate=act("hang")), act("fail", retry_policy=ONCE))
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(strategy))
        await until(engine, lambda: status(run, "hang") == "running")
        await run.cancel()
        assert events(run)[-1] == "OutcomeIgnored"
        work.gate.set()
        await engine.ended(run.id)
        assert (run.status, status(run, "quick")) == ("failed", "compensated")
    assert work.cancelled == []


async def test_a_second_cancel_does_not_interrupt_the_cleaning_up_of_the_first(house):
    begun, gate, cleaned = asyncio.Event(), asyncio.Event(), []

    @activity
    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            begun.set()
            await gate.wait()
            cleaned.append(1)

    async with house.engine(careful) as engine:
        run = await engine.start(flow(act("careful")))
        await until(engine, lambda: status(run, "careful") == "running")
        await asyncio.sleep(0)
        await run.cancel()
        await begun.wait()
        await run.cancel()
        gate.set()
        await engine.ended(run.id)
    assert cleaned == [1]


async def test_cancel_and_terminate_of_a_run_that_has_ended_do_nothing(house, work):
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(act("quick")))
        await run.result()
        versions = len(list(run.history()))
        await run.cancel()
        await run.terminate()
        inbox.post(house.store, run.id, "cancel", {})
        assert len(list(run.history())) == versions
        assert run.status == "succeeded"
        with pytest.raises(NotFound):
            await engine.cancel("nobody")


async def test_terminate_ends_at_once_and_undoes_nothing(house, work):
    strategy = saga(
        seq(act("quick", compensate=UNDO), par(act("hang"), act("block"))), act("undo", id="tidy")
    )
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(strategy))
        await until(engine, lambda: status(run, "block") == "running")
        await run.terminate("enough")
        with pytest.raises(RunEnded, match="enough"):
            await run.result()
        assert run.status == "terminated"
        assert statuses(run) == {
            "saga": "terminated",
            "seq": "terminated",
            "quick": "succeeded",
            "parallel": "terminated",
            "hang": "terminated",
            "block": "terminated",
            "undo": "pending",
            "tidy": "pending",
        }
        ended = run.at().root
        work.thread_gate.set()
        await until(engine, lambda: events(run)[-1] == "OutcomeIgnored")
        assert run.at().root == ended, "an outcome that comes after the end is recorded, and changes nothing"
        assert engine._drivers == {}
    assert work.undone == []


async def test_terminate_works_during_compensation_and_of_what_waits_for_a_place(house, work):
    strategy = seq(act("quick", compensate=act("hang")), act("fail", retry_policy=ONCE))
    async with house.engine(*work.activities, concurrency=1) as engine:
        run = await engine.start(flow(strategy))
        await until(engine, lambda: status(run, "hang") == "running")
        other = await engine.start(flow(act("hang")))
        await other.terminate()
        await run.terminate()
        assert (run.status, other.status) == ("terminated", "terminated")
        assert status(run, "hang") == "terminated"
        third = await engine.start(flow(act("quick")))
        await third.result()


# -- messages of others ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "ends"), [("cancel", "cancelled"), ("terminate", "terminated")])
async def test_a_message_of_another_thread_is_seen_within_a_tenth_of_a_second(house, work, kind, ends):
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(act("hang")))
        await until(engine, lambda: status(run, "hang") == "running")
        delays = []
        sent = wall.perf_counter()
        engine.observers.append(lambda version: delays.append(wall.perf_counter() - sent))
        await asyncio.to_thread(inbox.post, house.store, run.id, kind, {"reason": "because"})
        with pytest.raises(RunEnded, match="because"):
            await run.result()
        assert run.status == ends
        assert inbox.waiting(house.store) == []
    assert delays[0] < 1, "it is a poll of 50 ms; the rest is this machine"


POST = """
import sys
from itonami.graphstore import Store
from itonami.workflow.engine import inbox
with Store.open(sys.argv[1], create=False) as store:
    inbox.post(store, sys.argv[2], "cancel", {"deadline_ms": 60000})
"""


async def test_a_message_of_another_process_is_seen_and_counts_once(durable_house, work):
    async with durable_house.engine(*work.activities) as engine:
        run = await engine.start(flow(act("hang")))
        posting = await asyncio.create_subprocess_exec(
            sys.executable, "-c", POST, str(durable_house.store.path), run.id, stderr=subprocess.PIPE
        )
        _, said = await posting.communicate()
        assert posting.returncode == 0, said.decode()
        await engine.ended(run.id)
        assert run.status == "cancelled"
        assert events(run).count("RunCancelRequested") == 1
        assert "OutcomeIgnored" not in events(run)


async def test_messages_of_many_threads_at_once_lose_nothing(house, work):
    async with house.engine(*work.activities) as engine:
        runs = [await engine.start(flow(act("hang"))) for _ in range(10)]
        await asyncio.gather(
            *(
                asyncio.to_thread(inbox.post, house.store, run.id, "cancel", {})
                for run in runs
                for _ in range(3)
            )
        )
        await asyncio.gather(*(engine.ended(run.id) for run in runs))
        assert {run.status for run in runs} == {"cancelled"}
        await eventually(lambda: not inbox.waiting(house.store))
        assert all(events(run).count("RunCancelRequested") == 1 for run in runs)


async def test_a_message_waits_for_the_engine_and_a_cancelled_run_begins_nothing_more(house, work):
    async with house.engine(*work.activities) as engine:
        run = await engine.start(
            flow(seq(act("quick", compensate=UNDO), act("hang"), act("quick", id="after")))
        )
        await until(engine, lambda: status(run, "hang") == "running")
    inbox.post(house.store, run.id, "cancel", {})
    assert house.store.at(run.id).header["status"] == "running"
    work.gate.set()
    async with house.engine(*work.activities) as engine:
        (run,) = await engine.resume()
        await engine.ended(run.id)
        assert run.status == "cancelled"
        assert "output" not in step(run, "hang")
    assert work.undone == ["undo"]


async def test_a_run_that_nobody_drives_can_be_told_to_end(house, work):
    async with house.engine(*work.activities) as engine:
        runs = [await engine.start(flow(act("hang"))) for _ in range(3)]
    async with house.engine() as engine:
        first, second, third = (engine.run(run.id) for run in runs)
        await first.terminate()
        assert first.status == "terminated"
        inbox.post(house.store, second.id, "terminate", {})
        await until(engine, lambda: second.status == "terminated")
        await third.cancel()
        assert third.status == "running"
    async with house.engine(*work.activities) as engine:
        await engine.resume()
        await engine.ended(third.id)
        assert engine.run(third.id).status == "cancelled"
        assert inbox.waiting(house.store) == []


async def test_a_message_of_an_unknown_kind_is_refused_or_left_and_harms_nobody(house, work, caplog):
    async with house.engine(*work.activities) as engine:
        run = await engine.start(flow(act("hang")))
        with pytest.raises(InvalidValue, match="applaud"):
            inbox.post(house.store, run.id, "applaud", {})
        with house.store.transaction(f"inbox/{run.id}", event="MessageSent") as box:
            odd = box.add_node("Message", kind="applaud", body={}, sent=Time().now)
        await eventually(lambda: bool(caplog.records))
        assert "applaud" in caplog.text
        inbox.post(house.store, run.id, "cancel", {})
        await engine.ended(run.id)
        assert [message.id for message in inbox.waiting(house.store)] in ([odd], [])
