"""Runs from start to result: inputs, outputs, names, refusals, what callers and onlookers are told."""

import asyncio
import json
import threading

import pytest
from flows import ONCE, act, dec, events, eventually, flow, par, saga, seq, status, statuses, step, until

from itonami.graphstore import InvalidValue, NotFound, StoreBusy
from itonami.workflow import DefinitionError, Engine, EngineClosed, InputError, RunEnded, RunExists, activity
from itonami.workflow.activities import UnknownActivity
from itonami.workflow.engine import NotDriven, catalog
from itonami.workflow.engine.effects import ENDED


@activity
async def double(n: int) -> dict:
    return {"n": 2 * n}


@activity
def greet(name: str = "you") -> dict:
    return {"greeting": f"hello {name}"}


@activity
async def fail(message: str = "no") -> None:
    raise ValueError(message)


async def test_a_run_takes_typed_inputs_with_defaults_and_gives_typed_outputs(house):
    definition = flow(
        seq(
            act("double", id="first", input_mapping={"n": "$.inputs.n"}),
            act("double", id="second", input_mapping={"n": "$.steps.first.output.n"}),
            act("greet", input_mapping={"name": "$.inputs.name"}),
        ),
        inputs=[
            {"name": "n", "type": "integer", "required": True},
            {"name": "name", "type": "string", "default": "world"},
        ],
        outputs=[
            {"name": "n", "type": "integer"},
            {"name": "first", "type": "integer", "from": "$.steps.first.output.n"},
            {"name": "greeting", "type": "string"},
            {"name": "nothing"},
        ],
    )
    async with house.engine(double, greet) as engine:
        run = await engine.start(definition, {"n": 3}, attributes={"team": "a"})
        assert await run.result() == {"n": 12, "first": 6, "greeting": "hello world", "nothing": None}
        assert run.status == "succeeded"
        assert run.header["inputs"] == {"n": 3, "name": "world"}
        assert run.header["attributes"] == {"team": "a"}
        assert step(run, "second")["input"] == {"n": 6}


async def test_an_output_without_a_source_is_the_latest_with_its_name(house):
    gates = {name: asyncio.Event() for name in "ab"}

    @activity
    async def say(ctx) -> dict:
        await gates[ctx.step].wait()
        return {"who": ctx.step}

    async with house.engine(say) as engine:
        run = await engine.start(flow(par(act("say", id="a"), act("say", id="b")), outputs=["who"]))
        gates["b"].set()
        await until(engine, lambda: status(run, "b") == "succeeded")
        gates["a"].set()
        assert await run.result() == {"who": "a"}


async def test_a_result_of_the_wrong_type_fails_the_run_and_says_which(house):
    definition = flow(act("greet"), outputs=[{"name": "greeting", "type": "integer"}])
    async with house.engine(greet) as engine:
        run = await engine.start(definition)
        with pytest.raises(RunEnded, match="greeting") as caught:
            await run.result()
        assert caught.value.status == "failed"
        assert caught.value.error["type"] == "MappingError"
        assert statuses(run) == {"greet": "succeeded"}


async def test_an_output_whose_path_finds_nothing_fails_the_run(house):
    definition = flow(act("greet"), outputs=[{"name": "x", "from": "$.steps.greet.output.absent"}])
    async with house.engine(greet) as engine:
        run = await engine.start(definition)
        with pytest.raises(RunEnded, match="finds nothing"):
            await run.result()


async def test_a_mapping_that_finds_nothing_fails_its_step_and_calls_nobody(house):
    called = []

    @activity
    async def never(x: int) -> None:
        called.append(x)

    async with house.engine(greet, never) as engine:
        strategy = seq(act("greet"), act("never", input_mapping={"x": "$.steps.greet.output.absent"}))
        run = await engine.start(flow(strategy))
        with pytest.raises(RunEnded, match="finds nothing"):
            await run.result()
        assert called == []
        assert step(run, "never")["error"]["type"] == "MappingError"


