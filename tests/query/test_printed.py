"""Expressions as text: what a plan shows of a condition says the same as the condition."""

import re
from pathlib import Path

import pytest

from itonami.query.cypher import parse
from itonami.query.cypher.ast import Expression, Subquery, children
from itonami.query.cypher.printed import WIDTH, condition_text, text_of, together

DOCUMENT = (Path(__file__).parents[2] / "docs" / "query.md").read_text(encoding="utf-8")


def column(head):
    """The code of the first column of a table of the language."""
    rows = DOCUMENT.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    return [
        span.replace("\\|", "|")
        for row in re.findall(r"(?m)^\| (.*?[^\\]) \|", rows)[1:]
        for span in re.findall("`([^`]+)`", row)
    ]


TEXTS = [
    *(f"MATCH (n) RETURN {text}" for text in column("expression")),
    *(f"MATCH {text} RETURN 1" for text in column("pattern")),
    "RETURN ((a - b) - (c - d)) * -(1) ^ (2 ^ 3) + -(x.y) - -1",
    "RETURN (a AND b) AND (c OR d) XOR NOT (NOT e), NOT (a = b) = c, (1 < 2) < 3, (a = b) IS NULL",
    "RETURN [x IN (xs) WHERE (x:A|B) | x:(A|B)&!C], [(a)-->(b:A|B) WHERE (b:A|C) | b.x], (a + b).x[1..][..2]",
    "RETURN `a b`.`c d`, n:`X Y`, $`p q`, `end`.end, {`k k`: 'it\\'s \\n'}, n {.`a b`, .*, m, k: 1}",
    "MATCH (n {x: 1.5e300} WHERE n.y)-[r:A|B*0.. {k: $p} WHERE r.x]->()<-[*2..]-(m)--() RETURN 1",
    "MATCH p = () ((x:!(A|B))-[r]->(y) WHERE x.a OR y.b){,3} (z) RETURN count(DISTINCT p), count(*)",
    "RETURN CASE a WHEN 1 THEN 'x' ELSE CASE WHEN b THEN 2 END END STARTS WITH 'a' IN [true, null]",
    "RETURN datetime.truncate('day', d), (-1).x, -x ^ 2, (a IN b) IN c, a IN (b IN c), 1 = (NOT true)",
]


def expressions(node):
    """The expressions that are no part of another, of a tree."""
    for child in children(node):
        if isinstance(child, Expression):
            yield child
        else:
            yield from expressions(child)


def has_subquery(node):
    return isinstance(node, Subquery) or any(map(has_subquery, children(node)))


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_of_an_expression_parses_to_an_equal_one(text):
    for expression in expressions(parse(text)):
        if not has_subquery(expression):
            (again,) = expressions(parse(f"RETURN {text_of(expression)} AS it"))
            assert again == expression, text_of(expression)


def test_patterns_too():
    for text in TEXTS:
        for clause in parse(text).parts[0].clauses:
            for pattern in getattr(clause, "patterns", ()):
                if not has_subquery(pattern):
                    again = parse(f"MATCH {text_of(pattern)} RETURN 1").parts[0].clauses[0]
                    assert again.patterns == (pattern,), text_of(pattern)


def test_conditions_are_one_line_of_bounded_length():
    where = parse("MATCH (n) WHERE (n.a OR n.b) AND n.c > $least RETURN 1").parts[0].clauses[0].where
    assert together(map(condition_text, where.operands)) == "(n.a OR n.b) AND n.c > $least"
    (long,) = expressions(parse("RETURN " + " OR ".join(f"n.k = 'value {k}'" for k in range(40)) + " AS x"))
    cut = together([condition_text(long)])
    assert (len(cut), cut[:12], cut[-1]) == (WIDTH, "(n.k = 'valu", "…")
    (exists,) = expressions(parse("RETURN EXISTS { (n)-->(m) } AS x"))
    assert condition_text(exists) == "EXISTS { ... }"
