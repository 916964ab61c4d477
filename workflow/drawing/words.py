"""The words under a step and in a caption: state, time, attempt, reason. Shared by every notation.

Times are exact where they are short and rounded where they are long, as people say them; a drawing has no
clock, so what is under way says since when. No markup may live here.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from itonami.workflow.drawing.tree import MORE, RunTree, Step

__all__ = ["caption", "details", "duration_text", "title", "tooltip"]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_STATES = {"backoff": "waiting to retry", "parked": "parked"}
_UNDER_WAY = frozenset({"running", "waiting"})


def duration_text(seconds: float) -> str:
    """`840 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for (large, name), (small, part) in pairwise(_UNITS):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {name} {rest} {part}" if rest else f"{whole // large} {name}"
    return f"{whole} s"


def title(step: Step) -> str:
    """What a step is called in a drawing."""
    if step.kind == MORE:
        return f"{sum(count for _, count in step.tally):,} more"
    return step.id


def details(step: Step) -> list[str]:
    """State, time and attempt, in that order; what a step `more` stands for."""
    if step.kind == MORE:
        return [f"{count:,} {words(status)}" for status, count in step.tally]
    state = step.state if step.status in _UNDER_WAY else None
    parts = [_STATES.get(state or "", words(step.appearance))]
    if step.duration is not None:
        parts.append(duration_text(step.duration))
    elif step.status in _UNDER_WAY and state not in _STATES and step.started is not None:
        parts.append(f"since {_clock(step.started)}")
    if step.attempt > 1:
        parts.append(f"attempt {step.attempt}")
    return parts


def words(status: str) -> str:
    """A state as people write it."""
    return status.replace("_", " ")


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S")


def tooltip(step: Step) -> str:
    """Everything known of a step in few lines."""
    kind = step.kind.lower() if step.activity is None else f"activity {step.activity}"
    lines = [f"{title(step)} ({kind})", " · ".join(details(step))]
    lines += [f"error: {step.error}"] if step.error else []
    lines += [
        f"{name}: {moment.isoformat()}"
        for name, moment in (("started", step.started), ("ended", step.ended))
        if moment is not None
    ]
    return "\n".join(lines)


def caption(run: RunTree) -> tuple[str, str]:
    """The title of a run's drawing and the line under it."""
    parts = [words(run.status)]
    if run.duration is not None:
        parts.append(duration_text(run.duration))
    if run.started is not None:
        parts.append(f"started {run.started.strftime('%Y-%m-%d %H:%M:%S %Z').rstrip()}")
    if run.error:
        parts.append(run.error)
    return f"{run.workflow} {run.version}".rstrip(), " · ".join(parts)
