"""`run`, `resume`, `cancel`, `terminate`: the commands that move runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from itonami.graphstore import InvalidValue, Store, StoreBusy, Version
from itonami.workflow.activities import load_activities
from itonami.workflow.cli.app import AsJson, app, opened
from itonami.workflow.cli.output import console, emit, progress, run_json
from itonami.workflow.definition import InputError, load_definition, parse_duration
from itonami.workflow.engine import Engine, Run, inbox

__all__: list[str] = []

Activities = Annotated[Path | None, typer.Option(help="A Python file; every activity in it is registered.")]


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
    definition = load_definition(file)
    inputs = _inputs(input)

    async def body(engine: Engine) -> list[Run]:
        return [await engine.start(definition, inputs, id=id)]

    return asyncio.run(_drive(ctx.obj.store, activities, body, as_json=as_json, create=True))


@app.command()
def resume(
    ctx: typer.Context,
    runs: Annotated[list[str] | None, typer.Argument(help="Run ids (default: every unfinished run).")] = None,
    activities: Activities = None,
    as_json: AsJson = False,
) -> int:
    """Go on with runs that a crash or Ctrl-C interrupted, or that are parked."""

    async def body(engine: Engine) -> list[Run]:
        return await engine.resume(*runs or ())

    return asyncio.run(_drive(ctx.obj.store, activities, body, as_json=as_json, create=False))


@app.command()
def cancel(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id.")],
    deadline: Annotated[str | None, typer.Option(help="How long running activities are awaited.")] = None,
    as_json: AsJson = False,
) -> int:
    """Ask a run to stop, with compensation. The engine that drives it sees this at once, else `resume` does."""
    body = {} if deadline is None else {"deadline_ms": parse_duration(deadline, "--deadline")}
    return _send(ctx, run, "cancel", body, as_json=as_json)


@app.command()
def terminate(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id.")],
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "terminated by request",
    as_json: AsJson = False,
) -> int:
    """End a run at once, without compensation."""
    return _send(ctx, run, "terminate", {"reason": reason}, as_json=as_json)


def _send(ctx: typer.Context, run: str, kind: str, body: dict[str, Any], *, as_json: bool) -> int:
    with opened(ctx, write=True) as store:
        inbox.post(store, run, kind, body)
        if kind == "terminate":
            asyncio.run(_settle(store, run))
        status = store.at(run).header["status"]
    if as_json:
        emit({"run": run, "requested": kind, "status": status})
    else:
        console.print(f"{kind} of {run} requested; it is {status}", markup=False)
    return 0


async def _settle(store: Store, run: str) -> None:
    """Where no engine drives the store, the message is applied here; a running engine takes it itself."""
    try:
        async with Engine.open(store) as engine:
            await engine.settle(run)
    except StoreBusy:
        return


def _inputs(text: str) -> dict[str, Any]:
    where = "--input"
    if text.startswith("@"):
        path = Path(text[1:])
        where = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the file cannot be read: {error}", where=where) from error
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"no JSON: {error.msg} at line {error.lineno} column {error.colno}", where=where, fix="pass an object"
        ) from error
    if not isinstance(value, dict):
        raise InputError("the inputs must be an object", where=where, fix='pass e.g. {"name": "value"}')
    return value


async def _drive(
    path: Path,
    activities: Path | None,
    begin: Callable[[Engine], Awaitable[Sequence[Run]]],
    *,
    as_json: bool,
    create: bool,
) -> int:
    registry = load_activities(activities) if activities is not None else ()
    with Store.open(path, create=create) as store:
        async with Engine.open(store, registry) as engine:
            engine.observers.append(_narrator())
            runs = await begin(engine)
            for handle in runs:
                progress.print(f"run {handle.id}", markup=False)
            await asyncio.gather(*(engine.ended(handle.id) for handle in runs))
        found = [run_json(handle.id, store.head(handle.id).tx, store.at(handle.id)) for handle in runs]
    _report(found, as_json=as_json)
    return 0 if all(entry["status"] == "succeeded" for entry in found) else 1


def _report(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit(found[0] if len(found) == 1 else found)
        return
    for entry in found:
        console.print(f"{entry['run']} {entry['status']}", markup=False)
        shown = entry["result"] if entry["status"] == "succeeded" else entry["error"]
        console.print_json(data=_jsonable(shown))


def _jsonable(value: Any) -> Any:
    from itonami.workflow.cli.output import plain

    return plain(value)


_NARRATED = {
    "ActivityScheduled": "[cyan]>[/] {step}",
    "ActivityCompleted": "[green]ok[/] {step}",
    "ActivityFailed": "[red]failed[/] {step}: {message}",
    "ActivityTimedOut": "[red]timed out[/] {step}: {message}",
    "ActivityRetryScheduled": "[yellow]again[/] {step}: {message}",
    "ActivityCancelled": "[yellow]cancelled[/] {step}",
    "ActivityParked": "[red]parked[/] {step}: {message}",
    "CompensationStarted": "[yellow]compensating[/] {step}",
    "RunCancelRequested": "[yellow]cancel requested[/]",
}


def _narrator() -> Callable[[Version], None]:
    """Progress on stderr: a line for each thing that happens to an activity."""
    from rich.markup import escape

    def tell(version: Version) -> None:
        for event in version.events:
            line = _NARRATED.get(event.name)
            if line is None:
                continue
            error = event.data.get("error") if isinstance(event.data, dict) else None
            message = error.get("message", "") if isinstance(error, dict) else ""
            step = event.match[0] if event.match else ""
            progress.print("  " + line.format(step=escape(step), message=escape(str(message))))

    return tell


def checked_limit(limit: int) -> int:
    """A positive number of rows."""
    if limit < 1:
        raise InvalidValue(f"the limit must be at least 1, not {limit}")
    return limit
