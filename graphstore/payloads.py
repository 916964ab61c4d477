"""Large values, kept once by hash and shared by all graphs: the tables `payloads` and `uses`.

    payloads   address -> encoding          of a value, or a long leaf's whole record; address = its BLAKE3
    uses       address -> count             how many bodies and trie leaves on disk refer to it

A payload lives as long as something refers to it: who writes a body or a leaf holds what it refers to, each once; who
drops it drops them, and the last one out takes the payload along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from itonami.graphstore.backend import Reading, Writing
from itonami.graphstore.codec import Value, address, load
from itonami.graphstore.errors import Corrupt

__all__ = ["Payloads"]

_COUNT_BYTES = 8


class Payloads:
    """The payloads in one transaction."""

    __slots__ = ("_txn",)

    def __init__(self, txn: Reading) -> None:
        self._txn = txn

    def encoding(self, payload: bytes) -> bytes:
        """The bytes behind a reference; `Corrupt` when they are missing or are not those it names."""
        found = self._txn.get("payloads", payload)
        if found is None:
            raise Corrupt(f"payload {payload.hex()} is missing")
        if address(found) != payload:
            raise Corrupt(f"payload {payload.hex()} does not have its hash")
        return found

    def value(self, payload: bytes) -> Value:
        """The value behind a reference."""
        return load(self.encoding(payload))

    @staticmethod
    def hold(txn: Writing, payloads: Mapping[bytes, bytes]) -> None:
        """One more body or leaf refers to each of these."""
        for payload, encoding in payloads.items():
            count = _count(txn, payload)
            if not count:
                txn.put("payloads", payload, encoding)
            txn.put("uses", payload, (count + 1).to_bytes(_COUNT_BYTES, "big"))

    @staticmethod
    def drop(txn: Writing, payloads: Iterable[bytes]) -> None:
        """One body or leaf less refers to each of these."""
        for payload in payloads:
            count = _count(txn, payload)
            if count > 1:
                txn.put("uses", payload, (count - 1).to_bytes(_COUNT_BYTES, "big"))
            else:
                txn.delete("uses", payload)
                txn.delete("payloads", payload)


def _count(txn: Reading, payload: bytes) -> int:
    found = txn.get("uses", payload)
    return 0 if found is None else int.from_bytes(found, "big")
