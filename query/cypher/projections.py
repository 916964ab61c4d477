"""Projections and points in time: the parts that several clauses share.

Reference: openCypher 9 grammar (M23), rule `ProjectionBody`. The points in time are ours; their texts are those of
`Store.at`.
"""

from __future__ import annotations

from itonami.query.cypher.ast import (
    Expression,
    Literal,
    Point,
    Projection,
    ProjectionItem,
    SortItem,
    Use,
    Variable,
    YieldItem,
)
from itonami.query.cypher.patterns import PatternParser

__all__ = ["ProjectionParser"]


class ProjectionParser(PatternParser):
    """Parses what follows RETURN, WITH, YIELD, USE and AS OF."""

    __slots__ = ()

    def projection(self) -> Projection:
        """`[DISTINCT] *, item, ... ORDER BY ... SKIP ... LIMIT ...`."""
        at = self.at
        distinct = self.accept("DISTINCT")
        star = self.accept("*")
        items: list[ProjectionItem] = []
        if not star or self.accept(","):
            items.append(self._projection_item())
            while self.accept(","):
                items.append(self._projection_item())
        order: list[SortItem] = []
        if self.accept("ORDER"):
            self.expect("BY")
            order.append(self._sort_item())
            while self.accept(","):
                order.append(self._sort_item())
        skip = self.expression() if self.accept("SKIP") or self.accept("OFFSET") else None
        limit = self.expression() if self.accept("LIMIT") else None
        return Projection(tuple(items), star, distinct, tuple(order), skip, limit, at=at)

    def _projection_item(self) -> ProjectionItem:
        at = self.at
        expression = self.expression()
        if self.accept("AS"):
            return ProjectionItem(expression, self.name(), True, at=at)
        name = expression.name if isinstance(expression, Variable) else self.text[at : self.end_before]
        return ProjectionItem(expression, name, False, at=at)

    def _sort_item(self) -> SortItem:
        at = self.at
        expression = self.expression()
        descending = self.accept("DESC") or self.accept("DESCENDING")
        if not descending and not self.accept("ASC"):
            self.accept("ASCENDING")
        return SortItem(expression, descending, at=at)

    def yield_items(self) -> tuple[YieldItem, ...]:
        """`field AS variable, ...`."""
        items = [self._yield_item()]
        while self.accept(","):
            items.append(self._yield_item())
        return tuple(items)

    def _yield_item(self) -> YieldItem:
        at, field = self.at, self.name()
        return YieldItem(field, self.name() if self.accept("AS") else field, at=at)

    # -------------------------------------------------------------------------------------- points in time

    def use(self) -> Use | None:
        """`USE run('order-17') AS OF point`, if it stands here."""
        at = self.at
        if not self.accept("USE"):
            return None
        here, kind = self.at, self.word().lower()
        if kind not in ("run", "graph", "events"):
            raise self.error(
                "USE takes run(...), graph(...) or events(...)", at=here, fix="write USE run('order-17')"
            )
        self.expect("(")
        name = self.bracketed()
        self.expect(")")
        return Use(kind, name, self.as_of(), at=at)  # type: ignore[arg-type]

    def as_of(self) -> Point | None:
        """`AS OF point`, if it stands here."""
        if self.kind != "AS" or self.ahead(1) != "OF":
            return None
        self.step()
        self.step()
        at = self.at
        if self._value_follows("TX"):
            self.step()
            return Point("TX", self.expression(), at=at)
        if self.kind == "HEAD" and self.ahead(1) != "(":
            self.step()
            return Point("HEAD", self._versions_back(at), at=at)
        if self._value_follows("TAG"):
            self.step()
            return Point("TAG", self._tag_name(), at=at)
        return Point("VALUE", self.expression(), at=at)

    def _value_follows(self, word: str) -> bool:
        """Whether the word here has an operand: it is then no variable of that name."""
        following = self.ahead(1)
        return self.kind == word and (self.names(1) or following in ("string", "integer", "parameter", "("))

    def _versions_back(self, at: int) -> Literal:
        if not self.accept("~"):
            return Literal(0, at=at)
        if self.kind != "integer":
            raise self.unexpected("a number of versions")
        return self.number()

    def _tag_name(self) -> Expression:
        if self.kind in ("string", "parameter"):
            return self.expression()
        at = self.at
        return Literal(self.name(), at=at)
