"""A driver: one run the engine holds, its transitions on their way to the store, its effects on their way to the world.

    request --derive (core)--> derivation --one transaction--> durable --effects--> stage, alarm --> request
                                              `-- refused: forget what is not durable, derive it anew

Transitions are derived in order and queued at once, each on top of the one before, so that completions of one run share
a flush; effects wait until their transition is durable. Whatever is decided about the run is decided by a rule in the
core, never here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from itonami.graphstore import HEADER, Conflict, InvalidValue, ItonamiError, Store, Version
from itonami.graphstore.committer import Outcome
from itonami.graphstore.write import Write
from itonami.rules import NotQuiescent
from itonami.workflow.activities import ActivityContext, Registry, describe
from itonami.workflow.definition import MappingError
from itonami.workflow.engine import inbox, requests
from itonami.workflow.engine.core import Derivation, RunState
from itonami.workflow.engine.effects import ENDED, Attempt, Effects, effects_of
from itonami.workflow.engine.errors import RunExists
from itonami.workflow.engine.requests import Request
from itonami.workflow.engine.stage import Performance, Stage
from itonami.workflow.engine.timers import Alarm

_KEPT_IN_KEYS = "!#$&'()*+,/:;=?@[]"

__all__ = ["Driver", "World", "write_of"]


@dataclass(frozen=True, slots=True)
class World:
    """All that a driver touches. `forget` is told when a run needs no driver any more."""

    store: Store
    clock: Callable[[], datetime]
    random: Callable[[], float]
    stage: Stage
    alarm: Alarm
    observe: Callable[[Version], None]
    forget: Callable[[Driver], None]


@dataclass(slots=True)
class Transition:
    """Requests on their way to the store, the message they come from, and who waits to hear of it."""

    wanted: Sequence[Request]
    message: inbox.Message | None = None
    told: asyncio.Future[None] | None = None
    instead: bool = False

    def tell(self, error: BaseException | None) -> None:
        if self.told is None or self.told.done():
            return
        if error is None:
            self.told.set_result(None)
        else:
            self.told.set_exception(error)


def write_of(store: Store, run: str, made: Derivation, base: tuple[str, int] | None = None) -> Write:
    """A derivation as a write; `base` is the definition that version 1 starts from."""
    first = made.version == 1
    return store.prepare(
        run,
        made.version,
        made.after,
        made.delta,
        made.events,
        base=base if first else None,
        before=None if first else made.before,
    )


class Driver:
    """Drives one run until it ends, the engine closes, or the store fails (`failure` says why)."""

    def __init__(
        self, world: World, state: RunState, registry: Registry, base: tuple[str, int] | None = None
    ) -> None:
        self.run = state.run
        self.state = state
        self.failure: BaseException | None = None
        self._world = world
        self._registry = registry
        self._base = base
        self._begun = base is None
        self._performances: dict[str, Performance] = {}
        self._unsettled = 0
        self._settling: asyncio.Future[None] | None = None
        self._stale = False  # the state is ahead of a transition that was refused
        self._refused: list[Transition] = []
        self._waiters: list[asyncio.Future[None]] = []

    # -- what the engine asks ------------------------------------------------------------------------------

    async def ask(self, wanted: Sequence[Request], message: inbox.Message | None = None) -> None:
        """Make a transition and wait until it is durable. Raises what the store says, when it cannot be."""
        told = asyncio.get_running_loop().create_future()
        self._advance(Transition(wanted, message, told))
        await told

    async def take(self, message: inbox.Message) -> None:
        """Do what a message asks for, and take it out of the inbox. `Conflict`: it is still there."""
        await self.ask(inbox.meaning(message.kind, message.body, self._world.clock()), message)

    async def resume(self) -> None:
        """Go on: try again what is parked, perform again what was under way."""
        if self.state.status == "parked":
            nodes = self.state.head.nodes("Activity")
            parked = [node.id for node in nodes if node.data.get("state") == "parked"]
            again = [requests.resumed(step, self._input_again(step)) for step in parked]
            halted = "halted" in self.state.header or not again
            await self.ask([requests.unpark(), *again] if halted else again)
        self._carry_out(effects_of(self.state.head.nodes()))
        self._rest()

    async def rest(self) -> None:
        """Wait until the run has ended or is parked. Raises what keeps it from either."""
        if self.failure is not None:
            raise self.failure
        if not self.rests:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def ring(self, step: str, attempt: int) -> None:
        """A moment that was set has come; whether it still matters, the graph says."""
        if self.failure is not None:
            return
        data, now = self.state.step(step), self._world.clock()
        if "due" not in data or data["due"] > now or data.get("attempt", 0) != attempt:
            return
        if step != HEADER:
            self._dispatch([requests.due(step, attempt)])
        elif "requested" in data:
            self._dispatch(requests.abandon())
        else:
            reason = {"type": "Timeout", "message": "the run took too long"}
            self._dispatch([requests.cancel("timed_out", reason, None)])

    async def close(self, reason: BaseException) -> None:
        """Let what is queued become durable, then do no more."""
        if self._unsettled:
            self._settling = asyncio.get_running_loop().create_future()
            await self._settling
        self._give_up(reason)

    @property
    def rests(self) -> bool:
        """Whether nothing more will happen to the run by itself, and all that did is durable."""
        status = self.state.status
        if self._unsettled or status in ENDED:
            return not self._unsettled
        if status != "parked" or self._performances:
            return False
        steps = self.state.head.nodes("Activity")
        return "halted" in self.state.header or all(node.data.get("state") != "backoff" for node in steps)

    # -- transitions ---------------------------------------------------------------------------------------

    def _dispatch(self, wanted: Sequence[Request]) -> None:
        self._advance(Transition(wanted))

    def _advance(self, transition: Transition) -> None:
        """Derive a transition now and queue its commit."""
        if self.failure is not None:
            transition.tell(self.failure)
            return
        if self._stale:
            self._refused.append(transition)
            return
        world = self._world
        try:
            made = self._derive(transition.wanted)
            writes = [write_of(world.store, self.run, made, self._base)]
            if transition.message is not None:
                writes.append(inbox.taken(world.store, transition.message))
            world.store.commit_soon(writes, partial(self._settled, transition, effects_of(made.touched)))
        except Exception as error:  # whatever it is, whoever waits for the run must hear of it
            self._refuse(transition, error)
            return
        self._unsettled += 1

    def _derive(self, wanted: Sequence[Request]) -> Derivation:
        time = self._world.clock()
        try:
            return self.state.derive(wanted, time)
        except NotQuiescent as error:
            if not self._begun:
                raise
            return self.state.derive([requests.park(describe(error))], time)

    def _settled(self, transition: Transition, effects: Effects, outcome: Outcome) -> None:
        self._unsettled -= 1
        if isinstance(outcome, BaseException):
            self._refuse(transition, outcome)
        else:
            self._begun = True
            transition.tell(None)
            self._world.observe(outcome[0])
            self._carry_out(effects)
            self._rest()
        if not self._unsettled and self._settling is not None and not self._settling.done():
            self._settling.set_result(None)

    def _refuse(self, transition: Transition, error: BaseException) -> None:
        """A transition did not become durable, nor can what was derived on top of it. When another writer was in the
        way it is derived anew; when the store cannot hold it, something else is; otherwise the run is given up."""
        self._stale = again = True
        if not self._begun:
            self.failure = RunExists.of(self.run) if isinstance(error, Conflict) else error
        elif isinstance(error, Conflict | InvalidValue) and transition.message is not None:
            transition.tell(error)  # the message is still in the inbox, and met there again
            again = False
        elif isinstance(error, InvalidValue) and not transition.instead:
            transition.instead = True
            transition.wanted = [_instead(request, error) for request in transition.wanted]
        elif not isinstance(error, Conflict):
            self.failure = self.failure or error
        if again:
            self._refused.append(transition)
        if not self._unsettled:
            self._recover()

    def _recover(self) -> None:
        """Forget what is not durable, and derive what was refused from what is."""
        again, self._refused, self._stale = self._refused, [], False
        if self.failure is None:
            try:
                version, graph = self._world.store.checkout(self.run)
            except ItonamiError as error:
                self.failure = error
        if self.failure is not None:
            for transition in again:
                transition.tell(self.failure)
            self._give_up(self.failure)
            return
        self.state = RunState(self.run, self.state.program, version, graph)
        effects = effects_of(self.state.head.nodes())
        for transition in again:
            self._advance(transition)
        self._carry_out(effects)
        self._rest()

    # -- effects -------------------------------------------------------------------------------------------

    def _carry_out(self, effects: Effects) -> None:
        """Do what durable nodes ask for, as far as the run has not moved on meanwhile."""
        if self.failure is not None or "halted" in self.state.header:
            return
        for attempt in effects.attempts:
            self._perform(attempt)
        for step in effects.signals:
            self._signal(step)
        for moment, step, number in effects.timers:
            self._world.alarm.set(moment, (self.run, step, number))
        if self.state.status == "terminated":
            self._stop_all()

    def _perform(self, attempt: Attempt) -> None:
        data, under_way = self.state.step(attempt.step), self._performances.get(attempt.step)
        if data.get("state") != "pending" or data["attempt"] != attempt.attempt or "cancel" in data:
            return
        if under_way is not None and under_way.attempt.attempt == attempt.attempt:
            return
        program = self.state.program
        task = program.tasks[attempt.step]
        key = quote(f"{self.run}/{attempt.step}/1", safe=_KEPT_IN_KEYS)  # it goes into HTTP headers: ASCII
        performance = self._performances[attempt.step] = Performance(
            attempt,
            self._registry.get(attempt.activity),
            program.arguments(self.state.head, attempt.step),
            task.timeout_ms,
            lenient=task.mapping is None,
            context=ActivityContext(self.run, attempt.step, attempt=attempt.attempt, key=key),
            ended=self._ended,
        )
        self._world.stage.add(performance)

    def _signal(self, step: str) -> None:
        """A pending activity is to be cancelled: ask it to stop, or say that it never began."""
        if not _stoppable(self.state.step(step)):
            return
        performance = self._performances.get(step)
        if performance is None or not self._world.stage.stop(performance):
            self._performances.pop(step, None)
            self._dispatch([requests.stopped(step)])

    def _ended(self, performance: Performance, task: asyncio.Task[Any]) -> None:
        step = performance.attempt.step
        if self._performances.get(step) is performance:
            del self._performances[step]
        if self.failure is None:
            request = self._outcome(performance, task)
            if request is not None:
                self._dispatch([request])
            self._rest()

    def _outcome(self, performance: Performance, task: asyncio.Task[Any]) -> Request | None:
        """What came of an attempt; None when it obeyed a signal that nobody waits for any more."""
        step, number = performance.attempt.step, performance.attempt.attempt
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return requests.completed(step, number, task.result())
        if performance.stopping:
            return requests.stopped(step) if _stoppable(self.state.step(step)) else None
        said = describe(error)
        policy = self.state.program.retry_of(step, performance.activity.retry)
        if not said["retryable"] or not policy.allows(number, said["type"]):
            return requests.failed(step, number, said)
        delay_ms = policy.delay_ms(number + 1, self._world.random())
        return requests.retried(step, number, said, self._world.clock() + timedelta(milliseconds=delay_ms))

    def _input_again(self, step: str) -> Any:
        """The input a parked compensation is tried again with; what could not be mapped then may be now."""
        try:
            return self.state.program.input_of(self.state.head, step)
        except MappingError:
            return self.state.step(step).get("input")

    # -- the end -------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Tell the waiters of a run that has ended or is parked; let go of it when nothing of it is under way."""
        if self.failure is None and self.rests:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
            if self.state.status in ENDED and not self._performances:
                self._world.forget(self)

    def _give_up(self, reason: BaseException) -> None:
        """Drive no further: whoever waits hears why, what is under way is asked to stop and not heard any more."""
        self.failure = reason
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(reason)
        self._waiters.clear()
        self._stop_all()
        self._world.forget(self)

    def _stop_all(self) -> None:
        for step, performance in list(self._performances.items()):
            if not self._world.stage.stop(performance):
                del self._performances[step]


def _stoppable(data: dict[str, Any]) -> bool:
    return data.get("state") == "pending" and "cancel" in data


def _instead(request: Request, error: InvalidValue) -> Request:
    """What happens in the place of a request whose transition the store cannot hold: an output that is too large
    fails its step; anything else parks the run."""
    said = describe(error) | {"retryable": False}
    if request.rules == ("activity_completed",):
        return requests.failed(request.anchors["a"], request.params["attempt"], said)
    return requests.park(said)
