"""Which activity a name means.

    Python: activities=[...] --+
    a file: --activities ------+--> Registry --add_declared--> Registry of one definition
    the definition: activities: {...} ------------+

A registry is a value: names bound to activities, once. A name bound to two different things is an error,
never a question of order (Gelernter and Carriero's separation of coordination and computation, CACM 35(2),
1992: the definition names, somebody else binds). A definition's own declarations fill only names that nobody
registered, so that a program decides what its workflows may touch; the same declaration gives the same
activity, and with it the same connections, however many runs are started.

No code is found or run here: a file becomes a registry in `loading`, a declaration an activity in `declared`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.activity import Activity, declared_activity
from itonami.workflow.activities.declared import from_declaration
from itonami.workflow.activities.errors import UnknownActivity
from itonami.workflow.definition.values import child

__all__ = ["Registry"]


class Registry:
    """Names bound to activities.

    `items` are activities, decorated or plain functions (bound by their `__name__`), modules (everything they
    declare), other registries, and iterables of these. Raises `InvalidValue` for anything else, and when two
    different activities have one name.
    """

    def __init__(self, items: object = ()) -> None:
        self._activities: dict[str, Activity] = {}
        self._declared: dict[str, Activity] = {}
        for activity in _activities(items):
            self._bind(activity)

    def _bind(self, activity: Activity) -> None:
        bound = self._activities.setdefault(activity.name, activity)
        if bound != activity:
            raise InvalidValue(
                f"two different activities are called {activity.name!r}",
                where="registry",
                fix="rename one with @activity(name=...)",
            )

    def get(self, name: str) -> Activity:
        """The activity of that name. Raises `UnknownActivity`, which knows the names most like it."""
        try:
            return self._activities[name]
        except KeyError:
            raise UnknownActivity(name, self._activities) from None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._activities))

    def __contains__(self, name: object) -> bool:
        return name in self._activities

    def __iter__(self) -> Iterator[Activity]:
        return iter(self._activities.values())

    def __len__(self) -> int:
        return len(self._activities)

    def add_declared(self, declarations: Mapping[str, Mapping[str, Any]]) -> Registry:
        """This registry and, where it has no such name, what a definition declares in `activities`.

        The new registry shares this one's declared activities and their connections: close this one only.
        Raises `DefinitionError`. Cost: linear in the declarations; nothing is opened.
        """
        layered = Registry(self)
        layered._declared = self._declared
        for name, declaration in declarations.items():
            if name not in self:
                layered._bind(self._made(name, declaration))
        return layered

    def _made(self, name: str, declaration: Mapping[str, Any]) -> Activity:
        key = json.dumps([name, declaration], sort_keys=True, default=repr)
        if key not in self._declared:
            self._declared[key] = from_declaration(name, declaration, child("$.workflow.activities", name))
        return self._declared[key]

    async def aclose(self) -> None:
        """Free the connections of all activities, those ever declared on top of this registry included."""
        for activity in {id(made): made for made in (*self, *self._declared.values())}.values():
            await activity.aclose()


def _activities(items: object) -> Iterator[Activity]:
    declared = declared_activity(items)
    if declared is not None:
        yield declared
    elif isinstance(items, ModuleType):
        yield from _within(vars(items), set())
    elif inspect.isroutine(items):
        yield Activity(items.__name__, items)
    elif isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping):
        for item in items:
            yield from _activities(item)
    else:
        raise InvalidValue(
            f"{items!r} is no activity",
            where="registry",
            fix="pass functions, http_activity(...), modules, or lists of them",
        )


def _within(value: object, seen: set[int]) -> Iterator[Activity]:
    """The declared activities in a value of a module: itself, or those in the list or dict it is."""
    declared = declared_activity(value)
    if declared is not None:
        yield declared
    elif isinstance(value, list | tuple | dict) and id(value) not in seen:
        seen.add(id(value))
        for item in value.values() if isinstance(value, dict) else value:
            yield from _within(item, seen)
