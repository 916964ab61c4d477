"""Definitions from files: JSON, YAML and Jsonnet give the same object.

The law: whatever stands at the path, the answer is a `Definition` or a `DefinitionError` that names the
file, and the line and column where the format has them. JSON is that of RFC 8259, held to I-JSON (RFC 7493,
section 2.3) in that a key may stand only once. What a definition means may not live here (`parse` knows),
nor what a format is beside JSON (`yaml12` and `jsonnet` know).
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.jsonnet import evaluate_jsonnet
from itonami.workflow.definition.model import Definition
from itonami.workflow.definition.parse import parse_definition
from itonami.workflow.definition.values import JSON
from itonami.workflow.definition.yaml12 import read_yaml

__all__ = ["FORMATS", "MAX_FILE_BYTES", "load_definition", "loads", "read_json"]

MAX_FILE_BYTES = 4 * 1024 * 1024

FORMATS: Mapping[str, str] = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".kotoba": "jsonnet",
    ".jsonnet": "jsonnet",
    ".libsonnet": "jsonnet",
}
"""The format of a definition file, by the suffix of its name."""


def load_definition(path: str | os.PathLike[str]) -> Definition:
    """The definition in the file `path`, whose suffix names its format (see `FORMATS`).

    A Jsonnet file may import files from its own folder and below. Raises `DefinitionError`. Costs what
    parsing costs; Jsonnet adds about 80 ms.
    """
    file = Path(path)
    form = FORMATS.get(file.suffix.lower())
    if form is None:
        raise DefinitionError(
            f"no format is known for the suffix {file.suffix!r}",
            where=str(path),
            fix=f"name the file *{', *'.join(FORMATS)}",
        )
    return _definition(_text_of(file, str(path)), form, file.name, file.parent)


def loads(text: str, format: str = "json", name: str = "definition") -> Definition:
    """The definition in `text`, of the format `json`, `yaml` or `jsonnet`; `name` is what errors call it.

    Jsonnet may import nothing here, there being no folder. Raises `DefinitionError`.
    """
    if format not in _READERS:
        raise DefinitionError(f"unknown format {format!r}", where=name, fix="known: " + ", ".join(_READERS))
    return _definition(text, format, name, None)


def _definition(text: str, form: str, name: str, folder: Path | None) -> Definition:
    obj = _READERS[form](text, name, folder)
    try:
        return parse_definition(obj)
    except DefinitionError as err:
        raise DefinitionError(err.what, where=f"{name}: {err.where}", fix=err.fix) from err


def _text_of(file: Path, where: str) -> str:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise DefinitionError("this is no file", where=where, fix="name a definition file")
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as err:  # ValueError: a NUL in the path
        what = getattr(err, "strerror", None) or str(err)
        raise DefinitionError(f"cannot be read: {what}", where=where, fix="name a definition file") from err
    if len(data) > MAX_FILE_BYTES:
        raise DefinitionError(f"more than {MAX_FILE_BYTES} bytes", where=where, fix="split the definition")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DefinitionError(f"byte {err.start} is no UTF-8", where=where, fix="save it as UTF-8") from err


def read_json(text: str, name: str) -> JSON:
    """The JSON value in `text`; `name` is the file that errors name."""
    refuse = _Refuser(name)
    try:
        return json.loads(
            text,
            object_pairs_hook=refuse.repeated_keys,
            parse_constant=refuse.constant,
            parse_float=refuse.overflow,
        )
    except json.JSONDecodeError as err:
        raise DefinitionError(
            f"no JSON: {err.msg}", where=f"{name}:{err.lineno}:{err.colno}", fix="mend the line"
        ) from err
    except RecursionError as err:
        raise DefinitionError("the document nests too deeply", where=name, fix="flatten it") from err
    except DefinitionError:
        raise
    except ValueError as err:  # an integer of more digits than Python converts
        raise DefinitionError("a number has too many digits", where=name, fix="quote it") from err


class _Refuser:
    """What RFC 8259 leaves open and Python reads, but no definition may hold."""

    def __init__(self, name: str) -> None:
        self.name = name

    def repeated_keys(self, pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        held = dict(pairs)
        if len(held) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            self._fail(f"the key {twice!r:.80} stands twice in one object", "remove one")
        return held

    def constant(self, text: str) -> NoReturn:
        self._fail(f"{text} is no JSON number", "write a finite number, or null")

    def overflow(self, text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            self._fail(f"the number {text[:40]} is too large", "quote it")
        return number

    def _fail(self, what: str, fix: str) -> NoReturn:
        raise DefinitionError(what, where=self.name, fix=fix)


def _read_jsonnet(text: str, name: str, folder: Path | None) -> JSON:
    return read_json(evaluate_jsonnet(text, name, folder), name)


_READERS: Mapping[str, Callable[[str, str, Path | None], JSON]] = {
    "json": lambda text, name, folder: read_json(text, name),
    "yaml": lambda text, name, folder: read_yaml(text, name),
    "jsonnet": _read_jsonnet,
}
