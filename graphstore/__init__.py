"""The versioned Merkle graph store: graphs as values, transactions as versions, events as the truth.

with Store.open("state.itonami") as store:
    with store.transaction("order-17", event="placed") as graph:
        order = graph.add_node("Order", state="new")
    store.at("order-17", "HEAD").node(order)["state"]
"""

from pyrsistent import freeze, thaw

from itonami.graphstore.delta import Change, Delta, EdgeChange
from itonami.graphstore.errors import (
    Conflict,
    Corrupt,
    InvalidValue,
    ItonamiError,
    NotAStore,
    NotFound,
    StoreBusy,
    StoreClosed,
    StoreFull,
    UnsupportedFormat,
    VersionPruned,
)
from itonami.graphstore.evolver import Evolver
from itonami.graphstore.graph import HEADER, Edge, Graph, GraphView, Node
from itonami.graphstore.head import Head
from itonami.graphstore.note import Checkpoint, Signer, Verifier
from itonami.graphstore.points import Point
from itonami.graphstore.proof import ProofFailed, StateProof
from itonami.graphstore.proof import check as check_proof
from itonami.graphstore.pruning import Pruned, Retention
from itonami.graphstore.reading import View
from itonami.graphstore.records import Commit, Entry, Event, Version
from itonami.graphstore.store import Store
from itonami.graphstore.verify import Report
from itonami.graphstore.watch import Watch
from itonami.graphstore.write import Attempt, OnConflict, Rebased, Write

__all__ = [
    "HEADER",
    "Attempt",
    "Change",
    "Checkpoint",
    "Commit",
    "Conflict",
    "Corrupt",
    "Delta",
    "Edge",
    "EdgeChange",
    "Entry",
    "Event",
    "Evolver",
    "Graph",
    "GraphView",
    "Head",
    "InvalidValue",
    "ItonamiError",
    "Node",
    "NotAStore",
    "NotFound",
    "OnConflict",
    "Point",
    "ProofFailed",
    "Pruned",
    "Rebased",
    "Report",
    "Retention",
    "Signer",
    "StateProof",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "StoreFull",
    "UnsupportedFormat",
    "Verifier",
    "Version",
    "VersionPruned",
    "View",
    "Watch",
    "Write",
    "check_proof",
    "freeze",
    "thaw",
]