async def test_a_guard_chooses_by_what_a_step_said_and_one_that_errs_fails_its_step(house):
    strategy = seq(
        act("double", input_mapping={"n": "$.inputs.n"}),
        dec(("steps.double.output.n > 10", act("greet", id="large")), default=act("greet", id="small")),
    )
    async with house.engine(double, greet) as engine:
        run = await engine.start(flow(strategy, inputs=["n"]), {"n": 6})
        await run.result()
        assert (status(run, "large"), status(run, "small")) == ("succeeded", "skipped")
        run = await engine.start(flow(dec(("inputs.n.deep", act("greet"))), inputs=["n"]), {"n": 6})
        with pytest.raises(RunEnded):
            await run.result()
        assert step(run, "decision")["error"]["type"] == "GuardError"


async def test_a_failed_run_says_how_and_why(house):
    async with house.engine(fail) as engine:
        run = await engine.start(flow(seq(act("fail", retry_policy=ONCE)), id="doomed"))
        with pytest.raises(RunEnded, match="the run ended failed: no") as caught:
            await run.result()
        assert caught.value.run == run.id
        assert caught.value.error["type"] == "ValueError"
        assert events(run)[-1] == "RunFailed"
        assert repr(run) == f"<Run {run.id}: failed>"
        assert [version.graph for version in engine.runs(workflow="doomed", status="failed")] == [run.id]
        assert engine.runs(status="running") == []


async def test_what_an_activity_cannot_keep_fails_its_step_without_retry(house):
    @activity
    async def odd() -> object:
        return {"x": object()}

    async with house.engine(odd) as engine:
        run = await engine.start(flow(act("odd")))
        with pytest.raises(RunEnded):
            await run.result()
        assert step(run, "odd")["attempt"] == 1
        assert step(run, "odd")["error"]["type"] == "InvalidOutput"


async def test_an_output_too_large_for_a_transaction_fails_its_step(house):
    @activity
    async def large() -> dict:
        return {"x": "y" * 2_000_000}

    async with house.engine(large, greet) as engine:
        run = await engine.start(flow(seq(act("large", compensate=act("greet")), act("greet", id="after"))))
        with pytest.raises(RunEnded, match="bytes"):
            await run.result()
        assert statuses(run) | {"greet": ""} == {
            "seq": "failed",
            "large": "failed",
            "after": "skipped",
            "greet": "",
        }
        with pytest.raises(InvalidValue, match="bytes"):
            await engine.start(flow(act("greet"), inputs=["x"]), {"x": "y" * 2_000_000}, id="too-large")
        assert "too-large" not in engine.store


async def test_names_of_workflows_files_and_objects_start_the_same_program(house, tmp_path):
    definition = flow(act("greet"), id="hello.v1", outputs=["greeting"])
    file = tmp_path / "hello.json"
    file.write_text(json.dumps(definition))
    async with house.engine(greet) as engine:
        with pytest.raises(NotFound, match=r"hello\.v1"):
            await engine.start("hello.v1")
        for source in (definition, file, str(file), "hello.v1"):
            run = await engine.start(source)
            assert await run.result() == {"greeting": "hello you"}
        assert len(list(engine.store.graphs(kind="definition"))) == 1


async def test_a_name_means_its_newest_definition_or_the_version_asked_for(house):
    async with house.engine(greet) as engine:
        for number in ("1", "2"):
            mapping = {"name": f"v{number}"}
            definition = flow(
                act("greet", input_mapping=mapping), id="hello", outputs=["greeting"], version=number
            )
            await (await engine.start(definition)).result()
        assert await (await engine.start("hello")).result() == {"greeting": "hello v2"}
        assert await (await engine.start("hello", version="1")).result() == {"greeting": "hello v1"}
        with pytest.raises(NotFound, match="version '3'"):
            await engine.start("hello", version="3")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"definition": flow(act("gret"))}, UnknownActivity, "did you mean 'greet'"),
        ({"definition": flow(act("greet")), "inputs": {"x": 1}}, InputError, "unknown input 'x'"),
        ({"definition": flow(act("greet"), inputs=[{"name": "n", "required": True}])}, InputError, "missing"),
        ({"definition": {"workflow": {"id": "w", "strategy": {"op": "sec"}}}}, DefinitionError, "'seq'"),
        ({"definition": flow(act("greet")), "id": "rules/x"}, InvalidValue, "run id"),
        ({"definition": flow(act("greet")), "id": "x" * 300}, InvalidValue, "run id"),
    ],
    ids=["activity", "unknown input", "missing input", "operator", "reserved id", "long id"],
)
async def test_bad_input_is_refused_and_nothing_written(house, arguments, error, words):
    async with house.engine(greet) as engine:
        before = house.store.last_tx
        with pytest.raises(error, match=words):
            await engine.start(**arguments)
        assert house.store.last_tx == before


