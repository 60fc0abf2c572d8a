"""Labels: whose time it is. ``with pikos.label(route="/pay"):`` splits a profile's figures by label set.

Labels are part of the ``contextvars`` context: tasks, ``asyncio.to_thread`` and executors that carry the context keep them. Without a
profile, a label costs about what a context variable does, and it never raises.
"""

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import TracebackType
    from typing import Any, ParamSpec, Self, TypeAlias, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")
    #: The set as names and values in turn, sorted by name; what is around it; whose it is.
    Node: TypeAlias = "tuple[tuple[str, ...], Node | None, label]"

__all__ = ["current", "label"]

#: More of a value is not kept.
_LONGEST = 200

# The native recorder reads this variable, and has `_changed` called: None, or what tells it that the running context's labels are others.
_current: "ContextVar[Node | None]" = ContextVar("pikos.labels", default=None)
_changed: "Callable[[], object] | None" = None
#: Whether there has been a label.
_used = False


class label:
    """label(**labels)

    A context manager and a decorator: what runs inside is counted under these labels, with those around it. A label of the same name as one
    around it takes its place.

    Values are kept as ``str`` gives them, at most 200 characters; of one that has no ``str``, the name of its type. The same object may be
    entered again, in several tasks at once, too. It decorates functions, coroutine functions, and (asynchronous) generator functions, whose
    label holds while they run, and not while they wait at a ``yield``.
    """

    __slots__ = ("_inside", "_labels", "_outside")

    def __init__(self, /, **labels: object) -> None:
        for name, value in labels.items():
            if type(value) is not str or len(value) > _LONGEST:
                labels[name] = _text(value)
        self._labels: dict[str, str] = labels  # type: ignore[assignment]
        # What it was made of last, and became.
        self._outside: tuple[str, ...] | None = None
        self._inside: tuple[str, ...] = ()

    def __enter__(self) -> "Self":
        global _used
        _used = True
        node = _current.get()
        outside = () if node is None else node[0]
        if outside is not self._outside:
            self._inside = _merged(outside, self._labels)
            self._outside = outside
        _current.set((self._inside, node, self))
        if _changed is not None:
            _changed()
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None" = None,
        error: "BaseException | None" = None,
        traceback: "TracebackType | None" = None,
    ) -> None:
        node = _current.get()
        if node is not None:
            # Nearly always its own. A generator may have left one of its labels behind.
            _current.set(node[1] if node[2] is self else _without(node, self))
            if _changed is not None:
                _changed()

    def __call__(self, function: "Callable[P, T]", /) -> "Callable[P, T]":
        """Decorate a function."""
        return _decorated(self, function)

    def __repr__(self) -> str:
        return f"label({', '.join(f'{name}={value!r}' for name, value in self._labels.items())})"


def current() -> dict[str, str]:
    """The labels of the running context."""
    node = _current.get()
    return {} if node is None else _pairs(node[0])


def _text(value: object) -> str:
    try:
        # Of a subclass, too, a text of CPython's own.
        text = str.__str__(value) if isinstance(value, str) else str.__str__(str(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _merged(outside: tuple[str, ...], labels: dict[str, str]) -> tuple[str, ...]:
    if outside:
        labels = {**_pairs(outside), **labels}
    return tuple(text for name in sorted(labels) for text in (name, labels[name]))


def _without(node: "Node", owner: label) -> "Node | None":
    """What is there without the newest of this owner's."""
    above = []
    found: Node | None = node
    while found is not None and found[2] is not owner:
        above.append(found[2])
        found = found[1]
    if found is None:
        # Left in another context than it was entered in.
        return node
    rest = found[1]
    for other in reversed(above):
        rest = (_merged(() if rest is None else rest[0], other._labels), rest, other)
    return rest


#: Of a code object (Include/cpython/code.h).
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


def _decorated(own: label, function: "Callable[P, T]") -> "Callable[P, T]":
    import functools

    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    flags = getattr(getattr(inner, "__code__", None), "co_flags", 0)
    call: Any = function
    wrapper: Any
    if flags & _COROUTINE:

        async def wrapper(*args: "Any", **kwargs: "Any") -> object:
            with own:
                return await call(*args, **kwargs)

    elif flags & _ASYNC_GENERATOR:

        async def wrapper(*args: "Any", **kwargs: "Any") -> "AsyncGenerator[Any, Any]":
            steps = call(*args, **kwargs)
            step, sent = steps.asend, None
            while True:
                with own:
                    try:
                        item = await step(sent)
                    except StopAsyncIteration:
                        return
                try:
                    step, sent = steps.asend, (yield item)
                except GeneratorExit:
                    with own:
                        await steps.aclose()
                    raise
                except BaseException as error:
                    step, sent = steps.athrow, error

    elif flags & _GENERATOR:

        def wrapper(*args: "Any", **kwargs: "Any") -> "Generator[Any, Any, Any]":
            steps = call(*args, **kwargs)
            step, sent = steps.send, None
            while True:
                with own:
                    try:
                        item = step(sent)
                    except StopIteration as end:
                        return end.value
                try:
                    step, sent = steps.send, (yield item)
                except GeneratorExit:
                    with own:
                        steps.close()
                    raise
                except BaseException as error:
                    step, sent = steps.throw, error

    else:

        def wrapper(*args: "Any", **kwargs: "Any") -> object:
            with own:
                return call(*args, **kwargs)

    return functools.wraps(call)(wrapper)
