"""State proofs: each verifies, also where nothing of the package is; none that was altered does."""

import ast
import json
import runpy
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import apply_edits, edits, values

from itonami.graphstore import Graph, InvalidValue, Node, merkle, trie, verifier
from itonami.graphstore.codec import encode, encode_shared
from itonami.graphstore.note import Checkpoint, Signer, sign
from itonami.graphstore.proof import ProofFailed, StateProof, check, prove

SIGNER = Signer("example.com/log", bytes(range(32)))
KEY = str(SIGNER.verifier)


class Log:
    """A log of commit records in memory, with its proofs."""

    def __init__(self, *records):
        self.kept, peaks = [], ()
        for size, record in enumerate(records):
            hashes, peaks = merkle.append(peaks, size, merkle.leaf_hash(record))
            self.kept.append(hashes)
        self.size, self.root = len(records), merkle.root(peaks)

    def read(self, level, index):
        leaf, offset = merkle.stored(level, index)
        return self.kept[leaf][offset : offset + 32]

    def inclusion(self, tx):
        return merkle.inclusion(self.read, tx - 1, self.size)

    def checkpoint(self, signer=SIGNER):
        text = Checkpoint("example.com/log", self.size, self.root).text()
        return sign(text, signer) if signer else text


def record(tx, **roots):
    return encode(
        [tx, 1_700_000_000_000_000 + tx, [[name, 1, root, bytes(32)] for name, root in roots.items()]]
    )


def graph_of(steps):
    evolver = Graph().evolver()
    apply_edits(evolver, steps)
    return evolver.persistent()


def logged(graph, tx=3, size=7):
    """A log in which that transaction made the graph "g", beside another graph."""
    records = [record(n, other=bytes(32)) for n in range(1, size + 1)]
    records[tx - 1] = record(tx, other=bytes(32), g=graph.root)
    return records[tx - 1], Log(*records)


def proof_of(graph, id, signer=SIGNER, tx=3, size=7):
    commit, log = logged(graph, tx, size)
    return StateProof.of("g", graph, id, commit, log.inclusion(tx), log.checkpoint(signer))


def sample():
    evolver = Graph().evolver()
    properties = {
        "n": 1,
        "b": b"\0\xff",
        "t": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "big": "x" * 300,
        "f": 1.0,
    }
    evolver.add_node("Order", "Paid", id="n1", properties=properties)
    for n in range(40):
        evolver.add_node("Step", id=f"s{n}")
    evolver.add_edge("n1", "NEXT", "s1", id="e1", properties={"deep": {"list": list(range(300))}})
    return evolver.persistent()


SAMPLE = sample()
IDS = ["n1", "e1", "absent"]


def refused(data, **by):
    with pytest.raises((ProofFailed, InvalidValue)) as error:
        check(data, **(by or {"key": KEY}))
    message = str(error.value)
    assert message
    assert "\n" not in message
    return error.value


# -- proofs hold ---------------------------------------------------------------------------------------------------


@given(edits(), st.integers(1, 9), st.integers(0, 9))
def test_what_a_graph_holds_and_what_it_does_not_can_be_proved(steps, tx, later):
    graph = graph_of(steps)
    log = {"tx": tx, "size": tx + later}
    for element in graph.items():
        proof = proof_of(graph, element.id, **log)
        claim = check(proof.text(), key=KEY)
        if element.id in graph:
            assert (claim["kind"], claim["value"]["labels"]) == (
                "node",
                sorted(graph.node(element.id).labels),
            )
        else:
            assert (claim["kind"], claim["value"]["source"]) == ("edge", element.source)
        assert (claim["graph"], claim["tx"], claim["id"], claim["size"]) == ("g", tx, element.id, tx + later)
        assert claim == check(proof.text(), root=Checkpoint.parse(claim_text(proof)).root)
    for id in ("nothing", "", "n1"):
        if id not in graph and graph.find_edge(id) is None:
            claim = check(proof_of(graph, id, **log).text(), key=KEY)
            assert (claim["kind"], claim["id"], claim["value"]) == ("node", id, None)


def claim_text(proof):
    return proof.checkpoint.partition("\n\n")[0] + "\n"


