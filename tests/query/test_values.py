"""Laws of values: three-valued logic and equality, total order and equivalence, arithmetic, access, text."""

import math
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import freeze

from itonami.graphstore.graph import Edge, Node
from itonami.query import values as v
from itonami.query.cypher.errors import ArgumentError, LimitExceeded, QueryArithmeticError, QueryTypeError
from itonami.query.parameters import parameters
from itonami.query.path import Path
from itonami.query.temporal import Date, DateTime, Duration, LocalDateTime, LocalTime, Time
from itonami.query.values.domain import MAX_TEXT
from itonami.query.values.text import float_text

TRUTHS = (True, False, None)
DAY = 86_400 * 10**9
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.integers(-3, 3)
nodes = st.builds(Node, st.sampled_from("ab"), st.sets(st.sampled_from("XY")))
edges = st.builds(Edge, st.sampled_from("ef"), st.just("a"), st.just("T"), st.just("b"))
paths = nodes.map(lambda node: Path((node,))) | st.builds(
    lambda n, e, m: Path((n, m), (e,)), nodes, edges, nodes
)
temporals = (
    st.integers(-5, 5).map(Date)
    | st.integers(0, 5).map(LocalTime)
    | st.builds(Time, st.integers(0, 5), st.integers(-2, 2))
    | st.integers(-5, 5).map(LocalDateTime)
    | st.builds(DateTime, st.integers(-5, 5), st.integers(-2, 2), st.sampled_from([None, "Europe/Stockholm"]))
    | st.builds(Duration, st.integers(-2, 2), st.integers(-62, 62), st.integers(-2, 2).map(lambda n: n * DAY))
)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=3) | st.binary(max_size=2) | temporals
anything = st.recursive(
    scalars | nodes | edges | paths,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("kl"), inner, max_size=2),
    max_leaves=5,
)


# -- logic ---------------------------------------------------------------------------------------------------


def kleene(a):
    return {False: 0, None: 1, True: 2}[a]


@pytest.mark.parametrize(("a", "b"), list(product(TRUTHS, TRUTHS)))
def test_and_is_the_least_and_or_the_greatest_of_false_unknown_true(a, b):
    assert kleene(v.and_(a, b)) == min(kleene(a), kleene(b))
    assert kleene(v.or_(a, b)) == max(kleene(a), kleene(b))


@pytest.mark.parametrize(("a", "b"), list(product(TRUTHS, TRUTHS)))
def test_de_morgan_and_the_definition_of_xor_hold_with_unknown(a, b):
    assert v.not_(v.and_(a, b)) is v.or_(v.not_(a), v.not_(b))
    assert v.xor(a, b) is v.or_(v.and_(a, v.not_(b)), v.and_(v.not_(a), b))


@pytest.mark.parametrize("value", [0, 1, "true", [], {}, 1.0])
def test_logic_takes_nothing_for_a_truth_value_that_is_none(value):
    for operation in (v.and_, v.or_, v.xor):
        with pytest.raises(QueryTypeError) as caught:
            operation(True, value)
        assert caught.value.detail == "InvalidArgumentType"


# -- equality, order, equivalence ------------------------------------------------------------------------------


@given(anything, anything)
def test_equality_is_symmetric_and_unequal_its_negation(a, b):
    assert v.equals(a, b) is v.equals(b, a)
    assert v.unequal(a, b) is v.not_(v.equals(a, b))


@given(anything, anything)
def test_comparison_is_antisymmetric(a, b):
    assert v.less(a, b) is v.greater(b, a)
    assert v.less_or_equal(a, b) is v.greater_or_equal(b, a)


@given(anything, anything)
def test_what_is_equal_is_equivalent_and_sorts_alike(a, b):
    same_key = v.sort_key(a) == v.sort_key(b)
    assert (v.group_key(a) == v.group_key(b)) is same_key
    if v.equals(a, b):
        assert same_key
    if v.equals(a, b) is False and same_key:
        assert "nan" in repr((a, b))


@given(anything, anything)
def test_the_total_order_agrees_with_less(a, b):
    if v.less(a, b):
        assert v.sort_key(a) < v.sort_key(b)


@given(anything, anything, anything)
def test_sort_keys_are_totally_ordered(a, b, c):
    x, y, z = map(v.sort_key, (a, b, c))
    assert (x < y) + (x == y) + (x > y) == 1
    if x <= y <= z:
        assert x <= z


@given(anything)
def test_group_keys_hash_and_every_value_is_equivalent_to_itself(a):
    assert hash(v.group_key(a)) == hash(v.group_key(a))
    assert v.group_key(a) == v.group_key(a)


def test_order_across_types_is_the_one_of_the_tck():
    node, other = Node("a"), Node("b")
    edge = Edge("e", "a", "T", "b")
    ordered = [
        {"a": "map"},
        node,
        edge,
        ["list"],
        Path((node, other), (edge,)),
        "text",
        False,
        1.5,
        math.inf,
        math.nan,
        None,
    ]
    assert all(v.sort_key(a) < v.sort_key(b) for a, b in pairwise(ordered))


