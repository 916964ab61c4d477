"""What is wrong with a query before it runs: each rule of openCypher, by the TCK's kind and detail."""

from dataclasses import dataclass

import pytest

from itonami.query.cypher import check, parse
from itonami.query.cypher.errors import (
    ProcedureError,
    QueryError,
    QuerySyntaxError,
    QueryTypeError,
    ReadOnlyQuery,
)
from itonami.query.functions import FUNCTIONS


@dataclass(frozen=True)
class Procedure:
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    required: int


PROCEDURES = {"itonami.diff": Procedure(("graph", "a", "b"), ("id", "change"), 2)}


def fault(text, procedures=None):
    with pytest.raises(QueryError) as caught:
        check(parse(text), FUNCTIONS, procedures)
    return caught.value


def columns(text, procedures=None):
    return check(parse(text), FUNCTIONS, procedures)


SYNTAX = {
    "UndefinedVariable": (
        "RETURN n",
        "MATCH (a) WITH a.x AS x RETURN a",
        "MATCH (n) WHERE (n)-[r]->() RETURN n",
        "MATCH (n) WHERE (m) RETURN n",
        "MATCH (n) RETURN [x IN [1] | x], x",
        "RETURN all(x IN [1] WHERE y > 1)",
        "RETURN reduce(a = a, x IN [1] | a)",
        "MATCH (a) RETURN DISTINCT a.name ORDER BY a.age",
        "MATCH (a) RETURN count(a.x) AS c ORDER BY a.x + count(a.x)",
        "MATCH (a) WITH DISTINCT a.x AS x WHERE a.y = 1 RETURN x",
        "MATCH (a) WHERE EXISTS { MATCH (b) WHERE b.x = c.x } RETURN a",
        "USE run(n) MATCH (n) RETURN n",
        "MATCH (a) AS OF TX later RETURN a",
        "RETURN 1 AS x NEXT RETURN y",
        "MATCH (n) RETURN n {.x, m}",
        "CALL itonami.log() YIELD a RETURN b",
    ),
    "VariableAlreadyBound": (
        "MATCH (p) MATCH p = ()-->() RETURN p",
        "MATCH p = (p)-->() RETURN p",
        "WITH 1 AS x UNWIND [1] AS x RETURN x",
        "WITH 1 AS x LET x = 2 RETURN x",
        "WITH 1 AS x CALL itonami.log() YIELD x RETURN x",
        "CALL itonami.log() YIELD a AS x, b AS x RETURN x",
        "MATCH (a) MATCH ((a)-->(b)){1,2} RETURN b",
    ),
    "VariableTypeConflict": (
        "MATCH (r)-[r]->() RETURN r",
        "MATCH ()-[r*]->() MATCH (r) RETURN r",
        "MATCH ()-[r]->() MATCH ()-[r*]->() RETURN r",
        "WITH 1 AS n MATCH (n) RETURN n",
        "WITH [1] AS r MATCH ()-[r*]->() RETURN r",
        "MATCH p = ()-->(), (p) RETURN p",
        "MATCH ((a)-->(b))+ MATCH (a) RETURN a",
    ),
    "RelationshipUniquenessViolation": (
        "MATCH ()-[r]->()-[r]->() RETURN r",
        "MATCH ()-[r]->(), ()-[r]->() RETURN r",
    ),
    "InvalidAggregation": (
        "MATCH (n) WHERE count(n) > 1 RETURN n",
        "MATCH (n) FILTER count(*) > 1 RETURN n",
        "RETURN [x IN [1] | count(*)]",
        "MATCH (n) RETURN n.x ORDER BY max(n.y)",
        "MATCH (n) WITH n, count(*) AS c WHERE count(*) > 1 RETURN n",
        "UNWIND collect(1) AS x RETURN x",
        "MATCH (n) CALL itonami.log(count(n)) YIELD a RETURN a",
        "MATCH (n) RETURN n, count(*) AS c ORDER BY sum(n.x)",
    ),
    "NestedAggregation": ("RETURN count(count(*))", "MATCH (n) RETURN sum(1 + max(n.x))"),
    "AmbiguousAggregationExpression": (
        "MATCH (a) RETURN a.x + count(*)",
        "MATCH (a) RETURN a.x + a.y, a.x + a.y + count(*)",
        "MATCH (a) RETURN a.x + 1, count(*) ORDER BY a.x + 1 + count(*)",
        "MATCH (a) RETURN [x IN collect(1) | x + a.x]",
    ),
    "NonConstantExpression": (
        "MATCH (n) RETURN n SKIP n.x",
        "MATCH (n) RETURN n LIMIT n.x",
        "RETURN count(rand())",
    ),
    "NegativeIntegerArgument": ("MATCH (n) RETURN n LIMIT -1", "MATCH (n) RETURN n SKIP -1"),
    "NoExpressionAlias": ("MATCH (a) WITH a.x RETURN 1",),
    "ColumnNameConflict": ("RETURN 1 AS a, 2 AS a", "WITH 1 AS a, 2 AS a RETURN a"),
    "NoVariablesInScope": ("MATCH () RETURN *",),
    "DifferentColumnsInUnion": (
        "RETURN 1 AS a UNION RETURN 2 AS b",
        "RETURN 1 AS a, 2 AS b UNION RETURN 1 AS b, 2 AS a",
    ),
    "InvalidClauseComposition": (
        "RETURN 1 AS a UNION RETURN 2 AS a UNION ALL RETURN 3 AS a",
        "MATCH (n)",
        "MATCH (n) WITH n",
        "MATCH (n) WHERE EXISTS { MATCH (n) SET n.x = 1 } RETURN n",
    ),
    "InvalidArgumentType": (
        "RETURN 1 AND true",
        "RETURN NOT 'x'",
        "MATCH (n) WHERE n RETURN n",
        "MATCH (n) WHERE 1 RETURN n",
        "RETURN 1 IN 'foo'",
        "MATCH (n) RETURN type(n)",
        "MATCH (n) RETURN length(n)",
        "MATCH p = ()-->() RETURN labels(p)",
        "MATCH p = ()-->() RETURN p.name",
        "MATCH p = ()-->() RETURN size(p)",
        "RETURN properties(1)",
        "RETURN any(x IN ['a', 'b'] WHERE x % 2 = 0)",
        "MATCH (n) RETURN n LIMIT 1.5",
        "MATCH (n) RETURN -n",
        "RETURN 1:Label",
        "WITH 'a' AS x RETURN x * 2",
        "MATCH (n) AS OF TX 'yesterday' RETURN n",
        "MATCH (n) AS OF 1.5 RETURN n",
    ),
    "UnknownFunction": ("RETURN foo(1)", "RETURN date.foo(1)"),
    "InvalidNumberOfArguments": ("RETURN abs()", "RETURN abs(1, 2)", "RETURN count(1, 2)"),
    "InvalidParameterUse": ("MATCH (n $p) RETURN n", "MATCH ()-[r:T $p]->() RETURN r"),
    "InvalidArgumentPassingMode": ("CALL itonami.log YIELD a RETURN a",),
    "UnexpectedSyntax": (
        "MATCH (n) RETURN (n)-->()",
        "MATCH (n) RETURN size((n)-->())",
        "MATCH (n) RETURN [(n)-->()]",
        "RETURN abs(DISTINCT 1)",
        "WITH 1 AS x CALL itonami.log() YIELD * RETURN x",
    ),
}


