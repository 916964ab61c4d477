"""The cycle collector, paused while very many elements are made at once.

Graphs and heads hold no cycles, so going through all of them again and again finds nothing, and costs half of the
time. Whoever is in such a block may still make cycles in other threads; they are collected afterwards.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]

MANY = 100_000
"""So many new objects are called old at once: the collector would go through them twice more before it does"""


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the cycle collector inside the block, if it was on."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if gc.get_count()[0] > MANY and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
