"""Replay: the recorded firings of a derivation, applied again.

    G0 ==(r1, m1)==> G1 ==(r2, m2)==> ... ==(rn, mn)==> Gn        (Ehrig et al. 2006, definition 3.2)

An event holds a rule's name, the ids of its match and its parameters; nothing else is needed, and no user code is
called. Every match is checked, so a history that the rules do not justify is refused. No agenda may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from itonami.graphstore.codec import Value
from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.rules.errors import RewriteError
from itonami.rules.match import Match, head_of
from itonami.rules.rewrite import apply
from itonami.rules.ruleset import RuleSet
from itonami.rules.step import Step

__all__ = ["Event", "replay"]

Event = tuple[str, Sequence[str], Mapping[str, Value]]
"""rule name, match ids, parameters"""


def replay(graph: Graph | Head, ruleset: RuleSet, events: Iterable[Event]) -> list[Step]:
    """Apply events in order; a `Head` is changed in place (its `delta()` is the fact), a `Graph` is only checked.

    Raises `RewriteError`, naming the event, when a match does not hold or its rule is unknown; a head then stands
    as the events before left it. About 6 us an event."""
    head = head_of(graph)
    steps = []
    for number, (name, ids, params) in enumerate(events):
        try:
            rule = ruleset[name]
            steps.append(apply(head, rule, Match.from_ids(rule, tuple(ids)), params))
        except (RewriteError, NotFound) as error:
            witness = getattr(error, "witness", None)
            raise RewriteError(
                f"{error.where}: {error.what}", where=f"event {number} ({name})", witness=witness
            ) from error
    return steps