async def test_an_id_is_given_once(house):
    async with house.engine(greet) as engine:
        await (await engine.start(flow(act("greet")), id="one")).result()
        with pytest.raises(RunExists, match="one"):
            await engine.start(flow(act("greet")), id="one")
        with house.store.transaction("mine", event="made") as graph:
            graph.add_node("Thing")
        with pytest.raises(RunExists):
            await engine.start(flow(act("greet")), id="mine")
        starts = [engine.start(flow(act("greet")), id="two") for _ in range(5)]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        assert sum(isinstance(one, RunExists) for one in outcomes) == 4
        assert await engine.run("two").result() == {}
        assert events(engine.run("two")).count("RunStarted") == 1


async def test_many_first_starts_of_one_definition_share_it(house):
    async with house.engine(greet) as engine:
        runs = await asyncio.gather(
            *(engine.start(flow(act("greet"), outputs=["greeting"])) for _ in range(50))
        )
        results = await asyncio.gather(*(run.result() for run in runs))
        assert results == [{"greeting": "hello you"}] * 50
        assert len(list(engine.store.graphs(kind="definition"))) == 1


async def test_functions_run_in_threads_and_coroutines_in_the_loop(house):
    seen = {}

    @activity
    def blocking() -> None:
        seen["blocking"] = threading.current_thread()

    @activity
    async def light() -> None:
        seen["light"] = threading.current_thread()

    async with house.engine(blocking, light) as engine:
        await (await engine.start(flow(par(act("blocking"), act("light"))))).result()
    assert seen["light"] is threading.current_thread()
    assert seen["blocking"] is not threading.current_thread()
    assert seen["blocking"].daemon, "a function that hangs does not keep the process from ending"


async def test_the_context_names_run_step_attempt_and_key(house):
    seen = []

    @activity
    async def look(ctx) -> None:
        seen.append((ctx.run, ctx.step, ctx.attempt, ctx.key))

    async with house.engine(look) as engine:
        run = await engine.start(flow(seq(act("look"), act("look"))), id="r")
        await run.result()
    assert seen == [("r", "look", 1, "r/look/1"), ("r", "look#2", 1, "r/look#2/1")]


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_no_more_activities_run_at_once_than_there_are_places(house, kind):
    running, most, lock = 0, 0, threading.Lock()

    def enter() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)

    def leave() -> None:
        nonlocal running
        with lock:
            running -= 1

    @activity(name="work")
    async def in_loop() -> None:
        enter()
        await asyncio.sleep(0)
        leave()

    @activity(name="work")
    def in_thread() -> None:
        enter()
        leave()

    async with house.engine(in_loop if kind == "async" else in_thread, concurrency=3) as engine:
        run = await engine.start(flow(par(*(act("work") for _ in range(30)))))
        await run.result()
    assert 1 <= most <= 3


async def test_a_thousand_branches_run(house):
    @activity
    async def one() -> dict:
        return {"x": 1}

    async with house.engine(one) as engine:
        run = await engine.start(flow(par(*(act("one") for _ in range(1_000))), outputs=["x"]))
        assert await run.result() == {"x": 1}
        assert set(statuses(run).values()) == {"succeeded"}


async def test_a_definition_nested_fifty_deep_runs(house):
    strategy = act("greet")
    for level in range(49):
        strategy = [seq, par, saga][level % 3](strategy)
    async with house.engine(greet) as engine:
        run = await engine.start(flow(strategy, outputs=["greeting"]))
        assert await run.result() == {"greeting": "hello you"}


