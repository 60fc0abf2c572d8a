"""A function that is monitored while it runs."""

from __future__ import annotations

import functools
import inspect
import types

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
    ``monitor`` is the monitor.

    Raises TypeError for what is no function.
    """


def attach(monitor: Monitor, function: Callable[..., Any]) -> Callable[..., Any]:
    """A `MonitorAttach`."""
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError(f"put the monitor below @{type(function).__name__}, not above it")
    if not callable(function):
        raise TypeError(f"can't attach a monitor to {function!r}: it is not a function")
    attached = wrapper_of(monitor, function)
    attached.monitor = monitor  # type: ignore[attr-defined]
    return attached


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
            step = generator.__anext__()
            try:
                while True:
                    try:
                        item = await Steps(monitor, step)
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = generator.athrow(error)
                    else:
                        step = generator.asend(sent)
            finally:
                await Steps(monitor, generator.aclose())

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from drive(monitor, function(*args, **kwargs)))

    else:

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with monitor:
                return function(*args, **kwargs)

    return call


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
