"""Every version of every run, rebuilt from its reasons by two packages alone: `graphstore` and `rules`.

    before + the recorded (rule, match, parameters) of each event  =  the recorded delta, the recorded root

Run as a script: `replay_alone.py STORE`. It prints, as JSON, the versions and the last root of each run, and fails when
anything of `itonami.workflow` was loaded. What an event needs stands in it; a run names its rule set, which lies in
the store as text.
"""

import json
import sys
from collections.abc import Iterable, Iterator

from itonami.graphstore import Graph, Head, Store
from itonami.graphstore.records import Commit
from itonami.rules import Match, RuleSet, apply


class Mismatch(Exception):
    """The reasons do not lead to the recorded facts."""


def rules_of(store: Store, address: str) -> RuleSet:
    """The rule set of an address, met with it."""
    nodes = sorted(store.at(f"rules/{address}").nodes("Rule"), key=lambda node: node["order"])
    rules = RuleSet.parse("\n\n".join(node["text"] for node in nodes))
    assert rules.address.hex() == address
    return rules


def replayed(
    store: Store, run: str, commits: Iterable[Commit], rules: RuleSet | None = None
) -> Iterator[Graph]:
    """The versions of a run, each met with what is recorded. Raises `Mismatch`, or what a rule says that does not
    apply."""
    graph, head = Graph(), Head()
    for commit in commits:
        entry = commit.entry(run)
        if entry.base is not None:
            graph = store.at(*entry.base)
            head = Head.of(graph)
            rules = rules or rules_of(store, graph.header["rules"])
        for event in entry.events:
            if event.rule is not None:
                rule = rules[event.rule]
                apply(head, rule, Match.from_ids(rule, event.match), event.data)
        if head.delta().to_list() != entry.delta.to_list():
            raise Mismatch(f"TX {commit.tx}: another delta")
        graph = graph.replaced(*head.touched())
        head.settle()
        if graph.root != entry.root or graph != store.at(run, commit.tx):
            raise Mismatch(f"TX {commit.tx}: another root")
        yield graph


def main(path: str) -> None:
    with Store.open(path, read_only=True) as store:
        report = {}
        for version in store.graphs(kind="run"):
            run = version.graph
            graphs = list(replayed(store, run, store.entries(run)))
            assert len(graphs) == version.version
            report[run] = [len(graphs), graphs[-1].root.hex()]
    assert not [name for name in sys.modules if name.startswith(("itonami.workflow", "itonami.query"))]
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
