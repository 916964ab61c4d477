"""The definition of a workflow as a value: a tree of operators, each a pattern of control flow.

Each operator is one of the workflow patterns (van der Aalst, ter Hofstede, Kiepuszewski and Barros,
"Workflow Patterns", Distributed and Parallel Databases 14, 2003, doi:10.1023/A:1022883727209): `Seq` is
sequence, `Parallel` parallel split with a join of some or all branches, `Decision` exclusive choice. `Saga`
is that of Garcia-Molina and Salem (SIGMOD 1987, doi:10.1145/38713.38742).

The law: everything here is frozen, already checked (by `parse`), and in one normal form: durations are
milliseconds, a completion condition is the number of branches needed, every operator has an id unique in
its definition. What text a definition may have is `parse`'s; what an operator does is `patterns`'. No
behaviour may live here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final, Literal, TypeAlias

import blake3
import cbor2

from itonami.workflow.definition.retry import RetryPolicy
from itonami.workflow.definition.values import JSON

__all__ = [
    "MISSING",
    "Activity",
    "Decision",
    "Definition",
    "Input",
    "Missing",
    "Op",
    "Output",
    "Parallel",
    "Saga",
    "Seq",
    "children",
]


class Missing(Enum):
    """The type of `MISSING`, which stands for "no default": None is a default like any other."""

    MISSING = "MISSING"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Input:
    """One declared input of a workflow; `type` is a name of `values.KINDS`."""

    name: str
    type: str
    required: bool = False
    default: JSON | Missing = field(default=MISSING, hash=False)


@dataclass(frozen=True, slots=True)
class Output:
    """One declared output: the JSONPath it is read from, or None for the latest step output with its name."""

    name: str
    type: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other."""

    id: str
    strategies: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """All at once, done when `needed` branches have succeeded; a failure ends it at once, or after the
    rest."""

    id: str
    branches: tuple[Op, ...]
    needed: int
    on_failure: Literal["fail_fast", "collect"] = "fail_fast"


@dataclass(frozen=True, slots=True)
class Decision:
    """The branch of the first guard (CEL text) that holds, else `default`, else nothing."""

    id: str
    conditions: tuple[tuple[str, Op], ...]
    default: Op | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """A call of something outside, tried as `retry_policy` says (None: as the activity itself says)."""

    id: str
    activity_ref: str
    input_mapping: JSON | None = field(default=None, hash=False)
    timeout_ms: int | None = None
    retry_policy: RetryPolicy | None = None
    compensate: Op | None = None


@dataclass(frozen=True, slots=True)
class Saga:
    """A flow that is compensated when it fails: step by step in reverse, then by `compensation`."""

    id: str
    main_flow: Op
    compensation: Op | None = None


Op: TypeAlias = Seq | Parallel | Decision | Activity | Saga


@dataclass(frozen=True)
class Definition:
    """A checked definition. `source` is the JSON it was parsed from, and what its address is the hash of."""

    id: str
    name: str
    version: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    strategy: Op
    timeout_ms: int | None
    activities: Mapping[str, dict[str, JSON]] = field(hash=False)
    source: dict[str, JSON] = field(repr=False, hash=False)

    @cached_property
    def address(self) -> str:
        """The hex BLAKE3 of the source in canonical CBOR (RFC 8949, section 4.2): equal sources, equal
        addresses."""
        return blake3.blake3(cbor2.dumps(self.source, canonical=True)).hexdigest()

    def ops(self) -> Iterator[Op]:
        """Every operator, parents before children, children in order. Not recursive."""
        todo: list[Op] = [self.strategy]
        while todo:
            op = todo.pop()
            yield op
            todo.extend(reversed(children(op)))


def children(op: Op) -> tuple[Op, ...]:
    """The operators directly below `op`, in the order of the document."""
    match op:
        case Seq():
            return op.strategies
        case Parallel():
            return op.branches
        case Decision():
            return tuple(branch for _, branch in op.conditions) + _maybe(op.default)
        case Activity():
            return _maybe(op.compensate)
        case Saga():
            return (op.main_flow, *_maybe(op.compensation))


def _maybe(op: Op | None) -> tuple[Op, ...]:
    return () if op is None else (op,)
