"""Sends the calls of blocking code to the event loop on the client's own thread."""

import asyncio
import inspect
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import attrs

from .._engine.dispatcher import Dispatcher
from .._engine.settings import ClientSettings
from .._engine.state import ClientState
from .._protocol.call import Call
from ..errors import ClientClosedError, OutcomeUnknownError
from ..limits import LimitStatus
from ..models import Audience
from . import _executor  # noqa: F401 - cannot be imported once the interpreter exits

if TYPE_CHECKING:
    from ._portal import LoopThread

P = ParamSpec("P")
T = TypeVar("T")

_PACKAGE: Final = str(Path(__file__).parents[1])


@attrs.define(eq=False)
class ThreadOwner:
    """Owns the thread that a client and all its views share. The first call starts it.

    A forked process starts a thread of its own, with a state of its own.
    """

    settings: ClientSettings
    running: "LoopThread | None" = None
    closed: bool = False
    warned: bool = False

    def open(self) -> "LoopThread":
        """The running thread."""
        thread = self.running
        if thread is not None and thread.usable:
            return thread
        with _opening:
            if self.closed:
                raise ClientClosedError("the client is closed; make a new one")
            if self.running is None or not self.running.usable:
                self.running = self._start()
            return self.running

    def close(self) -> None:
        """Close the thread, and start no other one."""
        with _opening:
            self.closed = True
            thread, self.running = self.running, None
        if thread is not None and thread.usable:
            thread.close()

    def limits(self) -> list[LimitStatus]:
        """What is known of every limit."""
        return [] if self.running is None else self.running.state.limits()

    def _start(self) -> "LoopThread":
        from ._portal import LoopThread

        thread = LoopThread(ClientState(self.settings))
        weakref.finalize(self, thread.stop).atexit = False
        return thread

    def __str__(self) -> str:
        return "closed" if self.closed else "open" if self.running else "not opened yet"


@attrs.define(eq=False)
class Sender:
    """Sends calls with the settings of one client or view."""

    settings: ClientSettings
    owner: ThreadOwner

    def send(self, call: Call[T]) -> T:
        """Make *call*."""
        thread = self.open()
        return thread.call(self.dispatcher(thread).send, call)

    def run(
        self,
        job: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run *job*, which makes several calls, on the loop."""
        thread = self.open()
        dispatcher = self.dispatcher(thread)

        async def work() -> T:
            return await dispatcher.run(job, *args, **kwargs)

        return thread.call(work)

    def reconcile(self, error: OutcomeUnknownError) -> Audience:
        """Search once for the audience that a create may have made."""
        thread = self.open()
        return thread.call(self.dispatcher(thread).reconcile, error)

    def waiting_for(self) -> str | None:
        """What most calls wait for now, in a few words."""
        running = self.owner.running
        return None if running is None else running.state.waiting_for()

    def open(self) -> "LoopThread":
        """The running thread. Warns once if waiting for it blocks an event loop."""
        thread = self.owner.open()
        if not self.owner.warned and _blocks_a_loop(thread):
            self.owner.warned = True
            _warn()
        return thread

    def dispatcher(self, thread: "LoopThread") -> Dispatcher:
        """What makes the calls, on the loop of *thread*."""
        return Dispatcher(self.settings, thread.state)


def _blocks_a_loop(thread: "LoopThread") -> bool:
    # Under gevent a thread is a greenlet: its loop seems to run for all others too.
    with suppress(RuntimeError):
        return not thread.runs(asyncio.get_running_loop())
    return False


def _warn() -> None:
    """Warn at the caller's line, and name the method that it has called."""
    method, frame = "a call", inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        method, frame = frame.f_code.co_qualname, frame.f_back
    warnings.warn_explicit(
        f"{method} blocks the running event loop; use kmoment.AsyncClient there, "
        f"and await Async{method}",
        RuntimeWarning,
        filename=frame.f_code.co_filename if frame else "kmoment",
        lineno=frame.f_lineno if frame else 0,
    )


_opening = threading.Lock()


def _renew_lock() -> None:
    """In a forked process: the thread that may hold the lock does not exist there."""
    global _opening
    _opening = threading.Lock()


# Windows has no fork.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_renew_lock)
