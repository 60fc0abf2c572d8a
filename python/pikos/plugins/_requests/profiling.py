"""What every framework's middleware is given, and has of it: the arguments stand here once."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from pikos.plugins._requests.desk import AT, Desk
from pikos.plugins._requests.watch import KEEP, LONGEST, Watch

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Container
    from typing import Any, ClassVar

Application = TypeVar("Application")
#: What the framework's functions are given of a request.
Asked = TypeVar("Asked")
P = ParamSpec("P")
R = TypeVar("R")


class Profiling(Generic[Application, Asked]):
    """The base of a middleware. Raises TypeError, ValueError, and OSError for arguments that can't be."""

    #: Who asks, and what a request is called, where nobody says it.
    user_of: ClassVar[staticmethod[[Any], object]]
    label_of: ClassVar[staticmethod[[Any], object]]

    def __init__(
        self,
        app: Application,
        *,
        secret: str | None = None,
        every: int | None = None,
        slow: float | None = None,
        keep: int = KEEP,
        folder: str | os.PathLike[str] | None = None,
        longest: float = LONGEST,
        token: str | None = None,
        users: Container[object] | None = None,
        user: Callable[[Asked], object] | None = None,
        at: str = AT,
        label: Callable[[Asked], object] | None = None,
    ) -> None:
        self.app = app
        self.watch = Watch(secret=secret, every=every, slow=slow, keep=keep, folder=folder, longest=longest)
        self._choice = self.watch.choice
        self._desk = Desk(self.watch, token, users)
        self._user: Callable[[Asked], object] = user or self.user_of
        self._label: Callable[[Asked], object] = label or self.label_of
        self._at = mount(at) if self._desk.is_open else None
        self._takes_secret = self._choice.options.secret is not None
        self._counts = self._choice.counts


#: What there is to be said beside the application.
NAMES = tuple(inspect.signature(Profiling).parameters)[1:]


def called_as(pattern: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """A decorator: the function takes what this class takes, and ``help()`` and editors say so."""

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        result = inspect.signature(function).return_annotation
        function.__signature__ = inspect.signature(pattern).replace(return_annotation=result)  # type: ignore[attr-defined]
        return function

    return decorate


def mount(at: str) -> str:
    """Where the page hangs. Raises TypeError and ValueError for what is no path."""
    if not isinstance(at, str):
        raise TypeError(f"at must be a path, got a {type(at).__name__}")
    if not at.startswith("/") or not at.strip("/"):
        raise ValueError(f"at must be a path below the root, as {AT} is, got {at!r}")
    return at.rstrip("/")
