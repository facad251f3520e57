"""Several reads at once, for one call of a user."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

I = TypeVar("I")  # noqa: E741 - input
V = TypeVar("V")

AT_ONCE: Final = 16
"""Calls at once: as many as a batch makes by default."""


async def together(job: Callable[[I], Awaitable[V]], inputs: Iterable[I]) -> list[V]:
    """The results of *job* for each input, in order. The first error stops the others."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(given: I) -> V:
        async with room:
            return await job(given)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(given)) for given in inputs]
    except ExceptionGroup as failed:
        error = failed.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise error
