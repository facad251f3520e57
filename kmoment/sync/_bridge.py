"""The thread on which a sync client's async client lives, and the way there and back.

One daemon thread per client runs an event loop with an anyio ``BlockingPortal`` in it. Calls do
not go through the portal, which makes two round trips between the threads for each: they go
straight to its loop, with the caller's context variables, and one :class:`Answer` comes back. It
exists before the call starts over there, so a Ctrl-C always has something to stop.

What must hold in the hosts a script lives in:

* Nothing waits at interpreter exit: the thread is a daemon, and what is open is closed within
  :data:`EXIT_SECONDS`.
* A forked child has no such thread: it forgets the bridge and opens its own. What it inherited
  is never finalized there, since that would reach into sockets it shares with its parent.
* A client that is dropped stops its thread; nobody waits for it.
"""

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from math import inf
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.from_thread import BlockingPortal

from ..client import AsyncClient
from ..errors import ClientClosedError, WrongLoopError

P = ParamSpec("P")
T = TypeVar("T")

EXIT_SECONDS: Final = 1.0
_CHUNK: Final = 256
_LINGER: Final = 0.005
"""Seconds that the first item of a chunk waits for company: a crossing costs as much as it does."""

_open: "set[Bridge]" = set()
_inherited: "list[Bridge]" = []


