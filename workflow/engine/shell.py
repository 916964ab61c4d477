"""The engine: the thin shell around the core that touches the world.

    caller --start, cancel, ...--> engine --a driver a run--> core, store
                                     |`-- stage: attempts of activities         alarm: moments
                                     `--- inbox: messages of other processes

It finds definitions and activities, holds a driver for each run that has not ended, and listens. Clock, timers and
randomness are passed in. Whatever is decided about a run is decided by a rule in the core, never here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from ulid import ULID

from itonami.graphstore import HEADER, Conflict, Graph, NotFound, Store, Version
from itonami.graphstore.codec import normalise
from itonami.workflow.activities import Registry
from itonami.workflow.definition import Definition, check_inputs, load_definition, parse_duration
from itonami.workflow.definition.load import FORMATS
from itonami.workflow.engine import inbox, requests
from itonami.workflow.engine.catalog import Catalog, check_run_id
from itonami.workflow.engine.core import RunState
from itonami.workflow.engine.driver import Driver, World, write_of
from itonami.workflow.engine.effects import ENDED
from itonami.workflow.engine.errors import EngineClosed, RunExists
from itonami.workflow.engine.lock import EngineLock
from itonami.workflow.engine.program import Program
from itonami.workflow.engine.rebuild import rebuild
from itonami.workflow.engine.run import Run
from itonami.workflow.engine.stage import Stage
from itonami.workflow.engine.timers import Alarm, CallLater, Key, loop_call_later

__all__ = ["Engine"]

INDICES = (
    *((HEADER, key) for key in ("kind", "status", "workflow", "started")),
    ("Effect", "state"),
    ("Timer", "due"),
)
UNFINISHED = ("running", "parked")
WATCH_INTERVAL_S = 0.05
DEFAULT_CONCURRENCY = 1_000

_LOG = logging.getLogger("itonami.engine")


def _now() -> datetime:
    return datetime.now(UTC)


class Engine:
    """Drives the runs of one store. `async with Engine.open(path, activities=[...]) as engine:`"""

    def __init__(
        self,
        store: Store,
        activities: Any = (),
        *,
        clock: Callable[[], datetime] = _now,
        call_later: CallLater = loop_call_later,
        random: Callable[[], float] = random.random,
        concurrency: int = DEFAULT_CONCURRENCY,
        owns_store: bool = False,
    ) -> None:
        self.store = store
        self.registry = Registry(activities)
        self.observers: list[Callable[[Version], None]] = []
        """Called with each version of a run once it is durable, in the loop's thread."""
        self._catalog = Catalog(store)
        self._owns_store = owns_store
        self._lock = EngineLock(store.path)
        self._world = World(
            store,
            clock,
            random,
            Stage(concurrency),
            Alarm(clock, call_later, self._ring),
            self._observe,
            self._forget,
        )
        self._drivers: dict[str, Driver] = {}
        self._registries: dict[str, Registry] = {}
        self._listening = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._open = False

    @classmethod
    def open(cls, store: str | Path | Store, activities: Any = (), **settings: Any) -> Engine:
        """An engine on a store, or on the store at a path. Entering it takes the store's engine lock."""
        if isinstance(store, Store):
            return cls(store, activities, **settings)
        return cls(Store.open(store), activities, owns_store=True, **settings)

    @classmethod
    def memory(cls, activities: Any = (), **settings: Any) -> Engine:
        """An engine on a store that lasts as long as it."""
        return cls(Store.memory(), activities, owns_store=True, **settings)

    async def __aenter__(self) -> Engine:
        try:
            self._lock.acquire()
            for pair in (*INDICES, inbox.KIND):
                self.store.declare_index(*pair)
        except BaseException:
            await self.aclose()
            raise
        self._open = True
        self._watching = asyncio.create_task(self._watch(), name="itonami inbox")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop: activities under way are abandoned and will be performed again by `resume`."""
        self._open = False
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._world.alarm.stop()
        await self._world.stage.close()
        for driver in list(self._drivers.values()):
            await driver.close(EngineClosed("the engine was closed", where=f"run {driver.run!r}"))
        await self.registry.aclose()
        self._lock.release()
        if self._owns_store:
            await asyncio.to_thread(self.store.close)

    # -- runs ----------------------------------------------------------------------------------------------

    async def start(
        self,
        definition: Definition | Mapping[str, Any] | str | Path,
        inputs: Mapping[str, Any] | None = None,
        *,
        id: str | None = None,
        version: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Run:
        """Start a run, durably, of a definition: an object, a file, or the id of one this store knows. Raises, with
        nothing written, `DefinitionError`, `InputError`, `UnknownActivity`, or `RunExists`."""
        self._check_open()
        program = self._program(definition, version)
        checked = check_inputs(program.definition, inputs or {})
        registry = self._registry_of(program)
        run = check_run_id(str(ULID()) if id is None else id)
        if run in self._drivers or (id is not None and run in self.store):
            raise RunExists.of(run)
        base = await self._catalog.register(program)
        self._check_open()
        if run in self._drivers:
            raise RunExists.of(run)
        driver = Driver(self._world, RunState(run, program, 0, program.graph, program.head()), registry, base)
        self._drivers[run] = driver
        limit_ms = program.definition.timeout_ms
        due = None if limit_ms is None else self._world.clock() + timedelta(milliseconds=limit_ms)
        await driver.ask([requests.start(checked, normalise(attributes), due)])
        return Run(self, run)

    async def resume(self, *runs: str) -> list[Run]:
        """Go on with runs that did not end (all, without names): what was under way is performed again with the same
        idempotency key, what was acknowledged is not. Parked runs are tried again. Raises `NotFound` or
        `UnknownActivity`, with nothing done."""
        self._check_open()
        names = list(dict.fromkeys(runs)) or [
            graph for status in UNFINISHED for graph, _ in self.store.indexed(HEADER, "status", status)
        ]
        drivers = [driver for name in names if (driver := self._drivers.get(name) or self._loaded(name))]
        self._drivers |= {driver.run: driver for driver in drivers}
        for message in inbox.waiting(self.store):
            if message.run in names:
                await self._hear(message)
        for driver in drivers:
            if driver.run in self._drivers:
                await driver.resume()
        return [Run(self, name) for name in names]

    def run(self, id: str) -> Run:
        """A run of this store, else `NotFound`."""
        if id not in self._drivers and self.store.at(id).header.get("kind") != "run":
            raise NotFound(f"{id!r} is no run", where=f"store {self.store.name}")
        return Run(self, id)

    def runs(self, **header: Any) -> list[Version]:
        """The runs whose header has these values: `workflow`, `status`, ..."""
        return list(self.store.graphs(kind="run", **header))

    def rebuild(self, run: str) -> Graph:
        """The run's graph from its events alone, every recorded delta and root met; `Corrupt` else."""
        return rebuild(self.store, run)

    async def ended(self, run: str) -> None:
        """Wait until a run has ended or is parked. One that nobody drives is not waited for."""
        driver = self._drivers.get(run)
        if driver is not None:
            await driver.rest()

    # -- messages ------------------------------------------------------------------------------------------

    async def cancel(self, run: str, deadline: str | int | None = None) -> None:
        """Ask a run to stop: unstarted steps are cancelled, running ones signalled and awaited (up to `deadline`, a
        duration), then compensation runs. A run that nobody drives does so when it is resumed."""
        await self._tell(
            run, "cancel", {} if deadline is None else {"deadline_ms": parse_duration(deadline, "deadline")}
        )

    async def terminate(self, run: str, reason: str = "terminated by request") -> None:
        """End a run at once, without compensation."""
        await self._tell(run, "terminate", {"reason": reason})

    async def settle(self, run: str) -> None:
        """Apply the messages that wait for a run which nobody drives, performing nothing."""
        program = self._catalog.program_of(run)
        async with self._listening:
            for message in inbox.waiting(self.store, run):
                state = RunState(run, program, *self.store.checkout(run))
                writes = [inbox.taken(self.store, message)]
                if state.status in UNFINISHED:
                    now = self._world.clock()
                    made = state.derive(inbox.meaning(message.kind, message.body, now), now)
                    writes.append(write_of(self.store, run, made))
                for version in (await self.store.commit_async(writes))[1:]:
                    self._observe(version)

    async def _tell(self, run: str, kind: str, body: dict[str, Any]) -> None:
        self._check_open()
        driver = self._drivers.get(run)
        if driver is None:
            await asyncio.to_thread(inbox.post, self.store, run, kind, body)
            if kind == "terminate":
                await self.settle(run)
        elif driver.state.status not in ENDED:
            await driver.ask(inbox.meaning(kind, body, self._world.clock()))

    async def _watch(self) -> None:
        """Look for messages of other processes whenever LMDB's last transaction moved: the one poll."""
        seen = -1
        while True:
            last = self.store.last_id
            if last != seen:
                seen = last
                for message in inbox.waiting(self.store):
                    await self._hear(message)
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def _hear(self, message: inbox.Message) -> None:
        """Do what a message asks for; to a run that nobody drives it waits, unless it ends it."""
        driver = self._drivers.get(message.run)
        try:
            if driver is not None:
                async with self._listening:
                    if inbox.still_waits(self.store, message):
                        await driver.take(message)
            elif message.kind == "terminate" or self.store.at(message.run).header["status"] in ENDED:
                await self.settle(message.run)
        except Conflict:
            return  # somebody else was faster: it is still in the inbox, and seen at the next look
        except Exception as error:  # whatever is wrong with one message, the next one is heard
            _LOG.warning("a message to run %r was not heard: %s", message.run, error)

    # -- definitions and activities ------------------------------------------------------------------------

    def _program(
        self, definition: Definition | Mapping[str, Any] | str | Path, version: str | None
    ) -> Program:
        if isinstance(definition, Definition):
            return self._catalog.program(definition.source)
        if isinstance(definition, Mapping):
            return self._catalog.program(definition)
        if isinstance(definition, Path) or Path(definition).suffix.lower() in FORMATS:
            return self._catalog.program(load_definition(definition).source)
        return self._catalog.program(self._catalog.latest(definition, version))

    def _registry_of(self, program: Program) -> Registry:
        """The activities of a program's runs. Raises `UnknownActivity` unless all of them are known."""
        registry = self._registries.get(program.name)
        if registry is None:
            registry = self.registry.add_declared(program.definition.activities)
            self._registries[program.name] = registry
        for name in sorted(program.activities):
            registry.get(name)
        return registry

    def _loaded(self, run: str) -> Driver | None:
        """A driver of a run that has not ended, from what the store says of it."""
        program = self._catalog.program_of(run)
        state = RunState(run, program, *self.store.checkout(run))
        return None if state.status in ENDED else Driver(self._world, state, self._registry_of(program))

    # -- what drivers ask ----------------------------------------------------------------------------------

    def _ring(self, key: Key) -> None:
        run, step, attempt = key
        driver = self._drivers.get(run)
        if driver is not None:
            driver.ring(step, attempt)

    def _observe(self, version: Version) -> None:
        for observe in self.observers:
            try:
                observe(version)
            except Exception:  # an onlooker's fault is no fault of the run
                _LOG.exception("an observer failed at TX %s of run %r", version.tx, version.graph)

    def _forget(self, driver: Driver) -> None:
        if self._drivers.get(driver.run) is driver:
            del self._drivers[driver.run]

    def _check_open(self) -> None:
        if not self._open:
            raise EngineClosed("the engine is not open", fix="use it inside `async with`")
