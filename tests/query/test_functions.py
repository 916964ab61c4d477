"""Functions and aggregates: their tables, their errors with the codes of the TCK, their laws and their bounds."""

import math
import statistics
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore.graph import Edge, Graph, Node
from itonami.query import values as v
from itonami.query.context import Context
from itonami.query.cypher import kinds
from itonami.query.cypher.errors import (
    ArgumentError,
    LimitExceeded,
    QueryArithmeticError,
    QueryError,
    QueryTypeError,
)
from itonami.query.functions import AGGREGATES, FUNCTIONS
from itonami.query.path import Path
from itonami.query.temporal import Date, Duration

MOMENT = datetime(2026, 11, 21, tzinfo=UTC)
A, B = Node("a", ("Y", "X"), {"k": 1, "at": MOMENT}), Node("b")
EDGE = Edge("e", "b", "T", "a", {"w": 2})
PATH = Path((A, B), (EDGE,))
CONTEXT = Context(
    now=MOMENT, graph=Graph().replaced((A, B, EDGE)), random=lambda: 0.25, max_list=100, max_text=100
)
numbers = st.integers(-(10**9), 10**9) | st.floats(
    allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9
)


def call(name, *args):
    return FUNCTIONS[name.lower()](CONTEXT, args)


def aggregate(name, *rows):
    found = AGGREGATES[name.lower()](CONTEXT)
    for row in rows:
        found.step(*row) if isinstance(row, tuple) else found.step(row)
    return found.result()


# -- the table -------------------------------------------------------------------------------------------------

ANY = [
    None,
    True,
    1,
    -1,
    2**63 - 1,
    1.5,
    math.nan,
    math.inf,
    "",
    "a",
    b"x",
    [],
    [1],
    {},
    {"year": 1},
    A,
    EDGE,
    PATH,
    Date(0),
    Duration(1),
]


def tried(function, args):
    """The result, or the error it is refused with."""
    try:
        return function(CONTEXT, args)
    except QueryError as error:
        return error


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_answers_any_values_or_refuses_them_by_a_typed_error(name):
    function = FUNCTIONS[name]
    assert name == name.lower()
    most = 3 if function.max_args is None else function.max_args
    for count in range(function.min_args, most + 1):
        assert function.takes(count)
        for first in ANY:
            for second in ANY if count > 1 else [None]:
                args = [first, second, *ANY[3:5]][:count]
                outcome = tried(function, args)
                if isinstance(outcome, QueryError):
                    assert outcome.kind in ("TypeError", "ArgumentError", "ArithmeticError", "LimitExceeded")
                    assert outcome.detail
                    continue
                v.group_key(outcome)  # it is a value
                if function.null_in_null_out and None in args:
                    assert outcome is None
    assert not function.takes(function.min_args - 1)
    assert function.max_args is None or not function.takes(function.max_args + 1)


@pytest.mark.parametrize(
    ("name", "args", "kind", "detail"),
    [
        ("labels", [1], "TypeError", "InvalidArgumentValue"),
        ("type", [""], "TypeError", "InvalidArgumentValue"),
        ("toBoolean", [1.0], "TypeError", "InvalidArgumentValue"),
        ("toInteger", [[]], "TypeError", "InvalidArgumentValue"),
        ("toFloat", [True], "TypeError", "InvalidArgumentValue"),
        ("toString", [{}], "TypeError", "InvalidArgumentValue"),
        ("properties", [1], "TypeError", "InvalidArgumentType"),
        ("size", [PATH], "TypeError", "InvalidArgumentType"),
        ("length", [A], "TypeError", "InvalidArgumentType"),
        ("range", [2, 8, 0], "ArgumentError", "NumberOutOfRange"),
        ("range", [True, 1, 1], "ArgumentError", "InvalidArgumentType"),
        ("range", [0, -0.0, 1], "ArgumentError", "InvalidArgumentType"),
        ("left", ["abc", -1], "ArgumentError", "NumberOutOfRange"),
    ],
)
def test_errors_carry_the_type_and_code_of_the_tck(name, args, kind, detail):
    with pytest.raises(QueryError) as caught:
        call(name, *args)
    assert (caught.value.kind, caught.value.detail) == (kind, detail)


