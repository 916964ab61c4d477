"""Wake-ups: a heap of moments and one timer of the loop for the earliest.

A wake-up that is no longer wanted is not searched for: whoever is woken looks at the graph and finds nothing due.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Any

__all__ = ["Alarm"]

LONGEST_SLEEP_S = 3_600.0


class Alarm:
    """Calls `ring(key)` at or after each moment set, by the clock given."""

    def __init__(self, clock: Callable[[], datetime], ring: Callable[[Any], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[datetime, Any]] = []
        self._handle: asyncio.TimerHandle | None = None

    def set(self, moment: datetime, key: tuple[str, str, int]) -> None:
        """Ring for `key` at `moment`."""
        heapq.heappush(self._heap, (moment, key))
        if self._heap[0] == (moment, key):
            self._schedule()

    def stop(self) -> None:
        """Ring no more."""
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            delay = (self._heap[0][0] - self._clock()).total_seconds()
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(min(max(delay, 0.0), LONGEST_SLEEP_S), self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            self._ring(heapq.heappop(self._heap)[1])
        self._schedule()
