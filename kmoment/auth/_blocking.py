"""Runs a coroutine for blocking code."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..errors import WrongLoopError

T = TypeVar("T")


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run *work* in an event loop of its own. Ctrl-C cancels it.

    :raises WrongLoopError: An event loop is running, which this would block.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    raise WrongLoopError("an event loop is running: await the function of this name with `_async`")
