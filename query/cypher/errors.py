"""Every error a query can end in, by cause, with its place in the text.

Each class carries two names for adapters and tests: `kind`, the error class of the openCypher TCK (SyntaxError,
TypeError, ...), and `detail`, its finer code (UndefinedVariable, AmbiguousAggregationExpression, ...). Where the
place in the text is known, `line` and `column` (both from 1) say it and `excerpt` shows it:

    line 1, column 18: the variable `m` is not defined; bind it in a MATCH or WITH before
    MATCH (n) RETURN m
                     ^

Reference: openCypher TCK, README, section "Cypher errors".

Nothing here decides that something is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from itonami.graphstore.errors import ItonamiError, NotFound

__all__ = [
    "ArgumentError",
    "EntityNotFound",
    "LimitExceeded",
    "NotInLanguage",
    "ParameterMissing",
    "ProcedureError",
    "QueryArithmeticError",
    "QueryError",
    "QuerySyntaxError",
    "QueryTypeError",
    "ReadOnlyQuery",
    "SemanticError",
    "meant",
    "with_article",
]

_NAME_SHOWN = 40
_LONGEST = 300

EXCERPT_WIDTH = 100
"""How much of a long line an excerpt shows, in characters."""


def _brief(text: str) -> str:
    """A part of a message, its middle left out where a name or value in it is long."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}...{text[-half:]}"


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a line around a column (from 1), and the column in that part."""
    first = max(0, min(column - 1 - EXCERPT_WIDTH // 2, len(line) - EXCERPT_WIDTH))
    return line[first : first + EXCERPT_WIDTH], column - first


class QueryError(ItonamiError):
    """A query that cannot be answered. `text` and `at` (an offset in it) give the error its place."""

    kind: ClassVar[str] = "QueryError"

    def __init__(
        self,
        what: str,
        *,
        detail: str | None = None,
        text: str | None = None,
        at: int | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(_brief(what), fix=None if fix is None else _brief(fix))
        self.detail = detail
        self.line: int | None = None
        self.column: int | None = None
        self.excerpt: str | None = None
        if text is not None and at is not None:
            self.place(text, at)

    def place(self, text: str, at: int) -> None:
        """Say that it is at an offset of a text."""
        at = min(at, len(text))
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        self.line = text.count("\n", 0, at) + 1
        self.column = at - start + 1
        self.where = f"line {self.line}, column {self.column}"
        shown, caret = _window(text[start : end if end >= 0 else len(text)], self.column)
        self.excerpt = shown.replace("\t", " ").rstrip("\r") + "\n" + " " * (caret - 1) + "^"

    def __str__(self) -> str:
        sentence = ItonamiError.__str__(self)
        return f"{sentence}\n{self.excerpt}" if self.excerpt else sentence


class QuerySyntaxError(QueryError, ValueError):
    """The text is no query, or breaks a rule that can be seen without running it."""

    kind = "SyntaxError"


class NotInLanguage(QuerySyntaxError):
    """The text has a word of Cypher 5 or GQL that is not in this language; `fix` says what stands for it."""


class ReadOnlyQuery(QuerySyntaxError):
    """The text has a clause that writes. Queries read; rules write."""


class SemanticError(QueryError, ValueError):
    """A well-formed query that asks for what cannot be done."""

    kind = "SemanticError"


class QueryTypeError(QueryError, TypeError):
    """An operation on a value of a type it is not defined for."""

    kind = "TypeError"


class ArgumentError(QueryError, ValueError):
    """An argument of the right type and an impossible value."""

    kind = "ArgumentError"


class QueryArithmeticError(QueryError, ArithmeticError):
    """A division of integers by zero, or a result no integer holds."""

    kind = "ArithmeticError"


class EntityNotFound(QueryError, NotFound):
    """A node, relationship, graph or point in time that is not there; the store's own `NotFound` too."""

    kind = "EntityNotFound"


class ParameterMissing(QueryError, LookupError):
    """The query names a parameter that was not given: `parameter`."""

    kind = "ParameterMissing"
    parameter: str = ""


class ProcedureError(QueryError, LookupError):
    """A procedure that is not there, or that failed."""

    kind = "ProcedureError"


class LimitExceeded(QueryError, RuntimeError):
    """The query is too long or too deep, or its run takes more than it was given: more than that `limit` of `Limits`
    allows."""

    kind = "LimitExceeded"
    limit: str | None = None


def with_article(name: str) -> str:
    """The name of a type as messages say it: `an integer`, `a node`; null is alone of its kind."""
    return name if name in _ALONE else f"an {name}" if name[0] in "aeiou" else f"a {name}"


_ALONE = frozenset(("null", "bytes"))


def meant(name: str, known: Iterable[str]) -> str | None:
    """What a misspelt name may have been, as a remedy."""
    near = get_close_matches(name[:_NAME_SHOWN], known, n=1)
    return f"did you mean `{near[0]}`?" if near else None
