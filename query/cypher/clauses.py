"""Clauses and whole queries.

    query   = [EXPLAIN | PROFILE] single {UNION [ALL] single} [;]
    single  = [USE graph] clause {clause}

The first word of a clause says which one it is (the tables `_READING` and `_WRITING`). GQL's FOR, FILTER, LET,
OFFSET and NEXT come out as what they mean. A clause that writes is refused by name, unless the parser was told that
somebody else will run it.

References: openCypher 9 grammar (M23), rule `Query`; ISO/IEC 39075:2024 sections 14 and 9.2 (NEXT).

Whether names and types fit is not asked here; which clause may follow which, is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from itonami.query.cypher.absent import LOAD, SUBQUERY_CALL
from itonami.query.cypher.ast import (
    Call,
    Clause,
    Create,
    Delete,
    Filter,
    Index,
    LabelAnd,
    LabelName,
    LabelTest,
    Let,
    Match,
    Merge,
    PathPattern,
    ProjectionItem,
    Property,
    Query,
    Remove,
    Return,
    Set,
    SetLabels,
    SetProperty,
    SetVariable,
    SingleQuery,
    Unwind,
    Variable,
    With,
)
from itonami.query.cypher.cursor import NESTED, THE_END
from itonami.query.cypher.errors import ReadOnlyQuery
from itonami.query.cypher.expressions import COMPARISON
from itonami.query.cypher.lexer import Tokens
from itonami.query.cypher.projections import ProjectionParser

__all__ = ["ClauseParser"]

A_CLAUSE = "a clause (MATCH, WITH, RETURN, ...)"
SetItem = SetProperty | SetVariable | SetLabels


class ClauseParser(ProjectionParser):
    """Parses a whole query. `writes`: also the clauses that write."""

    __slots__ = ("_within", "_writes")

    def __init__(self, tokens: Tokens, *, writes: bool) -> None:
        super().__init__(tokens)
        self._bar_ends = False
        self._writes = writes
        self._within = 0

    def whole(self) -> Query:
        """The query that is all of the text."""
        mode = self.kind if self.kind in ("EXPLAIN", "PROFILE") else None
        if mode:
            self.step()
        query = self._query()
        self.accept(";")
        if self.kind != "end":
            self._refuse_writing()
            raise self.unexpected(THE_END)
        return Query(query.parts, query.union_all, mode, self.text, at=query.at)  # type: ignore[arg-type]

    def subquery(self) -> Query:
        """`{ pattern WHERE condition }` or `{ query }`; neither needs a RETURN."""
        self.deeper(2 * NESTED)
        outer, self._bar_ends = self._bar_ends, False
        self._within += 1
        self.expect("{")
        if self.kind == "(" or (self.names() and self.ahead(1) == "="):
            match = self._match_body(self.at, optional=False)
            query = Query((SingleQuery((match,), at=match.at),), text=self.text, at=match.at)
        else:
            query = self._query()
        self.expect("}")
        self._within -= 1
        self._bar_ends = outer
        self.deeper(-2 * NESTED)
        return query

    def _query(self) -> Query:
        at = self.at
        parts = [self._single()]
        union_all: bool | None = None
        while self.kind == "UNION":
            here = self.at
            self.step()
            everything = self.accept("ALL")
            if not everything:
                self.accept("DISTINCT")
            if union_all is not None and union_all != everything:
                raise self.error(
                    "UNION and UNION ALL stand in one query",
                    detail="InvalidClauseComposition",
                    at=here,
                    fix="use one of them throughout",
                )
            union_all = everything
            parts.append(self._single())
        return Query(tuple(parts), bool(union_all), text=self.text, at=at)

    def _single(self) -> SingleQuery:
        at = self.at
        use = self.use()
        clauses: list[Clause] = []
        while (read := _CLAUSES.get(self.kind)) is not None:
            self._refuse_writing()
            clause = read(self)
            if isinstance(clause, Return):
                if not self.accept("NEXT"):
                    clauses.append(clause)
                    break
                items = tuple(replace(item, aliased=True) for item in clause.projection.items)
                clause = With(replace(clause.projection, items=items), at=clause.at)
            clauses.append(clause)
        if not clauses:
            raise self.unexpected(A_CLAUSE)
        self._check_end(clauses[-1])
        return SingleQuery(tuple(clauses), use, at=at)

    def _refuse_writing(self) -> None:
        if self.kind in _WRITING and not (self._writes and not self._within):
            raise ReadOnlyQuery(
                f"{self.kind} writes, and a query only reads",
                detail="InvalidClauseComposition",
                text=self.text,
                at=self.at,
                fix="state changes only by rules: see Rule.parse and `itonami rules`",
            )

    def _check_end(self, last: Clause) -> None:
        """What a query ends in makes its result; a subquery's result is whether it has rows."""
        if self._within or isinstance(last, Return | Create | Merge | Set | Remove | Delete):
            return
        if isinstance(last, Call) and (last.standalone or last.fields is None):
            return
        if self.kind not in ("end", ";", "UNION"):
            raise self.unexpected(A_CLAUSE)
        raise self.error(
            "the query returns nothing", detail="InvalidClauseComposition", fix="end it with RETURN"
        )

    # --------------------------------------------------------------------------------------------- reading

    def _match(self) -> Match:
        at = self.at
        optional = self.accept("OPTIONAL")
        self.expect("MATCH")
        return self._match_body(at, optional)

    def _match_body(self, at: int, optional: bool) -> Match:
        patterns = self.path_patterns()
        as_of = self.as_of()
        where = self.expression() if self.accept("WHERE") else None
        return Match(patterns, where, optional, as_of, at=at)

    def _unwind(self) -> Unwind:
        at = self.at
        self.step()
        source = self.expression()
        self.expect("AS")
        return Unwind(source, self.name(), at=at)

    def _for(self) -> Unwind:
        at = self.at
        self.step()
        variable = self.name()
        self.expect("IN")
        return Unwind(self.expression(), variable, at=at)

    def _let(self) -> Let:
        at = self.at
        self.step()
        bindings = [self._binding()]
        while self.accept(","):
            bindings.append(self._binding())
        return Let(tuple(bindings), at=at)

    def _binding(self) -> ProjectionItem:
        at, name = self.at, self.name()
        self.expect("=")
        return ProjectionItem(self.expression(), name, True, at=at)

    def _filter(self) -> Filter:
        at = self.at
        self.step()
        self.accept("WHERE")
        return Filter(self.expression(), at=at)

    def _with(self) -> With:
        at = self.at
        self.step()
        projection = self.projection()
        return With(projection, self.expression() if self.accept("WHERE") else None, at=at)

    def _return(self) -> Return:
        at = self.at
        self.step()
        return Return(self.projection(), at=at)

    def _procedure(self) -> Call:
        at, first = (
            self.at,
            self.index == 0 or self._kinds[self.index - 1] in ("UNION", "ALL", "{", "EXPLAIN", "PROFILE"),
        )
        self.step()
        if self.kind in ("{", "("):
            raise self.absent("CALL of a subquery", SUBQUERY_CALL, at)
        name = self.word()
        while self.accept("."):
            name += "." + self.word()
        arguments = self._items(")", self.bracketed) if self.accept("(") else None
        fields, star, where = None, False, None
        if self.accept("YIELD"):
            star = self.accept("*")
            fields = None if star else self.yield_items()
            where = self.expression() if self.accept("WHERE") else None
        standalone = first and self.kind in ("end", ";", "UNION", "}")
        if star and not standalone:
            raise self.error(
                "YIELD * stands only in a query of nothing but a CALL", at=at, fix="name the fields"
            )
        if arguments is None and not standalone:
            raise self.error(
                "arguments are taken from parameters only in a query of nothing but a CALL",
                detail="InvalidArgumentPassingMode",
                at=at,
                fix=f"write {name}(...)",
            )
        return Call(name, arguments, fields, where, star, standalone, at=at)

    def _load(self) -> Clause:
        raise self.absent("LOAD", LOAD)

    # ------------------------------------------------------------ writing, for `parse(text, writes=True)` only

    def _create(self) -> Create:
        at = self.at
        self.step()
        return Create(self.path_patterns(), at=at)

    def _merge(self) -> Merge:
        at = self.at
        self.step()
        pattern: PathPattern = self.path_pattern()
        actions: dict[str, tuple[SetItem, ...]] = {"CREATE": (), "MATCH": ()}
        while self.accept("ON"):
            event = self.kind
            if event not in actions:
                raise self.unexpected("CREATE or MATCH")
            self.step()
            self.expect("SET")
            actions[event] += self._set_items()
        return Merge(pattern, actions["CREATE"], actions["MATCH"], at=at)

    def _set(self) -> Set:
        at = self.at
        self.step()
        return Set(self._set_items(), at=at)

    def _set_items(self) -> tuple[SetItem, ...]:
        items = [self._set_item()]
        while self.accept(","):
            items.append(self._set_item())
        return tuple(items)

    def _set_item(self) -> SetItem:
        at = self.at
        target = self.expression(COMPARISON)
        if isinstance(target, LabelTest):
            return self._set_labels(target)
        if isinstance(target, Variable) and self.kind in ("=", "+="):
            adds = self.step() == "+="
            return SetVariable(target.name, self.expression(), adds, at=at)
        self.expect("=")
        if not isinstance(target, Property | Index):
            raise self.error("only a variable, its labels and its properties can be set", at=at)
        return SetProperty(target, self.expression(), at=at)

    def _set_labels(self, test: LabelTest) -> SetLabels:
        labels = test.labels.operands if isinstance(test.labels, LabelAnd) else (test.labels,)
        names = tuple(label.name for label in labels if isinstance(label, LabelName))
        if not isinstance(test.subject, Variable) or len(names) != len(labels):
            raise self.error("labels are set one by one, on a variable", at=test.at, fix="write n:A:B")
        return SetLabels(test.subject.name, names, at=test.at)

    def _remove(self) -> Remove:
        at = self.at
        self.step()
        items: list[SetProperty | SetLabels] = []
        while not items or self.accept(","):
            here, target = self.at, self.expression(COMPARISON)
            if isinstance(target, LabelTest):
                items.append(self._set_labels(target))
            elif isinstance(target, Property | Index):
                items.append(SetProperty(target, None, at=here))
            else:
                raise self.error("only labels and properties can be removed", at=here)
        return Remove(tuple(items), at=at)

    def _delete(self) -> Delete:
        at = self.at
        detach = self.accept("DETACH")
        self.expect("DELETE")
        targets = [self.expression()]
        while self.accept(","):
            targets.append(self.expression())
        return Delete(tuple(targets), detach, at=at)

    def _unsupported(self) -> Clause:
        raise self.unexpected(A_CLAUSE)


_READING: dict[str, Callable[[ClauseParser], Clause]] = {
    "MATCH": ClauseParser._match,
    "OPTIONAL": ClauseParser._match,
    "UNWIND": ClauseParser._unwind,
    "FOR": ClauseParser._for,
    "LET": ClauseParser._let,
    "FILTER": ClauseParser._filter,
    "WITH": ClauseParser._with,
    "RETURN": ClauseParser._return,
    "CALL": ClauseParser._procedure,
    "LOAD": ClauseParser._load,
}
_WRITING: dict[str, Callable[[ClauseParser], Clause]] = {
    "CREATE": ClauseParser._create,
    "MERGE": ClauseParser._merge,
    "SET": ClauseParser._set,
    "REMOVE": ClauseParser._remove,
    "DELETE": ClauseParser._delete,
    "DETACH": ClauseParser._delete,
    "INSERT": ClauseParser._unsupported,
    "FOREACH": ClauseParser._unsupported,
    "DROP": ClauseParser._unsupported,
}
_CLAUSES = _READING | _WRITING
