"""The JSON form of rules: a span of graphs over shared ids.

    {name, L, K, R, nacs, where?, set?, relabel?, distinct?, event?, priority?, external?}
    graph: {nodes: [{id, label | labels, attributes?}], edges: [{id, src, label, tgt, attributes?}]}
    nac: graph with {where?, nacs?}

K = L intersected with R by id; a NAC shares with L the ids it lists, and its own NACs share with both. Label `*` is
any label, the node label `""` none at all. Terms stand as text. `attributes` of L and of NACs are conditions, of R
assignments; `distinct` pairs become conditions `id(a) <> id(b)`. `rule_of(form_of(rule)) == rule`. An edge that L, K
and R all have may end at a node that none of them lists: it stands for any node (GROOVE writes context so). No laws
of rules live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from itonami.rules.errors import RuleError
from itonami.rules.laws import FLATTEN, TOO_DEEP
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern, Relabel
from itonami.rules.rule import Rule
from itonami.rules.term import Binary, Id, Labels, ListOf, Property, Term, literal, parse_term

__all__ = ["form_of", "labels_of", "listed", "rule_of", "typed"]

_KEYS = frozenset(
    ("name", "event", "priority", "external", "L", "K", "R", "nacs", "where", "set", "relabel", "distinct")
)
ANY, NONE = "*", ""


# -- reading ---------------------------------------------------------------------------------------------------


def rule_of(obj: Any) -> Rule:
    """The rule of a JSON object. Raises `RuleError`. O(size)."""
    if not isinstance(obj, dict):
        raise RuleError(f"a rule is a JSON object, not {type(obj).__name__}")
    name = typed(obj, "name", str, "rule")
    place = f"rule {name!r}"
    if unknown := obj.keys() - _KEYS:
        raise RuleError(
            f"{min(map(repr, unknown))} is no key of a rule",
            where=place,
            fix=f"use {', '.join(sorted(_KEYS))}",
        )
    left, right = (_Side(obj.get(key), key, place) for key in "LR")
    _share_context(left, right, _Side(obj.get("K"), "K", place) if "K" in obj else None, place)
    relabels, changed = tuple(_relabels(left, right)), list(_changed(left, right))
    if "relabel" in obj:
        relabels = tuple(
            Relabel(
                _text(r, "id", place),
                tuple(listed(r, "add", place, str)),
                tuple(listed(r, "remove", place, str)),
            )
            for r in listed(obj, "relabel", place)
        )
    sets = [
        Assignment(_text(s, "id", place), _text(s, "key", place), _term(_text(s, "value", place), place))
        for s in listed(obj, "set", place)
    ]
    return Rule(
        name=name,
        L=left.pattern(),
        delete=tuple(v for v in left.labels if v not in right.labels)
        + tuple(v for v in left.edges if v not in right.edges),
        create=right.pattern(without=left),
        where=(*left.conditions(), *_distinct(obj, place), *_terms(obj, place)),
        nacs=tuple(_nacs(obj, left, place)),
        assignments=(*changed, *sets),
        relabels=relabels,
        event=typed(obj, "event", str, place, ""),
        priority=typed(obj, "priority", int, place, 0),
        external=typed(obj, "external", bool, place, False),
    )


class _Side:
    """A graph of the form: labels by node id (None for any), edges by id, attributes by id."""

    def __init__(self, obj: Any, name: str, place: str) -> None:
        where = f"{place}, {name}"
        if not isinstance(obj, dict):
            raise RuleError(
                f"{name} is missing or no graph", where=place, fix="give {nodes: [...], edges: [...]}"
            )
        self.name = name
        self.labels: dict[str, tuple[str, ...] | None] = {}
        self.edges: dict[str, EdgePattern] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        for node in listed(obj, "nodes", where):
            id = self._new(_text(node, "id", where), where)
            self.labels[id] = labels_of(node, where)
            self.attributes[id] = typed(node, "attributes", dict, where, {})
        for count, edge in enumerate(listed(obj, "edges", where)):
            id = self._new(typed(edge, "id", str, where, f"_{name}{count}"), where)
            label = _text(edge, "label", where)
            self.edges[id] = EdgePattern(
                id, _text(edge, "src", where), None if label == ANY else label, _text(edge, "tgt", where)
            )
            self.attributes[id] = typed(edge, "attributes", dict, where, {})

    def _new(self, id: str, where: str) -> str:
        if id in self.labels or id in self.edges:
            raise RuleError(f"{id!r} names two elements", where=where, fix="rename one of them", subject=id)
        return id

    def pattern(self, without: _Side | None = None) -> Pattern:
        """The pattern, without the elements of another side."""
        nodes, edges = (without.labels, without.edges) if without else ({}, {})
        return Pattern(
            tuple(NodePattern(v, labels or ()) for v, labels in self.labels.items() if v not in nodes),
            tuple(edge for v, edge in self.edges.items() if v not in edges),
        )

    def conditions(self, around: Iterable[_Side] = ()) -> Iterator[Term]:
        """What `""` and the attributes ask for. A side around it that says of what type a node is, has said it."""
        for variable, labels in self.labels.items():
            if labels == () and all(side.labels.get(variable) is None for side in around):
                yield Binary("=", Labels(variable), ListOf(()))
        for variable, attributes in self.attributes.items():
            for key, value in attributes.items():
                yield Binary("=", Property(variable, key), literal(value))


def _share_context(left: _Side, right: _Side, interface: _Side | None, place: str) -> None:
    """Check that K is what L and R share, and add the unlisted ends of the edges they share."""
    for id, edge in left.edges.items():
        if id in right.edges:
            if edge != right.edges[id]:
                raise RuleError(f"edge {id!r} differs in L and R", where=place, fix="use two ids", subject=id)
            for end in (edge.source, edge.target):
                if end not in left.labels and end not in right.labels:
                    left.labels[end] = right.labels[end] = None
    if interface is not None:
        shared = (left.labels.keys() & right.labels.keys()) | (left.edges.keys() & right.edges.keys())
        own = interface.labels.keys() | interface.edges.keys()
        own |= {end for edge in interface.edges.values() for end in (edge.source, edge.target)}
        if own != shared:
            raise RuleError(
                f"K is not L intersected with R: they differ in {min(own ^ shared)!r}",
                where=place,
                fix="let K list exactly the ids that L and R share",
                subject=min(own ^ shared),
            )


def _relabels(left: _Side, right: _Side) -> Iterator[Relabel]:
    for variable, before in left.labels.items():
        after = right.labels.get(variable)
        if after is not None and variable in right.labels and set(after) != set(before or ()):
            yield Relabel(
                variable, tuple(set(after) - set(before or ())), tuple(set(before or ()) - set(after))
            )


def _changed(left: _Side, right: _Side) -> Iterator[Assignment]:
    for variable, attributes in right.attributes.items():
        before = left.attributes.get(variable, {})
        for key, value in attributes.items():
            term = literal(value)
            if key not in before or literal(before[key]) != term:
                yield Assignment(variable, key, term)


def _nacs(obj: dict[str, Any], left: _Side, place: str) -> Iterator[Nac]:
    for count, nac in enumerate(listed(obj, "nacs", place)):
        where = f"{place}, nacs[{count}]"
        side, terms = _Side(nac, "a NAC", where), _terms(nac, where)
        inner = tuple(_inner(nac, (left, side), where))
        yield Nac(side.pattern(), (*side.conditions([left]), *terms), inner)


def _inner(obj: dict[str, Any], around: tuple[_Side, _Side], place: str) -> Iterator[Nac]:
    """The NACs of a NAC, around which are L and the NAC."""
    for count, nac in enumerate(listed(obj, "nacs", place)):
        where = f"{place}.nacs[{count}]"
        if listed(nac, "nacs", where):
            raise RuleError(TOO_DEEP, where=where, fix=FLATTEN)
        side = _Side(nac, "a nested NAC", where)
        yield Nac(side.pattern(), (*side.conditions(around), *_terms(nac, where)))


def _distinct(obj: dict[str, Any], place: str) -> Iterator[Term]:
    for pair in listed(obj, "distinct", place, list):
        if len(pair) != 2 or not all(isinstance(id, str) for id in pair):
            raise RuleError("distinct holds pairs of node ids", where=place)
        yield Binary("<>", Id(pair[0]), Id(pair[1]))


def _terms(obj: dict[str, Any], place: str) -> tuple[Term, ...]:
    return tuple(_term(text, place) for text in listed(obj, "where", place, str))


def _term(text: str, place: str) -> Term:
    try:
        return parse_term(text)
    except RuleError as error:
        within = f"{place}, line {error.line}, column {error.column} of {text[:40]!r}"
        raise RuleError(
            error.what, where=within, fix=error.fix, line=error.line, column=error.column
        ) from None


def labels_of(node: dict[str, Any], where: str) -> tuple[str, ...] | None:
    """The labels of a node of the form; None for any."""
    if "labels" in node:
        labels = listed(node, "labels", where, str)
        return tuple(labels) or None
    label = _text(node, "label", where)
    return None if label == ANY else () if label == NONE else (label,)


def listed(obj: dict[str, Any], key: str, where: str, kind: type = dict) -> list[Any]:
    """The list under a key (default: empty), its items checked to be of one type."""
    items: list[Any] = typed(obj, key, list, where, [])
    for item in items:
        if not isinstance(item, kind):
            raise RuleError(f"{key!r} holds a {type(item).__name__}, not a {kind.__name__}", where=where)
    return items


def _text(obj: dict[str, Any], key: str, where: str) -> str:
    text: str = typed(obj, key, str, where)
    return text


def typed(obj: dict[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:
    """The value under a key, checked to be of one type; `RuleError` says where it is not."""
    value = obj.get(key, default)
    if type(value) is not kind:
        problem = "is missing" if value is None else f"is a {type(value).__name__}, not a {kind.__name__}"
        raise RuleError(f"{key!r} {problem}", where=where)
    return value


# -- writing ---------------------------------------------------------------------------------------------------


def form_of(rule: Rule) -> dict[str, Any]:
    """The JSON of a rule; keys with nothing to say are left out."""
    created = set(rule.create.variables)
    form: dict[str, Any] = {"name": rule.name}
    if rule.event != rule.name:
        form["event"] = rule.event
    if rule.priority:
        form["priority"] = rule.priority
    if rule.external:
        form["external"] = True
    form |= {"L": _graph(rule.L), "K": _graph(rule.K), "R": _graph(rule.R, created)}
    form["nacs"] = [_nac_form(nac) for nac in rule.nacs]
    form |= _where(rule.where)
    if rule.assignments:
        form["set"] = [{"id": a.variable, "key": a.key, "value": str(a.term)} for a in rule.assignments]
    if rule.relabels:
        form["relabel"] = [
            {"id": r.variable, "add": list(r.added), "remove": list(r.removed)} for r in rule.relabels
        ]
    return form


def _nac_form(nac: Nac) -> dict[str, Any]:
    form = _graph(nac.pattern) | _where(nac.where)
    return form | {"nacs": [_nac_form(inner) for inner in nac.nacs]} if nac.nacs else form


def _graph(pattern: Pattern, created: Iterable[str] = ()) -> dict[str, Any]:
    return {
        "nodes": [
            {"id": n.variable} | _label(n, NONE if n.variable in created else ANY) for n in pattern.nodes
        ],
        "edges": [
            {"id": e.variable, "src": e.source, "label": ANY if e.label is None else e.label, "tgt": e.target}
            for e in pattern.edges
        ],
    }


def _label(node: NodePattern, without: str) -> dict[str, Any]:
    if len(node.labels) > 1 or node.labels == (ANY,):
        return {"labels": list(node.labels)}
    return {"label": node.labels[0] if node.labels else without}


def _where(terms: tuple[Term, ...]) -> dict[str, Any]:
    return {"where": [str(term) for term in terms]} if terms else {}
