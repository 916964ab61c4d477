"""What one rewrite changed, as the agenda needs to know it: which finders are worth trying.

A step over-approximates: a key that was set to the value it had is listed. A rewrite's step also holds the changed
elements as they were, so that it can be taken back (`unapply`). The exact, canonical change of a whole
transaction is graphstore's `Delta`. Only the record may live here.
"""

from __future__ import annotations

from itonami.graphstore.delta import Change, Delta
from itonami.graphstore.graph import Edge, Node

__all__ = ["Step"]

Changed = tuple[str, tuple[str, ...], tuple[str, ...]]
"""An element's id, the property keys and the labels that changed"""


class Step:
    """The elements deleted, changed and created. Immutable by convention; created elements are those of R in its
    order, so their ids complete the comatch. `replaced` are the changed ones as they were, in the order they were
    changed (of a rewrite, else none)."""

    __slots__ = (
        "changed_edges",
        "changed_nodes",
        "created_edges",
        "created_nodes",
        "deleted_edges",
        "deleted_nodes",
        "replaced",
    )

    def __init__(
        self,
        deleted_nodes: tuple[Node, ...] = (),
        deleted_edges: tuple[Edge, ...] = (),
        changed_nodes: tuple[Changed, ...] = (),
        changed_edges: tuple[Changed, ...] = (),
        created_nodes: tuple[Node, ...] = (),
        created_edges: tuple[Edge, ...] = (),
        replaced: tuple[Node | Edge, ...] = (),
    ) -> None:
        self.deleted_nodes = deleted_nodes
        self.deleted_edges = deleted_edges
        self.changed_nodes = changed_nodes
        self.changed_edges = changed_edges
        self.created_nodes = created_nodes
        self.created_edges = created_edges
        self.replaced = replaced

    @classmethod
    def of(cls, delta: Delta) -> Step:
        """The step of a delta, whoever made it: free edits too."""
        return cls(
            delta.removed_nodes,
            delta.removed_edges,
            tuple(_changed(change) for change in delta.set_nodes),
            tuple(_changed(change) for change in delta.set_edges),
            delta.added_nodes,
            delta.added_edges,
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(getattr(self, part))} {part.replace('_', ' ')}" for part in self.__slots__)
        return f"<Step: {counts}>"


def _changed(change: Change) -> Changed:
    keys = tuple(sorted(change.before.keys() | change.after.keys()))
    return change.id, keys, change.labels_removed + change.labels_added
