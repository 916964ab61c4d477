"""What may cross between a workflow and the world, as laws of the two functions that guard it."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities import checked, plain


def test_a_value_that_holds_itself_is_refused_and_not_followed() -> None:
    knot: list[Any] = []
    knot.append(knot)
    with pytest.raises(InvalidValue, match="nested deeper"):
        checked(knot)
    json.dumps(plain(knot))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_json_crosses_the_border_unchanged_both_ways(value: Any) -> None:
    assert checked(value) == value == plain(value)


@given(json_values | st.binary() | st.datetimes(timezones=st.just(UTC)))
def test_checking_is_idempotent_and_shares_no_container(value: Any) -> None:
    once = checked([value, (value,)])
    assert checked(once) == once == [value, [value]]
    assert not isinstance(value, list | dict) or once[0] is not value


anything = st.recursive(
    json_values
    | st.floats()
    | st.binary()
    | st.decimals()
    | st.uuids()
    | st.dates()
    | st.timedeltas()
    | st.times(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=10,
)


@given(anything)
def test_plain_always_ends_in_json_that_is_its_own_plain(value: Any) -> None:
    made = plain(value)
    assert json.loads(json.dumps(made, allow_nan=False)) == made == plain(made)


def test_values_without_a_json_form_keep_their_meaning() -> None:
    class Colour(Enum):
        RED = "red"

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError

    uuid = UUID("12345678123456781234567812345678")
    assert plain([Decimal("1.10"), uuid, b"\x00\xff", math.inf, Colour.RED, Mute()]) == [
        "1.10",
        "12345678-1234-5678-1234-567812345678",
        "AP8=",
        "Infinity",
        "red",
        "<Mute>",
    ]
    assert plain(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"
