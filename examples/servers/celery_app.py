"""Celery, with a queue of files: tasks that take 0.2 s or longer, or fail, are kept."""

import pathlib

import shop
from celery import Celery
from pikos.plugins.celery import profile_tasks

for folder in ("queue", "results"):
    pathlib.Path(folder).mkdir(exist_ok=True)
app = Celery("shop", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = dict.fromkeys(["data_folder_in", "data_folder_out", "control_folder"], "queue")
profile_tasks(slow=0.2, folder="profiles")


@app.task
def pay(items):
    return shop.pay(items)


@app.task
def pay_slowly(items):
    return shop.pay_slowly(items)


@app.task
def broken():
    return shop.pay(None)
