"""Drawings of workflow runs, as a person would draw them: SVG, Mermaid, DOT and terminal text."""

from itonami.workflow.drawing.picture import run_dot, run_mermaid, run_picture, run_svg
from itonami.workflow.drawing.text import Line, run_lines, run_text
from itonami.workflow.drawing.tree import RunTree, Step, run_tree

__all__ = [
    "Line",
    "RunTree",
    "Step",
    "run_dot",
    "run_lines",
    "run_mermaid",
    "run_picture",
    "run_svg",
    "run_text",
    "run_tree",
]
