"""Somebody who does not trust the machine: checkpoints kept elsewhere, proofs handed over, and what becomes of both
when the store, the proof or the key is not what it was. Real processes, real files, an attacker's real edits."""

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Commands
from test_cli_bad_input import check_refused, snapshot

from itonami.graphstore import Store, verifier
from itonami.graphstore.merkle import verify_consistency
from itonami.graphstore.note import Checkpoint, Signer, open_note

pytest.importorskip("cryptography", reason="signing is an extra: itonami[sign]")

SECRET, OTHER = Signer("example.com/orders", bytes(range(32))), Signer("elsewhere", bytes(32))


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands as processes of one nursery."""
    made = Commands(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


def grow(path: Path, *values: object) -> None:
    """Commit a version of `order` for each value."""
    with Store.open(path, snapshot_every=4) as store:
        for value in values:
            with store.transaction("order", event="priced") as graph:
                if graph.find("o") is None:
                    graph.add_node("Order", id="o", note="n" * 300)
                    graph.add_edge("o", "CONTAINS", graph.add_node("Item", id="i"), id="e", quantity=2)
                graph.update("o", total=value)


@pytest.fixture
def folder(tmp_path):
    """A store of five transactions, two keys, and checkpoints of it as it was: signed and not."""
    grow(tmp_path / "state.itonami", 1, 2, 3, 4, 5)
    (tmp_path / "key").write_text(f"{SECRET}\n")
    (tmp_path / "other").write_text(f"{OTHER}\n")
    with Store.open(tmp_path / "state.itonami", read_only=True, create=False) as store:
        (tmp_path / "signed").write_text(store.log.checkpoint(SECRET))
        (tmp_path / "unsigned").write_text(store.log.checkpoint())
        (tmp_path / "proof").write_text(store.prove("order", "o", 3, signer=SECRET).text())
    return tmp_path


@pytest.fixture
def itonami(commands, folder):
    """`itonami COMMAND ...` in that folder."""
    return lambda *argv: commands(*argv, cwd=folder)


# -- checkpoints -------------------------------------------------------------------------------------------


def test_a_new_key_is_the_owners_alone_signs_and_its_verifier_key_is_told(itonami, folder):
    made = itonami("checkpoint", "--new-key", "example.com/mine")
    secret = folder / "itonami.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    key = Signer.parse(secret.read_text().strip())
    assert "itonami.key" in made.err
    assert str(key.verifier) in made.err
    checkpoint = Checkpoint.parse(open_note(made.out, key.verifier))
    assert (checkpoint.origin, checkpoint.size) == ("example.com/mine", 5)
    again = itonami("checkpoint", "--new-key", "example.com/mine", "--key", "second.key", "--json")
    assert again.json["verifier"] != str(key.verifier), "each key is new"
    assert Signer.parse((folder / "second.key").read_text().strip()).name == "example.com/mine"
    assert "PRIVATE" not in again.out + again.err + made.out + made.err, "no secret is ever printed"
    assert itonami("checkpoint", "--key", "second.key").code == 0


def test_a_checkpoint_is_a_note_that_the_key_signed(itonami, folder):
    made = itonami("checkpoint", "--key", "key")
    assert made.out == (folder / "signed").read_text()
    assert made.err == ""
    with Store.open(folder / "state.itonami", read_only=True, create=False) as store:
        checkpoint = Checkpoint.parse(open_note(made.out, SECRET.verifier))
        assert checkpoint == Checkpoint("example.com/orders", 5, store.log.root())
    document = itonami("checkpoint", "--key", "key", "--json").json
    said = {"origin": checkpoint.origin, "size": 5, "root": checkpoint.root.hex()}
    more = {"verifier": str(SECRET.verifier), "consistency": None}
    assert document == {"checkpoint": made.out} | said | more
    assert itonami("checkpoint", "--key", "key", "--out", "new").code == 0
    assert (folder / "new").read_text() == made.out


def test_without_a_key_the_text_alone_is_printed_and_said_to_be_unsigned(itonami, folder):
    made = itonami("checkpoint")
    assert made.out == (folder / "unsigned").read_text()
    assert Checkpoint.parse(made.out).size == 5
    assert "not signed" in made.err
    assert itonami("checkpoint", "--json").json["verifier"] is None


@pytest.mark.parametrize("kept", ["signed", "unsigned"])
def test_a_later_checkpoint_proves_that_the_log_extends_the_older(kept, itonami, folder):
    grow(folder / "state.itonami", 6, 7, 8)
    made = itonami("checkpoint", "--since", kept, "--json").json
    old = made["consistency"]
    proof = [bytes.fromhex(hash) for hash in old["proof"]]
    roots = [bytes.fromhex(root) for root in (old["root"], made["root"])]
    assert verify_consistency(old["size"], made["size"], proof, *roots)


@pytest.mark.parametrize("kept", ["signed", "unsigned"])
def test_a_store_that_only_grew_verifies_against_what_was_kept(kept, itonami, folder):
    grow(folder / "state.itonami", 6, 7, 8)
    assert itonami("prune", "--before", "HEAD").code == 0
    assert itonami("verify", "--checkpoint", kept, "--json").json == {"ok": True, "damage": []}
    assert itonami("verify", "--checkpoint", kept).out.startswith("verify: ok (")


@pytest.mark.parametrize("key", [str(SECRET.verifier), "key", "public"])
def test_the_key_is_given_as_text_or_as_a_file_of_either_half(key, itonami, folder):
    (folder / "public").write_text(f"{SECRET.verifier}\n")
    assert itonami("verify", "--checkpoint", "signed", "--key", key).code == 0
    assert itonami("verify-proof", "proof", "--key", key).code == 0


def rewritten(folder: Path) -> None:
    """Another past, whole in itself."""
    shutil.rmtree(folder / "state.itonami")
    grow(folder / "state.itonami", 1, 2, 99, 4, 5, 6)


def cut(folder: Path) -> None:
    """An older past, whole in itself."""
    shutil.rmtree(folder / "state.itonami")
    grow(folder / "state.itonami", 1, 2, 3)


@pytest.mark.parametrize(
    ("forge", "says"),
    [(rewritten, "the store was rewritten"), (cut, "some were removed")],
    ids=["rewritten", "cut"],
)
def test_a_store_rewritten_as_a_whole_is_caught_against_a_kept_checkpoint_alone(forge, says, itonami, folder):
    forge(folder)
    assert itonami("verify").code == 0, "in itself it is sound"
    caught = itonami("verify", "--checkpoint", "signed", "--json")
    assert caught.code == 1
    assert not caught.json["ok"]
    (damage,) = caught.json["damage"]
    assert damage.startswith("signed: ")
    assert says in damage
    text = itonami("verify", "--checkpoint", "signed", "--key", "key")
    assert (text.code, text.out) == (1, f"verify: 1 found\n  {damage}\n")
    assert "another store" in itonami("verify", "--checkpoint", "unsigned").out
    refused = itonami("checkpoint", "--since", "signed", "--out", "new", "--json")
    assert (refused.code, refused.json["error"]["type"]) == (1, "ProofFailed")
    assert not (folder / "new").exists()


def test_a_checkpoint_that_somebody_forged_is_damage(itonami, folder):
    rewritten(folder)
    with Store.open(folder / "state.itonami", read_only=True, create=False) as store:
        forged = store.log.checkpoint(SECRET).split("\n\n")[0]
        name = SECRET.name
        other = store.log.checkpoint(Signer(name, OTHER.seed))
    signature = (folder / "signed").read_text().split("\n\n")[1]
    for text, says in ((f"{forged}\n\n{signature}", "is not of this note"), (other, "not signed by")):
        (folder / "forged").write_text(text)
        assert itonami("verify", "--checkpoint", "forged").code == 0, "nobody asked whose it is"
        caught = itonami("verify", "--checkpoint", "forged", "--key", str(SECRET.verifier), "--json")
        assert caught.code == 1
        (damage,) = caught.json["damage"]
        assert says in damage


def test_a_tampered_store_is_damage_with_a_checkpoint_and_without(itonami, folder):
    data = folder / "state.itonami" / "data.mdb"
    bytes_ = data.read_bytes()
    assert b"priced" in bytes_
    data.write_bytes(bytes_.replace(b"priced", b"prized"))
    for more in ((), ("--checkpoint", "signed")):
        caught = itonami("verify", "--json", *more)
        assert caught.code == 1
        assert not caught.json["ok"]
        assert caught.json["damage"]


# -- proofs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["3", "TX 3", "HEAD~2", "TAG third"])
def test_a_proof_says_what_a_node_was_at_a_moment_and_needs_no_store(point, itonami, folder):
    itonami("tag", "order", "third", "--at", "3")
    made = itonami("prove", "order", "--at", point, "--node", "o", "--key", "key")
    assert made.out == (folder / "proof").read_text()
    shutil.rmtree(folder / "state.itonami")
    checked = itonami("verify-proof", "proof", "--key", str(SECRET.verifier), "--json")
    assert checked.code == 0
    said = checked.json
    assert (said["ok"], said["damage"]) == (True, None)
    assert (said["graph"], said["id"], said["tx"], said["version"]) == ("order", "o", 3, 3)
    assert said["value"]["properties"] == {"total": 3, "note": "n" * 300}
    assert (said["log"], said["size"]) == ("example.com/orders", 5)
    text = itonami("verify-proof", "proof", "--root", said["root"]).out
    assert text.startswith("verify-proof: ok, version 3 of order has node o\n")
    assert json.loads(text.split("\n", 2)[2]) == said["value"]


def test_a_proof_is_checked_by_one_file_alone(itonami, folder):
    alone = [sys.executable, "-I", verifier.__file__, "proof", "--key", str(SECRET.verifier), "--json"]
    checked = subprocess.run(alone, cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    known = itonami("verify-proof", "proof", "--key", "key", "--json").json
    assert known == {"ok": True, "damage": None} | json.loads(checked.stdout)


def test_an_edge_is_proved_and_the_absence_of_a_node(itonami, folder):
    assert itonami("prove", "order", "--edge", "e", "--key", "key", "--out", "edge").out == "proof: edge\n"
    assert itonami("verify-proof", "edge", "--key", "key", "--json").json["value"]["label"] == "CONTAINS"
    absent = itonami("prove", "order", "--node", "x", "--key", "key", "--out", "absent", "--json")
    assert (absent.code, absent.json["there"]) == (0, False)
    assert "no node 'x'" in absent.err
    checked = itonami("verify-proof", "absent", "--key", "key")
    assert checked.out.startswith("verify-proof: ok, version 5 of order does not have node x\n")
    assert itonami("verify-proof", "absent", "--key", "key", "--json").json["value"] is None


def test_a_proof_outlives_pruning_and_a_new_one_of_a_pruned_version_is_refused(itonami):
    itonami("prune", "--before", "HEAD")
    assert itonami("verify-proof", "proof", "--key", "key").code == 0
    refused = itonami("prove", "order", "--at", "3", "--node", "o")
    check_refused(refused, ("graph 'order'", "was pruned", "TX 5"), as_json=False)


def test_an_unsigned_proof_names_the_root_that_must_vouch_for_it(itonami, folder):
    made = itonami("prove", "order", "--node", "o", "--out", "plain", "--json")
    root = Checkpoint.parse((folder / "unsigned").read_text()).root.hex()
    assert made.json == {
        "proof": "plain",
        "graph": "order",
        "id": "o",
        "there": True,
        "log": Checkpoint.parse((folder / "unsigned").read_text()).origin,
        "size": 5,
        "root": root,
    }
    assert root in made.err
    assert itonami("verify-proof", "plain", "--root", root).code == 0
    check_refused(itonami("verify-proof", "plain"), ("plain", root, "--key or --root"), as_json=False)


FORGERIES = {
    "another value": ('"total": 3', '"total": 4'),
    "another moment": ('"tx": 3', '"tx": 4'),
    "another graph": ('"graph": "order"', '"graph": "odder"'),
    "another version": ('"version": 3', '"version": 4'),
    "another log": ("example.com/orders\\n5", "example.com/others\\n5"),
    "another size": ("example.com/orders\\n5", "example.com/orders\\n6"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_proof_that_was_altered_ends_with_1(forgery, itonami, folder):
    was, is_ = FORGERIES[forgery]
    text = (folder / "proof").read_text()
    assert was in text
    (folder / "proof").write_text(text.replace(was, is_))
    failed = itonami("verify-proof", "proof", "--key", "key", "--json")
    assert failed.code == 1
    assert list(failed.json) == ["ok", "damage"]
    assert not failed.json["ok"]
    text = itonami("verify-proof", "proof", "--key", "key")
    assert (text.code, text.out) == (1, f"verify-proof: {failed.json['damage']}\n")


def test_a_proof_under_another_key_or_root_ends_with_1(itonami):
    for more in (("--key", "other"), ("--root", "00" * 32)):
        assert itonami("verify-proof", "proof", *more).code == 1


# -- bad input ---------------------------------------------------------------------------------------------

# what is wrong: the command line, and what the sentence must say of what, where, and the mending
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a key onto a file": (
        ("checkpoint", "--new-key", "x", "--key", "notes"),
        ("notes", "already", "new one"),
    ),
    "a key without a name": (("checkpoint", "--new-key", ""), ("--new-key", "example.com/log")),
    "a key name with a plus": (
        ("checkpoint", "--new-key", "a+b"),
        ("--new-key", "'a+b'", "without spaces and +"),
    ),
    "a checkpoint onto a file": (("checkpoint", "--out", "notes"), ("notes", "already")),
    "a checkpoint by no key": (("checkpoint", "--key", "notes"), ("notes", "no signer key", "--new-key")),
    "a checkpoint by a missing key": (("checkpoint", "--key", "none"), ("none", "No such file")),
    "a checkpoint since none": (("checkpoint", "--since", "notes"), ("notes", "no checkpoint")),
    "verify against no checkpoint": (("verify", "--checkpoint", "notes"), ("notes", "no checkpoint")),
    "verify against no text": (("verify", "--checkpoint", "binary"), ("binary", "no UTF-8")),
    "verify against a missing file": (("verify", "--checkpoint", "none"), ("none", "No such file")),
    "verify by a key alone": (("verify", "--key", "key"), ("--key", "--checkpoint FILE")),
    "verify by no key": (
        ("verify", "--checkpoint", "signed", "--key", "a+b+c"),
        ("--key", "no verifier key"),
    ),
    "verify by a file that is no key": (
        ("verify", "--checkpoint", "signed", "--key", "notes"),
        ("notes", "no verifier key", "--new-key"),
    ),
    "an unsigned checkpoint under a key": (
        ("verify", "--checkpoint", "unsigned", "--key", "key"),
        ("unsigned", "no signed note"),
    ),
    "a proof of nothing": (("prove", "order"), ("prove", "--node ID or --edge ID")),
    "a proof of two things": (
        ("prove", "order", "--node", "o", "--edge", "e"),
        ("prove", "--node ID or --edge ID"),
    ),
    "a proof of an edge as a node": (("prove", "order", "--node", "e"), ("--node", "'e'", "use --edge")),
    "a proof of a node as an edge": (("prove", "order", "--edge", "o"), ("--edge", "'o'", "use --node")),
    "a proof that an edge is not there": (("prove", "order", "--edge", "x"), ("'order'", "no edge 'x'")),
    "a proof of a missing run": (("prove", "ordr", "--node", "o"), ("'ordr'", "did you mean 'order'")),
    "a proof at a bad point": (("prove", "order", "--node", "o", "--at", "then"), ("--at", "'then'")),
    "a proof before the run": (("prove", "order", "--node", "o", "--at", "0"), ("'order'", "TX 1")),
    "a proof onto a file": (("prove", "order", "--node", "o", "--out", "notes"), ("notes", "already")),
    "a check of no proof": (("verify-proof", "notes", "--key", "key"), ("notes", "no state proof")),
    "a check of no text": (("verify-proof", "binary", "--key", "key"), ("binary", "no state proof")),
    "a check of a missing file": (("verify-proof", "none", "--key", "key"), ("none", "No such file")),
    "a check by nothing": (("verify-proof", "proof"), ("proof", "log root", "--key or --root")),
    "a check by no key": (("verify-proof", "proof", "--key", "notes"), ("notes", "no verifier key")),
    "a check by no root": (("verify-proof", "proof", "--root", "abc"), ("--root", "'abc'", "32 bytes")),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_bad_input_is_refused_in_one_sentence_and_writes_nothing(as_json, itonami, folder):
    (folder / "notes").write_text("milk\neggs\n")
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    before = snapshot(folder)
    for case, (argv, says) in CASES.items():
        outcome = itonami(*argv, *(["--json"] if as_json else []))
        try:
            check_refused(outcome, says, as_json)
        except AssertionError as error:
            raise AssertionError(f"{case}: {outcome}") from error
    assert snapshot(folder) == before
