"""The examples of RFC 8949, appendix A: those that encode a value of ours, in the one form it has, are read and written
back byte for byte; all others are refused."""

import json

import pytest

from itonami.graphstore import InvalidValue
from itonami.graphstore.codec import decode, encode


def ours(vector):
    """The rule. A vector is of our domain when it is in preferred form (`roundtrip`: definite lengths, shortest
    integers and floats) and is a JSON value (`decoded`; bignums included), a byte string or a timestamp in seconds;
    the last two are known by their diagnostic notation. So these are not: infinities and NaN, undefined, simple
    values, maps with keys that are not text, and tags other than 1, 2 and 3."""
    if not vector["roundtrip"]:
        return False
    return "decoded" in vector or vector["diagnostic"].startswith(("h'", "1("))


def test_the_examples_of_rfc_8949_are_kept_byte_for_byte_or_refused(conformance):
    file = conformance / "cbor" / "appendix_a.json"
    if not file.is_file():
        pytest.skip("the examples of RFC 8949 are not beside this checkout")
    kept, refused = [], []
    for vector in json.loads(file.read_text()):
        data = bytes.fromhex(vector["hex"])
        if ours(vector):
            value = decode(data)
            assert encode(value) == data, vector
            if "decoded" in vector:
                assert value == vector["decoded"], vector
                assert type(value) is type(vector["decoded"]), vector
            kept.append(data)
        else:
            with pytest.raises(InvalidValue):
                decode(data)
            refused.append(data)
    assert len(kept) > 50
    assert len(refused) > 25
