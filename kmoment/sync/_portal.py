"""The thread of a blocking client: its event loop, and how calls get there and back.

One daemon thread per client runs an event loop with an anyio ``BlockingPortal`` in it. Calls do
not go through the portal, which crosses between the threads twice for each. They go straight to
its loop, with the caller's context variables, and one :class:`CallFuture` comes back. It exists
before the call starts, so a Ctrl-C always has something to stop.

What must hold in the programs that use it:

* Nothing waits at interpreter exit: the thread is a daemon, and what is open is closed within
  :data:`EXIT_SECONDS`.
* A forked process has no such thread: it forgets the object and opens its own. What it inherited
  is never finalized there, since that would touch sockets that it shares with its parent.
* A client that is dropped stops its thread. Nobody waits for it.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from math import inf
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.from_thread import BlockingPortal

from .._engine.clock import monotonic
from .._engine.state import ClientState
from ..errors import ClientClosedError, UsageError, WrongLoopError
from ._executor import DaemonExecutor
from ._stream import PrefetchedStream

P = ParamSpec("P")
T = TypeVar("T")

EXIT_SECONDS: Final = 1.0
"""The longest that closing, a stopped call or interpreter exit waits for the thread."""

_open: "set[LoopThread]" = set()
_inherited: "list[LoopThread]" = []


class CallFuture(Generic[T]):
    """The result of one call on the thread.

    Not a ``concurrent.futures.Future``: a Ctrl-C that hits while its lock is being taken leaves
    it taken, and the loop would wait for it for ever. Here the loop never waits.
    """

    __slots__ = ("_came", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._came = threading.Lock()
        self._came.acquire()

    def give(self, value: T | None = None, error: BaseException | None = None) -> None:
        """The call has ended. Only the first time counts. Called on the loop's thread."""
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
            del error  # its traceback holds this frame

    def wait(self, seconds: float) -> None:
        """Wait for it, but no longer."""
        self._came.acquire(timeout=seconds)


