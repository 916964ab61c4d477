"""Text to tokens: one pass of one regular expression.

A token is four entries of four parallel lists (`kinds`, `values`, `starts`, `ends`): a query has few tokens and
many questions about them, and a list index is the cheapest question there is. The kind of punctuation is the
punctuation itself; of a keyword its upper-case word; of the rest one of `name`, `integer`, `float`, `string`,
`parameter`, `malformed number`, `end`. Keywords are words like any other until the parser wants one: a label or a
property may be called `END`.

Brackets are paired here, once (`closing`), so that the parser can look past a whole parenthesis for what follows
it, and nesting too deep to parse is refused at the first bracket too many.

Reference: openCypher 9 grammar (M23), rules `Literal`, `SymbolicName`, `Comment`.

Nothing here knows what a clause or an expression is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from itonami.query.cypher.errors import LimitExceeded, QuerySyntaxError

__all__ = [
    "KEYWORDS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "RESERVED",
    "Tokens",
    "integer_overflow",
    "tokenize",
    "too_deep",
]

MAX_LENGTH = 1 << 18
"""The longest query, in characters. Data belongs in parameters."""

MAX_DEPTH = 64
"""The deepest nesting of brackets, and half the longest chain of operators: a tree that recursion walks safely."""

# fmt: off
RESERVED = frozenset((
    "AND", "AS", "ASC", "ASCENDING", "BY", "CASE", "CONTAINS", "CREATE", "DELETE", "DESC", "DESCENDING", "DETACH",
    "DISTINCT", "ELSE", "END", "ENDS", "FALSE", "IN", "IS", "LIMIT", "MATCH", "MERGE", "NOT", "NULL", "ON",
    "OPTIONAL", "OR", "ORDER", "REMOVE", "RETURN", "SET", "SKIP", "STARTS", "THEN", "TRUE", "UNION", "UNWIND",
    "WHEN", "WHERE", "WITH", "XOR",
))
"""Words that name no variable unless in back quotes."""

KEYWORDS = RESERVED | frozenset((
    "ALL", "ANY", "CALL", "COUNT", "DROP", "EXISTS", "EXPLAIN", "FILTER", "FOR", "FOREACH", "GRAPH", "HEAD",
    "INSERT", "LET", "LOAD", "NEXT", "NONE", "OF", "OFFSET", "PROFILE", "REDUCE", "RUN", "SINGLE", "TAG", "TX",
    "USE", "YIELD",
))
"""Words that mean something somewhere."""
# fmt: on

_TOKEN = re.compile(
    r"""(?:\s++|//[^\n]*|/\*(?s:.*?)\*/)*+
    (?:
      (?P<word>[^\W\d]\w*)
    | (?P<punctuation>\.\.|<=|>=|<>|!=|=~|\+=|/(?!\*)|[()\[\]{},:;|&!%*^=<>+~-]|\.(?!\d))
    | (?P<number>0[xX]\w*|0[oO]\w*|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?\w*)
    | (?P<string>'(?:[^'\\]|\\(?s:.))*'|"(?:[^"\\]|\\(?s:.))*")
    | (?P<parameter>\$(?:\w+|`(?:[^`]|``)+`))
    | (?P<quoted>`(?:[^`]|``)*`)
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(
    r"(?P<hexadecimal>0[xX][0-9a-fA-F]+)|(?P<octal>0[oO][0-7]+)|(?P<decimal>0|[1-9]\d*)"
    r"|(?P<float>(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)",
    re.ASCII,
)
_SPACE = re.compile(r"(?:\s++|//[^\n]*|/\*(?s:.*?)\*/)*+")
_ESCAPE = re.compile(r"\\(u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<one>(?s:.)))")
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "`": "`", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPENING = {")": "(", "]": "[", "}": "{"}
_BASES = {"hexadecimal": 16, "octal": 8, "decimal": 10}
_MAX_DIGITS = 22
"""As many octal digits as 64 bits have: longer integers overflow for sure."""


@dataclass(slots=True)
class Tokens:
    """The tokens of `text`, as parallel lists; the last is of kind `end`."""

    text: str
    kinds: list[str] = field(default_factory=list)
    values: list[int | float | str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    closing: dict[int, int] = field(default_factory=dict)
    """The index of the closing bracket for the index of each opening one that has one."""


def tokenize(text: str) -> Tokens:
    """The tokens of a query, in time linear in its length.

    Raises `QuerySyntaxError` for a character, string or number that is none, `LimitExceeded` past `MAX_LENGTH` or
    `MAX_DEPTH`.
    """
    if len(text) > MAX_LENGTH:
        raise LimitExceeded(
            f"the query has {len(text)} characters, {MAX_LENGTH} is the limit",
            detail="QueryTooLong",
            fix="pass data as parameters",
        )
    if not text.isascii():
        _check_unicode(text)
    tokens = Tokens(text)
    kinds, values, starts, ends = tokens.kinds, tokens.values, tokens.starts, tokens.ends
    match, position, kind = _TOKEN.match, 0, ""
    value: int | float | str
    while kind != "end":
        found = match(text, position)
        if found is None:
            raise _unreadable(text, position)
        group = found.lastgroup or "end"
        start, position = found.span(group)
        raw = value = text[start:position]
        if group == "punctuation":
            kind = raw
        elif group == "word":
            upper = raw.upper()
            kind = upper if upper in KEYWORDS else "name"
        else:
            kind, value = _READERS[group](text, start, raw)
        kinds.append(kind)
        values.append(value)
        starts.append(start)
        ends.append(position)
    _pair(tokens)
    return tokens


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QuerySyntaxError(
            "half of a surrogate pair is no character",
            detail="InvalidUnicodeCharacter",
            text=text.encode(errors="replace").decode(),
            at=error.start,
        ) from None


def too_deep(text: str, at: int) -> LimitExceeded:
    """The error of a query that nests deeper than `MAX_DEPTH`."""
    return LimitExceeded(
        f"the query nests deeper than {MAX_DEPTH} levels here",
        detail="QueryTooDeep",
        text=text,
        at=at,
        fix="split it with WITH, or pass a list as a parameter",
    )


def _pair(tokens: Tokens) -> None:
    """Fills `closing`; a bracket without its mate has no entry."""
    pending: list[int] = []
    kinds = tokens.kinds
    for index, kind in enumerate(kinds):
        if kind in _CLOSING:
            pending.append(index)
            if len(pending) > MAX_DEPTH:
                raise too_deep(tokens.text, tokens.starts[index])
        elif kind in _OPENING and pending and kinds[pending[-1]] == _OPENING[kind]:
            tokens.closing[pending.pop()] = index


def _unreadable(text: str, position: int) -> QuerySyntaxError:
    """No token starts here: say what does."""
    space = _SPACE.match(text, position)
    at = space.end() if space else position
    character = text[at]
    if character in "'\"`":
        kind, inside = ("name", "``") if character == "`" else ("string", f"\\{character}")
        what, fix = f"the {kind} is not closed", f"end it with {character}; write {inside} for one inside"
    elif text.startswith("/*", at):
        what, fix = "the comment is not closed", "end it with */"
    elif character == "$":
        what, fix = "the $ names no parameter", "write $name or $`any name`"
    elif character == "?":
        what, fix = (
            "the character '?' starts nothing",
            "write {0,1} for what may be there, $name for a parameter",
        )
    else:
        what, fix = (
            f"the character {character!r} starts nothing",
            "remove it, or quote the name it is part of",
        )
    detail = "UnexpectedSyntax" if character.isascii() else "InvalidUnicodeCharacter"
    return QuerySyntaxError(what, detail=detail, text=text, at=at, fix=fix)


def _number(text: str, start: int, raw: str) -> tuple[str, int | float | str]:
    """An integer of any sign's range (the sign is the parser's), a float, or a malformed number."""
    found = _NUMBER.fullmatch(raw)
    if found is None:
        return "malformed number", raw
    base = _BASES.get(found.lastgroup or "")
    if base is None:
        value = float(raw)
        if math.isinf(value):
            raise QuerySyntaxError(
                f"{raw[:40]} is too large for a float", detail="FloatingPointOverflow", text=text, at=start
            )
        return "float", value
    if len(raw) > _MAX_DIGITS + 2:
        raise integer_overflow(text, start)
    return "integer", int(raw, base)


def integer_overflow(text: str, at: int) -> QuerySyntaxError:
    """The error of an integer literal outside of 64 bits."""
    return QuerySyntaxError(
        "the integer does not fit into 64 bits",
        detail="IntegerOverflow",
        text=text,
        at=at,
        fix="write it as a float or a string",
    )


def _string(text: str, start: int, raw: str) -> tuple[str, str]:
    body = raw[1:-1]
    if "\\" not in body:
        return "string", body

    def character(found: re.Match[str]) -> str:
        code = found["short"] or found["long"]
        if code and int(code, 16) <= 0x10FFFF:
            return chr(int(code, 16))
        if not code and found["one"] in _ESCAPES:
            return _ESCAPES[found["one"]]
        unicode = code or found["one"] in "uU"
        raise QuerySyntaxError(
            f"{found[0]} is no escape in a string",
            detail="InvalidUnicodeLiteral" if unicode else "UnexpectedSyntax",
            text=text,
            at=start + 1 + found.start(),
            fix="write \\uXXXX with four hexadecimal digits" if unicode else f"write \\\\{found['one']}",
        )

    value = _ESCAPE.sub(character, body)
    try:  # two escapes may spell one character, as in JSON
        return "string", value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise QuerySyntaxError(
            "half of a surrogate pair is no character", detail="InvalidUnicodeLiteral", text=text, at=start
        ) from None


def _parameter(text: str, start: int, raw: str) -> tuple[str, str]:
    return "parameter", raw[1:] if raw[1] != "`" else raw[2:-1].replace("``", "`")


def _quoted(text: str, start: int, raw: str) -> tuple[str, str]:
    return "name", raw[1:-1].replace("``", "`")


def _end(text: str, start: int, raw: str) -> tuple[str, str]:
    return "end", ""


_READERS: dict[str, Callable[[str, int, str], tuple[str, int | float | str]]] = {
    "number": _number,
    "string": _string,
    "parameter": _parameter,
    "quoted": _quoted,
    "end": _end,
}