# -- graph elements ----------------------------------------------------------------------------------------------


def test_functions_of_elements_and_paths():
    assert call("id", A) == call("elementId", A) == "a"
    assert call("labels", A) == ["X", "Y"]
    assert call("type", EDGE) == "T"
    assert call("keys", A) == ["at", "k"]
    assert str(call("properties", A)["at"]) == "2026-11-21T00:00Z"
    assert call("startNode", EDGE).id == "b"
    assert call("endNode", EDGE).id == "a"
    assert call("nodes", PATH) == [A, B]
    assert call("relationships", PATH) == call("edges", PATH) == [EDGE]
    assert call("elements", PATH) == [A, EDGE, B]
    assert call("length", PATH) == call("path_length", PATH) == 1
    assert PATH.forward(0) is False


def test_coalesce_is_the_first_that_is_not_null():
    assert call("coalesce", None, None, 2, 3) == 2
    assert call("coalesce", None) is None
    assert call("nullIf", 1, 1.0) is None
    assert call("nullIf", None, 1) is None
    assert call("nullIf", 2, 1) == 2


# -- conversions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("toInteger", 82.9, 82),
        ("toInteger", -2.9, -2),
        ("toInteger", "1.7", 1),
        ("toInteger", "foo", None),
        ("toInteger", "", None),
        ("toInteger", "1_0", None),
        ("toInteger", "١", None),
        ("toInteger", True, 1),
        ("toFloat", "3.14", 3.14),
        ("toFloat", ".5", 0.5),
        ("toFloat", 3, 3.0),
        ("toFloat", "foo", None),
        ("toBoolean", "TRUE", True),
        ("toBoolean", "f alse", None),
        ("toBoolean", 0, False),
        ("toString", 2.3, "2.3"),
        ("toString", Date(0), "1970-01-01"),
        ("toIntegerOrNull", [], None),
        ("toIntegerOrNull", "9" * 30, None),
        ("toIntegerList", ["1", None, "x", {}], [1, None, None, None]),
        ("toStringOrNull", A, None),
    ],
)
def test_conversions(name, value, result):
    assert v.group_key(call(name, value)) == v.group_key(result)


@pytest.mark.parametrize("value", ["9" * 30, "9" * 10_000, 1e300, math.nan, math.inf])
def test_a_number_beyond_64_bits_is_no_integer(value):
    with pytest.raises(QueryArithmeticError):
        call("toInteger", value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_the_text_of_an_integer_converts_back(number):
    assert call("toInteger", call("toString", number)) == number


# -- lists and strings ---------------------------------------------------------------------------------------------


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-9, 9).filter(bool))
def test_a_range_holds_its_end(start, end, step):
    expected = []
    while (start <= end) if step > 0 else (start >= end):
        expected.append(start)
        start += step
    assert call("range", expected[0] if expected else start, end, step) == expected or len(expected) > 100


@given(st.lists(st.integers(), max_size=5))
def test_a_list_is_its_head_and_tail(items):
    assert call("head", items) == v.index(items, 0)
    assert call("last", items) == v.index(items, -1)
    assert ([items[0], *call("tail", items)] if items else []) == items
    assert call("reverse", call("reverse", items)) == items
    assert call("size", items) == len(items)
    assert call("isEmpty", items) is (not items)


@given(st.text(max_size=9), st.integers(0, 9))
def test_a_string_is_its_left_and_the_rest(text, count):
    assert call("left", text, count) + call("substring", text, count) == text
    assert call("reverse", call("right", text, count)) == call("left", call("reverse", text), count)
    assert call("substring", text, 0, count) == call("left", text, count)


@given(st.text("ab,", max_size=9), st.sampled_from([",", "a", ""]))
def test_split_loses_nothing_but_the_separators(text, separator):
    assert separator.join(call("split", text, separator)) == text


