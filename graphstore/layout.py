"""The layered layout of a picture: arrows point one way, cross little, and long ones run straight.

Sugiyama, Tagawa & Toda, "Methods for visual understanding of hierarchical system structures", IEEE Trans.
SMC 11(2), 1981: turn the arrows that close a cycle, put boxes on layers, put a dummy vertex wherever an
arrow passes a layer, order the layers (`layering`), assign coordinates (`alignment`), and route the arrows,
which is done here. An arrow's label is a vertex of a layer of its own, so labels neither overlap nor sit on
boxes. Parts that are not connected are laid out apart and packed in rows. Frames are not known here. No
markup may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import sqrt

from itonami.graphstore.alignment import aligned
from itonami.graphstore.layering import ordered, ranks, turned
from itonami.graphstore.lettering import elided, text_width
from itonami.graphstore.shapes import LINE_SIZE, Arrow, Box, Picture, Placement, Point, Rect, Route

__all__ = ["layered"]

DUMMIES = 4_000
"""Dummy vertices a component may have; the longest arrows beyond are drawn as one curve."""

BOX_GAP, PART_GAP = 26.0, 44.0
LAYER_GAP, LABELLED_GAP = 46.0, 20.0
SLANT, SLANT_ROOM = 0.05, 30.0
PORT_STEP = 16.0
LOOP_ROOM, LOOP_STEP, LABEL_STEP = 12.0, 8.0, 15.0
LABEL_ROOM = 150.0


def layered(picture: Picture) -> Placement:
    """Where everything stands, deterministically. About O(sweeps * (boxes + dummies) log)."""
    number = {box.id: i for i, box in enumerate(picture.boxes)}
    ends = [(number[a.source], number[a.target]) for a in picture.arrows]
    rects: dict[str, Rect] = {}
    routes: dict[int, Route] = {}
    parts = [_Part(picture, ends, members) for members in _components(len(number), ends)]
    placed = [part.placed() for part in parts]
    shelves, width, height = _shelves([size for _, _, size in placed])
    for (boxes, ways, _), (dx, dy) in zip(placed, shelves, strict=True):
        rects |= {picture.boxes[v].id: rect.moved(dx, dy) for v, rect in boxes.items()}
        routes |= {i: route.moved(dx, dy) for i, route in ways.items()}
    return Placement(width, height, rects, tuple(routes[i] for i in range(len(ends))))


def _components(count: int, ends: Iterable[tuple[int, int]]) -> list[list[int]]:
    import networkx

    whole = networkx.Graph()
    whole.add_nodes_from(range(count))
    whole.add_edges_from(ends)
    return sorted(sorted(part) for part in networkx.connected_components(whole))


def _shelves(sizes: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], float, float]:
    """Offsets that put rectangles on shelves of about a page's shape, and the whole's width and height."""
    if not sizes:
        return [], 0.0, 0.0
    page = max(max(w for w, _ in sizes), sqrt(1.6 * sum((w + PART_GAP) * (h + PART_GAP) for w, h in sizes)))
    offsets, x, y, shelf, width = [], 0.0, 0.0, 0.0, 0.0
    for w, h in sizes:
        if x and x + w > page:
            x, y, shelf = 0.0, y + shelf + PART_GAP, 0.0
        offsets.append((x, y))
        width, shelf, x = max(width, x + w), max(shelf, h), x + w + PART_GAP
    return offsets, width, y + shelf


@dataclass(slots=True)
class _Chain:
    """One arrow on its way over the layers: the vertices it passes, in the direction of the layers."""

    arrow: int
    vertices: list[int]
    turned: bool
    label: int | None = None


@dataclass(slots=True)
class _Part:
    """One connected part; vertices are boxes by their number, then dummies."""

    picture: Picture
    ends: list[tuple[int, int]]
    members: list[int]
    across: dict[int, float] = field(default_factory=dict)
    along: dict[int, float] = field(default_factory=dict)
    rank: dict[int, int] = field(default_factory=dict)

    def placed(self) -> tuple[dict[int, Rect], dict[int, Route], tuple[float, float]]:
        """Rectangles, routes, and the size of the whole; the left top corner is the origin."""
        known = set(self.members)
        arrows = [i for i, (a, _) in enumerate(self.ends) if a in known]
        loops = [i for i in arrows if self.ends[i][0] == self.ends[i][1]]
        self._measure(loops)
        flows = [i for i in arrows if self.ends[i][0] != self.ends[i][1]]
        closing = turned(self.members, [self.ends[i] for i in flows])
        pairs = {i: self.ends[i][:: -1 if self.ends[i] in closing else 1] for i in flows}
        labelled = any(self.picture.arrows[i].label for i in flows)
        layer_of = ranks(self.members, list(pairs.values()))
        self.rank = {v: rank * (2 if labelled else 1) for v, rank in layer_of.items()}
        chains = self._chains(pairs)
        layers, above, below = ordered(self.rank, self.members, [chain.vertices for chain in chains])
        return self._coordinates(layers, above, below, chains, loops, labelled)

    def _measure(self, loops: Iterable[int]) -> None:
        flat = self.picture.direction == "right"
        for v in self.members:
            width, height = self.picture.boxes[v].size
            self.across[v], self.along[v] = (height, width) if flat else (width, height)
        for v, own in self.loops_at(loops).items():
            sizes = [_label_size(self.picture.arrows[i]) for i in own]
            reach = LOOP_ROOM + LOOP_STEP * len(own)
            beside = LABEL_STEP * len(own) if flat else max(width for width, _ in sizes)
            self.across[v] += 2 * (reach + beside)
            if not flat:
                self.along[v] = max(self.along[v], LABEL_STEP * len(own))
            else:
                self.along[v] = max(self.along[v], *(width for width, _ in sizes))

    def loops_at(self, loops: Iterable[int]) -> dict[int, list[int]]:
        at: dict[int, list[int]] = {}
        for i in loops:
            at.setdefault(self.ends[i][0], []).append(i)
        return at

    def _chains(self, pairs: dict[int, tuple[int, ...]]) -> list[_Chain]:
        """Every arrow with its dummies, shortest first until the budget is spent; then in the given order."""
        chains: list[_Chain] = []
        fresh, left = len(self.picture.boxes), DUMMIES
        for i, (a, b) in sorted(
            pairs.items(), key=lambda item: self.rank[item[1][1]] - self.rank[item[1][0]]
        ):
            passed = range(self.rank[a] + 1, self.rank[b])
            if len(passed) > left:
                passed = range(0)
            dummies = list(range(fresh, fresh + len(passed)))
            fresh, left = fresh + len(passed), left - len(passed)
            for v, rank in zip(dummies, passed, strict=True):
                self.rank[v], self.across[v], self.along[v] = rank, 2.0, 0.0
            chain = _Chain(i, [a, *dummies, b], turned=(a, b) != self.ends[i])
            self._seat_label(chain, dummies)
            chains.append(chain)
        return sorted(chains, key=lambda chain: chain.arrow)

    def _seat_label(self, chain: _Chain, dummies: Sequence[int]) -> None:
        if not self.picture.arrows[chain.arrow].label or not dummies:
            return
        seats = [v for v in dummies if self.rank[v] % 2] or dummies
        chain.label = seats[len(seats) // 2]
        width, height = _label_size(self.picture.arrows[chain.arrow])
        flat = self.picture.direction == "right"
        self.across[chain.label], self.along[chain.label] = (height, width) if flat else (width, height)

    def _coordinates(
        self,
        layers: list[list[int]],
        above: dict[int, list[int]],
        below: dict[int, list[int]],
        chains: list[_Chain],
        loops: list[int],
        labelled: bool,
    ) -> tuple[dict[int, Rect], dict[int, Route], tuple[float, float]]:
        vertices = sorted(self.rank)
        index = {v: i for i, v in enumerate(vertices)}

        def near(neighbours: dict[int, list[int]]) -> list[list[int]]:
            return [[index[u] for u in neighbours.get(v, ())] for v in vertices]

        size = [self.across[v] for v in vertices]
        dummy = [v >= len(self.picture.boxes) for v in vertices]
        rows = [[index[v] for v in layer] for layer in layers]
        centres = aligned(rows, near(above), near(below), dummy, size, BOX_GAP)
        low = min(c - s / 2 for c, s in zip(centres, size, strict=True))
        high = max(c + s / 2 for c, s in zip(centres, size, strict=True))
        x = {v: centres[i] - low for v, i in index.items()}
        bands, depth = self._bands(layers, below, x, LABELLED_GAP if labelled else LAYER_GAP)
        drawn = _Drawn(self, x, bands, self.picture.direction == "right")
        rects = {v: drawn.rect(v) for v in self.members}
        routes = drawn.routes(chains) | drawn.loops(loops, rects)
        across = high - low
        return rects, routes, (depth, across) if drawn.flat else (across, depth)

    def _bands(
        self, layers: list[list[int]], below: dict[int, list[int]], x: dict[int, float], gap: float
    ) -> tuple[list[tuple[float, float]], float]:
        """Start and end of every layer, and the depth of all; arrows that go far aside get more room."""
        bands, y = [], 0.0
        for layer in layers:
            thick = max((self.along[v] for v in layer), default=0.0)
            bands.append((y, y + thick))
            aside = max((abs(x[v] - x[w]) for v in layer for w in below.get(v, ())), default=0.0)
            y += thick + gap + min(SLANT_ROOM, aside * SLANT)
        return bands, bands[-1][1]


@dataclass(slots=True)
class _Drawn:
    """Layer coordinates made points of the canvas; `flat` swaps the axes."""

    part: _Part
    x: dict[int, float]
    bands: list[tuple[float, float]]
    flat: bool

    def _point(self, across: float, along: float) -> Point:
        return Point(along, across) if self.flat else Point(across, along)

    def _box(self, v: int) -> Box:
        return self.part.picture.boxes[v]

    def rect(self, v: int) -> Rect:
        start, end = self.bands[self.part.rank[v]]
        width, height = self._box(v).size
        centre = self._point(self.x[v], (start + end) / 2)
        return Rect(centre.x - width / 2, centre.y - height / 2, width, height)

    def routes(self, chains: list[_Chain]) -> dict[int, Route]:
        """Curves from port to port through the dummies, straight where they pass a layer."""
        out = self._ports([(c.arrow, c.vertices[0], c.vertices[1]) for c in chains])
        into = self._ports([(c.arrow, c.vertices[-1], c.vertices[-2]) for c in chains])
        result: dict[int, Route] = {}
        for chain in chains:
            points = self._ways(out[chain.arrow], chain.vertices[0], 1)
            for v in chain.vertices[1:-1]:
                points += [self._point(self.x[v], edge) for edge in self.bands[self.part.rank[v]]]
            points += self._ways(into[chain.arrow], chain.vertices[-1], 0)[::-1]
            kept = [p for p, q in pairwise(points) if not _same(p, q)] + points[-1:]
            label = self._label(chain, kept)
            way = tuple(reversed(kept)) if chain.turned else tuple(kept)
            result[chain.arrow] = Route(way, "across" if self.flat else "down", label, LABEL_ROOM)
        return result

    def _ways(self, port: float, v: int, side: int) -> list[Point]:
        """From the edge of a box straight to the edge of its layer; `side` 1 leaves, 0 enters."""
        start, end = self.bands[self.part.rank[v]]
        half = self._box(v).size[0 if self.flat else 1] / 2 * (1 if side else -1)
        return [self._point(port, (start + end) / 2 + half), self._point(port, (start, end)[side])]

    def _label(self, chain: _Chain, points: Sequence[Point]) -> Point | None:
        if not self.part.picture.arrows[chain.arrow].label:
            return None
        if chain.label is None:
            a, b = points[0], points[-1]
            return Point((a.x + b.x) / 2, (a.y + b.y) / 2)
        start, end = self.bands[self.part.rank[chain.label]]
        return self._point(self.x[chain.label], (start + end) / 2)

    def _ports(self, ends: Iterable[tuple[int, int, int]]) -> dict[int, float]:
        """Where each arrow meets its box: spread over the side in the order of where they lead."""
        at: dict[int, list[tuple[float, int]]] = {}
        for arrow, v, towards in ends:
            at.setdefault(v, []).append((self.x[towards], arrow))
        ports: dict[int, float] = {}
        for v, arrows in at.items():
            side = self._box(v).size[1 if self.flat else 0]
            step = min(PORT_STEP, max(side - 20, 0.0) / len(arrows))
            for place, (_, arrow) in enumerate(sorted(arrows)):
                ports[arrow] = self.x[v] + (place - (len(arrows) - 1) / 2) * step
        return ports

    def loops(self, loops: Iterable[int], rects: dict[int, Rect]) -> dict[int, Route]:
        """Arrows from a box to itself: bows at its side, each wider, their labels listed beside."""
        result: dict[int, Route] = {}
        for v, own in self.part.loops_at(loops).items():
            box, furthest = rects[v], LOOP_ROOM + LOOP_STEP * len(own)
            side, edge, middle = (
                (box.width, box.bottom, box.centre.x) if self.flat else (box.height, box.right, box.centre.y)
            )
            for place, i in enumerate(own):
                reach = edge + LOOP_ROOM + LOOP_STEP * place
                half = min(5.0 * (place + 1), side / 2 - 4)
                bow = (
                    (edge, middle - half),
                    (reach, middle - half),
                    (reach, middle + half),
                    (edge, middle + half),
                )
                points = tuple(self._point(across, along) for across, along in bow)
                route = Route(points, "corner", None, LABEL_ROOM)
                arrow = self.part.picture.arrows[i]
                width, _ = _label_size(arrow)
                row = LABEL_STEP * (place + 0.5)
                label = (
                    Point(middle, edge + furthest + row)
                    if self.flat
                    else Point(edge + furthest + width / 2, middle + row - LABEL_STEP * len(own) / 2)
                )
                result[i] = replace(route, label=label) if arrow.label else route
        return result


def _same(p: Point, q: Point) -> bool:
    """Whether two places differ by rounding only; a segment between such has no direction for an arrow's head."""
    return abs(p.x - q.x) + abs(p.y - q.y) < 0.01


def _label_size(arrow: Arrow) -> tuple[float, float]:
    if not arrow.label:
        return 2.0, 2.0
    return text_width(elided(arrow.label, LABEL_ROOM, LINE_SIZE), LINE_SIZE) + 8, LINE_SIZE + 4
