"""A derivation as a strip of graphs, and one rewrite as its first two panels: before and after.

    G0 ==(r1, m1)==> G1 ==(r2, m2)==> G2        each panel: the match of the next step, what that step will delete (−),
                                                and what the last one created (+) and changed (→)

All panels share one layout, so what stays stands still: the mental map of Misue, Eades, Lai and Sugiyama (Layout
Adjustment and the Mental Map, J. Visual Languages and Computing 6(2), 1995). Of a large graph only what the steps touch
is drawn, with some of its neighbours, and the drawing says so. The same scenes give the same bytes. What a rule may do
is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise, zip_longest
from typing import Any

from itonami.graphstore.delta import EMPTY, Change
from itonami.graphstore.element import Edge, Node
from itonami.graphstore.graph import Graph
from itonami.graphstore.layout import layered
from itonami.graphstore.lettering import text_width, value_text
from itonami.graphstore.shapes import LINE_SIZE, TITLE_SIZE, Arrow, Box, Picture, Placement
from itonami.graphstore.svg import svg
from itonami.rules.drawing.focus import Focus
from itonami.rules.drawing.looks import LOOKS, anonymous, described, legend
from itonami.rules.drawing.narration import derivation_text, explain
from itonami.rules.drawing.panels import Panel, tiled
from itonami.rules.drawing.scene import Scene
from itonami.rules.match import Match
from itonami.rules.rewrite import Rewrite

__all__ = ["derivation_svg", "rewrite_svg"]

STEPS = 5
"""Steps of a derivation that are drawn."""

PROPERTY_LINES, MOST_LINES = 4, 12
VALUE_LENGTH = 40


def rewrite_svg(done: Rewrite, match: Match | None = None) -> str:
    """A rewrite as SVG: the graph before, its match and what goes; the graph after, what came and what changed.
    Given the match, the drawing names the rule and what was deleted. Reads the edges of what is drawn, and indexes
    each graph once."""
    scene = Scene.of_rewrite(done, match)
    sentence = explain(scene)
    picture = _strip([scene], ["before", "after"], columns=2, title=scene.name, subtitle=sentence)
    return described(svg(*picture), sentence)


def derivation_svg(story: Iterable[Scene], steps: int = STEPS) -> str:
    """The first steps of a derivation as SVG, a panel for each graph on the way; `derivation_text` describes it."""
    every = iter(story)
    shown = list(islice(every, steps))
    more = next(every, None) is not None
    count = f"{'the first ' * more}{len(shown)} step{'s' * (len(shown) != 1)}"
    names = ["start", *(scene.name for scene in shown)]
    titles = [f"{place} {a} · next: {b}" for place, (a, b) in enumerate(pairwise(names))]
    titles.append(f"{len(shown)} {names[-1]}")
    picture = _strip(shown, titles, title="derivation", subtitle=count)
    return described(svg(*picture), derivation_text(shown))


def _strip(
    story: Sequence[Scene], titles: Sequence[str], columns: int | None = None, **caption: str
) -> tuple[Picture, Placement]:
    """A panel for each graph, all in the layout of everything that any of them shows."""
    focus = Focus(story)
    steps = pairwise((None, *story, None))
    moments = [_Moment(focus, g, came, goes) for g, (came, goes) in zip(focus.graphs, steps, strict=False)]
    seats = _seats((moment.boxes for moment in moments), focus.nodes)
    ways = _ways((moment.arrows for moment in moments), focus.edges)
    placement = layered(Picture(seats, ways))
    routes = dict(zip((edge.id for edge in focus.edges), placement.routes, strict=True))
    panels = [
        Panel(title, moment.picture, replace(placement, routes=tuple(routes[id] for id in moment.arrows)))
        for title, moment in zip(titles, moments, strict=False)
    ]
    roles = {role for moment in moments for role in moment.roles}
    return tiled(panels, columns, note=focus.note, legend=legend(roles), **caption)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Of the nodes or the edges of one graph: what the step before made of them, and what the next one will."""

    names: Mapping[str, str]
    created: frozenset[str]
    changed: Mapping[str, Change]
    deleted: frozenset[str]

    def role(self, id: str) -> str:
        """The element's look."""
        if id in self.deleted:
            return "deleted"
        if id in self.created:
            return "created"
        return "changed" if id in self.changed else "matched" if id in self.names else "kept"

    def mark(self, id: str) -> str:
        """Its sign; what came and goes at once has both."""
        return "".join(LOOKS[role].mark for role in ("created", "deleted") if id in getattr(self, role))

    def title(self, id: str, labels: Iterable[str]) -> str:
        """`b:Step`: its variable, if a step names it, and its labels."""
        variable = self.names.get(id, "")
        return "".join(["" if anonymous(variable) else variable, *(f":{label}" for label in labels)])

    def changes(self, id: str, data: Mapping[str, Any]) -> list[str]:
        """What the step before changed of it: labels, then properties with both values."""
        change = self.changed.get(id)
        if change is None:
            return []
        labels = [f"+{label}" for label in change.labels_added]
        labels += [f"−{label}" for label in change.labels_removed]
        keys = sorted(change.before.keys() | change.after.keys())
        properties = [f"{key}: {_short(change.before.get(key))} → {_short(data.get(key))}" for key in keys]
        return [" ".join(labels), *properties] if labels else properties

    def properties(self, id: str, data: Mapping[str, Any], first: Iterable[str] = ()) -> list[str]:
        """Its other properties, the `first` ones before the rest."""
        change = self.changed.get(id)
        told = change.before.keys() | change.after.keys() if change else ()
        keys = dict.fromkeys([*sorted(first), *sorted(data)])
        return [f"{key}: {_short(data[key])}" for key in keys if key in data and key not in told]


