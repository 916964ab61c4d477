"""The adapter of the openCypher TCK's runner: the product's queries, over graphs that a test-only interpreter makes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path as File

from opencypher_tck import Node as TckNode
from opencypher_tck import Path as TckPath
from opencypher_tck import Rel as TckRel

from itonami.graphstore.graph import Edge, Node
from itonami.query.path import Path
from itonami.query.values.domain import TEMPORAL

# So that it is found from whatever folder the runner stands in.
sys.path.insert(0, str(File(__file__).parent))
import writes

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def canonical(value):
    """A value as the runner compares it."""
    if isinstance(value, Node):
        return TckNode(value.labels, canonical(value.data))
    if isinstance(value, Edge):
        return TckRel(value.label, canonical(value.data))
    if isinstance(value, Path):
        items = [canonical(value.nodes[0])]
        for step, (edge, node) in enumerate(zip(value.relationships, value.nodes[1:], strict=True)):
            items += [(canonical(edge), value.forward(step)), canonical(node)]
        return TckPath(items)
    if isinstance(value, TEMPORAL):
        return str(value)
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    return value


class Adapter:
    """What the runner asks of an engine."""

    name = "itonami"
    can_write = True

    def new_graph(self):
        return writes.Sandbox()

    def run(self, query, graph, params):
        columns, rows = writes.run(query, graph, params, NOW)
        return list(columns), [[canonical(value) for value in row] for row in rows]

    def classify(self, error):
        return getattr(error, "kind", type(error).__name__)

    def snapshot(self, graph):
        items = list(graph.graph.items())
        nodes = [(n.id, list(n.labels), canonical(n.data)) for n in items if isinstance(n, Node)]
        rels = [(e.id, e.source, e.target, e.label, canonical(e.data)) for e in items if isinstance(e, Edge)]
        return nodes, rels
