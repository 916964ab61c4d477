"""Laws of the log's tree: what is stored and read in O(log n) is what RFC 6962, section 2.1 defines over all leaves."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore import InvalidValue, merkle

LEAVES = [merkle.leaf_hash(b"leaf %d" % n) for n in range(70)]


# The definitions of the RFC, word by word.


def k(n):
    """The largest power of two smaller than n."""
    return 1 << ((n - 1).bit_length() - 1)


def mth(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    return sha256(b"\x01" + mth(leaves[: k(len(leaves))]) + mth(leaves[k(len(leaves)) :])).digest()


def path(m, leaves):
    n = len(leaves)
    if n == 1:
        return []
    if m < k(n):
        return [*path(m, leaves[: k(n)]), mth(leaves[k(n) :])]
    return [*path(m - k(n), leaves[k(n) :]), mth(leaves[: k(n)])]


def subproof(m, leaves, whole):
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    if m <= k(n):
        return [*subproof(m, leaves[: k(n)], whole), mth(leaves[k(n) :])]
    return [*subproof(m - k(n), leaves[k(n) :], False), mth(leaves[: k(n)])]


def grown(leaves):
    """What a store keeps after appending leaves one by one, and the peaks after each."""
    kept, peaks = [], [()]
    for size, leaf in enumerate(leaves):
        hashes, after = merkle.append(peaks[-1], size, leaf)
        kept.append(hashes)
        peaks.append(after)
    return kept, peaks


KEPT, PEAKS = grown(LEAVES)


def read(level, index):
    leaf, offset = merkle.stored(level, index)
    return KEPT[leaf][offset : offset + 32]


def test_hashes_are_those_of_the_rfc():
    assert merkle.leaf_hash(b"d") == sha256(b"\x00d").digest()
    assert merkle.node_hash(b"l" * 32, b"r" * 32) == sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    assert sha256(b"").digest() == merkle.EMPTY_ROOT


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_the_root_of_the_peaks_is_the_tree_hash_of_the_leaves(size):
    assert merkle.root(PEAKS[size]) == mth(LEAVES[:size])
    assert len(PEAKS[size]) == size.bit_count()


def test_a_leaf_keeps_the_hashes_of_the_subtrees_it_completes():
    for leaf, hashes in enumerate(KEPT):
        levels = len(hashes) // 32
        assert levels == 1 + ((leaf + 1) & -(leaf + 1)).bit_length() - 1
        for level in range(levels):
            index = leaf >> level
            assert merkle.stored(level, index) == (leaf, 32 * level)
            assert hashes[32 * level :][:32] == mth(LEAVES[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_the_peaks_of_every_earlier_size_can_be_read(size):
    assert merkle.peaks_at(read, size) == PEAKS[size]


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_every_inclusion_proof_is_the_path_of_the_rfc_and_verifies(size):
    root = mth(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion(read, index, size)
        assert proof == path(index, LEAVES[:size])
        assert merkle.verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.parametrize("new", range(1, len(LEAVES) + 1))
def test_every_consistency_proof_is_the_proof_of_the_rfc_and_verifies(new):
    root = mth(LEAVES[:new])
    for old in range(1, new + 1):
        proof = merkle.consistency(read, old, new)
        assert proof == subproof(old, LEAVES[:new], True)
        assert merkle.verify_consistency(old, new, proof, mth(LEAVES[:old]), root)


def test_a_proof_takes_at_most_two_reads_a_level():
    asked = []

    def counted(level, index):
        asked.append((level, index))
        return read(level, index)

    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            asked.clear()
            merkle.inclusion(counted, index, size)
            assert len(asked) <= 2 * (size - 1).bit_length()
            asked.clear()
            merkle.consistency(counted, index + 1, size)
            assert len(asked) <= 2 * (size - 1).bit_length() + 1


sizes = st.integers(1, 1 << 62)


@cache
def uniform(level, _index=0):
    """A log of equal leaves: a subtree's hash depends on its level alone, so a log may have 2**62 leaves."""
    return merkle.node_hash(uniform(level - 1), uniform(level - 1)) if level else merkle.leaf_hash(b"same")


@given(sizes, st.data())
def test_proofs_verify_in_logs_of_any_size(size, data):
    index = data.draw(st.integers(0, size - 1))
    root = merkle.root(merkle.peaks_at(uniform, size))
    proof = merkle.inclusion(uniform, index, size)
    assert merkle.verify_inclusion(uniform(0), index, size, proof, root)
    old_root = merkle.root(merkle.peaks_at(uniform, index + 1))
    proof = merkle.consistency(uniform, index + 1, size)
    assert merkle.verify_consistency(index + 1, size, proof, old_root, root)


