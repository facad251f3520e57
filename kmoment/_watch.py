"""Ending what takes too long, with one timer for all calls.

A timer for each call and each read costs more than the rest of the bookkeeping together; nearly
all of them are cancelled unused. Here a call only writes down until when it may take, and one
timer, set to the earliest of these moments, looks at all calls that are alive then.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Any


class Limit(Enum):
    """Which time is over."""

    DEADLINE = "the call's"
    SILENCE = "the server's, for its next byte"


class Life:
    """One call's limits, as times of the event loop. When one is past, its task is cancelled."""

    __slots__ = (
        "_cancelling",
        "_cancels",
        "_watch",
        "began",
        "deadline",
        "past",
        "silence",
        "task",
    )

    def __init__(self, watch: "Watch", seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._watch = watch
        self.task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self._cancels = 0
        self.began: float = watch.clock()
        self.deadline: float = self.began + seconds
        self.silence: float = inf
        self.past: Limit | None = None

    def expect(self, seconds: float) -> None:
        """The server has so long from now on for its next byte."""
        watch = self._watch
        self.silence = watch.clock() + seconds
        watch.hurry(self.silence)

    @property
    def due(self) -> float:
        """The earlier limit."""
        return min(self.deadline, self.silence)

    def stop(self, now: float) -> None:
        """Cancel the call: a limit is past."""
        self.past = Limit.DEADLINE if self.deadline <= now else Limit.SILENCE
        self.deadline, self.silence = inf if self.deadline <= now else self.deadline, inf
        self._cancels += 1
        self.task.cancel()

    def is_past(self, limit: Limit) -> bool:
        """Whether a cancellation that has just come was for this limit, and nobody else's."""
        if self.past is not limit:
            return False
        self.past = None
        return self.settle() <= self._cancelling

    def settle(self) -> int:
        """Take back our own cancellations; how many the task has left."""
        while self._cancels:
            self._cancels -= 1
            self.task.uncancel()
        return self.task.cancelling()


class Watch:
    """All calls of one client."""

    __slots__ = ("_closing", "_lives", "_loop", "_timer", "_when", "clock")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.clock: Callable[[], float] = loop.time
        self._when = inf
        self._closing = False
        self._lives: set[Life] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> Life:
        """The running task's call has so long from now on."""
        life = Life(self, seconds)
        self._lives.add(life)
        self.hurry(life.deadline)
        return life

    def end(self, life: Life) -> None:
        """The call has ended."""
        self._lives.discard(life)
        if life._cancels:
            life.settle()
        if self._closing and not self._lives:
            self._let_go()
        del life.task  # which holds the error, whose frames hold this: no cycle is left behind

    def close(self) -> None:
        """Let go of the timer, as soon as no call needs it."""
        self._closing = True
        if not self._lives:
            self._let_go()

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._when = None, inf

    def hurry(self, due: float) -> None:
        """Look at all calls at this moment, if not before."""
        if due < self._when:
            self._let_go()
            self._timer, self._when = self._loop.call_at(due, self._look), due

    def _look(self) -> None:
        self._timer, self._when = None, inf
        now = self.clock()
        for life in tuple(self._lives):
            if life.due <= now:
                life.stop(now)
        due = min((life.due for life in self._lives), default=inf)
        if due < inf:
            self.hurry(due)
