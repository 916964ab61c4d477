"""Checkpoints of a log as signed notes: c2sp.org/tlog-checkpoint over c2sp.org/signed-note, with Ed25519.

    example.com/log                                        origin: which log
    17                                                     size: how many leaves
    dHlwZXMgb2YgYmVpbmcgYW5kIG5vbi1iZWluZyBhcmUgMzI=       root, in base64

    — example.com/log h13uF6WmSWrwQy...                    key name, base64 of key id and signature

Whoever keeps such a note can hold the log to it for ever. Keys are text, as in Go's sumdb/note: `name+id+key` verifies,
`PRIVATE+KEY+name+id+key` signs; the id is the start of SHA-256(name, newline, 0x01, public key). Both need the extra
`itonami[sign]`. How logs grow and what their leaves are is not known here; how a note is opened stands in `verifier`,
which needs nothing of the package.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from typing import Any

from itonami.graphstore import verifier
from itonami.graphstore.errors import InvalidValue, ItonamiError
from itonami.graphstore.proof import ProofFailed

__all__ = ["Checkpoint", "Signer", "Verifier", "open_note", "sign"]

MAX_NOTE_CHARACTERS = 1_000_000
_ED25519, _KEY_BYTES = b"\x01", 32
_PRIVATE = "PRIVATE+KEY+"
_CHECKPOINT_FORM = "use its lines: origin, number of leaves, root in base64; each ends with a newline"
_NOTE_FORM = "a note is a text, an empty line and 1 to 100 signatures, without control characters, in 1 MB"


def _ed25519() -> Any:
    """The library that signs; imported when it is needed, since most stores never sign."""
    try:
        return import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
    except ImportError:
        raise ItonamiError(
            "signatures need the package cryptography", where="note", fix="pip install 'itonami[sign]'"
        ) from None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: the root over its first `size` leaves. `origin` says which log, 32 bytes of root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if len(self.root) != 32 or self.size < 0 or not verifier.CHECKPOINT.match(self.text()):
            raise InvalidValue(
                f"no log has the origin {self.origin!r}, {self.size} leaves and a root of {len(self.root)} bytes",
                where="checkpoint",
                fix="use one line of text, less than 10**19 leaves and 32 bytes",
            )

    def text(self) -> str:
        """The text to be signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint of an opened note's text. Extension lines may follow; they are nothing to us. Strict: one
        checkpoint has one text. Raises `InvalidValue`."""
        found = verifier.CHECKPOINT.match(text) if len(text) <= MAX_NOTE_CHARACTERS else None
        if found is None:
            raise InvalidValue("the text is no checkpoint", where="checkpoint", fix=_CHECKPOINT_FORM)
        origin, size, root = found.groups()
        return cls(origin, int(size), b64decode(root))


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name: who it is that signs. As text `name+id+key`, to be published."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_key(self.name, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id}+{b64encode(_ED25519 + self.public).decode()}"

    @property
    def id(self) -> str:
        """The key's id in hex: with the name it finds the key's signatures among others. It proves nothing."""
        return sha256(f"{self.name}\n".encode() + _ED25519 + self.public).hexdigest()[:8]

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The verifier of its text. Raises `InvalidValue`."""
        found = verifier.KEY.match(text)
        if found is None:
            raise InvalidValue("this is no verifier key", where="key", fix="use name+id+base64, of Ed25519")
        parsed = cls(found[1], b64decode(found[3])[1:])
        _check_id(parsed, found[2])
        return parsed


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under a name. Its text, `PRIVATE+KEY+name+id+key`, is the secret itself; its repr is not."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_key(self.name, self.seed)

    def __str__(self) -> str:
        return f"{_PRIVATE}{self.name}+{self.verifier.id}+{b64encode(_ED25519 + self.seed).decode()}"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Signer:
        """A new key from the operating system's randomness. The name of a log's key is the log's origin."""
        return cls(name, _ed25519().Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Signer:
        """The signer of its text. Raises `InvalidValue`, which does not repeat the secret."""
        found = verifier.KEY.match(text.removeprefix(_PRIVATE))
        if found is None or not text.startswith(_PRIVATE):
            raise InvalidValue(
                "this is no signer key", where="key", fix=f"use {_PRIVATE}name+id+base64, of Ed25519"
            )
        parsed = cls(found[1], b64decode(found[3])[1:])
        _check_id(parsed.verifier, found[2])
        return parsed

    def signature(self, text: str) -> bytes:
        """The Ed25519 signature (RFC 8032) of a text, 64 bytes."""
        made: bytes = self._key().sign(text.encode())
        return made

    def _key(self) -> Any:
        return _ed25519().Ed25519PrivateKey.from_private_bytes(self.seed)


def _check_key(name: str, key: bytes) -> None:
    if not re.fullmatch(verifier.NAME, name) or len(key) != _KEY_BYTES:
        raise InvalidValue(
            f"{name!r} cannot name a key of {len(key)} bytes",
            where="key",
            fix="use a name like example.com/log, without spaces and +, and 32 bytes",
        )


def _check_id(key: Verifier, id: str) -> None:
    if key.id != id:
        raise InvalidValue(f"the key of {key.name!r} has the id {key.id}, not {id}", where="key")


def sign(text: str, signer: Signer) -> str:
    """The note that says a text, which ends with a newline, signed. The text has at most half of
    the characters that a note may have, so that others can sign it too. About 0.2 ms."""
    if len(text) > MAX_NOTE_CHARACTERS // 2 or not re.fullmatch(verifier.TEXT, text):
        raise InvalidValue("the text cannot be signed as a note", where="note", fix=_NOTE_FORM)
    signature = b64encode(bytes.fromhex(signer.verifier.id) + signer.signature(text)).decode()
    return f"{text}\n— {signer.name} {signature}\n"


def open_note(note: str, key: Verifier) -> str:
    """The text of a note that `key` signed. Signatures of other keys are ignored, as the text may have many signers.
    Raises `InvalidValue` for what is no note, `ProofFailed` for one without the signature or with a wrong one."""
    if len(note) > MAX_NOTE_CHARACTERS or not verifier.NOTE.match(note):
        raise InvalidValue("this is no signed note", where="note", fix=_NOTE_FORM)
    _ed25519()
    try:
        return verifier.open_note(note, str(key))
    except verifier.Refused as error:
        raise ProofFailed(str(error), where="note") from None
