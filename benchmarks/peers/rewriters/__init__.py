"""What a measured rewriter is: an engine that finds a pattern in a graph, and replaces it, again and again.

One module a system, each with one function `open_peer(directory)`; nothing is written there. The tasks are those of
the literature (the mutual exclusion of Varro, Schuerr and Varro, VL/HCC 2005; the Sierpinski triangles of the AGTIVE
2007 tool contest; Henshin's dining philosophers), and their outcomes have closed forms, which the rows hold every
system to. No measuring here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

__all__ = ["Act", "Rewriter", "RewriterOpener"]

Act = Callable[[], object]
"""One rewrite of a task, ready to be timed"""


class Rewriter:
    """A system. What it is not measured at stays `NotImplementedError`."""

    def ring(self, nodes: int) -> tuple[Act, Callable[[], int]]:
        """A ring of nodes and a token at node 0: what finds the token in the whole graph and passes it on to the
        next node, and what tells at which node it is."""
        raise NotImplementedError("it is not measured at the token ring")

    def events(self, steps: int) -> tuple[Act, Callable[[], int]]:
        """A sequence of so many steps: what completes the step under way with an output, starts the next and makes the
        bytes of that event, and what tells how many steps are complete."""
        raise NotImplementedError("it makes no events")

    def undoing(self, rewrites: int) -> tuple[Act, Callable[[], bool]]:
        """A ring on which the token was passed so often: what takes one passing back, the last first, and what tells
        whether the graph is that at the start, ids included."""
        raise NotImplementedError("it cannot take a rewrite back")

    def fan_in(self, branches: int) -> tuple[Act, Callable[[], bool]]:
        """A join that waits for so many branches: what completes the next branch and does all that follows from it,
        and what tells whether the join is done."""
        raise NotImplementedError("it is not measured at joins")

    def mutex(self, processes: int) -> tuple[int, int, int]:
        """Run Varro's mutual exclusion, short transformation sequence: rewrites, nodes and edges in the end."""
        raise NotImplementedError("it is not measured at mutual exclusion")

    def sierpinski(self, generations: int) -> tuple[int, int, int]:
        """Grow a triangle: rewrites, nodes and edges in the end."""
        raise NotImplementedError("it is not measured at Sierpinski triangles")

    def philosophers(self, count: int) -> tuple[int, int]:
        """Explore the dining philosophers: states, identity kept, and transitions."""
        raise NotImplementedError("it explores no state spaces")


class RewriterOpener(Protocol):
    """How a system is made ready."""

    def __call__(self, directory: Path) -> AbstractAsyncContextManager[Rewriter]: ...
