"""Where definitions and rule sets lie in the store: graphs like any other.

    rules/<address>                 a node a rule, with its text and place in the set
    definition/<id>/<root>          the compiled definition that its runs start from
    <run id>                        a run
    inbox/<run id>                  messages to a run from other processes

A run's header names its rule set, and its first version the definition it started from, so both are found as they were
and not as today's code has them.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from itonami.graphstore import (
    HEADER,
    Conflict,
    Delta,
    Edge,
    Event,
    Graph,
    InvalidValue,
    Node,
    NotFound,
    Store,
)
from itonami.graphstore.codec import encode
from itonami.graphstore.evolver import checked_name
from itonami.rules import RuleSet
from itonami.workflow.definition import parse_definition
from itonami.workflow.engine.program import Program
from itonami.workflow.patterns import RULESET
from itonami.workflow.patterns.compile import DEFINITION

__all__ = ["Catalog", "check_run_id"]

RESERVED = ("rules/", "definition/", "inbox/")
PART_BYTES = 1 << 18


def check_run_id(run: str) -> str:
    """A run id: text of 1 to 200 bytes that no reserved name starts with."""
    checked_name(run, "run id")
    if run.startswith(RESERVED) or len(run.encode()) > 200:
        raise InvalidValue(
            f"{run!r} cannot be a run id",
            fix=f"use at most 200 bytes, and none of {', '.join(RESERVED)} at its start",
        )
    return run


class Catalog:
    """Registers and finds definitions and rule sets. Programs are kept by the graph they were compiled to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._programs: dict[str, Program] = {}
        self._rules: dict[str, RuleSet] = {RULESET.address.hex(): RULESET}
        self._registered: dict[str, tuple[str, int]] = {}

    def program(self, source: Any) -> Program:
        """The program of a definition's JSON object, under today's rules."""
        key = _text_of(source)
        found = None if key is None else self._programs.get(key)
        if found is None:
            found = Program(parse_definition(source), RULESET)
            self._programs[found.definition.address if key is None else key] = found
        return found

    async def register(self, program: Program) -> tuple[str, int]:
        """(graph, tx) of a program's definition graph, stored if it is new, its rule set with it."""
        known = self._registered.get(program.name)
        if known is not None:
            return known
        name, rules = program.name, program.rules
        await self._put(f"rules/{rules.address.hex()}", _rules_graph(rules), "RulesRegistered")
        tx = await self._put(name, program.graph, "DefinitionRegistered")
        place = self._registered[name] = (name, tx)
        return place

    async def _put(self, name: str, graph: Graph, event: str) -> int:
        """Store a graph that is named after its content, in as many transactions as its size needs; the TxId at
        which it is whole. Whoever else does the same, or did so before a crash, helps."""
        while True:
            version, present = self._store.checkout(name)
            if present.root == graph.root:
                return self._store.head(name).tx
            part = _part(present.diff(graph))
            write = self._store.prepare(name, version + 1, present.patch(part), part, [Event(event)])
            with contextlib.suppress(Conflict):
                await self._store.commit_async([write])

    def program_of(self, run: str) -> Program:
        """The program a run was started with: its definition as stored, its rule set as pinned."""
        graph = self._store.at(run)
        header, node = graph.header, graph.find(DEFINITION)
        if node is None or header.get("kind") != "run":
            raise NotFound(f"{run!r} is no run", where=f"store {self._store.name}")
        key = f"{header['rules']} {node.data['source']}"
        if key not in self._programs:
            definition = parse_definition(json.loads(node.data["source"]))
            self._programs[key] = Program(definition, self.rules(str(header["rules"])))
        return self._programs[key]

    def rules(self, address: str) -> RuleSet:
        """The rule set of an address, from the store if it is not today's."""
        if address not in self._rules:
            from itonami.query.pinned import stored_rules

            self._rules[address] = stored_rules(self._store, address)
        return self._rules[address]

    def latest(self, workflow: str, version: str | None) -> Any:
        """The source of the newest registered definition of that id (and version), else `NotFound`."""
        found = [
            (entry.tx, self._store.at(entry.graph))
            for entry in self._store.graphs(kind="definition", workflow=workflow)
        ]
        graphs = [
            graph
            for _, graph in sorted(found, key=lambda pair: pair[0])
            if version in (None, graph.header["version"])
        ]
        if not graphs:
            raise NotFound(
                f"no workflow {workflow!r}"
                + (f" of version {version!r}" if version else "")
                + " is registered",
                where=f"store {self._store.name}",
                fix="run it from its file once",
            )
        return json.loads(graphs[-1].node(DEFINITION).data["source"])


def _text_of(source: Any) -> str | None:
    """A definition's source as JSON text, in the order of its author (SQL's `$1` goes by it); None for what is no
    JSON: parsing will say why."""
    try:
        return json.dumps(source, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _part(missing: Delta) -> Delta:
    """As much of what a graph still lacks as fits into a transaction. The header comes last: by it a graph is found,
    when it is whole."""
    header = [node for node in missing.added_nodes if node.id == HEADER]
    others = [node for node in missing.added_nodes if node.id != HEADER]
    lacks: list[Node | Edge] = [*others, *missing.added_edges, *header]
    puts, size = [], 0
    for element in lacks:
        puts.append(element)
        size += len(encode(element.to_list()))
        if size > PART_BYTES:
            break
    return Delta.between([], puts)


def _rules_graph(rules: RuleSet) -> Graph:
    header = Node(HEADER, (HEADER,), {"kind": "rules", "address": rules.address.hex()})
    nodes = [Node(rule.name, ("Rule",), {"text": str(rule), "order": n}) for n, rule in enumerate(rules)]
    return Graph().replaced([header, *nodes])
