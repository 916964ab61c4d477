"""Checks a state proof without the store that made it and without the package: copy this file anywhere and run it.

A proof says that the version of a graph which a transaction made has this node or edge, or no node of that id. It is
checked from what you hold downwards: nothing is decoded before its hash is known to be right.

    key or root -> checkpoint -> commit record (RFC 9162) -> root of the graph -> trie nodes -> record -> payloads

Then the file is written anew from what was proved, and must be the same byte for byte: its readable head cannot lie.
"""

import argparse
import json
import re
import sys
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import cbor2
from blake3 import blake3

# fmt: off
FORMAT, PAYLOAD_TAG, MAX_BYTES, LISTS = "itonami state proof 1", 0x49544E4D, 1 << 27, ("trie", "payloads", "inclusion")
NODE, EDGE = ("id", "labels", "properties"), ("id", "source", "label", "target", "properties")
CHAR, NAME, B = r"[^\x00-\x1f\ud800-\udfff]", r"[^\s+\x00-\x1f\ud800-\udfff]+", "[A-Za-z0-9+/]"
BASE64 = rf"(?:{B}{{4}})*(?:{B}[AQgw]==|{B}{{2}}[AEIMQUYcgkosw048]=)?"  # RFC 4648, as encoders write it
KEY = re.compile(rf"\A({NAME})\+([0-9a-f]{{8}})\+(A[Q-Za-f]{B}{{42}})\Z")  # Ed25519; c2sp.org/signed-note
TEXT = r"[^\x00-\x09\x0b-\x1f\ud800-\udfff]*\n"
NOTE = re.compile(rf"\A({TEXT})\n((?:— {NAME} (?={B}{{7}}){BASE64}\n){{1,100}})\Z")
SHAPES = TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, cbor2.CBORError
CHECKPOINT = re.compile(rf"\A({CHAR}+)\n(0|[1-9][0-9]{{0,18}})\n({BASE64})\n(?:{CHAR}+\n)*\Z")

class Refused(Exception):
    """Why it does not hold. What is no proof, note or key, or lacks what it is checked by, is a ValueError."""
def require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)
def decode(data: bytes, payloads: dict[cbor2.CBORTag, bytes] | None = None) -> Any:
    """The value of deterministic CBOR (RFC 8949, section 4.2) without shared values, payloads put in place."""
    sharing = dict.fromkeys((25, 28, 29, 256), lambda *_: require(False, "there is CBOR that shares values"))
    value = cbor2.loads(data, max_depth=101, strict_hashable_types=True, semantic_decoders=sharing)
    require(cbor2.dumps(value, canonical=True, datetime_as_timestamp=True) == data, "there is loose CBOR")
    shown: Any = {"object_hook": lambda item, _: {"$" * key.startswith("$") + key: item[key] for key in item}}
    return value if payloads is None else cbor2.loads(data, tag_hook=lambda t, _: decode(payloads[t], {}), **shown)

def open_note(note: str, key: str) -> str:
    """The text of a note that `key` signed. Signatures of others are ignored, a wrong one of this is not."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    by, signed = KEY.match(key), NOTE.match(note)
    if by is None or signed is None:
        raise ValueError("the checkpoint is not a signed note" if by else "that is no verifier key (name+id+key)")
    (name, key_id, public), (text, block) = by.groups(), signed.groups()
    signatures = map(b64decode, re.findall(rf"— {re.escape(name)} (.*)\n", block))
    known = [signature[4:] for signature in signatures if signature[:4].hex() == key_id]
    require(known, f"the note is not signed by {name!r}")
    try:
        for signature in known:
            Ed25519PublicKey.from_public_bytes(b64decode(public)[1:]).verify(signature, text.encode())
    except InvalidSignature:
        raise Refused(f"the signature of {name!r} is not of this note") from None
    return str(text)

def inclusion_root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that a leaf hash and its audit path lead to (RFC 9162, section 2.1.3.2), else None."""
    inner = (index ^ (size - 1)).bit_length() if 0 <= index < size else -1  # above, it is on the right edge
    if inner < 0 or len(path) != inner + (index >> inner).bit_count() or {*map(len, (leaf, *path))} != {32}:
        return None
    for level, sibling in enumerate(path):
        leaf = sha256(b"\1" + (sibling + leaf if level >= inner or index >> level & 1 else leaf + sibling)).digest()
    return leaf

