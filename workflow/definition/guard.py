"""Guards: conditions in CEL, the Common Expression Language, over the scope of a run.

The language is that of the CEL specification (github.com/google/cel-spec, doc/langdef.md), evaluated by the
package `common-expression-language`: no assignment, no recursion, no clock, so equal scopes give equal
answers. A guard may name `inputs`, `steps`, `item` and `error` and must give a boolean. As in CEL, `1 ==
1.0` holds but `1 + 1.0` is an error, `has(x.y)` asks whether a key is there, and a missing key is an error
unless `&&` or `||` can do without it.

The law: whatever the text, compiling or evaluating it gives an answer or a typed error. The evaluator
recurses on the machine stack, 0.7 KiB an operator of a chain and 7 KiB a bracket (measured), and a stack
overflow would end the process; so a text's height is bounded before it is compiled, to fit a thread of 512
KiB. Comprehensions (`map`, `exists`, ...) are bounded in number, nesting and sums, because each can
multiply its data. No definition, step or engine may live here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from itonami.workflow.definition.errors import DefinitionError, GuardError
from itonami.workflow.definition.mapping import SCOPE_NAMES
from itonami.workflow.definition.values import JSON, depth_exceeds, kind, nearest

if TYPE_CHECKING:
    import cel

__all__ = ["CompiledGuard", "compile_guard"]

MAX_CHARS = 10_000
MAX_HEIGHT = 512
BRACKET_HEIGHT = 10
MAX_COMPREHENSIONS = 4
MAX_COMPREHENSION_NESTING = 2
MAX_SUMS_BESIDE_COMPREHENSIONS = 16
MAX_DATA_DEPTH = 256

COMPREHENSIONS = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter"))
FUNCTIONS = {
    *("size", "contains", "startsWith", "endsWith", "matches", "type", "dyn"),
    *("int", "uint", "double", "string", "bytes", "timestamp", "duration"),
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    *("of", "none", "ofNonZeroValue", "hasValue", "value", "or", "orValue"),
}
CONSTANTS = {
    *("bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"),
    *("optional", "optional_type"),
}

_ESCAPE = r"""\\(?:[abfnrtv"'`?\\]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"""
_TOKEN = re.compile(
    rf"""(?P<space>\s+|//[^\n]*)
    |(?P<raw>(?:[rR][bB]?|[bB][rR])(?:\"{{3}}.*?\"{{3}}|'{{3}}.*?'{{3}}|"[^"\r\n]*"|'[^'\r\n]*'))
    |(?P<long>[bB]?(?:\"{{3}}(?:{_ESCAPE}|[^\\])*?\"{{3}}|'{{3}}(?:{_ESCAPE}|[^\\])*?'{{3}}))
    |(?P<text>[bB]?(?:"(?:{_ESCAPE}|[^"\\\r\n])*"|'(?:{_ESCAPE}|[^'\\\r\n])*'))
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||[=!<>]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_CLAUSE_ENDS = frozenset(("&&", "||", ","))  # the evaluator balances && and ||: clauses stand side by side
_SIMPLE_TEXT = re.compile(r"""(["'])((?:(?!\1)[^\\])*)\1""")
_ERROR = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


@dataclass(frozen=True, slots=True)
class CompiledGuard:
    """A guard, ready to be evaluated many times, from any thread.

    `references` are the ids of the steps it reads and `inputs` the names of the inputs it reads; None: it
    cannot be told from the text, so possibly all.
    """

    text: str
    where: str
    references: frozenset[str] | None
    inputs: frozenset[str] | None
    _program: cel.Program
    _roots: frozenset[str]

    def evaluate(self, scope: Mapping[str, JSON]) -> bool:
        """Whether the guard holds. Linear in the parts of the scope that it names (they are converted):
        10-40 us.

        Raises `GuardError` when the evaluation fails, or gives something other than a boolean.
        """
        known = {name: scope[name] for name in self._roots if name in scope}
        if any(depth_exceeds(value, MAX_DATA_DEPTH) for value in known.values()):
            self._fail(f"the data is nested deeper than {MAX_DATA_DEPTH} levels", "flatten it")
        try:
            result = self._program.execute(known)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as err:  # a panic of the evaluator is no Exception
            self._fail(
                _reason(err), "test with has(...) what may be missing; convert with int() or double()", err
            )
        if not isinstance(result, bool):
            self._fail(f"the result is no boolean but {kind(result)}", "compare it with something")
        return result

    def _fail(self, what: str, fix: str, cause: BaseException | None = None) -> NoReturn:
        shown = self.text if len(self.text) <= 80 else self.text[:80] + "..."
        raise GuardError(f"the guard {shown!r} failed: {what}", where=self.where, fix=fix) from cause


def compile_guard(text: str, where: str = "$") -> CompiledGuard:
    """Compile the guard `text`, which stands at the place `where` of its document.

    Raises `DefinitionError` for a syntax error, an unknown name or function, or a text past the bounds
    above. Costs about 1 ms for a text not compiled before.
    """
    try:
        return CompiledGuard(text, where, *_analyse(text))
    except DefinitionError as err:
        raise DefinitionError(err.what, where=where, fix=err.fix) from err


_Token = tuple[str, str]  # the name of its group in _TOKEN, its characters
_Analysis: TypeAlias = "tuple[frozenset[str] | None, frozenset[str] | None, cel.Program, frozenset[str]]"


@lru_cache(maxsize=1024)
def _analyse(text: str) -> _Analysis:
    if len(text) > MAX_CHARS:
        raise DefinitionError(f"the guard has more than {MAX_CHARS} characters", fix="shorten it")
    tokens = list(_tokens(text))
    if _height(tokens) > MAX_HEIGHT:
        raise DefinitionError(
            "the guard nests too deeply, or chains too many operators",
            fix="split it with && or ||, or let an activity decide",
        )
    bound = _check_comprehensions(tokens)
    import cel  # only here: it brings the libraries of a shell, most of what importing this package would cost

    try:
        program = cel.compile(text)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as err:
        raise DefinitionError(f"the guard is no CEL: {_reason(err)}", fix="mend the expression") from err
    names = frozenset(program.variables())
    if unknown := sorted(names - bound - CONSTANTS - set(SCOPE_NAMES)):
        raise DefinitionError(f"the guard names unknown {unknown[0]!r}", fix=nearest(unknown[0], SCOPE_NAMES))
    called = (name for name in program.functions() if re.fullmatch(r"[A-Za-z]\w*", name))
    if unknown := sorted(set(called) - FUNCTIONS):
        raise DefinitionError(f"the guard calls unknown {unknown[0]!r}", fix=nearest(unknown[0], FUNCTIONS))
    steps, inputs = (_names_below(root, tokens, names, bound) for root in ("steps", "inputs"))
    return steps, inputs, program, names & frozenset(SCOPE_NAMES)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "sign" and match[0] in "'\"\\`":
            # refused here, so that no text is read one way by these bounds and another way by the evaluator
            line, column = (
                text.count("\n", 0, match.start()) + 1,
                match.start() - text.rfind("\n", 0, match.start()),
            )
            raise DefinitionError(
                f"the guard is no CEL: line {line}, column {column}: an open text, or an unknown escape",
                fix="close the quotes; write a backslash as '\\\\'",
            )
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0]


@dataclass(slots=True)
class _Bracket:
    """What stands between two brackets so far: its `?`, and the height of the present and of past clauses."""

    ternaries: int = 0
    chain: int = 0
    operand: int = 0
    highest: int = 0

    def height(self) -> int:
        return BRACKET_HEIGHT * self.ternaries + max(self.highest, self.chain + self.operand)


def _height(tokens: list[_Token]) -> int:
    """An upper bound of the syntax tree's height: an operator in a chain counts 1, brackets and `?` count
    10."""
    stack = [_Bracket()]
    top = 0
    for group, sign in tokens:
        here = stack[-1]
        if group != "sign" or sign == "!":
            continue
        if sign in _OPEN:
            stack.append(_Bracket())
            top = max(top, BRACKET_HEIGHT * len(stack))
        elif sign in _CLOSE:
            if len(stack) > 1:
                stack.pop()
            stack[-1].chain += 1
            stack[-1].operand = max(stack[-1].operand, BRACKET_HEIGHT + here.height())
        elif sign in _CLAUSE_ENDS:
            here.highest = max(here.highest, here.chain + here.operand)
            here.chain = here.operand = 0
        elif sign == "?":
            here.ternaries += 1
        else:
            here.chain += 1
    return max(top, *(bracket.height() for bracket in stack))


def _check_comprehensions(tokens: list[_Token]) -> frozenset[str]:
    """The variables that comprehensions bind, once these are few, flat and of few sums."""
    bound: list[str] = []
    open_brackets: list[bool] = []
    count = 0
    for i, (_, sign) in enumerate(tokens):
        if sign in _OPEN:
            starts = i >= 2 and sign == "(" and tokens[i - 1][1] in COMPREHENSIONS and tokens[i - 2][1] == "."
            open_brackets.append(starts)
            if starts:
                count += 1
                bound.extend(name for group, name in tokens[i + 1 : i + 2] if group == "name")
            if sum(open_brackets) > MAX_COMPREHENSION_NESTING:
                raise DefinitionError(
                    f"the guard nests more than {MAX_COMPREHENSION_NESTING} comprehensions", fix="split it"
                )
        elif sign in _CLOSE and open_brackets:
            open_brackets.pop()
    if count > MAX_COMPREHENSIONS:
        raise DefinitionError(f"the guard has more than {MAX_COMPREHENSIONS} comprehensions", fix="split it")
    if count and sum(sign == "+" for _, sign in tokens) > MAX_SUMS_BESIDE_COMPREHENSIONS:
        raise DefinitionError("the guard sums too much beside a comprehension", fix="split it")
    return frozenset(bound)


def _names_below(
    root: str, tokens: list[_Token], names: frozenset[str], bound: frozenset[str]
) -> frozenset[str] | None:
    """The names directly below `root` that the guard reads: `root.NAME`, `root["NAME"]`; None for any other
    use."""
    if root not in names:
        return frozenset()
    if root in bound:
        return None
    found = set()
    padded = [("", ""), *tokens, ("", ""), ("", ""), ("", "")]
    for i, token in enumerate(padded):
        if token != ("name", root) or padded[i - 1][1] == ".":
            continue
        (_, sign), (group, name), (_, after) = padded[i + 1 : i + 4]
        if sign == "." and group == "name" and after != "(":
            found.add(name)
        elif sign == "[" and after == "]" and group == "text" and (match := _SIMPLE_TEXT.fullmatch(name)):
            found.add(match[2])
        else:
            return None
    return frozenset(found) or None


def _reason(err: BaseException) -> str:
    """What the evaluator complains of, in few words and with no echo of the text."""
    if match := _ERROR.search(str(err)):
        what = match[3].split(" expecting {")[0].strip()
        return f"line {match[1]}, column {match[2]}: {what}"
    first = (str(err).splitlines() or [""])[0].split(". ")[0]
    if isinstance(err, KeyError):
        return f"there is no key {first}"
    return first[:200] or type(err).__name__
