"""gunicorn: each worker has a profile of its own, from its beginning to its end, which can be watched while it runs."""

from pikos.plugins.gunicorn import hooks

workers = 2
max_requests = 1000
post_fork, worker_exit = hooks("profiles/worker.pikos", live=True, checkpoint=5)
