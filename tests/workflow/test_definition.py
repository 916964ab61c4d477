"""Definitions: the tree they become, their ids, their inputs, and the place of whatever is wrong."""

import contextlib
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itonami.workflow.definition import (
    MISSING,
    Activity,
    Decision,
    DefinitionError,
    InputError,
    Parallel,
    RetryPolicy,
    Saga,
    Seq,
    check_inputs,
    children,
    parse_definition,
)
from itonami.workflow.definition.parse import FORMS

ORDER = {
    "workflow": {
        "id": "order",
        "name": "Order",
        "version": "1.0.0",
        "inputs": [
            {"name": "orderId", "type": "string", "required": True},
            {"name": "amount", "type": "number", "required": True},
            {"name": "priority", "type": "integer", "default": 3},
            {"name": "note", "type": "any"},
        ],
        "outputs": [
            {"name": "confirmation", "type": "string", "from": "$.steps.confirm.output.id"},
            {"name": "processed", "type": "boolean"},
        ],
        "timeout": "PT30M",
        "activities": {
            "validate": {
                "type": "http",
                "method": "POST",
                "url": "https://example.com/v",
                "headers": {"A": "b"},
            },
            "reserve": {
                "type": "sql",
                "url": "sqlite://",
                "statement": "UPDATE s SET n = 1",
                "expect_rows": 1,
            },
        },
        "strategy": {
            "op": "saga",
            "main_flow": {
                "op": "seq",
                "strategies": [
                    {
                        "op": "activity",
                        "activity_ref": "validate",
                        "input_mapping": {"id": "$.inputs.orderId"},
                    },
                    {
                        "op": "parallel",
                        "branches": [
                            {
                                "op": "activity",
                                "id": "pay",
                                "activity_ref": "charge",
                                "timeout": "10s",
                                "retry_policy": {"maximum_attempts": 5, "initial_interval": "200ms"},
                                "compensate": {"op": "activity", "activity_ref": "refund"},
                            },
                            {"op": "activity", "activity_ref": "reserve"},
                        ],
                        "completion_condition": {"at_least": 1},
                        "on_failure": "collect",
                    },
                    {
                        "op": "decision",
                        "conditions": [
                            {
                                "condition": "steps.pay.output.ok && inputs.amount > 100",
                                "branch": {"op": "activity", "id": "confirm", "activity_ref": "send"},
                            }
                        ],
                        "default_branch": {"op": "activity", "activity_ref": "send"},
                    },
                ],
            },
            "compensation": {"op": "activity", "activity_ref": "send"},
        },
    }
}


def workflow(strategy, **keys):
    return {"workflow": {"id": "w", "strategy": strategy, **keys}}


def act(ref="a", **keys):
    return {"op": "activity", "activity_ref": ref, **keys}


def test_a_whole_definition_becomes_a_tree_in_normal_form():
    definition = parse_definition(ORDER)
    refund = Activity("refund", "refund")
    assert definition.strategy == Saga(
        "saga",
        Seq(
            "seq",
            (
                Activity("validate", "validate", {"id": "$.inputs.orderId"}),
                Parallel(
                    "parallel",
                    (
                        Activity("pay", "charge", None, 10_000, RetryPolicy(200, maximum_attempts=5), refund),
                        Activity("reserve", "reserve"),
                    ),
                    needed=1,
                    on_failure="collect",
                ),
                Decision(
                    "decision",
                    (("steps.pay.output.ok && inputs.amount > 100", Activity("confirm", "send")),),
                    Activity("send", "send"),
                ),
            ),
        ),
        Activity("send#2", "send"),
    )
    assert (definition.id, definition.name, definition.version) == ("order", "Order", "1.0.0")
    assert definition.timeout_ms == 1_800_000
    assert definition.source == ORDER
    assert [one.default for one in definition.inputs] == [MISSING, MISSING, 3, MISSING]
    assert [op.id for op in definition.ops()] == [
        "saga", "seq", "validate", "parallel", "pay", "refund", "reserve", "decision", "confirm", "send",
        "send#2",
    ]  # fmt: skip


