"""How an attempt fails: one class of error, and one description of any.

A failed attempt is recorded as `{type, message, retryable, details}`. The `type` is a name, not a class,
because it is compared with `retry_policy.non_retryable_errors` and read again by processes that never had the
class. User code may raise anything; whoever wants to decide the name or forbid a retry raises
`ActivityError`, or a subclass of it. The split into retryable and not is that of Gray's transient and
permanent faults ("Why do computers stop and what can be done about it?", 1985): only the first is mended by
trying again.

No I/O, and nothing about how retries are spaced: that is `definition.retry`.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from itonami.graphstore.errors import ItonamiError
from itonami.workflow.activities.border import plain
from itonami.workflow.definition.values import JSON, nearest

__all__ = ["ActivitiesNotLoaded", "ActivityError", "UnknownActivity", "describe"]

MAX_MESSAGE = 1_000
"""Characters of a message that are recorded."""

MAX_FRAMES = 5
"""Innermost frames of a traceback that are recorded."""

MAX_DETAILS = 16 * 1024
"""Characters of JSON that are recorded as details; longer ones are left out, and said to be."""


class ActivityError(ItonamiError):
    """An attempt failed. `type` names the error, `retryable` says whether trying again may mend it.

    `type` is the class's own name unless given, `details` any JSON the run should keep beside the message.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str | None = None,
        retryable: bool = True,
        details: JSON = None,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message, where=where, fix=fix)
        self.message = message
        self.type = type or self.__class__.__name__
        self.retryable = retryable
        self.details = details


class UnknownActivity(ItonamiError, LookupError):
    """No activity of that name is registered; `fix` offers those most like it."""

    def __init__(self, name: str, known: Iterable[str] = (), *, where: str | None = None) -> None:
        super().__init__(
            f"no activity is called {name!r}",
            where=where,
            fix=f"{nearest(name, known, 'none is')} (activities=[...] and --activities register them)",
        )
        self.name = name


class ActivitiesNotLoaded(ItonamiError, ImportError):
    """A file of activities could not be read or run; `where` is the file and the line."""


def describe(exception: BaseException) -> dict[str, Any]:
    """`{type, message, retryable, details}` of any exception: JSON proper, and bounded in size.

    An `ActivityError` describes itself. Of others the class's name is the type, they are retryable, and
    `details.traceback` names the innermost frames as `file:line in function`, without folders.
    """
    if isinstance(exception, ActivityError):
        name, retryable, details = exception.type, exception.retryable, _details(exception)
    else:
        name, retryable, details = type(exception).__name__, True, _frames(exception)
    return {"type": name, "message": _message(exception), "retryable": retryable, "details": details}


def _message(exception: BaseException) -> str:
    text = str(plain(exception)) or type(exception).__name__
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 3] + "..."


def _details(error: ActivityError) -> JSON:
    details = plain(error.details)
    length = len(json.dumps(details))
    return details if length <= MAX_DETAILS else {"omitted": f"{length} characters of JSON"}


def _frames(exception: BaseException) -> JSON:
    frames = traceback.extract_tb(exception.__traceback__)[-MAX_FRAMES:]
    lines = [f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
    return {"traceback": lines} if lines else None
