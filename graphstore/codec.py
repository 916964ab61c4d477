"""Canonical bytes: one value, one encoding, one address.

The value domain is JSON's (null, booleans, integers, finite floats, text, arrays, maps with text keys) plus
byte strings and aware timestamps. Values are encoded as deterministic CBOR (RFC 8949, section 4.2): shortest
forms, definite lengths, map keys in bytewise order of their encodings. A timestamp is tag 1 (section 3.4.2)
over whole seconds, or over a float when it carries microseconds. The law:

    decode(encode(v)) == v        encode(decode(b)) == b, or decode(b) is refused

The encoder is our own because it runs on every commit: it takes a quarter of the time of cbor2's canonical
mode, which is its oracle in the tests. Decoding is cbor2's.

Large values go by hash. In records and bodies, a text, byte string or list of 256 encoded bytes and more that is a
value of a map is replaced by a reference (a list goes as a whole, nothing within it): tag 0x49544E4D over the BLAKE3 of
its encoding, the *payload*, which is kept beside. A caller's value cannot hold a reference, so none can be forged.
Nothing of graphs may live here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any

import cbor2
from blake3 import blake3
from pyrsistent import PVector

from itonami.graphstore.errors import Corrupt, InvalidValue

__all__ = [
    "ADDRESS_BYTES",
    "PAYLOAD_MARK",
    "PAYLOAD_TAG",
    "Value",
    "address",
    "array",
    "ascii_text",
    "byte_string",
    "decode",
    "encode",
    "encode_shared",
    "load",
    "normalise",
    "reference",
    "references",
    "same",
]

Value = Any  # JSON's values plus bytes and aware datetimes; mypy cannot state the recursion cheaply

ADDRESS_BYTES = 32
MAX_DEPTH = 100
PAYLOAD_TAG = 0x49544E4D
PAYLOAD_BYTES = 256
MAX_PAYLOAD_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT_SECONDS = 1 << 33  # so far from 1970 a double still tells microseconds apart
_CACHED_TEXT_BYTES = 64
_CACHED_TEXTS = 65_536
_CACHED_MOMENTS = 1_024

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0


def address(data: bytes) -> bytes:
    """The address of canonical bytes: their BLAKE3 digest, 32 bytes. About 1.5 us for 1 KB."""
    return blake3(data).digest()


def _head(major: int, argument: int) -> bytes:
    """The initial byte and argument in the shortest form (RFC 8949, section 3)."""
    if argument < 24:
        return bytes((major | argument,))
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x1_0000:
        return struct.pack(">BH", major | 25, argument)
    if argument < 0x1_0000_0000:
        return struct.pack(">BI", major | 26, argument)
    return struct.pack(">BQ", major | 27, argument)


_HEADS = {major: [_head(major, n) for n in range(256)] for major in (_UINT, _BYTES, _ARRAY, _MAP)}
_UINTS, _BYTES_HEADS, _ARRAYS, _MAPS = (_HEADS[m] for m in (_UINT, _BYTES, _ARRAY, _MAP))
_TEXT_HEADS = [_head(_TEXT, size) for size in range(256)]
_texts: dict[str, bytes] = {}
_moments: dict[datetime, bytes] = {}
_SINGLE_MAX, _HALF_MAX = 3.4028234663852886e38, 65_504.0
_pack_single, _unpack_single = struct.Struct(">f").pack, struct.Struct(">f").unpack
_pack_double = struct.Struct(">d").pack


def _text(text: str) -> bytes:
    """A text string; short ones are remembered, since labels, keys and ids come again and again."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            f"text holds a lone surrogate at position {error.start}",
            fix="pass well-formed Unicode, or bytes",
        ) from None
    size = len(data)
    encoded = (_TEXT_HEADS[size] if size < 256 else _head(_TEXT, size)) + data
    if size <= _CACHED_TEXT_BYTES:
        if len(_texts) >= _CACHED_TEXTS:
            _texts.clear()
        _texts[text] = encoded
    return encoded


def _integer(number: int) -> bytes:
    """An integer; beyond 64 bits a bignum, tag 2 or 3 (section 3.4.3)."""
    if 0 <= number < 1 << 64:
        return _head(_UINT, number)
    if -(1 << 64) <= number < 0:
        return _head(_NEGATIVE, -1 - number)
    tag, magnitude = (b"\xc2", number) if number > 0 else (b"\xc3", -1 - number)
    data = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
    return tag + _head(_BYTES, len(data)) + data


def _float(number: float) -> bytes:
    """The shortest of half, single and double precision that keeps the value."""
    if not math.isfinite(number):
        raise InvalidValue(f"{number} is no value", fix="use null, or text, for what is not a number")
    if -_SINGLE_MAX <= number <= _SINGLE_MAX:
        data: bytes = _pack_single(number)
        if _unpack_single(data)[0] == number:
            if -_HALF_MAX <= number <= _HALF_MAX:
                half = struct.pack(">e", number)
                if struct.unpack(">e", half)[0] == number:
                    return b"\xf9" + half
            return b"\xfa" + data
    return b"\xfb" + _pack_double(number)