@pytest.mark.parametrize(
    ("detail", "text"), [(detail, text) for detail, texts in SYNTAX.items() for text in texts]
)
def test_a_broken_rule_is_a_syntax_error_with_the_rules_name(detail, text):
    error = fault(text)
    assert isinstance(error, QuerySyntaxError)
    assert (error.kind, error.detail) == ("SyntaxError", detail), str(error)
    assert error.excerpt is not None


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ("InvalidArgumentType", "WITH 1 AS x RETURN x.name"),
        ("InvalidArgumentType", "WITH [1] AS x RETURN x.name"),
        ("InvalidArgumentType", "WITH true AS x RETURN x[0]"),
        ("ListElementAccessByNonInteger", "WITH [1] AS x RETURN x['0']"),
        ("MapElementAccessByNonString", "RETURN {a: 1}[0]"),
    ],
)
def test_access_to_what_has_no_parts_is_a_type_error(detail, text):
    error = fault(text)
    assert isinstance(error, QueryTypeError)
    assert (error.kind, error.detail) == ("TypeError", detail)


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (n) WITH n AS m MATCH (m)-->(x) RETURN x",
        "WITH null AS a OPTIONAL MATCH (a)-->(b) RETURN b",
        "MATCH ()-[r1]->()-[r2]->() WITH [r1, r2] AS rs MATCH (a)-[rs*]->(b) RETURN a",
        "MATCH ()-[r]->() MATCH ()-[r]->() RETURN r",
        "MATCH (a) WITH a.name AS name WHERE a.age > 1 RETURN name",
        "MATCH (a) WITH DISTINCT a.name AS name WHERE a.name = 'B' RETURN name",
        "MATCH (a) RETURN a.x AS x, count(*) ORDER BY a.x, x, count(*)",
        "MATCH (a) RETURN a.x AS x, count(*) AS c ORDER BY a.x + count(*), x + c",
        "MATCH (a) RETURN a, a.x + count(*)",
        "MATCH (a) RETURN count(*), [x IN collect(a) | x.name]",
        "MATCH (a) RETURN *, count(*) + a.x AS c",
        "RETURN count(*) + $p + 1",
        "MATCH (n) RETURN n LIMIT toInteger(ceil(1.7))",
        "MATCH (n) RETURN n.x AS n ORDER BY n + 2",
        "MATCH (n) WHERE NOT (n)-->() AND EXISTS { (n)<--(m) WHERE m.x } RETURN [(n)--(o) | o.x]",
        "MATCH (n) WHERE EXISTS { MATCH (n)-->(m) WITH n, count(*) AS c WHERE c = 3 RETURN true } RETURN n",
        "MATCH (n) RETURN CASE WHEN (n)-->() THEN 1 ELSE 0 END AS linked",
        "MATCH (x) RETURN [x IN [1, 2] WHERE x > 1 | x * 2]",
        "MATCH ((a)-[r:T]->(b) WHERE a.x < b.x){1,3} RETURN [n IN a | n.x], size(r)",
        "UNWIND [{a: 1}] AS row RETURN row.a",
        "MATCH (s) WITH s, 42 AS tx MATCH (t) AS OF TX tx WHERE id(s) = id(t) RETURN t",
        "RETURN count(*) AS count, sum(1) AS sum",
        "RETURN 1 + 2 AS x NEXT RETURN x",
    ],
)
def test_what_some_graph_can_answer_is_let_through(text):
    assert columns(text)


