"""Blocks: the geometry of a series-parallel drawing, built from the inside out.

A block is a finished piece of a drawing with its own origin, entered at the top and left at the bottom on one
vertical `axis`. Pieces compose as the steps do (Valdes, Tarjan & Lawler, "The recognition of series parallel
digraphs", SIAM J. Comput. 11(2), 1982):

    stacked:  a over b, axes aligned        beside:  a | b | c, tops aligned        hung:  a -> what undoes it

So straight successions are straight, and blocks never overlap because their rectangles never do. What hangs
at a block waits until `settled` puts it at the right, beside its source where there is room. Only composition
may live here: what is drawn for which step is the matter of `picture`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from itonami.graphstore.shapes import Arrow, Box, Frame, Point, Rect, Route

__all__ = ["Block", "Joint", "beside", "boxed", "hung", "joined", "settled", "stacked"]

STACK_GAP = 34.0
SIDE_GAP = 30.0
HANG_GAP = 44.0
HUNG_GAP = 14.0

Linked = Callable[[str, str, "Block"], Arrow]
"""The arrow from a box to the first box of a block."""

Joint = tuple[Arrow, Route]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a drawing in the rectangle `x`, `y`, `width`, `height`. Flow enters box `first` at (`axis`,
    `enter`) and leaves box `last` at (`axis`, `leave`). `hanging` are pieces not yet placed, each with the id
    of the box it undoes. `ran` says whether anything in it began, `passed` whether flow went through."""

    x: float
    y: float
    width: float
    height: float
    axis: float
    enter: float
    leave: float
    first: str
    last: str
    ran: bool
    passed: bool
    boxes: tuple[tuple[Box, Rect], ...] = ()
    frames: tuple[tuple[Frame, Rect], ...] = ()
    arrows: tuple[tuple[Arrow, Route], ...] = ()
    hanging: tuple[tuple[str, Block], ...] = ()

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def moved(self, dx: float, dy: float) -> Block:
        """The same piece elsewhere. O(size)."""
        return replace(
            self,
            x=self.x + dx,
            y=self.y + dy,
            axis=self.axis + dx,
            enter=self.enter + dy,
            leave=self.leave + dy,
            boxes=tuple((box, rect.moved(dx, dy)) for box, rect in self.boxes),
            frames=tuple((frame, rect.moved(dx, dy)) for frame, rect in self.frames),
            arrows=tuple((arrow, route.moved(dx, dy)) for arrow, route in self.arrows),
        )

    def within(self, frame: str) -> Block:
        """The same piece with everything that has no frame yet inside `frame`."""
        return replace(
            self,
            boxes=tuple((replace(box, frame=box.frame or frame), rect) for box, rect in self.boxes),
            frames=tuple((replace(inner, parent=inner.parent or frame), rect) for inner, rect in self.frames),
        )

    def rect(self, id: str) -> Rect:
        """Where a box stands."""
        return next(rect for box, rect in self.boxes if box.id == id)


def boxed(box: Box, ran: bool, passed: bool, width: float | None = None) -> Block:
    """A single box, as wide as its text or as told."""
    wide, high = box.size
    wide = width or wide
    rect = Rect(0, 0, wide, high)
    return Block(0, 0, wide, high, wide / 2, 0, high, box.id, box.id, ran, passed, boxes=((box, rect),))


def joined(blocks: Sequence[Block], arrows: Iterable[Joint] = (), leave_by: Block | None = None) -> Block:
    """Placed blocks and the arrows among them as one block at the origin. Flow enters the first and leaves
    the last, or `leave_by`. O(size)."""
    first, last = blocks[0], leave_by or blocks[-1]
    left, top = min(block.x for block in blocks), min(block.y for block in blocks)
    whole = Block(
        x=left,
        y=top,
        width=max(block.right for block in blocks) - left,
        height=max(block.bottom for block in blocks) - top,
        axis=first.axis,
        enter=first.enter,
        leave=last.leave,
        first=first.first,
        last=last.last,
        ran=first.ran,
        passed=last.passed,
        boxes=tuple(item for block in blocks for item in block.boxes),
        frames=tuple(item for block in blocks for item in block.frames),
        arrows=(*(item for block in blocks for item in block.arrows), *arrows),
        hanging=tuple(item for block in blocks for item in block.hanging),
    )
    return whole.moved(-left, -top)


