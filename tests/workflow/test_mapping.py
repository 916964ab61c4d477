"""Mappings: what they pick, what they refuse, and that the fast path is the library's own answer."""

import contextlib

import jsonpath_rfc9535
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itonami.workflow.definition import DefinitionError, MappingError, compile_mapping

SCOPE = {
    "inputs": {"orderId": "o-1", "amount": 12.5, "none": None, "items": [{"n": 1}, {"n": 2}], "a b": 3},
    "steps": {
        "pay": {"status": "succeeded", "output": {"id": "p-1"}, "error": None},
        "pay#2": {"status": "failed", "output": None, "error": {"type": "Refused"}},
    },
    "item": {"sku": "A-1"},
    "error": None,
}


@pytest.mark.parametrize(
    ("mapping", "value"),
    [
        ("$.inputs.orderId", "o-1"),
        ("$.inputs['a b']", 3),
        ("$.inputs.none", None),
        ("$.inputs.items[-1].n", 2),
        ("$.steps['pay#2'].error.type", "Refused"),
        ("$.item.sku", "A-1"),
        ("$.inputs.items[*].n", [1, 2]),
        ("$.inputs.items[?@.n > 1]", [{"n": 2}]),
        ("$.inputs..n", [1, 2]),
        ("$$.inputs.orderId", "$.inputs.orderId"),
        ("$$", "$"),
        ("plain", "plain"),
        (5, 5),
        (None, None),
        ({"a": ["$.inputs.orderId", {"b": "$.item.sku"}], "c": 1}, {"a": ["o-1", {"b": "A-1"}], "c": 1}),
        ({"$.inputs.orderId": 1}, {"$.inputs.orderId": 1}),
    ],
)
def test_a_mapping_picks_values_out_of_the_scope(mapping, value):
    assert compile_mapping(mapping).evaluate(SCOPE) == value


def test_the_containers_of_a_mapping_are_fresh_at_each_evaluation():
    mapping = compile_mapping({"a": [1]})
    mapping.evaluate({})["a"].append(2)
    assert mapping.evaluate({}) == {"a": [1]}


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("$.inputs.ammount", "at $.inputs: did you mean 'amount'?"),
        ("$.inputs.items[2]", "at $.inputs.items: there is a list of 2"),
        ("$.inputs.items.n", "at $.inputs.items: there is a list of 2"),
        ("$.steps['pay#2'].output.id", "at $.steps['pay#2'].output: there is no object or list but None"),
        ("$.inputs.items[?@.n > 9]", "mind which steps have ended by then"),
    ],
)
def test_a_path_that_finds_nothing_is_an_error_with_its_place_and_what_is_there(path, fix):
    with pytest.raises(MappingError) as caught:
        compile_mapping({"deep": [path]}, "$.input_mapping").evaluate(SCOPE)
    assert caught.value.where == "$.input_mapping.deep[0]"
    assert repr(path) in caught.value.what
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    "path",
    [
        "$inputs", "$.", "$.inputs[", "$.inputs['a", "$.inputs[01]", "$.inputs ",
        "$.inputs[?foo(@)]", "$ .inputs\n",
        "$.input.amount", "$[0]", "$['Steps'].pay", "$..*..*..*..*", "$.inputs" + ".a" * 5000,
        "$.inputs[?" + "(" * 900 + "@.x" + ")" * 900 + "]", "$.inputs[9007199254740993]",
    ],
)  # fmt: skip
def test_a_bad_path_is_refused_when_compiled(path):
    with pytest.raises(DefinitionError) as caught:
        compile_mapping([path], "$.m")
    assert caught.value.where == "$.m[0]"


def test_a_mapping_nests_a_hundred_levels_and_no_more():
    deep = "x"
    for _ in range(100):
        deep = [deep]
    assert compile_mapping(deep).evaluate({}) == deep
    with pytest.raises(DefinitionError, match="deeper than 100"):
        compile_mapping([deep])


def test_data_deeper_than_a_search_may_go_is_a_mapping_error():
    deep = {}
    for _ in range(500):
        deep = {"d": deep}
    with pytest.raises(MappingError, match="failed"):
        compile_mapping("$.inputs..x").evaluate({"inputs": deep})


@pytest.mark.parametrize(
    ("mapping", "steps", "inputs"),
    [
        ("plain", set(), set()),
        ("$.inputs.a.b", set(), {"a"}),
        (["$.steps.x.output", "$.steps['y#2'].status", "$.item"], {"x", "y#2"}, set()),
        ("$.steps.x.output[?@.k > 1]", {"x"}, set()),
        ("$.inputs.items[?@.n == $.steps.x.output]", None, None),
        ("$.steps", None, set()),
        ("$.steps.*", None, set()),
        ("$.steps['x', 'y']", None, set()),
        ("$", None, None),
        ("$..x", None, None),
        ("$['steps', 'inputs'].x", None, None),
    ],
)
def test_a_mapping_knows_what_it_reads_or_that_it_cannot_know(mapping, steps, inputs):
    compiled = compile_mapping(mapping)
    assert compiled.references == steps
    assert compiled.inputs == inputs


NAMES = st.sampled_from(["a", "b", "c d", "é", "0", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=12,
)
KEYS = st.lists(NAMES | st.integers(-4, 4), max_size=4)


@settings(max_examples=200)
@given(JSON, KEYS)
def test_the_fast_path_gives_what_the_library_gives(data, keys):
    path = "$.inputs" + "".join(f".{key}" if key in ("a", "b", "é") else f"[{key!r}]" for key in keys)
    expected = jsonpath_rfc9535.find(path, {"inputs": data}).values()
    compiled = compile_mapping(path)
    if expected:
        [value] = expected
        assert compiled.evaluate({"inputs": data}) is value
    else:
        with pytest.raises(MappingError):
            compiled.evaluate({"inputs": data})


@given(st.text(max_size=40))
def test_no_text_makes_anything_but_a_mapping_or_a_typed_error(text):
    for mapping in (text, "$" + text, "$.inputs" + text):
        with contextlib.suppress(DefinitionError, MappingError):
            compile_mapping(mapping).evaluate(SCOPE)
