"""LMDB's errors in our words: whose fault it is, and what mends it."""

from __future__ import annotations

from pathlib import Path

import lmdb

from itonami.graphstore.errors import Corrupt, InvalidValue, NotAStore, StoreBusy, StoreFull

__all__ = ["translated"]

_DISK_REFUSALS = ("No space left", "Input/output error", "File too large", "quota")  # a short write is EIO


def translated(error: lmdb.Error, path: Path) -> Exception:
    """LMDB's errors in our words."""
    where = str(path)
    if "already open" in str(error):
        return StoreBusy(
            "the store is already open in this process", where=where, fix="share that Store object"
        )
    if isinstance(error, lmdb.InvalidError | lmdb.VersionMismatchError):
        return NotAStore("data.mdb is no LMDB file of this kind", where=where)
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError | lmdb.BadTxnError):
        return Corrupt(f"LMDB found damage: {error}", where=where, fix="restore a backup")
    if isinstance(error, lmdb.DiskError) or any(sign in str(error) for sign in _DISK_REFUSALS):
        return StoreFull(f"the disk refused the write: {error}", where=where, fix="make room and try again")
    if isinstance(error, lmdb.BadValsizeError):
        return InvalidValue("a key has 1 to 511 bytes", where=where)
    if "would deadlock" in str(error):
        return InvalidValue("a write began inside a write of the same thread", where=where)
    if isinstance(error, lmdb.NotFoundError):
        return NotAStore("the LMDB file holds no Itonami store", where=where)
    if isinstance(error, lmdb.LockError | lmdb.ReadersFullError):
        return StoreBusy(f"LMDB: {error}", where=where)
    return Corrupt(f"LMDB: {error}", where=where)
