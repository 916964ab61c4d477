"""`run`, `resume`, `cancel`, `terminate`: the commands that move runs.

Whatever can be wrong with what the user passed is found before the store is opened for writing, so that bad
input writes nothing and makes no store. Ctrl-C leaves a run as a crash would, for `resume`. How a run moves is
the engine's.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itonami.graphstore import InvalidValue, Store, StoreBusy
from itonami.workflow.cli.app import DEFAULT_STORE, AsJson, Interrupted, app
from itonami.workflow.cli.documents import run_document
from itonami.workflow.cli.output import emit, note, plain, say
from itonami.workflow.cli.progress import error_text, shown
from itonami.workflow.cli.subject import ENDED, LOOK_INTERVAL_S, found_run, opened

if TYPE_CHECKING:
    from itonami.workflow.activities import Registry
    from itonami.workflow.definition import Definition
    from itonami.workflow.engine import Engine

__all__ = ["cancel", "resume", "run", "terminate"]

UNFINISHED = ("running", "parked")
TAKEN_WITHIN_S = 2.0

Activities = Annotated[Path | None, typer.Option(help="A Python file; every activity in it is registered.")]
RunId = Annotated[str, typer.Argument(help="The run's id.")]


@app.command()
def run(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A definition: .kotoba, .jsonnet, .json or .yaml.")],
    input: Annotated[str, typer.Option(help="The inputs: JSON, or @FILE.")] = "{}",
    activities: Activities = None,
    id: Annotated[str | None, typer.Option(help="The run's id (default: a new ULID).")] = None,
    as_json: AsJson = False,
) -> int:
    """Run a workflow to its end."""
    from itonami.workflow.definition import check_inputs, load_definition

    definition = load_definition(file)
    inputs = check_inputs(definition, _inputs(input))
    registry = _registry(activities)
    _check_activities(definition, registry, str(file))
    name = _new_id(ctx.obj.store, id)
    _rehearse(name, definition, inputs)

    async def begin(engine: Engine) -> None:
        await engine.start(definition, inputs, id=name)

    with Store.open(ctx.obj.store) as store:
        return _driven(store, registry, [name], begin, as_json=as_json, again=_again(ctx, activities))


@app.command()
def resume(
    ctx: typer.Context,
    runs: Annotated[list[str] | None, typer.Argument(help="Run ids (default: every unfinished run).")] = None,
    activities: Activities = None,
    as_json: AsJson = False,
) -> int:
    """Go on with runs that a crash or Ctrl-C interrupted, or that are parked."""
    registry = _registry(activities)
    with opened(ctx, write=True) as store:
        names = [found_run(store, name) for name in dict.fromkeys(runs or ())] or _unfinished(store)
        for name in names:
            if store.at(name).header["status"] in ENDED:
                note(f"run {name} has ended; there is nothing to resume")
                continue
            _check_activities(_definition_of(store, name), registry, f"run {name!r}")

        async def begin(engine: Engine) -> None:
            await engine.resume(*names)

        if names:
            return _driven(
                store, registry, names, begin, as_json=as_json, again=_again(ctx, activities), resumed=True
            )
    if as_json:
        emit([])
    else:
        say("nothing is unfinished")
    return 0


@app.command()
def cancel(
    ctx: typer.Context,
    run: RunId,
    deadline: Annotated[str | None, typer.Option(help="How long running activities are awaited.")] = None,
    as_json: AsJson = False,
) -> int:
    """Ask a run to stop, with compensation. The engine that drives it sees this at once, else `resume` does."""
    from itonami.workflow.definition import parse_duration

    body = {} if deadline is None else {"deadline_ms": parse_duration(deadline, "--deadline")}
    return _request(ctx, run, "cancel", body, as_json=as_json)


@app.command()
def terminate(
    ctx: typer.Context,
    run: RunId,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "terminated by request",
    as_json: AsJson = False,
) -> int:
    """End a run at once, without compensation."""
    return _request(ctx, run, "terminate", {"reason": reason}, as_json=as_json)


# -- before anything is written ----------------------------------------------------------------------------


def _inputs(text: str) -> dict[str, Any]:
    """The inputs as the user passed them: JSON, or the file after an @."""
    from itonami.workflow.definition import InputError

    where, fix = "--input", 'pass an object such as \'{"name": "value"}\', or @FILE'
    if text.startswith("@"):
        where = text[1:]
        try:
            text = Path(where).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"the file of inputs cannot be read ({error.strerror})", where=where, fix=fix
            ) from error
        except UnicodeDecodeError as error:
            raise InputError("the file of inputs is no UTF-8", where=where, fix="save it as UTF-8") from error
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"the inputs are no JSON: {error.msg} at {place}", where=where, fix=fix) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the inputs cannot be read: {error}", where=where, fix=fix) from error
    if not isinstance(value, dict):
        raise InputError("the inputs are no object", where=where, fix=fix)
    return value


def _registry(path: Path | None) -> Registry:
    from itonami.workflow.activities import Registry, load_activities

    return Registry() if path is None else load_activities(path)


def _check_activities(definition: Definition, registry: Registry, where: str) -> None:
    """Refuse a definition that refers to what nobody registered."""
    from itonami.workflow.activities import UnknownActivity
    from itonami.workflow.definition import Activity

    known = registry.add_declared(definition.activities)
    for op in definition.ops():
        if isinstance(op, Activity) and op.activity_ref not in known:
            raise UnknownActivity(op.activity_ref, known.names(), where=f"{where}, step {op.id!r}")


def _new_id(path: Path, id: str | None) -> str:
    """The id of a run to be, once it may be one and is not taken."""
    from itonami.workflow.engine import RunExists
    from itonami.workflow.engine.catalog import check_run_id

    if id is None:
        from ulid import ULID

        return str(ULID())
    try:
        check_run_id(id)
    except InvalidValue as error:
        raise InvalidValue(error.what, where="--id", fix=error.fix or "choose another") from error
    if path.exists():
        with Store.open(path, create=False, read_only=True) as store:
            if id in store:
                raise RunExists.of(id)
    return id


def _rehearse(run: str, definition: Definition, inputs: dict[str, Any]) -> None:
    """Derive the run's first transition as the engine will, and throw it away: values and sizes that no store
    takes are refused before there is one. O(definition)."""
    from datetime import UTC, datetime

    from itonami.graphstore.write import Write, check_size
    from itonami.workflow.definition import InputError
    from itonami.workflow.engine import RunState, requests
    from itonami.workflow.engine.program import Program
    from itonami.workflow.patterns import RULESET

    program, now = Program(definition, RULESET), datetime.now(UTC)
    state = RunState(run, program, 0, program.graph, program.head())
    try:
        made = state.derive([requests.start(inputs, None, now)], now)
        base = program.name, 1
        check_size([Write.make(run, made.version, made.after, made.delta, made.events, base=base)])
    except InvalidValue as error:
        fix = error.fix or "pass something smaller"
        raise InputError(
            f"the run cannot start: {error.what}", where=error.where or "--input", fix=fix
        ) from error


def _definition_of(store: Store, run: str) -> Definition:
    from itonami.workflow.engine.catalog import Catalog

    return Catalog(store).program_of(run).definition


def _unfinished(store: Store) -> list[str]:
    found = (store.graphs(kind="run", status=status) for status in UNFINISHED)
    return [version.graph for versions in found for version in versions]


# -- driving -----------------------------------------------------------------------------------------------


def _again(ctx: typer.Context, activities: Path | None) -> Callable[[str], str]:
    """How to say which command resumes a run: as it can be pasted."""
    store: Path = ctx.obj.store
    before = [] if store == DEFAULT_STORE else ["--store", str(store)]
    after = [] if activities is None else ["--activities", str(activities)]
    return lambda run: f"`{shlex.join(['itonami', *before, 'resume', run, *after])}`"


def _driven(
    store: Store,
    registry: Registry,
    names: list[str],
    begin: Callable[[Engine], Awaitable[None]],
    *,
    as_json: bool,
    again: Callable[[str], str],
    resumed: bool = False,
) -> int:
    """Drive runs until each has ended or is parked, show it, and report."""
    try:
        asyncio.run(_drive(store, registry, names, begin, resumed=resumed))
    except KeyboardInterrupt:
        commands = " and ".join(again(name) for name in names[:3] if name in store)
        what = "interrupted" if commands else "interrupted before the run began"
        fix = f"{commands} goes on where it was" if commands else None
        raise Interrupted(what, fix=fix) from None
    found = [run_document(name, store.head(name).tx, store.at(name)) for name in names]
    if as_json:
        emit(found[0] if len(found) == 1 else found)
    else:
        _report(found, again)
    return 0 if all(entry["status"] == "succeeded" for entry in found) else 1


async def _drive(
    store: Store,
    registry: Registry,
    names: list[str],
    begin: Callable[[Engine], Awaitable[None]],
    *,
    resumed: bool,
) -> None:
    from itonami.workflow.engine import Engine

    with shown(store, several=len(names) > 1) as display:
        async with Engine.open(store, registry) as engine:
            engine.observers.append(display.observe)
            for name in names if resumed else ():
                display.begin(name)
            await begin(engine)
            await asyncio.gather(*map(engine.ended, names))


_COLOURS = {"succeeded": "bold green", "parked": "bold yellow"}


def _report(found: list[dict[str, Any]], again: Callable[[str], str]) -> None:
    for entry in found:
        status = entry["status"]
        why = error_text(entry["error"]) if status != "succeeded" else ""
        say(f"{entry['run']} {status}{f': {why}' if why else ''}", _COLOURS.get(status, "bold red"))
        if status == "succeeded":
            say(json.dumps(plain(entry["result"]), ensure_ascii=False, indent=2))
        elif status == "parked":
            note(f"{again(entry['run'])} tries it again")


# -- messages ----------------------------------------------------------------------------------------------


def _request(ctx: typer.Context, run: str, kind: str, body: dict[str, Any], *, as_json: bool) -> int:
    from itonami.workflow.engine import inbox

    with opened(ctx, write=True) as store:
        status = store.at(found_run(store, run)).header["status"]
        if status in ENDED:
            raise InvalidValue(
                f"the run has ended {status}", where=f"run {run!r}", fix=f"there is nothing to {kind}"
            )
        inbox.post(store, run, kind, body)
        if kind == "terminate":
            asyncio.run(_settled(store, run))
        status = store.at(run).header["status"]
        driven = _is_driven(store)
    if as_json:
        emit({"run": run, "requested": kind, "status": status})
    elif status in ENDED:
        say(f"{run} is {status}")
    else:
        who = (
            "the engine that drives it takes it up"
            if driven
            else "no engine drives it now: `resume` takes it up"
        )
        say(f"{kind} of {run} is requested; it is {status}; {who}")
    return 0


def _is_driven(store: Store) -> bool:
    """Whether an engine holds the store."""
    from itonami.workflow.engine.lock import EngineLock

    lock = EngineLock(store.path)
    try:
        lock.acquire()
    except StoreBusy:
        return True
    lock.release()
    return False


async def _settled(store: Store, run: str) -> None:
    """Where no engine drives the store the message is applied here; a running engine takes it, which is waited
    for: watching LMDB's last transaction is the one way to hear of another process."""
    from itonami.workflow.engine import Engine

    try:
        async with Engine.open(store) as engine:
            await engine.settle(run)
    except StoreBusy:
        until = time.monotonic() + TAKEN_WITHIN_S
        while store.at(run).header["status"] not in ENDED and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_INTERVAL_S)
