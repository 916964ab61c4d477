"""`replay`, `verify`, `check`: the commands that audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from itonami.graphstore import Corrupt
from itonami.workflow.cli.app import AsJson, app, opened
from itonami.workflow.cli.output import console, emit, progress
from itonami.workflow.definition import load_definition
from itonami.workflow.engine import rebuild

__all__: list[str] = []


@app.command()
def replay(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id.")],
    as_json: AsJson = False,
) -> int:
    """Rebuild a run from its events alone, by its own rules, meeting every recorded delta and root."""
    with opened(ctx) as store:
        head = store.head(run)
        try:
            graph = rebuild(store, run)
            damage = None if graph.root == head.root else "the replay does not end at the head's root"
        except Corrupt as error:
            damage = str(error)
    if as_json:
        emit({"run": run, "ok": damage is None, "versions": head.version, "root": head.root, "damage": damage})
    elif damage is None:
        console.print(f"replay: ok, {head.version} versions, root {head.root.hex()}", markup=False)
    else:
        console.print(f"replay: {damage}", markup=False)
    return 0 if damage is None else 1


@app.command()
def verify(ctx: typer.Context, as_json: AsJson = False) -> int:
    """Check every invariant of the store."""
    with opened(ctx) as store, Progress(console=progress, transient=True) as bar:
        task = bar.add_task("verify", total=None)
        report = store.verify(lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        emit({"ok": report.ok, "damage": report.damage})
    elif report.ok:
        console.print(f"verify: ok ({report.transactions} transactions, {report.graphs} graphs)", markup=False)
    else:
        console.print(f"verify: {len(report.damage)} findings", markup=False)
        for finding in report.damage:
            console.print(f"  {finding}", markup=False)
    return 0 if report.ok else 1


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A definition.")],
    as_json: AsJson = False,
) -> None:
    """Check a definition without running it."""
    definition = load_definition(file)
    steps = sum(1 for _ in definition.ops())
    if as_json:
        emit({"workflow": definition.id, "version": definition.version, "steps": steps, "ok": True})
    else:
        console.print(f"{definition.id} {definition.version}: ok, {steps} steps", markup=False)
