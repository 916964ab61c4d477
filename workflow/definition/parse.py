"""From JSON to a checked `Definition`, or one sentence about the first thing that is wrong with it.

The picture: the document's operators are laid out in pre-order (`_outline`), each checked against its row
of `FORMS`; then every one gets its id; then they are built from the last to the first, so that children
stand ready when their parent is built; last, every step id that a mapping or a guard reads must exist. No
function here recurses, so no document exhausts the stack. A new operator is a dataclass in `model` and a
row here.

Objects are closed, as with JSON Schema's `additionalProperties: false` (draft 2020-12, section 10.3.2.3).
Reading files may not live here (`load` does), nor running (`engine`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from itonami.workflow.definition.duration import parse_duration
from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.guard import CompiledGuard, compile_guard
from itonami.workflow.definition.inputs import parse_inputs, parse_outputs
from itonami.workflow.definition.mapping import CompiledMapping, compile_mapping
from itonami.workflow.definition.model import Activity, Decision, Definition, Op, Parallel, Saga, Seq
from itonami.workflow.definition.retry import parse_retry
from itonami.workflow.definition.values import JSON, Key, child, fields, json_copy, nearest

__all__ = ["MAX_OPS", "MAX_OP_DEPTH", "parse_definition"]

MAX_OPS = 100_000
MAX_OP_DEPTH = 200
MAX_JSON_DEPTH = 4 * MAX_OP_DEPTH  # an operator's child stands at most three containers below it
MAX_ID_CHARS = 256

_DURATION = ("string", "number")


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the child operators of an operator stand: under `key`; with `entry`, one list entry's shape,
    whose key `inner` holds the child."""

    key: str
    many: bool = False
    entry: Mapping[str, Key] | None = None
    inner: str = ""


@dataclass(slots=True)
class _Node:
    """One operator of the document on its way to becoming an `Op`."""

    place: str
    depth: int
    given: dict[str, JSON]
    form: _Form
    id: str = ""
    kids: dict[str, list[_Node]] = field(default_factory=dict)
    reads: dict[str, CompiledMapping | CompiledGuard] = field(default_factory=dict)
    op: Op | None = None

    def many(self, key: str) -> tuple[Op, ...]:
        """The operators built from the slot `key`."""
        return tuple(cast(Op, kid.op) for kid in self.kids.get(key, ()))

    def one(self, key: str) -> Op | None:
        """The operator built from the slot `key`, None when the key is absent."""
        return next(iter(self.many(key)), None)


@dataclass(frozen=True, slots=True)
class _Form:
    """How one operator is written: its keys beside `op` and `id`, where its children stand, how it is
    built."""

    keys: Mapping[str, Key]
    slots: tuple[_Slot, ...]
    build: Callable[[_Node], Op]


_WORKFLOW: Mapping[str, Key] = {
    "id": Key(("string",), required=True),
    "name": Key(("string",)),
    "version": Key(("string",)),
    "inputs": Key(("array",)),
    "outputs": Key(("array",)),
    "strategy": Key(("object",), required=True),
    "timeout": Key(_DURATION),
    "activities": Key(("object",)),
}

_DECLARED_ACTIVITIES: Mapping[str, Mapping[str, Key]] = {
    "http": {
        "type": Key(("string",), required=True),
        "method": Key(("string",)),
        "url": Key(("string",), required=True),
        "headers": Key(("object",)),
    },
    "sql": {
        "type": Key(("string",), required=True),
        "url": Key(("string",), required=True),
        "statement": Key(("string",), required=True),
        "expect_rows": Key(("integer",)),
    },
}


def parse_definition(obj: JSON) -> Definition:
    """The definition that `obj`, `{workflow: {...}}`, describes.

    Raises `DefinitionError` whose `where` is the place, such as `$.workflow.strategy.strategies[1].op`.
    Linear in the document; the guards and paths it holds are compiled (about 1 ms a guard, 2 to 100 us a
    path).
    """
    if isinstance(obj, dict) and "workflow" not in obj and "strategy" in obj:
        raise DefinitionError(
            "the key 'workflow' is missing", where="$", fix="put the whole object under it: {workflow: {...}}"
        )
    source = json_copy(obj, "$", max_depth=MAX_JSON_DEPTH)
    workflow = fields(source, "$", {"workflow": Key(("object",), required=True)})["workflow"]
    where = "$.workflow"
    given = fields(workflow, where, _WORKFLOW)
    inputs = parse_inputs(given.get("inputs", []), f"{where}.inputs")
    outputs, output_reads = parse_outputs(given.get("outputs", []), f"{where}.outputs")
    nodes = _outline(given["strategy"], f"{where}.strategy")
    ids = _name(nodes)
    for node in reversed(nodes):
        node.op = node.form.build(node)
    declared = {one.name for one in inputs}
    _check_reads(output_reads, ids, declared)
    for node in nodes:
        _check_reads(node.reads, ids, declared)
    definition_id = _checked_id(given["id"], f"{where}.id")
    return Definition(
        id=definition_id,
        name=given.get("name", definition_id),
        version=given.get("version", "1"),
        inputs=inputs,
        outputs=outputs,
        strategy=cast(Op, nodes[0].op),
        timeout_ms=_timeout(given, where),
        activities=_activities(given.get("activities", {}), f"{where}.activities"),
        source=source,
    )


