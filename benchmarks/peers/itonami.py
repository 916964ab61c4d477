"""Itonami: a definition of N activities in sequence, run by the engine on a store in the directory.

Nothing is turned: the store opens with its own defaults, and history, roots and the log are written as for
any run. In sequence, a run is started and its result awaited; at once, the runs are tasks of one event loop,
whose steps meet in the store's group commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from benchmarks.peers import Body
from itonami.workflow import Engine, activity

__all__ = ["Itonami", "open_peer"]


@cache
def _definition(steps: int) -> dict[str, object]:
    """`steps` times the activity `step`, one after the other."""
    sequence = {"op": "seq", "strategies": [{"op": "activity", "activity_ref": "step"}] * steps}
    return {"workflow": {"id": f"steps-{steps}", "name": "steps", "version": "1", "strategy": sequence}}


class Itonami:
    """The open engine."""

    settings: Mapping[str, str] = {"store": "as Engine.open makes it"}

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, name: str, steps: int) -> None:
        run = await self._engine.start(_definition(steps), {}, id=name)
        await run.result()

    async def run_all(self, names: Sequence[str], steps: int, at_once: int) -> None:
        free = asyncio.Semaphore(at_once)

        async def run_when_free(name: str) -> None:
            async with free:
                await self.run(name, steps)

        await asyncio.gather(*map(run_when_free, names))


@asynccontextmanager
async def open_peer(directory: Path, body: Body) -> AsyncIterator[Itonami]:
    """An engine on a store in `directory` that knows one activity, `step`."""

    @activity(name="step")
    async def step() -> dict[str, object]:
        return body()

    async with Engine.open(directory / "state.itonami", activities=[step]) as engine:
        yield Itonami(engine)
