"""The place of a runtime error: values do not know where in a query they come from, their evaluators do.

The innermost evaluator that an error passes gives it its place; the outer ones let it be.
"""

from __future__ import annotations

from itonami.query.cypher.errors import QueryError

__all__ = ["placed"]


def placed(error: QueryError, text: str, at: int) -> QueryError:
    """The error at an offset of the query's text, unless it has a place already."""
    if error.line is None:
        error.place(text, at)
    return error