def _outline(strategy: JSON, where: str) -> list[_Node]:
    """Every operator of the document, parents first, children in the order of their form's slots."""
    nodes: list[_Node] = []
    todo: list[tuple[JSON, str, int, list[_Node]]] = [(strategy, where, 1, [])]
    while todo:
        obj, place, depth, siblings = todo.pop()
        if depth > MAX_OP_DEPTH:
            raise DefinitionError(
                f"operators nest more than {MAX_OP_DEPTH} levels deep", where=where, fix="use a subworkflow"
            )
        if len(nodes) == MAX_OPS:
            raise DefinitionError(f"more than {MAX_OPS} operators", where=where, fix="use subworkflows")
        form = _form(obj, place)
        node = _Node(place, depth, fields(obj, place, form.keys), form)
        nodes.append(node)
        siblings.append(node)
        below = [
            (kid, kid_place, depth + 1, node.kids.setdefault(slot.key, []))
            for slot in form.slots
            for kid, kid_place in _standing(node, slot)
        ]
        todo.extend(reversed(below))
    return nodes


def _form(obj: JSON, place: str) -> _Form:
    head = obj.get("op") if isinstance(obj, dict) else None
    if not isinstance(head, str):
        fix = "write {op: NAME, ...}; known: " + ", ".join(sorted(FORMS))
        raise DefinitionError("an operator is needed here", where=place, fix=fix)
    if head not in FORMS:
        raise DefinitionError(
            f"unknown operator {head!r}; known: {', '.join(sorted(FORMS))}",
            where=f"{place}.op",
            fix=nearest(head, FORMS),
        )
    return FORMS[head]


def _standing(node: _Node, slot: _Slot) -> Iterator[tuple[JSON, str]]:
    """The child objects in a slot of `node`, with their places."""
    if slot.key not in node.given:
        return
    held, place = node.given[slot.key], f"{node.place}.{slot.key}"
    if not slot.many:
        yield held, place
        return
    if not held:
        raise DefinitionError(f"{slot.key} is empty", where=place, fix="put at least one operator there")
    for i, item in enumerate(held):
        if slot.entry is None:
            yield item, f"{place}[{i}]"
        else:
            yield fields(item, f"{place}[{i}]", slot.entry)[slot.inner], f"{place}[{i}].{slot.inner}"


def _name(nodes: list[_Node]) -> frozenset[str]:
    """Give every node its id: first the ids that are written, then `NAME`, `NAME#2`, ... in pre-order."""
    places: dict[str, str] = {}
    for node in nodes:
        if "id" in node.given:
            node.id = _checked_id(node.given["id"], f"{node.place}.id")
            if node.id in places:
                raise DefinitionError(
                    f"the id {node.id!r} is taken by {places[node.id]}",
                    where=f"{node.place}.id",
                    fix="rename one",
                )
            places[node.id] = f"{node.place}.id"
    repeats: dict[str, int] = {}
    for node in nodes:
        if node.id:
            continue
        key = "activity_ref" if "activity_ref" in node.given else "op"
        name = _checked_id(node.given[key], f"{node.place}.{key}")
        while not node.id:
            n = repeats[name] = repeats.get(name, 0) + 1
            candidate = name if n == 1 else f"{name}#{n}"
            if candidate not in places:
                node.id = candidate
                places[candidate] = node.place
    return frozenset(places)


def _checked_id(text: str, where: str) -> str:
    if not text or text.startswith("@") or len(text) > MAX_ID_CHARS or not text.isprintable():
        raise DefinitionError(
            f"{text!r:.80} is no name",
            where=where,
            fix=f"write 1 to {MAX_ID_CHARS} printable characters, the first of which is not '@'",
        )
    return text


def _check_reads(
    reads: Mapping[str, CompiledMapping | CompiledGuard], ids: frozenset[str], inputs: set[str]
) -> None:
    for place, read in reads.items():
        for name in sorted((read.references or frozenset()) - ids):
            raise DefinitionError(f"there is no step {name!r}", where=place, fix=nearest(name, ids))
        for name in sorted((read.inputs or frozenset()) - inputs):
            fix = nearest(name, inputs, "declare it under workflow.inputs")
            raise DefinitionError(f"there is no input {name!r}", where=place, fix=fix)


def _timeout(given: Mapping[str, JSON], where: str) -> int | None:
    if "timeout" not in given:
        return None
    place = f"{where}.timeout"
    if not (timeout_ms := parse_duration(given["timeout"], place)):
        raise DefinitionError("the timeout is zero", where=place, fix="leave it out for none")
    return timeout_ms


