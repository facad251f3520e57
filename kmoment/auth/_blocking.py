"""Blocking counterparts of coroutine functions."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import cleandoc
from typing import Any, Final, ParamSpec, TypeVar, cast

from .._secret import Secret
from ..errors import WrongLoopError

P = ParamSpec("P")
T = TypeVar("T")


def blocking(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """*work*, named ``…_async``, as a function that runs it in an event loop of its own.

    It has the parameters and the text of *work*. Ctrl-C cancels it.
    """

    @wraps(work)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        begin = Secret(partial(work, *args, **kwargs))
        del args, kwargs  # a token in them would be shown by a traceback with locals
        _require_no_loop(work.__name__)
        return cast("T", asyncio.run(begin.reveal()()))

    call.__name__ = work.__name__.removesuffix("_async")
    call.__qualname__ = work.__qualname__.removesuffix("_async")
    call.__doc__ = f"{cleandoc(work.__doc__ or '')}\n{_RAISES.format(work.__name__)}"
    return call


_RAISES: Final = ":raises WrongLoopError: In a running event loop: await ``{}``."


def _require_no_loop(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WrongLoopError(f"an event loop is running: await `{name}`")
