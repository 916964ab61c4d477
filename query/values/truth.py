"""Three-valued logic: true, false and unknown (null).

    and    the least  of false < unknown < true        or    the greatest
    xor    unknown when either is                      not   unknown stays

Reference: S. C. Kleene, Introduction to Metamathematics (1952), section 64, strong tables; openCypher 9, section 2.4.

Only truth values may live here.
"""

from __future__ import annotations

from itonami.query.faults import wrong_type
from itonami.query.values.domain import Truth, Value, spoken_type

__all__ = ["and_", "not_", "or_", "truth", "xor"]


def truth(value: Value) -> Truth:
    """The value itself when it is a truth value, else `QueryTypeError`."""
    if value is None or value is True or value is False:
        return value
    raise wrong_type(f"{spoken_type(value)} is no boolean", "compare it: x <> 0, x IS NOT NULL, ...")


def and_(a: Value, b: Value) -> Truth:
    """False when either is, else unknown when either is, else true."""
    a, b = truth(a), truth(b)
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def or_(a: Value, b: Value) -> Truth:
    """True when either is, else unknown when either is, else false."""
    a, b = truth(a), truth(b)
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def xor(a: Value, b: Value) -> Truth:
    """Whether exactly one is true; unknown when either is unknown."""
    a, b = truth(a), truth(b)
    return None if a is None or b is None else a is not b


def not_(a: Value) -> Truth:
    """The opposite; unknown stays unknown."""
    a = truth(a)
    return None if a is None else not a
