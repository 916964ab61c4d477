"""`rules explore`, `run`, `match`, `pairs`, `show`: what can be asked of rules without any workflow.

    FILE    a grammar in JSON (rules, start graphs, perhaps a program), a list of rules, a pack of cases, or rules as
            text; for text, `--graph` is what to start from

An exploration or a run that its limit stopped prints what it has, says so, and ends with 1. What rules do is `rules`'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itonami.graphstore import InvalidValue
from itonami.graphstore.collector import uncollected
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.grammars import grammar_in, pack_in
from itonami.workflow.cli.output import bar, columns, emit, note, say

if TYPE_CHECKING:
    from itonami.graphstore import Graph, Node
    from itonami.rules import Grammar, Match, Rule
    from itonami.rules.analysis.critical import CriticalPair

__all__ = ["explore", "match", "pairs", "run", "show"]

rules = typer.Typer(
    help="""Ask what graph rewriting rules do.

    FILE is JSON, {name, rules: [{name, L, K, R, nacs}], start, program, semantics}, where L, K, R and NACs are
    graphs {nodes: [{id, label}], edges: [{id, src, label, tgt}]} that share ids; or a list of such rules; or a pack
    of {cases}; or rules as text.
    """,
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.add_typer(rules, name="rules")

MAX_MATCHES = 1_000_000


class Mode(StrEnum):
    """Which variables lie on distinct elements."""

    all = "all"
    nodes = "nodes"
    none = "none"


class Format(StrEnum):
    """How rules are shown."""

    text = "text"
    json = "json"
    svg = "svg"


File = Annotated[Path, typer.Argument(help="A grammar (JSON), or rules as text.")]
Case = Annotated[str | None, typer.Option(metavar="ID", help="Which case of a pack.")]
GraphFile = Annotated[
    Path | None, typer.Option("--graph", metavar="FILE", help="The graph to start from, in JSON.")
]
Start = Annotated[
    str | None, typer.Option(metavar="KEY", help="Which start graph (default: that for N, or the first).")
]
N = Annotated[
    int | None, typer.Option("--n", metavar="N", min=0, help="N of the program and the start graphs.")
]
Injective = Annotated[
    Mode | None, typer.Option(help="Which variables lie on distinct elements (default: as the file says).")
]


@rules.callback()
def help_without_command(ctx: typer.Context) -> None:
    """Without a command, print the help."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


# -- explore -----------------------------------------------------------------------------------------------


@rules.command()
def explore(
    file: File,
    isomorphic: Annotated[
        bool | None,
        typer.Option(
            "--isomorphic/--exact", help="Whether isomorphic states are one (default: as the file says)."
        ),
    ] = None,
    n: N = None,
    start: Start = None,
    depth: Annotated[
        int | None, typer.Option(metavar="D", min=0, help="How many steps from the start.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="L", min=1, help="The most states.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="S", min=0, help="The most seconds.")] = None,
    transitions: Annotated[int | None, typer.Option(metavar="T", min=1, help="The most transitions.")] = None,
    case: Case = None,
    graph: GraphFile = None,
    injective: Injective = None,
    as_json: AsJson = False,
) -> int:
    """Explore every state that rules reach.

    One transition is one rule at one match. With --depth, as far as so many steps reach.
    """
    from itonami.rules.analysis.exploration import DEFAULT_LIMIT, DEFAULT_TRANSITIONS
    from itonami.rules.analysis.exploration import explore as explored

    grammar = grammar_in(file, case, graph, injective)
    with bar("explore") as advance:
        space = explored(
            grammar,
            isomorphic,
            DEFAULT_LIMIT if limit is None else limit,
            depth,
            start=grammar.start(start, n),
            transitions=transitions or DEFAULT_TRANSITIONS,
            seconds=seconds,
            progress=lambda now: advance(now.states, now.states + now.queue),
        )
    found: dict[str, Any] = {
        "grammar": grammar.name,
        "start": grammar.start_key(start, n) if grammar.starts else "",
        "isomorphic": grammar.isomorphic if isomorphic is None else isomorphic,
        "states": len(space.states),
        "transitions": len(space.transitions),
        "final": len(space.finals),
        "complete": space.complete,
        "reason": space.reason,
    }
    if as_json:
        emit(found)
    else:
        alike = "up to isomorphism" if found["isomorphic"] else "ids kept"
        counts = (_many(found["states"], "state"), _many(found["transitions"], "transition"))
        say(f"{', '.join(counts)}, {found['final']} final ({alike})")
    deep_enough = depth is not None and (space.expanded == len(space) or space.depth(space.expanded) == depth)
    return _ended(space.complete or deep_enough, f"not all was explored: {space.reason}")


