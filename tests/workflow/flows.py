"""Definitions in few words, a clock that tests move, and waiting for what a run says."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def act(ref: str, **keys: object) -> dict:
    return {"op": "activity", "activity_ref": ref, **keys}


def seq(*strategies: dict, **keys: object) -> dict:
    return {"op": "seq", "strategies": list(strategies), **keys}


def par(*branches: dict, need: object = "all", **keys: object) -> dict:
    condition = {"at_least": need} if isinstance(need, int) else need
    return {"op": "parallel", "branches": list(branches), "completion_condition": condition, **keys}


def dec(*conditions: tuple[str, dict], default: dict | None = None, **keys: object) -> dict:
    branches = [{"condition": guard, "branch": branch} for guard, branch in conditions]
    return {
        "op": "decision",
        "conditions": branches,
        **({"default_branch": default} if default else {}),
        **keys,
    }


def saga(main: dict, compensation: dict | None = None, **keys: object) -> dict:
    return {
        "op": "saga",
        "main_flow": main,
        **({"compensation": compensation} if compensation else {}),
        **keys,
    }


def flow(strategy: dict, id: str = "flow", inputs: object = (), outputs: object = (), **keys: object) -> dict:
    return {
        "workflow": {
            "id": id,
            "inputs": [one if isinstance(one, dict) else {"name": one} for one in inputs],
            "outputs": [one if isinstance(one, dict) else {"name": one} for one in outputs],
            "strategy": strategy,
            **keys,
        }
    }


ONCE = {"maximum_attempts": 1}
QUICK = {"initial_interval": 1}


class Time:
    """A clock that stands still until it is moved, and the timers that it rings: `Engine(..., **time.settings)`."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._gone: set[int] = set()

    @property
    def settings(self) -> dict[str, object]:
        return {"clock": lambda: self.now, "call_later": self.call_later}

    def call_later(self, delay_s: float, call: Callable[[], None]) -> "Timer":
        number = next(self._numbers)
        heapq.heappush(self._timers, (self.now + timedelta(seconds=delay_s), number, call))
        return Timer(self, number)

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= end:
            self.now, number, call = heapq.heappop(self._timers)
            if number not in self._gone:
                call()
        self.now = end

    @property
    def due_s(self) -> float | None:
        """Seconds until the next timer."""
        waiting = [moment for moment, number, _ in self._timers if number not in self._gone]
        return (min(waiting) - self.now).total_seconds() if waiting else None


class Timer:
    def __init__(self, time: Time, number: int) -> None:
        self._time, self._number = time, number

    def cancel(self) -> None:
        self._time._gone.add(self._number)


async def until(engine, holds: Callable[[], bool]) -> None:
    """Wait until something holds that a transition brings about."""
    met = asyncio.get_running_loop().create_future()

    def look(_: object = None) -> None:
        if not met.done() and holds():
            met.set_result(None)

    engine.observers.append(look)
    look()
    await asyncio.wait_for(met, 20)
    engine.observers.remove(look)


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that no transition tells of."""
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


def step(run, id: str) -> dict:
    """The properties of a step as of now."""
    return run.at().node(id).data


def status(run, id: str) -> str:
    return step(run, id)["status"]


def statuses(run) -> dict[str, str]:
    return {node.id: node["status"] for node in run.at().nodes("Step")}


def events(run) -> list[str]:
    """The names of its events, in order."""
    return [event.name for version in run.history() for event in version.events]


def happened(run, *names: str) -> list[tuple[str, str]]:
    """(event, first matched node) of the events of these names, in order."""
    return [
        (event.name, event.match[0])
        for version in run.history()
        for event in version.events
        if event.name in names
    ]
