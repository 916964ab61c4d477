"""Scopes: which variables there are, of which kind, and how patterns bind them.

A scope is a plain mapping from name to `Kind`; clauses make new ones, nothing is changed in place. A pattern binds
its variables in reading order, the path's own name last:

    node           new, or a node                     else VariableTypeConflict
    relationship   new, or a relationship             else VariableTypeConflict; twice in one clause:
                                                      RelationshipUniquenessViolation
    -[r*]-         new, or a list of relationships    else VariableTypeConflict
    path           new                                else VariableAlreadyBound

Inside a quantified path a variable is one element per round; outside it, a list of them.

Reference: openCypher TCK, features Match1 to Match6 and Pattern1.

Expressions are not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator

from itonami.query.cypher.ast import (
    Ast,
    NodePattern,
    PathPattern,
    QuantifiedPath,
    RelationshipPattern,
)
from itonami.query.cypher.errors import QuerySyntaxError
from itonami.query.cypher.kinds import LIST, NODE, PATH, RELATIONSHIP, Kind, fits, list_of

__all__ = ["Scope", "already_bound", "bind_patterns", "pattern_variables"]

Scope = dict[str, Kind]


def bind_patterns(text: str, scope: Scope, patterns: tuple[PathPattern, ...]) -> Scope:
    """The scope behind a MATCH of these patterns. Raises `QuerySyntaxError`."""
    return _Binder(text, scope).bind(patterns)


class _Binder:
    """Binds the patterns of one clause."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = dict(scope)
        self.relationships: set[str] = set()

    def bind(self, patterns: tuple[PathPattern, ...]) -> Scope:
        for pattern in patterns:
            for element in pattern.elements:
                self._bind_element(element)
            if pattern.variable is not None:
                self._bind_path(pattern.variable, pattern)
        return self.scope

    def _bind_element(self, element: NodePattern | RelationshipPattern | QuantifiedPath) -> None:
        if isinstance(element, QuantifiedPath):
            self._bind_rounds(element)
        elif element.variable is None:
            pass
        elif isinstance(element, NodePattern):
            self._bind(element.variable, NODE, element)
        else:
            name = element.variable
            if name in self.relationships:
                raise QuerySyntaxError(
                    f"the relationship `{name}` stands twice in one MATCH, and no path takes a relationship twice",
                    detail="RelationshipUniquenessViolation",
                    text=self.text,
                    at=element.at,
                    fix="name the second otherwise",
                )
            self._bind(name, RELATIONSHIP if element.length is None else list_of(RELATIONSHIP), element)
            self.relationships.add(name)

    def _bind(self, name: str, kind: Kind, node: Ast) -> None:
        known = self.scope.get(name)
        wanted = LIST if kind.name == "list" else kind
        if known is None:
            self.scope[name] = kind
        elif not fits(known, (wanted.name,)) or not (
            known.element is None or fits(known.element, ("relationship",))
        ):
            raise QuerySyntaxError(
                f"`{name}` is {known}, and here it would be {kind}",
                detail="VariableTypeConflict",
                text=self.text,
                at=node.at,
                fix="use another name",
            )

    def _bind_path(self, name: str, node: Ast) -> None:
        if name in self.scope:
            raise already_bound(self.text, name, node.at)
        self.scope[name] = PATH

    def _bind_rounds(self, element: QuantifiedPath) -> None:
        """The variables of one round must be new; behind the path they are lists."""
        inner = bind_patterns(self.text, {}, (element.pattern,))
        for name, kind in inner.items():
            if name in self.scope:
                raise already_bound(self.text, name, element.at)
            self.scope[name] = list_of(kind)


def already_bound(text: str, name: str, at: int) -> QuerySyntaxError:
    """The error of a name given twice."""
    return QuerySyntaxError(
        f"`{name}` is bound already", detail="VariableAlreadyBound", text=text, at=at, fix="use another name"
    )


def pattern_variables(pattern: PathPattern) -> Iterator[tuple[str, int]]:
    """Every name in a pattern, with its offset."""
    if pattern.variable is not None:
        yield pattern.variable, pattern.at
    for element in pattern.elements:
        if isinstance(element, QuantifiedPath):
            yield from pattern_variables(element.pattern)
        elif element.variable is not None:
            yield element.variable, element.at
