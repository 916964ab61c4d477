"""Terms: text round trips, and the compiled meaning against an interpreter."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import evaluate

from itonami.graphstore import Edge, Node
from itonami.rules.emit import Source
from itonami.rules.errors import RuleError
from itonami.rules.lexer import RESERVED
from itonami.rules.term import (
    Binary,
    Id,
    IsNull,
    Labels,
    ListOf,
    Literal,
    Logic,
    Parameter,
    Property,
    Unary,
    parse_term,
    term_parameters,
    term_variables,
)

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=4), st.sampled_from(["a", "ab", 0, 1, 1.0])
)
names = st.text(string.ascii_letters + "_` é.'\"", min_size=1, max_size=5) | st.sampled_from(sorted(RESERVED))
OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "in", "starts with", "ends with", "contains", *"+-*/%")


def terms(variables, keys):
    leaves = st.one_of(
        st.builds(Literal, scalars),
        st.builds(Property, variables, keys),
        st.builds(Parameter, keys),
        st.builds(Id, variables),
        st.builds(Labels, variables),
    )

    def larger(inner):
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            st.builds(ListOf, st.lists(inner, max_size=3).map(tuple)),
            st.builds(Unary, st.just("not"), inner),
            st.builds(Unary, st.just("-"), inner.filter(lambda term: not isinstance(term, Literal))),
            st.builds(Binary, st.sampled_from(OPERATORS), inner, inner),
            st.builds(IsNull, inner, st.booleans()),
            st.builds(Logic, st.sampled_from(("and", "or")), several),
        )

    return st.recursive(leaves, larger, max_leaves=8)


@given(terms(names, names))
@settings(max_examples=400, deadline=None)
def test_the_text_of_a_term_parses_back_to_it(term):
    assert parse_term(str(term)) == term


KEYS = st.sampled_from(["p", "q"])
PARAMS = {"p": "ab", "q": 2}


@given(
    terms(st.sampled_from(["n", "e"]), KEYS), st.dictionaries(KEYS, scalars), st.dictionaries(KEYS, scalars)
)
@settings(max_examples=600, deadline=None)
def test_the_compiled_meaning_is_that_of_an_interpreter(term, of_node, of_edge):
    elements = {"n": Node("n", ("B", "A"), of_node), "e": Edge("e", "n", "X", "n", of_edge)}
    source = Source({"n": "n0", "e": "e0"})
    with source.block("def meaning(n0, e0, params):"):
        source.line(f"return {source.value(term)}, bool({source.true(term)}), bool({source.false(term)})")
    value, is_true, is_false = source.made("meaning")(elements["n"], elements["e"], PARAMS)
    expected = evaluate(term, elements, PARAMS)
    assert (type(value), value) == (type(expected), expected)
    assert (is_true, is_false) == (expected is True, expected is False)


def test_the_grammar_by_example():
    assert parse_term("a.x = 1 and not b.y in ['u', 2] or c.z is not null") == Logic(
        "or",
        (
            Logic(
                "and",
                (
                    Binary("=", Property("a", "x"), Literal(1)),
                    Unary("not", Binary("in", Property("b", "y"), ListOf((Literal("u"), Literal(2))))),
                ),
            ),
            IsNull(Property("c", "z"), negated=True),
        ),
    )
    assert str(parse_term("(a.x - (1 - 2)) * -3")) == "(a.x - (1 - 2)) * -3"
    assert parse_term('"it\'s"') == parse_term(r"'it\'s'") == Literal("it's")
    assert parse_term("a.set") == Property("a", "set")


def test_what_a_term_mentions():
    term = parse_term("a.x + $n in labels(b) or id(c) = $m")
    assert (term_variables(term), term_parameters(term)) == ({"a", "b", "c"}, {"n", "m"})


VALUES = [
    ("1 = 1.0", False),
    ("1 = true", False),
    ("null = null", None),
    ("null is null", True),
    ("1 < 1.5", True),
    ("1 < 'a'", None),
    ("true < false", None),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("-7 % 2", -1),
    ("7.0 / 2", 3.5),
    ("1 / 0", None),
    ("1 % 0.0", None),
    ("1 / 0.0", None),
    ("9223372036854775807 + 1", None),
    ("1e308 * 10", None),
    ("'a' + 'b'", "ab"),
    ("'a' + 1", None),
    ("[1] + [2]", [1, 2]),
    ("1 in [2, null]", None),
    ("1 in [1, null]", True),
    ("1 in 1", None),
    ("false and null", False),
    ("true and null", None),
    ("true or null", True),
    ("1 and true", None),
    ("not 1", None),
    ("-'a'", None),
    ("'abc' starts with 'ab' and 'abc' ends with 'bc' and 'abc' contains 'b'", True),
    ("$when < $later", True),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_every_operation_has_a_value(text, expected):
    source = Source({})
    with source.block("def meaning(params):"):
        source.line(f"return {source.value(parse_term(text))}")
    moments = {"when": datetime(2024, 1, 1, tzinfo=UTC), "later": datetime(2025, 1, 1, tzinfo=UTC)}
    value = source.made("meaning")(moments)
    assert (type(value), value) == (type(expected), expected)


BAD = [
    ("a.b = ", 1, 7, "a value"),
    ("a < b", 1, 3, "'.'"),
    ("a.x < b.y < c.z", 1, 11, "chain"),
    ("'abc", 1, 1, "does not end"),
    ("1e999", 1, 1, "double precision"),
    ("9" * 500, 1, 1, "400 characters"),
    ("a.x = \x00", 1, 7, "nothing here"),
    (r"'\ud800'", 1, 1, "surrogate"),
    (r"'\q'", 1, 1, "no escape"),
    ("a.x\n  = not", 2, 8, "a value"),
    ("a.x = 1 b", 1, 9, "ends before"),
    ("set.x", 1, 1, "reserved"),
    ("(" * 100 + "1", 1, 41, "nested"),
    ("1" + " + 1" * 5000, 1, None, "nested"),
    ("not " * 5000 + "a.x", 1, None, "nested"),
    ("[" * 100, 1, 41, "nested"),
]


@pytest.mark.parametrize(("text", "line", "column", "what"), BAD)
def test_a_bad_term_is_refused_at_its_place(text, line, column, what):
    with pytest.raises(RuleError, match=what) as refused:
        parse_term(text)
    assert refused.value.line == line
    assert column is None or refused.value.column == column