def test_a_definition_is_a_value_of_its_own():
    source = copy.deepcopy(ORDER)
    definition = parse_definition(source)
    source["workflow"]["strategy"]["main_flow"] = None
    assert definition.source == ORDER
    assert definition == parse_definition(ORDER)
    assert hash(definition) == hash(parse_definition(ORDER))


def test_the_address_depends_on_what_is_said_and_not_on_the_order_of_keys():
    turned = json.loads(json.dumps(ORDER, sort_keys=True))
    assert parse_definition(turned).address == parse_definition(ORDER).address
    other = copy.deepcopy(ORDER)
    other["workflow"]["version"] = "1.0.1"
    assert parse_definition(other).address != parse_definition(ORDER).address
    assert len(parse_definition(ORDER).address) == 64


def test_only_id_and_strategy_must_be_written():
    definition = parse_definition(workflow(act()))
    assert (definition.name, definition.version, definition.timeout_ms) == ("w", "1", None)
    assert (definition.inputs, definition.outputs, definition.activities) == ((), (), {})


@pytest.mark.parametrize(
    ("condition", "needed"),
    [(None, 3), ("all", 3), ("any", 1), ({"at_least": 1}, 1), ({"at_least": 2}, 2), ({"at_least": 3}, 3)],
)
def test_a_completion_condition_is_a_number_of_branches(condition, needed):
    given = {} if condition is None else {"completion_condition": condition}
    op = parse_definition(workflow({"op": "parallel", "branches": [act()] * 3, **given})).strategy
    assert (op.needed, op.on_failure) == (needed, "fail_fast")


def test_written_ids_come_first_and_the_others_take_the_next_free_name():
    strategies = [act(), act(), act("b", id="a#2"), act("c", id="a"), act()]
    definition = parse_definition(workflow({"op": "seq", "strategies": strategies}))
    assert [op.id for op in definition.ops()] == ["seq", "a#3", "a#4", "a#2", "a", "a#5"]


def _strategies(*items):
    return workflow({"op": "seq", "strategies": list(items)})


