"""How the parts of a rule and of a rewrite look: one table for every picture of this package.

    kept  plain       changed  :=  violet       deleted  −  red, dashed       created  +  green
    matched  named by its variable, blue        forbidden  not  orange, dashed        unless  unless  teal, dashed

Every look has a sign of its own, so that nothing is told by colour alone (WCAG 2.2, 1.4.1), and text keeps a contrast
of 4.5 : 1 on its fill, light and dark (1.4.3). Also here: the words of properties and values, cut and wrapped to fit
a box. No layout and nothing of one rule may live here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from itonami.graphstore.lettering import printable, text_width, value_text
from itonami.graphstore.shapes import LINE, LINE_SIZE, PLAIN, TEXT_ROOM, Colour, LegendEntry, Tone
from itonami.rules.lexer import name_text, text_text
from itonami.rules.term import Binary, IsNull, ListOf, Logic, Property, Term, Unary

__all__ = [
    "LOOKS",
    "THIN",
    "Look",
    "anonymous",
    "described",
    "element_name",
    "legend",
    "literal_text",
    "wrapped",
]

VALUE_LENGTH = 60
WRAPPED_LINES = 6
LONGEST = 1_000
DESCRIPTION = 4_000
THIN = "\u2009"
"""A space that the halo of a text on a line covers."""


@dataclass(frozen=True, slots=True)
class Look:
    """One role: its colours, the sign before its name, whether its outline is dashed, its words in a legend."""

    tone: Tone
    mark: str
    dashed: bool
    meaning: str

    @property
    def line(self) -> Colour:
        """The colour of its arrows."""
        return LINE if self.tone is PLAIN else self.tone.line


def _tone(name: str, fill: str, line: str, ink: str, dark_fill: str, dark_line: str, dark_ink: str) -> Tone:
    return Tone(name, Colour(fill, dark_fill), Colour(line, dark_line), Colour(ink, dark_ink))


_BLUE = _tone("matched", "#e6f0fe", "#2b72d9", "#173f80", "#14243f", "#5b9bf3", "#cfe2fc")
_VIOLET = _tone("changed", "#f1ecfd", "#7a58d4", "#3b2187", "#221b3a", "#a087ea", "#e0d7fb")
_RED = _tone("deleted", "#fff5f5", "#d64545", "#7d1d1d", "#351719", "#ee6b6b", "#fbd5d5")
_GREEN = _tone("created", "#e7f6ed", "#1f8a4d", "#14512f", "#11291d", "#3fb877", "#c4eed6")
_ORANGE = _tone("forbidden", "#fff7ef", "#d9692a", "#74300b", "#331d10", "#f08d52", "#fbd9c4")
_TEAL = _tone("unless", "#f1fafa", "#25858e", "#185158", "#12292c", "#4fb0b8", "#c8ecee")

LOOKS: dict[str, Look] = {
    "kept": Look(PLAIN, "", False, "kept"),
    "matched": Look(_BLUE, "", False, "matched: named as in the rule"),
    "changed": Look(_VIOLET, "", False, "changed (:= or →)"),
    "deleted": Look(_RED, f"−{THIN}", True, "− deleted"),
    "created": Look(_GREEN, f"+{THIN}", False, "+ created"),
    "forbidden": Look(_ORANGE, f"not{THIN}", True, "not: must not be there"),
    "unless": Look(_TEAL, f"unless{THIN}", True, "unless: lifts the not"),
}
"""Looks by role, in the order of a legend."""


def legend(roles: Iterable[str]) -> tuple[LegendEntry, ...]:
    """The legend of the roles that occur."""
    found = set(roles)
    return tuple(
        LegendEntry(look.meaning, look.tone, dashed=look.dashed)
        for role, look in LOOKS.items()
        if role in found
    )


_ANONYMOUS = re.compile(r"_[A-Za-z]*[0-9]+\Z")


def anonymous(variable: str) -> bool:
    """Whether a reader of the rule's text gave that variable."""
    return _ANONYMOUS.match(variable) is not None


def element_name(variable: str, labels: Iterable[str]) -> str:
    """`b:Step:Active`, as the text form writes it; the variable may be empty."""
    name = name_text(variable) if variable else ""
    return name + "".join(f":{name_text(label)}" for label in labels)


def literal_text(value: Any) -> str:
    """A value as a term writes it, on one line of bounded length; maps and times as JSON does."""
    text = text_text(value[:VALUE_LENGTH]) if isinstance(value, str) else value_text(value)
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


@dataclass(frozen=True, slots=True)
class _Bare(Term):
    """A property of the element in whose box it is written."""

    key: str

    def __str__(self) -> str:
        return name_text(self.key)


def bare(term: Term, variable: str) -> Term:
    """The term as the box of a variable says it: `status = 'pending'` for `b.status = 'pending'`. O(size)."""
    match term:
        case Property(owner, key) if owner == variable:
            return _Bare(key)
        case Binary(operator, left, right):
            return Binary(operator, bare(left, variable), bare(right, variable))
        case Unary(operator, operand):
            return Unary(operator, bare(operand, variable))
        case IsNull(operand, negated):
            return IsNull(bare(operand, variable), negated)
        case Logic(operator, items):
            return Logic(operator, tuple(bare(item, variable) for item in items))
        case ListOf(items):
            return ListOf(tuple(bare(item, variable) for item in items))
    return term


def wrapped(text: str) -> list[str]:
    """A text in lines that have room in a box, broken at spaces; the last takes what is left."""
    lines: list[str] = []
    line = ""
    for word in printable(text[:LONGEST]).split(" "):
        longer = f"{line} {word}" if line else word
        if line and len(lines) < WRAPPED_LINES - 1 and text_width(longer, LINE_SIZE) > TEXT_ROOM:
            lines.append(line)
            longer = f"\u00a0\u00a0{word}"
        line = longer
    return [*lines, line]


def described(drawing: str, description: str) -> str:
    """The SVG document with a `<desc>` after its `<title>` (SVG 1.1, section 5.4), for readers who do not see it."""
    head, rest = drawing.split("</title>", 1)
    text = escape(printable(description[:DESCRIPTION], multiline=True))
    return f"{head}</title><desc>{text}</desc>{rest}"
