"""Tokens of the text form of rules and terms, with their places.

One regular expression; names that are no identifiers stand in backquotes (doubled inside), as in Cypher. Texts
take single or double quotes and backslash escapes. A `Tokens` is a cursor with the two moves of a predictive
parser (`take if it is`, `expect`), after Aho, Lam, Sethi and Ullman, Compilers, 2006, section 4.4. No grammar may
live here.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple, NoReturn

from itonami.rules.errors import RuleError

__all__ = ["MAX_TEXT", "RESERVED", "Token", "Tokens", "name_text", "text_text"]

MAX_TEXT = 1 << 18
"""The longest text of rules that is read, in characters."""

MAX_NAME_BYTES = 255

_CLAUSES = "rule event external priority match where not set unset label delete create"
_OPERATORS = "and or in is null true false starts ends with contains id labels"
RESERVED = frozenset(f"{_CLAUSES} {_OPERATORS}".split())
"""Words with a meaning: as a name each needs backquotes."""

_TOKEN = re.compile(
    r"""(?P<skip>(?:\s|\#[^\n]*)+)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<name>`(?:[^`]|``)*`)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<symbol><>|<=|>=|[-+*/%=<>()\[\]{},:.$])""",
    re.VERBOSE | re.DOTALL,
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_UNPRINTED = re.compile(r"[\\'\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Token(NamedTuple):
    """A token: its kind (word, name, text, number, symbol, end), what it stands for, and its offset."""

    kind: str
    value: str
    offset: int


def name_text(name: str) -> str:
    """A name as the text form writes it."""
    if _IDENTIFIER.match(name) and name not in RESERVED:
        return name
    return "`" + name.replace("`", "``") + "`"


def text_text(text: str) -> str:
    """A text as the text form writes it: single-quoted, control characters escaped."""
    return "'" + _UNPRINTED.sub(lambda m: _ESCAPED.get(m[0]) or f"\\u{ord(m[0]):04x}", text) + "'"


class Tokens:
    """A cursor over the tokens of a text. Raises `RuleError` at the place of what does not fit. O(length)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]  # where each starts
        if len(text) > MAX_TEXT:
            what = f"the text has {len(text)} characters, more than {MAX_TEXT}"
            self._fail(MAX_TEXT, what, "split it into several files")
        self._tokens = self._split()
        self._names = {token.value for token in self._tokens if token.kind in ("word", "name")}
        self._at = 0

    def _split(self) -> list[Token]:
        tokens, offset, text = [], 0, self._text
        while offset < len(text):
            found = _TOKEN.match(text, offset)
            if found is None:
                quote = text[offset] in "'\"`"
                what = "the quotation does not end" if quote else f"{text[offset]!r} means nothing here"
                self._fail(offset, what, "close it" if quote else None)
            kind = found.lastgroup or ""
            if kind != "skip":
                tokens.append(Token(kind, self._value(kind, found[0], offset), offset))
            offset = found.end()
        tokens.append(Token("end", "", offset))
        return tokens

    def _value(self, kind: str, text: str, offset: int) -> str:
        if kind == "text":
            text = _ESCAPE.sub(lambda m: self._unescaped(m[1], offset), text[1:-1])
        elif kind == "name":
            text = text[1:-1].replace("``", "`")
        if kind in ("text", "name", "word"):
            try:
                size = len(text.encode())
            except UnicodeEncodeError:
                self._fail(offset, "the text holds a lone surrogate", "use well-formed Unicode")
            if kind != "text" and size > MAX_NAME_BYTES:
                self._fail(offset, f"a name has {size} bytes, more than {MAX_NAME_BYTES}")
        return text

    def _unescaped(self, escape: str, offset: int) -> str:
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            self._fail(offset, f"\\{escape} is no escape", "use \\n \\t \\r \\\\ \\' \\\" or \\uXXXX")
        return _ESCAPES[escape]

    # -- errors --------------------------------------------------------------------------------------------

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _fail(self, offset: int, what: str, fix: str | None = None) -> NoReturn:
        line, column = self.place(offset)
        raise RuleError(what, fix=fix, line=line, column=column)

    def fail(self, what: str, fix: str | None = None, at: Token | None = None) -> NoReturn:
        """Raise `RuleError` at a token, or at the current one."""
        self._fail((at or self.next).offset, what, fix)

    # -- moves ---------------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        """The current token."""
        return self._tokens[self._at]

    def is_at(self, *values: str) -> bool:
        """Whether the current token is one of these words or symbols."""
        token = self.next
        return token.value in values and token.kind in ("word", "symbol")

    def take(self) -> Token:
        """The current token, and move on."""
        token = self.next
        if token.kind != "end":
            self._at += 1
        return token

    def mentions(self, name: str) -> bool:
        """Whether the name stands anywhere in the text."""
        return name in self._names

    def last(self, name: str, since: Token) -> Token:
        """The last token read that is this name (and no label, key or parameter), from one on; else that one."""
        read = self._tokens[: self._at]
        for before, token in reversed(list(pairwise(read))):
            if token.offset <= since.offset:
                break
            if token.value == name and token.kind in ("word", "name") and before.value not in (".", ":", "$"):
                return token
        return since

    def took(self, *values: str) -> bool:
        """Move on if the current token is one of these words or symbols."""
        if self.is_at(*values):
            self._at += 1
            return True
        return False

    def expect(self, value: str, context: str) -> Token:
        """The word or symbol that must come now."""
        if not self.is_at(value):
            self.fail(f"{value!r} is expected {context}, not {self.shown()}")
        return self.take()

    def name(self, what: str) -> str:
        """The name that must come now; a reserved word only in backquotes."""
        token = self.next
        if token.kind == "word" and token.value in RESERVED:
            self.fail(f"{token.value!r} is a reserved word, not {what}", f"write `{token.value}`")
        if token.kind not in ("word", "name"):
            self.fail(f"{what} is expected, not {self.shown()}")
        return self.take().value

    def word(self, what: str) -> str:
        """The name that must come now, where a reserved word is none: a label or a property key."""
        return self.take().value if self.next.kind == "word" else self.name(what)

    def number(self) -> int | float:
        """The number that must come now."""
        token = self.next
        if token.kind != "number":
            self.fail(f"a number is expected, not {self.shown()}")
        if len(token.value) > 400:
            self.fail("the number has more than 400 characters")
        value = int(token.value) if token.value.isdigit() else float(token.value)
        if isinstance(value, float) and math.isinf(value):
            self.fail("the number is beyond double precision")
        self.take()
        return value

    def shown(self) -> str:
        """The current token as messages show it."""
        token = self.next
        return "the end" if token.kind == "end" else repr(token.value[:40])