S = "$.workflow.strategy"
BAD = {
    "no object": ([], "$", "an object is needed"),
    "no workflow": ({"workflows": {}}, "$", "unknown key 'workflows'"),
    "not wrapped": ({"id": "w", "strategy": {}}, "$", "'workflow' is missing"),
    "no strategy": ({"workflow": {"id": "w"}}, "$.workflow", "'strategy' is missing"),
    "no id": ({"workflow": {"strategy": act()}}, "$.workflow", "'id' is missing"),
    "unknown key": (workflow(act(), input=[]), "$.workflow", "unknown key 'input'"),
    "number as version": (
        workflow(act(), version=1.0),
        "$.workflow.version",
        "string is needed here, not number",
    ),
    "null timeout": (workflow(act(), timeout=None), "$.workflow.timeout", "not null"),
    "zero timeout": (workflow(act(), timeout=0), "$.workflow.timeout", "zero"),
    "bad timeout": (workflow(act(), timeout="1 day"), "$.workflow.timeout", "no duration"),
    "unknown op": (
        _strategies(act(), {"op": "sequence"}),
        f"{S}.strategies[1].op",
        "unknown operator 'sequence'",
    ),
    "no op": (_strategies({"activity_ref": "a"}), f"{S}.strategies[0]", "an operator is needed"),
    "op no object": (_strategies("a"), f"{S}.strategies[0]", "an operator is needed"),
    "op no text": (_strategies({"op": ["seq"]}), f"{S}.strategies[0]", "an operator is needed"),
    "empty seq": (_strategies(), f"{S}.strategies", "strategies is empty"),
    "seq no list": (workflow({"op": "seq", "strategies": {}}), f"{S}.strategies", "array is needed here"),
    "empty parallel": (workflow({"op": "parallel", "branches": []}), f"{S}.branches", "branches is empty"),
    "at_least 0": (
        workflow({"op": "parallel", "branches": [act()], "completion_condition": {"at_least": 0}}),
        f"{S}.completion_condition.at_least",
        "at_least is 0, of 1 branches",
    ),
    "at_least 2 of 1": (
        workflow({"op": "parallel", "branches": [act()], "completion_condition": {"at_least": 2}}),
        f"{S}.completion_condition.at_least",
        "at_least is 2",
    ),
    "at_least true": (
        workflow({"op": "parallel", "branches": [act()], "completion_condition": {"at_least": True}}),
        f"{S}.completion_condition.at_least",
        "integer is needed",
    ),
    "some": (
        workflow({"op": "parallel", "branches": [act()], "completion_condition": "some"}),
        f"{S}.completion_condition",
        "'some' is none of all, any",
    ),
    "on_failure": (
        workflow({"op": "parallel", "branches": [act()], "on_failure": "fail-fast"}),
        f"{S}.on_failure",
        "none of fail_fast, collect",
    ),
    "no conditions": (
        workflow({"op": "decision", "conditions": []}),
        f"{S}.conditions",
        "conditions is empty",
    ),
    "bad guard": (
        workflow({"op": "decision", "conditions": [{"condition": "1 +", "branch": act()}]}),
        f"{S}.conditions[0].condition",
        "the guard is no CEL: line 1, column 4",
    ),
    "no branch": (
        workflow({"op": "decision", "conditions": [{"condition": "true"}]}),
        f"{S}.conditions[0]",
        "'branch' is missing",
    ),
    "unknown step in guard": (
        workflow({"op": "decision", "conditions": [{"condition": "steps.b.output == 1", "branch": act()}]}),
        f"{S}.conditions[0].condition",
        "there is no step 'b'",
    ),
    "unknown input in guard": (
        workflow({"op": "decision", "conditions": [{"condition": "inputs.b == 1", "branch": act()}]}),
        f"{S}.conditions[0].condition",
        "there is no input 'b'",
    ),
    "no activity_ref": (workflow({"op": "activity"}), S, "'activity_ref' is missing"),
    "bad path": (
        workflow(act(input_mapping={"x": ["$.inputs["]})),
        f"{S}.input_mapping.x[0]",
        "is no JSONPath",
    ),
    "mapping is text": (workflow(act(input_mapping="x")), f"{S}.input_mapping", "a mapping gives an object"),
    "unknown step in mapping": (
        _strategies(act("validate"), act("b", input_mapping={"x": "$.steps.valdate.output"})),
        f"{S}.strategies[1].input_mapping",
        "there is no step 'valdate'; did you mean 'validate'?",
    ),
    "unknown step in output": (
        workflow(act(), outputs=[{"name": "o", "from": "$.steps.b.output"}]),
        "$.workflow.outputs[0].from",
        "there is no step 'b'",
    ),
    "output from no path": (
        workflow(act(), outputs=[{"name": "o", "from": "steps.a.output"}]),
        "$.workflow.outputs[0].from",
        "from is no path",
    ),
    "bad retry": (workflow(act(retry_policy={"tries": 3})), f"{S}.retry_policy", "unknown key 'tries'"),
    "ids clash": (
        _strategies(act(id="x"), act(id="x")),
        f"{S}.strategies[1].id",
        f"the id 'x' is taken by {S}.strategies[0].id",
    ),
    "reserved id": (workflow(act(id="@graph")), f"{S}.id", "is no name"),
    "empty id": (workflow(act(id="")), f"{S}.id", "is no name"),
    "reserved ref": (workflow(act("@a")), f"{S}.activity_ref", "is no name"),
    "unprintable id": (workflow(act(id="a\nb")), f"{S}.id", "is no name"),
    "unknown type": (
        workflow(act(), inputs=[{"name": "a", "type": "strnig"}]),
        "$.workflow.inputs[0].type",
        "unknown type 'strnig'; did you mean 'string'?",
    ),
    "default of another type": (
        workflow(act(), inputs=[{"name": "a", "type": "number", "default": True}]),
        "$.workflow.inputs[0].default",
        "the default is no number but boolean",
    ),
    "input twice": (
        workflow(act(), inputs=[{"name": "a"}, {"name": "a"}]),
        "$.workflow.inputs[1].name",
        "'a' is taken",
    ),
    "unknown activity type": (
        workflow(act(), activities={"a": {"type": "htpp"}}),
        "$.workflow.activities.a.type",
        "an activity type is needed here; did you mean 'http'?",
    ),
    "header is number": (
        workflow(act(), activities={"a": {"type": "http", "url": "u", "headers": {"X-A": 1}}}),
        "$.workflow.activities.a.headers['X-A']",
        "a header is text",
    ),
    "not JSON": (
        workflow(act(input_mapping={"x": {1, 2}})),
        f"{S}.input_mapping.x",
        "a Python set is no JSON",
    ),
    "NaN": (workflow(act(input_mapping={"x": float("nan")})), f"{S}.input_mapping.x", "nan is no JSON value"),
    "key no text": (
        workflow(act(input_mapping={1: 2})),
        f"{S}.input_mapping",
        "a key is no text but integer",
    ),
    "surrogate": (workflow(act("\ud800")), f"{S}.activity_ref", "lone surrogate"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_with_its_place_and_a_remedy(name):
    obj, where, what = BAD[name]
    with pytest.raises(DefinitionError) as caught:
        parse_definition(obj)
    assert caught.value.where == where
    assert what in f"{caught.value.what}; {caught.value.fix}"
    assert caught.value.fix


def test_an_unknown_operator_lists_the_known_ones():
    with pytest.raises(DefinitionError) as caught:
        parse_definition(workflow({"op": "paralel"}))
    assert all(name in caught.value.what for name in FORMS)
    assert caught.value.fix == "did you mean 'parallel'?"


def _nested(levels, wrap):
    op = act()
    for _ in range(levels - 1):
        op = wrap(op)
    return workflow(op)


WRAPS = {
    "seq": lambda op: {"op": "seq", "strategies": [op]},
    "parallel": lambda op: {"op": "parallel", "branches": [op]},
    "decision": lambda op: {"op": "decision", "conditions": [{"condition": "true", "branch": op}]},
    "activity": lambda op: act(compensate=op),
    "saga": lambda op: {"op": "saga", "main_flow": op},
}


def test_every_operator_is_among_the_wraps_that_the_laws_here_use():
    assert set(WRAPS) == set(FORMS)


@pytest.mark.parametrize("name", WRAPS)
def test_two_hundred_levels_are_allowed_and_the_next_is_a_typed_error(name):
    assert len(list(parse_definition(_nested(200, WRAPS[name])).ops())) == 200
    for levels in (201, 1_000, 5_000):
        with pytest.raises(DefinitionError, match="levels deep"):
            parse_definition(_nested(levels, WRAPS[name]))


def test_a_definition_that_holds_itself_is_too_deep():
    op = {"op": "seq", "strategies": []}
    op["strategies"].append(op)
    with pytest.raises(DefinitionError, match="levels deep"):
        parse_definition(workflow(op))


def test_more_than_a_hundred_thousand_operators_are_a_typed_error():
    row = {"op": "seq", "strategies": [act()] * 1000}
    with pytest.raises(DefinitionError, match="more than 100000 operators"):
        parse_definition(workflow({"op": "parallel", "branches": [row] * 100}))


IDS = st.none() | st.sampled_from(["a", "b", "seq", "a#2", "saga"])
LEAVES = st.builds(lambda ref: act(ref), st.sampled_from(["a", "b", "seq"]))


def _ops(below):
    some = st.lists(below, min_size=1, max_size=4)
    return st.one_of(
        some.map(lambda ops: {"op": "seq", "strategies": ops}),
        some.map(lambda ops: {"op": "parallel", "branches": ops, "completion_condition": "any"}),
        st.tuples(some, below).map(
            lambda pair: {
                "op": "decision",
                "conditions": [{"condition": "true", "branch": op} for op in pair[0]],
                "default_branch": pair[1],
            }
        ),
        st.tuples(below, below).map(
            lambda pair: {"op": "saga", "main_flow": pair[0], "compensation": pair[1]}
        ),
        below.map(lambda op: act(compensate=op)),
    )


OPS = st.recursive(LEAVES, _ops, max_leaves=25)


@settings(max_examples=100)
@given(OPS, st.data())
def test_the_ids_of_every_definition_are_unique_and_those_written_are_kept(op, data):
    definition = parse_definition(workflow(op))
    ids = [one.id for one in definition.ops()]
    assert len(set(ids)) == len(ids)
    chosen = data.draw(st.sampled_from(ids))
    with_id = parse_definition(workflow({"op": "seq", "id": chosen, "strategies": [op]}))
    again = [one.id for one in with_id.ops()]
    assert again[0] == chosen
    assert len(set(again)) == len(again) == len(ids) + 1


@given(OPS)
def test_parsing_the_source_again_gives_the_same_definition(op):
    definition = parse_definition(workflow(op))
    again = parse_definition(json.loads(json.dumps(definition.source)))
    assert again == definition
    assert again.address == definition.address


@given(OPS)
def test_ops_visits_parents_first_and_children_in_order(op):
    def preorder(one):
        return [one, *(deep for kid in children(one) for deep in preorder(kid))]

    definition = parse_definition(workflow(op))
    assert list(definition.ops()) == preorder(definition.strategy)


MANGLED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | LEAVES,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["op", "id", "strategies", "branches", "workflow", "strategy", "main_flow", "conditions"]
            ),
            below | st.sampled_from(sorted(FORMS)),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(MANGLED)
def test_no_object_makes_anything_but_a_definition_or_a_typed_error(obj):
    for candidate in (obj, {"workflow": obj}, workflow(obj)):
        with contextlib.suppress(DefinitionError):
            assert parse_definition(candidate).source == candidate


def test_inputs_are_checked_and_defaults_fill_the_rest():
    definition = parse_definition(ORDER)
    given_items = {"note": [1], "amount": 5, "orderId": "o"}
    checked = check_inputs(definition, given_items)
    assert checked == {"orderId": "o", "amount": 5, "priority": 3, "note": [1]}
    checked["note"].append(2)
    assert given_items["note"] == [1]
    assert check_inputs(definition, {"orderId": "o", "amount": 0.5, "note": None}) == {
        "orderId": "o", "amount": 0.5, "priority": 3, "note": None,
    }  # fmt: skip
    assert "note" not in check_inputs(definition, {"orderId": "o", "amount": 1})


def test_a_default_is_not_shared_between_runs():
    definition = parse_definition(workflow(act(), inputs=[{"name": "a", "type": "array", "default": []}]))
    check_inputs(definition, {})["a"].append(1)
    assert check_inputs(definition, {}) == {"a": []}


@pytest.mark.parametrize(
    ("inputs", "where", "what"),
    [
        ({"amount": 1}, "$.inputs.orderId", "'orderId' is missing"),
        ({"orderId": "o", "amount": True}, "$.inputs.amount", "no number but boolean"),
        ({"orderId": "o", "amount": "1"}, "$.inputs.amount", "no number but string"),
        ({"orderId": "o", "amount": 1, "priority": 3.0}, "$.inputs.priority", "no integer but number"),
        ({"orderId": None, "amount": 1}, "$.inputs.orderId", "no string but null"),
        ({"orderID": "o", "amount": 1}, "$.inputs", "unknown input 'orderID'; did you mean 'orderId'?"),
        ({"orderId": "o", "amount": float("inf")}, "$.inputs.amount", "no JSON value"),
        ({"orderId": "o", "amount": 1, "note": {"a": [b"x"]}}, "$.inputs.note.a[0]", "a Python bytes"),
        ({"orderId": "\udc80", "amount": 1}, "$.inputs.orderId", "lone surrogate"),
        ({1: 2}, "$.inputs", "a key is no text"),
        ([], "$.inputs", "no object but array"),
        (None, "$.inputs", "no object but null"),
    ],
)
def test_bad_inputs_are_refused_at_their_place(inputs, where, what):
    with pytest.raises(InputError) as caught:
        check_inputs(parse_definition(ORDER), inputs)
    assert caught.value.where == where
    assert what in f"{caught.value.what}; {caught.value.fix}"


def test_inputs_nested_past_the_bound_are_refused():
    deep = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError, match="levels deep"):
        check_inputs(parse_definition(ORDER), {"orderId": "o", "amount": 1, "note": deep})
