"""How the figures are told: a table for a terminal and a page for the docs, from the same cells.

Pure functions of the summaries that `harness.summary` makes: nothing is measured here, and nothing was
rounded before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from rich.table import Table

from benchmarks.row import BASE, OURS
from benchmarks.rows import ROWS

__all__ = ["markdown", "parts", "table"]

Summary = Mapping[str, Any]
Summaries = Mapping[str, Summary]

NAMES = {
    OURS: "Itonami",
    BASE: "raw LMDB",
    "langgraph_sqlite": "LangGraph",
    "dbos_sqlite": "DBOS",
    "sqlite_wal": "SQLite WAL",
    "git_pygit2": "git",
    "eventsourcing_sqlite": "eventsourcing",
    "networkx_vf2": "networkx VF2",
    "rustworkx_vf2": "rustworkx VF2",
    "networkx_grand": "networkx + grand-cypher",
    "graphforge": "GraphForge",
}
PARTS = {
    "benchmarks.peers": "The engine",
    "benchmarks.peers.stores": "The store",
    "benchmarks.peers.rewriters": "The rules",
    "benchmarks.peers.queriers": "The queries",
}
"""Rows whose systems are of one package share a table."""

NOTHING = "–"
RATIOS = ("of raw", "of best")

PREFACE = """\
# Benchmarks

Each budget is measured as a ratio, against raw LMDB and against the systems one would use instead: LangGraph
and DBOS on SQLite for the engine, SQLite, git (pygit2) and `eventsourcing` for the store, VF2 of networkx and of
rustworkx for the rules. This page is the output of `python -m benchmarks --markdown`.

The systems take turns, each in a fresh process and directory. A figure is the median over the rounds, a ratio
the median of the rounds' own ratios; in brackets, the ratio to raw LMDB. "of raw" and "of best" are
Itonami's figure over raw LMDB's and over the best peer's. A step is trivial, and durable before the next
begins; so is a commit. The rules touch no disk. "Reach" is where an honest engine can be, "moonshot" where we
are going.
"""


def table(summaries: Summaries) -> Table:
    """Summaries of one part for a terminal."""
    systems = _systems(summaries)
    shown = Table(title="medians; in brackets the ratio to raw LMDB")
    for column in ("what", "unit", *_names(systems), *RATIOS):
        shown.add_column(column, justify="left" if column in ("what", "unit") else "right")
    for name, summary in summaries.items():
        shown.add_row(name, summary["unit"], *_figures(name, summary, systems), *_ratios(summary))
    return shown


def markdown(summaries: Summaries, machine: Mapping[str, str], versions: Mapping[str, str], day: date) -> str:
    """The page docs/benchmarks.md: the figures, what stands behind them, where and with what they came."""
    sections = (
        [PREFACE, f"Taken on {day.isoformat()}: {_pairs(machine)}. Versions: {_pairs(versions)}.", ""],
        *(_table_lines(title, part) for title, part in parts(summaries).items()),
        _section("Behind the figures", _details(summaries)),
        _section("Settings, read back from each open system", _settings(summaries)),
        _section("Not measured", _skipped(summaries)),
    )
    return "\n".join(line for section in sections for line in section).rstrip("\n") + "\n"


def parts(summaries: Summaries) -> dict[str, Summaries]:
    """The summaries that share a table, by its title."""
    found: dict[str, dict[str, Summary]] = {}
    for name, summary in summaries.items():
        found.setdefault(PARTS[ROWS[name].package], {})[name] = summary
    return dict(found)


def _table_lines(title: str, summaries: Summaries) -> Iterator[str]:
    yield from (f"## {title}", "")
    systems = _systems(summaries)
    header = ["what", "unit", *_names(systems), *RATIOS, "reach", "moonshot"]
    yield _line(header)
    yield _line(["---"] * len(header))
    for name, summary in summaries.items():
        unit = f"{summary['unit']}, {summary['better']} is better"
        ends = [summary["reach"], summary["moonshot"]]
        yield _line([summary["title"], unit, *_figures(name, summary, systems), *_ratios(summary), *ends])
    yield ""


def _figures(name: str, summary: Summary, systems: list[str]) -> Iterator[str]:
    """A cell for each system: its figure, and unless it is raw LMDB its ratio to that."""
    values = {OURS: summary["value"], **summary["peers"]}
    for system in systems:
        value, ratio = values.get(system), summary["ratios"].get(system)
        figure = NOTHING if value is None else f"{value:,.{ROWS[name].digits}f}"
        yield figure if ratio is None or system == BASE else f"{figure} ({_ratio(ratio)})"


def _ratios(summary: Summary) -> tuple[str, str]:
    return _ratio(summary["ratio"]), _ratio(summary["best_peer_ratio"])


def _ratio(ratio: float | None) -> str:
    """Two significant digits; whole numbers from 10 up."""
    return NOTHING if ratio is None else f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _systems(summaries: Summaries) -> list[str]:
    """Ours first, then the others as they come, those that were skipped included."""
    others = (peer for summary in summaries.values() for peer in [*summary["peers"], *summary["skipped"]])
    return list(dict.fromkeys([OURS, *others]))


def _names(systems: list[str]) -> list[str]:
    return [NAMES.get(system, system) for system in systems]


def _section(title: str, facts: Mapping[str, str]) -> Iterator[str]:
    """A heading and a list; nothing at all if there is nothing to list."""
    if facts:
        yield from (f"## {title}", "")
        yield from (f"- {subject}: {fact}" for subject, fact in facts.items())
        yield ""


def _details(summaries: Summaries) -> dict[str, str]:
    return {
        f"`{name}`, {NAMES.get(peer, peer)}": _pairs({key: _detail(value) for key, value in details.items()})
        for name, summary in summaries.items()
        for peer, details in summary["details"].items()
    }


def _detail(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _settings(summaries: Summaries) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for summary in summaries.values():
        for peer, settings in summary["settings"].items():
            found.setdefault(NAMES.get(peer, peer), {})[_pairs(settings)] = None
    return {name: "; ".join(settings) for name, settings in found.items()}


def _skipped(summaries: Summaries) -> dict[str, str]:
    return {
        f"`{name}`, {NAMES.get(peer, peer)}": why
        for name, summary in summaries.items()
        for peer, why in summary["skipped"].items()
    }


def _pairs(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items())


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
