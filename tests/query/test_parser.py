"""Text to tree: precedence, patterns, GQL's spellings, points in time, literals and limits."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itonami.query.cypher import ast, check, parse
from itonami.query.cypher.errors import LimitExceeded, QueryError, QuerySyntaxError
from itonami.query.functions import FUNCTIONS


def value(text):
    """The tree of an expression."""
    return parse(f"RETURN {text} AS x").parts[0].clauses[0].projection.items[0].expression


def path(text):
    """The elements of a pattern."""
    return parse(f"MATCH {text} RETURN 1").parts[0].clauses[0].patterns[0].elements


def clauses(text):
    return parse(text).parts[0].clauses


def refusal(text, **options):
    with pytest.raises(QueryError) as caught:
        parse(text, **options)
    return caught.value


# ---------------------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a OR b XOR c AND d", "a OR (b XOR (c AND d))"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("NOT a = b", "NOT (a = b)"),
        ("a = b IS NULL", "a = (b IS NULL)"),
        ("a = b IN c", "a = (b IN c)"),
        ("[1] + 2 IN [3] + 4", "([1] + 2) IN ([3] + 4)"),
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a ^ b ^ c", "(a ^ b) ^ c"),
        ("-a ^ b", "(-a) ^ b"),
        ("a * -b", "a * (-b)"),
        ("xs + ys[0]", "xs + (ys[0])"),
        ("a.b.c[1]", "((a.b).c)[1]"),
        ("a.b:C", "(a.b):C"),
        ("a STARTS WITH b + c", "a STARTS WITH (b + c)"),
        ("a != b", "a <> b"),
        ("n IS NOT Label", "NOT n IS Label"),
        ("n:A:B", "n:A&B"),
        ("exists(n.x)", "n.x IS NOT NULL"),
        ("COUNT(x)", "count(x)"),
    ],
)
def test_operators_bind_as_opencypher_says(text, same):
    assert value(text) == value(same)


def test_neighbouring_comparisons_are_one_chain_and_parentheses_end_it():
    chain = value("1 < a <= 3")
    assert isinstance(chain, ast.Comparison)
    assert chain.operators == ("<", "<=")
    assert isinstance(value("(1 < a) <= 3").operands[0], ast.Comparison)


def test_neighbouring_connectives_are_one_node():
    assert len(value("a AND b AND c AND d").operands) == 4


def test_a_pattern_is_told_from_a_subtraction_behind_the_parenthesis():
    assert isinstance(value("(a)-(b)"), ast.Binary)
    assert isinstance(value("(a)-[1]"), ast.Binary)
    assert isinstance(value("(a) < -(b)"), ast.Comparison)
    assert isinstance(value("NOT (a)-->(b)").operand, ast.PatternPredicate)
    assert isinstance(value("NOT (a {x: (1)})<-[:T*1..2]-()").operand, ast.PatternPredicate)
    assert isinstance(value("[(a)-->(b) | b]"), ast.PatternComprehension)
    assert isinstance(value("[p = (a)-->(b) WHERE b.x | p]"), ast.PatternComprehension)
    assert isinstance(value("[p = (a), 1]"), ast.ListLiteral)


def test_a_bar_belongs_to_the_comprehension_before_it_belongs_to_the_labels():
    comprehension = value("[x IN xs WHERE x:A | x.b]")
    assert comprehension.where == value("x:A")
    assert value("[x IN xs WHERE (x:A|B) | x.b]").where == value("x:A|B")


def test_the_forms_with_brackets_of_their_own():
    assert value("any(x IN xs WHERE x > 1)") == ast.Quantifier("any", "x", value("xs"), value("x > 1"))
    assert value("reduce(a = 0, x IN xs | a + x)") == ast.Reduce(
        "a", value("0"), "x", value("xs"), value("a + x")
    )
    assert value("CASE WHEN a THEN 1 END") == ast.Case(None, ((value("a"), value("1")),), None)
    assert value("CASE a WHEN 1 THEN 2 ELSE 3 END").subject == value("a")
    assert value("xs[1..]") == ast.Slice(value("xs"), value("1"), None)
    assert value("xs[..-1]") == ast.Slice(value("xs"), None, value("-1"))
    assert value("n {.a, .*, b, c: 1}").entries == (
        ast.PropertySelector("a"),
        ast.AllProperties(),
        ast.VariableSelector("b"),
        ast.KeyValue("c", value("1")),
    )
    assert value("datetime.truncate('day', d)") == ast.FunctionCall(
        "datetime.truncate", (value("'day'"), value("d"))
    )
    assert value("count(DISTINCT x)") == ast.FunctionCall("count", (value("x"),), distinct=True)
    assert value("count(*)") == ast.CountStar()


def test_a_bare_pattern_in_braces_is_a_query_of_one_match():
    short, long = value("EXISTS { (a)-->(b) WHERE b.x }"), value("EXISTS { MATCH (a)-->(b) WHERE b.x }")
    assert short == long
    assert value("COUNT { (a)-->() }").kind == "COUNT"
    assert value("exists((a)-->())") == value("EXISTS { (a)-->() }")


def test_words_of_the_language_may_name_properties_labels_and_most_variables():
    assert value("n.end") == ast.Property(value("n"), "end")
    assert path("(:MATCH)")[0].labels == ast.LabelName("MATCH")
    assert value("count + filter + all + single") == value("((count + filter) + all) + single")
    assert refusal("RETURN match").detail == "UnexpectedSyntax"
    assert value("`match``ed`") == ast.Variable("match`ed")


# ------------------------------------------------------------------------------------------------- literals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", 42),
        ("-9223372036854775808", -(1 << 63)),
        ("9223372036854775807", (1 << 63) - 1),
        ("0x1F", 31),
        ("-0o17", -15),
        ("1.5", 1.5),
        (".5e1", 5.0),
        ("1e-3", 0.001),
        ("-0.0", -0.0),
        ("true", True),
        ("nUlL", None),
        (r"'a\'b\n\\'", "a'b\n\\"),
        (r'"\u00e9\U0001F600"', "é😀"),
        (r"'\ud83d\ude00'", "😀"),
    ],
)
def test_a_literal_is_its_value(text, expected):
    assert repr(value(text).value) == repr(expected)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("9223372036854775808", "IntegerOverflow"),
        ("-9223372036854775809", "IntegerOverflow"),
        ("0x8000000000000000", "IntegerOverflow"),
        ("9" * 10_000, "IntegerOverflow"),
        ("1e999", "FloatingPointOverflow"),
        ("0x", "InvalidNumberLiteral"),
        ("12ab", "InvalidNumberLiteral"),
        ("0o8", "InvalidNumberLiteral"),
        ("012", "InvalidNumberLiteral"),
        (r"'\uH'", "InvalidUnicodeLiteral"),
        (r"'\ud83d'", "InvalidUnicodeLiteral"),
        (r"'\d'", "UnexpectedSyntax"),
        ("'open", "UnexpectedSyntax"),
        ("1 /* open", "UnexpectedSyntax"),
        ("1 — 2", "InvalidUnicodeCharacter"),
        ("'\ud800'", "InvalidUnicodeCharacter"),
        ("1 # 2", "UnexpectedSyntax"),
        ("{1: 2}", "UnexpectedSyntax"),
        ("[1, ]", "UnexpectedSyntax"),
    ],
)
def test_a_malformed_literal_is_refused_by_name(text, detail):
    assert refusal(f"RETURN {text} AS x").detail == detail


def test_literals_of_different_types_are_never_equal():
    ones = [value(text) for text in ("1", "1.0", "true", "'1'")]
    assert all((a == b) == (a is b) for a in ones for b in ones)


def test_equal_expressions_are_equal_wherever_they_stand():
    items = clauses("MATCH (n) RETURN n.x + 1 AS a,  n.x   + 1 AS b")[1].projection.items
    assert items[0].expression == items[1].expression
    assert hash(items[0].expression) == hash(items[1].expression)
    assert items[0].expression.at != items[1].expression.at


def test_comments_are_space():
    assert value("1 /* one */ + // and\n 2") == value("1 + 2")


# ------------------------------------------------------------------------------------------------- patterns


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("[*]->", ast.Length(1, None)),
        ("[*2]->", ast.Length(2, 2)),
        ("[*1..3]->", ast.Length(1, 3)),
        ("[*..3]->", ast.Length(1, 3)),
        ("[*0..]->", ast.Length(0, None)),
        ("[:T]->{1,3}", ast.Length(1, 3)),
        ("[:T]->{2}", ast.Length(2, 2)),
        ("[:T]->{,3}", ast.Length(0, 3)),
        ("[:T]->+", ast.Length(1, None)),
        ("[:T]->*", ast.Length(0, None)),
        (">", None),
        ("->", None),
    ],
)
def test_a_relationships_length_in_both_spellings(text, length):
    assert path(f"(a)-{text}(b)")[1].length == length


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("-->", "->"),
        ("<--", "<-"),
        ("--", "-"),
        ("<-->", "-"),
        ("<-[]-", "<-"),
        ("->", "->"),
        ("<-", "<-"),
        ("-", "-"),
    ],
)
def test_a_relationships_direction(text, direction):
    assert path(f"(a){text}(b)")[1].direction == direction


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("(:A:B)", "(:A&B)"),
        ("(n IS A)", "(n:A)"),
        ("()-[:A|:B]-()", "()-[:A|B]-()"),
        ("((a)-->(b))", "(a)-->(b)"),
    ],
)
def test_two_spellings_of_one_pattern(text, same):
    assert path(text) == path(same)


def test_label_expressions_nest():
    a, b = ast.LabelName("A"), ast.LabelName("B")
    assert path("(:!A&B)")[0].labels == ast.LabelAnd((ast.LabelNot(a), b))
    assert path("(:!(A|B))")[0].labels == ast.LabelNot(ast.LabelOr((a, b)))
    assert path("(:A|B&%)")[0].labels == ast.LabelOr((a, ast.LabelAnd((b, ast.LabelAny()))))


def test_a_path_is_node_link_node_whatever_was_left_out():
    elements = path("((x)-[:T]->(y) WHERE x.n < y.n){1,3}((u)-->(v))+ (z)")
    kinds = [type(element) for element in elements]
    assert kinds == [
        ast.NodePattern,
        ast.QuantifiedPath,
        ast.NodePattern,
        ast.QuantifiedPath,
        ast.NodePattern,
    ]
    assert elements[1].length == ast.Length(1, 3)
    assert elements[1].where == value("x.n < y.n")
    assert elements[4].variable == "z"


@pytest.mark.parametrize("text", ["(a)-[:T..]->()", "(a)-[:T*-2]->()", "(a)-[*]->{2}()"])
def test_a_malformed_length_is_an_invalid_relationship(text):
    assert refusal(f"MATCH {text} RETURN a").detail == "InvalidRelationshipPattern"


# -------------------------------------------------------------------------------------------------- clauses


@pytest.mark.parametrize(
    ("gql", "cypher"),
    [
        ("FOR x IN [1, 2] RETURN x", "UNWIND [1, 2] AS x RETURN x"),
        ("MATCH (n) RETURN n OFFSET 1 LIMIT 2", "MATCH (n) RETURN n SKIP 1 LIMIT 2"),
        ("MATCH (n) RETURN n.x AS x NEXT RETURN x", "MATCH (n) WITH n.x AS x RETURN x"),
        ("MATCH (n) FILTER WHERE n.x RETURN n", "MATCH (n) FILTER n.x RETURN n"),
        ("RETURN 1 AS x UNION DISTINCT RETURN 2 AS x", "RETURN 1 AS x UNION RETURN 2 AS x"),
    ],
)
def test_gqls_spelling_gives_the_same_tree(gql, cypher):
    assert parse(gql) == parse(cypher)


def test_let_binds_one_after_the_other():
    assert [item.name for item in clauses("LET a = 1, b = a + 1 RETURN b")[0].bindings] == ["a", "b"]


def test_a_query_may_be_explained_and_profiled():
    assert parse("EXPLAIN RETURN 1").mode == "EXPLAIN"
    assert parse("profile RETURN 1;").mode == "PROFILE"


def test_union_joins_parts():
    query = parse("RETURN 1 AS x UNION ALL RETURN 2 AS x UNION ALL RETURN 3 AS x")
    assert (len(query.parts), query.union_all) == (3, True)


def test_a_call_stands_alone_or_yields():
    alone, within = (
        clauses("CALL itonami.log"),
        clauses("MATCH (n) CALL itonami.blame(n) YIELD tx AS t, key RETURN t"),
    )
    assert alone[0] == ast.Call("itonami.log", None, None, None, star=False, standalone=True)
    assert within[1].fields == (ast.YieldItem("tx", "t"), ast.YieldItem("key", "key"))
    assert not within[1].standalone
    assert clauses("CALL itonami.log() YIELD *")[0].star
    assert clauses("CALL itonami.log() YIELD tx WHERE tx > 4")[0].where == value("tx > 4")


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("TX 42", ast.Point("TX", ast.Literal(42))),
        ("TX $a", ast.Point("TX", ast.Parameter("a"))),
        ("HEAD", ast.Point("HEAD", ast.Literal(0))),
        ("HEAD~3", ast.Point("HEAD", ast.Literal(3))),
        ("TAG 'v 1'", ast.Point("TAG", ast.Literal("v 1"))),
        ("TAG release", ast.Point("TAG", ast.Literal("release"))),
        ("'2026-11-21T07:30Z'", ast.Point("VALUE", ast.Literal("2026-11-21T07:30Z"))),
        ("$point", ast.Point("VALUE", ast.Parameter("point"))),
        ("datetime('2026')", ast.Point("VALUE", ast.FunctionCall("datetime", (ast.Literal("2026"),)))),
        ("42", ast.Point("VALUE", ast.Literal(42))),
    ],
)
def test_a_point_in_time_stands_behind_use_and_behind_match(text, point):
    query = parse(f"USE run('order-17') AS OF {text} MATCH (s:Step) AS OF {text} WHERE s.x RETURN s")
    assert query.parts[0].use == ast.Use("run", ast.Literal("order-17"), point)
    match = query.parts[0].clauses[0]
    assert (match.as_of, match.where) == (point, value("s.x"))


def test_each_part_of_a_union_may_use_another_point():
    query = parse("USE run('a') AS OF TX 1 MATCH (n) RETURN n UNION USE graph($g) MATCH (n) RETURN n")
    assert [part.use.kind for part in query.parts] == ["run", "graph"]


def test_writing_clauses_parse_only_when_somebody_else_runs_them():
    text = (
        "MATCH (a) CREATE (a)-[:T {x: 1}]->(b:B $props) MERGE (c) ON CREATE SET c.x = 1 ON MATCH SET c += {y: 2} "
        "SET a:L:M, a = {} REMOVE a.x, a:L DETACH DELETE b"
    )
    kinds = [type(clause) for clause in parse(text, writes=True).parts[0].clauses]
    assert kinds == [ast.Match, ast.Create, ast.Merge, ast.Set, ast.Remove, ast.Delete]
    assert refusal(text).detail == "InvalidClauseComposition"
    assert refusal("MATCH (n) RETURN EXISTS { CREATE (n) }", writes=True).detail == "InvalidClauseComposition"


@pytest.mark.parametrize(
    "text",
    ["", ";", "MATCH", "SELECT 1", "RETURN", "RETURN 1 2", "RETURN 1 MATCH (n)", "MATCH (a)-> RETURN a"],
)
def test_what_is_no_query_is_a_syntax_error_with_a_place(text):
    error = refusal(text)
    assert isinstance(error, QuerySyntaxError)
    assert error.line == 1


# --------------------------------------------------------------------------------------------------- limits

DEEP = [
    "(",
    "[",
    "{a: ",
    "NOT ",
    "-",
    "1 + ",
    "x.",
    "abs(",
    "[x IN ",
    "EXISTS { MATCH (a) WHERE ",
    "CASE WHEN ",
    "(:!",
]


@pytest.mark.parametrize("piece", DEEP)
def test_depth_without_end_is_a_typed_error(piece):
    assert isinstance(refusal("RETURN " + piece * (20_000 // len(piece))), LimitExceeded)


def test_a_megabyte_of_parentheses_is_refused_at_once():
    start = time.perf_counter()
    assert isinstance(refusal("(" * 1_000_000), LimitExceeded)
    assert isinstance(refusal("RETURN " + "(" * 100_000), LimitExceeded)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "RETURN " + "[" * 60 + "]" * 60 + " AS x",
        "RETURN " + "abs(" * 60 + "1" + ")" * 60,
        "RETURN " + "CASE WHEN true THEN " * 60 + "1" + " END" * 60,
        "RETURN " + " + ".join("'a'" for _ in range(120)),
        "RETURN " + " AND ".join("true" for _ in range(2_000)),
        "RETURN " + " < ".join("1" for _ in range(2_000)),
        "RETURN " + "EXISTS { MATCH (a) WHERE " * 18 + "true" + "}" * 18,
        "MATCH " + "()--" * 2_000 + "() RETURN 1",
        "RETURN 1 AS x " + "UNION RETURN 1 AS x " * 500,
    ],
)
def test_what_is_within_the_limits_is_parsed_checked_and_compared(text):
    query = parse(text)
    assert check(query, FUNCTIONS)
    assert query == parse(text)


# --------------------------------------------------------------------------------------------------- fuzzing

QUERIES = [
    "MATCH (n:A|B {k: $p})-[r:T*1..3]->(m) WHERE n.x >= 1 AND NOT (n)--(m) RETURN DISTINCT n.x AS x, count(*) LIMIT 3",
    "USE run('a') AS OF HEAD~3 MATCH p = ((x)-[:T]->(y) WHERE x.n < y.n){1,3} RETURN [z IN x WHERE z:A | z.k], p",
    "UNWIND [1, 2.5, 'a\\n', {a: null}] AS v WITH v, collect(v) AS c WHERE size(c) > 0 RETURN v {.a, b: c[0..-1]}",
    "CALL itonami.log('g') YIELD tx AS t WHERE t > 3 RETURN CASE t WHEN 1 THEN 2 ELSE reduce(a = 0, i IN [t] | a) END",
    "MATCH (n) WHERE EXISTS { (n)-->(m) WHERE any(x IN m.l WHERE x =~ 'a.*') } RETURN n UNION RETURN 1 AS n",
]
PIECES = [
    *"()[]{}<>-+*/%^=.,:;|&!~$`'\"\\ \n#é—0123456789abnx",
    *(
        "MATCH",
        "WHERE",
        "RETURN",
        "WITH",
        "UNWIND",
        "AS",
        "OF",
        "TX",
        "HEAD",
        "TAG",
        "IN",
        "IS",
        "NOT",
        "NULL",
        "CASE",
    ),
    *(
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "EXISTS",
        "COUNT",
        "CALL",
        "YIELD",
        "UNION",
        "ORDER",
        "BY",
        "0x",
        "1e",
        "..",
        "-->",
    ),
    *("-->", "<-[", "]-", "count(*)", "'a'", "$p", "//", "/*", "*/", "all(", "reduce(", "\\u12", "\x00"),
]


def broken(error):
    """Whether an error fails to say itself."""
    return not str(error) or (error.excerpt is not None and error.excerpt.count("\n") != 1)


def only_query_errors(text):
    try:
        check(parse(text), FUNCTIONS)
    except QueryError as error:
        if broken(error):
            pytest.fail(repr(error))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_query_or_a_query_error(text):
    only_query_errors(text)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join))
def test_any_words_of_the_language_are_a_query_or_a_query_error(text):
    only_query_errors(text)
    only_query_errors("RETURN " + text)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(QUERIES), st.randoms(use_true_random=False))
def test_a_damaged_query_is_a_query_or_a_query_error(text, chance: random.Random):
    characters = list(text)
    for _ in range(chance.randint(1, 4)):
        here = chance.randrange(len(characters))
        characters[here : here + chance.randint(0, 3)] = chance.choice(PIECES)
    only_query_errors("".join(characters))
