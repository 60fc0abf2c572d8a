"""A panel of Django Debug Toolbar: the exact profile of the request, with its flame graph, in asynchronous projects as well.

# settings.py, in the place of the toolbar's own ProfilingPanel, which needs the same hook of the interpreter
DEBUG_TOOLBAR_PANELS = [..., "pikos.plugins.debug_toolbar.PikosPanel"]
"""

from __future__ import annotations

import inspect
from html import escape
from typing import TYPE_CHECKING

from debug_toolbar.panels import Panel
from django.utils.safestring import mark_safe

from pikos._web.look import seconds as duration
from pikos._web.look import shown
from pikos.plugins._requests.recording import Recording

if TYPE_CHECKING:
    from typing import Any

    from pikos.stats import Row

#: Functions of the table.
RECORDS = 40


class PikosPanel(Panel):
    """The profile of this request."""

    title = "Profile (Pikos)"
    nav_title = "Pikos"
    template = None
    is_async = True

    @property
    def nav_subtitle(self) -> Any:
        told = self.get_stats()
        if not told:
            return ""
        return told["problem"] or f"{told['calls']:,} calls in {duration(told['seconds'])}"

    @property
    def content(self) -> Any:
        told = self.get_stats()
        if not told:
            return ""
        if told["problem"]:
            return mark_safe(f"<p>{shown(told['problem'])}</p>")
        # Without rights: it can do nothing but draw.
        graph = (
            f'<iframe sandbox="allow-scripts" srcdoc="{escape(told["page"])}" title="flame graph" '
            'style="width: 100%; height: 600px; border: 0"></iframe>'
        )
        return mark_safe(f"{graph}{told['table']}")

    def process_request(self, request: Any) -> Any:
        try:
            recording = Recording()
            recording.begin()
        except (ValueError, RuntimeError) as error:
            self._problem(str(error))
            return super().process_request(request)
        try:
            response = super().process_request(request)
        except BaseException:
            recording.close()
            raise
        if inspect.isawaitable(response):
            # Awaited in the context that it was begun in.
            return self._awaited(recording, response)
        recording.close()
        self._tell(recording)
        return response

    async def _awaited(self, recording: Recording, response: Any) -> Any:
        try:
            found = await response
        finally:
            recording.close()
        self._tell(recording)
        return found

    def _problem(self, sentence: str) -> None:
        self.record_stats({"problem": sentence, "calls": 0, "seconds": 0.0, "page": "", "table": ""})

    def _tell(self, recording: Recording) -> None:
        profile = recording.finished()
        facts = profile.metadata
        self.record_stats(
            {
                "problem": "",
                "calls": facts["ncalls"] or 0,
                "seconds": facts["tottime"],
                "page": profile.dumps("html").decode(),
                "table": table(list(profile.sort("tottime").top(RECORDS))),
            }
        )


def table(rows: list[Row]) -> str:
    """As the toolbar's own tables look."""
    lines = "".join(
        f"<tr><td><code>{shown(row.qualname or row.name)}</code></td><td>{shown('' if row.file == '~' else f'{row.file}:{row.line}')}</td>"
        f"<td>{row.ncalls or 0:,}</td><td>{duration(row.tottime)}</td><td>{duration(row.cumtime)}</td></tr>"
        for row in rows
    )
    return (
        "<table><thead><tr><th>Function</th><th>Where</th><th>Calls</th><th>Time itself</th><th>With callees</th></tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )
