"""The sampler's pages."""

from __future__ import annotations

from html import escape

from pikos._web.asked import Request
from pikos._web.look import DOWNLOADS, button, cell, document, number, seconds, share, shown, where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pikos.sampling._web.rows import Function, Table, Thread

#: Seconds.
REFRESH = 5


def status(request: Request, told: dict[str, Any], tables: list[str], refresh: int) -> str:
    """What the sampler has seen, and what can be done with it."""
    process, sampler, is_paused = told["process"], told["sampler"], told["paused"]
    kept = {name: told[name] for name in ("re_filter", "max_records", "sort")}
    link = request.link
    state = (
        f'<div class="state"><strong>Paused</strong>{button(link("/unpause"), "Go on", True)}'
        if is_paused
        else f'<div class="state"><strong class="on">Sampling</strong>{button(link("/pause"), "Pause")}'
    )
    interval = sampler.get("interval")
    interval_text = f"{interval:.6g}" if isinstance(interval, int | float) else ""
    state += (
        f'{button(link("/clear"), "Start from zero")}<form method="post" action="{escape(link("/set_interval"))}">'
        f'<label>Look every <input name="interval" inputmode="decimal" required value="{escape(interval_text)}"> seconds</label>'
        "<button>Set</button></form></div>"
    )
    head = (
        f"<h1>{shown(process['program']) or 'Python'}</h1>"
        f'<p class="under">process {process["pid"]} on {shown(process["host"])} · {shown(process["python"])}</p>'
        f"{state}{figures(told)}{notes(sampler)}"
    )
    count, rows = told["count"], told["functions"]
    left_out = count - len(rows)
    body = (
        f'<section class="card"><form method="get" action="{escape(link("/status"))}">'
        f'<label>Functions that match <input name="re_filter" placeholder="file:line(name), a regular expression" value="{shown(told["re_filter"])}"></label>'
        f'<label>at most <input name="max_records" inputmode="numeric" value="{told["max_records"]}"></label>'
        f'<input type="hidden" name="sort" value="{shown(told["sort"])}"><button>Show</button></form>'
        f"{functions(request, told)}</section>"
    )
    if left_out > 0:
        body += f'<p class="more">… and {left_out:,} more</p>'
    files = " ".join(
        f'<a href="{escape(link("/profile", format=name))}" title="{escape(what)}">{name}</a>'
        for name, what in DOWNLOADS
    )
    more = (
        f'<span>Download as</span>{files}<span>·</span><a href="{escape(link("/status", **kept, format="json"))}">JSON</a>'
        f'<a href="{escape(link("/status", **kept, format="text"))}">text</a><span>·</span>{refreshing(request, "/status", kept, refresh)}'
    )
    return whole(request, "/", head, body, more, tables, refresh)


def figures(told: dict[str, Any]) -> str:
    sampler = told["sampler"]
    cards: list[tuple[str, str, str]] = []
    if (samples := number(sampler, "samples")) is not None:
        looks = number(sampler, "looks")
        cards.append(("Stacks", f"{samples:,.0f}", f"in {looks:,.0f} looks" if looks is not None else ""))
    mean, asked = number(sampler, "interval_mean"), number(sampler, "interval")
    if mean:
        stdev = number(sampler, "interval_stdev") or 0.0
        # The budget, or a busy machine.
        late = f"; {seconds(asked)} was asked for" if asked and mean > 1.5 * asked else ""
        cards.append(("Interval", seconds(mean), f"± {seconds(stdev)}{late}"))
    sampled = number(sampler, "seconds")
    if sampled is not None:
        threads = number(sampler, "threads")
        cards.append(("Sampled for", seconds(sampled), f"{threads:,.0f} threads so far" if threads is not None else ""))
    cost = number(sampler, "cost")
    if cost is not None and sampled:
        cards.append(("Cost", f"{100 * cost / sampled:.2f} %", of_budget(number(sampler, "budget"))))
    torn, missed = number(sampler, "torn"), number(sampler, "missed")
    if torn is not None:
        cards.append(
            (
                "Left out",
                f"{torn:,.0f}",
                "stacks that changed meanwhile" + (f"; {missed:,.0f} looks not taken" if missed else ""),
            )
        )
    if not cards:
        return ""
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd><dd>{more}</dd></div>" for name, value, more in cards)
    return f'<dl class="figures">{items}</dl>'


def of_budget(budget: float | None) -> str:
    return "of a CPU" if budget is None else f"of a CPU; at most {100 * budget:g} %"


def notes(sampler: dict[str, Any]) -> str:
    """What the sampler has to say for itself."""
    told = []
    if sampler.get("problem"):
        told.append(f"It can't look: {shown(str(sampler['problem']))}")
    if sampler.get("why"):
        told.append(f"Each look takes the GIL: {shown(str(sampler['why']))}")
    return "".join(f'<p class="note">{each}</p>' for each in told)


