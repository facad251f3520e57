"""Many inputs at once. Each has its own outcome, so one that fails does not fail the others.

    async for outcome in moment.locations.depth3_each(["논현", "중앙"], concurrency=32):
        print(outcome.input, outcome.value if outcome.ok else outcome.error)

    batch = moment.each_account([1234, 5678], lambda account: account.audiences.list())
    outcomes = await batch.collect()
    print(outcomes, "to try again:", outcomes.retryable())

In blocking code it is the same without `async` and `await`.

* `status` is `ok`, `failed`, `unknown` (a write that may have been done) or `not attempted`
  (stopped before it did anything). `outcomes.raise_if_failed()` raises all errors as one
  `ExceptionGroup`. `outcomes.retryable()` are the inputs for the next run. No input of a write
  that may have been done is among them.
* A fixed number of workers pull inputs as they have room. Iterables may be endless, async, or
  larger than memory. Outcomes come in the order of the inputs, or as they are done
  (`ordered=False`).
* Leaving the loop, Ctrl-C and cancellation stop the work. Then `batch.collected` and `batch.rest`
  have the outcome of every input that was begun.
* `journal=` records every input, so that a run that died goes on where it stopped; `shard="3/8"`
  deals the inputs to several processes: see `kmoment.journal`.
* `on_progress=` is called with a `Progress`; `progress_bar()` draws it. In async code it may be an
  async function, which is awaited. In blocking code it runs on your thread.
"""

import logging
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from inspect import isawaitable
from operator import attrgetter
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from . import _validate
from ._batch.keyed import Keyed
from ._batch.worker_pool import WorkerPool
from ._engine.clock import monotonic
from ._sender import AsyncSender
from .outcomes import Outcome, Outcomes, OutcomeStatus, Progress

__all__ = ["AsyncBatch", "Outcome", "OutcomeStatus", "Outcomes", "Progress", "progress_bar"]

I = TypeVar("I")  # noqa: E741 - input
V = TypeVar("V")

AsyncInputs = Iterable[I] | AsyncIterable[I]
OnProgress = Callable[[Progress], object]

_log: Final = logging.getLogger("kmoment")
_CALLBACK_FAILED: Final = "the progress callback has failed"


class ProgressCounter:
    """Counts outcomes as they are handed on, and reports progress."""

    def __init__(
        self,
        total: int | None,
        listener: OnProgress | None,
        waiting_for: Callable[[], str | None],
    ) -> None:
        self.total = total
        self._waiting_for = waiting_for
        self._listener = listener
        self._began = monotonic()
        self._done = 0
        self._failed = 0
        self._warned = False

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        seconds = max(monotonic() - self._began, 1e-9)
        rate, waiting_for = self._done / seconds, self._waiting_for()
        return Progress(self._done, self._failed, self.total, rate, waiting_for)

    def count(self, outcome: Outcome[Any, Any]) -> None:
        """Count *outcome* in blocking code, where nothing can be awaited."""
        told = self._tell(outcome)
        if told is None or not isawaitable(told):
            return
        if close := getattr(told, "close", None):
            close()
        if not self._warned:
            self._warned = True
            _log.error("the progress callback is async: a blocking batch does not await it")

    async def count_async(self, outcome: Outcome[Any, Any]) -> None:
        """Count *outcome*, and await what the callback returns."""
        told = self._tell(outcome)
        if told is not None and isawaitable(told):
            try:
                await told
            except Exception:
                _log.exception(_CALLBACK_FAILED)

    def _tell(self, outcome: Outcome[Any, Any]) -> object:
        self._done += 1
        self._failed += not outcome.ok
        if self._listener is None:
            return None
        try:
            return self._listener(self.progress)
        except Exception:  # as with hooks: a callback must not break the work
            _log.exception(_CALLBACK_FAILED)
            return None


