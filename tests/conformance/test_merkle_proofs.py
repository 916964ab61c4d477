"""Inclusion and consistency proofs of RFC 6962, valid and malformed, made by others: each is judged as they judge it.

The vectors are those of transparency-dev/merkle: a proof as JSON, and `wantErr`.
"""

import json
from base64 import b64decode

import pytest

from itonami.graphstore import merkle


def vectors(folder):
    files = sorted(folder.rglob("*.json")) if folder.is_dir() else []
    if not files:
        pytest.skip("the vectors of merkle-proofs are not beside this checkout")
    return [(file.relative_to(folder), json.loads(file.read_text())) for file in files]


def plain(vector):
    proof = [b64decode(hash) for hash in vector["proof"] or []]
    return {name: b64decode(value) if isinstance(value, str) else value for name, value in vector.items()} | {
        "proof": proof
    }


def test_inclusion_proofs_are_judged_as_others_judge_them(conformance):
    judged = {True: 0, False: 0}
    for name, vector in vectors(conformance / "merkle-proofs" / "testdata" / "inclusion"):
        wrong, v = vector.pop("wantErr"), plain({**vector, "desc": None})
        holds = merkle.verify_inclusion(v["leafHash"], v["leafIdx"], v["treeSize"], v["proof"], v["root"])
        assert holds is not wrong, name
        judged[holds] += 1
    assert judged[True] > 4
    assert judged[False] > 50


def test_consistency_proofs_are_judged_as_others_judge_them(conformance):
    judged = {True: 0, False: 0}
    for name, vector in vectors(conformance / "merkle-proofs" / "testdata" / "consistency"):
        wrong, v = vector.pop("wantErr"), plain({**vector, "desc": None})
        holds = merkle.verify_consistency(v["size1"], v["size2"], v["proof"], v["root1"], v["root2"])
        assert holds is not wrong, name
        judged[holds] += 1
    assert judged[True] > 3
    assert judged[False] > 50