class Answer(Generic[T]):
    """What one call over there comes back with.

    Not a ``concurrent.futures.Future``: a Ctrl-C that hits while that one's lock is being taken
    leaves it taken, and the loop would wait for it for ever. Here it is never the loop that waits.
    """

    __slots__ = ("_came", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._came = threading.Lock()
        self._came.acquire()

    def give(self, value: T | None = None, error: BaseException | None = None) -> None:
        """The call has ended. On the bridge's thread only; the first time counts."""
        if not self.done:
            self._value, self._error, self.done = value, error, True
            self._came.release()

    def give_up(self) -> None:
        """The call will not be made, or not to its end."""
        self.give(error=ClientClosedError("the client was closed during the call"))

    def take(self) -> T:
        """Wait for it: a value, or an error to raise."""
        self._came.acquire()
        error, self._error = self._error, None
        if error is None:
            return cast("T", self._value)
        try:
            raise error
        finally:
            del error  # its traceback knows this frame

    def wait(self, seconds: float) -> None:
        """Wait for it, but no longer."""
        self._came.acquire(timeout=seconds)


class Bridge:
    """One thread with one event loop for one async client."""

    _loop: asyncio.AbstractEventLoop
    _portal: BlockingPortal
    _threads: CapacityLimiter

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self._pid = os.getpid()
        self._ending = False
        self._unwanted = False
        self._waiting: set[Answer[Any]] = set()
        self._tasks: dict[Answer[Any], asyncio.Task[Any]] = {}
        ready = Answer[None]()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name="kmoment", daemon=True
        )
        try:
            self._thread.start()
            ready.take()
        except BaseException:
            self._unwanted = True
            if ready.done:
                self.stop()
            raise
        _open.add(self)

    def call(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What ``await function(*args)`` gives over there. Stopped here, it stops there."""
        if self.here:
            raise WrongLoopError(
                "a sync client cannot be used by what it calls itself, such as a token callable"
            )
        if self._pid != os.getpid():
            raise ClientClosedError("this was begun in another process: begin anew in this one")
        answer = Answer[T]()
        halt = _halt.get()
        if halt is not None:
            halt.take(answer)
        self._waiting.add(answer)
        try:
            self._post(self._begin, answer, partial(function, *args, **kwargs))
            return answer.take()
        except BaseException:
            if not answer.done:
                self._abort(answer)
            raise
        finally:
            self._waiting.discard(answer)
            if halt is not None:
                halt.calls.discard(answer)

    def iterate(self, source: AsyncIterable[T]) -> Iterator[T]:
        """The items of *source*, which runs over there and stops when this is abandoned.

        It crosses over once for all the items that are ready, not once for each.
        """
        return self.items(self.stream(source))

    def stream(self, source: AsyncIterable[Any]) -> "Stream":
        """*source*, which has not begun yet."""
        return Stream(source)

    def items(self, stream: "Stream") -> Generator[Any]:
        """The items of *stream*, as :meth:`iterate` gives them."""
        try:
            while self.call(stream.fill):
                while stream.ready:
                    yield stream.ready.popleft()
        finally:
            if self.here:  # collected as garbage over there
                self._spawn(stream.aclose())
            else:
                with suppress(ClientClosedError):
                    self.call(stream.aclose)

    async def on_thread(self, job: Callable[[Any], T], given: Any) -> T:
        """What *job* gives, which blocks and calls this client. Stopped here, its calls stop."""
        halt = Halt()
        token = _halt.set(halt)
        try:
            return await to_thread.run_sync(
                job, given, abandon_on_cancel=True, limiter=self._threads
            )
        except asyncio.CancelledError:
            halt.stopped = True
            for answer in halt.calls & self._tasks.keys():
                self._tasks[answer].cancel()
            raise
        finally:
            _halt.reset(token)

    def close(self) -> None:
        """Close the client, giving calls under way their time, and end the thread."""
        try:
            self.call(self.client.aclose)
        finally:
            self.stop()
            self.join(EXIT_SECONDS)

    def stop(self) -> None:
        """Tell the thread to end, without waiting. From any thread, any number of times."""
        if self.usable:
            with suppress(ClientClosedError):
                self._post(lambda: self._spawn(self._portal.stop()))

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, but no longer."""
        self._thread.join(seconds)

    @property
    def usable(self) -> bool:
        """Whether the thread runs, in this process. A ``SystemExit`` over there ends it."""
        # Not `is_alive()`: a Ctrl-C that hits in it makes Python take the thread for dead.
        return not self._ending and self._pid == os.getpid()

    @property
    def here(self) -> bool:
        """Whether the caller is on the thread already, where waiting would be for ever."""
        return threading.current_thread() is self._thread  # idents are used again

    def _run(self, ready: Answer[None]) -> None:
        failure = None
        try:
            anyio.run(self._live, ready)
        except BaseException as error:  # e.g. no file left for the loop: the caller's to see
            failure = error
        self._ending = True
        _open.discard(self)
        ready.give(error=failure)
        for answer in tuple(self._waiting):
            answer.give_up()

    async def _live(self, ready: Answer[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = CapacityLimiter(inf)  # a batch has its own number of workers
        async with BlockingPortal() as self._portal:
            ready.give()
            if self._unwanted:
                self.stop()
            try:
                await self._portal.sleep_until_stopped()
            finally:
                self._ending = True
                await self.client.close_within(0)

    def _post(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args, context=copy_context())
        except RuntimeError:
            raise ClientClosedError("the client is closed; make a new one") from None

    def _spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        return self._loop.create_task(work)

    def _begin(self, answer: Answer[T], work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        halt = _halt.get()
        if halt is not None and halt.stopped:
            answer.give_up()
            return
        task = self._tasks[answer] = self._spawn(work())
        task.add_done_callback(lambda task: self._end(answer, task))

    def _end(self, answer: Answer[T], task: "asyncio.Task[T]") -> None:
        del self._tasks[answer]
        if task.cancelled():
            answer.give_up()
        elif (error := task.exception()) is not None:
            self._ending |= not isinstance(error, Exception)  # it goes on to end the loop
            answer.give(error=error)
        else:
            answer.give(task.result())

    def _abort(self, answer: Answer[Any]) -> None:
        """Cancel the call over there, and give it a moment to be gone."""
        with suppress(ClientClosedError):
            self._post(self._stop, answer)
            answer.wait(EXIT_SECONDS)

    def _stop(self, answer: Answer[Any]) -> None:
        if answer in self._tasks:
            self._tasks[answer].cancel()
        else:
            answer.give_up()  # it was stopped before it was even asked for


class Halt:
    """Stops the calls that one job makes from its thread."""

    def __init__(self) -> None:
        self.stopped = False
        self.calls: set[Answer[Any]] = set()

    def take(self, answer: Answer[Any]) -> None:
        """Another call of the job's, unless it was stopped."""
        if self.stopped:
            raise ClientClosedError("the batch that this call belongs to was stopped")
        self.calls.add(answer)


_halt: ContextVar[Halt | None] = ContextVar("kmoment_halt", default=None)


class Stream:
    """Runs an async iterable ahead of its reader, by a chunk at most."""

    def __init__(self, source: AsyncIterable[Any]) -> None:
        self._source = source
        self.ready: deque[Any] = deque()
        """Items for the reader, who takes them on its own thread: none is lost on the way."""
        self._moved = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    async def fill(self) -> bool:
        """Wait until something is ready; false when the source is done."""
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())
        self._moved.set()
        while not self.ready and not self._pump.done():
            await self._wait()
        if len(self.ready) < _CHUNK and not self._pump.done():
            await asyncio.sleep(_LINGER)
        if not self.ready:
            await self._pump
        return bool(self.ready)

    def push(self, item: Any) -> None:
        """Put in an item that is not the source's. On the loop only."""
        self.ready.append(item)
        self._moved.set()

    async def aclose(self) -> None:
        """Stop the source where it is."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        if close := getattr(self._source, "aclose", None):
            await close()

    async def _run(self) -> None:
        try:
            async for item in self._source:
                self.push(item)
                while len(self.ready) >= _CHUNK:
                    await self._wait()
        finally:
            self._moved.set()

    async def _wait(self) -> None:
        self._moved.clear()
        await self._moved.wait()


def _close_all() -> None:
    for bridge in list(_open):
        bridge.stop()
        bridge.join(EXIT_SECONDS)


def _forget_all() -> None:
    _inherited.extend(_open)
    _open.clear()


atexit.register(_close_all)
# Windows knows no fork.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_forget_all)