def record_at(path: str, nodes: list[bytes], root: bytes) -> bytes | None:
    """What lies at a path of the trie with this root; None where the nodes on the way there show an absence."""
    record, due = None, None if root == blake3(b"\x80").digest() else root  # due: the hash of the next node
    for node in nodes:
        require(blake3(node).digest() == due, "a trie node does not have the hash that is due")
        due = None
        match decode(node):
            case [bytes(key), bytes(found)]:
                record = found if key.hex() == path else None
            case [str(place), int(bitmap), bytes(hashes)] if 0 < bitmap < 1 << 16:
                child = int(path[len(place)], 16) if path.startswith(place) else 16  # which no branch has
                before = 32 * (bitmap & (1 << child) - 1).bit_count()
                due = hashes[before : before + 32] if bitmap >> child & 1 else None
            case _:
                raise Refused("a trie node is malformed")
    require(due is None, "the trie path ends too early")
    return record

def document(graph: str, id: str, commit: bytes, record: bytes | None, checkpoint: str, **lists: Any) -> str:
    """The one form of a proof file. {"$bytes": base64} and {"$time": ISO 8601} are values; own keys get a $ more."""
    payloads = {cbor2.CBORTag(PAYLOAD_TAG, blake3(part).digest()): part for part in lists["payloads"]}
    require(all(tag.value in (record or b"") for tag in payloads), "nothing refers to one of the payloads")
    lacking: Any = {bytes: lambda b: {"$bytes": b64encode(b).decode()}, datetime: lambda t: {"$time": t.isoformat()}}
    tx, time, entries = decode(commit)
    claim = {"proof": FORMAT, "graph": graph, "version": next(e[1] for e in entries if e[0] == graph), "tx": tx}
    claim["time"] = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).isoformat()
    fields = [id] if record is None else decode(record, payloads)
    kind, names = ("edge", EDGE) if len(fields) == 5 else ("node", NODE)
    claim |= {"kind": kind, "id": fields[0], "value": record and dict(zip(names, fields, strict=True))}
    claim |= {name: [b64encode(part).decode() for part in lists[name]] for name in LISTS}
    claim |= {"record": b64encode(commit).decode(), "checkpoint": checkpoint}
    return json.dumps(claim, default=lambda item: lacking[type(item)](item), indent=2, allow_nan=False) + "\n"

def verify(data: bytes, key: str | None = None, root: str | None = None) -> dict[str, Any]:
    """What a proof file says, when it holds under a verifier key, the log's root in hex, or both."""
    try:
        claim = json.loads(data.decode())
        graph, id, note, commit = claim["graph"], claim["id"], claim["checkpoint"], b64decode(claim["record"])
        lists = {name: [b64decode(part) for part in claim[name]] for name in LISTS}
        text = open_note(note, key) if key else note.partition("\n\n")[0].rstrip("\n") + "\n"
        ((origin, size, log_root),) = CHECKPOINT.findall(text)
        given, leaf = b64decode(log_root), sha256(b"\0" + commit).digest()
        require(root is None or root.lower() == given.hex(), "the checkpoint has another root")
        leads_to = inclusion_root(leaf, claim["tx"] - 1, int(size), lists["inclusion"])
        require(leads_to == given, "the commit record is not that entry of the log")
        roots = [entry[2] for entry in decode(commit)[2] if entry[0] == graph]
        require(len(roots) == 1, "the commit record is of other graphs")
        ends = () if claim["kind"] == "node" else (claim["value"]["source"], claim["value"]["label"])
        at, *way = [blake3(text.encode()).hexdigest()[:32] for text in (*ends, id)]
        record = record_at(f"{at}01{way[0][:8]}{way[1]}" if way else f"{at}00", lists["trie"], roots[0])
        require((record is None) is (claim["value"] is None), "the trie says the opposite of the file")
        proved = document(graph, id, commit, record, note, **lists)
        require(proved == data.decode(), "the file says something else than what it proves")
    except (ImportError, *SHAPES) as error:
        what = "signatures need cryptography (--root does without)" if isinstance(error, ImportError) else error
        raise ValueError(f"this is no state proof, or no verifier key: {what}") from None
    if not (key or root):
        raise ValueError(f"it holds up to the log root {given.hex()}, for which a key or root must vouch")
    said = {name: claim[name] for name in claim if name not in (*LISTS, "record", "checkpoint")}
    return said | {"log": origin, "size": int(size), "root": given.hex()}

def main() -> None:
    parser = argparse.ArgumentParser(description="Check a state proof. Exit code 1: not so, 2: bad input.")
    parser.add_argument("file", help="the proof")
    parser.add_argument("--key", help="the verifier key that must have signed the checkpoint")
    parser.add_argument("--root", help="the root that the checkpoint must have, in hex")
    parser.add_argument("--json", action="store_true", help="print what is proved as JSON")
    options = parser.parse_args()
    try:
        with open(options.file, "rb") as file:
            said = verify(file.read(MAX_BYTES), options.key, options.root)
    except (Refused, ValueError, OSError) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, Refused) else 2)
    print(json.dumps(said) if options.json else f"It holds: {json.dumps(said, indent=2)}")
if __name__ == "__main__":
    main()