def stacked(blocks: Sequence[Block], link: Linked, gap: float = STACK_GAP) -> Block:
    """Blocks one under the other on one axis, each joined to the next by a straight arrow."""
    placed: list[Block] = []
    y = 0.0
    for block in blocks:
        placed.append(block.moved(-block.axis, y - block.y))
        y = placed[-1].bottom + gap
    arrows = [
        (link(a.last, b.first, b), Route((Point(0, a.leave), Point(0, b.enter)))) for a, b in pairwise(placed)
    ]
    return joined(placed, arrows)


def beside(blocks: Sequence[Block], y: float, gap: float = SIDE_GAP) -> list[Block]:
    """Blocks side by side, in place, their tops at `y`."""
    placed: list[Block] = []
    x = 0.0
    for block in blocks:
        placed.append(block.moved(x - block.x, y - block.y))
        x = placed[-1].right + gap
    return placed


def hung(block: Block, undo: Block) -> Block:
    """`block`, and `undo` hanging at the box flow enters."""
    return replace(block, hanging=(*block.hanging, (block.first, undo)))


def settled(block: Block, link: Linked, column: bool = False) -> Block:
    """`block` with what hangs at it placed at the right, joined to its sources: each piece beside its source
    where there is room, or all in one `column`. O(size * groups)."""
    placed: list[Block] = []
    arrows: list[Joint] = []
    for group in _groups(block):
        top = min(min(start.y, piece.y) for start, _, piece in group)
        edge = block.right if column else _edge(block, top, group[-1][2].bottom)
        for number, (start, source, piece) in enumerate(group):
            undo = piece.moved(edge + HANG_GAP - piece.x, 0)
            channel = edge + HANG_GAP / 2 + 5 * (number % 3 - 1)
            arrows.append((link(source, undo.first, undo), _aside(start, undo.rect(undo.first), channel)))
            placed.append(undo)
    bare = replace(block, hanging=())
    return joined([bare, *placed], arrows, leave_by=bare) if placed else block


def _groups(block: Block) -> Iterator[list[tuple[Rect, str, Block]]]:
    """What hangs at a block from the top, at its height: pieces that push each other down stay together."""
    sources = sorted(block.hanging, key=lambda item: block.rect(item[0]).centre.y)
    group: list[tuple[Rect, str, Block]] = []
    free = block.y
    for source, piece in sources:
        start = block.rect(source)
        beside_it = start.centre.y - piece.rect(piece.first).centre.y
        undo = piece.moved(0, max(free - piece.y, beside_it))
        if group and min(start.y, undo.y) > free:
            yield group
            group = []
        group.append((start, source, undo))
        free = undo.bottom + HUNG_GAP
    if group:
        yield group


def _edge(block: Block, top: float, bottom: float) -> float:
    """How far right anything of a block reaches between two heights."""
    top, bottom = top - HUNG_GAP, bottom + HUNG_GAP
    rects = [rect for _, rect in (*block.boxes, *block.frames)]
    reach = [rect.right for rect in rects if rect.y < bottom and rect.bottom > top]
    for _, route in block.arrows:
        label = route.label_room / 2 if route.label else 0.0
        for a, b in pairwise(route.points):
            if min(a.y, b.y) < bottom and max(a.y, b.y) > top:
                reach.append(max(a.x, b.x) + label)
    return max(reach, default=block.right)


def _aside(start: Rect, target: Rect, channel: float) -> Route:
    """From the right side of a box to the left side of another, bending in a channel between them."""
    y, end = start.centre.y, target.centre.y
    if abs(y - end) < 0.5:
        return Route((Point(start.right, y), Point(target.x, y)))
    return Route((Point(start.right, y), Point(channel, y), Point(channel, end), Point(target.x, end)))
