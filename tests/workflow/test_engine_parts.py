"""The engine's parts on their own: threads, alarm, stage, core."""

import asyncio
import threading
from concurrent.futures import Future
from queue import SimpleQueue

import pytest
from flows import Time, act, flow, par, seq
from simulation import Simulation, program_of

from itonami.rules import NotQuiescent
from itonami.workflow import activity
from itonami.workflow.engine import core, requests
from itonami.workflow.engine.threads import Threads
from itonami.workflow.engine.timers import LONGEST_SLEEP_S, Alarm

# -- threads ---------------------------------------------------------------------------------------------------


def test_threads_give_results_and_errors():
    threads = Threads()
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result(20)
    with pytest.raises(SystemExit):
        threads.submit(lambda: (_ for _ in ()).throw(SystemExit(3))).result(20)
    assert threads.submit(pow, 2, 5).result(20) == 32
    threads.shutdown()


def test_one_thread_serves_calls_that_come_one_after_the_other():
    threads = Threads()
    seen = set()
    for _ in range(20):
        seen.add(threads.submit(threading.get_ident).result(20))
    assert len(seen) == 1
    threads.shutdown()


def test_a_thread_that_hangs_keeps_no_other_waiting_and_ends_with_its_call():
    threads, gate = Threads(), threading.Event()
    stuck = [threads.submit(gate.wait, 20) for _ in range(40)]
    assert threads.submit(lambda: "through").result(20) == "through"
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(print)
    gate.set()
    assert all(future.result(20) for future in stuck)


def test_a_call_that_was_cancelled_in_time_is_not_made():
    made, call, jobs = [], Future(), SimpleQueue()
    assert call.cancel()
    jobs.put((call, lambda: made.append(1)))
    jobs.put(None)
    Threads()._work(jobs)
    assert made == []


# -- alarm -----------------------------------------------------------------------------------------------------


def test_an_alarm_rings_in_order_of_time_and_keeps_one_timer():
    time, rung = Time(), []
    alarm = Alarm(lambda: time.now, time.call_later, rung.append)
    start = time.now
    for second in (3, 1, 2, 2):
        alarm.set(start.replace(second=second), ("run", f"s{second}", 1))
    assert time.due_s == 1
    time.advance(1.5)
    assert [step for _, step, _ in rung] == ["s1"]
    time.advance(10)
    assert [step for _, step, _ in rung] == ["s1", "s2", "s2", "s3"]
    assert time.due_s is None


def test_an_alarm_looks_at_the_clock_again_when_a_moment_is_far_off():
    time, rung = Time(), []
    alarm = Alarm(lambda: time.now, time.call_later, rung.append)
    alarm.set(time.now.replace(month=2), ("run", "s", 1))
    assert time.due_s == LONGEST_SLEEP_S
    time.advance(40 * 86_400)
    assert len(rung) == 1


def test_a_stopped_alarm_is_silent():
    time, rung = Time(), []
    alarm = Alarm(lambda: time.now, time.call_later, rung.append)
    alarm.set(time.now.replace(second=1), ("run", "s", 1))
    alarm.stop()
    time.advance(10)
    assert rung == []


# -- core ------------------------------------------------------------------------------------------------------


def test_what_does_not_come_to_rest_changes_nothing_and_can_be_parked(monkeypatch):
    run = Simulation(program_of(flow(seq(act("a"), act("b")))))
    root, version = run.state.graph.root, run.state.version
    monkeypatch.setattr(core, "MAX_REWRITES", 0)
    monkeypatch.setattr(core, "REWRITES_PER_NODE", 0)
    with pytest.raises(NotQuiescent):
        run.do([requests.completed("a", 1, {})])
    assert (run.state.graph.root, run.state.version) == (root, version)
    run.do([requests.park({"type": "NotQuiescent", "message": "too many"})])
    assert run.status == "parked"
    monkeypatch.undo()
    run.do([requests.unpark()])
    assert run.run() == "succeeded"


async def test_a_run_that_does_not_come_to_rest_parks_and_resumes(house, monkeypatch):
    gate = asyncio.Event()

    @activity
    async def work() -> None:
        await gate.wait()

    async with house.engine(work) as engine:
        run = await engine.start(flow(seq(act("work"), par(act("work"), act("work")))))
        monkeypatch.setattr(core, "MAX_REWRITES", 1)
        monkeypatch.setattr(core, "REWRITES_PER_NODE", 0)
        gate.set()
        await engine.ended(run.id)
        assert run.status == "parked"
        assert run.header["parked"]["type"] == "NotQuiescent"
        with pytest.raises(NotQuiescent):
            await engine.start(flow(par(act("work"), act("work"))), id="never")
        assert "never" not in house.store
        monkeypatch.undo()
        await engine.resume(run.id)
        await run.result()


async def test_what_has_ended_is_let_go_of(house):
    @activity
    async def work() -> None: ...

    async with house.engine(work) as engine:
        run = await engine.start(flow(par(*(act("work") for _ in range(5)))))
        await run.result()
        assert engine._drivers == {}
        assert not engine._world.stage.busy
