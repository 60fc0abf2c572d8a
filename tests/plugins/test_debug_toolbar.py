"""The panel of Django Debug Toolbar, in a project that is synchronous and asynchronous."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import python

PROJECT = '''
import asyncio, re, sys
from django.conf import settings

settings.configure(
    DEBUG=True,
    SECRET_KEY="of the tests, and of nobody else's; it is long enough so that nobody warns",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INTERNAL_IPS=["127.0.0.1"],
    STATIC_URL="/static/",
    INSTALLED_APPS=["django.contrib.staticfiles", "debug_toolbar"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEBUG_TOOLBAR_PANELS=["debug_toolbar.panels.timer.TimerPanel", "pikos.plugins.debug_toolbar.PikosPanel"],
    MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"],
)
import django
django.setup()
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from pikos.cprofile import Profile

PAGE = "<html><body>here</body></html>"

def add_item(number): return str(number)

def plain(request, items):
    for number in range(items): add_item(number)
    return HttpResponse(PAGE)

async def asynchronous(request, items):
    for number in range(items):
        add_item(number)
    await asyncio.sleep(0)
    return HttpResponse(PAGE)

def fails(request, items): raise KeyError("of the program")

urlpatterns = [
    path("plain/<int:items>", plain),
    path("async/<int:items>", asynchronous),
    path("fails/<int:items>", fails),
    path("__debug__/", include("debug_toolbar.urls")),
]

def panel(response):
    """Its line in the bar, and what it shows."""
    page = response.content.decode()
    found = re.search(r'data-(?:request|store)-id="([^"]+)"', page)[1]
    line = re.search(r"Pikos\\s*<br><small>([^<]*)", page)[1]
    asked = {"request_id": found, "store_id": found, "panel_id": "PikosPanel"}
    return line, Client().get("/__debug__/render_panel/", asked).json()["content"]

def check(response, items):
    assert response.status_code == 200
    line, content = panel(response)
    assert re.fullmatch(r"[\\d,]+ calls in .+ .?s", line), line
    assert re.search(rf"<code>add_item</code></td><td>[^<]*program\\.py:\\d+</td><td>{items:,}</td>", content), content[-3000:]
    assert 'sandbox="allow-scripts"' in content and "flame" in content

check(Client().get("/plain/3000"), 3000)
check(asyncio.run(AsyncClient().get("/async/4000")), 4000)
try:
    Client().get("/fails/1")
except KeyError:
    pass
else:
    raise AssertionError("the program's own error is lost")
with Profile(threads=True):
    response = Client().get("/plain/5")
line, content = panel(response)
assert response.status_code == 200 and line.startswith("Another profiling tool is already active"), line
print("done")
'''


def test_the_panel_shows_the_profile_of_the_request(tmp_path: Path) -> None:
    pytest.importorskip("debug_toolbar", reason="Django Debug Toolbar is not installed: its panel is untested")
    (tmp_path / "program.py").write_text(PROJECT)
    run = python(["program.py"], cwd=tmp_path, env={"PYTHONWARNINGS": "ignore"})
    assert (run.code, run.out) == (0, "done\n"), run.err
