"""Worker threads for blocking activities: as many as are asked for at once, reused, and daemons.

A thread cannot be stopped from outside. So one that hangs must hold up neither the end of the process nor the place of
another: the threads of `concurrent.futures.ThreadPoolExecutor` do both (they are joined at exit, and counted). How
many run at once is decided by whoever submits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any

__all__ = ["Threads"]

Job = tuple["Future[Any]", Callable[[], Any]]


class Threads(Executor):
    """An executor without a bound, of daemon threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Job | None]] = []
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in an idle thread, or in a new one."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads were shut down")
            jobs = self._idle.pop() if self._idle else None
        if jobs is None:
            jobs = SimpleQueue()
            threading.Thread(target=self._work, args=(jobs,), name="itonami-activity", daemon=True).start()
        future: Future[Any] = Future()
        jobs.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Let idle threads end now, and others when their call does. Never waits."""
        with self._lock:
            self._closed = True
            for jobs in self._idle:
                jobs.put(None)
            self._idle.clear()

    def _work(self, jobs: SimpleQueue[Job | None]) -> None:
        while (job := jobs.get()) is not None:
            future, call = job
            tell: Callable[[], None] = future.cancel  # type: ignore[assignment]
            if future.set_running_or_notify_cancel():
                try:
                    tell = partial(future.set_result, call())
                except BaseException as error:
                    tell = partial(future.set_exception, error)
            with self._lock:
                closed = self._closed
                if not closed:
                    self._idle.append(jobs)  # before anybody hears of the result, and so may ask for more
            tell()
            if closed:
                return
            del job, future, call, tell
