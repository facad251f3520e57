"""Batches for blocking callers: the same workers, on the loop of the client's thread.

A method of a resource runs on the loop, as its async counterpart. Any other function blocks, so
each worker runs it on a thread. When the batch is stopped, its call under way is cancelled and its
next call is refused.

Inputs are pulled on the caller's own thread, since their source may be bound to it, such as a
database cursor. The loop asks for more through the stream of outcomes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from importlib import import_module
from inspect import iscoroutinefunction
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

import attrs

from .._batch.keyed import Keyed
from .._batch.worker_pool import WorkerPool, held_back
from .._engine.clock import monotonic
from ..batch import (
    OnProgress,
    ProgressCounter,
    checked_deadline,
    checked_inputs,
    checked_progress as checked_callable,
)
from ..errors import InvalidArgumentError
from ..outcomes import Outcome, Outcomes, Progress
from ._sender import Sender
from ._stream import PrefetchedStream

if TYPE_CHECKING:
    from ._portal import LoopThread

__all__ = ["Batch", "OnProgress"]

I = TypeVar("I")  # noqa: E741 - input
V = TypeVar("V")


class Batch(Generic[I, V]):
    """Outcomes of one method over many inputs. Iterate over it, or call ``batch.collect()``.

    Made by ``client.each`` and its kind. Nothing starts before the first outcome is asked for.
    A function that is not a method of a resource runs on threads, one for each worker.
    """

    def __init__(
        self,
        sender: Sender,
        method: Callable[[I], V],
        inputs: Iterable[I],
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
        self._counter = ProgressCounter(total, on_progress, sender.waiting_for)
        workers = min(concurrency, max(1, concurrency if total is None else total))
        how = _How(workers, ordered, deadline, finite=total is not None)
        self._pass = _Pass(sender, keyed, method, inputs, how)
        self._outcomes = self._pass.outcomes()
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
        rest = [*self._counted, *self._pass.rest]
        return Outcomes(sorted(rest, key=lambda outcome: outcome.index))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome[I, V]:
        if not self._counted:
            self._counted.append(next(self._outcomes))
            self._counter.count(self._counted[0])
        return self._counted.pop()

    def collect(self) -> Outcomes[I, V]:
        """All outcomes. If this is stopped, also by Ctrl-C, :attr:`collected` has what is known."""
        ordered = self._pass.how.ordered
        if not self._pass.begun:  # a slow one must not stop the others
            self._pass.how = attrs.evolve(self._pass.how, ordered=False)
        self.collected += self._counted
        self._counted.clear()
        try:
            for outcome in self._outcomes:
                self.collected.append(outcome)
                self._counter.count(outcome)
        finally:
            self.close()
            self.collected += self.rest
            self._pass.rest = Outcomes()
            if ordered:
                self.collected.sort(key=attrgetter("index"))
        return self.collected

    def close(self) -> None:
        """Stop: pull no more inputs, and cancel the calls under way."""
        self._outcomes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def checked_progress(listener: Any) -> None:
    """Refuse what cannot be called, and what would have to be awaited."""
    checked_callable(listener)
    while isinstance(listener, partial):
        listener = listener.func
    call = getattr(listener, "__call__", None)  # noqa: B004 - an object's, which may be async
    if iscoroutinefunction(listener) or iscoroutinefunction(call):
        rule = "must not be async: a blocking batch cannot await it"
        raise InvalidArgumentError("on_progress", rule)


@attrs.frozen
class _How:
    """How a pass is made: what ``WorkerPool`` takes."""

    workers: int
    ordered: bool
    deadline: float | None
    finite: bool


class _Pass:
    """One pass over the inputs. It does not hold its batch, so that dropping the batch ends it."""

    def __init__(
        self,
        sender: Sender,
        keyed: Keyed,
        method: Callable[[Any], Any],
        inputs: Iterable[Any],
        how: "_How",
    ) -> None:
        self._sender = sender
        self._keyed = keyed
        self._method = method
        self._inputs = iter(inputs)
        self.how = how
        self.begun = False
        self._pulled: list[Any] = []
        self._count = 0
        """Inputs pulled so far."""
        self.rest: Outcomes[Any, Any] = Outcomes()

    def outcomes(self) -> Generator[Outcome[Any, Any]]:
        """The outcome of each input; then the error, if any, that the inputs ended with."""
        self.begun = True
        thread = self._sender.open()
        feed = _Feed(self.how.workers * 2)
        counterpart = _counterpart(self._method, self._sender, thread)
        pool = WorkerPool(
            self._keyed.recorded(counterpart or partial(thread.on_thread, self._method)),
            feed,
            spare=counterpart is not None,
            **attrs.asdict(self.how),
        )
        stream = PrefetchedStream(pool.outcomes())
        feed.ask = partial(stream.push, _MORE)
        try:
            with closing(thread.items(stream)) as items:
                for outcome in items:
                    if outcome is _MORE:
                        self._feed(thread, feed)
                    else:
                        yield outcome
        finally:
            finished = [outcome for outcome in stream.ready if outcome is not _MORE]
            # What a Ctrl-C has stopped on its way to the loop is in one place or in both.
            on_their_way = self._pulled[max(0, len(self._pulled) - self._count + feed.count) :]
            waiting = enumerate([*feed.items, *on_their_way], pool.pulled)
            rest = [*finished, *pool.rest, *(held_back(i, item) for i, item in waiting)]
            self.rest = Outcomes(sorted(rest, key=lambda outcome: outcome.index))

    def _feed(self, thread: "LoopThread", feed: "_Feed") -> None:
        ended, failure = False, None
        try:
            ended = self._pull(feed.size)
        except Exception as error:
            ended, failure = True, error
        thread.call(feed.give, self._pulled, ended, failure)
        self._pulled = []

    def _pull(self, count: int) -> bool:
        """Take so many inputs, fewer where they come slowly. Whether there are no more."""
        until = monotonic() + _LINGER
        for item in self._inputs:
            self._pulled.append(item)
            self._count += 1
            if len(self._pulled) >= count or monotonic() >= until:
                return False
        return True


_LINGER: Final = 0.005
"""Seconds in which inputs are gathered: crossing costs as much as many of them."""

_MORE: Final[Any] = object()
"""Stands among the outcomes where the loop needs more inputs."""


class _Feed:
    """Inputs on the loop's side, a few ahead of the workers."""

    ask: Callable[[], None]

    def __init__(self, size: int) -> None:
        self.size = size
        self.items: deque[Any] = deque()
        self.count = 0
        """Inputs that have come so far."""
        self._asked = False
        self._ended = False
        self._failure: Exception | None = None
        self._given = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self.items and not self._ended:
            self._ask_for_more()
            self._given.clear()
            await self._given.wait()
        if self.items:
            item = self.items.popleft()
            self._ask_for_more()
            return item
        raise self._failure or StopAsyncIteration

    async def give(self, items: list[Any], ended: bool, failure: Exception | None) -> None:
        """Take *items*, the last ones if *ended*."""
        self.items.extend(items)
        self.count += len(items)
        self._asked, self._ended, self._failure = False, ended, failure
        self._given.set()

    def _ask_for_more(self) -> None:
        if not self._asked and not self._ended and len(self.items) < self.size // 2:
            self._asked = True
            self.ask()


