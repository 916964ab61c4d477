"""What is seen while runs go on: on a terminal one run's tree, drawn anew as it changes; else a line an event.

    run order-17
      > validate_order
      ok validate_order (220 ms)
      failed reserve_inventory (141 ms): UnexpectedRows: 0 rows, where 1 were expected
      compensating order by undo

All of it goes to stderr, what activities print included, so that stdout holds the result alone. Versions come
from the engine once they are durable. Nothing is decided here.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from itonami.graphstore import HEADER, Event, Store, Version
from itonami.workflow.cli.output import note, terminal

if TYPE_CHECKING:
    from rich.text import Text

    from itonami.graphstore import Graph

__all__ = ["Display", "coloured_tree", "error_text", "shown"]

REFRESHES_PER_SECOND = 8


class Display(Protocol):
    """Whatever shows progress: it is told which runs go on, and of each version that is durable."""

    def begin(self, run: str) -> None:
        """A run goes on from where it was."""

    def observe(self, version: Version) -> None:
        """A version of a run is durable."""


@contextlib.contextmanager
def shown(store: Store, *, several: bool) -> Iterator[Display]:
    """Progress while the block runs: the tree of one run on a terminal, else lines."""
    console = terminal(sys.stderr)
    with contextlib.redirect_stdout(sys.stderr):
        if console is None or several:
            yield Narrator(store, several=several)
            return
        from rich.console import Console
        from rich.live import Live

        tree = LiveTree(store)
        drawn = Console(file=console.file, highlight=False)  # a live display may not wrap its lines
        with Live(tree, console=drawn, refresh_per_second=REFRESHES_PER_SECOND):
            yield tree


class LiveTree:
    """The tree of the run last heard of. It is drawn by rich's thread, at most once a version."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._place: tuple[str, int] | None = None
        self._drawn: tuple[tuple[str, int], Text] | None = None

    def begin(self, run: str) -> None:
        """Show a run as it stands."""
        self._place = run, self._store.head(run).tx

    def observe(self, version: Version) -> None:
        """Show a version of a run from the next refresh on."""
        self._place = version.graph, version.tx

    def __rich__(self) -> Text:
        from rich.text import Text

        place = self._place
        if place is None:
            return Text()
        if self._drawn is None or self._drawn[0] != place:
            drawn = Text(no_wrap=True, overflow="ellipsis", end="").append(f"run {place[0]}\n", "bold")
            self._drawn = place, drawn.append_text(coloured_tree(self._store.at(*place)))
        return self._drawn[1]


def coloured_tree(graph: Graph) -> Text:
    """A run's tree for a terminal. Raises `InvalidValue` where the graph is no run. O(steps)."""
    from rich.text import Text

    from itonami.workflow.drawing import run_lines, run_tree

    text = Text(no_wrap=True, overflow="ellipsis", end="")
    for line in run_lines(run_tree(graph)):
        text.append(line.tree, "dim")
        text.append(f"{line.glyph} " if line.glyph else "", line.style)
        text.append(line.name, "" if line.glyph else "bold")
        text.append(f"  {line.detail}\n", line.style)
    return text


_TOLD: dict[str, tuple[str, str]] = {
    "ActivityScheduled": (">", "cyan"),
    "ActivityResumed": (">", "cyan"),
    "TimerFired": (">", "cyan"),
    "ActivityCompleted": ("ok", "green"),
    "ActivityFailed": ("failed", "red"),
    "ActivityTimedOut": ("timed out", "red"),
    "ActivityRetryScheduled": ("to be tried again", "yellow"),
    "ActivityCancelled": ("cancelled", "yellow"),
    "ActivityParked": ("parked", "bold yellow"),
    "CompensationStarted": ("compensating", "magenta"),
    "RunCancelRequested": ("the run is to end,", "yellow"),
    "RunParked": ("the run is parked", "bold yellow"),
}
"""The events that are told: the word for each, and its style."""

_UNDONE_BY = {"compensation_started": (1, 2), "flow_started": (0, 2)}
"""Where in the match of a rule that starts a compensation stand the step to be undone and what undoes it."""


class Narrator:
    """Tells what happens to activities, a line each, with the run's id where several run."""

    def __init__(self, store: Store, *, several: bool = False) -> None:
        self._store = store
        self._several = several
        self._started: dict[tuple[str, str], datetime] = {}

    def begin(self, run: str) -> None:
        """Name the run, and what of it is under way already and so is performed again."""
        note(f"run {run}")
        if f"inbox/{run}" in self._store and any(self._store.at(f"inbox/{run}").nodes("Message")):
            note("  a message waits for it and is taken up first")
            return
        for node in self._store.at(run).nodes("Activity"):
            started = node.data.get("started")
            if node.data.get("state") == "pending" and isinstance(started, datetime):
                self._started[run, node.id] = started
                self._tell(run, ">", f"{node.id} (under way when it stopped: performed again)", "cyan")

    def observe(self, version: Version) -> None:
        """Tell the version's events."""
        if version.version == 1:
            note(f"run {version.graph}")
        for event in version.events:
            if event.name in _TOLD and (what := self._subject(version.graph, event)) is not None:
                word, style = _TOLD[event.name]
                self._tell(version.graph, word, what, style)

    def _tell(self, run: str, word: str, what: str, style: str) -> None:
        note(f"{run}  {word} {what}" if self._several else f"  {word} {what}", style)

    def _subject(self, run: str, event: Event) -> str | None:
        match = event.match or ("",)
        data: dict[str, Any] = event.data if isinstance(event.data, dict) else {}
        if event.name == "CompensationStarted":
            undone, by = (match[place] for place in _UNDONE_BY.get(str(event.rule), (0, 0)))
            return f"{undone} by {by}"
        if event.name == "TimerFired":
            return None if match[0] == HEADER else f"{match[0]} (attempt {data.get('attempt', 0) + 1})"
        error = error_text(data.get("error") or data.get("reason"))
        step = "" if match[0] == HEADER else match[0]
        lasted = self._lasted(run, step, event.name, data.get("time"))
        return f"{step}{lasted}{f': {error}' if error else ''}"

    def _lasted(self, run: str, step: str, name: str, time: Any) -> str:
        """How long the step has taken, in brackets, once it is over."""
        if name == "ActivityScheduled":
            self._started[run, step] = time
            return ""
        started = self._started.get((run, step))
        over = name in ("ActivityCompleted", "ActivityFailed", "ActivityTimedOut")
        if not over or started is None or not isinstance(time, datetime):
            return ""
        from itonami.workflow.drawing.words import duration_text

        return f" ({duration_text((time - started).total_seconds())})"


def error_text(error: Any) -> str:
    """`Type: message` of an error as it stands in a graph; empty without one."""
    if not isinstance(error, dict):
        return "" if error is None else str(error)
    return ": ".join(str(error[key]) for key in ("type", "message") if error.get(key))
