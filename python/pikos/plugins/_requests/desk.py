"""What each address below ``/__pikos__/`` does: it shows which requests are kept, and their profiles."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

from pikos._web.answers import back, download, page_answer, refused_answer
from pikos._web.asked import Answer, Refused, Request, json_answer, printable
from pikos._web.entry import Entry, refuse_other_sites
from pikos.plugins._requests import page
from pikos.plugins._requests.kept import ID, Memory

if TYPE_CHECKING:
    from collections.abc import Container

    from pikos.plugins._requests.watch import Watch
    from pikos.stats import Profile

#: Where it hangs.
AT = "/__pikos__"
#: Functions of a table where nobody says how many, and at most.
RECORDS, MOST_RECORDS = 100, 10_000
#: Seconds between two loads of a page that loads itself.
MOST_REFRESH = 3600
SORTS = {"self": "tottime", "total": "cumtime", "calls": "calls"}


class Desk:
    """Answers requests about those that are kept. Raises TypeError and ValueError for a token or users that can't be."""

    def __init__(self, watch: Watch, token: str | None, users: Container[object] | None) -> None:
        self._watch = watch
        self._entry = Entry(token, users)
        #: Whether there is somebody who may come in. Else these addresses aren't ours.
        self.is_open = bool(token) or users is not None
        self.asks_for_users = users is not None

    def answer(self, request: Request) -> Answer:
        """Never raises for what a stranger has sent."""
        try:
            return self._answer(request)
        except Refused as refused:
            return refused_answer(request, self._entry, refused)

    def _answer(self, request: Request) -> Answer:
        request.fields()
        path = request.path
        if path in ("/enter", "/leave", "/clear"):
            return self._change(request)
        self._entry.admit(request)
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "This only shows something: send it as GET.", ("Allow", "GET, HEAD"))
        if path == "/":
            return self._list(request)
        id, _, view = path.lstrip("/").partition("/")
        if ID.fullmatch(id) is None or view not in ("", "report", "file"):
            raise Refused(404, f"There is nothing at {printable(path[:100])}.")
        profile = self._watch.kept.profile(id)
        if profile is None:
            raise Refused(404, "This profile is no longer kept, or another process has it.")
        if view == "report":
            return self._report(profile)
        if view == "file":
            return download(request, profile, f"request-{id}")
        return self._table(request, id, profile)

    def _change(self, request: Request) -> Answer:
        path = request.path
        if request.method != "POST":
            raise Refused(405, f"{path} changes something: send it as POST.", ("Allow", "POST"))
        if path == "/enter":
            return back(request, self._entry.take_token(request))
        if path == "/leave":
            return back(request, self._entry.forget(request))
        if not self._entry.admit(request):
            refuse_other_sites(request)
        self._watch.kept.clear()
        return back(request) if request.wanted() == "html" else json_answer({"requests": []})

    def _list(self, request: Request) -> Answer:
        entries = self._watch.kept.entries()
        watch = self._watch
        trouble = f"{watch.problems:,} × {watch.problem}" if watch.problems > 1 else watch.problem
        if request.wanted() == "html":
            refresh = request.count("refresh", 0, 0, MOST_REFRESH)
            is_shared = not isinstance(watch.kept, Memory)
            return page_answer(page.entries(request, entries, watch.choice.options, trouble, is_shared, refresh))
        process = {"pid": os.getpid(), "python": platform.python_version(), "host": platform.node()}
        return json_answer({"process": process, "trouble": trouble, "requests": [each._asdict() for each in entries]})

    def _table(self, request: Request, id: str, profile: Profile) -> Answer:
        most = request.count("max_records", RECORDS, 1, MOST_RECORDS)
        sort = request.fields().get("sort", "") or "self"
        if sort not in SORTS:
            raise Refused(400, f"sort must be {', '.join(SORTS)}, got {printable(repr(sort[:60]))}.")
        rows = list(profile.sort(SORTS[sort]).top(most))
        entry = next((each for each in self._watch.kept.entries() if each.id == id), None)
        if entry is None:
            raise Refused(404, "This profile is no longer kept, or another process has it.")
        total = float(profile.metadata["tottime"])
        if request.wanted() == "html":
            return page_answer(page.functions(request, entry, rows, len(profile), total, sort))
        listed: list[dict[str, Any]] = [
            {
                "function": row.qualname or row.name,
                "file": row.file,
                "line": row.line,
                "calls": row.ncalls,
                "self_seconds": row.tottime,
                "total_seconds": row.cumtime,
            }
            for row in rows
        ]
        return json_answer({**entry._asdict(), "profiled_seconds": total, "functions": listed})

    def _report(self, profile: Profile) -> Answer:
        # It has a script: in a browser it is of no site, so that it reaches nothing of the application's.
        policy = ("Content-Security-Policy", "sandbox allow-scripts allow-popups; frame-ancestors 'none'")
        return Answer(200, "text/html; charset=utf-8", profile.dumps("html"), (policy,))