def functions(request: Request, told: dict[str, Any]) -> str:
    rows: list[Function] = told["functions"]
    if not rows:
        if told["re_filter"]:
            sentence = "No function matches."
        elif told["paused"]:
            sentence = "Nothing was sampled yet. “Go on” begins."
        else:
            sentence = "Nothing was sampled yet."
        return f'<p class="empty">{sentence}</p>'

    def head(key: str, name: str, what: str) -> str:
        href = escape(request.link("/status", re_filter=told["re_filter"], max_records=told["max_records"], sort=key))
        is_it = ' aria-sort="descending"' if told["sort"] == key else ""
        return f'<th{is_it}><a href="{href}" title="{what}">{name}</a></th>'

    lines = "".join(
        f'<tr><td class="text"><code>{shown(each.function)}</code>{where(each.file, each.line)}</td>'
        f"{share(each.self_share)}{share(each.total_share)}<td>{each.self_samples:,}</td><td>{each.samples:,}</td></tr>"
        for each in rows
    )
    return (
        '<div class="wide"><table><thead><tr><th class="text">Function</th>'
        f"{head('self', 'itself', 'its part of the time that was sampled')}"
        f"{head('total', 'with callees', 'the same, with all that it called')}"
        f'<th title="stacks that had it on top">on top</th><th title="stacks that it was in">in stacks</th></tr></thead><tbody>{lines}</tbody></table></div>'
    )


def stacks(request: Request, threads: Sequence[Thread], tables: list[str], refresh: int) -> str:
    """Where each thread is now."""
    count = len(threads)
    head = f'<h1>Where it is now</h1><p class="under">{count} {"thread" if count == 1 else "threads"}, without the one that made this page. The innermost function stands last.</p>'
    cards = []
    for thread in threads:
        cut = f"<li><small>… {thread.cut:,} more</small></li>" if thread.cut else ""
        frames = "".join(
            f'<li><code>{shown(each.function)}</code><small title="{shown(f"{each.file}:{each.line}")}"><bdi>{shown(f"{each.file}:{each.line}")}</bdi></small></li>'
            for each in thread.stack
        )
        kind = "daemon, " if thread.is_daemon else ""
        cards.append(
            f'<section class="card"><h2>{shown(thread.name)} <small>{kind}{thread.id}</small></h2><ol>{cut}{frames}</ol></section>'
        )
    body = "".join(cards) or '<p class="empty">There is no other thread.</p>'
    more = f'<a href="{escape(request.link("/stacks", format="json"))}">JSON</a><a href="{escape(request.link("/stacks", format="text"))}">text</a><span>·</span>{refreshing(request, "/stacks", {}, refresh)}'
    return whole(request, "/stacks", head, body, more, tables, refresh)


def table(request: Request, shown_table: Table, tables: list[str], refresh: int) -> str:
    """A door's own figures."""
    head = f'<h1>{shown(shown_table.title)}</h1><p class="under">{shown(shown_table.note)}</p>'
    columns = "".join(
        f"<th{' class=text' if at == 0 else ''}>{shown(name)}</th>" for at, name in enumerate(shown_table.columns)
    )
    rows = "".join(
        "<tr>" + "".join(cell(value, at == 0) for at, value in enumerate(row)) + "</tr>" for row in shown_table.rows
    )
    inside = (
        f'<div class="wide"><table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>'
        if rows
        else '<p class="empty">Nothing yet.</p>'
    )
    more = f'<a href="{escape(request.link(request.path, as_csv=1))}">CSV</a><a href="{escape(request.link(request.path, format="json"))}">JSON</a><span>·</span>{refreshing(request, request.path, {}, refresh)}'
    return whole(request, request.path, head, f'<section class="card">{inside}</section>', more, tables, refresh)


def whole(request: Request, path: str, head: str, body: str, more: str, tables: list[str], refresh: int) -> str:
    entries = [("/", "Functions"), ("/stacks", "Stacks"), *((each, "Requests") for each in tables)]
    links = "".join(
        f'<a href="{escape(request.link(to))}"{" aria-current=page" if to == path else ""}>{name}</a>'
        for to, name in entries
    )
    return document(
        f"<header><nav><b>Pikos</b>{links}</nav>{head}</header><main>{body}</main><footer>{more}</footer>",
        "Pikos",
        refresh,
    )


def refreshing(request: Request, path: str, kept: dict[str, Any], refresh: int) -> str:
    if refresh:
        return f'<a href="{escape(request.link(path, **kept))}">stop refreshing</a>'
    return f'<a href="{escape(request.link(path, **kept, refresh=REFRESH))}">refresh every {REFRESH} s</a>'
