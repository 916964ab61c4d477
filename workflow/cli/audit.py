"""`replay`, `verify`, `check`: the commands that audit, and end with 1 where something is not as it should be."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from itonami.graphstore import Corrupt, Report
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.output import emit, say, terminal
from itonami.workflow.cli.subject import found_run, opened

__all__ = ["check", "replay", "verify"]


@app.command()
def replay(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id.")],
    as_json: AsJson = False,
) -> int:
    """Rebuild a run from its events alone, by its own rules, meeting every recorded delta and root."""
    from itonami.workflow.engine import rebuild

    with opened(ctx) as store:
        head = store.head(found_run(store, run))
        damage = None
        try:
            with _bar("replay") as advance:
                graph = rebuild(store, run, lambda done: advance(done, head.version))
            if graph.root != head.root:
                damage = "the replay does not end at the head's root"
        except Corrupt as error:
            damage = str(error)
    if as_json:
        emit(
            {"run": run, "ok": damage is None, "versions": head.version, "root": head.root, "damage": damage}
        )
    elif damage is None:
        say(f"replay: ok, {head.version} versions, root {head.root.hex()}", "green")
    else:
        say(f"replay: {damage}", "bold red")
    return 0 if damage is None else 1


@app.command()
def verify(ctx: typer.Context, as_json: AsJson = False) -> int:
    """Check every invariant of the store: every record, every root, every index entry."""
    try:
        with opened(ctx) as store, _bar("verify") as advance:
            report = store.verify(advance)
    except Corrupt as error:  # damaged so far that it cannot be opened, or walked
        report = Report(ok=False, damage=(str(error),), transactions=0, graphs=0)
    if as_json:
        emit({"ok": report.ok, "damage": report.damage})
    elif report.ok:
        say(f"verify: ok ({report.transactions} transactions, {report.graphs} graphs)", "green")
    else:
        say(f"verify: {len(report.damage)} found", "bold red")
        for finding in report.damage:
            say(f"  {finding}")
    return 0 if report.ok else 1


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A definition.")],
    as_json: AsJson = False,
) -> None:
    """Check a definition without running it."""
    from itonami.workflow.definition import load_definition

    definition = load_definition(file)
    steps = sum(1 for _ in definition.ops())
    if as_json:
        emit({"workflow": definition.id, "version": definition.version, "steps": steps, "ok": True})
    else:
        say(f"{definition.id} {definition.version}: ok, {steps} steps", "green")


@contextlib.contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, told (done, total); nothing elsewhere."""
    console = terminal(sys.stderr)
    if console is None:
        yield lambda done, total: None
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
