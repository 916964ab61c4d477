"""Text in drawings: what may be printed, how wide it will be, and how it is cut to fit.

A drawing is made without a font at hand, so widths are estimated from a table of character classes measured
on common sans-serif faces (Helvetica, Segoe UI, Roboto, DejaVu), on the wide side. Whatever a user put in a
graph is hostile until it went through `printable`: characters that XML 1.0 (section 2.2) forbids, terminal
control codes and bidirectional overrides become U+FFFD. No shapes and no colours may live here.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from unicodedata import combining, east_asian_width

__all__ = ["elided", "printable", "text_width", "value_text"]

BOLD = 1.13
"""How much wider bold text is."""

_SPACES = re.compile(r"[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_WIDTHS = {
    **dict.fromkeys("ijl.,:;'|!", 0.30),
    **dict.fromkeys('frtI()[]{}-/\\"` ', 0.39),
    **dict.fromkeys("&<>+=~#", 0.82),
    **dict.fromkeys("mwMW@%—…→", 0.95),
}


def printable(text: str, multiline: bool = False) -> str:
    """`text` with nothing in it that a document or terminal would obey; on one line unless `multiline`."""
    return _FORBIDDEN.sub("\ufffd", text.replace("\r", "") if multiline else _SPACES.sub(" ", text))


def _em(character: str) -> float:
    if (known := _WIDTHS.get(character)) is not None:
        return known
    if character.isascii():
        return 0.70 if character.isupper() else 0.59
    if combining(character):
        return 0.0
    return 1.0 if east_asian_width(character) in "WF" else 0.68


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Estimated width of one line of text, in the unit of `size` (the font size)."""
    return sum(map(_em, text)) * size * (BOLD if bold else 1.0)


def elided(text: str, width: float, size: float, bold: bool = False) -> str:
    """The printable line of `text`, cut with an ellipsis where it is wider than `width`. O(width)."""
    line = printable(text[:4_096])
    room = width / (size * (BOLD if bold else 1.0))
    used, fits = 0.0, 0
    for position, character in enumerate(line):
        used += _em(character)
        if used > room:
            return line[:fits].rstrip() + "…"
        if used + _WIDTHS["…"] <= room:
            fits = position + 1
    return line


def value_text(value: Any) -> str:
    """A property value as a reader expects it: text bare, times in ISO 8601, everything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=_beyond_json).strip('"')
    except ValueError:  # Python refuses to print integers of more than 4,300 digits
        return f"{type(value).__name__} with a number too long to print"


def _beyond_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return dict(value) if hasattr(value, "items") else list(value)
