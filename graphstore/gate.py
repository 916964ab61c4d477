"""Many may pass, or one may have it shut: how the map of an LMDB environment grows between transactions.

LMDB may change its map only when no transaction of the process is open (lmdb.h, mdb_env_set_mapsize). Who reads or
writes is inside the gate; who lets the map grow has it shut. Nothing of LMDB may live here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from itonami.graphstore.errors import InvalidValue

__all__ = ["Gate", "Views"]


class Gate:
    """Many may pass, or one may have it shut: readers against the growth of the map."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._shut = False
        self._bars = 0
        self._mine = threading.local()  # how often this thread is inside: it may enter again

    @property
    def inside(self) -> bool:
        """Whether this thread is inside."""
        return bool(getattr(self._mine, "depth", 0))

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside for a while; nested, it costs nothing. Ctrl-C may strike anywhere: both counts change together, so
        that `leave` can take back what an interrupted reader left behind."""
        if self.inside:
            self._mine.depth += 1
        else:
            with self._condition:
                while self._shut or self._bars:
                    self._condition.wait()
                self._inside += 1
                self._mine.depth = 1
        try:
            yield
        finally:
            if self._mine.depth > 1:  # counted, not restored: readers need not end in the order they began
                self._mine.depth -= 1
            else:
                self.leave()

    def leave(self) -> None:
        """This thread is inside no more, however often it was."""
        with self._condition:
            if self.inside:
                self._inside -= 1
                self._mine.depth = 0
                self._condition.notify_all()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Step out for a moment, unless this thread was inside before."""
        if self._mine.depth > 1:
            yield
            return
        with self._condition:
            self._inside -= 1
            self._condition.notify_all()
        self._mine.depth = 0
        try:
            yield
        finally:
            with self._condition:
                while self._shut or self._bars:
                    self._condition.wait()
                self._inside += 1
            self._mine.depth = 1

    @contextmanager
    def barred(self) -> Iterator[None]:
        """Let nobody new in for a moment; who is inside may stay, and go on."""
        with self._condition:
            self._bars += 1
        try:
            yield
        finally:
            with self._condition:
                self._bars -= 1
                self._condition.notify_all()

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Have it alone: wait until nobody is inside, and let nobody in."""
        if self.inside:
            raise InvalidValue("this thread is still reading", fix="leave the `read` block first")
        with self._condition:
            while self._shut:
                self._condition.wait()
            self._shut = True
        try:
            with self._condition:
                while self._inside:
                    self._condition.wait()
            yield
        finally:
            with self._condition:
                self._shut = False
                self._condition.notify_all()


class Views(threading.local):
    """The views that this thread has open, innermost last; None stands for a write, which nobody joins."""

    def __init__(self) -> None:
        self.open: list[Any] = []

    @contextmanager
    def holding(self, view: Any) -> Iterator[None]:
        """Have a view open for a while; views need not end in the order they began."""
        self.open.append(view)
        try:
            yield
        finally:
            self.open.remove(view)
