"""The pages of kept requests."""

from __future__ import annotations

import os
import time
from html import escape
from typing import TYPE_CHECKING

from pikos._web.look import DOWNLOADS, button, document, share, shown, where
from pikos._web.look import seconds as duration

if TYPE_CHECKING:
    from pikos._web.asked import Request
    from pikos.plugins._requests.choice import Options
    from pikos.plugins._requests.kept import Entry
    from pikos.stats import Row

#: Seconds.
REFRESH = 5
#: What a table can be sorted by, how that is called, and what it is.
COLUMNS = (
    ("self", "itself", "its part of the time, without what it called"),
    ("total", "with callees", "the same, with all that it called"),
    ("calls", "calls", "how often it was called"),
)


def entries(request: Request, kept: list[Entry], options: Options, trouble: str, is_shared: bool, refresh: int) -> str:
    """Which requests are kept."""
    whose = "all processes that share the folder" if is_shared else f"process {os.getpid()}"
    head = f'<h1>Requests</h1><p class="under">{shown(asked(options))} These are the newest, of {whose}.</p>'
    if trouble:
        head += f'<p class="note">{shown(trouble)}</p>'
    if kept:
        rows = "".join(entry_row(request, each) for each in kept)
        body = (
            '<section class="card"><div class="wide"><table><thead><tr><th class="text">Route</th><th>took</th><th>calls</th>'
            f"<th>answer</th><th>kept</th><th>at</th><th>process</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
        )
    else:
        body = '<p class="empty">Nothing is kept yet.</p>'
    again = (
        f'<a href="{escape(request.link("/"))}">stop refreshing</a>'
        if refresh
        else f'<a href="{escape(request.link("/", refresh=REFRESH))}">refresh every {REFRESH} s</a>'
    )
    more = f'<a href="{escape(request.link("/", format="json"))}">JSON</a><span>·</span>{again}'
    if kept:
        more += f"<span>·</span>{button(request.link('/clear'), 'Forget them')}"
    return whole(head, body, more, refresh)


def asked(options: Options) -> str:
    """What is profiled and kept, in words."""
    ways = []
    if options.slow is not None:
        ways.append(
            f"requests that take {duration(options.slow)} or longer, or fail" if options.slow else "all requests"
        )
    if options.every is not None:
        ways.append("every request" if options.every == 1 else f"one request in {options.every:,}")
    if options.secret is not None:
        ways.append("those that bring the secret" if ways else "requests that bring the secret")
    return f"Kept are {'; '.join(ways)}."


def entry_row(request: Request, entry: Entry) -> str:
    link = escape(request.link(f"/{entry.id}"))
    what = f'<small title="{shown(entry.what)}">{shown(entry.what)}</small>' if entry.what != entry.label else ""
    calls = "–" if entry.calls is None else f"{entry.calls:,}"
    return (
        f'<tr><td class="text"><a href="{link}"><code>{shown(entry.label)}</code></a>{what}</td><td>{duration(entry.seconds)}</td><td>{calls}</td>'
        f"<td>{shown(entry.outcome)}</td><td>{shown(entry.why)}</td><td>{clock(entry.began)}</td><td>{entry.pid}</td></tr>"
    )


def functions(request: Request, entry: Entry, rows: list[Row], count: int, total: float, sort: str) -> str:
    """The table of one."""
    link = request.link
    calls = "" if entry.calls is None else f"{entry.calls:,} calls · "
    note = f'<p class="note">{shown(entry.note)}</p>' if entry.note else ""
    head = (
        f"<h1>{shown(entry.label)}</h1>"
        f'<p class="under">{shown(entry.what)}{" · " if entry.what else ""}{shown(entry.outcome)} · {duration(entry.seconds)} · {calls}'
        f"{shown(entry.why)} · {clock(entry.began)} · process {entry.pid}</p>{note}"
        f'<p class="state"><a href="{escape(link(f"/{entry.id}/report"))}">Flame graph and report</a></p>'
    )
    if rows:
        names = "".join(column(request, entry, key, name, what, sort) for key, name, what in COLUMNS)
        lines = "".join(
            f'<tr><td class="text"><code>{shown(row.qualname or row.name)}</code>{where(row.file, row.line)}</td>'
            f"{share(part(row.tottime, total))}{share(part(row.cumtime, total))}<td>{row.ncalls or 0:,}</td>"
            f"<td>{duration(row.tottime)}</td></tr>"
            for row in rows
        )
        body = (
            f'<section class="card"><div class="wide"><table><thead><tr><th class="text">Function</th>{names}<th>time itself</th></tr></thead>'
            f"<tbody>{lines}</tbody></table></div></section>"
        )
    else:
        body = '<p class="empty">It called nothing.</p>'
    if count > len(rows):
        body += f'<p class="more">… and {count - len(rows):,} more</p>'
    files = " ".join(
        f'<a href="{escape(link(f"/{entry.id}/file", format=name))}" title="{escape(what)}">{name}</a>'
        for name, what in DOWNLOADS
    )
    more = f'<a href="{escape(link("/"))}">All requests</a><span>·</span><span>Download as</span>{files}'
    return whole(head, body, more)


def column(request: Request, entry: Entry, key: str, name: str, what: str, sort: str) -> str:
    is_it = ' aria-sort="descending"' if sort == key else ""
    href = escape(request.link(f"/{entry.id}", sort=key))
    return f'<th{is_it}><a href="{href}" title="{what}">{name}</a></th>'


def part(value: float, total: float) -> float:
    return value / total if total > 0 else 0.0


def clock(since_1970: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since_1970))


def whole(head: str, body: str, more: str, refresh: int = 0) -> str:
    return document(
        f"<header><nav><b>Pikos</b></nav>{head}</header><main>{body}</main><footer>{more}</footer>", "Pikos", refresh
    )
