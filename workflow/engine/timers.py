"""Wake-ups: a heap of moments and one timer of the loop for the earliest.

A wake-up that is no longer wanted is not searched for: whoever is woken looks at the graph and finds nothing due.
Time is passed in, both how late it is and how to be called later, so a simulator can let years pass at once.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

__all__ = ["Alarm", "CallLater", "Key", "Timer", "loop_call_later"]

LONGEST_SLEEP_S = 3_600.0

Key = tuple[str, str, int]
"""run, step, attempt"""


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Timer]
"""call_later(seconds, call)"""


def loop_call_later(delay_s: float, call: Callable[[], None]) -> Timer:
    """`call_later` of the running loop."""
    return asyncio.get_running_loop().call_later(delay_s, call)


class Alarm:
    """Calls `ring(key)` at or after each moment set, by the clock given."""

    def __init__(
        self, clock: Callable[[], datetime], call_later: CallLater, ring: Callable[[Key], None]
    ) -> None:
        self._clock = clock
        self._call_later = call_later
        self._ring = ring
        self._heap: list[tuple[datetime, Key]] = []
        self._timer: Timer | None = None

    def set(self, moment: datetime, key: Key) -> None:
        """Ring for `key` at `moment`."""
        heapq.heappush(self._heap, (moment, key))
        if self._heap[0] == (moment, key):
            self._schedule()

    def stop(self) -> None:
        """Ring no more."""
        self._heap.clear()
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            delay_s = (self._heap[0][0] - self._clock()).total_seconds()
            self._timer = self._call_later(min(max(delay_s, 0.0), LONGEST_SLEEP_S), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            self._ring(heapq.heappop(self._heap)[1])
        self._schedule()
