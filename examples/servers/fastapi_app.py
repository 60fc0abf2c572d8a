"""FastAPI: one request in two is kept. A plain `def` runs in a thread of the pool, and is in the profile of its request all the same."""

import asyncio
import os

import shop
from fastapi import APIRouter, FastAPI
from pikos.plugins.asgi import Middleware

app = FastAPI()
api = APIRouter()


@app.get("/pay/{items}")
async def pay(items: int):
    found = 0
    for number in range(items):
        found += shop.add_item(number)
        await asyncio.sleep(0)  # others run meanwhile
    return {"items": items, "total": found}


@app.get("/pool/{items}")
def pool(items: int):
    return shop.pay(items)


@api.get("/tasks/{items}")
async def tasks(items: int):
    parts = await asyncio.gather(
        asyncio.to_thread(shop.total, items), asyncio.create_task(one(items)), *(one(k) for k in range(3))
    )
    return {"items": items, "total": parts[0]}


async def one(number: int) -> int:
    await asyncio.sleep(0)
    return shop.add_item(number)


app.include_router(api, prefix="/api")
app.add_middleware(
    Middleware,
    every=int(os.environ.get("PIKOS_EVERY", "2")),
    secret=os.environ.get("PIKOS_SECRET"),
    keep=200,
    token=os.environ["PIKOS_TOKEN"],
    folder=os.environ.get("PIKOS_FOLDER"),
)
