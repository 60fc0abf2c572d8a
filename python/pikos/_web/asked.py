"""A request and its answer, as the doors hand them on. All that comes in is a stranger's: sizes and counts are bounded here."""

from __future__ import annotations

import json
import math
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

#: Bytes of a query, and of a body.
MOST_QUERY, MOST_BODY = 8192, 8192
#: Names in either.
MOST_FIELDS = 32

REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    414: "URI Too Long",
    503: "Service Unavailable",
}

#: With every answer. The page needs nothing but its own style and forms; nobody may frame it, guess its type, or keep it.
HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    # Not no-referrer: with that, a browser sends no Origin with the page's own forms either.
    ("Referrer-Policy", "same-origin"),
    ("Vary", "Accept, Authorization, Cookie"),
)


class Refused(Exception):
    """What is asked for isn't done: the status, and a sentence that says why and what to do."""

    def __init__(self, status: int, sentence: str, *headers: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


class Answer(NamedTuple):
    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def line(self) -> str:
        """``200 OK``"""
        return f"{self.status} {REASONS[self.status]}"

    def all_headers(self) -> list[tuple[str, str]]:
        return [("Content-Type", self.kind), ("Content-Length", str(len(self.body))), *HEADERS, *self.headers]


class Request:
    """mount: the path that the application hangs at, without a slash at its end; path: what follows it. headers: by their names in small
    letters. body: reads at most so many bytes. user: who asks, as the program knows; None for nobody."""

    def __init__(
        self,
        method: str,
        mount: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        *,
        scheme: str = "http",
        user: object = None,
        body: Callable[[int], bytes] = lambda _: b"",
    ) -> None:
        self.method = method
        self.mount = mount.rstrip("/")
        self.path = path.rstrip("/") or "/"
        self.headers = headers
        self.scheme = scheme
        self.user = user
        self._query = query
        self._body = body
        self._fields: dict[str, str] | None = None
        self._sent: list[tuple[str, str]] = []

    def link(self, path: str, **fields: object) -> str:
        """The address of one of our pages, from the host's root. Encoded: a mount may hold any character."""
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in fields.items())
        # Two slashes at the head would name another host.
        mount = "/" + quote(self.mount.lstrip("/"), safe="/") if self.mount else ""
        return f"{mount}{path}" + (f"?{query}" if query else "")

    def fields(self) -> dict[str, str]:
        """What the query says and, of a POST, the form. Raises Refused."""
        if self._fields is None:
            if len(self._query) > MOST_QUERY:
                raise Refused(414, f"The query is longer than {MOST_QUERY:,} characters: shorten it.")
            pairs = _pairs(self._query)
            if any(name == "token" for name, _ in pairs):
                raise Refused(
                    400,
                    "A token in an address ends up in logs and histories. Send it as the header"
                    " `Authorization: Bearer TOKEN`, and make a new one: this one has been seen.",
                )
            if self.method == "POST":
                self._sent = self._form()
                pairs += self._sent
            fields: dict[str, str] = {}
            for name, value in pairs:
                if name in fields:
                    raise Refused(400, f"{_shown(name)} is given twice: give it once.")
                fields[name] = value
            self._fields = fields
        return self._fields

    def fields_of_form(self) -> dict[str, str]:
        """The form alone. Raises Refused."""
        self.fields()
        return dict(self._sent)

    def _form(self) -> list[tuple[str, str]]:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        length = self.headers.get("content-length", "0") or "0"
        is_number = length.isascii() and length.isdigit() and len(length) < 20
        if not is_number:
            raise Refused(400, "Content-Length is no number.")
        if int(length) > MOST_BODY:
            raise Refused(413, f"The body is longer than {MOST_BODY:,} bytes: shorten it.")
        if int(length) == 0:
            return []
        if kind not in ("application/x-www-form-urlencoded", ""):
            raise Refused(400, "The body must be a form: send it as application/x-www-form-urlencoded.")
        return _pairs(self._body(int(length)).decode("utf-8", "replace"))

    def number(self, name: str, what: str, example: str) -> float:
        """A number that must be there. Raises Refused."""
        text = self.fields().get(name, "").strip()
        if not text:
            raise Refused(400, f"{name} is missing: give {what}, as in {name}={example}.")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise Refused(400, f"{name} must be {what}, got {_shown(text)}.")
        return value

    def count(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within these bounds. Raises Refused."""
        text = self.fields().get(name, "").strip()
        if not text:
            return default
        digits = text.removeprefix("-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) < 20
        if not is_number or not least <= int(text) <= most:
            raise Refused(400, f"{name} must be a whole number from {least:,} to {most:,}, got {_shown(text)}.")
        return int(text)

    def flag(self, name: str) -> bool:
        return self.fields().get(name, "").strip().lower() in ("1", "true", "yes", "on")

    def wanted(self) -> str:
        """``"html"``, or ``"json"``, for whoever doesn't say that it wants a page."""
        named = dict(_pairs(self._query[:MOST_QUERY], strict=False)).get("format", "")
        if named in ("html", "json", "text", "csv"):
            return named
        accepted = self.headers.get("accept", "")[:MOST_QUERY].lower()
        return "html" if "text/html" in accepted else "json"


def json_answer(value: Any, status: int = 200, *headers: tuple[str, str]) -> Answer:
    body = json.dumps(value, indent=2, default=str, allow_nan=False) + "\n"
    return Answer(status, "application/json; charset=utf-8", body.encode(), headers)


def text_answer(text: str, kind: str = "text/plain", status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, f"{kind}; charset=utf-8", text.encode("utf-8", "backslashreplace"), headers)


def printable(text: str) -> str:
    """Without what a terminal obeys or a page turns round: such characters are written as Python would."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _shown(text: str) -> str:
    text = repr(text[:60])
    return printable(text)


def _pairs(text: str, strict: bool = True) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        if not strict:
            return []
        raise Refused(400, f"More than {MOST_FIELDS} names are given: nothing here takes so many.") from None