def test_strings():
    assert call("split", "one1two", "1") == ["one", "two"]
    assert call("split", "a,b;c", [",", ";"]) == ["a", "b", "c"]
    assert call("replace", "hello", "l", "w") == "hewwo"
    assert call("trim", "  a ") == "a"
    assert call("ltrim", "xxax", "x") == "ax"
    assert call("rtrim", "a  ") == "a"
    assert call("toUpper", "straße") == call("upper", "straße") == "STRASSE"
    assert call("toLower", "ABC") == "abc"
    assert call("char_length", "日本") == 2
    assert call("normalize", "e\u0301") == "\u00e9"
    assert call("normalize", "\u00e9", "NFD") == "e\u0301"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("range", [0, 2**62]),
        ("range", [-(2**63), 2**63 - 1, 1]),
        ("replace", ["a" * 90, "a", "bb"]),
        ("replace", ["a" * 90, "", "b"]),
        ("split", ["a" * 200, ""]),
        ("normalize", ["ﷺ" * 10, "NFKD"]),
    ],
)
def test_what_would_grow_beyond_the_contexts_bounds_is_refused(name, args):
    with pytest.raises(LimitExceeded):
        call(name, *args)


# -- mathematics ---------------------------------------------------------------------------------------------------


@given(numbers)
def test_floor_round_and_ceil_enclose_the_number(number):
    floor, rounded, ceil = (call(name, number) for name in ("floor", "round", "ceil"))
    assert floor <= number <= ceil
    assert rounded in (floor, ceil)
    assert abs(rounded - number) <= 0.5
    assert all(type(result) is float for result in (floor, rounded, ceil))


@pytest.mark.parametrize(
    ("args", "result"),
    [
        ((1.5,), 2.0),
        ((-1.5,), -1.0),
        ((2.5,), 3.0),
        ((0.49999999999999994,), 0.0),
        ((1.249, 1), 1.2),
        ((1.005, 2), 1.01),
        ((-1.55, 1), -1.6),
        ((1.249, 1, "UP"), 1.3),
        ((-1.249, 1, "CEILING"), -1.2),
        ((-1.249, 1, "floor"), -1.3),
        ((1.25, 1, "HALF_DOWN"), 1.2),
        ((1.35, 1, "HALF_EVEN"), 1.4),
        ((1e300, 2), 1e300),
        ((5e-324, 400), 5e-324),
        ((5e-324, 300), 0.0),
        ((7,), 7.0),
    ],
)
def test_rounding(args, result):
    assert call("round", *args) == result


def test_outside_a_domain_there_is_nan_and_at_a_pole_infinity():
    for name, value in (("sqrt", -1), ("log", -1), ("asin", 2), ("acos", -2), ("sin", math.inf)):
        assert math.isnan(call(name, value))
    assert call("log", 0) == call("log10", 0) == -math.inf
    assert call("exp", 1_000) == call("cosh", -1_000) == math.inf
    assert call("sinh", -1_000) == -math.inf
    assert call("cot", 0) == math.inf
    assert call("isNaN", math.nan) is True


def test_constants_signs_and_chance():
    assert call("sqrt", 12.96) == 3.6
    assert call("abs", -1) == 1
    assert type(call("abs", -1)) is int
    assert (call("sign", -2.5), call("sign", 0), call("sign", 3)) == (-1, 0, 1)
    assert call("pi") == math.pi
    assert call("degrees", math.pi) == 180
    assert call("atan2", 1, 1) == math.pi / 4
    assert call("haversin", math.pi) == 1
    assert call("rand") == 0.25
    assert not FUNCTIONS["rand"].deterministic
    with pytest.raises(QueryArithmeticError):
        call("abs", -(2**63))


# -- aggregates ----------------------------------------------------------------------------------------------------


def test_the_front_end_knows_the_same_aggregates_and_no_function_is_one():
    assert {name: kind.args for name, kind in AGGREGATES.items()} == kinds.AGGREGATES
    assert not AGGREGATES.keys() & FUNCTIONS.keys()
    assert kinds.ACCEPTED.keys() - AGGREGATES.keys() <= FUNCTIONS.keys()


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        ("count", 0),
        ("sum", 0),
        ("avg", None),
        ("min", None),
        ("max", None),
        ("collect", []),
        ("stDev", 0.0),
        ("stDevP", 0.0),
    ],
)
def test_null_is_skipped_by_every_aggregate(name, empty):
    assert aggregate(name) == empty
    assert aggregate(name, None, None) == empty
    assert aggregate(name, 2, None, 4) == aggregate(name, 2, 4)


