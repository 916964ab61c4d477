"""The program of a grammar: which rules are applied, in which order, how often.

    ["rule", n]                     the rule n times; "*" as long as possible
    {"repeat": n, "body": [step]}   the steps n times over; "*" until a whole pass applies nothing
    {"any": [rules]}                one application of the first of the rules that applies
    {"all": rule}                   every match there is now, one after the other, where it still applies

The first three are the form of `conformance/dpo`; the last is GrGen's `[rule]`, which its cases are written with.
A step that finds nothing to apply is passed over, as GrGen's `rule[0:n]` (Jakumeit, Buchwald and Kroll, GrGen.NET,
STTT 12, 2010, section 4): n bounds how often. Only reading and checking may live here; `derive` runs programs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from itonami.rules.errors import RuleError
from itonami.rules.programs.count import FOREVER, Count, count_of

__all__ = [
    "AllOf",
    "FirstOf",
    "Instruction",
    "Repeat",
    "Times",
    "as_long_as_possible",
    "needs_n",
    "program_of",
]

MAX_DEPTH = 32
"""How deeply repetitions may nest."""


@dataclass(frozen=True, slots=True)
class Times:
    """Apply a rule up to so many times. `place` is where it stands in the program."""

    rule: str
    count: Count
    place: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """Run the body so many times, or until a whole pass applies nothing."""

    body: tuple[Instruction, ...]
    count: Count
    place: str


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Apply the first rule that applies, once."""

    rules: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Apply a rule at every match that there is."""

    rule: str
    place: str


Instruction = Times | Repeat | FirstOf | AllOf


def as_long_as_possible(rules: Collection[str]) -> tuple[Instruction, ...]:
    """The program of a grammar that has none: whichever rule comes first and applies, until none does."""
    if not rules:
        return ()
    return (Repeat((FirstOf(tuple(rules), "rules"),), FOREVER, "rules"),)


def needs_n(program: tuple[Instruction, ...]) -> bool:
    """Whether a count of the program has N in it."""
    return any(
        (isinstance(step, Times | Repeat) and step.count.needs_n)
        or (isinstance(step, Repeat) and needs_n(step.body))
        for step in program
    )


def program_of(obj: Any, rules: Collection[str], where: str) -> tuple[Instruction, ...]:
    """The program of a list of steps about these rules. Raises `RuleError`, which names the step. O(size)."""
    return _Reader(frozenset(rules), sorted(rules)).steps(obj, where, 0)


class _Reader:
    def __init__(self, rules: frozenset[str], known: list[str]) -> None:
        self._rules = rules
        self._known = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")

    def steps(self, obj: Any, place: str, depth: int) -> tuple[Instruction, ...]:
        if not isinstance(obj, list):
            raise RuleError(f"a program is a list of steps, not {type(obj).__name__}", where=place)
        if depth > MAX_DEPTH:
            raise RuleError(f"steps nest deeper than {MAX_DEPTH}", where=place, fix="write fewer repetitions")
        return tuple(self._step(step, f"{place}[{number}]", depth) for number, step in enumerate(obj))

    def _step(self, obj: Any, place: str, depth: int) -> Instruction:
        if isinstance(obj, list) and len(obj) == 2:
            return Times(self._rule(obj[0], place), count_of(obj[1], place), place)
        if isinstance(obj, dict):
            if obj.keys() == {"repeat", "body"}:
                body = self.steps(obj["body"], f"{place}.body", depth + 1)
                return Repeat(body, count_of(obj["repeat"], f"{place}.repeat"), place)
            if obj.keys() == {"any"}:
                if not isinstance(obj["any"], list):
                    raise RuleError("'any' is no list of rules", where=place, fix='write {"any": ["rule"]}')
                return FirstOf(tuple(self._rule(name, place) for name in obj["any"]), place)
            if obj.keys() == {"all"}:
                return AllOf(self._rule(obj["all"], place), place)
        raise RuleError(
            "this is no step of a program",
            where=place,
            fix='write ["rule", n], {"repeat": n, "body": [...]} or {"any": [rules]}',
        )

    def _rule(self, name: Any, place: str) -> str:
        if not isinstance(name, str):
            raise RuleError(f"a rule's name is text, not {type(name).__name__}", where=place)
        if name not in self._rules:
            raise RuleError(f"there is no rule {name[:100]!r}", where=place, fix=f"known: {self._known}")
        return name
