"""What one attempt knows of itself: its place, its key, its log, and whether it is still wanted.

Retries make every activity run *at least* once; the effect happens once only if the other side can tell a
retry from a new request. Hence `key`, the same over all attempts of a step (the Idempotency-Key of
draft-ietf-httpapi-idempotency-key-header), while `attempt` counts them.

The context is used from two threads at once, the event loop's and the one a blocking function runs in: all
its fields but the cancel flag are set once, and that flag is an `Event`.

Nothing of the engine's may be reached through it: a context can be made by hand, and tests do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from itonami.workflow.activities.border import checked
from itonami.workflow.definition.values import JSON

__all__ = ["ActivityContext"]

_LOGGER = logging.getLogger("itonami.activity")


class ActivityContext:
    """One attempt of one step of one run.

    `run` and `step` are ids, `attempt` counts from 1, `key` is the idempotency key (default `run/step`),
    `log` a logger whose records carry run, step and attempt. `on_heartbeat` is called from whichever thread
    beats.
    """

    __slots__ = ("_cancelled", "_on_heartbeat", "attempt", "key", "log", "run", "step")

    def __init__(
        self,
        run: str,
        step: str,
        *,
        attempt: int = 1,
        key: str | None = None,
        on_heartbeat: Callable[[JSON], None] | None = None,
    ) -> None:
        self.run = run
        self.step = step
        self.attempt = attempt
        self.key = f"{run}/{step}" if key is None else key
        self.log: logging.LoggerAdapter[logging.Logger] = logging.LoggerAdapter(
            _LOGGER, {"run": run, "step": step, "attempt": attempt}
        )
        self._on_heartbeat = on_heartbeat
        self._cancelled = threading.Event()

    def heartbeat(self, details: JSON = None) -> None:
        """Say that the attempt is alive, and how far it is. Not recorded in the run's history.

        Raises `InvalidValue` when `details` is not a JSON value.
        """
        beat = checked(details)
        if self._on_heartbeat is not None:
            self._on_heartbeat(beat)

    @property
    def cancelled(self) -> bool:
        """True once the attempt is no longer wanted: a blocking function should look now and then, and end.

        A coroutine need not look: it meets `asyncio.CancelledError` at its next `await`.
        """
        return self._cancelled.is_set()

    def wait_cancelled(self, timeout_s: float | None = None) -> bool:
        """Block this thread until the attempt is cancelled or `timeout_s` seconds are over; `cancelled` then.

        For blocking functions, instead of `time.sleep`: a pause that a cancel cuts short.
        """
        return self._cancelled.wait(timeout_s)

    def request_cancel(self) -> None:
        """Set `cancelled`. For whoever drives the attempt."""
        self._cancelled.set()

    def __repr__(self) -> str:
        return (
            f"ActivityContext(run={self.run!r}, step={self.step!r}, attempt={self.attempt}, key={self.key!r})"
        )
