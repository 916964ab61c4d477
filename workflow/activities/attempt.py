"""One attempt at an activity: call it, bound its time, guard what it returns.

    inputs --arguments--> call --(loop | worker thread)--> output --checked--> JSON
                                   timeout, cancel

An attempt ends in exactly one of three ways: it returns a value that can be kept; it raises an `Exception`,
to be put into words by `errors.describe`; or, when the task that performs it was cancelled from outside, it
raises `asyncio.CancelledError`. So nothing that user code raises can be mistaken for the engine's own cancel,
and no `sys.exit()` in an activity ends the process. Time limits are `asyncio.timeout` (Nathaniel J. Smith,
"Timeouts and cancellation for humans", 2018): they bound the whole attempt, the wait for a worker thread
included.

A thread cannot be stopped from outside. When a blocking function's time is over its attempt ends all the
same, `ctx.cancelled` is set, and whatever the function still returns is dropped.

No retries, no state of a run, no clock but the loop's.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.activity import Activity
from itonami.workflow.activities.border import checked
from itonami.workflow.activities.context import ActivityContext
from itonami.workflow.activities.errors import ActivityError
from itonami.workflow.definition.values import JSON

__all__ = ["perform"]


async def perform(
    activity: Activity,
    inputs: Mapping[str, JSON],
    ctx: ActivityContext,
    *,
    executor: Executor | None = None,
    timeout_ms: int | None = None,
    lenient: bool = False,
) -> JSON:
    """Run one attempt and return its output, a copy that may be kept.

    Blocking functions run in `executor` (None: the loop's own) under the caller's context variables.
    `timeout_ms` bounds the attempt, else the activity's own does. `lenient` drops inputs the function does
    not name, for steps without a mapping. The values in `inputs` are handed over: the function may alter
    them.

    Raises `ActivityError` of type InvalidInput, InvalidOutput or Timeout (only this one is retryable), and
    whatever `Exception` the activity raises. Cancelling the calling task cancels the attempt, and raises.
    """
    args, keywords = activity.arguments(inputs, ctx, lenient=lenient)
    limit_ms = activity.timeout_ms if timeout_ms is None else timeout_ms
    call = activity.call if activity.is_async else partial(_in_thread, activity.call, ctx, executor)
    before = _cancel_requests()
    try:
        async with asyncio.timeout(None if limit_ms is None else limit_ms / 1000) as scope:
            output = await call(*args, **keywords)
    except asyncio.CancelledError as error:
        if _cancel_requests() > before:
            ctx.request_cancel()
            raise
        raise _contained(error) from error
    except SystemExit as error:
        raise _contained(error) from error
    except Exception as error:
        if scope.expired():
            ctx.request_cancel()
            raise _timed_out(activity, limit_ms) from error
        raise
    return _kept(output, activity)


def _cancel_requests() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


@dataclass(frozen=True)
class _Ended:
    """How a call ended in its thread. A value, because futures do not carry every exception faithfully."""

    output: Any = None
    error: Exception | None = None


async def _in_thread(
    call: Callable[..., Any], ctx: ActivityContext, executor: Executor | None, /, *args: Any, **keywords: Any
) -> Any:
    context = contextvars.copy_context()

    def body() -> _Ended:
        try:
            return _Ended(output=context.run(call, *args, **keywords))
        except BaseException as error:
            if ctx.cancelled:
                ctx.log.info("ended in %s after it was cancelled", type(error).__name__)
            return _Ended(error=_carried(error))

    ended = await asyncio.get_running_loop().run_in_executor(executor, body)
    if ended.error is not None:
        raise ended.error
    return await ended.output if inspect.isawaitable(ended.output) else ended.output


_ALARMS = (StopIteration, concurrent.futures.CancelledError)
"""Exceptions that mean something else to a coroutine: a plain return, and a cancel."""


def _carried(error: BaseException) -> Exception:
    """What of a thread's exception may be raised in the loop."""
    if isinstance(error, Exception) and not isinstance(error, _ALARMS):
        return error
    return _contained(error)


def _contained(error: BaseException) -> ActivityError:
    """An exception that would stop the loop or pass for a cancel, as an ordinary failure of the same type."""
    name = type(error).__name__
    return ActivityError(f"it raised {name}({error})", type=name)


def _timed_out(activity: Activity, limit_ms: int | None) -> ActivityError:
    return ActivityError(
        f"no result within {limit_ms} ms",
        type="Timeout",
        details={"timeout_ms": limit_ms},
        where=activity.where,
        fix="give it a longer timeout",
    )


def _kept(output: object, activity: Activity) -> JSON:
    try:
        return checked(output)
    except InvalidValue as error:
        raise ActivityError(
            f"its output cannot be kept: at {error.where}, {error.what}",
            type="InvalidOutput",
            retryable=False,
            details={"path": error.where},
            where=activity.where,
            fix="return JSON values, bytes or aware datetimes",
        ) from error
