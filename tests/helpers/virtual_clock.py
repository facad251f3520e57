"""An event loop whose clock jumps to the next timer. Timers fire in order, without waiting.

It is for tests without sockets and threads. If no task can continue, it raises StuckError.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(Exception):
    """All tasks wait, and no timer is set that could wake one."""


class _Jumping(selectors.SelectSelector):
    """A selector that does not wait. It moves the clock forward by the time it should wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise StuckError("nothing is ready, and no timer is set")
        self.now += 0.0 if ready else timeout or 0.0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self.set_debug(False)  # debug mode would take nearly all of the time

    def time(self) -> float:
        return self._jumping.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in virtual time, and return its value."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
