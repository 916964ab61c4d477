"""What a function is: its name, how many arguments it takes, and what calls it.

A function that gives null for any null argument is not called then (`null_in_null_out`); a contextual one gets the
`Context` before its arguments. Each family of functions is one module with a table `FUNCTIONS`.

No function may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from itonami.query.context import Context
from itonami.query.values.domain import Value

__all__ = ["Function", "table"]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language. `max_args` None: any number. `deterministic`: equal arguments, graph and
    statement give equal results, so that a call may be evaluated once."""

    name: str
    min_args: int
    max_args: int | None
    call: Callable[..., Value]
    null_in_null_out: bool = True
    deterministic: bool = True
    contextual: bool = False

    def __call__(self, context: Context, args: Sequence[Value]) -> Value:
        """The result for arguments whose number was checked (`takes`)."""
        if self.null_in_null_out and None in args:
            return None
        return self.call(context, *args) if self.contextual else self.call(*args)

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.min_args <= count and (self.max_args is None or count <= self.max_args)


def table(*functions: Function, **aliases: str) -> dict[str, Function]:
    """Functions by lower-case name; `aliases` name more spellings of one in the table."""
    found: dict[str, Any] = {function.name.lower(): function for function in functions}
    return found | {alias: found[name] for alias, name in aliases.items()}
