"""The transparency log of a store: what lets somebody who does not trust us check what happened.

Every commit record is a leaf of one RFC 6962 tree, appended in the record's own transaction. From the tree come
proofs that a record is in the log, that a later log extends an earlier one, and checkpoints: a signed note over size
and root, to be kept elsewhere. A store that was rewritten as a whole can be caught only against such a checkpoint.
The arithmetic is `merkle`, the notes are `note`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from itonami.graphstore import merkle
from itonami.graphstore.backend import Backend, Reading
from itonami.graphstore.errors import NotFound
from itonami.graphstore.ledger import Ledger
from itonami.graphstore.note import Checkpoint, Signer, sign

__all__ = ["Log"]

T = TypeVar("T")


class Log:
    """The log of one store. Leaf `n` is the record of TX `n + 1`."""

    def __init__(self, backend: Backend, ledger: Ledger) -> None:
        self._backend = backend
        self._ledger = ledger

    @property
    def size(self) -> int:
        """The number of leaves, which is the last TxId."""
        with self._backend.read() as txn:
            return self._ledger.last(txn)[0]

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves (all, without one). O(log size)."""
        return self._read(size, lambda read, size: merkle.root(merkle.peaks_at(read, size)))

    def inclusion(self, tx: int, size: int | None = None) -> list[bytes]:
        """Proof that the record of a TxId is among the first `size` leaves (RFC 6962, 2.1.1). O(log size)."""

        def proof(read: merkle.Read, size: int) -> list[bytes]:
            if not 0 < tx <= size:
                raise NotFound(f"TX {tx} is not among the first {size}", where="log")
            return merkle.inclusion(read, tx - 1, size)

        return self._read(size, proof)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the first `new` leaves extend the first `old` (RFC 6962, 2.1.2). O(log size)."""

        def proof(read: merkle.Read, size: int) -> list[bytes]:
            if not 0 < old <= size:
                raise NotFound(f"the log has no {old} leaves within its first {size}", where="log")
            return merkle.consistency(read, old, size)

        return self._read(new, proof)

    def checkpoint(self, signer: Signer | None = None, size: int | None = None) -> str:
        """A C2SP checkpoint of the first `size` leaves: a signed note with a signer, else its text alone. Keep it
        elsewhere: whoever holds it can tell whether the log was rewritten since."""

        def text(txn: Reading, size: int) -> str:
            origin = f"itonami/{self._ledger.setting(txn, 'store')}" if signer is None else signer.name
            root = merkle.root(self._ledger.peaks(txn, size))
            return Checkpoint(origin, size, root).text()

        made = self._within(size, text)
        return made if signer is None else sign(made, signer)

    def extends(self, checkpoint: Checkpoint) -> bool:
        """Whether this log still begins with the leaves that a checkpoint, kept elsewhere, committed to."""
        return checkpoint.size <= self.size and self.root(checkpoint.size) == checkpoint.root

    def _read(self, size: int | None, work: Callable[[merkle.Read, int], T]) -> T:
        return self._within(size, lambda txn, size: work(partial(self._ledger.subtree, txn), size))

    def _within(self, size: int | None, work: Callable[[Reading, int], T]) -> T:
        with self._backend.read() as txn:
            last = self._ledger.last(txn)[0]
            if size is not None and not 0 <= size <= last:
                raise NotFound(f"the log has {last} leaves, not {size}", where="log")
            return work(txn, last if size is None else size)
