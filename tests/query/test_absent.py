"""Mistakes of newcomers: each is told where it stands, and the error says what is written instead."""

import pytest

from itonami.graphstore import Graph
from itonami.query import QueryError, run
from itonami.query.cypher import parse
from itonami.query.cypher.absent import ABSENT_FUNCTIONS, ABSENT_PHRASES
from itonami.query.cypher.errors import LimitExceeded, NotInLanguage


def one():
    evolver = Graph().evolver()
    evolver.add_node("N", id="n", k=1)
    return evolver.persistent()


ABSENT = {
    "MATCH (n) RETURN »COLLECT { MATCH (n)-->(m) RETURN m.x } AS xs": "collect(",
    "MATCH p = »shortestPath((a)-[*]-(b)) RETURN p": "ORDER BY length(p) LIMIT 1",
    "MATCH (a), »allShortestPaths((a)-[*]-(b)) RETURN a": "ORDER BY length(p) LIMIT 1",
    "RETURN »shortestPath((a)-[*]-(b)) AS p": "ORDER BY length(p) LIMIT 1",
    "MATCH p = »ANY SHORTEST (a)-[*]-(b) RETURN p": "ORDER BY length(p) LIMIT 1",
    "MATCH »ACYCLIC (a)-[*]->(b) RETURN b": "leave it out",
    "MATCH (n) »CALL { MATCH (m) RETURN m } RETURN n": "COUNT { ... }",
    "MATCH (n) »CALL (n) { MATCH (m) RETURN m } RETURN n": "COUNT { ... }",
    "»LOAD CSV FROM 'x' AS line RETURN line": "UNWIND $rows",
    "MATCH (a)»~[e]~(b) RETURN e": "-[e]-",
    "RETURN 1 AS x »EXCEPT RETURN 2 AS x": "NOT EXISTS",
    "RETURN »CAST('1' AS INTEGER)": "toInteger(x)",
    "RETURN 1 IS »TYPED INTEGER": "valueType(x)",
    "RETURN »DATE '2026-01-01'": "date('2026-01-31')",
    "RETURN 1 AS x, count(*) AS c »GROUP BY x": "the groups",
    "RETURN 1 AS x ORDER BY x »NULLS FIRST": "with DESC first",
    "MATCH (n) WHERE n.x »NOT IN [1] RETURN n": "NOT x IN list",
    "MATCH (n) WHERE n.x »&& n.y RETURN n": "write AND",
    "RETURN 'a' »|| 'b'": "+ of texts",
    "MATCH (n) WHERE n.x »LIKE 'a%' RETURN n": "STARTS WITH",
    "»SELECT * FROM n": "MATCH ... RETURN",
    "RETURN »now()": "datetime()",
}


@pytest.mark.parametrize("marked", ABSENT)
def test_what_is_not_in_the_language_is_refused_where_it_stands(marked):
    with pytest.raises(NotInLanguage) as caught:
        parse(marked.replace("»", ""))
    assert (caught.value.column, caught.value.kind) == (marked.index("»") + 1, "SyntaxError")
    assert ABSENT[marked] in caught.value.fix


def test_words_and_functions_of_other_languages_are_names_here():
    names = [phrase.lower() for phrase in ABSENT_PHRASES if phrase.isalpha()] + [*ABSENT_FUNCTIONS]
    for name in names:
        parse(f"MATCH ({name}:{name} {{{name}: 1}}) RETURN {name}.{name} AS {name}")
    parse("WITH {a: 1} AS collect RETURN collect {.a}")


