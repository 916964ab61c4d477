"""What was made of a store's past, kept for whoever asks next: the most recent few of each store that is open.

A graph as of a TxId never changes, so what was made of it is good as long as the store is open. Of its past only what
is kept may be told: whoever keeps what was made of that has the graph's horizon in the key, or the answer would depend
on the process. Whatever is kept is whole: who makes it may be stopped, and then nothing is kept.

Nothing is made here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from itonami.graphstore.reading import Reader

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Generic[T]):
    """At most so many values a store, by key; the least recently asked for goes first. Safe to use from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: WeakKeyDictionary[Reader, OrderedDict[Hashable, T]] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, store: Reader, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made where it is not kept. What `make` raises leaves things as they were."""
        with self._lock:
            kept = self._of.get(store)
            if kept is not None and key in kept:
                kept.move_to_end(key)
                return kept[key]
        made = make()
        with self._lock:
            kept = self._of.setdefault(store, OrderedDict())
            kept[key] = made
            kept.move_to_end(key)
            while len(kept) > self._most:
                kept.popitem(last=False)
        return made
