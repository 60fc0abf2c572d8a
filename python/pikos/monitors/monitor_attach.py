"""A function that is monitored while it runs."""

from __future__ import annotations

import functools
import inspect
import sys
import types

from pikos.monitors._members import change_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    #: All that is asked of one here.
    Monitor: TypeAlias = AbstractContextManager[Any, Any]

__all__ = ["MonitorAttach"]


class Attaching(type):
    """Of `MonitorAttach`: what it makes are functions."""

    def __call__(cls, monitor: Monitor, function: Callable[..., Any]) -> Callable[..., Any]:
        return attach(monitor, function)

    def __instancecheck__(cls, instance: object) -> bool:
        return (
            isinstance(instance, types.FunctionType)
            and "monitor" in instance.__dict__
            and "__wrapped__" in instance.__dict__
        )


class MonitorAttach(metaclass=Attaching):
    """A decorated function: ``MonitorAttach(monitor, function)``. It is a function of the same kind as the one that was decorated, which is its
    ``__wrapped__``: it can be pickled by its name, copied, bound, and is a generator function or a coroutine function if that is one.
    ``monitor`` is the monitor. For a class and a module, which it is then: all their functions are decorated.

    Raises TypeError for what is no function.
    """


def attach(monitor: Monitor, function: Callable[..., Any]) -> Callable[..., Any]:
    """A `MonitorAttach`."""
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError(f"put the monitor below @{type(function).__name__}, not above it")
    if isinstance(function, (type, types.ModuleType)):
        change_all(function, functools.partial(attach, monitor))
        return function
    if not callable(function):
        raise TypeError(f"can't attach a monitor to {function!r}: it is not a function")
    stay_open = getattr(getattr(monitor, "_recorder", None), "_stay_open", None)
    if stay_open is not None:
        stay_open()
    attached: Any = wrapper_of(monitor, function)
    for name in ("__defaults__", "__kwdefaults__"):
        # For those who look at them; what is left out the function itself fills in.
        setattr(attached, name, getattr(function, name, None))
    attached.monitor = monitor
    return attached  # type: ignore[no-any-return]


def wrapper_of(monitor: Monitor, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that does what ``function`` does, monitored."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await Steps(monitor, function(*args, **kwargs))

    elif inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            generator = function(*args, **kwargs)
            step = first_step(generator)
            # Where a step fails, or is broken off, the generator has ended with it.
            while True:
                try:
                    item = await Steps(monitor, step)
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                except GeneratorExit:
                    await Steps(monitor, generator.aclose())
                    raise
                except BaseException as error:
                    step = generator.athrow(error)
                else:
                    step = generator.asend(sent)

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from drive(monitor, function(*args, **kwargs)))

        if getattr(getattr(function, "__code__", None), "co_flags", 0) & inspect.CO_ITERABLE_COROUTINE:
            call = types.coroutine(call)

    else:

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with monitor:
                return function(*args, **kwargs)

    return call


def first_step(generator: AsyncGenerator[Any, Any]) -> Any:
    """An asynchronous generator's first step. It is ours to close: an event loop that knew it, too, would close it at the same time."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


class Steps:
    """Something to await whose steps are monitored."""

    def __init__(self, monitor: Monitor, awaitable: Coroutine[Any, Any, Any]) -> None:
        self.monitor = monitor
        self.awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        return drive(self.monitor, self.awaitable)


def drive(monitor: Monitor, generator: Any) -> Generator[Any, Any, Any]:
    """Run a generator or coroutine, monitored while it runs; what is sent and thrown to us, it gets."""
    try:
        with monitor:
            try:
                item = generator.send(None)
            except StopIteration as stop:
                return stop.value
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                with monitor:
                    try:
                        item = generator.throw(error)
                    except StopIteration as stop:
                        return stop.value
            else:
                with monitor:
                    try:
                        item = generator.send(sent)
                    except StopIteration as stop:
                        return stop.value
    finally:
        with monitor:
            generator.close()
