"""`replay`, `verify`, `check`: the commands that audit, and end with 1 where something is not as it should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from itonami.graphstore import Corrupt, InvalidValue, Report, Store, Version
from itonami.graphstore.note import Checkpoint
from itonami.graphstore.proof import ProofFailed
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.kept import checkpoint_in, not_extended, verifier_of
from itonami.workflow.cli.output import bar, emit, note, say
from itonami.workflow.cli.subject import found_run, opened

__all__ = ["check", "replay", "verify"]


@app.command()
def replay(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id.")],
    as_json: AsJson = False,
) -> int:
    """Rebuild a run from its events alone, by its own rules, meeting every recorded delta and root. Where its past was
    pruned, from the first version that was kept."""
    from itonami.workflow.engine import rebuild

    with opened(ctx) as store:
        head = store.head(found_run(store, run))
        start = _pruned_until(store, run)
        versions = head.version if start is None else head.version - start.version
        damage = None
        try:
            with bar("replay") as advance:
                graph = rebuild(store, run, lambda version: advance(version, head.version))
            if graph.root != head.root:
                damage = "the replay does not end at the head's root"
        except Corrupt as error:
            damage = str(error)
    if as_json:
        ended = {"ok": damage is None, "versions": versions, "root": head.root, "damage": damage}
        emit({"run": run, **ended, "from": None if start is None else start.tx})
    elif damage is None:
        since = "" if start is None else f" since TX {start.tx} (those before were pruned)"
        say(f"replay: ok, {versions} versions{since}, root {head.root.hex()}", "green")
    else:
        say(f"replay: {damage}", "bold red")
    return 0 if damage is None else 1


def _pruned_until(store: Store, run: str) -> Version | None:
    """The first version that was kept, where those before it were pruned. O(pruned versions)."""
    first = next((version for version in store.history(run) if not version.pruned), None)
    return None if first is None or first.version == 1 else first


@app.command()
def verify(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint that was kept elsewhere.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The verifier key that must have signed it, or its file."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check every invariant of the store: every record, every root, every index entry.

    A store that somebody rewrote as a whole has no damage in itself. It is caught only against a checkpoint that was
    made before (`itonami checkpoint`) and kept where whoever rewrites the store cannot: with --checkpoint, the log
    must still begin with what that committed to.
    """
    try:
        kept = _kept(checkpoint, key)
        with opened(ctx) as store, bar("verify") as advance:
            report = store.verify(advance)
            if report.ok and kept is not None and not store.log.extends(kept):
                report = replace(report, ok=False, damage=(not_extended(store, kept, str(checkpoint)),))
    except (Corrupt, ProofFailed) as error:  # damaged so far that it cannot be walked, or a forged checkpoint
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


def _kept(checkpoint: Path | None, key: str | None) -> Checkpoint | None:
    if checkpoint is not None:
        found = checkpoint_in(checkpoint, None if key is None else verifier_of(key))
        if key is None:
            note("who signed the checkpoint is not checked without --key")
        return found
    if key is not None:
        raise InvalidValue(
            "nothing is signed by it", where="--key", fix="give the checkpoint with --checkpoint FILE"
        )
    return None


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
