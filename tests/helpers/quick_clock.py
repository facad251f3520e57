"""An event loop whose clock runs ten times as fast, for tests with sockets that wait by the clock.

Its timers and timeouts keep their order and their proportions: a second takes a tenth. What waits
for another clock, as a thread or a process does, is not quicker.
"""

import asyncio
import selectors

PACE = 10
"""Seconds of the loop in a second."""


class _Quick(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / PACE)


class QuickLoop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes a tenth of the time."""

    def __init__(self) -> None:
        super().__init__(_Quick())

    def time(self) -> float:
        return super().time() * PACE
