"""What a store tells of its work, through one callback: `observe(name, value)`.

    queue_depth     requests still queued when a batch is taken          commit_seconds  a batch, flush included
    batch_size      requests in a batch                                  flush_seconds   LMDB's commit of it
    conflicts       requests of a batch that lost                        replay_length   deltas applied to read a graph

It is called in the thread that does the work, so it should only count. A callback that raises is not called again,
and a warning says so: no commit fails for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Observe", "guarded"]

Observe = Callable[[str, float], None]


def guarded(observe: Observe | None) -> Observe:
    """The callback, such that it cannot harm."""
    if observe is None:
        return _nobody
    live = [observe]

    def call(name: str, value: float) -> None:
        try:
            live[0](name, value)
        except Exception as error:
            live[0] = _nobody
            with suppress(Warning):  # which may be an error here, but must not be the writer's
                warnings.warn(f"the store's observer failed and is not called again: {error!r}", stacklevel=2)

    return call


def _nobody(name: str, value: float) -> None:
    """Nobody listens."""
