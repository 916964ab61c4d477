"""What can go wrong between a caller and a run."""

from __future__ import annotations

from typing import Any

from itonami.graphstore import ItonamiError

__all__ = ["EngineClosed", "NotDriven", "RunEnded", "RunExists"]


class RunEnded(ItonamiError):
    """The run ended other than `succeeded`, or is parked: `status` says how, `error` why."""

    def __init__(self, run: str, status: str, error: Any) -> None:
        message = error.get("message") if isinstance(error, dict) else None
        verb = "is" if status == "parked" else "ended"
        super().__init__(
            f"the run {verb} {status}" + (f": {message}" if message else ""),
            where=f"run {run!r}",
            fix="see `itonami log` for what led to it",
        )
        self.run = run
        self.status = status
        self.error = error


class RunExists(ItonamiError, ValueError):
    """A run or graph of that id is there already."""

    @classmethod
    def of(cls, run: str) -> RunExists:
        return cls("a run of that id is there already", where=f"run {run!r}", fix="choose another id")


class NotDriven(ItonamiError, RuntimeError):
    """The run has not ended, and this engine does not drive it."""


class EngineClosed(ItonamiError, RuntimeError):
    """The engine was closed, or never entered."""
