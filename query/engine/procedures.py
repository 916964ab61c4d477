"""Procedures: what `CALL name(args) YIELD fields` calls.

    history = Procedure("itonami.history", ("graph",), ("version", "tx", "event"), call)

`call(context, source, *arguments)` gives tuples, one a row, as long as `fields`; it is a generator where it can be, so
that a LIMIT stops it. Arguments left out at the end (`optional` many) are not passed.

No procedure may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from itonami.query.context import Context
from itonami.query.engine.source import Source
from itonami.query.values import Value

__all__ = ["Procedure", "Procedures"]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure by name: what it takes, what it yields."""

    name: str
    arguments: tuple[str, ...]
    fields: tuple[str, ...]
    call: Callable[..., Iterable[tuple[Value, ...]]]
    optional: int = 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its arguments."""
        return self.arguments

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its fields."""
        return self.fields

    @property
    def required(self) -> int:
        """How many arguments must be given."""
        return len(self.arguments) - self.optional

    def rows(self, context: Context, source: Source, arguments: list[Any]) -> Iterable[tuple[Value, ...]]:
        """What it yields for these arguments."""
        return self.call(context, source, *arguments)


Procedures = Mapping[str, Procedure]
"""Procedures by name"""
