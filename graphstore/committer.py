"""Group commit: one LMDB transaction and one flush for all that queued during the last flush.

There are no timers: while the disk is busy with one batch the next one gathers; who comes alone is not kept waiting.
Inside the write transaction each request is checked against the running heads of the batch and encoded before anything
of it is put, so a refused request consumes no TxId and leaves its mates alone. If LMDB's commit fails, none of the
batch was committed.

This module knows the queue and the waiting; what a commit writes is `ledger`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from itonami.graphstore.errors import InvalidValue, StoreClosed
from itonami.graphstore.metrics import Observe
from itonami.graphstore.records import Version

__all__ = ["Committer", "Outcome", "Tell"]

QUEUE_LIMIT = 4_096
BATCH_LIMIT = 1_024

Outcome = list[Version] | BaseException


Tell = Callable[[Outcome], None]
"""Called once with what became of a request."""


class _Waiting:
    """A request, and how to tell its outcome: in the loop given, or else in the committer's own thread."""

    __slots__ = ("loop", "outcome", "request", "tell")

    def __init__(self, request: Any, tell: Tell, loop: asyncio.AbstractEventLoop | None) -> None:
        self.request = request
        self.tell = tell
        self.loop = loop
        self.outcome: Outcome = []


class Committer:
    """Commits requests in order of arrival. `commit(batch)` returns an outcome for each, or raises for all; `after()`
    is called when all were told."""

    def __init__(
        self,
        commit: Callable[[Sequence[Any]], list[Outcome]],
        observe: Observe,
        after: Callable[[], None],
    ) -> None:
        self._commit = commit
        self._observe = observe
        self._after = after
        self._roomless: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._queue: deque[_Waiting] = deque()
        self._condition = threading.Condition()
        self._closing = False
        self._busy = False
        self._inside = 0  # the thread that commits
        self._thread: threading.Thread | None = None

    def submit(self, request: Any) -> list[Version]:
        """Commit and wait, from a thread. Where nobody else is at it, the caller commits by itself: that saves waking a
        thread and being woken. Whoever comes meanwhile queues, and is taken together by the committer's thread."""
        if self._inside == threading.get_ident():
            raise InvalidValue(
                "a commit began inside a commit", where="on_conflict", fix="return the graph to commit"
            )
        with self._condition:
            alone = not (self._busy or self._queue or self._closing)
            self._busy = self._busy or alone
        if alone:
            outcome = self._by_itself(request)
        else:
            outcomes: list[Outcome] = []
            done = threading.Lock()
            done.acquire()

            def tell(told: Outcome) -> None:
                outcomes.append(told)
                done.release()

            self._enqueue(_Waiting(request, tell, None))
            done.acquire()
            outcome = outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _by_itself(self, request: Any) -> Outcome:
        try:
            self._inside = threading.get_ident()
            self._observe("queue_depth", 0)
            (outcome,) = self._commit([request])
        finally:
            with self._condition:
                self._busy, self._inside = False, 0
                self._condition.notify_all()
        self._after()
        return outcome

    def submit_async(self, request: Any) -> asyncio.Future[list[Version]]:
        """Queue now, in order of calls; the future of the running loop resolves when it is durable."""
        future: asyncio.Future[list[Version]] = asyncio.get_running_loop().create_future()
        self.submit_soon(request, partial(_resolve, future))
        return future

    def submit_soon(self, request: Any, tell: Tell) -> None:
        """Queue now, in order of calls; `tell` is called in the running loop when it is durable, or refused."""
        self._enqueue(_Waiting(request, tell, asyncio.get_running_loop()), block=False)

    def _enqueue(self, waiting: _Waiting, *, block: bool = True) -> None:
        with self._condition:
            while block and len(self._queue) >= QUEUE_LIMIT and not self._closing:
                self._condition.wait()
            if self._closing:
                raise StoreClosed("the store is closed")
            self._queue.append(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="itonami-committer", daemon=True)
                self._thread.start()
            if len(self._queue) == 1:
                self._condition.notify_all()

    async def room(self) -> None:
        """Wait, in a loop, until the queue is below its limit: threads wait in `submit`."""
        while self.depth >= QUEUE_LIMIT and not self._closing:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            with self._condition:
                if len(self._queue) < QUEUE_LIMIT:
                    return
                self._roomless.append((loop, future))
            await future

    @property
    def depth(self) -> int:
        """How many requests are queued."""
        return len(self._queue)

    def close(self) -> None:
        """Commit what is queued, then stop."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
            while self._busy and self._thread is None:
                self._condition.wait()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._busy or not (self._queue or self._closing):
                    self._condition.wait()
                if not self._queue:
                    return
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_LIMIT))]
                self._busy = True
                self._condition.notify_all()
                roomless, self._roomless = self._roomless, []
            try:
                self._inside = threading.get_ident()
                self._observe("queue_depth", len(self._queue))
                for loop, future in roomless:
                    _call(loop, _wake, future)
                self._settle(batch)
            finally:
                with self._condition:
                    self._busy, self._inside = False, 0
                    self._condition.notify_all()
            self._after()

    def _settle(self, batch: list[_Waiting]) -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = self._commit([waiting.request for waiting in batch])
        except BaseException as error:  # whatever it was, every waiter must hear of it
            outcomes = [error] * len(batch)
        loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.outcome = outcome
            if waiting.loop is None:
                waiting.tell(outcome)
            else:
                loops.setdefault(waiting.loop, []).append(waiting)
        for loop, members in loops.items():
            _call(loop, _tell, members)


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[[Any], None], argument: Any) -> None:
    """Call back in a loop. One that was closed has nobody waiting in it any more."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, argument)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _tell(members: list[_Waiting]) -> None:
    for waiting in members:
        try:
            waiting.tell(waiting.outcome)
        except Exception as error:  # the batch's other members must hear of theirs all the same
            context = {"message": "a commit callback failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


def _resolve(future: asyncio.Future[list[Version]], outcome: Outcome) -> None:
    if future.cancelled():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
