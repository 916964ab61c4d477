"""From text to tree.

    lexer -> Cursor -> ExpressionParser -> AtomParser -> PatternParser -> ProjectionParser -> ClauseParser

Recursive descent for clauses and patterns, Pratt for expressions, each class knowing only the parts below it. One
pass, no backtracking: time and space are linear in the length of the text, and depth is bounded.
"""

from __future__ import annotations

from itonami.query.cypher.ast import Query
from itonami.query.cypher.clauses import ClauseParser
from itonami.query.cypher.lexer import tokenize

__all__ = ["parse"]


def parse(text: str, *, writes: bool = False) -> Query:
    """The tree of a query.

    `writes` lets the writing clauses pass, for interpreters that run them; nothing in this package does.

    Raises `QuerySyntaxError` for what is no query, `ReadOnlyQuery` for a clause that writes, `LimitExceeded` for a
    text too long or too deep. O(length of the text).
    """
    return ClauseParser(tokenize(text), writes=writes).whole()