# -- run ---------------------------------------------------------------------------------------------------


@rules.command()
def run(
    file: File,
    n: N = None,
    start: Start = None,
    limit: Annotated[int | None, typer.Option(metavar="L", min=0, help="The most rewrites.")] = None,
    case: Case = None,
    graph: GraphFile = None,
    injective: Injective = None,
    as_json: AsJson = False,
) -> int:
    """Run the program of a grammar.

    Without a program: whichever rule applies first, until none does.
    """
    from itonami.rules.programs.execution import DEFAULT_LIMIT, execute

    grammar = grammar_in(file, case, graph, injective)
    most = DEFAULT_LIMIT if limit is None else limit
    with bar("run") as advance:
        done = execute(grammar, start, n, limit=most, progress=lambda rewrites: advance(rewrites, most))
    head = done.head
    nodes = Counter(label for node in head.node_by_id.values() for label in _own_labels(grammar, node))
    edges = Counter(edge.label for edge in head.edge_by_id.values())
    for short in done.short:
        note(f"{short.place}: {short.rule} was applied {short.applied} times, not {short.asked}", "yellow")
    if as_json:
        counts = {"rewrites": done.rewrites, "nodes": len(head), "edges": len(head.edge_by_id)}
        more = {"applied": done.applied, "node_labels": _sorted(nodes), "edge_labels": _sorted(edges)}
        emit({"grammar": grammar.name, **counts, **more, "complete": done.complete})
    else:
        rows = [
            ("rewrites", str(done.rewrites), _shown(done.applied)),
            ("nodes", str(len(head)), _shown(_sorted(nodes))),
            ("edges", str(len(head.edge_by_id)), _shown(_sorted(edges))),
        ]
        for line in columns(rows):
            say(line)
    return _ended(done.complete, f"stopped at the limit of {done.rewrites} rewrites; raise it with --limit")


def _own_labels(grammar: Grammar, node: Node) -> set[str]:
    """A node's labels without those that it has as a subtype only."""
    above = {other for label in node.labels for other in grammar.supertypes.get(label, ())}
    return set(node.labels) - above


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _shown(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or '(none)'} {count}" for name, count in counts.items())


# -- match -------------------------------------------------------------------------------------------------


