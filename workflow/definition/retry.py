"""When a failed attempt is followed by another, and after how long.

The law: the delay before attempt n (n >= 2) is `initial * coefficient^(n-2)`, capped at `maximum`, spread
by a fraction `jitter` to either side, and capped again: truncated exponential backoff, with jitter so that
many clients do not return together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
2015). Pure: the random number is passed in, so a replay finds the same delay. No clock may live here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from itonami.workflow.definition.duration import MAX_DURATION_MS, parse_duration
from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.values import JSON, Key, child, fields

__all__ = ["RetryPolicy", "parse_retry"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an activity is attempted, and how long it rests between attempts.

    >>> policy = RetryPolicy(initial_interval_ms=100, maximum_interval_ms=300)
    >>> [policy.delay_ms(attempt, 0.5) for attempt in (2, 3, 4, 5)]
    [100, 200, 300, 300]
    """

    initial_interval_ms: int = 1000
    backoff_coefficient: float = 2.0
    maximum_interval_ms: int | None = None
    maximum_attempts: int = 3
    jitter: float = 0.0
    non_retryable_errors: tuple[str, ...] = ()

    def delay_ms(self, attempt: int, rand: float) -> int:
        """Milliseconds to rest before attempt number `attempt` (the first that rests is 2).

        `rand` lies in [0, 1): 0.5 gives the middle, 0 the shortest, 1 the longest delay.
        """
        if attempt < 2:
            return 0
        cap = MAX_DURATION_MS if self.maximum_interval_ms is None else self.maximum_interval_ms
        steps = attempt - 2
        if steps * math.log2(self.backoff_coefficient) < 64:
            base = min(self.initial_interval_ms * self.backoff_coefficient**steps, cap)
        else:  # 2^64 ms is past every cap; the power itself might overflow
            base = cap if self.initial_interval_ms else 0
        return min(round(base * (1 + self.jitter * (2 * rand - 1))), cap)

    def allows(self, attempt: int, error_type: str) -> bool:
        """Whether another attempt may follow attempt number `attempt`, which failed with that type of
        error."""
        return attempt < self.maximum_attempts and error_type not in self.non_retryable_errors


_SHAPE: Mapping[str, Key] = {
    "initial_interval": Key(("string", "number")),
    "backoff_coefficient": Key(("number",)),
    "maximum_interval": Key(("string", "number")),
    "maximum_attempts": Key(("integer",)),
    "jitter": Key(("number",)),
    "non_retryable_errors": Key(("array",)),
}


def parse_retry(obj: JSON, where: str = "$.retry_policy") -> RetryPolicy:
    """The policy written as a definition's `retry_policy`; absent keys take the defaults of `RetryPolicy`.

    Raises `DefinitionError` that names the key below `where`.
    """
    given = fields(obj, where, _SHAPE)
    default = RetryPolicy()
    initial = given.get("initial_interval", default.initial_interval_ms)
    initial_ms = parse_duration(initial, child(where, "initial_interval"))
    maximum_ms = default.maximum_interval_ms
    if "maximum_interval" in given:
        place = child(where, "maximum_interval")
        maximum_ms = parse_duration(given["maximum_interval"], place)
        if maximum_ms < initial_ms:
            raise DefinitionError(
                "maximum_interval is shorter than initial_interval", where=place, fix="make it longer"
            )
    errors = given.get("non_retryable_errors", [])
    for i, name in enumerate(errors):
        if not isinstance(name, str) or not name:
            raise DefinitionError(
                "an error type is a text with a name in it", where=f"{where}.non_retryable_errors[{i}]"
            )
    return RetryPolicy(
        initial_interval_ms=initial_ms,
        backoff_coefficient=_between(
            given, where, "backoff_coefficient", default.backoff_coefficient, 1, 1000
        ),
        maximum_interval_ms=maximum_ms,
        maximum_attempts=int(_between(given, where, "maximum_attempts", default.maximum_attempts, 1, 10**6)),
        jitter=_between(given, where, "jitter", default.jitter, 0, 1),
        non_retryable_errors=tuple(errors),
    )


def _between(
    given: Mapping[str, JSON], where: str, key: str, default: float, low: float, high: float
) -> float:
    number = given.get(key, default)
    if not low <= number <= high:
        raise DefinitionError(
            f"{key} is {number}", where=child(where, key), fix=f"choose a number from {low} to {high}"
        )
    return float(number)
