"""The stage: attempts wait here for a place, are performed, and end.

    add --> waiting --a place is free--> under way --> ended(performance, its task)
               `-- stop: never begun        `-- stop: asked to stop, and awaited

Coroutines and blocking functions have places of their own, so that the time limit of a blocking function does not run
while it waits for a thread. What an attempt's end means for its run is not known here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from itonami.workflow.activities import Activity, ActivityContext, perform
from itonami.workflow.engine.effects import Attempt
from itonami.workflow.engine.threads import Threads

__all__ = ["THREADS", "Performance", "Stage"]

THREADS = 32
"""Blocking functions at once."""

GRACE_S = 5.0
"""How long `close` waits for coroutines that do not obey their cancellation."""

_LOG = logging.getLogger("itonami.engine")


@dataclass(slots=True, eq=False)
class Performance:
    """One attempt: waiting for a place, under way, or over. `ended` is called once, in the loop, when it is over."""

    attempt: Attempt
    activity: Activity
    arguments: Any
    timeout_ms: int | None
    lenient: bool
    context: ActivityContext
    ended: Callable[[Performance, asyncio.Task[Any]], None]
    task: asyncio.Task[Any] | None = None
    stopping: bool = False


@dataclass(slots=True)
class _Places:
    limit: int
    waiting: dict[Performance, None] = field(default_factory=dict)
    busy: set[Performance] = field(default_factory=set)


class Stage:
    """Performs attempts: at most `places` at once, and at most `THREADS` of them in threads."""

    def __init__(self, places: int) -> None:
        self._loop_places = _Places(places)
        self._thread_places = _Places(min(places, THREADS))
        self._threads = Threads()
        self._open = True

    def add(self, performance: Performance) -> None:
        """Perform it as soon as there is a place."""
        places = self._places(performance)
        places.waiting[performance] = None
        self._fill(places)

    def stop(self, performance: Performance) -> bool:
        """Ask it to stop: a coroutine meets its cancellation, a function in a thread is asked. False when it had not
        begun: then it never will, and `ended` is not called."""
        if performance.task is None:
            self._places(performance).waiting.pop(performance, None)
            return False
        if not performance.stopping:
            performance.stopping = True
            performance.context.request_cancel()
            if performance.activity.is_async:
                performance.task.cancel()
        return True

    @property
    def busy(self) -> int:
        """How many attempts are under way."""
        return len(self._loop_places.busy) + len(self._thread_places.busy)

    async def close(self) -> None:
        """Abandon everything: nothing is heard of it any more."""
        self._open = False
        tasks = []
        for places in (self._loop_places, self._thread_places):
            places.waiting.clear()
            for performance in places.busy:
                performance.context.request_cancel()
                if performance.task is not None:
                    performance.task.cancel()
                    tasks.append(performance.task)
        self._threads.shutdown()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=GRACE_S)
            for task in stuck:
                _LOG.warning("%s does not obey its cancellation and is left behind", task.get_name())

    def _places(self, performance: Performance) -> _Places:
        return self._loop_places if performance.activity.is_async else self._thread_places

    def _fill(self, places: _Places) -> None:
        while self._open and places.waiting and len(places.busy) < places.limit:
            performance = next(iter(places.waiting))
            del places.waiting[performance]
            places.busy.add(performance)
            self._begin(places, performance)

    def _begin(self, places: _Places, performance: Performance) -> None:
        performance.task = asyncio.create_task(
            perform(
                performance.activity,
                performance.arguments,
                performance.context,
                executor=None if performance.activity.is_async else self._threads,
                timeout_ms=performance.timeout_ms,
                lenient=performance.lenient,
            ),
            name=f"activity {performance.context.key}",
        )
        performance.task.add_done_callback(partial(self._over, places, performance))

    def _over(self, places: _Places, performance: Performance, task: asyncio.Task[Any]) -> None:
        places.busy.discard(performance)
        self._fill(places)
        if self._open:
            performance.ended(performance, task)
        elif not task.cancelled():
            task.exception()  # seen: it was abandoned