def _timestamp(moment: datetime) -> bytes:
    """Tag 1: whole seconds as an integer, else a float; microseconds survive until the year 2242. Remembered, since
    one moment stands in an event, its delta and the node."""
    known = _moments.get(moment)
    if known is None:
        known = _timestamp_bytes(moment)
        if len(_moments) >= _CACHED_MOMENTS:
            _moments.clear()
        _moments[moment] = known
    return known


def _timestamp_bytes(moment: datetime) -> bytes:
    if moment.tzinfo is None:
        raise InvalidValue("the timestamp has no time zone", fix="use datetime.now(UTC) or attach tzinfo")
    microseconds = (moment - _EPOCH) // _MICROSECOND
    seconds, rest = divmod(microseconds, 1_000_000)
    if rest and not -_EXACT_SECONDS <= seconds < _EXACT_SECONDS:
        raise InvalidValue(
            f"{moment.isoformat()} cannot be kept to the microsecond",
            fix="use whole seconds, or 1698 to 2242",
        )
    return b"\xc1" + (_integer(seconds) if rest == 0 else _float(microseconds / 1_000_000))


_first = itemgetter(0)


def _put(value: Value, out: list[bytes], depth: int) -> None:
    kind = type(value)
    if kind is str:
        out.append(_texts.get(value) or _text(value))
    elif kind is dict:
        if depth >= MAX_DEPTH:
            raise _too_deep()
        size = len(value)
        out.append(_MAPS[size] if size < 256 else _head(_MAP, size))
        if size > 1:
            entries = sorted([(_key(key), item) for key, item in value.items()], key=_first)
        else:
            entries = [(_key(key), item) for key, item in value.items()]
        for key, item in entries:
            out.append(key)
            if type(item) is str:
                out.append(_texts.get(item) or _text(item))
            else:
                _put(item, out, depth + 1)
    elif kind is list or kind is tuple:
        if depth >= MAX_DEPTH:
            raise _too_deep()
        size = len(value)
        out.append(_ARRAYS[size] if size < 256 else _head(_ARRAY, size))
        for item in value:
            if type(item) is str:
                out.append(_texts.get(item) or _text(item))
            else:
                _put(item, out, depth + 1)
    else:
        encoder = _SCALARS.get(kind)
        if encoder is None:
            raise InvalidValue(
                f"{kind.__name__} is not in the value domain",
                fix="use null, booleans, numbers, text, bytes, aware datetimes, lists and maps with text keys",
            )
        out.append(encoder(value))


def ascii_text(text: str) -> bytes:
    """The encoding of a text of fewer than 256 ASCII characters. 0.2 us, and nothing is remembered of it."""
    return _TEXT_HEADS[len(text)] + text.encode()


def byte_string(data: bytes) -> bytes:
    """The encoding of a byte string."""
    size = len(data)
    return (_BYTES_HEADS[size] if size < 256 else _head(_BYTES, size)) + data


_SCALARS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\xf6",
    bool: lambda truth: b"\xf5" if truth else b"\xf4",
    int: lambda number: _UINTS[number] if 0 <= number < 256 else _integer(number),
    float: _float,
    bytes: byte_string,
    datetime: _timestamp,
}


def _key(key: Value) -> bytes:
    if type(key) is not str:
        raise InvalidValue(f"map key {key!r} is not text", fix="use text keys")
    return _texts.get(key) or _text(key)


def _too_deep() -> InvalidValue:
    return InvalidValue(f"the value is nested more than {MAX_DEPTH} deep, or contains itself")


def encode(value: Value, depth: int = 0) -> bytes:
    """Canonical bytes of a plain value (lists, tuples and dicts), which will stand `depth` deep in another. Raises
    `InvalidValue`. O(size)."""
    out: list[bytes] = []
    _put(value, out, depth)
    return b"".join(out)


PAYLOAD_MARK = b"\xda" + struct.pack(">I", PAYLOAD_TAG) + b"\x58\x20"
"""How every reference begins: bytes without it have none."""


def reference(payload: bytes) -> bytes:
    """The encoding of a reference to a payload, given its address. 39 bytes."""
    return PAYLOAD_MARK + payload


def encode_shared(value: Value, payloads: dict[bytes, bytes]) -> bytes:
    """`encode` of a map, or an array that holds maps, with their large values by reference; what they refer to joins
    `payloads`, address to encoding."""
    out: list[bytes] = []
    _put_shared(value, out, 0, payloads)
    return b"".join(out)


