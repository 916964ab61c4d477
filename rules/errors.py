"""What may go wrong with a rule, split by whose fault it is.

`RuleError`: the rule itself is ill-formed, and says which law it breaks and at which line and column.
`RewriteError`: the rule is fine, but does not apply there; it carries the witness. `NotQuiescent`: the rules
did not come to rest. No check may live here, only what the checks say.
"""

from __future__ import annotations

from itonami.graphstore.errors import ItonamiError

__all__ = ["NotQuiescent", "RewriteError", "RuleError"]


class RuleError(ItonamiError, ValueError):
    """The rule is ill-formed. `line` and `column` count from 1; both are None where there is no text.
    `subject` is the variable it is about, if any."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        line: int | None = None,
        column: int | None = None,
        subject: str | None = None,
    ) -> None:
        if where is None and line is not None:
            where = f"line {line}, column {column}"
        super().__init__(what, where=where, fix=fix)
        self.line = line
        self.column = column
        self.subject = subject


class RewriteError(ItonamiError):
    """The rule does not apply at this match. `witness` is what forbids it, where gluing does."""

    def __init__(
        self, what: str, *, where: str | None = None, fix: str | None = None, witness: object = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.witness = witness


class NotQuiescent(ItonamiError):
    """The internal rules fired `limit` times and were not done. The head holds what they did so far."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the rules did not come to rest within {limit} rewrites",
            fix="look for a rule that enables itself, or raise the limit",
        )
        self.limit = limit