def test_lists_sort_as_the_tck_sorts_them():
    ordered = [[], ["a"], ["a", 1], [1], [1, "a"], [1, None], [None, 1], [None, 2]]
    assert all(v.sort_key(a) < v.sort_key(b) for a, b in pairwise(ordered))


def test_a_boolean_is_no_number_and_an_integer_equals_its_float_exactly():
    assert v.equals(True, 1) is False
    assert v.group_key(True) != v.group_key(1)
    assert v.group_key(1) == v.group_key(1.0)
    assert v.equals(2**53 + 1, float(2**53)) is False
    assert v.greater(2**53 + 1, float(2**53)) is True


def test_nodes_are_equal_by_id_whatever_their_properties():
    assert v.equals(Node("a", (), {"x": 1}), Node("a", (), {"x": 2})) is True
    assert v.equals(Node("a"), Node("b")) is False
    assert v.less(Node("a"), Node("b")) is None


def test_durations_of_equal_length_are_neither_equal_nor_comparable():
    assert v.equals(Duration(days=1), Duration(nanos=DAY)) is False
    assert v.less(Duration(days=1), Duration(days=2)) is None
    assert v.sort_key(Duration(days=1)) < v.sort_key(Duration(days=2))


@given(anything, st.lists(anything, max_size=4))
def test_in_is_the_disjunction_of_equalities(item, items):
    expected = False
    for other in items:
        expected = v.or_(expected, v.equals(item, other))
    assert v.contained(item, items) is expected


# -- arithmetic ------------------------------------------------------------------------------------------------

small = st.integers(-(10**6), 10**6)


@given(small, small.filter(bool))
def test_quotient_and_remainder_rebuild_the_dividend_and_truncate_toward_zero(a, b):
    quotient, remainder = v.divide(a, b), v.modulo(a, b)
    assert quotient * b + remainder == a
    assert quotient == math.trunc(a / b)


@pytest.mark.parametrize(
    ("operation", "a", "b"),
    [(v.add, 2**63 - 1, 1), (v.subtract, -(2**63), 1), (v.multiply, 2**62, 2), (v.divide, -(2**63), -1)],
)
def test_integers_never_leave_64_bits_unnoticed(operation, a, b):
    with pytest.raises(QueryArithmeticError):
        operation(a, b)


def test_whole_division_by_zero_fails_and_that_of_floats_follows_ieee_754():
    for operation in (v.divide, v.modulo):
        with pytest.raises(QueryArithmeticError):
            operation(1, 0)
    assert math.isnan(v.divide(0.0, 0.0))
    assert v.divide(1, 0.0) == math.inf
    assert v.divide(1, -0.0) == -math.inf
    assert math.isnan(v.modulo(1.0, 0))


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [(2, 3, 8.0), (0, -1, math.inf), (10, 400, math.inf), (-10, 401, -math.inf), (4, 0.5, 2.0)],
)
def test_power_is_a_float(a, b, result):
    assert v.power(a, b) == result
    assert type(v.power(a, b)) is float


def test_what_can_be_added_besides_numbers():
    assert v.add("a", 1) == "a1"
    assert v.add(1.0, "a") == "1.0a"
    assert v.add([1], [2]) == [1, 2]
    assert v.add([1], 2) == [1, 2]
    assert v.add(0, [1]) == [0, 1]
    assert v.add("on ", Date(0)) == "on 1970-01-01"
    with pytest.raises(QueryTypeError):
        v.add(1, True)


@pytest.mark.parametrize("operation", [v.add, v.subtract, v.multiply, v.divide, v.modulo, v.power])
@given(value=scalars)
def test_null_in_null_out(operation, value):
    assert operation(None, value) is None
    assert operation(value, None) is None


