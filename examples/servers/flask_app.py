"""Flask: requests that take 0.2 s or longer, or fail, are kept, and those that bring the secret."""

import os

import shop
from flask import Flask
from pikos.plugins.flask import profile_requests

app = Flask(__name__)


@app.route("/pay/<int:items>")
def pay(items):
    return shop.pay(items)


@app.route("/slow/<int:items>")
def slow(items):
    return shop.pay_slowly(items)


@app.route("/broken")
def broken():
    return shop.pay(None)


@app.route("/list/<int:items>")
def list_items(items):
    return (f"{shop.add_item(number)}\n" for number in range(items))


profile_requests(
    app,
    slow=0.2,
    secret=os.environ.get("PIKOS_SECRET"),
    token=os.environ["PIKOS_TOKEN"],
    folder=os.environ.get("PIKOS_FOLDER"),  # where a server has several processes
)
