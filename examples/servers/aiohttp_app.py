"""aiohttp: every request is kept."""

import asyncio
import os
import sys

import shop
from aiohttp import web
from pikos.plugins.aiohttp import profile_requests


async def pay(request):
    found = 0
    for number in range(int(request.match_info["items"])):
        found += shop.add_item(number)
        await asyncio.sleep(0)  # others run meanwhile
    return web.json_response({"total": found})


async def broken(request):
    return web.json_response(shop.pay(None))


app = web.Application()
app.add_routes([web.get("/pay/{items}", pay), web.get("/broken", broken)])
profile_requests(app, every=1, keep=200, secret=os.environ.get("PIKOS_SECRET"), token=os.environ["PIKOS_TOKEN"])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
