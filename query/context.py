"""What evaluating an expression may know of the world: the graph, the clock, chance and the limits.

All of it is handed in, so that a query with the same context gives the same answer: `now` is one moment for the
whole statement. Only `realtime` and `random` may differ from call to call, and only the functions named after
them ask for them.

No state of a running query may live here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from itonami.graphstore.graph import GraphView
from itonami.query.faults import limit_exceeded
from itonami.query.tally import UNCOUNTED
from itonami.query.temporal.instants import Zone
from itonami.query.values.domain import MAX_LIST, MAX_TEXT

__all__ = ["Context"]


def _wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is the statement's moment (aware), `zone` what local values are read in. Lengths are in elements and
    characters. `tick` counts a step and looks at the clock, `hold` counts values that are kept: a context is the
    `Tally` of what is read for a query."""

    now: datetime
    graph: GraphView | None = None
    zone: Zone = 0
    realtime: Callable[[], datetime] = _wall_clock
    random: Callable[[], float] = random.random
    max_list: int = MAX_LIST
    max_text: int = MAX_TEXT
    tick: Callable[[], None] = UNCOUNTED.tick
    hold: Callable[[int], None] = UNCOUNTED.hold

    def check_list(self, length: int, what: str = "a list") -> None:
        """`LimitExceeded` when a list of that length is too long."""
        if length > self.max_list:
            raise limit_exceeded(what, self.max_list)

    def check_text(self, length: int, what: str = "a text") -> None:
        """`LimitExceeded` when a text of that length is too long."""
        if length > self.max_text:
            raise limit_exceeded(what, self.max_text)
