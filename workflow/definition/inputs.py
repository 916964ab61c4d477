"""The inputs and outputs a definition declares, and whether given inputs meet them.

The law: a run starts from exactly the declared inputs. What is given is declared, of the declared type, and
JSON; what is required is given; defaults fill the rest, and an optional input without a default stays
absent. Types are those of JSON (RFC 8259, section 3) with `integer` set apart: a boolean is no number, 3.0
is no integer. No operator may live here.
"""

from __future__ import annotations

from collections.abc import Mapping

from itonami.workflow.definition.errors import DefinitionError, InputError
from itonami.workflow.definition.mapping import CompiledMapping, compile_mapping
from itonami.workflow.definition.model import MISSING, Definition, Input, Missing, Output
from itonami.workflow.definition.values import JSON, KINDS, Key, fields, json_copy, kind, nearest

__all__ = ["TYPES", "check_inputs", "parse_inputs", "parse_outputs"]

TYPES = ("string", "number", "integer", "boolean", "object", "array", "any")

MAX_INPUT_DEPTH = 128

_INPUT: Mapping[str, Key] = {
    "name": Key(("string",), required=True),
    "type": Key(("string",)),
    "required": Key(("boolean",)),
    "default": Key(("any",)),
}
_OUTPUT: Mapping[str, Key] = {
    "name": Key(("string",), required=True),
    "type": Key(("string",)),
    "from": Key(("string",)),
}


def check_inputs(definition: Definition, inputs: Mapping[str, JSON]) -> dict[str, JSON]:
    """The inputs a run starts with: an own copy of `inputs`, with the defaults filled in, in declared order.

    Raises `InputError` for an input that is missing, unknown, of the wrong type, or no JSON value.
    """
    if not isinstance(inputs, Mapping):
        raise InputError(f"the inputs are no object but {kind(inputs)}", where="$.inputs", fix="pass a dict")
    declared = {one.name: one for one in definition.inputs}
    given = json_copy(dict(inputs), "$.inputs", InputError, max_depth=MAX_INPUT_DEPTH)
    for name in given:
        if name not in declared:
            fix = nearest(name, declared, f"workflow {definition.id!r} declares no inputs")
            raise InputError(f"unknown input {name!r}", where="$.inputs", fix=fix)
    checked: dict[str, JSON] = {}
    for name, one in declared.items():
        if name in given:
            if not KINDS[one.type](given[name]):
                raise InputError(
                    f"the input {name!r} is no {one.type} but {kind(given[name])}",
                    where=f"$.inputs.{name}",
                    fix=f"pass a value of type {one.type}",
                )
            checked[name] = given[name]
        elif not isinstance(one.default, Missing):
            checked[name] = json_copy(one.default, f"$.inputs.{name}", InputError)
        elif one.required:
            raise InputError(
                f"the input {name!r} is missing", where=f"$.inputs.{name}", fix=f"pass it ({one.type})"
            )
    return checked


def parse_inputs(obj: list[JSON], where: str) -> tuple[Input, ...]:
    """The declared inputs; raises `DefinitionError` for a repeated name or a default of another type."""
    parsed: dict[str, Input] = {}
    for i, entry in enumerate(obj):
        place = f"{where}[{i}]"
        given = fields(entry, place, _INPUT)
        one = Input(
            name=_new_name(given["name"], place, parsed),
            type=_type(given, place),
            required=given.get("required", False),
            default=given.get("default", MISSING),
        )
        if not isinstance(one.default, Missing) and not KINDS[one.type](one.default):
            raise DefinitionError(
                f"the default is no {one.type} but {kind(one.default)}",
                where=f"{place}.default",
                fix="change the default or the type",
            )
        parsed[one.name] = one
    return tuple(parsed.values())


def parse_outputs(obj: list[JSON], where: str) -> tuple[tuple[Output, ...], dict[str, CompiledMapping]]:
    """The declared outputs, and the compiled `from` of those that have one, by its place."""
    parsed: dict[str, Output] = {}
    reads: dict[str, CompiledMapping] = {}
    for i, entry in enumerate(obj):
        place = f"{where}[{i}]"
        given = fields(entry, place, _OUTPUT)
        source = given.get("from")
        if source is not None:
            if not source.startswith("$") or source.startswith("$$"):
                raise DefinitionError(
                    f"from is no path: {source!r:.80}",
                    where=f"{place}.from",
                    fix="write a JSONPath such as '$.steps.ID.output.key'",
                )
            reads[f"{place}.from"] = compile_mapping(source, f"{place}.from")
        name = _new_name(given["name"], place, parsed)
        parsed[name] = Output(name=name, type=_type(given, place), source=source)
    return tuple(parsed.values()), reads


def _new_name(name: str, place: str, taken: Mapping[str, object]) -> str:
    if not name:
        raise DefinitionError("the name is empty", where=f"{place}.name", fix="give it a name")
    if name in taken:
        raise DefinitionError(f"the name {name!r} is taken", where=f"{place}.name", fix="choose another")
    return name


def _type(given: Mapping[str, JSON], place: str) -> str:
    name: str = given.get("type", "any")
    if name not in TYPES:
        raise DefinitionError(f"unknown type {name!r}", where=f"{place}.type", fix=nearest(name, TYPES))
    return name