def test_the_columns_are_the_aliases_or_the_exact_text():
    assert columns("MATCH (n) RETURN n . name, count( * ), n.x AS x, `n`") == (
        "n . name",
        "count( * )",
        "x",
        "n",
    )
    assert columns("MATCH (a)-[r]->(b) WITH *, 1 AS one RETURN *") == ("a", "r", "b", "one")
    assert columns("RETURN 1 AS a UNION ALL RETURN 2 AS a") == ("a",)


def test_a_procedure_is_known_by_its_name_its_arguments_and_its_fields():
    assert columns("CALL itonami.diff('g', 1, 2)", PROCEDURES) == ("id", "change")
    assert columns("CALL itonami.diff('g', 1) YIELD id AS i", PROCEDURES) == ("i",)
    assert columns("CALL itonami.diff", PROCEDURES) == ("id", "change")
    assert fault("CALL itonami.dif()", PROCEDURES).detail == "ProcedureNotFound"
    assert isinstance(fault("CALL itonami.dif()", PROCEDURES), ProcedureError)
    assert fault("CALL itonami.diff('g')", PROCEDURES).detail == "InvalidNumberOfArguments"
    assert fault("CALL itonami.diff('g', 1) YIELD nothing", PROCEDURES).detail == "UndefinedVariable"


@pytest.mark.parametrize(
    "clause", ["CREATE (n)", "MERGE (n)", "MATCH (n) SET n.x = 1", "MATCH (n) DETACH DELETE n"]
)
def test_a_writing_clause_is_refused_with_the_name_of_what_does_write(clause):
    error = fault(clause)
    assert isinstance(error, ReadOnlyQuery)
    assert "rules" in str(error)


def test_an_error_shows_its_place_with_a_caret():
    error = fault("MATCH (n)\nRETURN n,\n       missing.x")
    assert (error.line, error.column) == (3, 8)
    assert str(error) == (
        "line 3, column 8: the variable `missing` is not defined; bind it in MATCH or WITH first\n"
        "       missing.x\n"
        "       ^"
    )
    assert error.to_json()["where"] == "line 3, column 8"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("RETURN tostrin(1)", "toString"),
        ("MATCH (person) RETURN pesron.name", "person"),
        ("RETURN cuont(1)", "count"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_it_may_have_been(text, meant):
    assert fault(text).fix == f"did you mean `{meant}`?"


def test_a_long_line_is_shown_around_the_error():
    error = fault("RETURN " + "1 + " * 50 + "x" + " + 1" * 50)
    shown, caret = error.excerpt.split("\n")
    assert len(shown) == 100
    assert shown[len(caret) - 1] == "x"