class LoopThread:
    """One thread with one event loop, for the state of one client."""

    _loop: asyncio.AbstractEventLoop
    _portal: BlockingPortal
    _threads: CapacityLimiter

    def __init__(self, state: ClientState) -> None:
        self.state = state
        self._pid = os.getpid()
        self._ending = False
        self._over = False
        self._unwanted = False
        self._waiting: set[CallFuture[Any]] = set()
        self._tasks: dict[CallFuture[Any], asyncio.Task[Any]] = {}
        self._streams: set[PrefetchedStream] = set()
        ready = CallFuture[None]()
        try:
            with _telling_why_no_thread():
                self._thread = threading.Thread(
                    target=self._run, args=(ready,), name="kmoment", daemon=True
                )
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
        """The result of ``await function(*args)`` on the loop. If this stops, that stops."""
        if self.in_loop_thread:
            raise WrongLoopError(
                "a sync client cannot be used by what it calls itself, such as a token callable"
            )
        if self._pid != os.getpid():
            raise ClientClosedError("this was begun in another process: begin anew in this one")
        future = CallFuture[T]()
        cancel_token = _cancel_token.get()
        if cancel_token is not None:
            cancel_token.take(future)
        self._waiting.add(future)
        try:
            self._post(self._begin, future, partial(function, *args, **kwargs))
            return future.take()
        except BaseException:
            if not future.done:
                self._abort(future)
            raise
        finally:
            self._waiting.discard(future)
            if cancel_token is not None:
                cancel_token.calls.discard(future)

    def items(self, stream: PrefetchedStream) -> Generator[Any]:
        """The items of *stream*. Abandoning them stops it.

        All items that are ready cross over at once, not one by one.
        """
        self._streams.add(stream)
        try:
            while self.call(stream.fill):
                while stream.ready:
                    yield stream.ready.popleft()
        finally:
            if self._pid == os.getpid():  # a forked process must not finalize its tasks
                self._streams.discard(stream)
            if self.in_loop_thread:  # collected as garbage there
                self._spawn(stream.aclose())
            else:
                with suppress(ClientClosedError):
                    self.call(stream.aclose)

    async def on_thread(self, job: Callable[[Any], T], given: Any) -> T:
        """The result of *job*, which blocks and calls this client. If this stops, they stop."""
        cancel_token = CancelToken()
        token = _cancel_token.set(cancel_token)
        try:
            return await to_thread.run_sync(
                job, given, abandon_on_cancel=True, limiter=self._threads
            )
        except asyncio.CancelledError:
            cancel_token.stopped = True
            tasks = [self._tasks[future] for future in cancel_token.calls & self._tasks.keys()]
            for task in tasks:
                task.cancel()
            if tasks:  # what they have done must be known before the outcome is
                await asyncio.wait(tasks)
            raise
        finally:
            _cancel_token.reset(token)

    def close(self) -> None:
        """Close the state, giving calls under way their time, and end the thread."""
        try:
            self.call(self.state.close)
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
        """Whether the thread runs, in this process. A ``SystemExit`` on its loop ends it."""
        # Not `is_alive()`: a Ctrl-C that hits in it makes Python take the thread for dead.
        return not self._ending and self._pid == os.getpid()

    @property
    def in_loop_thread(self) -> bool:
        """Whether the caller is on the thread itself, where waiting would never end."""
        return threading.current_thread() is self._thread  # thread idents are reused

    def runs(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether *loop* is the thread's own."""
        return loop is self._loop

    def _run(self, ready: CallFuture[None]) -> None:
        failure: BaseException | None = None
        try:
            _refuse_greenlet()
            anyio.run(self._live, ready)
        except BaseException as error:  # e.g. no file descriptor left for the loop
            failure = error
        self._ending = True
        _open.discard(self)
        ready.give(error=failure)
        for future in tuple(self._waiting):
            future.give_up()

    async def _live(self, ready: CallFuture[None]) -> None:
        self._loop = asyncio.get_running_loop()
        # A clock that is frozen would end no pause. Not by way of `vars`: in Python 3.11 it makes
        # every attribute of the loop slow.
        self._loop.time = monotonic  # type: ignore[method-assign]
        self._loop.set_default_executor(DaemonExecutor())
        self._threads = CapacityLimiter(inf)  # a batch has its own number of workers
        async with BlockingPortal() as self._portal:
            ready.give()
            if self._unwanted:
                self.stop()
            try:
                await self._portal.sleep_until_stopped()
            finally:
                self._ending = True
                try:
                    await self.state.close(0)
                    for stream in tuple(self._streams):
                        await stream.aclose()
                finally:
                    self._over = True

    def _post(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args, context=copy_context())
        except RuntimeError:
            raise ClientClosedError("the client is closed; make a new one") from None

    def _spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        return self._loop.create_task(work)

    def _begin(self, future: CallFuture[T], work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        cancel_token = _cancel_token.get()
        if self._over or (cancel_token is not None and cancel_token.stopped):
            future.give_up()  # a task that begins when the loop ends would never end
            return
        task = self._tasks[future] = self._spawn(work())
        task.add_done_callback(lambda task: self._end(future, task))

    def _end(self, future: CallFuture[T], task: "asyncio.Task[T]") -> None:
        del self._tasks[future]
        if task.cancelled():
            future.give_up()
        elif (error := task.exception()) is not None:
            self._ending |= not isinstance(error, Exception)  # it goes on to end the loop
            future.give(error=error)
        else:
            future.give(task.result())

    def _abort(self, future: CallFuture[Any]) -> None:
        """Cancel the call on the loop, and give it a moment to end."""
        with suppress(ClientClosedError):
            self._post(self._stop, future)
            future.wait(EXIT_SECONDS)

    def _stop(self, future: CallFuture[Any]) -> None:
        if future in self._tasks:
            self._tasks[future].cancel()
        else:
            future.give_up()  # it was stopped before it began


@contextmanager
def _telling_why_no_thread() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if "shutdown" in said:
            raise ClientClosedError(f"{said}: make the client's first call earlier") from None
        if "subinterpreter" in said.replace("(", "").replace(")", ""):
            raise UsageError(f"{said}: use kmoment.Client in the main interpreter") from None
        raise  # such as "can't start new thread"


def _refuse_greenlet() -> None:
    """One thread runs one event loop, and under gevent all greenlets are one thread."""
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            "an event loop runs already in the client's new thread, as among gevent's greenlets: "
            "share one client and its views, or use monkey.patch_all(thread=False, queue=False)"
        )


class CancelToken:
    """Stops the calls that one job makes from its thread."""

    def __init__(self) -> None:
        self.stopped = False
        self.calls: set[CallFuture[Any]] = set()

    def take(self, future: CallFuture[Any]) -> None:
        """The job makes another call, unless it was stopped."""
        if self.stopped:
            raise ClientClosedError("the batch that this call belongs to was stopped")
        self.calls.add(future)


_cancel_token: ContextVar[CancelToken | None] = ContextVar("kmoment_cancel_token", default=None)


def _close_all() -> None:
    for thread in list(_open):
        thread.stop()
        thread.join(EXIT_SECONDS)


def _forget_all() -> None:
    _inherited.extend(_open)
    _open.clear()


atexit.register(_close_all)
# Windows knows no fork.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_forget_all)
