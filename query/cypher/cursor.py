"""A place in the tokens, and the few moves a recursive descent makes from it.

    kind        what stands here            accept(kind)   step over it if it is that
    ahead(n)    what stands n further       expect(kind)   step over it or fail

and `deeper`, which counts nesting, so that neither the parser nor any later walk over the tree runs out of stack: a
level of recursion takes `NESTED` units of `MAX_DEPTH * NESTED`, one more operator of a chain (which makes the tree
higher, not the parser's stack) takes `CHAINED`.

Nothing here knows the grammar.
"""

from __future__ import annotations

from itonami.query.cypher.absent import ABSENT_PHRASES, MISPLACED
from itonami.query.cypher.errors import LimitExceeded, NotInLanguage, QuerySyntaxError
from itonami.query.cypher.lexer import KEYWORDS, MAX_DEPTH, RESERVED, Tokens, too_deep

__all__ = ["CHAINED", "NESTED", "THE_END", "Cursor"]

NESTED, CHAINED = 4, 2

_NAMES = (KEYWORDS - RESERVED) | {"name"}
_WORDS = KEYWORDS | {"name"}
_SHOWN = 40
THE_END = "the end of the query"
_SPOKEN = {"name": "a name", "end": THE_END, "integer": "an integer", "string": "a string"}


class Cursor:
    """Reads `tokens` from left to right. Offsets given to the tree are offsets in `text`."""

    __slots__ = ("_closing", "_depth", "_ends", "_kinds", "_starts", "_values", "index", "kind", "text")

    def __init__(self, tokens: Tokens) -> None:
        self.text = tokens.text
        self._kinds = tokens.kinds
        self._values = tokens.values
        self._starts = tokens.starts
        self._ends = tokens.ends
        self._closing = tokens.closing
        self._depth = 0
        self.index = 0
        self.kind = tokens.kinds[0]

    @property
    def at(self) -> int:
        """The offset of the token here."""
        return self._starts[self.index]

    @property
    def end_before(self) -> int:
        """The offset just behind the token before."""
        return self._ends[self.index - 1]

    def ahead(self, distance: int) -> str:
        """The kind of the token `distance` further on."""
        index = self.index + distance
        return self._kinds[index] if index < len(self._kinds) else "end"

    def step(self) -> int | float | str:
        """Goes on by one token; the value of the one left behind. The end is never left."""
        value = self._values[self.index]
        if self.kind != "end":
            self.index += 1
            self.kind = self._kinds[self.index]
        return value

    def accept(self, kind: str) -> bool:
        """Steps over a token of this kind, if one stands here."""
        if self.kind != kind:
            return False
        self.index += 1
        self.kind = self._kinds[self.index]
        return True

    def expect(self, kind: str) -> None:
        """Steps over a token of this kind, or fails."""
        if not self.accept(kind):
            raise self.unexpected(_SPOKEN.get(kind, f"`{kind}`"))

    def names(self, distance: int = 0) -> bool:
        """Whether a token here (or further on) may name a variable."""
        return self.ahead(distance) in _NAMES if distance else self.kind in _NAMES

    def name(self) -> str:
        """A variable's name."""
        if self.kind not in _NAMES:
            raise self.unexpected("a name")
        return str(self.step())

    def word(self) -> str:
        """The name of a label, a type, a property or a function: any word, keywords too."""
        if self.kind not in _WORDS:
            raise self.unexpected("a name")
        return str(self.step())

    def words(self, distance: int = 0) -> bool:
        """Whether a token may be a label, a type or a key."""
        return self.ahead(distance) in _WORDS

    def deeper(self, units: int = NESTED) -> None:
        """Takes units of depth (or gives them back, when negative)."""
        self._depth += units
        if self._depth > MAX_DEPTH * NESTED:
            raise self._too_deep()

    def _too_deep(self) -> LimitExceeded:
        """Whichever it is: brackets in brackets, or operator after operator."""
        brackets = sum(start < self.index < end for start, end in self._closing.items())
        if brackets > MAX_DEPTH // 8:
            return too_deep(self.text, self.at)
        return LimitExceeded(
            "the chain of operators is too long here",
            detail="QueryTooDeep",
            text=self.text,
            at=self.at,
            fix="put parts of it in parentheses, or go over a list: reduce(s = 0, x IN $list | s + x)",
        )

    def error(
        self, what: str, *, detail: str = "UnexpectedSyntax", at: int | None = None, fix: str | None = None
    ) -> QuerySyntaxError:
        """A syntax error at the token here, or at an offset."""
        return QuerySyntaxError(
            what, detail=detail, text=self.text, at=self.at if at is None else at, fix=fix
        )

    def absent(self, what: str, fix: str, at: int | None = None) -> NotInLanguage:
        """The error of something other languages have: at the token here, or at an offset."""
        return NotInLanguage(
            f"{what} is not in this language",
            detail="UnexpectedSyntax",
            text=self.text,
            at=self.at if at is None else at,
            fix=fix,
        )

    def unexpected(self, wanted: str) -> QuerySyntaxError:
        """The error of a token that does not belong here."""
        if self.kind == "end":
            return self.error(f"the query ends where {wanted} should follow")
        for last in (min(self.index + 1, len(self._kinds) - 1), self.index):
            words = [self.text[self._starts[at] : self._ends[at]] for at in range(self.index, last + 1)]
            fix = ABSENT_PHRASES.get(" ".join(words).upper())
            if fix is not None:
                return self.absent(f"`{self.text[self.at : self._ends[last]]}`", fix)
        return self.error(
            f"`{self.text[self.at : self._ends[self.index]][:_SHOWN]}` stands where {wanted} should",
            fix=self._remedy(wanted),
        )

    def _remedy(self, wanted: str) -> str | None:
        """What mends a token that does not belong here."""
        if wanted == THE_END:
            return MISPLACED.get(self.kind)
        if self.kind == "string" and wanted == "a name":
            return "a name stands without quotes, or in back quotes"
        opened = self.index > 0 and self._kinds[self.index - 1] in ("(", "[") and self.ahead(1) in ")]:{"
        if self.kind in RESERVED and (wanted == "a name" or opened):
            return "a word of the language names something only in back quotes"
        return None
