"""What the commands say of runs, events and changes, as data: the documents that `--json` prints.

Their keys are fixed by the command line's description in `docs/`; text output is made from the same data.
Nothing is printed here.
"""

from __future__ import annotations

from typing import Any

from itonami.graphstore import HEADER, Change, Commit, Delta, Edge, Graph, Node

__all__ = [
    "delta_document",
    "element_document",
    "graph_document",
    "is_run",
    "log_rows",
    "run_document",
    "summary",
]

_OPERATORS = frozenset({"Activity", "Seq", "Parallel", "Decision", "Saga"})
_STEP_KEYS = ("activity", "attempt", "started", "ended", "input", "output", "error")


def is_run(graph: Graph) -> bool:
    """Whether a graph is a run's."""
    return HEADER in graph and graph.header.get("kind") == "run"


def run_document(run: str, tx: int, graph: Graph) -> dict[str, Any]:
    """A run as `run`, `resume` and `show` print it. O(steps)."""
    header = graph.header
    said = {key: header.get(key) for key in ("workflow", "status")}
    ended = {key: header.get(key) for key in ("inputs", "result", "error")}
    steps = [_step(node) for node in graph.nodes("Step")]
    return {"run": run, **said, "tx": tx, **ended, "steps": steps}


def _step(node: Node) -> dict[str, Any]:
    op = min(node.labels & _OPERATORS, default="Step").lower()
    shown = {key: node.data[key] for key in _STEP_KEYS if key in node.data}
    return {"id": node.id, "op": op, "status": node.data.get("status"), **shown}


def graph_document(name: str, tx: int, graph: Graph) -> dict[str, Any]:
    """Any other graph of the store: its nodes and edges. O(size)."""
    nodes, edges = map(element_document, graph.nodes()), map(element_document, graph.edges())
    return {"graph": name, "tx": tx, "nodes": list(nodes), "edges": list(edges)}


def summary(run: str, tx: int, graph: Graph) -> dict[str, Any]:
    """A run as `ps` lists it."""
    keys = ("workflow", "version", "status", "started", "ended", "attributes")
    return {"run": run, "tx": tx, **{key: graph.header.get(key) for key in keys}}


def log_rows(commit: Commit, graph: str) -> list[dict[str, Any]]:
    """The events of one transaction, as `log` prints them. All but the first follow from it by the rules. Of a version
    that was pruned, one row without an event says so."""
    entry = commit.entry(graph)
    if entry.pruned:
        said = dict.fromkeys(("event", "rule", "match", "params", "cause"))
        return [{"tx": commit.tx, "seq": 0, "time": commit.time, **said, "pruned": True}]
    return [
        {
            "tx": commit.tx,
            "seq": seq,
            "time": commit.time,
            "event": event.name,
            "rule": event.rule,
            "match": event.match,
            "params": event.data,
            "cause": event.cause if seq == 0 else {"tx": commit.tx, "seq": 0},
            **({} if event.author is None else {"author": event.author}),
        }
        for seq, event in enumerate(entry.events)
    ]


def delta_document(delta: Delta) -> dict[str, Any]:
    """A delta: what was added, removed and set, of nodes and of edges."""
    return {
        "nodes": {
            "added": [element_document(node) for node in delta.added_nodes],
            "removed": [element_document(node) for node in delta.removed_nodes],
            "set": [_change(change) for change in delta.set_nodes],
        },
        "edges": {
            "added": [element_document(edge) for edge in delta.added_edges],
            "removed": [element_document(edge) for edge in delta.removed_edges],
            "set": [_change(change) for change in delta.set_edges],
        },
    }


def element_document(element: Node | Edge) -> dict[str, Any]:
    """A node or edge as documents have it."""
    if isinstance(element, Node):
        return {"id": element.id, "labels": sorted(element.labels), "properties": element.data}
    ends = {"source": element.source, "label": element.label, "target": element.target}
    return {"id": element.id, **ends, "properties": element.data}


def _change(change: Change) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": change.id, "before": change.before, "after": change.after}
    if change.labels_added or change.labels_removed:
        shown |= {"labels_added": change.labels_added, "labels_removed": change.labels_removed}
    return shown
