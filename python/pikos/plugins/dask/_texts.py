"""What is sent to workers: text of Python, so that nothing of ours need be there to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import distributed

if TYPE_CHECKING:
    from typing import Any

#: What a worker runs to make its part, be there a Pikos or not: text, so that nothing of ours need be there to read it.
PART = """\
from distributed import WorkerPlugin
class Absent(WorkerPlugin):
    def __init__(self, problem):
        self.name, self.problem = NAME, problem
    def setup(self, worker):
        pass
    def teardown(self, worker):
        pass
    async def tell(self, since):
        return {"problem": self.problem}
def make():
    try:
        from pikos.plugins.dask import TaskProfiler
        return TaskProfiler(**OPTIONS, _name=NAME)
    except Exception as error:
        return Absent(f"{type(error).__name__}: {error}")
PLUGIN = make()
"""

#: What asks a worker for its figures, likewise.
QUESTION = """\
async def ask(dask_worker):
    plugin = dask_worker.plugins.get(NAME)
    return None if plugin is None else await plugin.tell(SINCE)
"""


class Text:
    """Something that its reader makes of a text, with some values in it."""

    def __init__(self, text: str, result: str, **values: object) -> None:
        self._text, self._result, self._values = text, result, values

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"(exec(TEXT), {self._result})[1]", {"TEXT": self._text, **self._values})


class Part(Text, distributed.WorkerPlugin):  # type: ignore[misc]
    """What is registered: on each worker it becomes a TaskProfiler."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        super().__init__(PART, "PLUGIN", NAME=name, OPTIONS=options)


class Question(Text):
    """What is run on a worker; it has no use anywhere else."""

    def __init__(self, name: str, since: int) -> None:
        super().__init__(QUESTION, "ask", NAME=name, SINCE=since)

    def __call__(self) -> None:
        raise TypeError("to be called on a worker")
