"""What the commands print: one JSON document with `--json`, else text for people; errors in one sentence.

Results go to stdout, progress and errors to stderr. Values are shown as JSON has them; bytes as hex, times as ISO 8601.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from rich.console import Console

from itonami.graphstore import Commit, Delta, Edge, Graph, HEADER, ItonamiError, Node

__all__ = ["console", "delta_json", "emit", "error_line", "log_rows", "plain", "progress", "run_json"]

console = Console(highlight=False, soft_wrap=True)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: Any) -> Any:
    """A value of the store as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def emit(value: Any, *, line: bool = False) -> None:
    """Print one JSON document, or one JSON line."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=None if line else 2) + "\n")
    sys.stdout.flush()


def error_line(error: ItonamiError, *, as_json: bool) -> None:
    """Say what, where and how to mend it, in one sentence."""
    if as_json:
        emit({"error": error.to_json()})
    else:
        progress.print(f"itonami: {error}", markup=False)


def run_json(run: str, tx: int, graph: Graph) -> dict[str, Any]:
    """A run as `run`, `resume` and `show` print it."""
    header = graph.header
    return {
        "run": run,
        "workflow": header.get("workflow"),
        "status": header.get("status"),
        "tx": tx,
        "inputs": header.get("inputs"),
        "result": header.get("result"),
        "error": header.get("error"),
        "steps": [_step_json(node) for node in graph.nodes("Step")],
    }


_STEP_KEYS = ("activity", "attempt", "started", "ended", "input", "output", "error")


def _step_json(node: Node) -> dict[str, Any]:
    op = next(iter(sorted(node.labels & {"Activity", "Seq", "Parallel", "Decision", "Saga"})), "Step")
    shown = {key: node.data[key] for key in _STEP_KEYS if key in node.data}
    return {"id": node.id, "op": op.lower(), "status": node.data.get("status"), **shown}


def log_rows(commit: Commit, graph: str) -> list[dict[str, Any]]:
    """The events of one transaction, as `log` prints them. All but the first follow from it by the rules."""
    rows = []
    for seq, event in enumerate(commit.entry(graph).events):
        cause = event.cause if seq == 0 else {"tx": commit.tx, "seq": 0}
        rows.append(
            {
                "tx": commit.tx,
                "seq": seq,
                "time": commit.time,
                "event": event.name,
                "rule": event.rule,
                "match": event.match,
                "params": event.data,
                "cause": cause,
            }
        )
    return rows


def delta_json(delta: Delta) -> dict[str, Any]:
    """A delta: what was added, removed and set, of nodes and of edges."""
    return {
        "nodes": {
            "added": [_element(node) for node in delta.added_nodes],
            "removed": [_element(node) for node in delta.removed_nodes],
            "set": [_change(change) for change in delta.set_nodes],
        },
        "edges": {
            "added": [_element(edge) for edge in delta.added_edges],
            "removed": [_element(edge) for edge in delta.removed_edges],
            "set": [_change(change) for change in delta.set_edges],
        },
    }


def _element(element: Node | Edge) -> dict[str, Any]:
    if isinstance(element, Node):
        return {"id": element.id, "labels": sorted(element.labels), "properties": element.data}
    return {
        "id": element.id,
        "source": element.source,
        "label": element.label,
        "target": element.target,
        "properties": element.data,
    }


def _change(change: Any) -> dict[str, Any]:
    shown = {"id": change.id, "before": change.before, "after": change.after}
    if change.labels_added or change.labels_removed:
        shown |= {"labels_added": change.labels_added, "labels_removed": change.labels_removed}
    return shown


def is_run(graph: Graph) -> bool:
    """Whether a graph is a run's."""
    return HEADER in graph and graph.header.get("kind") == "run"
