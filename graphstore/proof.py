"""State proofs: that a graph had, in some version, this node or edge, or no node of that id, for somebody who trusts
neither this machine nor this package, only a checkpoint of the log.

    trie nodes      from the root of the graph down to the record, or to where it would be   (`trie`)
    commit record   which names that root for that graph and transaction                     (`records`)
    inclusion       the record is a leaf of the log                                          (`merkle`)
    checkpoint      the log's size and root, signed                                          (`note`)

It is the hash chain of authenticated search trees (Merkle, "A Digital Signature Based on a Conventional Encryption
Function", CRYPTO '87; Naor and Nissim, "Certificate Revocation and Certificate Update", USENIX Security 1998). A proof
is of one version, the one that transaction made: that no later one replaced it, it does not say. That a node is not
there can be proved; an edge can be looked for only by source and label, so the absence of its id cannot. The form of
the file and every check stand in `verifier`, which needs nothing of the package.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from itonami.graphstore import verifier
from itonami.graphstore.element import Edge, Node
from itonami.graphstore.errors import InvalidValue, ItonamiError
from itonami.graphstore.graph import Graph
from itonami.graphstore.trie import Branch, Tree

if TYPE_CHECKING:
    from itonami.graphstore.note import Signer
    from itonami.graphstore.points import Point
    from itonami.graphstore.reading import Reader

__all__ = ["ProofFailed", "StateProof", "check", "prove", "state_proof"]


class ProofFailed(ItonamiError):
    """A proof, checkpoint or signature does not verify."""


def prove(tree: Tree, path: str) -> list[bytes]:
    """The encoded trie nodes from the root down to the item at `path`, or to where a lookup ends without it; none for
    the empty tree. O(log n)."""
    nodes = []
    node = tree
    while node is not None:
        nodes.append(node.encoded)
        if not isinstance(node, Branch) or not path.startswith(node.path):
            break
        node = node.child(path[len(node.path)])
    return nodes


@dataclass(frozen=True, slots=True)
class StateProof:
    """What a graph had under an id in one version: `element`, or None when there was no node of that id; with all that
    proves it. `record` is the commit record, `text()` the file to hand over."""

    graph: str
    id: str
    element: Node | Edge | None
    record: bytes
    trie: tuple[bytes, ...]
    inclusion: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def of(
        cls, name: str, graph: Graph, id: str, record: bytes, inclusion: list[bytes], checkpoint: str
    ) -> StateProof:
        """The proof for the node of that id, else the edge, else that there is no such node. `record` is that of the
        commit that made this version of `graph`, `inclusion` proves it under `checkpoint`. O(log n) for a node; an
        edge is looked up by the graph's index."""
        element = graph.find(id) or graph.find_edge(id)
        path = (element or Node(id)).path
        return cls(name, id, element, record, tuple(prove(graph.top, path)), tuple(inclusion), checkpoint)

    def text(self) -> str:
        """The file: JSON with the claim first, in plain words, then the proof in base64. One proof has one text. What
        JSON cannot show is `InvalidValue`: an integer of more than 4,300 digits, or the record of another graph."""
        payloads = {} if self.element is None else self.element.payloads
        lists = {
            "trie": self.trie,
            "payloads": [payloads[address] for address in sorted(payloads)],
            "inclusion": self.inclusion,
        }
        element = None if self.element is None else self.element.record
        try:
            return verifier.document(self.graph, self.id, self.record, element, self.checkpoint, **lists)
        except (ValueError, verifier.Refused) as error:
            raise InvalidValue(
                f"the proof cannot be written: {error}", where=f"graph {self.graph!r}"
            ) from error

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        made: dict[str, Any] = json.loads(self.text())
        return made


def state_proof(store: Reader, graph: str, id: str, point: Point, signer: Signer | None) -> StateProof:
    """The proof for an id in the version of a graph that held at a point in time, under a checkpoint of the whole log
    as it is now. The version may be older than the point, as a graph keeps its version until the next."""
    tx = store.version(graph, point).tx
    size = store.log.size
    return StateProof.of(
        graph,
        store.at(graph, tx),
        id,
        store.commit_of(tx).record,
        store.log.inclusion(tx, size),
        store.log.checkpoint(signer, size),
    )


def check(file: bytes | str, *, key: str | None = None, root: bytes | None = None) -> dict[str, Any]:
    """What a proof file proves under a verifier key's text or the root of a checkpoint that the caller trusts: graph,
    version, tx, time, kind, id and value, with the log's origin, size and root. Raises `ProofFailed` when it does not
    hold, `InvalidValue` when it is no proof or neither key nor root was given."""
    data = file.encode(errors="replace") if isinstance(file, str) else file
    try:
        return verifier.verify(data, key, None if root is None else root.hex())
    except verifier.Refused as error:
        raise ProofFailed(str(error), where="state proof") from None
    except ValueError as error:
        raise InvalidValue(str(error), where="state proof") from None
