"""Points in time: how people say which version they mean.

An int is a TxId; an aware datetime is the last transaction at or before it; text is `42`, `TX 42`, `HEAD`,
`HEAD~3` (versions of that graph), `TAG name` or an ISO 8601 time. Between versions the earlier is read.
This module only reads the words; `store` finds the version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from itonami.graphstore.errors import InvalidValue

__all__ = ["AtTag", "AtTime", "AtTx", "Back", "Moment", "Point", "parse_point"]

Point = int | str | datetime


@dataclass(frozen=True, slots=True)
class AtTx:
    """The last version at or before a TxId."""

    tx: int


@dataclass(frozen=True, slots=True)
class Back:
    """So many versions before the head."""

    versions: int


@dataclass(frozen=True, slots=True)
class AtTime:
    """The last version committed at or before a moment."""

    time: datetime


@dataclass(frozen=True, slots=True)
class AtTag:
    """The version a tag names."""

    name: str


Moment = AtTx | Back | AtTime | AtTag

_TX = re.compile(r"(?:TX\s+)?([0-9]{1,18})", re.IGNORECASE)
_HEAD = re.compile(r"HEAD(?:~([0-9]{1,9}))?", re.IGNORECASE)
_TAG = re.compile(r"TAG\s+(\S.*)", re.IGNORECASE)
_FORMS = "a TxId, TX 42, HEAD, HEAD~3, TAG name, or an ISO time with a zone such as 2026-01-31T12:00:00Z"


def parse_point(point: Point) -> AtTx | Back | AtTime | AtTag:
    """The meaning of a point in time. Raises `InvalidValue` naming the forms there are."""
    if isinstance(point, bool) or not isinstance(point, int | str | datetime):
        raise InvalidValue(f"{point!r} is no point in time", fix=f"use {_FORMS}")
    if isinstance(point, int):
        return AtTx(point)
    if isinstance(point, datetime):
        return _at_time(point, repr(point))
    text = point.strip()
    if match := _TX.fullmatch(text):
        return AtTx(int(match[1]))
    if match := _HEAD.fullmatch(text):
        return Back(int(match[1] or 0))
    if match := _TAG.fullmatch(text):
        return AtTag(match[1])
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"{point!r} is no point in time", fix=f"use {_FORMS}") from None
    return _at_time(time, text)


def _at_time(time: datetime, text: str) -> AtTime:
    if time.tzinfo is None:
        raise InvalidValue(f"the time {text} has no zone", fix="add Z or an offset, or attach tzinfo")
    return AtTime(time)
