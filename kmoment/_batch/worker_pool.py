"""Workers that pull inputs one by one, run a job on each, and hand on its outcome.

An input is pulled when a worker is free for it. Only a window of them is between being pulled and
being handed on, so that memory stays flat if the reader is slow or, in order, if the first input
is. If the pool is stopped midway, every input that was pulled has its outcome in
:attr:`WorkerPool.rest`.

Where *spare* allows it, another worker takes the place of one whose job pauses: after an outage
many creates may be looked for, 21 s long, and the other inputs go on meanwhile.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from math import inf
from typing import Any, Final

from .._engine.job_tracker import CURRENT, JobTracker, status_of
from ..errors import APIError, DeadlineExceededError, JournalStoreError, OutcomeUnknownError
from ..outcomes import Outcome, Outcomes, OutcomeStatus

_WINDOW: Final = 4
"""Inputs per worker that may be pulled and not handed on yet: a slow one rarely stops the rest."""


class WorkerPool:
    """One pass over *inputs*."""

    def __init__(
        self,
        job: Callable[[Any], Awaitable[Any]],
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        workers: int,
        ordered: bool,
        deadline: float | None = None,
        finite: bool = False,
        spare: bool = False,
    ) -> None:
        """Prepare a pass.

        :param deadline: Seconds for the pass. An input that is not done then ends as it is.
        :param finite: Whether the inputs come to an end. Only then those that are left after the
            deadline are pulled too, so that each has its outcome.
        :param spare: Whether a job that pauses does not count as one that runs.
        """
        self._job = job if deadline is None else self._in_time
        self._unbounded = job
        self._deadline = deadline
        self._finite = finite
        self._until = inf
        self._source = aiter(inputs if isinstance(inputs, AsyncIterable) else _Plain(inputs))
        self._workers = workers
        self._spare = spare and workers > 1  # one alone promises that jobs run one after the other
        self._tasks: set[asyncio.Task[None]] = set()
        self._live = 0
        """Workers that have not decided to end."""
        self._pausing = 0
        """Workers whose job pauses."""
        self.ordered = ordered
        """Whether outcomes are handed on in the order of the inputs. May be changed before the
        first one is asked for."""
        self.begun = False
        self._room = asyncio.Semaphore(workers * _WINDOW)
        self._pulling = asyncio.Lock()
        self.pulled = 0
        self._ended = False
        self._stopping = False
        self._outer: JobTracker | None = None
        self._failure: Exception | None = None
        self._crash: BaseException | None = None
        self._ready: asyncio.Queue[Outcome[Any, Any] | None] = asyncio.Queue()
        self._held: dict[int, Outcome[Any, Any]] = {}
        self.rest: Outcomes[Any, Any] = Outcomes()

    async def outcomes(self) -> AsyncGenerator[Outcome[Any, Any]]:
        """The outcome of each input; then the error, if any, that the inputs ended with."""
        self._outer = CURRENT.get()
        self.begun = True
        self._loop, self._context = asyncio.get_running_loop(), copy_context()
        if self._deadline is not None:
            self._until = self._loop.time() + self._deadline
        for _ in range(self._workers):
            self._begin()
        try:
            turn = 0
            while self._tasks or not self._ready.empty():
                outcome = await self._ready.get()
                if outcome is None:
                    if self._crash is not None:
                        raise self._crash
                    continue
                self._held[outcome.index if self.ordered else turn] = outcome
                while turn in self._held:
                    self._room.release()
                    turn += 1
                    yield self._held.pop(turn - 1)
            if self._failure is not None:
                raise self._failure
        finally:
            await self._stop()

    def _begin(self) -> None:
        self._live += 1
        # Not in the context of a job that pauses: the inputs may be asynchronous.
        task = asyncio.create_task(self._work(), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # else it would be reported as lost: `_crash` has it
        self._ready.put_nowait(None)

    async def _stop(self) -> None:
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:  # also if it is cancelled again
            left = list(self._held.values())
            while not self._ready.empty():
                left += filter(None, (self._ready.get_nowait(),))
            self.rest = Outcomes(sorted(left, key=lambda outcome: outcome.index))

    async def _work(self) -> None:
        try:
            while self._running <= self._workers and (pulled := await self._pull()):
                self._ready.put_nowait(await self._do(*pulled))
        except BaseException as crash:
            if not self._stopping:
                self._crash = crash
            raise
        finally:
            self._live -= 1

    @property
    def _running(self) -> int:
        return self._live - self._pausing

    def _job_pauses(self, pauses: bool) -> None:
        """A job pauses, or goes on. Called on the job's thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._note_pause, pauses)

    def _note_pause(self, pauses: bool) -> None:
        self._pausing += 1 if pauses else -1
        if pauses and self._running < self._workers and not (self._ended or self._stopping):
            self._begin()

    async def _pull(self) -> tuple[int, Any] | None:
        await self._room.acquire()
        pulled = await self._next()
        if pulled is None:
            self._room.release()
        return pulled

    async def _next(self) -> tuple[int, Any] | None:
        async with self._pulling:
            self._ended |= not self._finite and self._is_late()
            if self._ended:
                return None
            try:
                given = await anext(self._source)
            except StopAsyncIteration:
                self._ended = True
                return None
            except Exception as error:
                self._ended, self._failure = True, error
                return None
            self.pulled += 1
            return self.pulled - 1, given

    def _is_late(self) -> bool:
        return self._until < inf and asyncio.get_running_loop().time() >= self._until

    async def _in_time(self, given: Any) -> Any:
        """The job, stopped by the batch's deadline."""
        limit = asyncio.timeout_at(self._until)
        try:
            if not self._is_late():
                async with limit:
                    return await self._unbounded(given)
        except TimeoutError:
            if not limit.expired():
                raise
        reason = f"the batch was not done within {self._deadline:g} s"
        raise DeadlineExceededError(reason, {"request_sent": False, "phase": "in a batch"})

    async def _do(self, index: int, given: Any) -> Outcome[Any, Any]:
        tracker = JobTracker(self._outer, self._job_pauses if self._spare else None)
        before = CURRENT.set(tracker)  # each worker is a task, with a context of its own
        try:
            value = await self._job(given)
        except asyncio.CancelledError:
            stopped = _in_doubt(index, given) if tracker.wrote else held_back(index, given)
            if not self._stopping:  # the job cancelled itself: only this input ends
                return stopped
            self._ready.put_nowait(stopped)
            raise
        except Exception as error:
            if isinstance(error, JournalStoreError):
                self._ended, self._failure = True, error
            status = status_of(error, wrote=tracker.wrote)
            return Outcome(index=index, input=given, status=status, error=error)
        finally:
            CURRENT.reset(before)
        return Outcome(index=index, input=given, status=OutcomeStatus.OK, value=value)


def _in_doubt(index: int, given: Any) -> Outcome[Any, Any]:
    error = OutcomeUnknownError("stopped while it was running; it may have been done")
    return Outcome(index=index, input=given, status=OutcomeStatus.UNKNOWN, error=error)


def held_back(index: int, given: Any) -> Outcome[Any, Any]:
    """The outcome of an input that was pulled, and for which nothing was done."""
    error = APIError("stopped before it did anything", {"can_retry": True})
    return Outcome(index=index, input=given, status=OutcomeStatus.NOT_ATTEMPTED, error=error)


class _Plain:
    """Makes an iterable asynchronous."""

    def __init__(self, inputs: Iterable[Any]) -> None:
        self._items = iter(inputs)

    def __aiter__(self) -> "_Plain":
        return self

    async def __anext__(self) -> Any:
        for item in self._items:
            return item
        raise StopAsyncIteration