@st.composite
def altered(draw, proof):
    """A list of hashes that is not `proof`: a bit turned, a hash dropped, doubled, moved, cut or glued to the next."""
    changes = ["add"] + (["flip", "drop", "double", "cut", "grow"] if proof else [])
    changes += ["swap", "shift"] if len(proof) > 1 else []
    change = draw(st.sampled_from(changes))
    at = draw(st.integers(0, max(len(proof) - 1, 0)))
    made = list(proof)
    match change:
        case "add":
            made.insert(at, draw(st.binary(min_size=32, max_size=32)))
        case "flip":
            bit = draw(st.integers(0, 255))
            made[at] = (int.from_bytes(made[at], "big") ^ 1 << bit).to_bytes(32, "big")
        case "drop":
            del made[at]
        case "double":
            made.insert(at, made[at])
        case "cut":
            made[at] = made[at][:-1]
        case "grow":
            made[at] += b"\x00"
        case "swap":
            at %= len(made) - 1
            made[at], made[at + 1] = made[at + 1], made[at]
        case "shift":  # the bytes that are hashed stay the same where two hashes are hashed side by side
            at %= len(made) - 1
            made[at], made[at + 1] = made[at] + made[at + 1][:1], made[at + 1][1:]
    return made


@given(st.integers(1, len(LEAVES)), st.data())
def test_no_altered_inclusion_proof_verifies(size, data):
    index = data.draw(st.integers(0, size - 1))
    root, proof = mth(LEAVES[:size]), merkle.inclusion(read, index, size)
    assert not merkle.verify_inclusion(LEAVES[index], index, size, data.draw(altered(proof)), root)
    other = data.draw(st.integers(-3, 80).filter(lambda i: i != index))
    assert not merkle.verify_inclusion(LEAVES[index], other, size, proof, root)
    assert not merkle.verify_inclusion(LEAVES[(index + 1) % 70], index, size, proof, root)
    assert not merkle.verify_inclusion(LEAVES[index], index, size, proof, sha256(root).digest())


@given(st.integers(2, len(LEAVES)), st.data())
def test_no_altered_consistency_proof_verifies(new, data):
    old = data.draw(st.integers(1, new))
    old_root, new_root = mth(LEAVES[:old]), mth(LEAVES[:new])
    proof = merkle.consistency(read, old, new)
    assert not merkle.verify_consistency(old, new, data.draw(altered(proof)), old_root, new_root)
    if old != new:
        assert not merkle.verify_consistency(old, new, proof, new_root, new_root)
        assert not merkle.verify_consistency(old, new, proof, old_root, old_root)
        assert not merkle.verify_consistency(new, old, proof, new_root, old_root)


def test_hashes_split_at_another_place_are_refused():
    """SHA-256(0x01 | left | right) is the same wherever left ends: only hashes of 32 bytes may be joined."""
    a, b = LEAVES[:2]
    root = merkle.node_hash(a, b)
    assert merkle.verify_inclusion(a, 0, 2, [b], root)
    assert not merkle.verify_inclusion(a + b[:1], 0, 2, [b[1:]], root)
    assert not merkle.verify_inclusion(b"", 1, 2, [a + b], root)
    assert merkle.verify_consistency(1, 2, [b], a, root)
    assert not merkle.verify_consistency(1, 2, [b[1:]], a + b[:1], root)


def test_no_proof_is_made_of_what_is_not_there():
    for index, size in [(-1, 3), (3, 3), (0, 0)]:
        with pytest.raises(InvalidValue):
            merkle.inclusion(read, index, size)
    for old, new in [(0, 3), (4, 3), (-1, 3), (0, 0)]:
        with pytest.raises(InvalidValue):
            merkle.consistency(read, old, new)


def test_an_empty_log_shows_nothing():
    assert merkle.root(()) == merkle.root(merkle.peaks_at(read, 0)) == merkle.EMPTY_ROOT
    assert not merkle.verify_consistency(0, 0, [], merkle.EMPTY_ROOT, merkle.EMPTY_ROOT)
    assert not merkle.verify_consistency(0, 1, [], merkle.EMPTY_ROOT, LEAVES[0])
    assert not merkle.verify_inclusion(LEAVES[0], 0, 0, [], LEAVES[0])
