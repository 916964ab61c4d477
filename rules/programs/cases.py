"""Packs of cases: many small grammars in one JSON object, as the test suites of other tools give them.

    {cases: [{id, rule, start, semantics?}]}                  one rule at one graph (GROOVE)
    {rules, cases: [{id, start, steps}]}                      steps {rule, mode: "test" | "apply all"} (GrGen)
    {cases: [{id, start, delete_all_rule_L}]}                 a rule that deletes all it matches (GrGen)
    {cases: [{id, L, K, R, l, r, G}]}                         a span with maps (AlgebraicRewriting.jl)

A map is a pair of 1-based lists {V, E}: where the k-th node or edge of K lies. It is turned into shared ids: what is
kept is called as in L, what is new has a name of its own. What a rule or a graph is may not live here.
"""

from __future__ import annotations

from typing import Any

from itonami.rules.errors import RuleError
from itonami.rules.form import listed, typed
from itonami.rules.grammar import Grammar

__all__ = ["cases_of", "shared_ids"]

_SORTS = (("nodes", "V"), ("edges", "E"))
_NOTHING: dict[str, Any] = {"nodes": [], "edges": []}


def cases_of(obj: Any) -> dict[str, Grammar]:
    """The grammars of a pack by the ids of its cases; empty where the object is no pack. Raises `RuleError`."""
    if not isinstance(obj, dict) or "cases" not in obj:
        return {}
    found: dict[str, Grammar] = {}
    for number, case in enumerate(listed(obj, "cases", "pack")):
        id = typed(case, "id", str, f"cases[{number}]")
        if id in found:
            raise RuleError(f"two cases are called {id!r}", where="pack", fix="rename one")
        found[id] = Grammar.load(_grammar(obj, case, f"case {id!r}"))
    return found


def _grammar(pack: dict[str, Any], case: dict[str, Any], where: str) -> dict[str, Any]:
    """The JSON object of a case's own grammar."""
    semantics = case.get("semantics", pack.get("semantics", {}))
    whole = {"name": case["id"], "semantics": semantics, "rules": pack.get("rules", [])}
    if "l" in case and "r" in case:
        return {**whole, "rules": [shared_ids(case, where)], "start": case.get("G")}
    start = {"start": case.get("start", _NOTHING)}
    if "rule" in case:
        return whole | start | {"rules": [case["rule"]]}
    if "delete_all_rule_L" in case:
        rule = {"name": "delete_all", "L": case["delete_all_rule_L"], "K": _NOTHING, "R": _NOTHING}
        return whole | start | {"rules": [rule]}
    steps = [step for step in listed(case, "steps", where) if step.get("mode") != "test"]
    return whole | start | {"program": [{"all": step.get("rule")} for step in steps]}


def shared_ids(case: dict[str, Any], where: str = "case") -> dict[str, Any]:
    """The rule of a span with maps l and r, over shared ids. Raises `RuleError`."""
    left, right = typed(case, "L", dict, where), typed(case, "R", dict, where)
    maps = {side: typed(case, side, dict, where) for side in "lr"}
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for part, sort in _SORTS:
        here, there = (listed(maps[side], sort, f"{where}, {side}", int) for side in "lr")
        if len(here) != len(there):
            raise RuleError(f"l and r map {len(here)} and {len(there)} {part} of K", where=where)
        for k, j in zip(here, there, strict=True):
            item = _item(right, part, j, f"{where}, R")
            kept[part, typed(item, "id", str, where)] = _item(left, part, k, f"{where}, L")

    def name(part: str, item: dict[str, Any], key: str = "id") -> str:
        id: str = typed(item, key, str, f"{where}, R")
        own: str = kept[part, id]["id"] if (part, id) in kept else f"new_{id}"
        return own

    nodes = [{**node, "id": name("nodes", node)} for node in listed(right, "nodes", where)]
    edges = []
    for edge in listed(right, "edges", where):
        ends = {"src": name("nodes", edge, "src"), "tgt": name("nodes", edge, "tgt")}
        new = {**edge, **ends, "id": name("edges", edge)}
        edges.append(kept.get(("edges", edge["id"]), new))
    return {"name": case.get("id"), "L": left, "R": {"nodes": nodes, "edges": edges}}


def _item(graph: dict[str, Any], part: str, place: int, where: str) -> dict[str, Any]:
    """The element at a 1-based place."""
    items = listed(graph, part, where)
    if not 1 <= place <= len(items):
        raise RuleError(f"there is no element {place} of the {part}", where=where)
    item: dict[str, Any] = items[place - 1]
    typed(item, "id", str, where)
    return item