@given(values)
def test_every_value_can_be_proved_and_its_bytes_are_read_as_the_codec_wrote_them(value):
    assert encode(verifier.decode(encode(value))) == encode(value)
    evolver = Graph().evolver()
    evolver.add_node(id="n", properties={"v": value})
    proof = proof_of(evolver.persistent(), "n")
    assert proof.to_json()["id"] == "n"
    assert check(proof.text(), key=KEY)["value"]["properties"].keys() == {"v"}


def test_the_head_says_in_plain_words_what_is_proved():
    claim = proof_of(SAMPLE, "n1").to_json()
    assert list(claim)[:8] == ["proof", "graph", "version", "tx", "time", "kind", "id", "value"]
    assert claim["time"] == "2023-11-14T22:13:20.000003+00:00"
    assert claim["value"]["labels"] == ["Order", "Paid"]
    assert claim["value"]["properties"] == {
        "n": 1,
        "b": {"$bytes": "AP8="},
        "t": {"$time": "2026-01-02T03:04:05.000006+00:00"},
        "big": "x" * 300,
        "f": 1.0,
    }
    assert len(claim["payloads"]) == 1


def test_a_proof_is_as_long_as_the_trie_is_deep():
    assert prove(Graph().top, "00" * 17) == []
    assert 2 <= len(prove(SAMPLE.top, SAMPLE.node("n1").path)) <= 6


def test_a_proof_of_a_store_verifies_after_more_was_committed(store):
    for n in range(20):
        with store.transaction("g", event="changed") as graph:
            if n == 0:
                graph.add_node("Order", id="n1", n=0)
            graph.update("n1", n=n, note="x" * 400)
    for tx in (1, 7, 20):
        proof = store.prove("g", "n1", tx, signer=SIGNER)
        claim = check(proof.text(), key=KEY)
        assert (claim["tx"], claim["value"]["properties"]["n"]) == (tx, tx - 1)
        assert claim == check(proof.text(), root=store.log.root(20))
    unsigned = store.prove("g", "nobody").text()
    assert check(unsigned, root=store.log.root())["value"] is None
    assert "not well-formed" not in str(refused(unsigned, root=bytes(32)))


# -- altered proofs do not -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", IDS)
def test_no_byte_of_a_proof_can_be_changed_except_to_another_true_one(id):
    """The nodes that show that one id is absent may show it of another too."""
    data = proof_of(SAMPLE, id).text().encode()
    assert check(data, key=KEY)
    for position in range(len(data)):
        turned = bytearray(data)
        turned[position] ^= 1 << position % 8
        try:
            claim = check(bytes(turned), key=KEY)
        except (ProofFailed, InvalidValue):
            continue
        assert turned.decode() == proof_of(SAMPLE, claim["id"]).text()
        assert claim["value"] is None


@given(st.data())
def test_no_bytes_can_be_added_or_taken_away(data):
    text = proof_of(SAMPLE, data.draw(st.sampled_from(IDS))).text().encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 9, len(text))))
    changed = text[:start] + data.draw(st.binary(max_size=4)) + text[end:]
    if changed == text:
        return
    try:
        claim = check(changed, key=KEY)
    except (ProofFailed, InvalidValue):
        return
    assert changed.decode() == proof_of(SAMPLE, claim["id"]).text()


OTHERS = [None, True, 0, 1, -1, 3.0, 10**30, "", "x", "AA==", [], ["AA=="], [[]], [None], {}, {"x": 1}]


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("name", list(proof_of(SAMPLE, "n1").to_json()))
def test_no_field_of_a_proof_can_be_changed_or_left_out(id, name):
    claim = proof_of(SAMPLE, id).to_json()
    same = json.dumps(claim[name])
    for other in OTHERS:
        if json.dumps(other) != same:
            refused(json.dumps({**claim, name: other}, indent=2) + "\n")
    refused(json.dumps({key: value for key, value in claim.items() if key != name}, indent=2) + "\n")
    refused(json.dumps({**claim, f"{name}2": claim[name]}, indent=2) + "\n")


# -- forgeries, written as the verifier would write them ------------------------------------------------------------


