"""What those have in common that look at a program now and then by its interpreter's hooks: who takes which, and when."""

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

monitoring: "Any" = getattr(sys, "monitoring", None)

#: On 3.11, held by who sets or unsets a thread's trace function: there is one. A thread of the program never waits for it.
tracing = threading.Lock()

#: Of ``sys.monitoring``, from 3.12 on. Those without a purpose of their own first, then the one that nobody is known to use.
NUMBERS = (4, 3, 5)


def take(name: str) -> int:
    """A free tool id, or the one that has this name. Raises RuntimeError if there is none."""
    owners = [monitoring.get_tool(number) for number in NUMBERS]
    if name in owners:
        return NUMBERS[owners.index(name)]
    for number, owner in zip(NUMBERS, owners, strict=True):
        if owner is None:
            monitoring.use_tool_id(number, name)
            return number
    raise RuntimeError(
        f"sys.monitoring has no tool id left for {name}: {', '.join(map(str, owners))} have them. End one"
    )