def _counterpart(
    method: Callable[[Any], Any], sender: Sender, thread: "LoopThread"
) -> Callable[[Any], Awaitable[Any]] | None:
    """The async method that a resource's method mirrors, with its options and at its account.

    ``None`` for any other function, also for a method of another client, and for one whose plan
    would be bound to the loop.
    """
    resource = getattr(method, "__self__", None)
    kind = type(resource)
    if not kind.__module__.startswith(f"{__package__}.resources."):
        return None
    own: Sender = resource._sender  # type: ignore[union-attr]
    if own.owner is not sender.owner or _gives_a_plan(method):
        return None
    mirrored = getattr(
        import_module(kind.__module__.replace(".sync.", ".")), f"Async{kind.__name__}"
    )
    account = getattr(resource, "_account", None)
    dispatcher = own.dispatcher(thread)
    made = mirrored(dispatcher) if account is None else mirrored(dispatcher, account)
    counterpart: Callable[[Any], Awaitable[Any]] = getattr(made, method.__name__)
    return counterpart


def _gives_a_plan(method: Callable[[Any], Any]) -> bool:
    """Whether *method* returns an object with calls of its own: they must be blocking ones."""
    returned = method.__annotations__.get("return")
    return getattr(returned, "__module__", "").startswith(f"{__package__}.resources.")
