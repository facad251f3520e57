"""Deadlines and silence timeouts of all calls, with one timer.

A timer for each call and each read would cost more than all other bookkeeping, and nearly all of
them would be cancelled unused. Here each call only writes down when it has to end. One timer, set
to the earliest of these moments, then checks all calls.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import Enum
from math import inf
from typing import Any, cast


class TimeoutKind(Enum):
    """Which time has passed."""

    DEADLINE = "the deadline of the call"
    SILENCE = "the server sent nothing for too long"
    WAIT = "the wait in a queue"


class CallTimeout:
    """When one call has to end, in the event loop's time. Its task is then cancelled."""

    __slots__ = (
        "_cancelling",
        "_cancels",
        "_left",
        "_scheduler",
        "began",
        "deadline",
        "past",
        "silence",
        "task",
    )

    def __init__(self, scheduler: "TimeoutScheduler", seconds: float) -> None:
        task = asyncio.current_task(scheduler._loop)
        assert task is not None
        self._scheduler = scheduler
        self.task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self._cancels = 0
        self.began: float = scheduler.clock()
        self.deadline: float = self.began + seconds
        self.silence: float = inf
        self.past: TimeoutKind | None = None
        self._left: float | None = None

    def expect(self, seconds: float) -> float:
        """Give the server *seconds* from now to send its next byte. Returns the time."""
        scheduler = self._scheduler
        now = scheduler.clock()
        self.silence = due = now + seconds
        if due < scheduler.when:
            scheduler.reschedule(due)
        return now

    def suspend(self, seconds: float) -> None:
        """The call waits in a queue, for *seconds* at most. Its deadline stands still."""
        now = self._scheduler.clock()
        self._left, self.deadline = self.deadline - now, now + seconds
        self._scheduler.reschedule(self.deadline)

    def resume(self) -> None:
        """The wait is over: the deadline goes on."""
        assert self._left is not None
        self.deadline, self._left = self._scheduler.clock() + self._left, None
        self._scheduler.reschedule(self.deadline)

    @property
    def due(self) -> float:
        """The earlier of the two times."""
        return min(self.deadline, self.silence)

    def stop(self, now: float) -> None:
        """Cancel the call: one of its times has passed."""
        whole = TimeoutKind.DEADLINE if self._left is None else TimeoutKind.WAIT
        self.past = whole if self.deadline <= now else TimeoutKind.SILENCE
        self.deadline, self.silence = inf if self.deadline <= now else self.deadline, inf
        self._cancels += 1
        self.task.cancel()

    def expired(self, kind: TimeoutKind) -> bool:
        """Whether the cancellation that has just come was ours, for *kind*, and nobody else's."""
        if self.past is not kind:
            return False
        self.past = None
        return self.uncancel() <= self._cancelling

    def uncancel(self) -> int:
        """Take back our own cancellations. Returns how many the task has left."""
        while self._cancels:
            self._cancels -= 1
            self.task.uncancel()
        return self.task.cancelling()


class TimeoutScheduler:
    """The timeouts of all calls of one client."""

    __slots__ = ("_closing", "_loop", "_timeouts", "_timer", "clock", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.clock: Callable[[], float] = loop.time
        self.when: float = inf
        """When the timer fires. Who is due later need not call :meth:`reschedule`."""
        self._closing = False
        self._timeouts: set[CallTimeout] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> CallTimeout:
        """Give the call of the running task *seconds* from now."""
        timeout = CallTimeout(self, seconds)
        self._timeouts.add(timeout)
        if timeout.deadline < self.when:
            self.reschedule(timeout.deadline)
        return timeout

    def end(self, timeout: CallTimeout) -> None:
        """The call has ended."""
        self._timeouts.discard(timeout)
        if timeout._cancels:
            timeout.uncancel()
        if self._closing and not self._timeouts:
            self._cancel_timer()
        del timeout.task  # it holds the error, whose frames hold this object: no cycle is left

    def close(self) -> None:
        """Cancel the timer, as soon as no call needs it."""
        self._closing = True
        if not self._timeouts:
            self._cancel_timer()

    def abandon(self) -> None:
        """End the calls that the loop had when it was closed: it will never run them again."""
        for timeout in tuple(self._timeouts):
            timeout.task.cancel()  # what it waits for is not reported as lost
            with suppress(Exception):  # of code that awaits while it is ended
                cast("Coroutine[Any, Any, Any]", timeout.task.get_coro()).close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self.when = None, inf

    def reschedule(self, due: float) -> None:
        """Check all calls at *due*, or earlier."""
        if due < self.when:
            self._cancel_timer()
            self._timer, self.when = self._loop.call_at(due, self._check), due

    def _check(self) -> None:
        self._timer, self.when = None, inf
        now = self.clock()
        for timeout in tuple(self._timeouts):
            if timeout.due <= now:
                timeout.stop(now)
        due = min((timeout.due for timeout in self._timeouts), default=inf)
        if due < inf:
            self.reschedule(due)
