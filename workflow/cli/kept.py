"""What is kept outside the store: keys, checkpoints and proofs, as files. They are read strictly, and none is ever
written over another, for the older one may be the only witness of what was.

What a key or a checkpoint is stands in `graphstore.note`. No command may live here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from itonami.graphstore import InvalidValue, Store
from itonami.graphstore.note import Checkpoint, Signer, Verifier, open_note
from itonami.graphstore.proof import ProofFailed

__all__ = ["checkpoint_in", "content_of", "new_file", "not_extended", "signer_in", "text_of", "verifier_of"]

MAX_BYTES = 1 << 20
OWN_ORIGIN = "itonami/"  # of an unsigned checkpoint, followed by the store's id

T = TypeVar("T")


def content_of(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file. Raises `InvalidValue` when it has more than `limit`."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidValue(f"the file has more than {limit} bytes", where=str(path), fix="check the path")
    return data


def new_file(path: Path, text: str, *, secret: bool = False) -> None:
    """Write a file that is not there yet; a secret one is its owner's alone. Raises `InvalidValue`."""
    try:
        handle = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if secret else 0o666
        )
    except FileExistsError:
        raise InvalidValue("there is a file already", where=str(path), fix="name a new one") from None
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
    except BaseException:
        path.unlink()
        raise


def signer_in(path: Path) -> Signer:
    """The secret key in a file, as `checkpoint --new-key` makes it."""
    return _parsed(
        path, lambda text: Signer.parse(text.strip()), "make one with `itonami checkpoint --new-key NAME`"
    )


def verifier_of(given: str) -> Verifier:
    """A verifier key, or the one in a file; that of a secret key is known from it."""
    if "+" in given and not os.path.exists(given):
        try:
            return Verifier.parse(given)
        except InvalidValue as error:
            raise InvalidValue(error.what, where="--key", fix=error.fix or "copy it whole") from error

    def parsed(text: str) -> Verifier:
        key = text.strip()
        return Signer.parse(key).verifier if key.startswith("PRIVATE") else Verifier.parse(key)

    return _parsed(
        Path(given), parsed, "give the verifier key that `checkpoint --new-key` told, or a file that holds it"
    )


def checkpoint_in(path: Path, key: Verifier | None = None) -> Checkpoint:
    """The checkpoint in a file, once `key` has signed it, where one is given. Raises `InvalidValue`, `ProofFailed`."""

    def parsed(text: str) -> Checkpoint:
        return Checkpoint.parse(text_of(text) if key is None else open_note(text, key))

    try:
        return _parsed(path, parsed, "give a file that `itonami checkpoint` made")
    except ProofFailed as error:
        raise ProofFailed(error.what, where=str(path), fix="ask whoever keeps the checkpoint") from error


def text_of(note: str) -> str:
    """The text of a note, signed or not: what stands before its signatures."""
    text, empty_line, _ = note.partition("\n\n")
    return f"{text}\n" if empty_line else note


def not_extended(store: Store, checkpoint: Checkpoint, where: str) -> str:
    """Why a log does not extend a checkpoint: for when it does not."""
    origin, size = checkpoint.origin, store.log.size
    if origin.startswith(OWN_ORIGIN) and origin != f"{OWN_ORIGIN}{store.id}":
        return f"{where}: the checkpoint is of another store, {origin}"
    if checkpoint.size > size:
        return f"{where}: the checkpoint is of {checkpoint.size} transactions, the store has {size}: some were removed"
    return f"{where}: the first {checkpoint.size} transactions are not those of the checkpoint: the store was rewritten"


def _parsed(path: Path, parse: Callable[[str], T], fix: str) -> T:
    data = content_of(path)
    try:
        return parse(data.decode())
    except UnicodeDecodeError as error:
        raise InvalidValue("the file is no UTF-8", where=str(path), fix=fix) from error
    except InvalidValue as error:
        raise InvalidValue(error.what, where=str(path), fix=fix) from error
