from typing import Final

__all__ = ["run"]

__version__: Final[str]

def run(args: list[str]) -> int: ...
