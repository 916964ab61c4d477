"""What a drawing is made of: boxes, arrows and frames (`Picture`), and where they stand (`Placement`).

A picture says what is drawn and how it looks; a placement says where. Layouts turn the first into the second;
writers (`svg`, `notation`) turn either into text. The two meet by id, and by position for arrows:

    Picture --layout--> Placement          svg(picture, placement)          dot(picture), mermaid(picture)

Lengths are CSS pixels, y grows downwards. Values only: no layout and no markup may live here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from itonami.graphstore.lettering import elided, text_width

__all__ = [
    "CANVAS",
    "INK",
    "LINE",
    "MUTED",
    "PLAIN",
    "Arrow",
    "Box",
    "Colour",
    "Frame",
    "LegendEntry",
    "Picture",
    "Placement",
    "Point",
    "Rect",
    "Route",
    "Tone",
]

TITLE_SIZE, LINE_SIZE = 13.0, 11.0
TITLE_STEP, LINE_STEP = 17.0, 15.0
TEXT_ROOM = 220.0
PAD_X, PAD_Y = 13.0, 9.0
ICON_ROOM = 25.0


class Colour(NamedTuple):
    """One colour on light and on dark canvas, as `#rrggbb`."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Tone:
    """The colours of a class of boxes: fill, outline and text. `name` is an identifier."""

    name: str
    fill: Colour
    line: Colour
    ink: Colour


CANVAS = Colour("#ffffff", "#12161d")
INK = Colour("#1f2733", "#e8ecf2")
MUTED = Colour("#667284", "#98a4b5")
LINE = Colour("#5b6778", "#9aa6b6")
PLAIN = Tone("plain", Colour("#f5f7fa", "#1d242f"), Colour("#9aa5b4", "#5d6a7c"), INK)

Shape = Literal["box", "diamond", "start", "end", "event", "bar", "point"]
_FIXED: dict[str, tuple[float, float]] = {
    "start": (18, 18),
    "end": (22, 22),
    "event": (22, 22),
    "bar": (96, 6),
    "point": (6, 6),
}


@dataclass(frozen=True, slots=True)
class Box:
    """One thing drawn: a titled box, or another shape. `faded` is drawn pale and dashed."""

    id: str
    title: str = ""
    lines: tuple[str, ...] = ()
    tone: Tone = PLAIN
    shape: Shape = "box"
    icon: str | None = None
    faded: bool = False
    frame: str | None = None
    tooltip: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height that hold the text."""
        if self.shape in _FIXED:
            return _FIXED[self.shape]
        title = text_width(elided(self.title, TEXT_ROOM, TITLE_SIZE, True), TITLE_SIZE, True)
        if self.shape == "diamond":
            return max(96.0, min(title, TEXT_ROOM / 2) / 0.68 + 14), 60.0
        lines = (text_width(elided(line, TEXT_ROOM, LINE_SIZE), LINE_SIZE) for line in self.lines)
        text = max(64.0, title, *lines) if self.lines else max(64.0, title)
        width = text + 2 * PAD_X + (ICON_ROOM if self.icon else 0)
        return round(width), 2 * PAD_Y + TITLE_STEP + LINE_STEP * len(self.lines)


@dataclass(frozen=True, slots=True)
class Frame:
    """A region around boxes: a dashed `frame`, or a tinted `lane` inside one."""

    id: str
    title: str = ""
    tone: Tone = PLAIN
    style: Literal["frame", "lane"] = "frame"
    parent: str | None = None
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line from one box to another. `faded` is pale and dashed; `head` puts a point at the target."""

    source: str
    target: str
    label: str = ""
    colour: Colour = LINE
    faded: bool = False
    dashed: bool = False
    head: bool = True
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One sample of the legend: the look of a box (`icon`), or of a line where `dashed`."""

    text: str
    tone: Tone
    icon: str | None = None
    faded: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn. `note` says what was left out; `direction` is where arrows mostly point."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...] = ()
    frames: tuple[Frame, ...] = ()
    title: str = ""
    subtitle: str = ""
    note: str = ""
    tone: Tone = PLAIN
    legend: tuple[LegendEntry, ...] = ()
    direction: Literal["down", "right"] = "down"

    def first(self, limit: int) -> Picture:
        """The picture of the first `limit` boxes and the first `2 * limit` arrows among them, with a note."""
        boxes = self.boxes[:limit]
        kept = {box.id for box in boxes}
        arrows = tuple(a for a in self.arrows if a.source in kept and a.target in kept)[: 2 * limit]
        if len(boxes) == len(self.boxes) and len(arrows) == len(self.arrows):
            return self
        note = f"the first {len(boxes):,} of {len(self.boxes):,} boxes are drawn"
        return replace(self, boxes=boxes, arrows=arrows, note=self.note or note)


class Point(NamedTuple):
    """A place on the canvas."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Rect:
    """A box's place: left top corner and size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def centre(self) -> Point:
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, dx: float, dy: float) -> Rect:
        """The same rectangle elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def overlaps(self, other: Rect) -> bool:
        """Whether the two share more than an edge."""
        apart = self.right <= other.x or other.right <= self.x
        return not (apart or self.bottom <= other.y or other.bottom <= self.y)


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an arrow. `bend`: rounded `corner`s, or curves that leave each point `down` or `across`."""

    points: tuple[Point, ...]
    bend: Literal["corner", "down", "across"] = "corner"
    label: Point | None = None
    label_room: float = 170.0

    def moved(self, dx: float, dy: float) -> Route:
        """The same route elsewhere."""
        points = tuple(Point(x + dx, y + dy) for x, y in self.points)
        label = self.label and Point(self.label.x + dx, self.label.y + dy)
        return replace(self, points=points, label=label)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture's parts stand: boxes and frames by id, routes in the order of its arrows."""

    width: float
    height: float
    boxes: Mapping[str, Rect]
    routes: tuple[Route, ...] = ()
    frames: Mapping[str, Rect] = field(default_factory=dict)
