"""Every error a caller can meet, split by whose fault it is.

An error says *what* is wrong, *where*, and how to *fix* it, as three fields and one sentence. Each class
also subclasses the builtin it resembles, so that `except KeyError` and `except ValueError` do what a Python
programmer expects. The other packages derive theirs from `ItonamiError`.
"""

from __future__ import annotations

__all__ = [
    "Conflict",
    "Corrupt",
    "InvalidValue",
    "ItonamiError",
    "NotAStore",
    "NotFound",
    "StoreBusy",
    "StoreClosed",
    "StoreFull",
    "UnsupportedFormat",
    "VersionPruned",
]


class ItonamiError(Exception):
    """What went wrong (`what`), at which place (`where`), and what mends it (`fix`)."""

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"; {self.fix}" if self.fix else ""
        return f"{place}{self.what}{remedy}"

    def to_json(self) -> dict[str, str | None]:
        """The error as the command line's `--json` prints it."""
        return {"type": type(self).__name__, "what": self.what, "where": self.where, "fix": self.fix}


class InvalidValue(ItonamiError, ValueError):
    """The caller passed something outside the value domain, or an edit that would break the graph."""


class NotFound(ItonamiError, KeyError):
    """No graph, node, edge or version of that name."""

    __str__ = ItonamiError.__str__


class VersionPruned(NotFound):
    """The version existed; its state was pruned. Its commit record and proofs remain."""


class Conflict(ItonamiError):
    """Somebody else committed first: the graph is no longer at the expected version.

    `graph`, `expected` and `actual` say which graph and which versions.
    """

    def __init__(self, graph: str, expected: int, actual: int) -> None:
        super().__init__(
            f"version {expected} was expected, but the graph is at version {actual}",
            where=f"graph {graph!r}",
            fix="read the new version and try again (store.transact does)",
        )
        self.graph = graph
        self.expected = expected
        self.actual = actual

    def __reduce__(self) -> tuple[type[Conflict], tuple[str, int, int]]:
        return type(self), (self.graph, self.expected, self.actual)


class StoreBusy(ItonamiError):
    """Another process holds what is needed; `where` names the holder."""


class StoreClosed(ItonamiError, RuntimeError):
    """The store was closed, or belongs to the process this one was forked from."""


class StoreFull(ItonamiError, OSError):
    """No space left on the device or under the map's limit. Nothing was written."""

    __str__ = ItonamiError.__str__


class NotAStore(ItonamiError, ValueError):
    """The path is no store."""


class UnsupportedFormat(ItonamiError):
    """The store was made by a newer version of the format than this code reads."""


class Corrupt(ItonamiError):
    """The file does not say what was written to it."""
