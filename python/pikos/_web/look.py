"""How our pages look: HTML and one style, no script. All that comes from the program or from who asks is escaped here."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from pikos._web.asked import REASONS, Request, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STYLE = """
:root {
  color-scheme: light dark;
  --page: light-dark(#faf9f7, #141517); --card: light-dark(#ffffff, #1b1c1f);
  --ink: light-dark(#1c1a17, #ece9e3); --soft: light-dark(#68645d, #a4a098); --faint: light-dark(#77736a, #938f88);
  --line: light-dark(#e6e3dd, #2c2d31); --hover: light-dark(#f3f1ec, #25262a);
  --accent: light-dark(#b45309, #f5a54a); --tint: light-dark(#fdf0dd, #3a2a14); --bar: light-dark(#f6dcb6, #4d3716);
  --green: light-dark(#2f7d4f, #6cc38f);
  --mono: ui-monospace, "SF Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; font-variant-numeric: tabular-nums; }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 28px; }
h1, h2, p, dl, dd, pre { margin: 0; padding: 0; }
a { color: inherit; }
button, input { font: inherit; color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: baseline; padding-top: 20px; }
nav b { font-size: 12px; letter-spacing: .08em; text-transform: uppercase; color: var(--accent); margin-right: auto; font-weight: 650; }
nav a, footer a, .more a { color: var(--soft); text-decoration: none; }
nav a:hover, footer a:hover, .more a:hover { color: var(--ink); text-decoration: underline; text-underline-offset: 3px; }
nav a[aria-current] { color: var(--ink); font-weight: 600; }
h1 { font-size: 26px; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; overflow-wrap: anywhere; unicode-bidi: isolate; margin-top: 14px; }
.under { color: var(--soft); margin-top: 4px; overflow-wrap: anywhere; }
.state { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; margin-top: 20px; }
.state > strong { display: inline-flex; align-items: center; gap: 9px; font-weight: 600; margin-right: 10px; }
.state > strong::before { content: ""; width: 10px; height: 10px; border-radius: 5px; background: var(--faint); }
.state > strong.on::before { background: var(--green); }
form { display: inline-flex; align-items: center; gap: 8px; margin: 0; }
button { height: 34px; padding: 0 14px; border-radius: 9px; border: 1px solid var(--line); background: var(--card); cursor: pointer; }
button:hover { background: var(--hover); }
button.first { border-color: var(--accent); color: var(--accent); font-weight: 600; }
input { height: 34px; padding: 0 11px; border: 1px solid var(--line); border-radius: 9px; background: var(--card); min-width: 0; }
input[name="interval"] { width: 96px; text-align: right; }
input[name="max_records"] { width: 84px; text-align: right; }
input[name="re_filter"], input[name="token"] { width: 340px; max-width: 100%; font-family: var(--mono); font-size: 13px; }
label { display: inline-flex; align-items: center; gap: 8px; color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin-top: 20px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.figures div { padding: 12px 16px 13px; min-width: 0; box-shadow: 1px 1px 0 var(--line); }
.figures dt { color: var(--soft); font-size: 12px; }
.figures dd { font-size: 22px; line-height: 1.35; font-weight: 620; letter-spacing: -.01em; }
.figures dd + dd { color: var(--faint); font-size: 12px; font-weight: 400; letter-spacing: 0; line-height: 1.5; }
.note { margin-top: 18px; padding: 12px 18px 13px; border-radius: 12px; background: var(--tint); overflow-wrap: anywhere; }
main { margin-top: 22px; padding-bottom: 12px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; overflow: hidden; margin-bottom: 16px; }
.card > form { flex-wrap: wrap; gap: 10px 14px; }
.card h2 { font-size: 14px; font-weight: 650; overflow-wrap: anywhere; }
.card h2 small, .hint { color: var(--faint); font-weight: 400; font-size: 13px; }
.wide { overflow-x: auto; margin: 12px -16px -14px; scrollbar-width: thin; }
table { border-collapse: collapse; width: 100%; }
th { padding: 0 10px 6px; text-align: right; font-size: 12px; font-weight: 400; color: var(--soft); white-space: nowrap; box-shadow: inset 0 -1px var(--line); }
th a { text-decoration: none; }
th a:hover { color: var(--ink); }
th[aria-sort] { color: var(--ink); font-weight: 600; }
td { position: relative; padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid light-dark(#f2f0eb, #222327); }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover td { background: var(--hover); }
th.text, td.text { text-align: left; }
td.text { width: 100%; max-width: 0; overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }
th:first-child, td:first-child { padding-left: 16px; }
th:last-child, td:last-child { padding-right: 16px; }
td.share { min-width: 104px; }
td svg { position: absolute; inset: 4px 6px; width: calc(100% - 12px); height: calc(100% - 8px); fill: var(--bar); border-radius: 4px; transform: scaleX(-1); }
td svg + span { position: relative; }
.none { color: var(--faint); }
code { font-family: var(--mono); font-size: 13px; }
td small { color: var(--faint); margin-left: 10px; font-size: 12px; }
ol { margin: 10px 0 0; padding: 0; list-style: none; }
ol li { display: flex; gap: 14px; padding: 1px 0 1px 12px; border-left: 2px solid var(--line); overflow: hidden; }
ol li:last-child { border-color: var(--accent); font-weight: 600; }
ol li code { white-space: nowrap; flex: none; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
ol li small { color: var(--faint); font-weight: 400; font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; direction: rtl; align-self: center; }
ol li small bdi { direction: ltr; }
.more { color: var(--faint); font-size: 13px; display: flex; flex-wrap: wrap; gap: 2px 14px; }
.empty { color: var(--soft); padding: 14px 0 2px; }
main > .more { margin-top: 12px; }
footer { color: var(--faint); font-size: 13px; padding-bottom: 40px; display: flex; flex-wrap: wrap; gap: 2px 14px; }
.wide:first-child { margin-top: -4px; }
.enter { margin-top: 14px; }
@media (max-width: 700px) {
  header, main, footer { padding: 0 14px; }
  .card label { flex-wrap: wrap; }
  td small { display: none; }
  td.text { min-width: 190px; }
  ol li { flex-wrap: wrap; gap: 0 14px; }
}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
#: The page's one style, its own forms, and nothing else: no script, no image, no frame.
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

#: Of downloads, and what each is good for.
DOWNLOADS = (
    ("pikos", "for `pikos view`, `diff` and `merge`"),
    ("html", "one page with a flame graph"),
    ("speedscope", "for speedscope.app"),
    ("pprof", "for `go tool pprof`"),
    ("collapsed", "stacks as text"),
    ("callgrind", "for KCachegrind"),
)


def document(inside: str, title: str, refresh: int = 0) -> str:
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}<title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{STYLE}</style></head><body>{inside}</body></html>\n"
    )


def refused(request: Request, status: int, sentence: str, *, asks_for_token: bool) -> str:
    """What wasn't done, and why; a field for the token where that is what is missing."""
    title = "Log in" if asks_for_token else REASONS[status]
    head = f"<h1>{title}</h1>"
    if asks_for_token:
        told = sentence if request.path == "/enter" else "With the token that this program was given."
        body = (
            f'<p class="under">{shown(told)}</p><form class="enter" method="post" action="{escape(request.link("/enter"))}">'
            '<label>Token <input type="password" name="token" required autocomplete="current-password" autofocus></label>'
            '<button class="first">Enter</button></form>'
        )
    else:
        back = "" if status in (401, 403) else f'<p class="more"><a href="{escape(request.link("/"))}">Back</a></p>'
        body = f'<p class="note">{shown(sentence)}</p>{back}'
    return document(f"<header><nav><b>Pikos</b></nav>{head}</header><main>{body}</main>", title)


def button(href: str, name: str, is_first: bool = False) -> str:
    kind = ' class="first"' if is_first else ""
    return f'<form method="post" action="{escape(href)}"><button{kind}>{name}</button></form>'


def share(part: float) -> str:
    width = min(max(100 * part, 0.0), 100.0)
    faint = ' class="none"' if part < 0.0005 else ""
    return (
        f'<td class="share"><svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width:.2f}" height="1"/></svg><span{faint}>{100 * part:.1f} %</span></td>'
    )


def where(file: str, line: int) -> str:
    if (file, line) == ("~", 0):
        return ""
    short = "/".join(file.split("/")[-2:])
    return f'<small title="{shown(f"{file}:{line}")}">{shown(f"{short}:{line}")}</small>'


def cell(value: str | int | float, is_first: bool) -> str:
    if is_first:
        return f'<td class="text"><code>{shown(str(value))}</code></td>'
    if isinstance(value, float):
        return f"<td>{value:,.6f}</td>"
    return f"<td>{value:,}</td>" if isinstance(value, int) else f"<td>{shown(value)}</td>"


def shown(text: str) -> str:
    return escape(printable(text))


def number(values: dict[str, Any], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if abs(value) * factor >= 1 or unit == "µs":
            return f"{value * factor:,.3g} {unit}" if value * factor < 1000 else f"{value * factor:,.0f} {unit}"
    return ""
