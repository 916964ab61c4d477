"""Writes the effect of a rule on a head: the two pushout squares as four kinds of edits.

    L <---- K ----> R        values first, from the match as it was;
    |       |       |        then what is in L but not in K goes, edges before nodes;
    v       v       v        then K is relabelled and set;
    G <---- D ----> H        then what is in R but not in K comes, nodes before edges

The tables of the head are written in place, since rules say beforehand which of them change: an edge is linked at
both ends in about 0.3 us, and the edges of a created node are one expression. Nothing is checked: that the match
holds, that gluing allows it and that created ids are new is the caller's to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Edge, Node
from itonami.graphstore.head import Head
from itonami.rules.emit import TABLES, Source, ids_of, places_of
from itonami.rules.pattern import Relabel
from itonami.rules.step import Step
from itonami.rules.term import Literal, term_variables

if TYPE_CHECKING:
    from itonami.rules.rule import Rule

__all__ = ["Fire", "Ids", "effect"]

_NO_DATA: dict[str, Value] = {}

Ids = tuple[str, ...]
Fire = Callable[[Head, Mapping[str, Value], Ids, Ids], Step]
"""fire(head, params, ids, created ids): what changed"""


def effect(rule: Rule) -> Fire:
    """The function that applies the rule at ids it is given. O(size of the rule) a call."""
    return _Effect(rule).made()


class _Effect:
    """Writes one rule's effect. Ids are `i3` and `x3`; elements `n3` and `e3` are fetched where they are read."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._source = Source(places_of(rule.L))
        self._ids = {
            v: ("i" if place[0] == "n" else "x") + place[1:] for v, place in self._source.places.items()
        }
        nodes, edges = len(rule.L.nodes), len(rule.L.edges)
        created = {node.variable: f"i{nodes + k}" for k, node in enumerate(rule.create.nodes)}
        created |= {edge.variable: f"x{edges + k}" for k, edge in enumerate(rule.create.edges)}
        self._created = created
        self._ids |= created
        self._source.ids = self._ids
        self._values: dict[str, dict[str, str | None]] = {}
        self._replaced: list[str] = []

    def made(self) -> Fire:
        source, rule = self._source, self._rule
        with source.block("def fire(head, params, ids, new):"):
            source.line(TABLES)
            source.line("nodes_before = head.nodes_before; edges_before = head.edges_before")
            if rule.variables:
                source.line(f"{ids_of(rule.L, edges='x{}')} = ids")
            if self._created:
                source.line(f"({', '.join(self._created.values())},) = new")
            self._write_values()
            self._write_owning()
            parts = (*self._deletions(), *self._changes(), *self._creations(), self._replaced)
            source.line(f"return {source.constant(Step)}({', '.join(map(_tuple, parts))})")
        fire: Fire = source.made("fire")
        return fire

    def _write_owning(self) -> None:
        """Have a head that shares its containers copy those that will be written here."""
        rule, deleted = self._rule, set(self._rule.delete)
        edges = [*rule.create.edges, *(edge for edge in rule.L.edges if edge.variable in deleted)]
        sources, targets = (
            _tuple(dict.fromkeys(self._ids[end] for end in ends if end not in self._created))
            for ends in ([edge.source for edge in edges], [edge.target for edge in edges])
        )
        labels = tuple(sorted({label for node in rule.create.nodes for label in node.labels}))
        if edges or labels:
            self._source.line(
                f"if head.shared: head.own({sources}, {targets}, {self._source.constant(labels)})"
            )

    def _write_values(self) -> None:
        """Evaluate every assigned term on the match as it is."""
        source = self._source
        for variable in sorted(frozenset().union(*(term_variables(a.term) for a in self._rule.assignments))):
            if variable not in self._created:
                table = "nodes" if self._rule.L.node(variable) else "edges"
                source.line(f"{source.places[variable]} = {table}[{self._ids[variable]}]")
        for assignment in self._rule.assignments:
            name = None
            if assignment.term != Literal(None):
                name = source.fresh("v")
                source.line(f"{name} = {source.value(assignment.term)}")
            self._values.setdefault(assignment.variable, {})[assignment.key] = name

    # -- L without K ---------------------------------------------------------------------------------------

    def _deletions(self) -> tuple[list[str], list[str]]:
        source, deleted = self._source, set(self._rule.delete)
        nodes, edges = [], []
        for edge in self._rule.L.edges:
            if edge.variable in deleted:
                id, gone = self._ids[edge.variable], source.fresh("gone")
                edges.append(gone)
                source.line(f"{gone} = edges.pop({id})")
                source.line(f"edges_before.setdefault({id}, {gone})")
                label = f"{gone}.label" if edge.label is None else source.constant(edge.label)
                self._unlink("out", self._ids[edge.source], label, id)
                self._unlink("into", self._ids[edge.target], label, id)
        for node in self._rule.L.nodes:
            if node.variable in deleted:
                id = self._ids[node.variable]
                nodes.append(source.fresh("gone"))
                source.line(f"{nodes[-1]} = nodes[{id}]")
                source.line(f"head.drop_node({id})")
        return nodes, edges

    def _unlink(self, side: str, node: str, label: str, id: str) -> None:
        """Write how an edge leaves one side of a node; no empty container stays."""
        source, at, bucket = self._source, self._source.fresh("at"), self._source.fresh("b")
        source.line(f"{at} = {side}[{node}]; {bucket} = {at}[{label}]")
        source.line(f"if len({bucket}) > 1: del {bucket}[{id}]")
        source.line(f"elif len({at}) > 1: del {at}[{label}]")
        source.line(f"else: del {side}[{node}]")

    # -- K ---------------------------------------------------------------------------------------------------

    def _changes(self) -> tuple[list[str], list[str]]:
        relabels = {relabel.variable: relabel for relabel in self._rule.relabels}
        nodes, edges = [], []
        for node in self._rule.K.nodes:
            values, relabel = self._values.get(node.variable, {}), relabels.get(node.variable)
            if values or relabel:
                nodes.append(self._change_node(node.variable, values, relabel))
        for edge in self._rule.K.edges:
            if values := self._values.get(edge.variable, {}):
                edges.append(self._change_edge(edge.variable, values))
        return nodes, edges

    def _change_node(self, variable: str, values: dict[str, str | None], relabel: Relabel | None) -> str:
        source, id = self._source, self._ids[variable]
        labels: tuple[str, ...] = ()
        old = source.fresh("old")
        self._replaced.append(old)
        source.line(f"{old} = nodes[{id}]")
        expression = f"{old}.labels"
        if relabel:
            labels = (*relabel.added, *relabel.removed)
            removed, added = (source.constant(frozenset(part)) for part in (relabel.removed, relabel.added))
            expression = f"({old}.labels - {removed}) | {added}"
        data = self._data(f"{{**{old}.data}}" if values else f"{old}.data", values)
        made = f"{source.constant(Node)}({id}, {expression}, {data})"
        if relabel:
            source.line(f"head.put_node({made})")
        else:
            source.line(f"nodes_before.setdefault({id}, {old})")
            source.line(f"nodes[{id}] = {made}")
        return f"({id}, {source.constant(tuple(values))}, {source.constant(labels)})"

    def _change_edge(self, variable: str, values: dict[str, str | None]) -> str:
        source, id, old = self._source, self._ids[variable], self._source.fresh("old")
        self._replaced.append(old)
        source.line(f"{old} = edges[{id}]")
        data = self._data(f"{{**{old}.data}}", values)
        ends = f"{old}.source, {old}.label, {old}.target"
        source.line(f"head.put_edge({source.constant(Edge)}({id}, {ends}, {data}))")
        return f"({id}, {source.constant(tuple(values))}, ())"

    def _new_data(self, variable: str) -> str:
        """The properties of a created element. Those that have none share one map: no element's map is written to."""
        values = self._values.get(variable, {})
        return self._data("{}", values) if values else self._source.constant(_NO_DATA)

    def _data(self, start: str, values: dict[str, str | None]) -> str:
        """Write the properties: those at the start, with the values set; what is null goes."""
        source, data = self._source, self._source.fresh("data")
        source.line(f"{data} = {start}")
        for key, value in values.items():
            name = source.constant(key)
            if value is None:
                source.line(f"{data}.pop({name}, None)")
            else:
                source.line(f"if {value} is None: {data}.pop({name}, None)")
                source.line(f"else: {data}[{name}] = {value}")
        return data

    # -- R without K ---------------------------------------------------------------------------------------

    def _creations(self) -> tuple[list[str], list[str]]:
        source, create = self._source, self._rule.create
        nodes, edges = [], []
        for node in create.nodes:
            id, made = self._ids[node.variable], source.fresh("made")
            nodes.append(made)
            data = self._new_data(node.variable)
            labels = source.constant(frozenset(node.labels))
            source.line(f"nodes[{id}] = {made} = {source.constant(Node)}({id}, {labels}, {data})")
            source.line(f"nodes_before.setdefault({id})")
            for label in node.labels:
                self._join("labelled", source.constant(label), f"{id}: None")
        for edge in create.edges:
            id, made = self._ids[edge.variable], source.fresh("made")
            edges.append(made)
            data = self._new_data(edge.variable)
            ends = f"{self._ids[edge.source]}, {source.constant(edge.label)}, {self._ids[edge.target]}"
            source.line(f"edges[{id}] = {made} = {source.constant(Edge)}({id}, {ends}, {data})")
            source.line(f"edges_before.setdefault({id})")
        linked = [
            (side, end, source.constant(edge.label), f"{self._ids[edge.variable]}: {made}")
            for edge, made in zip(create.edges, edges, strict=True)
            for side, end in (("out", edge.source), ("into", edge.target))
        ]
        new: dict[tuple[str, str], dict[str, list[str]]] = {}
        for side, end, label, entry in linked:
            if end in self._created:
                new.setdefault((side, end), {}).setdefault(label, []).append(entry)
            else:
                self._link(side, self._ids[end], label, entry)
        for (side, end), by_label in new.items():
            buckets = (f"{label}: {{{', '.join(entries)}}}" for label, entries in by_label.items())
            source.line(f"{side}[{self._ids[end]}] = {{{', '.join(buckets)}}}")
        return nodes, edges

    def _link(self, side: str, node: str, label: str, entry: str) -> None:
        """Write how an edge joins one side of a node."""
        at = self._source.fresh("at")
        self._source.line(f"{at} = {side}.get({node})")
        self._source.line(f"if {at} is None: {side}[{node}] = {{{label}: {{{entry}}}}}")
        with self._source.block("else:"):
            self._join(at, label, entry)

    def _join(self, table: str, label: str, entry: str) -> None:
        """Write how an entry joins a table's bucket of a label."""
        bucket, (id, _, item) = self._source.fresh("b"), entry.partition(": ")
        self._source.line(f"{bucket} = {table}.get({label})")
        self._source.line(f"if {bucket} is None: {table}[{label}] = {{{entry}}}")
        self._source.line(f"else: {bucket}[{id}] = {item}")


def _tuple(parts: Iterable[str]) -> str:
    return f"({', '.join(parts)},)" if (parts := list(parts)) else "()"
