"""Filters as text: ``pikos-run --filter``.

    expression   term or term or …
    term         test and test and …
    test         FIELD ~ REGEX    FIELD !~ REGEX    FIELD = VALUE    FIELD != VALUE    FIELD < NUMBER (<=, >, >=)
                 FIELD glob PATTERN    own    not test    ( expression )

A word that has spaces, quotes or lone brackets in it stands in quotes of either kind.
"""

from __future__ import annotations

import re

from pikos._lsprof import And, Compare, Glob, Matches, Not, NotOnValue, OnValue, Or, OwnCode, _EventMonitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn, TypeAlias

    #: Called with a record.
    Filter: TypeAlias = Callable[[Any], bool]

__all__ = ["ExpressionError", "parse"]

#: Longer ones first.
SIGNS = ("!~", "!=", "<=", ">=", "~", "=", "<", ">")
#: The fields whose values are no text. The others' are.
NUMBERS = {
    "index": int,
    "lineNo": int,
    "RSS": int,
    "VMS": int,
    "time_ns": int,
    "time": float,
    "thread": int,
    "depth": int,
}
#: Brackets may stand in each other this deep.
DEEPEST = 50


class ExpressionError(ValueError):
    """No expression. ``place`` is where, in characters from its beginning."""

    def __init__(self, reason: str, text: str, place: int) -> None:
        super().__init__(f"{reason}\n    {text}\n    {' ' * place}^")
        self.reason = reason
        self.place = place


def parse(text: str, fields: Sequence[str] | None = None) -> Filter:
    """The filter that an expression says. fields: those that records have; None where that isn't known.

    Raises ExpressionError, a ValueError, which says what is wrong and shows where.
    """
    return Parser(text, fields).whole()


class Parser:
    """Reads an expression from left to right."""

    def __init__(self, text: str, fields: Sequence[str] | None) -> None:
        self.text = text
        self.place = 0
        self.depth = 0
        self.fields = fields

    def whole(self) -> Filter:
        found = self.expression()
        if self.place < len(self.text):
            self.fail("expected and, or, or the end")
        return found

    def expression(self) -> Filter:
        return self.joined("or", Or, self.term)

    def term(self) -> Filter:
        return self.joined("and", And, self.test)

    def joined(self, word: str, kind: Any, part: Any) -> Filter:
        """Parts with a word between them."""
        parts = [part()]
        while self.takes(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else kind(*parts)  # type: ignore[no-any-return]

    def test(self) -> Filter:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail("too many brackets and nots in each other")
        try:
            if self.takes("not"):
                return Not(self.test())
            if self.takes_sign("("):
                inside = self.expression()
                if not self.takes_sign(")"):
                    self.fail("expected )")
                return inside
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> Filter:
        """``FIELD sign VALUE``, or ``own``."""
        self.skip()
        start = self.place
        found = re.compile(r"\w+").match(self.text, start)
        if found is None:
            self.fail("expected a field, own, not or (")
        self.place = found.end()
        field = found.group()
        if field == "own" and self.is_at_end_of_test():
            return OwnCode()
        if self.fields is not None and field not in self.fields:
            self.fail(self.no_field(field), start)
        if self.takes("glob"):
            return Glob(field, self.value())
        sign = next((sign for sign in SIGNS if self.takes_sign(sign)), None)
        if sign is None:
            self.fail("expected ~, =, <, > or glob")
        at, value = self.value_and_place()
        if sign in ("~", "!~"):
            try:
                matches = Matches(field, value)
            except re.error as error:
                self.fail(f"no regular expression: {error.msg}", at + (error.pos or 0))
            return matches if sign == "~" else Not(matches)
        if sign in ("=", "!="):
            known = self.number(field, value, at) if field in NUMBERS else value
            return OnValue(field, known) if sign == "=" else NotOnValue(field, known)
        if field not in NUMBERS:
            self.fail(f"{field} is a text: {sign} is for numbers", start)
        return Compare(field, sign, self.number(field, value, at))

    def no_field(self, field: str) -> str:
        assert self.fields is not None
        is_extra = field in _EventMonitor.extra_fields
        hint = f": add --fields +{field}" if is_extra else f": they have {', '.join(self.fields)}"
        return f"records have no field {field}{hint}"

    def number(self, field: str, value: str, at: int) -> Any:
        try:
            return NUMBERS[field](value)
        except ValueError:
            self.fail(f"{field} is a number", at)

    def value(self) -> str:
        return self.value_and_place()[1]

    def value_and_place(self) -> tuple[int, str]:
        """A word, or what stands in quotes; and where it begins."""
        self.skip()
        start = self.place
        quote = self.text[start : start + 1]
        if quote in ("'", '"') and quote:
            end = self.text.find(quote, start + 1)
            if end < 0:
                self.fail("this quote is not closed")
            self.place = end + 1
            return start + 1, self.text[start + 1 : end]
        depth = 0
        while self.place < len(self.text) and not self.text[self.place].isspace():
            depth += {"(": 1, ")": -1}.get(self.text[self.place], 0)
            if depth < 0:
                break
            self.place += 1
        if self.place == start:
            self.fail("a value is missing")
        return start, self.text[start : self.place]

    def is_at_end_of_test(self) -> bool:
        """Whether a test may be over here."""
        return re.compile(r"\s*($|\)|(and|or)\b)").match(self.text, self.place) is not None

    def takes(self, word: str) -> bool:
        """Go on behind this word, if it comes next."""
        self.skip()
        if re.compile(rf"{word}(?!\w)").match(self.text, self.place) is None:
            return False
        self.place += len(word)
        return True

    def takes_sign(self, sign: str) -> bool:
        self.skip()
        if not self.text.startswith(sign, self.place):
            return False
        self.place += len(sign)
        return True

    def skip(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1

    def fail(self, reason: str, place: int | None = None) -> NoReturn:
        if place is None:
            self.skip()
            place = self.place
        raise ExpressionError(reason, self.text, place)
