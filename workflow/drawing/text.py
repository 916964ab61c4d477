"""A run as a tree for terminals: one line a step, with the sign of its state.

    order-fulfilment 1.2.0  succeeded · 4.2 s
    ├─ ✓ validate  succeeded · 120 ms
    └─ ✓ route  decision · succeeded
       └─ ✓ express  when total > 100 · succeeded · 900 ms

`run_lines` gives the parts of each line with the state's rich style, for whoever colours them; `run_text`
is the same without colour. Names are printed through `printable`, so no name can drive a terminal. A
sequence at the root has no line of its own. Only this notation may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from itonami.graphstore.graph import Graph
from itonami.graphstore.lettering import printable
from itonami.workflow.drawing.palette import look
from itonami.workflow.drawing.tree import MORE, OTHERWISE, RunTree, Step, run_tree
from itonami.workflow.drawing.words import caption, details, title

__all__ = ["Line", "run_lines", "run_text"]

_SILENT = frozenset({"Activity", "Step", MORE})


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the branches of the tree, the state's glyph, the step's name, and what there is to say of it.
    `style` is the rich style of glyph and state; no part holds markup or control characters."""

    tree: str
    glyph: str
    name: str
    detail: str
    style: str

    def __str__(self) -> str:
        head = f"{self.tree}{self.glyph} {self.name}" if self.glyph else f"{self.tree}{self.name}"
        return f"{head}  {self.detail}" if self.detail else head


def run_text(graph: Graph) -> str:
    """The run as a plain tree. Raises `InvalidValue` where the graph is no run."""
    return "".join(f"{line}\n" for line in run_lines(run_tree(graph)))


def run_lines(run: RunTree) -> Iterator[Line]:
    """The lines of a run's tree, its caption first."""
    heading, state = caption(run)
    yield Line("", "", printable(heading), printable(state), look(run.status).style)
    root = run.root
    bare = root.kind == "Seq" and root.children and root.compensate is None
    for step, role, last in _marked(list(_below(root)) if bare else [(root, "")]):
        yield from _lines(step, role, "", last)
    if run.shown < run.total:
        yield Line("", "", "…", f"{run.shown:,} of {run.total:,} steps are listed", "dim")


def _below(step: Step) -> Iterator[tuple[Step, str]]:
    """What stands under a step, and in which role."""
    for child in step.children:
        yield child, _branch(child)
    if step.compensation is not None:
        yield step.compensation, "compensation"
    if step.compensate is not None:
        yield step.compensate, "compensates"


def _branch(child: Step) -> str:
    if child.guard is None or child.kind == MORE:
        return ""
    return child.guard if child.guard == OTHERWISE else f"when {child.guard}"


def _marked(steps: list[tuple[Step, str]]) -> Iterator[tuple[Step, str, bool]]:
    for place, (step, role) in enumerate(steps):
        yield step, role, place == len(steps) - 1


def _lines(step: Step, role: str, stem: str, last: bool) -> Iterator[Line]:
    kind = "" if step.kind in _SILENT else step.kind.lower()
    name = step.activity if step.activity not in (None, step.id) else ""
    parts = (part for part in (role, kind, name, *details(step), step.error) if part)
    state = look(step.appearance)
    detail = printable(" · ".join(parts))
    yield Line(f"{stem}{'└─ ' if last else '├─ '}", state.glyph, printable(title(step)), detail, state.style)
    for child, child_role, child_last in _marked(list(_below(step))):
        yield from _lines(child, child_role, f"{stem}{'   ' if last else '│  '}", child_last)