class AsyncBatch(Generic[I, V]):
    """Outcomes of one method over many inputs. Iterate over it, or ``await batch.collect()``.

    Made by ``client.each`` and its kind. Nothing starts before the first outcome is asked for.
    """

    def __init__(
        self,
        sender: AsyncSender,
        job: Callable[[I], Any],
        inputs: AsyncInputs[I],
        *,
        concurrency: int,
        ordered: bool,
        on_progress: OnProgress | None,
        deadline: float | None = None,
        keyed: Keyed | None = None,
    ) -> None:
        keyed = keyed or Keyed()
        inputs = keyed.dealt(inputs)
        total = checked_inputs(inputs, concurrency)
        checked_deadline(deadline)
        checked_progress(on_progress)
        workers = min(concurrency, max(1, concurrency if total is None else total))
        self._counter = ProgressCounter(total, on_progress, sender.waiting_for)
        self._pool = WorkerPool(
            keyed.recorded(job),
            inputs,
            workers=workers,
            ordered=ordered,
            deadline=deadline,
            finite=total is not None,
            spare=is_resource_method(job),
        )
        self._outcomes = self._pool.outcomes()
        self._counted: list[Outcome[I, V]] = []
        """An outcome that was not handed on, because its progress callback was stopped."""
        self.collected: Outcomes[I, V] = Outcomes()
        """The outcomes that :meth:`collect` has, also if it was stopped."""

    @property
    def progress(self) -> Progress:
        """How many outcomes have been handed on so far."""
        return self._counter.progress

    @property
    def rest(self) -> Outcomes[I, V]:
        """After a stop: the outcomes of inputs that were begun and not handed on."""
        rest = [*self._counted, *self._pool.rest]
        return Outcomes(sorted(rest, key=lambda outcome: outcome.index))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[I, V]:
        if not self._counted:
            self._counted.append(await anext(self._outcomes))
            await self._counter.count_async(self._counted[0])
        return self._counted.pop()

    async def collect(self) -> Outcomes[I, V]:
        """All outcomes. If this is stopped, also by Ctrl-C, :attr:`collected` has what is known."""
        ordered = self._pool.ordered
        if not self._pool.begun:
            self._pool.ordered = False  # a slow one must not stop the others
        self.collected += self._counted
        self._counted.clear()
        try:
            async for outcome in self._outcomes:
                self.collected.append(outcome)
                await self._counter.count_async(outcome)
        finally:
            await self.aclose()
            self.collected += self.rest
            self._pool.rest = Outcomes()
            if ordered:
                self.collected.sort(key=attrgetter("index"))
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


def is_resource_method(job: Any) -> bool:
    """Whether *job* is one call of ours, and no function that does more than that."""
    return type(getattr(job, "__self__", None)).__module__.startswith("kmoment.resources.")


def checked_inputs(inputs: Any, concurrency: int) -> int | None:
    """The number of inputs, if they have a length. Checks both arguments."""
    _validate.count("concurrency", concurrency)
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable | AsyncIterable):
        _validate.refuse("inputs", "a collection of inputs", inputs)
    return len(inputs) if isinstance(inputs, Sized) else None


def checked_progress(listener: object) -> None:
    """Refuse what cannot be called."""
    if listener is not None and not callable(listener):
        _validate.refuse("on_progress", "a function of a Progress", listener)


def checked_deadline(deadline: float | None) -> None:
    """Refuse a batch's deadline that is no positive number of seconds."""
    if deadline is not None:
        _validate.seconds("deadline", deadline)


@contextmanager
def progress_bar(description: str = "kmoment") -> Iterator[OnProgress]:
    """A bar in the terminal, for ``on_progress``.

        with progress_bar("depth3") as bar:
            outcomes = moment.locations.depth3_each(["논현"], on_progress=bar).collect()

    Needs rich: ``pip install kmoment[progress]``.
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
        TextColumn("{task.fields[waiting_for]}"),
    )
    with Bar(*columns) as bar:
        task = bar.add_task(description, total=None, rate=0.0, failed=0, waiting_for="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                rate=progress.rate,
                failed=progress.failed,
                waiting_for=progress.waiting_for or "",
            )

        yield show