async def test_a_definition_larger_than_a_transaction_is_registered_in_parts(house, monkeypatch):
    monkeypatch.setattr(catalog, "PART_BYTES", 2_000)
    definition = flow(seq(*(act("greet") for _ in range(100))), id="long", outputs=["greeting"])
    async with house.engine(greet) as engine:
        runs = await asyncio.gather(*(engine.start(definition) for _ in range(3)))
        assert await runs[0].result() == {"greeting": "hello you"}
        (registered,) = engine.store.graphs(kind="definition")
        assert registered.version > 5
        assert "kind" not in engine.store.at(registered.graph, "HEAD~1").header, "in parts it is not found"
        assert await (await engine.start("long")).result() == {"greeting": "hello you"}


async def test_ids_as_long_as_they_may_be_are_no_trouble(house):
    long = "\N{OCTOPUS}" * 256
    async with house.engine(greet) as engine:
        run = await engine.start(flow(seq(act("greet", id=long)), id=long), id="\N{OCTOPUS}" * 50)
        await run.result()
        assert statuses(run)[long] == "succeeded"
        assert len(engine.runs(workflow=long)) == 1
        await (await engine.start(long)).result()


async def test_onlookers_hear_of_every_version_once_it_is_durable_and_cannot_harm_it(house, caplog):
    heard = []

    def look(version) -> None:
        assert house.store.head(version.graph).version >= version.version
        heard.append(version.version)
        raise RuntimeError("an onlooker's bug")

    async with house.engine(greet) as engine:
        engine.observers.append(look)
        run = await engine.start(flow(seq(act("greet"), act("greet"))))
        await run.result()
    assert heard == [1, 2, 3]
    assert "an observer failed" in caplog.text


async def test_one_engine_a_store(tmp_path):
    path = tmp_path / "state.itonami"
    async with Engine.open(path, [greet]) as first:
        with pytest.raises(StoreBusy, match="process"):
            async with Engine.open(first.store):
                pass
        assert await (await first.start(flow(act("greet")))).result() == {}
    async with Engine.open(path, [greet]) as second:
        assert len(second.runs()) == 1


async def test_a_store_that_is_busy_is_not_left_open(tmp_path):
    path = tmp_path / "state.itonami"
    async with Engine.open(path):
        pass
    lock = (path / "engine.lock").open("r+")
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX)
    refused = Engine.open(path)
    with pytest.raises(StoreBusy):
        await refused.__aenter__()
    lock.close()
    async with Engine.open(path, [greet]) as engine:
        assert await (await engine.start(flow(act("greet")))).result() == {}


async def test_a_closed_engine_says_so(house):
    engine = house.engine(greet)
    with pytest.raises(EngineClosed):
        await engine.start(flow(act("greet")))
    async with engine:
        with pytest.raises(NotFound):
            engine.run("nobody")
    with pytest.raises(EngineClosed):
        await engine.start(flow(act("greet")))
    with pytest.raises(EngineClosed):
        await engine.resume()
    await engine.aclose()


async def test_who_waits_when_the_engine_closes_is_told(house):
    gate = asyncio.Event()

    @activity
    async def wait() -> None:
        await gate.wait()

    async with house.engine(wait) as engine:
        run = await engine.start(flow(act("wait")))
        waiting = asyncio.create_task(run.result())
        await asyncio.sleep(0)
    with pytest.raises(EngineClosed):
        await waiting
    async with house.engine(wait) as engine:
        with pytest.raises(NotDriven, match="resume"):
            await engine.run(run.id).result()
        await engine.terminate(run.id)
        assert engine.run(run.id).status in ENDED


async def test_a_caller_who_gives_up_waiting_does_no_harm(house):
    gate = asyncio.Event()

    @activity
    async def wait() -> dict:
        await gate.wait()
        return {"x": 1}

    async with house.engine(wait) as engine:
        impatient = asyncio.create_task(engine.start(flow(act("wait"), outputs=["x"]), id="r"))
        await eventually(lambda: "r" in engine._drivers)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        waiting = asyncio.create_task(engine.ended("r"))
        await asyncio.sleep(0)
        waiting.cancel()
        gate.set()
        await engine.ended("r")
        assert await engine.run("r").result() == {"x": 1}
