"""Pikos inside the tools that people work with: a module for each, which knows its framework and public modules of ours.

`pytest` and `pyperf` are found by these tools themselves; `wsgi`, `asgi`, `django`, `flask`, `aiohttp` and `debug_toolbar` profile
requests, `celery` and `rq` tasks, `gunicorn` whole workers, `dask` and `spark` the work of a cluster. Nothing else of Pikos imports any
of them.
"""
