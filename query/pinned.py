"""The rule set that a graph pins, found again: in the store, where it lies as a graph like any other.

    <graph>            header: rules = <address>
    rules/<address>    a node a rule: `text`, and `order`, its place in the set

So whatever the code says today, a run's past is read by the rules it was made with. What is found has the address it
was asked for (`RuleSet.address`), or is refused. Nothing is written here, and no rule is fired.
"""

from __future__ import annotations

from functools import lru_cache

from itonami.graphstore.errors import InvalidValue
from itonami.graphstore.graph import Graph
from itonami.graphstore.reading import Reader
from itonami.rules import RuleSet, parse_rules
from itonami.rules.ruleset import known

__all__ = ["RULES", "rules_of", "stored_rules"]

RULES = "rules/"
"""What the names of graphs of rule sets start with"""


@lru_cache(maxsize=16)
def _rule_set(texts: tuple[str, ...]) -> RuleSet:
    return RuleSet(rule for text in texts for rule in parse_rules(text))


def stored_rules(store: Reader, address: str) -> RuleSet:
    """The rule set of an address (hex) from the store, met with that address. Raises `NotFound`, or `InvalidValue`
    where the rules there are others. O(rules) once, then O(text)."""
    nodes = sorted(store.at(f"{RULES}{address}").nodes("Rule"), key=lambda node: node.data["order"])
    rules = _rule_set(tuple(node.data["text"] for node in nodes))
    if rules.address.hex() != address:
        raise InvalidValue(f"the stored rule set does not have the address {address}")
    return rules


def rules_of(store: Reader, graph: Graph) -> RuleSet | None:
    """The rule set that a graph's header names: from the store, else one of this process; None where it names none,
    or one that neither has: then its events are told, but not explained."""
    address = graph.header.get("rules")
    if not isinstance(address, str):
        return None
    return stored_rules(store, address) if f"{RULES}{address}" in store else known(address)
