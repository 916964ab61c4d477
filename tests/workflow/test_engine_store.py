"""The engine and its store: other writers, a full store, a store that is gone."""

import asyncio
import logging

import pytest
from flows import act, events, eventually, flow, par, saga, seq, status, until

from itonami.graphstore import Corrupt, Store, StoreFull
from itonami.graphstore.environment import Environment
from itonami.workflow import Engine, RunEnded, activity
from itonami.workflow.engine import inbox, rebuild


class Bench:
    def __init__(self) -> None:
        self.performed: list[str] = []
        self.gate = asyncio.Event()

        @activity
        async def work(ctx) -> dict:
            self.performed.append(ctx.step)
            return {"by": ctx.step}

        @activity
        async def hang(ctx) -> dict:
            self.performed.append(ctx.step)
            await self.gate.wait()
            return {"by": ctx.step}

        @activity
        async def large(ctx, size: int) -> dict:
            self.performed.append(ctx.step)
            return {"by": ctx.step, "load": {f"{ctx.step} {n}": n for n in range(size // 10)}}

        self.activities = (work, hang, large)


@pytest.fixture
async def bench():
    return Bench()


def remark(store: Store, run: str) -> None:
    """Somebody else commits to the run's graph: an event that changes nothing."""
    with store.transaction(run, event="Remarked", data={"by": "a person"}):
        pass


async def test_another_writer_makes_the_engine_read_again_and_go_on(house, bench):
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(seq(act("hang"), act("work"), act("work")), outputs=["by"]))
        await until(engine, lambda: status(run, "hang") == "running")
        remark(house.store, run.id)
        bench.gate.set()
        assert await run.result() == {"by": "work#2"}
        assert events(run).count("Remarked") == events(run).count("RunSucceeded") == 1
        assert "OutcomeIgnored" not in events(run)
    assert bench.performed == ["hang", "work", "work#2"], "what was performed is not performed again"


async def test_another_writer_between_queued_transitions_loses_none_of_them(bench):
    async with Engine.memory(bench.activities) as engine:
        run = await engine.start(flow(par(*(act("hang") for _ in range(20)), act("work", id="last"))))
        await until(engine, lambda: status(run, "last") == "succeeded")
        remark(engine.store, run.id)
        bench.gate.set()  # all of them end in one turn of the loop, queued one on top of the other
        await run.result()
        assert events(run).count("ActivityCompleted") == 21
        assert engine.rebuild(run.id).root == engine.store.head(run.id).root
    assert len(bench.performed) == 21


async def test_many_writers_beside_a_run_are_all_heard(house, bench):
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(seq(*(act("work") for _ in range(20)))))

        def others() -> None:
            for _ in range(10):
                house.store.transact(run.id, lambda graph: None, event="Remarked")

        await asyncio.gather(asyncio.to_thread(others), asyncio.to_thread(others), run.result())
        assert events(run).count("Remarked") == 20
    assert len(bench.performed) == 20


async def test_a_callers_request_survives_a_conflict(house, bench):
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(act("hang")))
        await until(engine, lambda: status(run, "hang") == "running")
        remark(house.store, run.id)
        await run.cancel()
        await engine.ended(run.id)
        assert run.status == "cancelled"
        assert events(run).count("RunCancelRequested") == 1


async def test_a_message_that_meets_a_conflict_counts_once(house, bench, monkeypatch):
    take, met = inbox.taken, []

    def taken(store, message):
        write = take(store, message)
        if not met:
            met.append(message)
            inbox.post(store, message.run, "cancel", {})  # another message comes in between
        return write

    monkeypatch.setattr(inbox, "taken", taken)
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(act("hang")))
        await until(engine, lambda: status(run, "hang") == "running")
        inbox.post(house.store, run.id, "cancel", {})
        await engine.ended(run.id)
        await eventually(lambda: not inbox.waiting(house.store))
        assert events(run).count("RunCancelRequested") == 1
        assert run.status == "cancelled"


