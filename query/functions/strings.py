"""Functions of strings. Positions count characters (code points) from 0.

Reference: openCypher 9 language reference, section 3.5; ISO/IEC 39075:2024, section 20.24, Character string functions.

Only functions of strings may live here; predicates on them are in `values.text`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial

from itonami.query.context import Context
from itonami.query.faults import bad_argument, out_of_range, wrong_type
from itonami.query.functions.signature import Function, table
from itonami.query.values.domain import Value, spoken_type

__all__ = ["FUNCTIONS"]

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def _text(function: str, value: Value) -> str:
    if type(value) is not str:
        raise wrong_type(
            f"{function}() takes a string, not {spoken_type(value)}", "convert it by toString(...)"
        )
    return value


def _count(function: str, value: Value) -> int:
    if type(value) is not int:
        raise wrong_type(f"{function}() counts by integers, not by {spoken_type(value)}")
    if value < 0:
        raise out_of_range(f"{function}() cannot count {value} characters", "give 0 or more")
    return value


def _left(text: Value, length: Value) -> str:
    return _text("left", text)[: _count("left", length)]


def _right(text: Value, length: Value) -> str:
    keep = _count("right", length)
    return _text("right", text)[-keep:] if keep else ""


def _substring(text: Value, start: Value, length: Value = ...) -> str:
    rest = _text("substring", text)[_count("substring", start) :]
    return rest if length is ... else rest[: _count("substring", length)]


def _split(context: Context, text: Value, separators: Value) -> list[str]:
    """The parts between separators: one string, or any of a list; the empty one splits between characters."""
    text = _text("split", text)
    if type(separators) is not list:
        separators = [separators]
    parts = [text]
    for separator in separators:
        separator = _text("split", separator)
        context.check_list(text.count(separator) + 1, "split()")
        parts = [piece for part in parts for piece in (part.split(separator) if separator else list(part))]
    return parts


def _replace(context: Context, text: Value, old: Value, new: Value) -> str:
    whole, before, after = (_text("replace", value) for value in (text, old, new))
    context.check_text(len(whole) + whole.count(before) * (len(after) - len(before)), "replace()")
    return whole.replace(before, after)


def _trimmed(name: str, trim: Callable[..., str], text: Value, characters: Value = ...) -> str:
    trimmed: str = trim(_text(name, text), None if characters is ... else _text(name, characters))
    return trimmed


def _mapped(name: str, change: Callable[[str], Value], text: Value) -> Value:
    return change(_text(name, text))


def _normalize(context: Context, text: Value, form: Value = "NFC") -> str:
    if form not in _FORMS:
        raise bad_argument(f"{form!r} is no normal form", "InvalidArgumentValue", f"use {', '.join(_FORMS)}")
    result = unicodedata.normalize(form, _text("normalize", text))
    context.check_text(len(result), "normalize()")
    return result


def _of_text(name: str, change: Callable[[str], Value]) -> Function:
    return Function(name, 1, 1, partial(_mapped, name, change))


def _trim(name: str, trim: Callable[..., str]) -> Function:
    return Function(name, 1, 2, partial(_trimmed, name, trim))


FUNCTIONS = table(
    Function("left", 2, 2, _left),
    Function("right", 2, 2, _right),
    Function("substring", 2, 3, _substring),
    Function("split", 2, 2, _split, contextual=True),
    Function("replace", 3, 3, _replace, contextual=True),
    _trim("trim", str.strip),
    _trim("lTrim", str.lstrip),
    _trim("rTrim", str.rstrip),
    _of_text("toUpper", str.upper),
    _of_text("toLower", str.lower),
    _of_text("char_length", len),
    Function("normalize", 1, 2, _normalize, contextual=True),
    btrim="trim",
    upper="toupper",
    lower="tolower",
    character_length="char_length",
)
"""String functions by lower-case name; `upper`, `lower` and `character_length` are GQL's spellings."""
