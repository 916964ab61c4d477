"""A run the engine holds: its state, what it has under way, and who waits for its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from itonami.workflow.activities import ActivityContext
from itonami.workflow.engine.core import RunState
from itonami.workflow.engine.requests import Request

__all__ = ["LiveRun", "Performance"]


@dataclass(slots=True)
class Performance:
    """One attempt under way, or queued for a place."""

    attempt: int
    context: ActivityContext
    task: asyncio.Task[None] | None = None
    by_thread: bool = False

    def signal(self) -> None:
        """Ask it to stop. A coroutine meets its cancellation; a function in a thread is asked, and awaited."""
        self.context.request_cancel()
        if self.task is not None and not self.by_thread:
            self.task.cancel()


@dataclass(slots=True)
class LiveRun:
    """`unsettled` counts transitions that are queued but not durable; `refused` holds those that must be derived anew."""

    state: RunState
    base: tuple[str, int] | None = None
    performances: dict[str, Performance] = field(default_factory=dict)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    unsettled: int = 0
    refused: list[Sequence[Request]] = field(default_factory=list)
    failure: BaseException | None = None

    @property
    def run(self) -> str:
        """The run's id."""
        return self.state.run

    def wake(self) -> None:
        """The run ended, or cannot go on: tell whoever waits."""
        for waiter in self.waiters:
            if not waiter.done():
                if self.failure is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(self.failure)
        self.waiters.clear()
