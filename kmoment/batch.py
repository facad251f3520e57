"""Many calls, of which each may fail by itself: outcomes instead of one exception.

    async for outcome in moment.locations.depth3_each(keywords, concurrency=32):
        if outcome.ok:
            ...

A fixed number of workers pull inputs as they have room; outcomes come in the order of the inputs,
or as they are done; memory stays flat however many there are. Leaving the loop stops the work.
"""

import logging
import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from . import _validate
from ._batch.worker_pool import WorkerPool
from .outcomes import Outcome, Outcomes, OutcomeStatus, Progress

__all__ = ["AsyncBatch", "Outcome", "OutcomeStatus", "Outcomes", "Progress", "progress_bar"]

I = TypeVar("I")  # noqa: E741 - input
V = TypeVar("V")

AsyncInputs = Iterable[I] | AsyncIterable[I]
OnProgress = Callable[[Progress], object]

_log: Final = logging.getLogger("kmoment")


class ProgressCounter:
    """Counts outcomes as they are handed on, and reports progress."""

    def __init__(self, total: int | None, listener: OnProgress | None) -> None:
        self.total = total
        self._listener = listener
        self._began = time.monotonic()
        self._done = 0
        self._failed = 0

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        return Progress(self._done, self._failed, self.total, self._done / seconds)

    def count(self, outcome: Outcome[I, V]) -> Outcome[I, V]:
        """*outcome*, counted."""
        self._done += 1
        self._failed += not outcome.ok
        if self._listener is not None:
            try:
                self._listener(self.progress)
            except Exception:  # as with hooks: a callback must not break the work
                _log.exception("the progress callback has failed")
        return outcome


class AsyncBatch(Generic[I, V]):
    """Outcomes of one method over many inputs: iterate over it, or ``await batch.collect()``.

    Made by ``client.each`` and its kind. Nothing starts before the first outcome is asked for.
    """

    def __init__(
        self,
        job: Callable[[I], Any],
        inputs: AsyncInputs[I],
        *,
        concurrency: int,
        ordered: bool,
        on_progress: OnProgress | None,
    ) -> None:
        total = checked_inputs(inputs, concurrency)
        workers = min(concurrency, max(1, concurrency if total is None else total))
        self._counter = ProgressCounter(total, on_progress)
        self._pool = WorkerPool(job, inputs, workers=workers, ordered=ordered)
        self._outcomes = self._pool.outcomes()
        self.collected: Outcomes[I, V] = Outcomes()
        """What :meth:`collect` has, also when it was stopped midway."""

    @property
    def progress(self) -> Progress:
        """How many outcomes have been handed on so far."""
        return self._counter.progress

    @property
    def rest(self) -> Outcomes[I, V]:
        """After it was stopped: the outcomes of inputs that were begun and not handed on."""
        return self._pool.rest

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[I, V]:
        return self._counter.count(await anext(self._outcomes))

    async def collect(self) -> Outcomes[I, V]:
        """All outcomes. Stopped midway, by Ctrl-C too, :attr:`collected` has what is known."""
        try:
            async for outcome in self._outcomes:
                self.collected.append(outcome)
                self._counter.count(outcome)
        finally:
            await self.aclose()
            self.collected += self.rest
            self._pool.rest = Outcomes()
        return self.collected

    async def aclose(self) -> None:
        """Stop: pull no more inputs, and cancel the calls under way."""
        await self._outcomes.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def checked_inputs(inputs: Any, concurrency: int) -> int | None:
    """The number of inputs, if they have a length. Checks both arguments."""
    _validate.count("concurrency", concurrency)
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable | AsyncIterable):
        _validate.refuse("inputs", "a collection of inputs", inputs)
    return len(inputs) if isinstance(inputs, Sized) else None


@contextmanager
def progress_bar(description: str = "kmoment") -> Iterator[OnProgress]:
    """A bar in the terminal, for ``on_progress``. Needs rich: ``pip install kmoment[progress]``.

    with progress_bar("depth3") as bar:
        outcomes = moment.locations.depth3_each(keywords, on_progress=bar).collect()
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bar,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f}/s, {task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    with Bar(*columns) as bar:
        task = bar.add_task(description, total=None, rate=0.0, failed=0)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                rate=progress.rate,
                failed=progress.failed,
            )

        yield show
