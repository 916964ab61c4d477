"""What may go wrong with a rule, split by whose fault it is.

`RuleError`: the rule itself is ill-formed, and says which law it breaks and at which line and column.
`RewriteError`: the rule is fine, but does not apply there; it carries the witness. `NotQuiescent`: the rules
did not come to rest. `NotIndependent`: two writers' rules met. No check may live here, only what the checks say.
"""

from __future__ import annotations

from itonami.graphstore import errors
from itonami.graphstore.errors import ItonamiError

__all__ = ["NotIndependent", "NotQuiescent", "RewriteError", "RuleError"]


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


class NotIndependent(errors.Conflict):
    """Somebody else's rules met what mine read or wrote, so mine cannot be made again after theirs. `conflict` says
    which rule did what to which (`independence.Conflict`)."""

    def __init__(self, conflict: object, graph: str = "", expected: int = 0, actual: int = 0) -> None:
        super().__init__(graph, expected, actual)
        self.conflict = conflict
        self.args = (conflict, graph, expected, actual)
        self.what = str(conflict)
        self.where = f"graph {graph!r}" if graph else "rebase"
        self.fix = "read the new version and decide again"

    def on(self, graph: str, expected: int, actual: int) -> NotIndependent:
        """The same, met by a writer of that graph."""
        return NotIndependent(self.conflict, graph, expected, actual)

    def __reduce__(self) -> tuple[type[NotIndependent], tuple[object, str, int, int]]:  # type: ignore[override]
        return type(self), (self.conflict, self.graph, self.expected, self.actual)
