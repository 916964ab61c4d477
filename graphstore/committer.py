"""Group commit: one thread, one LMDB transaction, one flush for all that queued during the last flush.

There are no timers: while the disk is busy with one batch the next one gathers. Inside the write transaction each
request is checked against the running heads of the batch and encoded before anything of it is put, so a refused
request consumes no TxId and leaves its mates alone. If LMDB's commit fails, none of the batch was committed.

This module knows the queue and the waiting; what a commit writes is `ledger`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from itonami.graphstore.errors import StoreClosed
from itonami.graphstore.records import Version

__all__ = ["Committer"]

QUEUE_LIMIT = 4_096
BATCH_LIMIT = 1_024

Outcome = list[Version] | BaseException


class _Waiting:
    """A request and whom to tell: a thread at a barrier, or an asyncio future in its loop."""

    __slots__ = ("_done", "_future", "_loop", "_outcome", "request")

    def __init__(self, request: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.request = request
        self._loop = loop
        self._outcome: Outcome | None = None
        self._future: asyncio.Future[list[Version]] | None = loop.create_future() if loop else None
        self._done: threading.Lock | None = None
        if loop is None:
            self._done = threading.Lock()
            self._done.acquire()

    def settle(self, outcome: Outcome) -> None:
        self._outcome = outcome
        if self._done is not None:
            self._done.release()

    def deliver(self) -> None:
        """In the loop's own thread: hand the outcome to the future."""
        assert self._future is not None
        if self._future.cancelled():
            return
        if isinstance(self._outcome, BaseException):
            self._future.set_exception(self._outcome)
        elif self._outcome is not None:
            self._future.set_result(self._outcome)

    def wait(self) -> list[Version]:
        assert self._done is not None
        self._done.acquire()
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome

    @property
    def future(self) -> asyncio.Future[list[Version]]:
        assert self._future is not None
        return self._future

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        return self._loop


class Committer:
    """Commits requests in order of arrival. `commit(batch)` returns an outcome for each, or raises for all."""

    def __init__(self, commit: Callable[[Sequence[Any]], list[Outcome]]) -> None:
        self._commit = commit
        self._queue: deque[_Waiting] = deque()
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="itonami-committer", daemon=True)
        self._thread.start()

    def submit(self, request: Any) -> list[Version]:
        """Commit and wait, from a thread."""
        waiting = _Waiting(request, None)
        self._enqueue(waiting)
        return waiting.wait()

    def submit_async(self, request: Any) -> asyncio.Future[list[Version]]:
        """Queue now, in order of calls; the future of the running loop resolves when it is durable."""
        waiting = _Waiting(request, asyncio.get_running_loop())
        self._enqueue(waiting, block=False)
        return waiting.future

    def _enqueue(self, waiting: _Waiting, *, block: bool = True) -> None:
        with self._condition:
            while block and len(self._queue) >= QUEUE_LIMIT and not self._closing:
                self._condition.wait()
            if self._closing:
                raise StoreClosed("the store is closed")
            self._queue.append(waiting)
            if len(self._queue) == 1:
                self._condition.notify_all()

    @property
    def depth(self) -> int:
        """How many requests are queued."""
        return len(self._queue)

    def close(self) -> None:
        """Commit what is queued, then stop."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._queue and not self._closing:
                    self._condition.wait()
                if not self._queue:
                    return
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_LIMIT))]
                self._condition.notify_all()
            self._settle(batch)

    def _settle(self, batch: list[_Waiting]) -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = self._commit([waiting.request for waiting in batch])
        except BaseException as error:  # whatever it was, every waiter must hear of it
            outcomes = [error] * len(batch)
        loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.settle(outcome)
            if waiting.loop is not None:
                loops.setdefault(waiting.loop, []).append(waiting)
        for loop, members in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, members)


def _deliver(members: list[_Waiting]) -> None:
    for waiting in members:
        waiting.deliver()
