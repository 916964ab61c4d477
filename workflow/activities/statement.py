"""A SQL statement with parameters, read just far enough to find them.

    UPDATE stock SET left = left - :quantity WHERE sku = :sku        inputs by name
    UPDATE stock SET left = left - $1 WHERE sku = $2                 inputs by place, in the mapping's order

A `:` or `$` is a parameter only in code: not in a literal, a quoted name or a comment, not as `::type`, `:=`
or the bound of an array slice `a[1:n]`. Those are lexical matters (ISO 9075-2, 5.2-5.3; PostgreSQL's manual,
4.1), settled by one scan with one regular expression; what the statement means is the database's to say.

The result is text for `sqlalchemy.text`, in which each colon that is no parameter stands escaped. No
connection, no engine and no values may live here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from itonami.graphstore.errors import InvalidValue

__all__ = ["Statement"]

_ESCAPES = r"'(?:[^'\\]|''|\\.)*'"
_PLAIN = r"'(?:[^']|'')*'"
_LITERALS: dict[str, tuple[str, ...]] = {
    "mysql": (_ESCAPES, r'"(?:[^"\\]|""|\\.)*"', r"`(?:[^`]|``)*`"),
    "postgresql": (
        rf"(?<![\w$])[eE]{_ESCAPES}",
        _PLAIN,
        r'"(?:[^"]|"")*"',
        r"(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)",
    ),
    "mssql": (_PLAIN, r'"(?:[^"]|"")*"', r"\[(?:[^\]]|\]\])*\]"),
    "sqlite": (_PLAIN, r'"(?:[^"]|"")*"', r"`(?:[^`]|``)*`"),
}
_LITERALS["mariadb"] = _LITERALS["mysql"]
_STANDARD = (_PLAIN, r'"(?:[^"]|"")*"')

_NESTING = frozenset({"postgresql", "mssql"})
"""Where a comment may hold a comment."""


def _pattern(backend: str) -> re.Pattern[str]:
    literals = "|".join(_LITERALS.get(backend, _STANDARD))
    return re.compile(
        rf"(?P<literal>{literals})"
        r"|(?P<line>--[^\n]*)"
        r"|(?P<block>/\*)"
        r"|(?P<open>['\"])"
        r"|(?P<cast>::)"
        r"|(?<![\w:$\\]):(?P<name>[^\W\d]\w*)"
        r"|(?<![\w$])\$(?P<place>[1-9]\d{0,3})(?![\w$])"
        r"|(?P<end>;)",
        re.DOTALL,
    )


@dataclass(frozen=True)
class Statement:
    """`text` for `sqlalchemy.text`, and the parameters it needs: `names`, or `places` counted from 1."""

    text: str
    names: frozenset[str]
    places: frozenset[int]

    @classmethod
    def parse(cls, sql: str, backend: str) -> Statement:
        """Find the parameters of one statement, in the dialect of `backend` (a SQLAlchemy backend name).

        Raises `InvalidValue` for an unclosed literal or comment, for a second statement, and for `:name`
        beside `$1`. Cost: linear in the text.
        """
        if not sql.strip():
            raise InvalidValue("it is empty", fix="write one SQL statement")
        pattern = _pattern(backend)
        parts: list[str] = []
        names: set[str] = set()
        places: set[int] = set()
        at = 0
        ended = False
        while at < len(sql):
            token = pattern.search(sql, at)
            code = sql[at : token.start()] if token else sql[at:]
            kind = token.lastgroup if token else None
            parts.append(_escaped(code))
            if ended and (code.strip() or kind not in (None, "line", "block", "end")):
                raise InvalidValue("it holds a second statement", fix="make it an activity of its own")
            if token is None:
                break
            at = token.end()
            match kind:
                case "name":
                    parts.append(token[0])
                    names.add(token["name"])
                case "place":
                    before = sql[max(token.start() - 1, 0) : token.start()]
                    apart = " " if before in (":", "\\") else ""  # [1:$1] must not become [1::_1]
                    parts.append(f"{apart}:_{token['place']}")
                    places.add(int(token["place"]))
                case "open":
                    raise InvalidValue(
                        f"a {token[0]} is never closed", fix="close it, or double it inside a literal"
                    )
                case "block":
                    at = _comment_end(sql, at, nesting=backend in _NESTING)
                    parts.append(_escaped(sql[token.start() : at]))
                case _:
                    ended = ended or kind == "end"
                    parts.append(_escaped(token[0]))
        if names and places:
            raise InvalidValue("it mixes :name and $1 parameters", fix="keep to one of them")
        return cls("".join(parts), frozenset(names), frozenset(places))

    def values(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters' values out of `inputs`; an input it does not name is left out.

        Raises `KeyError` with the missing name, or the missing place as `$2`.
        """
        given = list(inputs.values())
        for place in sorted(self.places):
            if place > len(given):
                raise KeyError(f"${place}")
        for name in sorted(self.names - inputs.keys()):
            raise KeyError(name)
        by_place = {f"_{place}": given[place - 1] for place in self.places}
        return by_place | {name: inputs[name] for name in self.names}


def _escaped(code: str) -> str:
    r"""Code in which `sqlalchemy.text` sees no parameter: it takes `\:` for a colon."""
    return code.replace(":", r"\:")


def _comment_end(sql: str, at: int, *, nesting: bool) -> int:
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(sql, at):
        if mark[0] == "*/":
            depth -= 1
        elif nesting:
            depth += 1
        if depth == 0:
            return mark.end()
    raise InvalidValue("a /* is never closed", fix="close it with */")
