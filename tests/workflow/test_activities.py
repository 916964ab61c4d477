"""One attempt of a function: what it is given, how it ends, and what of its end is kept."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import math
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError as ForeignCancel
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from itonami.graphstore.errors import InvalidValue, ItonamiError
from itonami.workflow.activities import (
    Activity,
    ActivityContext,
    ActivityError,
    activity,
    describe,
    perform,
)
from itonami.workflow.activities.activity import declared_activity
from itonami.workflow.activities.errors import MAX_DETAILS, MAX_MESSAGE
from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.retry import RetryPolicy


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def ctx() -> ActivityContext:
    return ActivityContext("run-1", "charge", attempt=2)


def of(item: object) -> Activity:
    found = declared_activity(item)
    assert found is not None
    return found


def test_a_decorated_function_stays_an_ordinary_one() -> None:
    @activity
    def double(n: int) -> int:
        return 2 * n

    assert double(4) == 8
    assert of(double).name == "double"
    assert of(double).call is double


def test_name_timeout_and_retry_are_read_as_in_a_definition() -> None:
    @activity(name="pay", timeout="PT2S", retry={"maximum_attempts": 5, "initial_interval": "10ms"})
    async def charge() -> None: ...

    declared = of(charge)
    assert (declared.name, declared.timeout_ms, declared.kind) == ("pay", 2000, "function")
    assert declared.retry == RetryPolicy(initial_interval_ms=10, maximum_attempts=5)


def test_what_cannot_be_an_activity_is_refused_when_it_is_declared() -> None:
    with pytest.raises(InvalidValue, match=r"write @activity\(name"):
        activity("pay")  # type: ignore[call-overload]
    with pytest.raises(InvalidValue, match="<lambda>"):
        activity(lambda: None)
    with pytest.raises(DefinitionError, match="soon"):
        activity(timeout="soon")(test_a_decorated_function_stays_an_ordinary_one)
    with pytest.raises(InvalidValue, match="longer than zero"):
        activity(timeout=0)(test_a_decorated_function_stays_an_ordinary_one)

    def positional(amount: int, /) -> None: ...

    with pytest.raises(InvalidValue, match="'amount' is positional only"):
        activity(positional)


async def test_a_bound_method_is_called_with_its_object_and_a_wrapper_is_the_one_called(
    ctx: ActivityContext,
) -> None:
    class Till:
        rate = 3

        @activity
        def charge(self, amount: int) -> int:
            return self.rate * amount

    assert await perform(of(Till().charge), {"amount": 2}, ctx) == 6

    @activity
    async def pay(amount: int) -> int:
        return amount

    @functools.wraps(pay)
    async def taxed(amount: int) -> int:
        return await pay(amount) + 1

    assert await perform(of(taxed), {"amount": 2}, ctx) == 3


async def test_mapped_inputs_arrive_as_keywords_and_ctx_only_if_named(
    ctx: ActivityContext, executor: ThreadPoolExecutor
) -> None:
    @activity
    def charge(amount: int, ctx: ActivityContext, currency: str = "EUR") -> list[Any]:
        return [amount, currency, ctx.run, ctx.step, ctx.attempt, ctx.key]

    output = await perform(of(charge), {"amount": 7}, ctx, executor=executor)
    assert output == [7, "EUR", "run-1", "charge", 2, "run-1/charge"]


async def test_a_wrong_mapping_is_told_before_the_call_and_is_not_retried(ctx: ActivityContext) -> None:
    called = False

    @activity
    async def charge(amount: int, currency: str) -> None:
        nonlocal called
        called = True

    with pytest.raises(ActivityError) as raised:
        await perform(of(charge), {"amout": 7, "currency": "EUR"}, ctx)
    assert str(raised.value) == (
        "activity 'charge': it lacks 'amount' and it does not take 'amout'; "
        "map what it takes: 'amount', 'currency'"
    )
    assert (raised.value.type, raised.value.retryable) == ("InvalidInput", False)
    assert raised.value.details == {"missing": ["amount"], "unexpected": ["amout"]}
    assert not called


async def test_a_type_error_inside_the_body_is_not_taken_for_a_wrong_mapping(ctx: ActivityContext) -> None:
    @activity
    async def charge(amount: int) -> int:
        return amount + "x"  # type: ignore[operator]

    with pytest.raises(TypeError) as raised:
        await perform(of(charge), {"amount": 1}, ctx)
    assert describe(raised.value)["retryable"] is True


async def test_lenient_drops_what_the_function_does_not_name_but_not_what_it_needs(
    ctx: ActivityContext,
) -> None:
    @activity
    async def greet(name: str) -> str:
        return name

    @activity
    async def everything(**inputs: Any) -> Any:
        return inputs

    whole = {"name": "Ada", "amount": 7, "order-id": "o1"}
    assert await perform(of(greet), whole, ctx, lenient=True) == "Ada"
    assert await perform(of(everything), whole, ctx, lenient=True) == whole
    assert await perform(of(everything), whole, ctx) == whole
    with pytest.raises(ActivityError, match="lacks 'name'"):
        await perform(of(greet), {"amount": 7}, ctx, lenient=True)


async def test_an_input_called_ctx_never_takes_the_place_of_the_context(ctx: ActivityContext) -> None:
    @activity
    async def peek(ctx: ActivityContext, **rest: Any) -> str:
        return type(ctx).__name__

    with pytest.raises(ActivityError, match="does not take 'ctx'"):
        await perform(of(peek), {"ctx": 1}, ctx)
    assert await perform(of(peek), {"ctx": 1}, ctx, lenient=True) == "ActivityContext"


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ({"a": [1, {2, 3}]}, "$.a[1]"),
        ({"a b": object()}, "$['a b']"),
        ({"a": {1: 2}}, "$.a"),
        ([math.nan], "$[0]"),
        (datetime(2026, 1, 2), "$"),
        ("\ud800", "$"),
        (Decimal(1), "$"),
    ],
)
async def test_an_output_that_cannot_be_kept_fails_the_step_for_good_and_names_the_path(
    output: object, path: str, ctx: ActivityContext
) -> None:
    @activity
    async def make() -> object:
        return output

    with pytest.raises(ActivityError) as raised:
        await perform(of(make), {}, ctx)
    error = raised.value
    assert (error.type, error.retryable, error.details) == ("InvalidOutput", False, {"path": path})
    assert f"at {path}, " in str(error)


async def test_coroutines_run_in_the_loop_and_blocking_functions_beside_it_in_the_callers_context(
    ctx: ActivityContext, executor: ThreadPoolExecutor
) -> None:
    tenant = contextvars.ContextVar("tenant", default="none")
    tenant.set("acme")
    main = threading.get_ident()

    def blocking() -> list[Any]:
        return [threading.get_ident() == main, tenant.get()]

    async def coroutine() -> list[Any]:
        return [threading.get_ident() == main, tenant.get()]

    def hidden() -> Any:
        return coroutine()

    assert await perform(Activity("a", blocking), {}, ctx, executor=executor) == [False, "acme"]
    assert await perform(Activity("a", coroutine), {}, ctx, executor=executor) == [True, "acme"]
    assert await perform(Activity("a", hidden), {}, ctx, executor=executor) == [True, "acme"]
    assert await perform(Activity("a", functools.partial(coroutine)), {}, ctx) == [True, "acme"]


async def test_a_coroutine_past_its_time_is_cancelled_and_fails_retryably(ctx: ActivityContext) -> None:
    cleaned = asyncio.Event()

    @activity(timeout="1h")
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    with pytest.raises(ActivityError, match="no result within 10 ms") as raised:
        await perform(of(slow), {}, ctx, timeout_ms=10)
    assert (raised.value.type, raised.value.retryable) == ("Timeout", True)
    assert cleaned.is_set()
    assert ctx.cancelled


async def test_the_activitys_own_timeout_holds_when_the_step_has_none(ctx: ActivityContext) -> None:
    @activity(timeout=10)
    async def slow() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ActivityError, match="no result within 10 ms"):
        await perform(of(slow), {}, ctx)


async def test_a_blocking_function_past_its_time_learns_of_it_and_its_result_is_dropped(
    ctx: ActivityContext, executor: ThreadPoolExecutor
) -> None:
    learned = threading.Event()

    def slow(ctx: ActivityContext) -> str:
        assert ctx.wait_cancelled(30)
        learned.set()
        return "too late"

    with pytest.raises(ActivityError) as raised:
        await perform(Activity("slow", slow), {}, ctx, executor=executor, timeout_ms=10)
    assert raised.value.type == "Timeout"
    assert await asyncio.to_thread(learned.wait, 30)


async def test_an_activitys_own_timeout_error_is_its_own(ctx: ActivityContext) -> None:
    @activity
    async def impatient() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError) as raised:
        await perform(of(impatient), {}, ctx, timeout_ms=60_000)
    assert describe(raised.value)["type"] == "TimeoutError"
    assert not ctx.cancelled


@pytest.mark.parametrize("blocking", [False, True])
async def test_cancelling_the_task_cancels_the_attempt(
    blocking: bool, ctx: ActivityContext, executor: ThreadPoolExecutor
) -> None:
    loop, started, learned = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def in_thread(ctx: ActivityContext) -> None:
        loop.call_soon_threadsafe(started.set)
        ctx.wait_cancelled(30)
        learned.set()

    async def in_loop() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            learned.set()

    work = Activity("wait", in_thread if blocking else in_loop)
    task = asyncio.create_task(perform(work, {}, ctx, executor=executor, timeout_ms=60_000))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ctx.cancelled
    assert await asyncio.to_thread(learned.wait, 30)


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(
    "error", [asyncio.CancelledError, ForeignCancel, SystemExit, StopIteration, KeyError]
)
async def test_nothing_an_activity_raises_stops_the_engine_or_passes_for_its_cancel(
    error: type[BaseException], blocking: bool, ctx: ActivityContext, executor: ThreadPoolExecutor
) -> None:
    def in_thread() -> None:
        raise error("mine")

    async def in_loop() -> None:
        raise error("mine")

    with pytest.raises(Exception) as raised:
        await perform(Activity("rude", in_thread if blocking else in_loop), {}, ctx, executor=executor)
    said = describe(raised.value)
    assert said["type"] in (error.__name__, "RuntimeError")
    assert "mine" in said["message"] or "StopIteration" in said["message"]
    assert not ctx.cancelled


async def test_heartbeats_reach_whoever_listens_from_any_thread(executor: ThreadPoolExecutor) -> None:
    beats: list[Any] = []
    ctx = ActivityContext("r", "s", on_heartbeat=beats.append)

    def count(ctx: ActivityContext) -> None:
        ctx.heartbeat({"done": 1})
        ctx.heartbeat()
        with pytest.raises(InvalidValue):
            ctx.heartbeat(object())

    await perform(Activity("count", count), {}, ctx, executor=executor)
    assert beats == [{"done": 1}, None]
    ActivityContext("r", "s").heartbeat("nobody listens")


def test_log_records_carry_run_step_and_attempt(
    ctx: ActivityContext, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        ctx.log.info("charged %d", 7)
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["run"], vars(record)["step"], vars(record)["attempt"]) == (
        "charged 7",
        "run-1",
        "charge",
        2,
    )


def test_an_activity_error_describes_itself_and_a_subclass_names_the_type() -> None:
    class CardDeclined(ActivityError): ...

    error = CardDeclined("no funds", retryable=False, details={"limit": Decimal("9.5")})
    assert isinstance(error, ItonamiError)
    assert describe(error) == {
        "type": "CardDeclined",
        "message": "no funds",
        "retryable": False,
        "details": {"limit": "9.5"},
    }
    assert describe(ActivityError("x", type="Busy"))["type"] == "Busy"


def test_any_other_error_is_described_with_its_class_and_the_lines_it_came_through() -> None:
    try:
        raise KeyError("sku")
    except KeyError as error:
        said = describe(error)
        line = sys.exc_info()[2].tb_lineno  # type: ignore[union-attr]
    here = f"{Path(__file__).name}:{line} in {sys._getframe().f_code.co_name}"
    assert said == {
        "type": "KeyError",
        "message": "'sku'",
        "retryable": True,
        "details": {"traceback": [here]},
    }


def test_descriptions_are_bounded_and_json_whatever_is_raised() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ValueError

    long = describe(ActivityError("x" * 10_000, details="y" * (MAX_DETAILS + 1)))
    assert len(long["message"]) == MAX_MESSAGE
    assert "omitted" in long["details"]
    for error in (
        Broken(),
        ValueError("\ud800"),
        ValueError(),
        ExceptionGroup("two", [KeyError(1), OSError()]),
    ):
        assert json.loads(json.dumps(describe(error)))["message"]