def _put_shared(value: Value, out: list[bytes], depth: int, payloads: dict[bytes, bytes]) -> None:
    """`_put` for maps, and for the arrays that lead to them."""
    size = len(value)
    if depth >= MAX_DEPTH:
        raise _too_deep()
    if type(value) is not dict:
        out.append(_ARRAYS[size] if size < 256 else _head(_ARRAY, size))
        for item in value:
            kind = type(item)
            if kind is str:
                out.append(_texts.get(item) or _text(item))
            elif kind is dict or kind is list or kind is tuple:
                _put_shared(item, out, depth + 1, payloads)
            else:
                _put(item, out, depth + 1)
        return
    out.append(_MAPS[size] if size < 256 else _head(_MAP, size))
    entries = [(_key(key), item) for key, item in value.items()]
    if size > 1:
        entries.sort(key=_first)
    for key, item in entries:
        out.append(key)
        kind = type(item)
        if kind is str and len(item) < 64:  # at most 252 bytes
            out.append(_texts.get(item) or _text(item))
        elif kind is dict:
            _put_shared(item, out, depth + 1, payloads)
        elif kind is str or kind is bytes or kind is list or kind is tuple:
            out.append(_shared(encode(item, depth + 1), payloads))
        else:
            _put(item, out, depth + 1)


def _shared(encoded: bytes, payloads: dict[bytes, bytes]) -> bytes:
    """The encoding itself when it is short, else a reference to it."""
    if len(encoded) < PAYLOAD_BYTES:
        return encoded
    if len(encoded) > MAX_PAYLOAD_BYTES:
        raise InvalidValue(
            f"a value has {len(encoded)} bytes, the limit is {MAX_PAYLOAD_BYTES}",
            fix="keep it outside and refer to it, or split it",
        )
    payload = address(encoded)
    payloads[payload] = encoded
    return PAYLOAD_MARK + payload


def array(*items: bytes) -> bytes:
    """The encoding of an array of items that are encoded already."""
    size = len(items)
    return (_ARRAYS[size] if size < 256 else _head(_ARRAY, size)) + b"".join(items)


def _refuse_sharing(*_: Any) -> Value:
    raise ValueError("values that are shared within the bytes are no values here")


_NOT_SHARED = dict.fromkeys((25, 28, 29, 256), _refuse_sharing)
"""Tags by which a few bytes become a value of any size (RFC 8949 registry: stringref, shareable, sharedref)."""


def load(data: bytes, payload: Callable[[bytes], Value] | None = None) -> Value:
    """Decode bytes that this process or an audited store wrote: no proof of canonical form is asked. `payload` gives
    the value behind a reference, by address."""
    try:
        if payload is None or PAYLOAD_MARK not in data:
            return cbor2.loads(data, semantic_decoders=_NOT_SHARED)
        return cbor2.loads(data, tag_hook=partial(_resolved, payload), semantic_decoders=_NOT_SHARED)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        if isinstance(error.__cause__, Corrupt):
            raise error.__cause__ from None
        raise Corrupt(f"bytes are no CBOR: {error}") from error


def _resolved(payload: Callable[[bytes], Value], tag: cbor2.CBORTag, _: bool) -> Value:
    if tag.tag != PAYLOAD_TAG or not isinstance(tag.value, bytes):
        raise Corrupt("there is a tag of another kind in a record")
    return payload(tag.value)


def references(data: bytes) -> set[bytes]:
    """The addresses of the payloads that a record refers to."""
    found: set[bytes] = set()
    load(data, found.add)
    return found


def decode(data: bytes) -> Value:
    """Decode bytes from outside: anything but the canonical encoding of a value is `InvalidValue`."""
    try:
        value = cbor2.loads(
            data,
            max_depth=MAX_DEPTH + 1,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            semantic_decoders=_NOT_SHARED,
        )
    except (cbor2.CBORDecodeError, ValueError, OverflowError, TypeError) as error:
        raise InvalidValue(f"the bytes are no canonical CBOR: {error}") from error
    if encode(value) != data:
        raise InvalidValue("the bytes are CBOR, but not in canonical form", fix="encode with codec.encode")
    return value


def _normalise(value: Value, depth: int) -> Value:
    kind = type(value)
    if kind is str:
        if value not in _texts:
            _text(value)
        return value
    if kind is int or kind is bool or value is None or kind is bytes:
        return value
    if kind is dict or isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            raise _too_deep()
        for key in value:
            _key(key)
        return {key: _normalise(item, depth + 1) for key, item in value.items()}
    if kind is list or isinstance(value, list | tuple | PVector):
        if depth >= MAX_DEPTH:
            raise _too_deep()
        return [_normalise(item, depth + 1) for item in value]
    _put(value, [], depth)  # a float or timestamp passes; anything else is refused with its type's name
    if kind is float:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(
            f"{value.isoformat()} has no time in UTC", fix="use a year from 1 to 9999"
        ) from None


def normalise(value: Value) -> Value:
    """A private, plain copy of a caller's value (tuples and frozen vectors become lists, maps become dicts,
    timestamps UTC), checked against the value domain. Raises `InvalidValue`. O(size)."""
    return _normalise(value, 0)


def same(a: Value, b: Value) -> bool:
    """Equality as the encoding sees it: unlike Python's, 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if a is b:
        return True
    if type(a) is not type(b) or a != b:
        return False
    if type(a) in (str, int, bool, bytes, datetime):
        return True
    return encode(a) == encode(b)
