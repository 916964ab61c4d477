"""A rule set: rules in an order that counts, under unique names.

A run pins the address of its rule set and loads that one again, whatever the code says today. The law of a set is
that created ids never come twice: each rule that creates deletes an edge or increments a counter (`laws`). Nothing
that fires a rule may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from itonami.graphstore import codec
from itonami.graphstore.errors import NotFound
from itonami.rules.errors import RuleError
from itonami.rules.laws import check_fresh
from itonami.rules.rule import Rule

if TYPE_CHECKING:
    from itonami.rules.rebase import Rebase
    from itonami.rules.triggers import Triggers

__all__ = ["RuleSet", "known"]

_MADE: WeakValueDictionary[int, RuleSet] = WeakValueDictionary()
"""The rule sets of this process"""


def known(address: str) -> RuleSet | None:
    """The rule set of that address (hex), if this process made it and still has it."""
    return next((made for made in list(_MADE.values()) if made.address.hex() == address), None)


class RuleSet:
    """An immutable sequence of rules. `rules["name"]` is a rule; equal sets have equal addresses."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_name: dict[str, Rule] = {}
        for rule in self.rules:
            if rule.name in self._by_name:
                raise RuleError(
                    "two rules of a set have this name", where=f"rule {rule.name!r}", fix="rename one"
                )
            self._by_name[rule.name] = rule
        check_fresh(self.rules)
        _MADE[id(self)] = self

    @classmethod
    def parse(cls, text: str) -> RuleSet:
        """The set of a text's rules. Raises `RuleError`."""
        from itonami.rules.text import parse_rules

        return cls(parse_rules(text))

    def __getitem__(self, name: str) -> Rule:
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(f"no rule {name!r}", where="rule set") from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.rules)) + "\n"

    def to_json(self) -> list[dict[str, Any]]:
        """The rules as JSON, in order."""
        return [rule.to_json() for rule in self.rules]

    @classmethod
    def from_json(cls, obj: Any) -> RuleSet:
        """The set of a list of rules as JSON. Raises `RuleError`."""
        if not isinstance(obj, list):
            raise RuleError(f"a rule set is a list of rules, not {type(obj).__name__}")
        return cls(map(Rule.from_json, obj))

    def _repr_svg_(self) -> str:
        from itonami.rules.drawing.picture import ruleset_svg

        return ruleset_svg(self)

    @cached_property
    def address(self) -> bytes:
        """BLAKE3 of the canonical bytes of `to_json()`, 32 bytes."""
        return codec.address(codec.encode(self.to_json()))

    @cached_property
    def rebase(self) -> Rebase:
        """A store's `on_conflict` for events of these rules: `on_conflict=rules.rebase`."""
        from itonami.rules.rebase import Rebase

        return Rebase(self)

    @cached_property
    def triggers(self) -> Triggers:
        """Which finder each kind of change makes worth trying."""
        from itonami.rules.triggers import Triggers

        return Triggers(self.rules)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, RuleSet) and self.address == other.address)

    def __hash__(self) -> int:
        return hash(self.address)
