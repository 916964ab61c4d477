"""A handle on one run: what a caller does with it and asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from itonami.graphstore import Graph, Point, Version
from itonami.workflow.engine.errors import NotDriven, RunEnded

if TYPE_CHECKING:
    from itonami.workflow.engine.shell import Engine

__all__ = ["Run"]


class Run:
    """One run of an engine. Everything it says is read from the store; it holds no state of its own."""

    def __init__(self, engine: Engine, id: str) -> None:
        self._engine = engine
        self.id = id

    @property
    def header(self) -> dict[str, Any]:
        """The run's header as of now: workflow, status, inputs, result, error, times."""
        return dict(self._engine.store.at(self.id).header)

    @property
    def status(self) -> str:
        """running, parked, succeeded, failed, cancelled, timed_out or terminated."""
        return str(self.header["status"])

    async def result(self) -> dict[str, Any]:
        """Wait for the end and return the outputs. Raises `RunEnded` when it ends (or parks) otherwise, `NotDriven`
        when this engine has not resumed it."""
        await self._engine.ended(self.id)
        header = self.header
        status = header["status"]
        if status == "running":
            raise NotDriven(
                "nobody drives the run",
                where=f"run {self.id!r}",
                fix=f"await engine.resume({self.id!r}) first",
            )
        if status != "succeeded":
            raise RunEnded(self.id, status, header.get("parked" if status == "parked" else "error"))
        result: dict[str, Any] = header["result"]
        return result

    def history(self) -> Iterator[Version]:
        """Its versions, oldest first, each with the events that made it."""
        return self._engine.store.history(self.id)

    def at(self, point: Point = "HEAD") -> Graph:
        """Its graph at a point in time."""
        return self._engine.store.at(self.id, point)

    async def cancel(self, deadline: str | int | None = None) -> None:
        """Ask it to stop, with compensation; activities are awaited up to `deadline`, a duration."""
        await self._engine.cancel(self.id, deadline)

    async def terminate(self, reason: str = "terminated by request") -> None:
        """End it at once, without compensation."""
        await self._engine.terminate(self.id, reason)

    def _repr_svg_(self) -> str:
        from itonami.workflow.drawing import run_svg

        return run_svg(self.at())

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self.status}>"