@rules.command()
def match(
    file: File,
    n: N = None,
    start: Start = None,
    limit: Annotated[int, typer.Option(metavar="L", min=0, help="The most matches.")] = MAX_MATCHES,
    case: Case = None,
    graph: GraphFile = None,
    injective: Injective = None,
    listed: Annotated[bool, typer.Option("--list", help="Print the matches too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Count where rules apply at a start graph.

    Conditions, NACs and gluing included. Of a pack without --case: in every case.
    """
    if case is None and (pack := pack_in(file)):
        return _match_pack(pack, limit, as_json=as_json)
    grammar = grammar_in(file, case, graph, injective)
    counts = {rule.name: 0 for rule in grammar.rules}
    found: list[Match] = []
    with uncollected():
        applicable = _applicable(grammar, grammar.start(start, n))
        for one in islice(applicable, limit):
            counts[one.rule.name] += 1
            if listed:
                found.append(one)
        complete = next(applicable, None) is None
    total = sum(counts.values())
    if as_json:
        rows = [{"rule": m.rule.name, "nodes": m.nodes, "edges": m.edges} for m in found]
        whole = {"grammar": grammar.name, "matches": total, "rules": counts, "complete": complete}
        emit(whole | {"list": rows} if listed else whole)
    else:
        for line in columns(
            [("matches", str(total)), *((name, str(count)) for name, count in counts.items())]
        ):
            say(line)
        for one in found:
            say(f"{one.rule.name}  " + ", ".join(f"{v}={one[v]}" for v in one.rule.variables))
    return _ended(complete, f"there are more than {limit} matches; raise the limit with --limit")


def _match_pack(pack: Mapping[str, Grammar], limit: int, *, as_json: bool) -> int:
    """The matches of every case of a pack, each under its own semantics."""
    counts = {
        id: sum(1 for _ in islice(_applicable(grammar, grammar.start()), limit))
        for id, grammar in pack.items()
    }
    if as_json:
        emit({"matches": sum(counts.values()), "cases": counts})
    else:
        for line in columns(
            [("matches", str(sum(counts.values()))), *((id, str(c)) for id, c in counts.items())]
        ):
            say(line)
    return 0


def _applicable(grammar: Grammar, graph: Graph) -> Iterator[Match]:
    """Every (rule, match) at which a rule would fire, by rule."""
    from itonami.graphstore import Head
    from itonami.rules import gluing, matches

    head = Head.of(graph)
    for rule in grammar.rules:
        for found in matches(rule, head, grammar.injective, nac_injective=grammar.nac_injective):
            if gluing(rule, found, head) is None:
                yield found


# -- pairs, show -------------------------------------------------------------------------------------------


@rules.command()
def pairs(
    file: File,
    listed: Annotated[bool, typer.Option("--list", help="Print the pairs too.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="L", min=1, help="The most overlaps of two rules.")
    ] = None,
    case: Case = None,
    as_json: AsJson = False,
) -> None:
    """Count the critical pairs of rules.

    A number says in how many overlaps applying the rule of its row first disables the rule of its column.
    """
    from itonami.rules.analysis.critical import LIMIT, critical_pairs

    grammar = grammar_in(file, case)
    names = [rule.name for rule in grammar.rules]
    with uncollected(), bar("pairs") as advance:
        found = critical_pairs(grammar, limit=limit or LIMIT, progress=advance)
    tables = _tables(names, found)
    if as_json:
        whole = {"grammar": grammar.name, "pairs": len(found), "rules": names, **tables}
        emit(whole | {"list": list(map(_of_pair, found))} if listed else whole)
        return
    say(f"{_many(len(found), 'critical pair')} of {_many(len(names), 'rule')} (row first, column disabled)")
    for kind, table in tables.items():
        if any(map(any, table)):
            say()
            heading, *lines = columns(
                [(kind, *names), *((name, *map(str, row)) for name, row in zip(names, table, strict=True))]
            )
            say(heading, "bold")
            for line in lines:
                say(line)
    for pair in found if listed else ():
        say()
        say(f"{pair.first.name}, {pair.second.name}", "bold")
        say(str(pair))


def _tables(names: list[str], found: Iterable[CriticalPair]) -> dict[str, list[list[int]]]:
    """By kind, a matrix of counts: the row's rule first."""
    from itonami.rules.analysis.critical import KINDS

    place = {name: number for number, name in enumerate(names)}
    tables = {kind: [[0] * len(names) for _ in names] for kind in KINDS}
    for pair in found:
        tables[pair.kind][place[pair.first.name]][place[pair.second.name]] += 1
    return tables


def _of_pair(pair: CriticalPair) -> dict[str, Any]:
    return {
        "kind": pair.kind,
        "first": pair.first.name,
        "second": pair.second.name,
        "first_match": list(pair.first_match),
        "second_match": list(pair.second_match),
        "elements": list(pair.elements),
        "explanation": pair.explanation,
        "certain": pair.certain,
        "graph": _of_graph(pair.graph),
    }


def _of_graph(graph: Graph) -> dict[str, Any]:
    """A graph in the form that grammars have theirs in."""
    return {
        "nodes": [
            {"id": node.id, "labels": sorted(node.labels), "attributes": dict(node.data)}
            for node in graph.nodes()
        ],
        "edges": [
            {"id": e.id, "src": e.source, "label": e.label, "tgt": e.target, "attributes": dict(e.data)}
            for e in graph.edges()
        ],
    }


@rules.command()
def show(
    file: File,
    rule: Annotated[str | None, typer.Option(metavar="NAME", help="One rule only.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How to show them.")] = Format.text,
    case: Case = None,
    as_json: AsJson = False,
) -> None:
    """Show rules as text, JSON or SVG."""
    grammar = grammar_in(file, case)
    chosen = grammar.rules if rule is None else (grammar.rule(rule),)
    if as_json or format is Format.json:
        document: dict[str, Any] = {"grammar": grammar.name, "rules": [one.to_json() for one in chosen]}
        emit(document | {"drawing": _drawn(grammar, chosen)} if format is Format.svg else document)
    elif format is Format.svg:
        say(_drawn(grammar, chosen))
    else:
        say("\n\n".join(map(str, chosen)))


def _drawn(grammar: Grammar, chosen: tuple[Rule, ...]) -> str:
    from itonami.rules import RuleError, RuleSet
    from itonami.rules.drawing.picture import rule_svg, ruleset_svg

    if len(chosen) == 1:
        return rule_svg(chosen[0])
    try:
        return ruleset_svg(RuleSet(chosen))
    except RuleError as error:
        fix = "draw one of them with --rule NAME"
        raise InvalidValue(f"these rules are no set ({error.what})", where=grammar.name, fix=fix) from error


# -- all of them -------------------------------------------------------------------------------------------


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _ended(complete: bool, otherwise: str) -> int:
    """0, or 1 with a note that says why what was printed is not all there is."""
    if complete:
        return 0
    note(otherwise, "yellow")
    return 1
