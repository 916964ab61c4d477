"""An activity: a named piece of work in the world, and how its inputs meet its parameters.

A workflow names its activities; Python, or a definition's `activities`, says what the names mean. There are
three kinds, all driven alike:

    kind        call                                    runs
    function    fn(**inputs), and `ctx` if it asks      coroutine: in the loop; else: in a worker thread
    http        async call(inputs, ctx)                 in the loop
    sql         call(inputs, ctx)                       in a worker thread

Inputs are matched with a function's parameters *before* it is called (PEP 362, `inspect.signature`), so that
a wrong mapping is told apart from a `TypeError` in the function's own body, and is never retried.

Only the value and the matching live here; running an attempt is `attempt`, its environment `context`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, TypeVar, overload

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.context import ActivityContext
from itonami.workflow.activities.errors import ActivityError
from itonami.workflow.definition.duration import parse_duration
from itonami.workflow.definition.retry import RetryPolicy, parse_retry
from itonami.workflow.definition.values import JSON

__all__ = ["Activity", "Kind", "Retry", "activity", "declared_activity", "settings"]

Kind = Literal["function", "http", "sql"]
Retry: TypeAlias = RetryPolicy | Mapping[str, Any] | None
"""A policy, or one in the form of a definition's `retry_policy`."""

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__itonami_activity__"
_CONTEXT = "ctx"
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Parameters:
    """What a function can be given by keyword: the `named` ones, the `required` of them, `ctx`, any other."""

    named: frozenset[str]
    required: frozenset[str]
    takes_context: bool
    takes_rest: bool

    @classmethod
    def of(cls, fn: Callable[..., Any], where: str) -> Parameters:
        """Read `fn`'s signature. Raises `InvalidValue` if it has none or needs a positional-only argument."""
        try:
            parameters = inspect.signature(fn).parameters.values()
        except (TypeError, ValueError) as error:
            raise InvalidValue(
                f"the signature cannot be read ({error})", where=where, fix="wrap it in a def"
            ) from error
        for parameter in parameters:
            if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
                raise InvalidValue(
                    f"parameter {parameter.name!r} is positional only, and inputs arrive as keywords",
                    where=where,
                    fix="remove the '/' from its signature",
                )
        named = {p.name: p for p in parameters if p.kind in _NAMED}
        takes_context = named.pop(_CONTEXT, None) is not None
        return cls(
            named=frozenset(named),
            required=frozenset(name for name, p in named.items() if p.default is p.empty),
            takes_context=takes_context,
            takes_rest=any(p.kind is p.VAR_KEYWORD for p in parameters),
        )


@dataclass(frozen=True)
class Activity:
    """A named piece of work. `timeout_ms` and `retry` hold unless the step has its own; `close` frees what it
    keeps open. Raises `InvalidValue` for a name, timeout or function that cannot serve."""

    name: str
    call: Callable[..., Any] = field(repr=False)
    timeout_ms: int | None = None
    retry: RetryPolicy | None = None
    kind: Kind = "function"
    close: Callable[[], Awaitable[None]] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or self.name == "<lambda>":
            raise InvalidValue(
                f"an activity cannot be called {self.name!r}", fix="write @activity(name='...') with a name"
            )
        if self.timeout_ms is not None and self.timeout_ms <= 0:
            raise InvalidValue("a timeout must be longer than zero", where=self.where, fix="leave it out")
        if self.kind == "function":
            _ = self.parameters

    @property
    def where(self) -> str:
        """The place that errors name."""
        return f"activity {self.name!r}"

    @cached_property
    def parameters(self) -> Parameters:
        """What the function takes, read once."""
        return Parameters.of(self.call, self.where)

    @cached_property
    def is_async(self) -> bool:
        """Whether a call gives a coroutine, and so belongs into the event loop."""
        of_object = getattr(self.call, "__call__", None)  # noqa: B004
        return inspect.iscoroutinefunction(self.call) or inspect.iscoroutinefunction(of_object)

    def arguments(
        self, inputs: Mapping[str, JSON], ctx: ActivityContext, *, lenient: bool = False
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and keyword arguments of one call.

        `lenient` leaves out inputs that the function does not name. Raises `ActivityError` of type
        InvalidInput, not retryable, that names each unexpected and each missing input. Cost: linear in the
        inputs.
        """
        if self.kind != "function":
            return (inputs, ctx), {}
        takes = self.parameters
        names = inputs.keys() - ({_CONTEXT} if takes.takes_context else set())
        unexpected = set() if takes.takes_rest else names - takes.named
        if takes.takes_context and _CONTEXT in inputs:
            unexpected.add(_CONTEXT)
        missing = takes.required - names
        if missing or (unexpected and not lenient):
            raise self._mismatch(missing, set() if lenient else unexpected)
        keywords: dict[str, Any] = {name: value for name, value in inputs.items() if name not in unexpected}
        if takes.takes_context:
            keywords[_CONTEXT] = ctx
        return (), keywords

    def _mismatch(self, missing: frozenset[str] | set[str], unexpected: set[str]) -> ActivityError:
        lacks = f"it lacks {_listed(missing)}" if missing else ""
        knows_not = f"it does not take {_listed(unexpected)}" if unexpected else ""
        taken = _listed(self.parameters.named) or "no inputs"
        return ActivityError(
            " and ".join(filter(None, (lacks, knows_not))),
            type="InvalidInput",
            retryable=False,
            details={"missing": sorted(missing), "unexpected": sorted(unexpected)},
            where=self.where,
            fix=f"map what it takes: {taken}",
        )

    async def aclose(self) -> None:
        """Free connections. The activity stays usable: the next call opens its own."""
        if self.close is not None:
            await self.close()


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def settings(where: str, timeout: str | int | None, retry: Retry) -> dict[str, Any]:
    """`timeout` and `retry` as a user writes them, as fields of an `Activity`."""
    return {
        "timeout_ms": None if timeout is None else parse_duration(timeout, where=where),
        "retry": retry if retry is None or isinstance(retry, RetryPolicy) else parse_retry(retry, where),
    }


@overload
def activity(fn: F, /) -> F: ...


@overload
def activity(
    *, name: str | None = None, timeout: str | int | None = None, retry: Retry = None
) -> Callable[[F], F]: ...


def activity(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: str | int | None = None,
    retry: Retry = None,
) -> Any:
    """Declare a function, sync or async, as an activity: `@activity`, or `@activity(name=..., timeout=...)`.

    The function itself is returned, and stays an ordinary one. `name` defaults to the function's, `timeout`
    is a duration as in definitions, `retry` a policy. A parameter called `ctx` is given the
    `ActivityContext`. Raises `InvalidValue` or `DefinitionError` for what cannot be an activity.
    """
    if fn is not None and not callable(fn):
        raise InvalidValue(f"{fn!r} is no function", where="@activity", fix="write @activity(name=...)")

    def declare(function: F) -> F:
        called = name or str(getattr(function, "__name__", ""))
        made = Activity(called, function, **settings(f"activity {called!r}", timeout, retry))
        setattr(function, _MARK, made)
        return function

    return declare if fn is None else declare(fn)


def declared_activity(item: object) -> Activity | None:
    """The activity that `item` is or was declared as, or None.

    Of a method the bound one is called, of a decorated function the outermost wrapper.
    """
    if isinstance(item, Activity):
        return item
    bearer = item.__func__ if inspect.ismethod(item) else item
    mark = inspect.getattr_static(bearer, _MARK, None)
    if not isinstance(mark, Activity) or not callable(item):
        return None
    return mark if mark.call is item else replace(mark, call=item)