def forged(graph=SAMPLE, name="g", id="n1", element=None, drop=0, checkpoint=None, **other):
    """A proof file in perfect form; `element` is what it claims lies there, the last `drop` trie nodes are missing."""
    commit, log = logged(graph)
    nodes = prove(graph.top, graph.node("n1").path)
    parts = {
        "trie": nodes[: len(nodes) - drop],
        "payloads": list(graph.node("n1").payloads.values()) if element else [],
        "inclusion": log.inclusion(3),
    }
    return verifier.document(name, id, commit, element, checkpoint or log.checkpoint(), **{**parts, **other})


RECORD = SAMPLE.node("n1").record


def test_the_forgers_tools_make_a_true_proof_when_nothing_is_forged():
    assert forged(element=RECORD) == proof_of(SAMPLE, "n1").text()


def test_a_record_does_not_prove_another_id():
    other = encode_shared(["n2", ["Order", "Paid"], SAMPLE.node("n1").data], {})
    text = forged(element=other)
    assert '"id": "n2"' in text
    assert isinstance(refused(text), ProofFailed)
    text = forged(element=RECORD).replace('"id": "n1"', '"id": "s1"')
    assert isinstance(refused(text), ProofFailed)


def test_a_value_that_is_not_the_one_in_the_trie_is_refused():
    paid = encode_shared(["n1", ["Order", "Paid"], {**SAMPLE.node("n1").data, "n": 2}], {})
    assert isinstance(refused(forged(element=paid)), ProofFailed)
    assert isinstance(refused(forged(element=RECORD).replace('"n": 1,', '"n": 2,')), ProofFailed)


def test_the_root_of_one_graph_does_not_prove_another():
    assert isinstance(refused(forged(name="other", element=RECORD)), ProofFailed)
    text = forged(element=RECORD).replace('"graph": "g"', '"graph": "elsewhere"')
    assert isinstance(refused(text), ProofFailed)


def test_a_record_is_proved_only_at_its_own_transaction():
    text = forged(element=RECORD).replace('"tx": 3', '"tx": 4')
    assert isinstance(refused(text), ProofFailed)
    _, log = logged(SAMPLE)
    for tx in range(1, 8):
        if tx != 3:
            assert isinstance(refused(forged(element=RECORD, inclusion=log.inclusion(tx))), ProofFailed)


def test_what_is_there_cannot_be_shown_absent_by_leaving_out_a_node():
    for drop in range(len(prove(SAMPLE.top, SAMPLE.node("n1").path)) + 1):
        assert isinstance(refused(forged(element=None, drop=drop)), ProofFailed)
    assert isinstance(refused(forged(element=None, id="s1")), ProofFailed), "nodes that lead elsewhere"


@given(edits(), st.sampled_from(["n1", "n2", "e1", "nobody"]))
def test_absence_needs_every_node_on_the_way(steps, id):
    graph = graph_of(steps)
    path = Node(id).path
    nodes = prove(graph.top, path)
    found = trie.get(graph.top, path)
    assert verifier.record_at(path, nodes, graph.root) == (found.record if found else None)
    for fewer in range(len(nodes)):
        with pytest.raises(verifier.Refused):
            verifier.record_at(path, nodes[:fewer], graph.root)
    for more in nodes:
        with pytest.raises(verifier.Refused):
            verifier.record_at(path, [*nodes, more], graph.root)


def test_payloads_that_are_missing_wrong_or_too_many_are_refused():
    (payload,) = SAMPLE.node("n1").payloads.values()
    for payloads in ([payload, encode("y" * 300)], [encode("y" * 300)], []):
        claim = {**json.loads(forged(element=RECORD)), "payloads": [b64encode(p).decode() for p in payloads]}
        refused(json.dumps(claim, indent=2) + "\n")


def test_a_checkpoint_of_another_key_or_root_is_refused():
    other = Signer("example.com/log", bytes(32))
    assert isinstance(refused(proof_of(SAMPLE, "n1", signer=other).text()), ProofFailed)
    assert isinstance(refused(proof_of(SAMPLE, "n1", signer=None).text()), InvalidValue)
    assert isinstance(refused(proof_of(SAMPLE, "n1").text(), root=bytes(32)), ProofFailed)
    longer = logged(SAMPLE, size=9)[1].checkpoint()
    assert isinstance(refused(forged(element=RECORD, checkpoint=longer)), ProofFailed)