def _marks(came: Scene | None, goes: Scene | None) -> tuple[_Marks, _Marks]:
    """The marks of nodes and of edges. The names are those of the match of the next step, or of the last comatch."""
    before, after = came.delta if came else EMPTY, goes.delta if goes else EMPTY
    names = goes or came
    here = set((goes.matched if goes else came.comatch if came else {}).values())
    nodes = {id: name for id, name in (names.node_names if names else {}).items() if id in here}
    edges = {id: name for id, name in (names.edge_names if names else {}).items() if id in here}
    return (
        _Marks(nodes, _ids(before.added_nodes), _by_id(before.set_nodes), _ids(after.removed_nodes)),
        _Marks(edges, _ids(before.added_edges), _by_id(before.set_edges), _ids(after.removed_edges)),
    )


def _ids(elements: Iterable[Node | Edge]) -> frozenset[str]:
    return frozenset(element.id for element in elements)


def _by_id(changes: Iterable[Change]) -> dict[str, Change]:
    return {change.id: change for change in changes}


def _short(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


class _Moment:
    """One graph of the strip, between the step that `came` and the one that `goes` on: its boxes and arrows by id."""

    def __init__(self, focus: Focus, graph: Graph, came: Scene | None, goes: Scene | None) -> None:
        self._nodes, self._edges = _marks(came, goes)
        self.boxes = {
            id: self._box(node, focus.changed.get(id, set()))
            for id in focus.nodes
            if (node := graph.find(id)) is not None
        }
        self.arrows = {
            edge.id: self._arrow(now)
            for edge in focus.edges
            if (now := graph.find_edge(edge.id)) is not None
            and (now.source, now.target) == (edge.source, edge.target)
        }

    @property
    def picture(self) -> Picture:
        return Picture(tuple(self.boxes.values()), tuple(self.arrows.values()))

    @property
    def roles(self) -> set[str]:
        """The looks it uses."""
        return {self._nodes.role(id) for id in self.boxes} | {self._edges.role(id) for id in self.arrows}

    def _box(self, node: Node, first: set[str]) -> Box:
        marks, id = self._nodes, node.id
        look, name = LOOKS[marks.role(id)], marks.title(id, sorted(node.labels))
        lines = marks.changes(id, node.data) + marks.properties(id, node.data, first)
        left = len(lines) - min(max(PROPERTY_LINES, len(first) + 1), MOST_LINES)
        short = [*lines[:-left], f"… {left} more"] if left > 0 else lines
        return Box(
            id=id,
            title=marks.mark(id) + (name or id),
            lines=(id, *short) if name else tuple(short),
            tone=look.tone,
            faded=look.dashed,
            tooltip="\n".join([f"{marks.role(id)}: {id} {name}", *lines]),
        )

    def _arrow(self, edge: Edge) -> Arrow:
        marks, id = self._edges, edge.id
        look, name = LOOKS[marks.role(id)], marks.title(id, [edge.label])
        changes, others = marks.changes(id, edge.data), marks.properties(id, edge.data)
        return Arrow(
            edge.source,
            edge.target,
            f"{marks.mark(id)}{name} {', '.join(changes)}".rstrip(),
            colour=look.line,
            dashed=look.dashed,
            tooltip="\n".join([f"{marks.role(id)}: {id} {name}", *changes, *others]),
        )


def _seats(panels: Iterable[Mapping[str, Box]], order: Iterable[str]) -> tuple[Box, ...]:
    """For each box one with room for how any panel draws it."""
    drawn: dict[str, list[Box]] = {id: [] for id in order}
    for panel in panels:
        for id, box in panel.items():
            drawn[id].append(box)
    return tuple(
        Box(
            id,
            max((box.title for box in boxes), key=_bold_width),
            tuple(max(row, key=_width) for row in zip_longest(*(box.lines for box in boxes), fillvalue="")),
        )
        for id, boxes in drawn.items()
        if boxes
    )


def _ways(panels: Iterable[Mapping[str, Arrow]], order: Iterable[Edge]) -> tuple[Arrow, ...]:
    """For each arrow one with room for how any panel labels it."""
    drawn: dict[str, list[Arrow]] = {edge.id: [] for edge in order}
    for panel in panels:
        for id, arrow in panel.items():
            drawn[id].append(arrow)
    return tuple(max(arrows, key=lambda arrow: _width(arrow.label)) for arrows in drawn.values())


def _width(text: str) -> float:
    return text_width(text, LINE_SIZE)


def _bold_width(text: str) -> float:
    return text_width(text, TITLE_SIZE, True)
