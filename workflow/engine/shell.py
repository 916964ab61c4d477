"""The engine: the thin shell around the core that touches the world.

    request --derive (core)--> derivation --one transaction--> durable --effects--> activities, timers --> request

Transitions of one run are derived in order and queued at once, each on top of the one before, so that completions of one
run share a flush; effects wait until their transition is durable. Clock, executor and randomness are passed in.
Whatever is decided about a run is decided by a rule in the core, never here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from itonami.graphstore import HEADER, Conflict, Graph, ItonamiError, NotFound, Store, Version
from itonami.graphstore.codec import normalise
from itonami.graphstore.ledger import Write
from itonami.rules import NotQuiescent
from itonami.workflow.activities import ActivityContext, Registry, describe, perform
from itonami.workflow.definition import Definition, check_inputs, load_definition, parse_duration
from itonami.workflow.engine import inbox, requests
from itonami.workflow.engine.catalog import Catalog, check_run_id
from itonami.workflow.engine.core import Derivation, RunState
from itonami.workflow.engine.effects import ENDED, Attempt, Effects, effects_of
from itonami.workflow.engine.errors import EngineClosed, RunExists
from itonami.workflow.engine.live import LiveRun, Performance
from itonami.workflow.engine.lock import EngineLock
from itonami.workflow.engine.program import Program
from itonami.workflow.engine.rebuild import rebuild
from itonami.workflow.engine.requests import Request
from itonami.workflow.engine.run import Run
from itonami.workflow.engine.timers import Alarm
from ulid import ULID

__all__ = ["Engine"]

INDICES = ((HEADER, "kind"), (HEADER, "status"), (HEADER, "workflow"), ("Effect", "state"), ("Timer", "due"))
UNFINISHED = ("running", "parked")
WATCH_INTERVAL_S = 0.05
DEFAULT_CONCURRENCY = 1_000
THREADS = 32


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
        concurrency: int = DEFAULT_CONCURRENCY,
        owns_store: bool = False,
    ) -> None:
        self.store = store
        self.registry = Registry(activities)
        self._catalog = Catalog(store)
        self._clock = clock
        self._owns_store = owns_store
        self._lock = EngineLock(store.path)
        self._random = random.Random()  # noqa: S311 - jitter of retries
        self._alarm = Alarm(clock, self._ring)
        self.observers: list[Callable[[Version], None]] = []
        """Called with each version of a run once it is durable, in the loop's thread."""
        self._live: dict[str, LiveRun] = {}
        self._registries: dict[str, Registry] = {}
        self._concurrency = concurrency
        self._performing = 0
        self._queued: deque[tuple[LiveRun, Attempt, Performance]] = deque()
        self._executor: ThreadPoolExecutor | None = None
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
        self._lock.acquire()
        for pair in (*INDICES, inbox.KIND):
            self.store.declare_index(*pair)
        self._open = True
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop: activities under way are abandoned and will be performed again by `resume`."""
        self._open = False
        self._alarm.stop()
        self._queued.clear()
        tasks = [p.task for live in self._live.values() for p in live.performances.values() if p.task]
        if self._watching is not None:
            tasks.append(self._watching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for live in self._live.values():
            live.failure = EngineClosed("the engine was closed", where=f"run {live.run!r}")
            live.wake()
        self._live.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        await self.registry.aclose()
        self._lock.release()
        if self._owns_store:
            await asyncio.to_thread(self.store.close)

    # -- what callers ask ----------------------------------------------------------------------------------

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
        self._check_activities(program)
        run = check_run_id(str(ULID()) if id is None else id)
        if run in self._live or (id is not None and run in self.store):
            raise RunExists("a run of that id is there already", where=f"run {run!r}", fix="choose another id")
        base = await self._catalog.register(program)
        live = LiveRun(RunState(run, program, 0, program.graph, program.head()), base)
        self._live[run] = live
        limit_ms = program.definition.timeout_ms
        due = None if limit_ms is None else self._clock() + timedelta(milliseconds=limit_ms)
        await self._dispatch(live, [requests.start(checked, normalise(attributes), due)])
        return Run(self, run)

    async def resume(self, *runs: str) -> list[Run]:
        """Go on with runs that did not end (all, without names): what was under way is performed again with the same
        idempotency key, what was acknowledged is not. Parked runs are tried again."""
        self._check_open()
        names = runs or [
            graph for status in UNFINISHED for graph, _ in self.store.indexed(HEADER, "status", status)
        ]
        programs = {name: self._catalog.program_of(name) for name in names if name not in self._live}
        for program in programs.values():
            self._check_activities(program)
        for name, program in programs.items():
            await self._wake_up(name, program)
        return [Run(self, name) for name in names]

    def run(self, id: str) -> Run:
        """A run of this store, else `NotFound`."""
        if id not in self._live and self.store.at(id).header.get("kind") != "run":
            raise NotFound(f"{id!r} is no run", where=f"store {self.store.path}")
        return Run(self, id)

    def runs(self, **header: Any) -> list[Version]:
        """The runs whose header has these values: `workflow`, `status`, ..."""
        return list(self.store.graphs(kind="run", **header))

    def rebuild(self, run: str) -> Graph:
        """The run's graph from its events alone, every recorded delta and root met; `Corrupt` else."""
        return rebuild(self.store, run)

    async def cancel(self, run: str, deadline: str | int | None = None) -> None:
        """Ask a run to stop: unstarted steps are cancelled, running ones signalled and awaited (up to `deadline`, a
        duration), then compensation runs."""
        live = self._live.get(run)
        if live is not None and live.state.status == "running":
            due = None if deadline is None else self._after(parse_duration(deadline, "deadline"))
            await self._dispatch(live, [requests.cancel("cancelled", _said("Cancelled", "cancelled by request"), due)])

    async def terminate(self, run: str, reason: str = "terminated by request") -> None:
        """End a run at once, without compensation."""
        live = self._live.get(run)
        if live is not None and live.state.status in UNFINISHED:
            await self._dispatch(live, _termination(live, reason))

    async def settle(self, run: str) -> None:
        """Apply the messages that wait for a run which nobody drives, performing nothing."""
        version, graph = self.store.checkout(run)
        live = LiveRun(RunState(run, self._catalog.program_of(run), version, graph))
        for message in inbox.waiting(self.store):
            if message.run == run and live.state.status in UNFINISHED:
                derivation = self._derive(live, _meaning(live, message, self._after))
                await self.store.commit_async([self._write(live, derivation), inbox.taken(self.store, message)])

    async def ended(self, run: str) -> None:
        """Wait until a run has ended or is parked."""
        live = self._live.get(run)
        if live is None or _rests(live):
            return
        waiter = asyncio.get_running_loop().create_future()
        live.waiters.append(waiter)
        await waiter

    # -- definitions and activities ------------------------------------------------------------------------

    def _program(self, definition: Definition | Mapping[str, Any] | str | Path, version: str | None) -> Program:
        if isinstance(definition, Definition):
            return self._catalog.program(definition.source)
        if isinstance(definition, Mapping):
            return self._catalog.program(definition)
        if isinstance(definition, Path) or Path(definition).suffix:
            return self._catalog.program(load_definition(definition).source)
        return self._catalog.program(self._catalog.latest(definition, version))

    def _registry(self, program: Program) -> Registry:
        if program.name not in self._registries:
            self._registries[program.name] = self.registry.add_declared(program.definition.activities)
        return self._registries[program.name]

    def _check_activities(self, program: Program) -> None:
        registry = self._registry(program)
        for name in sorted(program.activities):
            registry.get(name)

    async def _wake_up(self, run: str, program: Program) -> None:
        version, graph = self.store.checkout(run)
        live = LiveRun(RunState(run, program, version, graph))
        if live.state.status in ENDED:
            return
        self._live[run] = live
        parked = [n.id for n in live.state.head.nodes("Activity") if n.data.get("state") == "parked"]
        if live.state.status == "parked":
            again = [requests.resumed(step, _input_again(live, step)) for step in parked]
            await self._dispatch(live, again or [requests.unpark()])
        self._carry_out(live, effects_of(live.state.head.nodes()))

    # -- transitions ---------------------------------------------------------------------------------------

    def _dispatch(
        self, live: LiveRun, wanted: Sequence[Request], message: inbox.Message | None = None
    ) -> asyncio.Future[Any]:
        """Derive a transition now and queue its commit; effects follow when it is durable."""
        derivation = self._derive(live, wanted)
        effects = effects_of(derivation.touched)
        write = self._write(live, derivation)
        writes = [write] if message is None else [write, inbox.taken(self.store, message)]
        live.unsettled += 1
        committed = self.store.commit_async(writes)
        committed.add_done_callback(partial(self._settled, live, wanted, effects))
        return committed

    def _write(self, live: LiveRun, made: Derivation) -> Write:
        base = live.base if made.version == 1 else None
        return self.store.prepare(live.run, made.version, made.after, made.delta, made.events, base=base)

    def _derive(self, live: LiveRun, wanted: Sequence[Request]) -> Derivation:
        time = self._clock()
        try:
            return live.state.derive(wanted, time)
        except NotQuiescent as error:
            return live.state.derive([requests.park(describe(error))], time)

    def _settled(
        self, live: LiveRun, wanted: Sequence[Request], effects: Effects, committed: asyncio.Future[Any]
    ) -> None:
        live.unsettled -= 1
        error = None if committed.cancelled() else committed.exception()
        if error is None and not live.refused:
            if self._open:
                for observe in self.observers:
                    observe(committed.result()[0])
                self._carry_out(live, effects)
                self._rest(live)
            return
        if error is not None and not isinstance(error, Conflict):
            live.failure = error
        live.refused.append(wanted)
        if live.unsettled == 0:
            self._recover(live)

    def _recover(self, live: LiveRun) -> None:
        """Somebody else wrote to the run, or the store could not take it: forget what was not durable, then derive
        what was refused anew, or let the caller hear why it cannot be."""
        again, live.refused = live.refused, []
        if live.failure is not None or live.run not in self.store:
            self._live.pop(live.run, None)
            for performance in live.performances.values():
                performance.signal()
            live.wake()
            return
        version, graph = self.store.checkout(live.run)
        live.state = RunState(live.run, live.state.program, version, graph)
        self._carry_out(live, effects_of(live.state.head.nodes()))
        for wanted in again:
            self._dispatch(live, wanted)
        self._rest(live)

    def _rest(self, live: LiveRun) -> None:
        """Tell the waiters of a run that has ended or is parked, once all it did is durable."""
        if _rests(live):
            live.wake()
            if live.state.status in ENDED:
                self._live.pop(live.run, None)

    # -- effects -------------------------------------------------------------------------------------------

    def _carry_out(self, live: LiveRun, effects: Effects) -> None:
        for attempt in effects.attempts:
            known = live.performances.get(attempt.step)
            if known is None or known.attempt != attempt.attempt:
                self._admit(live, attempt)
        for step in effects.signals:
            self._signal(live, step)
        for moment, step, attempt_number in effects.timers:
            self._alarm.set(moment, (live.run, step, attempt_number))
        if effects.status == "terminated":
            for performance in live.performances.values():
                performance.signal()

    def _admit(self, live: LiveRun, attempt: Attempt) -> None:
        context = ActivityContext(
            live.run, attempt.step, attempt=attempt.attempt, key=f"{live.run}/{attempt.step}/1"
        )
        performance = live.performances[attempt.step] = Performance(attempt.attempt, context)
        if self._performing < self._concurrency:
            self._perform(live, attempt, performance)
        else:
            self._queued.append((live, attempt, performance))

    def _perform(self, live: LiveRun, attempt: Attempt, performance: Performance) -> None:
        self._performing += 1
        performance.task = asyncio.create_task(self._attempt(live, attempt, performance))
        performance.task.add_done_callback(partial(self._performed, live, attempt.step, performance))

    def _performed(self, live: LiveRun, step: str, performance: Performance, _: asyncio.Task[None]) -> None:
        self._performing -= 1
        if live.performances.get(step) is performance and self._open:
            self._signal(live, step)  # it was cancelled before its first line ran
        while self._queued and self._performing < self._concurrency and self._open:
            live, attempt, performance = self._queued.popleft()
            if live.performances.get(attempt.step) is performance:
                self._perform(live, attempt, performance)

    async def _attempt(self, live: LiveRun, attempt: Attempt, performance: Performance) -> None:
        try:
            request = await self._outcome(live, attempt, performance)
        finally:
            if live.performances.get(attempt.step) is performance:
                del live.performances[attempt.step]
        if self._open and self._live.get(live.run) is live:
            self._dispatch(live, [request])

    async def _outcome(self, live: LiveRun, attempt: Attempt, performance: Performance) -> Request:
        """Perform one attempt and say what came of it."""
        step, number, context = attempt.step, attempt.attempt, performance.context
        program = live.state.program
        activity = self._registry(program).get(attempt.activity)
        performance.by_thread = not activity.is_async
        task = program.tasks[step]
        try:
            output = await perform(
                activity,
                program.arguments(step, attempt.input),
                context,
                executor=self._threads() if performance.by_thread else None,
                timeout_ms=task.timeout_ms,
                lenient=task.mapping is None,
            )
        except asyncio.CancelledError:
            if not self._open or not context.cancelled:
                raise
            return requests.stopped(step)
        except Exception as error:
            if context.cancelled and live.state.head.node_by_id[step].data.get("cancel"):
                return requests.stopped(step)
            said = describe(error)
            policy = program.retry_of(step, activity.retry)
            if said["retryable"] and policy.allows(number, said["type"]):
                delay = policy.delay_ms(number + 1, self._random.random())
                return requests.retried(step, number, said, self._after(delay))
            shielded = live.state.head.node_by_id[step].data.get("shielded", False)
            return requests.failed(step, number, said, shielded=shielded)
        return requests.completed(step, number, output)

    def _signal(self, live: LiveRun, step: str) -> None:
        performance = live.performances.get(step)
        if performance is not None and performance.task is not None and not performance.task.done():
            performance.signal()
            return
        live.performances.pop(step, None)
        self._dispatch(live, [requests.stopped(step)])

    def _threads(self) -> ThreadPoolExecutor:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="itonami-activity")
        return self._executor

    # -- time and messages ---------------------------------------------------------------------------------

    def _after(self, delay_ms: int) -> datetime:
        return self._clock() + timedelta(milliseconds=delay_ms)

    def _ring(self, key: tuple[str, str, int]) -> None:
        run, step, attempt = key
        live = self._live.get(run)
        if live is None or not self._open:
            return
        data = live.state.head.node_by_id[step].data
        if "due" not in data or data["due"] > self._clock():
            return
        if step != HEADER:
            self._dispatch(live, [requests.due(step, attempt)])
        elif "requested" in data:
            self._dispatch(live, [requests.abandon(), *map(requests.stopped, _signalled(live))])
        else:
            self._dispatch(live, [requests.cancel("timed_out", _said("Timeout", "the run took too long"), None)])

    async def _watch(self) -> None:
        """Look for messages of other processes whenever LMDB's last transaction moved: the one poll."""
        seen = -1
        while True:
            last = self.store.last_id
            if last != seen:
                seen = last
                for message in inbox.waiting(self.store):
                    await self._take(message)
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def _take(self, message: inbox.Message) -> None:
        live = self._live.get(message.run)
        if live is None:
            version = self.store.at(message.run).header.get("status")
            if version in ENDED:
                await self.store.commit_async([inbox.taken(self.store, message)])
            return
        wanted = _meaning(live, message, self._after)
        with contextlib.suppress(Conflict):  # it stays in the inbox and is met again at the next look
            await self._dispatch(live, wanted, message)

    def _check_open(self) -> None:
        if not self._open:
            raise EngineClosed("the engine is not open", fix="use it inside `async with`")