def test_without_key_and_root_nothing_is_proved():
    error = refused(proof_of(SAMPLE, "n1").text(), key=None)
    assert logged(SAMPLE)[1].root.hex() in str(error)
    assert isinstance(error, InvalidValue)
    refused(proof_of(SAMPLE, "n1").text(), key="")


# -- the verifier alone --------------------------------------------------------------------------------------------

ALONE = Path(verifier.__file__)


@pytest.fixture
def alone(tmp_path):
    """Runs the verifier copied to an empty folder, with an interpreter that sees no environment and no cwd."""
    script = tmp_path / "anything.py"
    script.write_bytes(ALONE.read_bytes())
    file = tmp_path / "proof.json"

    def run(data, *options, before=""):
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        code = f"import sys, runpy; {before}; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        start = ["-c", code] if before else []
        command = [sys.executable, "-I", *start, str(script), str(file), *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        if done.returncode:
            assert done.stdout == ""
            assert done.stderr.startswith(str(file))
            assert done.stderr.count("\n") == 1, done.stderr
        return done

    return run


def test_the_verifier_stands_alone():
    tree = ast.parse(ALONE.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"blake3", "cbor2", "cryptography"}
    assert len(ALONE.read_text().splitlines()) <= 150, "a stranger reads it in one sitting"


@pytest.mark.parametrize("id", IDS)
def test_anywhere_it_says_yes_to_a_true_proof_and_no_to_a_false_one(alone, id):
    text, root = proof_of(SAMPLE, id).text(), logged(SAMPLE)[1].root.hex()
    said = alone(text, "--key", KEY, "--json")
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout) == check(text, key=KEY)
    assert alone(text, "--root", root).returncode == 0
    assert alone(text, "--root", root.upper(), "--key", KEY).returncode == 0
    assert alone(text, "--root", "00" * 32, "--key", KEY).returncode == 1
    assert alone(text.replace('"graph": "g"', '"graph": "h"'), "--key", KEY).returncode == 1
    assert alone(text, "--key", KEY[:-1]).returncode == 2
    unanchored = alone(text)
    assert unanchored.returncode == 2
    assert f"up to the log root {root}" in unanchored.stderr


def test_without_cryptography_it_checks_up_to_a_root(alone):
    text, root = proof_of(SAMPLE, "n1").text(), logged(SAMPLE)[1].root.hex()
    without = "sys.modules['cryptography'] = None"
    assert alone(text, "--root", root, before=without).returncode == 0
    refusal = alone(text, "--key", KEY, before=without)
    assert refusal.returncode == 2
    assert "cryptography" in refusal.stderr
    assert "--root" in refusal.stderr
    assert alone(text, "--key", KEY, "--root", root, before=without).returncode == 2, (
        "a key that cannot be used"
    )


def test_a_file_that_is_not_there_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["verifier.py", str(tmp_path / "none"), "--root", "00"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ALONE), run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


