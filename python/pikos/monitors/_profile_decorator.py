"""``@profile`` in a program that imports nothing for it: the functions that it decorates are the focus."""

from __future__ import annotations

import builtins

from pikos.monitors._focus_by_name import codes_in, functions_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

NAME = "profile"


def is_decorated(script: CodeType) -> bool:
    """Whether a script uses the name and leaves it to others to say what it is."""
    codes = [script, *functions_in(script)]
    if not any(NAME in code.co_names for code in codes):
        return False
    import dis

    return not any(
        instruction.opname.startswith(("STORE", "IMPORT")) and instruction.argval == NAME
        for code in codes
        if NAME in code.co_names
        for instruction in dis.get_instructions(code)
    )


def define(decorated: Callable[[list[CodeType]], None]) -> None:
    """Let programs find the decorator, if nobody else has defined one. decorated: told of each function's code."""
    if hasattr(builtins, NAME):
        return

    def profile(function: Any) -> Any:
        """The function itself: its lines, or its calls, are recorded from now on."""
        codes = codes_in(function)
        if codes:
            decorated(codes)
        return function

    setattr(builtins, NAME, profile)
