"""Laws of the codec, with cbor2's canonical mode as the oracle."""

import json

import cbor2
import pytest
from hypothesis import given
from strategies import scalars, values

from itonami.graphstore import InvalidValue
from itonami.graphstore.codec import decode, encode, normalise, same


@given(values)
def test_decoding_gives_the_encoded_value_back(value):
    assert same(decode(encode(value)), normalise(value))


@given(values.filter(lambda v: b"\xc1" not in encode(v)))
def test_the_encoding_is_cbor2s_canonical_one(value):
    """Timestamps apart, which cbor2 writes as text (tag 0)."""
    assert encode(value) == cbor2.dumps(value, canonical=True)


@given(values)
def test_any_accepted_bytes_are_canonical(value):
    data = encode(value)
    assert encode(decode(data)) == data


@given(scalars, scalars)
def test_same_means_same_bytes(a, b):
    assert same(a, b) == (encode(a) == encode(b))


@pytest.mark.parametrize(
    "data",
    [
        "1817",
        "a2616101616102",
        "0000",
        "f97e00",
        "9fff",
        "c074323032302d30312d30315430303a30303a30305a",
        "a10102",
        "f7",
        "",
        "5f",
    ],
    ids=[
        "long int",
        "duplicate key",
        "trailing",
        "nan",
        "indefinite",
        "tag 0",
        "int key",
        "undefined",
        "empty",
        "cut",
    ],
)
def test_bytes_that_are_not_canonical_values_are_refused(data):
    with pytest.raises(InvalidValue):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), {1}, "\ud800", 1j])
def test_values_outside_the_domain_are_refused(value):
    with pytest.raises(InvalidValue):
        normalise(value)
    with pytest.raises(InvalidValue):
        encode(value)


def test_a_value_that_contains_itself_is_refused():
    cycle: list = []
    cycle.append(cycle)
    with pytest.raises(InvalidValue, match="nested"):
        normalise(cycle)


def test_vectors_of_rfc_8949_appendix_a_round_trip_or_are_refused(conformance):
    vectors = json.loads((conformance / "cbor" / "appendix_a.json").read_text())
    kept = 0
    for vector in vectors:
        data = bytes.fromhex(vector["hex"])
        try:
            value = decode(data)
        except InvalidValue:
            continue
        assert encode(value) == data
        kept += 1
    assert kept > 40
