"""The tally: what reading the past counts toward the limits of the query that asked for it.

    tick    one version or event more was read, or passed over: the clock is looked at
    hold    so many values are kept until whoever reads is done

A version costs its reader tens of microseconds, an event hundreds, so every one is a tick. Whoever reads the past
outside a query counts nothing (`UNCOUNTED`). What a tick may raise leaves nothing half made: whatever is kept for
the next reader is kept when it is whole.

No limit may live here (`engine.limits`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["UNCOUNTED", "Tally", "counted"]

T = TypeVar("T")


class Tally(Protocol):
    """Who counts."""

    def tick(self) -> None:
        """One version or event more."""

    def hold(self, values: int) -> None:
        """So many values more are kept."""


class _Uncounted:
    def tick(self) -> None:
        pass

    def hold(self, values: int) -> None:
        pass


UNCOUNTED: Tally = _Uncounted()
"""Nobody counts."""


def counted(items: Iterable[T], tally: Tally) -> Iterator[T]:
    """The same items, each a tick as it comes."""
    for item in items:
        tally.tick()
        yield item