@given(st.lists(numbers, min_size=2, max_size=20))
def test_aggregates_agree_with_the_statistics_of_the_standard_library(data):
    assert aggregate("sum", *data) == pytest.approx(math.fsum(data), rel=1e-9, abs=1e-3)
    assert aggregate("avg", *data) == pytest.approx(statistics.fmean(data), rel=1e-9, abs=1e-3)
    assert aggregate("stDev", *data) == pytest.approx(statistics.stdev(data), rel=1e-6, abs=1e-3)
    assert aggregate("stDevP", *data) == pytest.approx(statistics.pstdev(data), rel=1e-6, abs=1e-3)
    assert aggregate("min", *data) == min(data)
    assert aggregate("max", *data) == max(data)
    assert aggregate("collect", *data) == data


def test_least_and_greatest_of_mixed_values_follow_the_total_order():
    mixed = [1, "a", None, [1, 2], 0.2, "b"]
    assert aggregate("max", *mixed) == 1
    assert aggregate("min", *mixed) == [1, 2]


@pytest.mark.parametrize(
    ("share", "disc", "cont"), [(0.0, 10.0, 10.0), (0.5, 20.0, 20.0), (1.0, 30.0, 30.0), (0.25, 10.0, 15.0)]
)
def test_percentiles(share, disc, cont):
    rows = [(number, share) for number in (30.0, None, 10.0, 20.0)]
    assert aggregate("percentileDisc", *rows) == disc
    assert aggregate("percentileCont", *rows) == cont
    assert aggregate("percentileCont", (1, 0.5), (2, 0.5)) == 1.5
    assert aggregate("percentileCont", (1, 0), (math.inf, 0)) == 1.0
    assert aggregate("percentileDisc", (None, 0.5)) is None


@pytest.mark.parametrize("share", [-1, 1.1, 1_000, math.nan])
def test_a_percentile_outside_its_range_is_refused(share):
    with pytest.raises(ArgumentError) as caught:
        aggregate("percentileCont", (1, share))
    assert caught.value.detail == "NumberOutOfRange"


def test_durations_sum_and_average_and_do_not_mix_with_numbers():
    assert aggregate("sum", Duration(1), Duration(2, 3)) == Duration(3, 3)
    assert str(aggregate("avg", Duration(days=1), Duration(days=2))) == "P1DT12H"
    for rows in ((1, Duration(1)), (Duration(1), 1), ("a",), (True,)):
        with pytest.raises(QueryTypeError):
            aggregate("sum", *rows)


def test_a_sum_may_pass_64_bits_on_its_way_and_not_at_its_end():
    big = 2**63 - 1
    assert aggregate("sum", big, big, -big) == big
    assert aggregate("avg", big, big) == float(big)
    with pytest.raises(QueryArithmeticError):
        aggregate("sum", big, 1)


def test_collecting_is_bounded():
    with pytest.raises(LimitExceeded):
        aggregate("collect", *range(101))


def test_an_integer_of_the_store_beyond_any_float_is_refused_where_a_float_is_needed():
    huge = 10**400
    assert v.equals(huge, 1.5) is False
    assert v.less(1.5, huge) is True
    for refused in (
        lambda: v.add(huge, 1.5),
        lambda: v.add(huge, 1),
        lambda: v.divide(huge, 0.5),
        lambda: call("sqrt", huge),
        lambda: call("toFloat", huge),
        lambda: call("toString", 10**5_000),
        lambda: aggregate("avg", huge),
        lambda: aggregate("sum", huge, 0.5),
        lambda: aggregate("stDev", huge, 0.5),
        lambda: aggregate("percentileCont", (huge, 0.5)),
    ):
        with pytest.raises(QueryArithmeticError):
            refused()