def test_a_text_cannot_be_doubled_beyond_its_bound():
    text = "a" * (MAX_TEXT // 2 + 1)
    with pytest.raises(LimitExceeded):
        v.add(text, text)


# -- access ----------------------------------------------------------------------------------------------------


@given(st.lists(small, max_size=5), st.integers(-7, 7))
def test_an_index_outside_a_list_is_null(items, at):
    inside = -len(items) <= at < len(items)
    assert v.index(items, at) == (items[at] if inside else None)


@given(st.lists(small, max_size=5), st.integers(-7, 7))
def test_a_list_is_its_two_slices_at_any_bound_within(items, at):
    if -len(items) <= at <= len(items):
        assert v.slice_of(items, stop=at) + v.slice_of(items, at) == items
    assert v.slice_of(items, None) is None
    assert v.slice_of(items, 1, None) is None


@pytest.mark.parametrize(
    ("container", "key", "detail"),
    [
        (100, 0, "InvalidArgumentType"),
        ([1], "a", "InvalidArgumentType"),
        ([1], True, "InvalidArgumentType"),
        ({"a": 1}, 0, "MapElementAccessByNonString"),
    ],
)
def test_wrong_indices_are_type_errors_with_the_code_of_the_tck(container, key, detail):
    with pytest.raises(QueryTypeError) as caught:
        v.index(container, key)
    assert caught.value.detail == detail


def test_timestamps_of_the_store_become_datetimes_also_within_lists_and_maps():
    moment = datetime(2026, 11, 21, 7, 30, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    node = Node("a", (), {"at": moment, "all": [moment, {"one": moment}]})
    assert str(v.property_of(node, "at")) == "2026-11-21T07:30:00.000005+01:00"
    assert v.property_of(node, "all") == [v.property_of(node, "at"), {"one": v.property_of(node, "at")}]
    assert v.property_of(node, "missing") is None
    assert v.from_store(moment.astimezone(UTC)).instant == v.from_store(moment).instant
    with pytest.raises(QueryTypeError):
        v.property_of(1, "at")


class Colour(IntEnum):
    RED = 7


class Index:
    """An integer that does not derive from `int`, as those of numpy."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_parameters_are_taken_from_python_and_what_is_no_value_is_refused():
    moment = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
    given_ = {
        "a": (1, 2.5),
        "b": freeze({"c": [moment]}),
        "d": moment.date(),
        "e": moment.replace(tzinfo=None),
        "f": timedelta(days=1, microseconds=-1),
        "g": Colour.RED,
        "h": bytearray(b"x"),
        "i": Index(9),
    }
    taken = parameters(given_)
    assert str(taken["b"]["c"][0]) == "2026-11-21T07:30Z"
    assert (str(taken["d"]), str(taken["e"])) == ("2026-11-21", "2026-11-21T07:30")
    assert taken["f"] == Duration(0, 0, DAY - 1_000)
    assert (taken["a"], taken["g"], type(taken["g"]), taken["h"]) == ([1, 2.5], 7, int, b"x")
    assert (taken["i"], type(taken["i"])) == (9, int)
    assert parameters(taken) == taken
    endless = []
    endless.append(endless)
    for value in (object(), {1: 2}, 2**63, {"a": {1, 2}}, endless, "\ud800", {"\ud800": 1}, Index(2**63)):
        with pytest.raises(ArgumentError, match=r"^\$x"):
            parameters({"x": value})


# -- text --------------------------------------------------------------------------------------------------------


@given(st.floats())
def test_the_text_of_a_float_reads_back_as_the_same_float(number):
    text = float_text(number)
    again = float(text.replace("Infinity", "inf"))
    assert again == number or (math.isnan(again) and math.isnan(number))
    assert text in ("NaN", "Infinity", "-Infinity") or "." in text


@pytest.mark.parametrize(
    ("number", "text"), [(1.0, "1.0"), (1e7, "1.0E7"), (1e22, "1.0E22"), (0.00012, "1.2E-4"), (-0.0, "-0.0")]
)
def test_floats_are_written_as_openjdk_writes_them(number, text):
    assert float_text(number) == text


@given(anything, anything)
def test_text_predicates_on_what_is_no_string_are_unknown(a, b):
    for predicate in (v.starts_with, v.ends_with, v.contains):
        unknown = type(a) is not str or type(b) is not str
        assert (predicate(a, b) is None) is unknown


def test_a_pattern_matches_the_whole_text():
    assert v.matches("abc", "a.*") is True
    assert v.matches("xabc", "a.*") is False
    assert v.matches("ABC", "(?i)abc") is True
    assert v.matches(None, "a") is None
    assert v.matches(1, "a") is None


def test_no_pattern_backtracks_catastrophically():
    assert v.matches("a" * 10_000 + "!", "(a|aa)+(a*)*b") is False  # 2^10,000 steps by backtracking


@pytest.mark.parametrize("pattern", ["(", "(?=a)b", r"(a)\1", "a{1001}{1001}", "\ud800"])
def test_a_pattern_that_is_none_or_not_linear_is_refused_by_name(pattern):
    with pytest.raises(ArgumentError):
        v.matches("a", pattern)


def test_values_are_shown_in_the_notation_of_the_language():
    node, other = Node("a", ("B", "A b"), {"k": "it's", "n": None}), Node("b")
    edge = Edge("e", "b", "T", "a", {"w": 1.0})
    assert v.literal([1, None, True, math.inf, "a\n", b"\x01", Date(0)]) == (
        "[1, null, true, Infinity, 'a\\n', X'01', '1970-01-01']"
    )
    assert v.literal({"a": {}, "b c": []}) == "{a: {}, `b c`: []}"
    assert v.literal(node) == "(:`A b`:B {k: 'it\\'s', n: null})"
    assert v.literal(edge) == "[:T {w: 1.0}]"
    assert v.literal(Path((other, node), (edge,))) == "<()-[:T {w: 1.0}]->(:`A b`:B {k: 'it\\'s', n: null})>"
    assert v.literal(Path((node, other), (edge,))).endswith("<-[:T {w: 1.0}]-()>")


@given(anything)
def test_every_value_can_be_shown(value):
    assert v.literal(value)
