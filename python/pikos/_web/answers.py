"""Answers that all desks have in common."""

from __future__ import annotations

from pikos._web import look
from pikos._web.asked import Answer, Refused, Request, json_answer, printable, text_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from pikos._web.entry import Entry

    class Dumped(Protocol):
        """What is asked of a ``pikos.stats.Profile``."""

        def dumps(self, format: str) -> bytes: ...


#: What a profile's file is called where the ending isn't the format's name.
ENDINGS = {
    "callgrind": "callgrind",
    "collapsed": "folded",
    "speedscope": "speedscope.json",
    "pprof": "pb.gz",
    "firefox": "firefox.json",
    "trace": "trace.json",
    "markdown": "md",
    "text": "txt",
}


def page_answer(text: str, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """One of our pages."""
    return text_answer(text, "text/html", status, ("Content-Security-Policy", look.POLICY), *headers)


def refused_answer(request: Request, entry: Entry, refused: Refused) -> Answer:
    """What wasn't done, and why."""
    if request.wanted() == "html":
        asks = refused.status == 401 and entry.token is not None
        text = look.refused(request, refused.status, refused.sentence, asks_for_token=asks)
        return page_answer(text, refused.status, *refused.headers)
    return json_answer({"error": refused.sentence}, refused.status, *refused.headers)


def back(request: Request, *headers: tuple[str, str]) -> Answer:
    """To the first page, which is asked for anew: loading that again must not send a form again."""
    return Answer(303, "text/plain; charset=utf-8", b"", (("Location", request.link("/")), *headers))


def download(request: Request, profile: Dumped, stem: str) -> Answer:
    """A profile as a file, in the format that is asked for. Raises Refused."""
    name = request.fields().get("format", "") or "pikos"
    try:
        # Not request.wanted(): here `format` is the file's.
        body = profile.dumps(name)
    except ValueError as error:
        raise Refused(400, f"{printable(str(error)[:500])}.") from None
    # A download, never a page of this host: some formats are HTML with scripts.
    disposition = ("Content-Disposition", f'attachment; filename="{stem}.{ENDINGS.get(name, name)}"')
    return Answer(200, "application/octet-stream", body, (disposition, ("Content-Security-Policy", "sandbox")))