WRONG = {
    "RETURN 1 /* open": ((1, 10), "the comment is not closed; end it with */"),
    "RETURN 1\n  /* a */ /* open": ((2, 11), "the comment is not closed"),
    "RETURN 'it\\'s": ((1, 8), "the string is not closed; end it with '"),
    'RETURN "open': ((1, 8), 'the string is not closed; end it with "'),
    "MATCH (`open) RETURN 1": ((1, 8), "the name is not closed; end it with `"),
    "RETURN $": ((1, 8), "the $ names no parameter"),
    "RETURN 1 == 2": ((1, 11), "write ="),
    "RETURN 1 AS x WHERE x > 1": ((1, 15), "WHERE stands behind MATCH"),
    "RETURN 1 AS x LIMIT 1 SKIP 1": ((1, 23), "SKIP stands before LIMIT"),
    "RETURN {'a': 1}": ((1, 9), "without quotes"),
    "MATCH (end) RETURN 1": ((1, 8), "back quotes"),
    "RETURN length('abc')": ((1, 15), "size(x) counts characters"),
    "MATCH ()-[r]->() RETURN labels(r)": ((1, 32), "type(r)"),
    "RETURN toUpperCase('a')": ((1, 8), "no function toUpperCase(); did you mean `toUpper`?"),
    "CALL itonami.lgo()": ((1, 1), "did you mean `itonami.log`?"),
    "CALL itonami.log() YIELD evnt RETURN evnt": ((1, 26), "did you mean `event`?"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_told_at_its_place_with_what_mends_it(text):
    (line, column), says = WRONG[text]
    with pytest.raises(QueryError) as caught:
        run(Graph(), text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in str(caught.value)


def test_a_long_chain_of_operators_says_how_to_shorten_it_and_so_it_runs():
    with pytest.raises(LimitExceeded, match=r"chain of operators is too long.*parentheses"):
        run(Graph(), "RETURN " + " + ".join(["1"] * 200))
    half = "(" + " + ".join(["1"] * 100) + ")"
    assert run(Graph(), f"RETURN {half} + {half} AS x").rows == ((200,),)
    assert run(Graph(), "RETURN " + " OR ".join(["false"] * 2_000) + " AS x").rows == ((False,),)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("UNWIND [1, 'a'] AS x RETURN 2 + sum(x)", 33),
        ("UNWIND [1, 'a'] AS x RETURN x, avg(x)", 32),
        ("UNWIND [1, 'a'] AS x RETURN x AS k, count(*), max(x), stDev(DISTINCT x)", 55),
        ("UNWIND [1, 2] AS x WITH percentileDisc(x, 2) AS p RETURN p", 25),
        ("UNWIND [9223372036854775807, 1] AS x RETURN sum(x)", 45),
        ("RETURN 1 AS x LIMIT $n", 21),
        ("RETURN 1 AS x SKIP $a", 20),
    ],
)
def test_an_error_of_an_aggregate_or_an_amount_has_its_place(text, place):
    with pytest.raises(QueryError) as caught:
        run(Graph(), text, params={"n": -1, "a": "b"})
    assert (caught.value.line, caught.value.column) == (1, place)


def test_messages_are_bounded_and_name_types_with_their_article():
    name = "x" * 5_000
    for text in (
        f"RETURN ${name}",
        f"RETURN {name}",
        f"RETURN {name}()",
        f"CALL {name}()",
        f"MATCH (n) {name}",
    ):
        with pytest.raises(QueryError) as caught:
            run(Graph(), text)
        assert len(str(caught.value)) < 1_000
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(QueryError) as caught:
        run(Graph(), "RETURN 1", params={name: deep})
    assert len(str(caught.value)) < 1_000
    for text, says in {
        "RETURN toUpper(x)": "a string, not an integer",
        "RETURN x.y": "an integer has no property",
        "RETURN x[0]": "an integer cannot be indexed",
        "MATCH (n {k: 1}) WHERE x RETURN n": "an integer is no boolean",
    }.items():
        with pytest.raises(QueryError, match=says):
            run(one(), f"WITH $x AS x {text}", params={"x": 1})


def test_explain_needs_no_parameters_and_shows_the_conditions():
    plan = str(run(one(), "EXPLAIN MATCH (n:N)-->(m {k: $k}) WHERE n.total > $least RETURN n"))
    assert "n.total > $least" in plan
    assert ".k = $k" in plan or "m.k = $k" in plan
    assert "x > 1" in str(run(Graph(), "EXPLAIN WITH 1 AS x WHERE x > 1 RETURN x"))
