"""The Merkle tree of a transparency log: RFC 6962, section 2.1, which RFC 9162, section 2.1 keeps. SHA-256, sans-IO.

    MTH({})       = SHA-256()
    MTH({d})      = SHA-256(0x00 | d)                                a leaf
    MTH(D[0:n])   = SHA-256(0x01 | MTH(D[0:k]) | MTH(D[k:n]))        k the largest power of two below n

A tree of n leaves is a row of perfect subtrees, one for each bit of n, the largest first: its *peaks*. They are all
that appending needs. A perfect subtree is named (level, index) and holds the leaves [index * 2**level, (index + 1) *
2**level); it never changes once complete, and is stored with the leaf that completed it (Crosby and Wallach,
"Efficient Data Structures for Tamper-Evident Logging", USENIX Security 2009, section 3.3). From those hashes every
root and every proof of every size is read in O(log n). Where they are stored, and what a leaf is, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from itonami.graphstore import verifier
from itonami.graphstore.errors import InvalidValue

__all__ = [
    "EMPTY_ROOT",
    "Read",
    "append",
    "consistency",
    "inclusion",
    "leaf_hash",
    "node_hash",
    "peaks_at",
    "root",
    "stored",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY_ROOT = sha256().digest()
"""The root of the tree without leaves."""

HASH_BYTES = 32

Read = Callable[[int, int], bytes]
"""(level, index) -> the hash of that perfect subtree."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the subtree over two others."""
    return sha256(b"\x01" + left + right).digest()


# -- growing ---------------------------------------------------------------------------------------------------


def append(peaks: tuple[bytes, ...], size: int, leaf: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Add a leaf hash to a tree of `size` leaves. Gives what to store under the leaf's index, the hashes of all perfect
    subtrees that it completes, level 0 first; and the new peaks. One hash an appended leaf on average."""
    completed = [leaf]
    kept = len(peaks)
    while size & 1:  # as in adding one to a binary number: each carry joins two subtrees of a size
        kept -= 1
        leaf = sha256(b"\x01" + peaks[kept] + leaf).digest()
        completed.append(leaf)
        size >>= 1
    return b"".join(completed), (*peaks[:kept], leaf)


def root(peaks: Sequence[bytes]) -> bytes:
    """The root of the tree with these peaks. O(log n)."""
    if not peaks:
        return EMPTY_ROOT
    *rest, hash = peaks
    for peak in reversed(rest):
        hash = node_hash(peak, hash)
    return hash


def stored(level: int, index: int) -> tuple[int, int]:
    """Where the hash of a perfect subtree lies: the leaf that completed it, and the offset in that leaf's bytes."""
    return ((index + 1) << level) - 1, level * HASH_BYTES


# -- reading and proving ---------------------------------------------------------------------------------------


def peaks_at(read: Read, size: int) -> tuple[bytes, ...]:
    """The peaks the tree had when it had `size` leaves. Reads one hash a set bit of `size`."""
    return _peaks(read, 0, size)


def _peaks(read: Read, low: int, high: int) -> tuple[bytes, ...]:
    """The peaks of the leaves [low, high), `low` being where a subtree of their number may begin."""
    peaks = []
    for level in range((high - low).bit_length() - 1, -1, -1):
        if (high - low) >> level & 1:
            peaks.append(read(level, low >> level))
            low += 1 << level
    return tuple(peaks)


def _split(low: int, high: int) -> int:
    """Where the two halves of a subtree of at least two leaves meet: k leaves on, the k of the definition."""
    return low + (1 << ((high - low - 1).bit_length() - 1))


def inclusion(read: Read, index: int, size: int) -> list[bytes]:
    """Proof that a leaf is among the first `size`: PATH(index, D[size]), RFC 6962, section 2.1.1. The hashes beside the
    way from the root to the leaf, the leaf's sibling first. At most log2 n hashes, from at most 2 log2 n reads."""
    if not 0 <= index < size:
        raise InvalidValue(f"leaf {index} is not among {size} leaves", where="log")
    proof = []
    low, high = 0, size
    while high - low > 1:
        middle = _split(low, high)
        if index < middle:
            proof.append(root(_peaks(read, middle, high)))
            high = middle
        else:
            proof.append(root(_peaks(read, low, middle)))
            low = middle
    return proof[::-1]


def consistency(read: Read, old: int, new: int) -> list[bytes]:
    """Proof that the tree of `new` leaves begins with the tree of `old`: PROOF(old, D[new]), RFC 6962, section 2.1.2.
    None is needed, nor defined, from the tree without leaves. At most 1 + log2 n hashes, from 2 log2 n reads."""
    if not 0 < old <= new:
        raise InvalidValue(f"a log of {new} leaves has no consistency with one of {old}", where="log")
    proof = []
    low, high = 0, new
    while high != old:
        middle = _split(low, high)
        if old <= middle:
            proof.append(root(_peaks(read, middle, high)))
            high = middle
        else:
            proof.append(root(_peaks(read, low, middle)))
            low = middle
    if low:  # else the rest is the old tree itself, whose root the verifier knows
        proof.append(root(_peaks(read, low, high)))
    return proof[::-1]


# -- verifying -------------------------------------------------------------------------------------------------


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that the tree with this root and size has this leaf hash at `index` (RFC 9162, section
    2.1.3.2). What is malformed shows nothing."""
    return verifier.inclusion_root(leaf_hash, index, size, list(proof)) == root


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Whether `proof` shows that the tree of the new root begins with the tree of the old one (RFC 9162, section
    2.1.4.2). What is malformed shows nothing, and neither does an old tree without leaves."""
    if old_size == new_size > 0:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or any(len(hash) != HASH_BYTES for hash in (old_root, *proof)):
        return False
    # The old tree's last peak is a subtree of the new tree: the proof leads from it to both roots.
    level = (old_size & -old_size).bit_length() - 1
    last, final = (old_size - 1) >> level, (new_size - 1) >> level
    path = list(proof) if last else [old_root, *proof]  # an old tree of one peak: the verifier has it
    if not path:
        return False
    old = new = path[0]
    for sibling in path[1:]:
        if final == 0:
            return False
        if last & 1 or last == final:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not last & 1 and last:
                last, final = last >> 1, final >> 1
        else:
            new = node_hash(new, sibling)
        last, final = last >> 1, final >> 1
    return final == 0 and (old, new) == (old_root, new_root)
