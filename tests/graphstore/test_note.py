"""Signed notes and checkpoints, as c2sp.org/signed-note and c2sp.org/tlog-checkpoint have them."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore import InvalidValue, ItonamiError
from itonami.graphstore.note import Checkpoint, Signer, Verifier, open_note, sign
from itonami.graphstore.proof import ProofFailed

# The example in the documentation of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

SIGNER = Signer("example.com/log", bytes(range(32)))
OTHER = Signer("example.com/witness", bytes(32))
TEXT = Checkpoint("example.com/log", 17, b"\x07" * 32).text()


def line(note):
    return note.rpartition("\n\n")[2]


def test_a_note_of_others_is_opened():
    assert open_note(GO_NOTE, Verifier.parse(GO_KEY)) == GO_TEXT


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32), max_size=20), min_size=1)


@given(texts, st.binary(min_size=32, max_size=32))
def test_what_is_signed_can_be_opened_and_nothing_else_with_its_signature(lines, seed):
    text = "\n".join(lines) + "\n"
    signer = Signer("example.com/log", seed)
    note = sign(text, signer)
    assert open_note(note, signer.verifier) == text
    with pytest.raises(ProofFailed):
        open_note(f"{text}more\n\n{line(note)}", signer.verifier)


@given(st.binary(min_size=32, max_size=32))
def test_keys_are_their_texts(seed):
    signer = Signer("example.com/log", seed)
    assert Signer.parse(str(signer)) == signer
    assert Verifier.parse(str(signer.verifier)) == signer.verifier
    assert str(signer).startswith("PRIVATE+KEY+example.com/log+")


def test_a_generated_key_signs_and_its_repr_keeps_the_secret():
    signer = Signer.generate("example.com/log")
    assert open_note(sign(TEXT, signer), signer.verifier) == TEXT
    assert signer != Signer.generate("example.com/log")
    assert str(signer).split("+")[-1] not in repr(signer)
    assert repr(signer.seed) not in repr(signer)


def test_signatures_of_unknown_keys_are_ignored():
    ours, other = line(sign(TEXT, SIGNER)), line(sign(TEXT, OTHER))
    same_name = line(sign(TEXT, Signer(SIGNER.name, bytes(32))))
    unknown_kind = "— example.com/log AAAAAAAB\n"
    for block in (other + ours, ours + other, same_name + ours, unknown_kind + ours):
        assert open_note(f"{TEXT}\n{block}", SIGNER.verifier) == TEXT


def test_a_wrong_signature_of_a_known_key_is_an_error_beside_a_right_one():
    wrong = line(sign("other\n", SIGNER))
    for block in (wrong, line(sign(TEXT, SIGNER)) + wrong, wrong + line(sign(TEXT, SIGNER))):
        with pytest.raises(ProofFailed, match="not of this note"):
            open_note(f"{TEXT}\n{block}", SIGNER.verifier)


def test_a_note_that_the_key_did_not_sign_is_an_error():
    with pytest.raises(ProofFailed, match="not signed by"):
        open_note(sign(TEXT, OTHER), SIGNER.verifier)
    renamed = line(sign(TEXT, SIGNER)).replace("example.com/log", "example.com/lag")
    with pytest.raises(ProofFailed, match="not signed by"):
        open_note(f"{TEXT}\n{renamed}", SIGNER.verifier)


def test_no_bit_of_a_signed_note_can_be_turned():
    note = sign(TEXT, SIGNER).encode()
    for position in range(8 * len(note)):
        turned = bytearray(note)
        turned[position // 8] ^= 1 << position % 8
        with pytest.raises((ProofFailed, InvalidValue, UnicodeDecodeError)):
            open_note(turned.decode(), SIGNER.verifier)


SIGNED = sign(TEXT, SIGNER)
LINE = line(SIGNED)


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + "\n",
        TEXT + LINE,
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED + "more\n",
        SIGNED.replace("— ", "- "),
        SIGNED.replace("— ", "—"),
        SIGNED.replace("=\n", "\n"),
        SIGNED.replace("=\n", "==\n"),
        SIGNED.replace("=\n", " \n"),
        f"{TEXT}\n— {SIGNER.name} \n{LINE}",
        f"{TEXT}\n— {SIGNER.name} AAAAAA==\n{LINE}",
        f"{TEXT}\n— {SIGNER.name} AAAAAAB=\n{LINE}",
        f"{TEXT}\n— a+b AAAAAAAB\n{LINE}",
        f"{TEXT}\n— a\u00a0b AAAAAAAB\n{LINE}",
        f"{TEXT}\n—  AAAAAAAB\n{LINE}",
        f"{TEXT}\n" + LINE * 101,
        f"a\tb\n\n{LINE}",
        f"a\rb\n\n{LINE}",
        f"a\0b\n\n{LINE}",
        f"\ud800\n\n{LINE}",
        f"\n{LINE}",
        f"{'x' * 1_000_000}\n\n{LINE}",
    ],
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(InvalidValue):
        open_note(note, SIGNER.verifier)


def test_up_to_a_hundred_signatures_are_read():
    assert open_note(f"{TEXT}\n" + LINE * 100, SIGNER.verifier) == TEXT


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "\ud800\n", "x" * 1_000_001 + "\n"])
def test_what_cannot_be_a_note_is_not_signed(text):
    with pytest.raises(InvalidValue):
        sign(text, SIGNER)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x01b", "\ud800"])
def test_a_name_that_no_note_can_hold_is_refused(name):
    with pytest.raises(InvalidValue):
        Signer.generate(name)
    with pytest.raises(InvalidValue):
        Verifier(name, bytes(32))


KEY = str(SIGNER.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/log",
        KEY[:-1],
        KEY + "A",
        KEY + "\n",
        " " + KEY,
        KEY.replace("+A", "+B", 1),
        KEY.replace("example.com/log", "example.com/lag"),
        "x" + KEY,
        str(SIGNER),
    ],
)
def test_a_malformed_verifier_key_is_refused(text):
    with pytest.raises(InvalidValue):
        Verifier.parse(text)


PRIVATE = str(SIGNER)


@pytest.mark.parametrize(
    "text",
    ["", KEY, PRIVATE[8:], PRIVATE[:-1], PRIVATE.replace(SIGNER.verifier.id, "00000000"), "PRIVATE+KEY+"],
)
def test_a_malformed_signer_key_is_refused_and_not_repeated(text):
    with pytest.raises(InvalidValue) as error:
        Signer.parse(text)
    assert PRIVATE.split("+")[-1][:20] not in str(error.value)


# -- checkpoints ---------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 10**19 - 1), st.binary(min_size=32, max_size=32), st.sampled_from(["a", "é log", "x/y z+"])
)
def test_a_checkpoint_is_its_text(size, root, origin):
    checkpoint = Checkpoint(origin, size, root)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint
    assert checkpoint.text().split("\n")[:2] == [origin, str(size)]


def test_the_checkpoint_of_the_specification_is_read():
    parsed = Checkpoint.parse(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert (parsed.origin, parsed.size, parsed.root[:2]) == (
        "example.com/behind-the-sofa",
        20852163,
        b"\n\xc5",
    )


ROOT = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="


def test_extension_lines_are_read_over():
    assert Checkpoint.parse(f"o\n17\n{ROOT}\nextension\n").text() == f"o\n17\n{ROOT}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n17\n",
        f"o\n17\n{ROOT}",
        f"\n17\n{ROOT}\n",
        f"o\n017\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n1_7\n{ROOT}\n",
        f"o\n١٧\n{ROOT}\n",
        f"o\n 17\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        f"o\n{'1' * 20}\n{ROOT}\n",
        f"o\n17\n{ROOT[:-1]}\n",
        f"o\n17\n{ROOT[:-2]}d=\n",
        f"o\n17\n{ROOT[:-4]}\n",
        f"o\n17\n{ROOT}\n\n",
        f"o\n17\n{ROOT}\n\nextension\n",
        f"o\n17\r\n{ROOT}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(InvalidValue):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 1, bytes(31)),
        ("a", 10**19, bytes(32)),
    ],
)
def test_a_checkpoint_that_has_no_text_cannot_be_made(origin, size, root):
    with pytest.raises(InvalidValue):
        Checkpoint(origin, size, root)


def test_without_the_library_that_signs_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    for work in (
        lambda: Signer.generate("a"),
        lambda: sign(TEXT, SIGNER),
        lambda: open_note(SIGNED, SIGNER_KEY),
    ):
        with pytest.raises(ItonamiError, match=r"pip install 'itonami\[sign\]'"):
            work()


SIGNER_KEY = SIGNER.verifier
