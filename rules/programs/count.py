"""How often: the counts of a program, `3`, `"*"`, or arithmetic in N such as `"N-2"` and `"2*N+1"`.

    sum     = product (("+" | "-") product)*
    product = sign (("*" | "/")? sign)*          a factor right after another multiplies: 2N
    sign    = ("-" | "+")* power
    power   = atom ("^" sign)?                   also written **
    atom    = digits | N | "(" sum ")"

Integers only, and exact: a quotient that is none is refused, as is what exceeds `MAX_COUNT`. Reading is by recursive
descent (Aho, Lam, Sethi and Ullman, Compilers, 2006, section 4.4) over at most `MAX_LENGTH` characters; nothing is
ever handed to Python's `eval`. What is counted may not live here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from itonami.rules.errors import RuleError

__all__ = ["FOREVER", "MAX_COUNT", "Count", "count_of"]

MAX_COUNT = 10**12
MAX_LENGTH = 100

_Value = Callable[[int], int]
_WORD = re.compile(r"\s*([0-9]+|[Nn]|\*\*|[-+*/^()])")
_FIX = 'write a number, "*", or arithmetic in N such as "N-2" or "2*N+1"'


@dataclass(frozen=True, slots=True)
class Count:
    """A count as it was written. `at(n)` is its value; `needs_n` says whether N is in it."""

    text: str
    value: _Value | None
    needs_n: bool = False

    @property
    def forever(self) -> bool:
        """Whether it is `"*"`: as long as possible."""
        return self.value is None

    def at(self, n: int | None, where: str = "program") -> int | None:
        """Its value for N, None for as long as possible. `RuleError` where N is missing, or the value is none."""
        if self.value is None:
            return None
        if self.needs_n and n is None:
            raise RuleError(f"{self.text!r} needs a value for N", where=where, fix="give N (--n)")
        try:
            count = self.value(0 if n is None else n)
        except _NoInteger as error:
            raise RuleError(f"{self.text!r} {error} for N = {n}", where=where, fix="give another N") from None
        if not 0 <= count <= MAX_COUNT:
            why = f"is {count} for N = {n}" if self.needs_n else f"is not in 0 to {MAX_COUNT}"
            raise RuleError(f"{self.text!r} {why}", where=where, fix=f"counts go from 0 to {MAX_COUNT}")
        return count


FOREVER = Count("*", None)


def count_of(obj: Any, where: str) -> Count:
    """The count that stands in a program. Raises `RuleError`."""
    if type(obj) is int and 0 <= obj <= MAX_COUNT:
        return Count(str(obj), lambda n: obj)
    if not isinstance(obj, str):
        shown = f"{obj!r}" if isinstance(obj, int | float) and abs(obj) <= MAX_COUNT else type(obj).__name__
        raise RuleError(f"{shown} is no count", where=where, fix=_FIX)
    if obj.strip() == "*":
        return FOREVER
    return _Reader(obj, where).count()


class _NoInteger(Exception):
    """Arithmetic left the integers up to `MAX_COUNT` in size; says how."""


class _Reader:
    """Reads one expression into a function of N."""

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._words: list[str] = []
        at = 0
        stripped = text.rstrip()
        if len(text) > MAX_LENGTH:
            raise self._wrong(f"is longer than {MAX_LENGTH} characters")
        while at < len(stripped):
            word = _WORD.match(stripped, at)
            if word is None:
                raise self._wrong("is no count")
            self._words.append(word[1].replace("**", "^").upper())
            at = word.end()
        self._words.reverse()

    def count(self) -> Count:
        needs_n = "N" in self._words
        value = self._sum()
        if self._words:
            raise self._wrong("is no count")
        return Count(self._text, value, needs_n)

    def _wrong(self, what: str) -> RuleError:
        return RuleError(f"{self._text[:MAX_LENGTH]!r} {what}", where=self._where, fix=_FIX)

    def _peek(self) -> str:
        return self._words[-1] if self._words else ""

    def _sum(self) -> _Value:
        left = self._product()
        while self._peek() in ("+", "-"):
            left = _applied(self._words.pop(), left, self._product())
        return left

    def _product(self) -> _Value:
        left = self._sign()
        while (word := self._peek()) and (word in "*/(" or word.isalnum()):
            operator = self._words.pop() if word in "*/" else "*"
            left = _applied(operator, left, self._sign())
        return left

    def _sign(self) -> _Value:
        if self._peek() in ("+", "-"):
            return _applied(self._words.pop(), lambda n: 0, self._sign())
        return self._power()

    def _power(self) -> _Value:
        base = self._atom()
        if self._peek() != "^":
            return base
        return _applied(self._words.pop(), base, self._sign())

    def _atom(self) -> _Value:
        word = self._words.pop() if self._words else ""
        if word == "N":
            return lambda n: n
        if word.isdigit():
            number = int(word)
            return lambda n: number
        if word == "(":
            inner = self._sum()
            if self._peek() == ")":
                self._words.pop()
                return inner
        raise self._wrong("is no count")


def _applied(operator: str, left: _Value, right: _Value) -> _Value:
    operation = _OPERATIONS[operator]

    def value(n: int) -> int:
        result = operation(left(n), right(n))
        if abs(result) > MAX_COUNT:
            raise _NoInteger(f"exceeds {MAX_COUNT}")
        return result

    return value


def _quotient(a: int, b: int) -> int:
    if b == 0 or a % b:
        raise _NoInteger("is no whole number")
    return a // b


def _raised(a: int, b: int) -> int:
    if b < 0:
        raise _NoInteger("is no whole number")
    if abs(a) > 1 and b > MAX_COUNT.bit_length():
        raise _NoInteger(f"exceeds {MAX_COUNT}")
    return int(a**b)


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "^": _raised,
}