HOSTILE = {
    "empty": b"",
    "binary": bytes(range(256)),
    "deep arrays": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "not a number": b'{"tx": NaN}',
    "too large a number": b'{"tx": 1e999}',
    "many digits": b'{"tx": ' + b"9" * 100_000 + b"}",
    "UTF-16": "{}".encode("utf-16"),
    "byte order mark": "\ufeff{}".encode(),
    "surrogate": b'{"id": "\\ud800"}',
    "an array": b"[1, 2]",
    "a number": b"7",
    "null": b"null",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_one_sentence(alone, name):
    assert isinstance(refused(HOSTILE[name]), InvalidValue)
    if name in ("deep arrays", "binary", "many digits"):
        assert alone(HOSTILE[name], "--root", "00").returncode == 2


def test_a_field_given_twice_is_refused():
    text = proof_of(SAMPLE, "n1").text()
    assert isinstance(refused(text.replace('  "tx": 3,', '  "tx": 4,\n  "tx": 3,')), ProofFailed)


def bomb(depth):
    """A CBOR array of arrays that share their items: `depth` bytes say 2**depth values (tags 28 and 29)."""
    data = b"\x98" + bytes([depth + 1]) + b"\xd8\x1c\x80"
    for n in range(depth):
        reference = b"\xd8\x1d\x18" + bytes([n]) if n > 23 else b"\xd8\x1d" + bytes([n])
        data += b"\xd8\x1c\x82" + reference * 2
    return data


EVIL = {
    "nothing": b"",
    "deep": b"\x81" * 5_000 + b"\x00",
    "shared": bomb(60),
    "cyclic": bytes.fromhex("d81c81d81d00"),
    "string references": bytes.fromhex("d9010082616161d81900"),
    "indefinite": bytes.fromhex("9f0102ff"),
    "long form": bytes.fromhex("8318030082"),
    "not a number": bytes.fromhex("83f97e000080"),
    "undefined": bytes.fromhex("83f70080"),
    "huge length": bytes.fromhex("9b7fffffffffffffff"),
    "huge text": bytes.fromhex("7b7fffffffffffffff"),
    "regular expression": cbor2.dumps([cbor2.CBORTag(35, "(a+)+b"), 0, []]),
    "decimal": cbor2.dumps(cbor2.CBORTag(4, [1 << 40, 1])),
    "fraction": cbor2.dumps(cbor2.CBORTag(30, [1, 0])),
    "number as record": cbor2.dumps(7),
    "no entries": cbor2.dumps([1, 0, []]),
    "entries of another type": cbor2.dumps([1, 0, 5]),
    "entry of another type": cbor2.dumps([1, 0, [None, 1, "g", b"g"]]),
    "short entry": cbor2.dumps([1, 0, [["g", 1]]]),
    "root of another type": cbor2.dumps([1, 0, [["g", 1, "x" * 32, bytes(32)]]]),
    "the graph twice": cbor2.dumps([1, 0, [["g", 1, bytes(32), bytes(32)]] * 2]),
    "time before years": cbor2.dumps([1, -(1 << 70), [["g", 1, verifier.blake3(b"\x80").digest(), b""]]]),
    "time of another type": cbor2.dumps([1, "x", [["g", 1, verifier.blake3(b"\x80").digest(), b""]]]),
}


def evil_proof(commit, nodes=(), payloads=(), **changes):
    """A proof file whose log has this one commit record, and the root that somebody trusts."""
    log = Log(commit)
    claim = {
        "proof": "itonami state proof 1",
        "graph": "g",
        "version": 1,
        "tx": 1,
        "time": "1970-01-01T00:00:00+00:00",
        "kind": "node",
        "id": "n",
        "value": None,
        "trie": [b64encode(node).decode() for node in nodes],
        "payloads": [b64encode(payload).decode() for payload in payloads],
        "inclusion": [],
        "record": b64encode(commit).decode(),
        "checkpoint": log.checkpoint(None),
        **changes,
    }
    return json.dumps(claim, indent=2) + "\n", log.root


@pytest.mark.parametrize("name", EVIL)
def test_a_commit_record_that_no_store_writes_is_refused_under_its_own_root(name):
    text, root = evil_proof(EVIL[name])
    refused(text, root=root)


LEAF_KEY = bytes.fromhex(Node("n").path)
ELEMENTS = {
    "deep": b"\x83\x61n\x80" + b"\x81" * 5_000 + b"\x00",
    "shared": b"\x83\x61n\x80" + bomb(60),
    "no fields": cbor2.dumps([]),
    "an id alone": cbor2.dumps(["n"]),
    "two fields": cbor2.dumps(["n", []]),
    "four fields": cbor2.dumps(["n", "n", "A", "n"]),
    "an edge": cbor2.dumps(["n", "n", "A", "n", {}]),
    "text": cbor2.dumps("n"),
    "a map": cbor2.dumps({"n": 1}),
    "another id": cbor2.dumps(["m", [], {}]),
    "bytes as keys": cbor2.dumps(["n", [], {b"a": 1}]),
    "numbers as keys": cbor2.dumps(["n", [], {1: 1}]),
    "not a number": cbor2.dumps(["n", [], {"a": float("nan")}], canonical=True),
    "infinity": cbor2.dumps(["n", [], {"a": float("inf")}], canonical=True),
    "undefined": cbor2.dumps(["n", [], {"a": cbor2.undefined}]),
    "simple value": cbor2.dumps(["n", [], {"a": cbor2.CBORSimpleValue(99)}]),
    "unknown tag": cbor2.dumps(["n", [], {"a": cbor2.CBORTag(1234, 1)}]),
    "no payload": cbor2.dumps(["n", [], {"a": cbor2.CBORTag(verifier.PAYLOAD_TAG, bytes(32))}]),
    "payload of another type": cbor2.dumps(["n", [], {"a": cbor2.CBORTag(verifier.PAYLOAD_TAG, [{}])}]),
    "many digits": cbor2.dumps(["n", [], {"a": 10**5000}]),
    "time as text": bytes.fromhex("83616e80a16161c074323032302d30312d30315430303a30303a30305a"),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_record_that_no_graph_holds_is_refused_under_its_own_root(name):
    leaf = encode([LEAF_KEY, ELEMENTS[name]])
    commit = encode([1, 0, [["g", 1, verifier.blake3(leaf).digest(), bytes(32)]]])
    for value in (None, {}, [], {"labels": [], "properties": {}}):
        text, root = evil_proof(commit, [leaf], value=value)
        refused(text, root=root)


def test_payloads_that_refer_to_payloads_are_refused():
    payloads = [encode(["x" * 300])]
    for _ in range(60):
        reference = cbor2.CBORTag(verifier.PAYLOAD_TAG, verifier.blake3(payloads[-1]).digest())
        payloads.append(cbor2.dumps([reference, reference]))
    addresses = [
        cbor2.CBORTag(verifier.PAYLOAD_TAG, verifier.blake3(payload).digest()) for payload in payloads
    ]
    leaf = encode([LEAF_KEY, cbor2.dumps(["n", [], {"a": addresses}])])
    commit = encode([1, 0, [["g", 1, verifier.blake3(leaf).digest(), bytes(32)]]])
    text, root = evil_proof(commit, [leaf], payloads)
    refused(text, root=root)


NODES = {
    "one field": [b"x"],
    "no fields": [],
    "text": "node",
    "leaf of texts": ["key", "record"],
    "leaf without a record": [LEAF_KEY, None],
    "prefix of another type": [b"", 3, bytes(64)],
    "prefix that is the path": [Node("n").path, 3, bytes(64)],
    "bitmap of another type": ["", "3", bytes(64)],
    "bitmap of hashes that are missing": ["", 0xFFFF, bytes(31)],
    "hashes of another type": ["", 0xFFFF, "x" * 512],
    "a seventeenth child": ["zz", 1 << 16, bytes(32)],
    "negative bitmap": ["zz", -1, bytes(32)],
    "four fields": ["", 0xFFFF, bytes(512), 1],
}


def test_the_evil_proofs_fail_for_the_evil_in_them():
    text, root = evil_proof(encode([1, 0, [["g", 1, Graph().root, bytes(32)]]]))
    assert check(text, root=root)["value"] is None
    leaf = encode([LEAF_KEY, encode(["n", [], {"a": 1}])])
    commit = encode([1, 0, [["g", 1, verifier.blake3(leaf).digest(), bytes(32)]]])
    text, root = evil_proof(commit, [leaf], value={"id": "n", "labels": [], "properties": {"a": 1}})
    assert check(text, root=root)["value"]["properties"] == {"a": 1}


@pytest.mark.parametrize("name", NODES)
def test_a_trie_node_that_no_graph_has_is_refused_under_its_own_root(name):
    node = encode(NODES[name])
    commit = encode([1, 0, [["g", 1, verifier.blake3(node).digest(), bytes(32)]]])
    text, root = evil_proof(commit, [node])
    refused(text, root=root)


@given(st.binary(max_size=40))
def test_no_bytes_crash_the_decoder(data):
    try:
        assert encode(verifier.decode(data)) == data
    except (verifier.Refused, InvalidValue, *verifier.SHAPES):
        pass


def test_the_root_of_the_empty_graph_proves_that_nothing_is_in_it():
    assert verifier.record_at(Node("n").path, [], Graph().root) is None
    assert sha256().digest() != Graph().root