def _activities(obj: dict[str, JSON], where: str) -> dict[str, dict[str, JSON]]:
    for name, declared in obj.items():
        place = child(where, name)
        _checked_id(name, place)
        head = declared.get("type") if isinstance(declared, dict) else None
        if not isinstance(head, str) or head not in _DECLARED_ACTIVITIES:
            fix = nearest(head if isinstance(head, str) else "", _DECLARED_ACTIVITIES)
            raise DefinitionError("an activity type is needed here", where=f"{place}.type", fix=fix)
        fields(declared, place, _DECLARED_ACTIVITIES[head])
        for header, value in declared.get("headers", {}).items():
            if not isinstance(value, str):
                raise DefinitionError(
                    "a header is text", where=child(f"{place}.headers", header), fix="quote it"
                )
    return obj


def _seq(node: _Node) -> Op:
    return Seq(node.id, node.many("strategies"))


def _parallel(node: _Node) -> Op:
    branches = node.many("branches")
    condition, place = node.given.get("completion_condition", "all"), f"{node.place}.completion_condition"
    if isinstance(condition, dict):
        at_least = fields(condition, place, {"at_least": Key(("integer",), required=True)})["at_least"]
        if not 1 <= at_least <= len(branches):
            raise DefinitionError(
                f"at_least is {at_least}, of {len(branches)} branches",
                where=f"{place}.at_least",
                fix=f"choose a number from 1 to {len(branches)}",
            )
        needed = at_least
    else:
        needed = {"all": len(branches), "any": 1}[_choice(condition, ("all", "any"), place)]
    on_failure = node.given.get("on_failure", "fail_fast")
    _choice(on_failure, ("fail_fast", "collect"), f"{node.place}.on_failure")
    return Parallel(node.id, branches, needed, on_failure)


def _decision(node: _Node) -> Op:
    guards = []
    for i, entry in enumerate(node.given["conditions"]):
        place = f"{node.place}.conditions[{i}].condition"
        node.reads[place] = compile_guard(entry["condition"], place)
        guards.append(entry["condition"])
    return Decision(
        node.id, tuple(zip(guards, node.many("conditions"), strict=True)), node.one("default_branch")
    )


def _activity(node: _Node) -> Op:
    given = node.given
    mapping, place = given.get("input_mapping"), f"{node.place}.input_mapping"
    if isinstance(mapping, str) and (not mapping.startswith("$") or mapping.startswith("$$")):
        raise DefinitionError(
            "a mapping gives an object", where=place, fix="write an object, or a path to one"
        )
    if mapping is not None:
        node.reads[place] = compile_mapping(mapping, place)
    retry = given.get("retry_policy")
    return Activity(
        id=node.id,
        activity_ref=_checked_id(given["activity_ref"], f"{node.place}.activity_ref"),
        input_mapping=mapping,
        timeout_ms=_timeout(given, node.place),
        retry_policy=None if retry is None else parse_retry(retry, f"{node.place}.retry_policy"),
        compensate=node.one("compensate"),
    )


def _saga(node: _Node) -> Op:
    return Saga(node.id, cast(Op, node.one("main_flow")), node.one("compensation"))


def _choice(value: str, known: tuple[str, ...], where: str) -> str:
    if value not in known:
        raise DefinitionError(
            f"{value!r} is none of {', '.join(known)}", where=where, fix=nearest(value, known)
        )
    return value


def _row(build: Callable[[_Node], Op], *slots: _Slot, **keys: Key) -> _Form:
    own = {"op": Key(("string",), required=True), "id": Key(("string",))}
    return _Form(own | keys, slots, build)


_NEEDED_OP, _OP = Key(("object",), required=True), Key(("object",))

FORMS: Mapping[str, _Form] = {
    "seq": _row(_seq, _Slot("strategies", many=True), strategies=Key(("array",), required=True)),
    "parallel": _row(
        _parallel,
        _Slot("branches", many=True),
        branches=Key(("array",), required=True),
        completion_condition=Key(("string", "object")),
        on_failure=Key(("string",)),
    ),
    "decision": _row(
        _decision,
        _Slot(
            "conditions",
            many=True,
            entry={"condition": Key(("string",), required=True), "branch": _NEEDED_OP},
            inner="branch",
        ),
        _Slot("default_branch"),
        conditions=Key(("array",), required=True),
        default_branch=_OP,
    ),
    "activity": _row(
        _activity,
        _Slot("compensate"),
        activity_ref=Key(("string",), required=True),
        input_mapping=Key(("object", "string")),
        timeout=Key(_DURATION),
        retry_policy=Key(("object",)),
        compensate=_OP,
    ),
    "saga": _row(_saga, _Slot("main_flow"), _Slot("compensation"), main_flow=_NEEDED_OP, compensation=_OP),
}
"""Every operator by its name in a definition."""