def _rests(live: LiveRun) -> bool:
    """Whether nothing more will happen to the run by itself."""
    status = live.state.status
    return (status in ENDED or status == "parked") and live.unsettled == 0


def _said(type: str, message: str) -> dict[str, Any]:
    return {"type": type, "message": message}


def _termination(live: LiveRun, reason: str) -> list[Request]:
    return [requests.terminate(_said("Terminated", reason)), *map(requests.struck, live.state.active())]


def _signalled(live: LiveRun) -> list[str]:
    nodes = live.state.head.nodes("Activity")
    return [n.id for n in nodes if n.data.get("cancel") and n.data.get("state") in ("pending", "backoff")]


def _input_again(live: LiveRun, step: str) -> Any:
    """The input a parked compensation is tried again with; what could not be mapped then may be now."""
    try:
        return live.state.program.input_of(live.state.head, step)
    except ItonamiError:
        return live.state.head.node_by_id[step].data.get("input", {})


def _meaning(
    live: LiveRun, message: inbox.Message, after: Callable[[int], datetime]
) -> list[Request]:
    """The requests that a message stands for."""
    body = message.body
    if message.kind == "terminate":
        return _termination(live, str(body.get("reason", "terminated by request")))
    deadline = body.get("deadline_ms")
    due = after(deadline) if isinstance(deadline, int) else None
    return [requests.cancel("cancelled", _said("Cancelled", str(body.get("reason", "cancelled by request"))), due)]
