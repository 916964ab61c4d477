"""What is written in Cypher 5, GQL or SQL and not here, and what says it here.

    phrases      one or two tokens that stand where nothing of this language does: `GROUP BY`, `&&`, `SHORTEST`
    functions    calls, told by their name: `shortestPath(...)`, `CAST(...)`
    misplaced    words of this language behind the last clause that can be there

References: ISO/IEC 39075:2024 (GQL); Neo4j Cypher Manual 5. `docs/query.md`, section 8, says the same for readers.

Only words may live here; whether one stands wrong is the parser's to find.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "ABSENT_FUNCTIONS",
    "ABSENT_PHRASES",
    "COLLECT",
    "LOAD",
    "MISPLACED",
    "SUBQUERY_CALL",
    "TYPED",
    "TYPED_TEXT",
]

_SHORTEST = "write MATCH p = (a)-[*]-(b) RETURN p ORDER BY length(p) LIMIT 1"
_TRAILS = "leave it out: a path never takes a relationship twice"
_CONVERSIONS = "write toInteger(x), toFloat(x), toBoolean(x) or toString(x)"
_TESTS = "write x CONTAINS 'b', STARTS WITH, ENDS WITH, or =~ with a regular expression"
_LISTED = "its functions and procedures are listed in docs/query.md"
_NOW = "write datetime(), date() or localtime()"
_NULLS = "nulls come last, and with DESC first"
_PLANNED = "leave it out: the plan is made by what is counted; EXPLAIN shows it"
_DEFAULT = "write coalesce(x, y)"

COLLECT = "write a list by pattern, [(a)-->(b) | b.key], or collect(...) behind a MATCH"
SUBQUERY_CALL = "write COUNT { ... }, EXISTS { ... } or [(a)-->(b) | b.key] for a value, or WITH for rows"
LOAD = "pass the rows as a parameter: UNWIND $rows AS row"
TYPED = "write valueType(x) = 'integer'"
TYPED_TEXT = "write it as a call: date('2026-01-31')"

ABSENT_PHRASES: Mapping[str, str] = {
    "!": "write NOT",
    "& &": "write AND",
    "ACYCLIC": _TRAILS,
    "ALL SHORTEST": _SHORTEST,
    "ANY SHORTEST": _SHORTEST,
    "BETWEEN": "write low <= x <= high",
    "EXCEPT": "write WHERE NOT EXISTS { ... }",
    "FINISH": "end it with RETURN",
    "GROUP BY": "the columns without an aggregate are the groups",
    "HAVING": "write WITH ... WHERE ...",
    "ILIKE": _TESTS,
    "INTERSECT": "write WHERE EXISTS { ... }",
    "LIKE": _TESTS,
    "NOT IN": "write NOT x IN list",
    "NULLS FIRST": _NULLS,
    "NULLS LAST": _NULLS,
    "SELECT": "write MATCH ... RETURN ...",
    "SHORTEST": _SHORTEST,
    "SHOW": _LISTED,
    "SIMPLE": _TRAILS,
    "TRAIL": "leave it out: every path is one",
    "USING INDEX": _PLANNED,
    "USING JOIN": _PLANNED,
    "USING SCAN": _PLANNED,
    "WALK": _TRAILS,
    "| |": "write OR of conditions, + of texts and lists",
    "~": "relationships have a direction: write -[e]-, -[e]-> or <-[e]-",
}
"""By the tokens in upper case, with a space between two."""

ABSENT_FUNCTIONS: Mapping[str, str] = {
    "allshortestpaths": _SHORTEST,
    "array_agg": "write collect(x)",
    "cast": _CONVERSIONS,
    "concat": "write a + b",
    "current_date": _NOW,
    "current_timestamp": _NOW,
    "group_concat": "write collect(x)",
    "ifnull": _DEFAULT,
    "len": "write size(x), and length(p) of a path",
    "now": _NOW,
    "nvl": _DEFAULT,
    "point": "keep coordinates as numbers",
    "shortestpath": _SHORTEST,
}
"""By the name in lower case."""

MISPLACED: Mapping[str, str] = {
    "MATCH": "a query ends with its RETURN; write WITH or NEXT to go on, and one query at a time",
    "ORDER": "ORDER BY stands before SKIP and LIMIT",
    "SKIP": "SKIP stands before LIMIT",
    "WHERE": "WHERE stands behind MATCH, WITH or YIELD, before RETURN",
    "WITH": "a query ends with its RETURN; write NEXT to go on",
}
"""By the kind of the token."""