async def test_a_change_that_no_rule_made_is_found_by_the_audit(house, bench):
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(seq(act("hang"), act("work"))))
        await until(engine, lambda: status(run, "hang") == "running")
        with house.store.transaction(run.id, event="Tampered") as graph:
            graph.update("work", note="changed by hand")
        bench.gate.set()
        await run.result()
        house.unexplained.add(run.id)
        with pytest.raises(Corrupt, match="delta"):
            rebuild(house.store, run.id)


async def test_a_full_store_is_told_to_whoever_waits_and_loses_nothing_acknowledged(tmp_path, bench):
    path = tmp_path / "state.itonami"
    strategy = seq(
        act("work", id="a"), *(act("large", id=f"l{n}", input_mapping={"size": 300_000}) for n in range(12))
    )
    room = {"map_bytes": 1 << 22, "max_map_bytes": 1 << 22}
    store = Store(Environment.open(path, create=True, **room))
    engine = Engine.open(store, bench.activities)
    async with engine:
        run = await engine.start(flow(strategy, outputs=["by"]), id="r")
        with pytest.raises(StoreFull):
            await run.result()
        with pytest.raises(StoreFull):
            for n in range(100):
                await engine.start(
                    flow(act("work"), inputs=["x"]), {"x": f"{n:04}" * 50_000}, id=f"other-{n}"
                )
        assert engine._drivers.keys() <= {f"other-{n}" for n in range(100)}
    store.close()
    acknowledged = [id for id, state in statuses_of(path, "r").items() if state == "succeeded"]
    assert "a" in acknowledged
    performed = list(bench.performed)
    bench.performed.clear()
    async with Engine.open(path, bench.activities) as engine:
        (run,) = [run for run in await engine.resume() if run.id == "r"]
        assert await run.result() == {"by": "l11"}
        assert engine.rebuild("r").root == engine.store.head("r").root
        assert engine.store.verify().ok
    again = {step for step in bench.performed if step.startswith("l")} & set(acknowledged)
    assert again == set()
    assert len(performed) > len(acknowledged) - 1


def statuses_of(path, run: str) -> dict[str, str]:
    with Store.open(path, create=False) as store:
        return {node.id: node["status"] for node in store.at(run).nodes("Step")}


async def test_a_store_that_is_closed_under_the_engine_is_told_to_whoever_waits(bench, caplog):
    caplog.set_level(logging.CRITICAL, "asyncio")
    store = Store.memory()
    async with Engine.open(store, bench.activities) as engine:
        run = await engine.start(flow(seq(act("hang"), act("work"))))
        await until(engine, lambda: status(run, "hang") == "running")
        waiting = asyncio.create_task(engine.ended(run.id))
        await asyncio.sleep(0)
        store.close()
        bench.gate.set()
        with pytest.raises(Exception, match="closed"):
            await asyncio.wait_for(waiting, 10)


async def test_an_outcome_whose_transition_no_transaction_holds_fails_its_step(house, bench):
    copies = (act("work", id=f"w{n}", input_mapping={"load": "$.steps.large.output.load"}) for n in range(6))
    strategy = seq(act("large", input_mapping={"size": 150_000}), par(*copies))
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(strategy))
        with pytest.raises(RunEnded, match="bytes") as caught:
            await run.result()
        assert caught.value.error["type"] == "InvalidValue"
        assert (run.status, status(run, "large")) == ("failed", "failed")


async def test_any_other_transition_that_no_transaction_holds_parks_the_run(house, bench):
    copies = (act("work", id=f"w{n}", input_mapping={"load": "$.steps.large.output.load"}) for n in range(6))
    strategy = saga(seq(act("large", input_mapping={"size": 150_000}), act("hang")), par(*copies))
    async with house.engine(*bench.activities) as engine:
        run = await engine.start(flow(strategy))
        await until(engine, lambda: status(run, "hang") == "running")
        await run.cancel()
        with pytest.raises(RunEnded, match="bytes") as caught:
            await run.result()
        assert caught.value.status == run.status == "parked"
        await engine.resume(run.id)
        await engine.ended(run.id)
        assert run.status == "parked"
        await run.terminate()
        assert run.status == "terminated"
