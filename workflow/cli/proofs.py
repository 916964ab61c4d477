"""`checkpoint`, `prove`, `verify-proof`: how somebody who does not trust this machine checks what it says.

    checkpoint  ->  size and root of the log, signed       kept elsewhere, for `verify --checkpoint`
      --new-key ->  secret key, verifier key               the second is published
    prove       ->  one node or edge at one moment, with the way from it to a checkpoint
    verify-proof    needs that file and the verifier key, or a root of the log: no store

What is proved and how is `graphstore`'s; files are `kept`'s.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from itonami.graphstore import InvalidValue, Node, NotFound
from itonami.graphstore.note import Checkpoint, Signer
from itonami.graphstore.proof import ProofFailed, StateProof, check
from itonami.graphstore.verifier import MAX_BYTES
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.kept import (
    checkpoint_in,
    content_of,
    new_file,
    not_extended,
    signer_in,
    text_of,
    verifier_of,
)
from itonami.workflow.cli.output import emit, note, plain, say
from itonami.workflow.cli.subject import POINTS, checked_point, found, opened

NEW_KEY = Path("itonami.key")

__all__ = ["checkpoint", "prove", "verify_proof"]

Key = Annotated[Path | None, typer.Option(metavar="FILE", help="The secret key that signs it.")]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a new file instead.")]


@app.command()
def checkpoint(
    ctx: typer.Context,
    key: Key = None,
    new_key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Make an Ed25519 key first, under a name like example.com/orders: the secret goes to the file that "
            f"--key names, or {NEW_KEY}, the verifier key is told, to be published.",
        ),
    ] = None,
    since: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An older checkpoint, which the log must extend.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Print a checkpoint of the log, as a signed note (C2SP tlog-checkpoint): what the whole store comes to now.

    Keep it where whoever can write to the store cannot: `itonami verify --checkpoint` then tells whether anything was
    rewritten since. With --since, `--json` holds the proof that the log extends the older one (RFC 9162, 2.1.4).
    """
    if new_key is not None:
        signer: Signer | None = _made(new_key)
        key = key or NEW_KEY
    else:
        signer = None if key is None else signer_in(key)
    old = None if since is None else checkpoint_in(since)
    with opened(ctx) as store:
        text = store.log.checkpoint(signer)
        made = Checkpoint.parse(text_of(text))
        if old is not None and not store.log.extends(old):
            raise ProofFailed(not_extended(store, old, str(since)), fix="see `itonami verify --help`")
        proof = [] if old is None or not old.size else store.log.consistency(old.size, made.size)
    if new_key is not None and key is not None and signer is not None:
        new_file(key, f"{signer}\n", secret=True)
        note(f"the secret key is in {key}; the verifier key, to be published, is {signer.verifier}")
    if out is not None:
        new_file(out, text)
    if signer is None:
        note("it is not signed, so it is worth what the place is where you keep it; --key FILE signs it")
    if as_json:
        said = {"origin": made.origin, "size": made.size, "root": made.root}
        signed_by = None if signer is None else str(signer.verifier)
        consistency = None if old is None else {"size": old.size, "root": old.root, "proof": proof}
        emit({"checkpoint": text, **said, "verifier": signed_by, "consistency": consistency})
    elif out is not None:
        say(f"checkpoint: {out}, {made.size} transactions", "green")
    else:
        _print(text)


def _made(name: str) -> Signer:
    """A new key under a name."""
    try:
        return Signer.generate(name)
    except InvalidValue as error:
        raise InvalidValue(error.what, where="--new-key", fix=error.fix) from error


@app.command()
def prove(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id, or any graph's name.")],
    node: Annotated[
        str | None, typer.Option(metavar="ID", help="The node, or that there is none of this id.")
    ] = None,
    edge: Annotated[str | None, typer.Option(metavar="ID", help="Or the edge.")] = None,
    at: Annotated[str, typer.Option("--at", help=POINTS)] = "HEAD",
    key: Key = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Prove to anybody what a run's node or edge was at a moment: prints a file for `itonami verify-proof`.

    It holds all that leads from the node to a checkpoint of the log, in JSON. It stays good when the version is pruned.
    """
    if (node is None) == (edge is None):
        raise InvalidValue("one node or edge is proved", where="prove", fix="give --node ID or --edge ID")
    point = checked_point(at, "--at")
    signer = None if key is None else signer_in(key)
    with opened(ctx) as store:
        proof = store.prove(found(store, run), node or edge or "", point, signer=signer)
        _check_kind(proof, node is not None)
        text = proof.text()
    made = Checkpoint.parse(text_of(proof.checkpoint))
    if out is None:
        _print(text)
    else:
        new_file(out, text)
        said = {"graph": run, "id": proof.id, "there": proof.element is not None}
        log = {"log": made.origin, "size": made.size, "root": made.root}
        if as_json:
            emit({"proof": str(out), **said, **log})
        else:
            say(f"proof: {out}", "green")
    if proof.element is None:
        note(f"there is no node {proof.id!r} at that point: this is what it proves")
    if signer is None:
        note(f"it is not signed: whoever checks it must know the root of the log, {made.root.hex()}")


def _check_kind(proof: StateProof, node: bool) -> None:
    """Refuse a node that was asked for as an edge, or the other way; and an edge that is not there, for its absence
    cannot be proved."""
    if proof.element is None and not node:
        raise NotFound(
            f"there is no edge {proof.id!r}",
            where=f"graph {proof.graph!r}",
            fix="see `itonami show --json`; only that a node is not there can be proved",
        )
    if proof.element is not None and isinstance(proof.element, Node) is not node:
        given, other = ("--node", "--edge") if node else ("--edge", "--node")
        raise InvalidValue(f"{proof.id!r} is none", where=given, fix=f"use {other}")


@app.command("verify-proof")
def verify_proof(
    file: Annotated[Path, typer.Argument(help="A proof, as `itonami prove` makes it.")],
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The verifier key that must have signed it, or its file."),
    ] = None,
    root: Annotated[str | None, typer.Option(metavar="HEX", help="The root that the log must have.")] = None,
    as_json: AsJson = False,
) -> int:
    """Check a proof, without any store: by the verifier key of somebody you trust, or a root that you know."""
    verifier = None if key is None else str(verifier_of(key))
    known = None if root is None else _root(root)
    said: dict[str, Any] = {}
    damage = None
    try:
        said = check(content_of(file, MAX_BYTES), key=verifier, root=known)
    except ProofFailed as error:
        damage = error.what
    except InvalidValue as error:
        fix = error.fix or "give a file of `itonami prove`, and --key or --root"
        raise InvalidValue(error.what, where=str(file), fix=fix) from error
    if as_json:
        emit({"ok": damage is None, "damage": damage, **said})
    elif damage is not None:
        say(f"verify-proof: {damage}", "bold red")
    else:
        there = "has" if said["value"] is not None else "does not have"
        say(
            f"verify-proof: ok, version {said['version']} of {said['graph']} {there} {said['kind']} {said['id']}",
            "green",
        )
        say(
            f"  made by TX {said['tx']}, {plain(said['time'])}, of the {said['size']} in the log {said['log']}"
        )
        if said["value"] is not None:
            emit(said["value"])
    return 0 if damage is None else 1


def _root(text: str) -> bytes:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise InvalidValue(f"{text!r} is no root", where="--root", fix="give its 32 bytes in hex")
    return bytes.fromhex(text)


def _print(text: str) -> None:
    """A file's text on stdout, byte for byte, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()
