"""What the `rules` commands are about: a grammar in JSON, rules as text, a graph, or a pack of cases.

A file is read whole and checked before anything is done with it. Whatever is wrong with it is said as of that file,
with a way to mend it. What a grammar is may not live here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from itonami.graphstore import InvalidValue
from itonami.workflow.cli.output import note

if TYPE_CHECKING:
    from itonami.graphstore import Graph
    from itonami.rules import Grammar
    from itonami.rules.pattern import Injective

__all__ = ["grammar_in", "pack_in"]

FORM = "see `itonami rules --help` for the form of a grammar"


def grammar_in(
    file: Path, case: str | None = None, graph: Path | None = None, injective: str | None = None
) -> Grammar:
    """The grammar of a file, or of one case of a pack. A graph in a file of its own takes the start graph's place;
    `injective` what the file says of that. Notes on stderr what a file means that is not what is done."""
    from itonami.rules import Grammar, parse_rules

    text = _text(file)
    with _placed(file):
        if _is_json(file, text):
            obj = _json(text)
            grammar = (
                _case(obj, case) if case is not None or _is_pack(obj) else Grammar.load(_whole(obj, file))
            )
        else:
            grammar = Grammar(file.stem, tuple(parse_rules(text)), {})
    if graph is not None:
        grammar = replace(grammar, starts={"": _graph_in(graph)})
    if injective is not None:
        mode: Injective = "nodes" if injective == "nodes" else injective == "all"
        grammar = replace(grammar, injective=mode, nac_injective=mode)
    if grammar.meant is not None:
        note(f"{file.name} means {grammar.meant}; it is taken as DPO on multigraphs", "yellow")
    return grammar


def pack_in(file: Path) -> Mapping[str, Grammar]:
    """The cases of a pack by their ids; empty where the file holds a grammar of its own."""
    from itonami.rules.programs.cases import cases_of

    text = _text(file)
    if not _is_json(file, text):
        return {}
    with _placed(file):
        obj = _json(text)
        return cases_of(obj) if _is_pack(obj) else {}


def _is_pack(obj: Any) -> bool:
    """Whether there are cases, and nothing to start from without them."""
    return isinstance(obj, dict) and "cases" in obj and "start" not in obj


def _case(obj: Any, case: str | None) -> Grammar:
    from itonami.rules.programs.cases import cases_of

    cases = cases_of(obj)
    some = ", ".join(list(cases)[:8]) + (", ..." if len(cases) > 8 else "")
    if case is None:
        raise InvalidValue("this is a pack of cases", fix=f"choose one with --case: {some}")
    if case not in cases:
        raise InvalidValue(f"there is no case {case!r}", fix=f"known: {some}" if some else "it is no pack")
    return cases[case]


def _whole(obj: Any, file: Path) -> Any:
    """A list of rules, or one rule alone, is a grammar too."""
    if isinstance(obj, list):
        return {"name": file.stem, "rules": obj}
    if isinstance(obj, dict) and "rules" not in obj and "L" in obj:
        return {"name": file.stem, "rules": [obj]}
    return obj


def _graph_in(file: Path) -> Graph:
    from itonami.rules.grammar import graph_of

    with _placed(file):
        return graph_of(_json(_text(file)))


# -- reading ---------------------------------------------------------------------------------------------------


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValue("the file is no UTF-8", where=str(file), fix="save it as UTF-8") from error


def _is_json(file: Path, text: str) -> bool:
    """Rules as text begin with a word or a comment."""
    return file.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "[")


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except InvalidValue:
        raise
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidValue(f"this is no JSON: {error.msg} at {place}", fix="mend the line") from error
    except RecursionError as error:
        raise InvalidValue("the JSON is nested too deeply", fix="nest it less") from error
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidValue("a number is too long to be read", fix="use a smaller one") from error


def _no_number(text: str) -> NoReturn:
    raise InvalidValue(f"{text} is no number of JSON", fix="use null")


@contextmanager
def _placed(file: Path) -> Iterator[None]:
    """Whatever is wrong is wrong with this file."""
    from itonami.rules import RuleError

    try:
        yield
    except (RuleError, InvalidValue) as error:
        where = str(file) if error.where is None else f"{file}, {error.where}"
        raise type(error)(error.what, where=where, fix=error.fix or FORM) from error
