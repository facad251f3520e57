"""Where the loop of a client's thread asks for addresses: threads that nobody waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonExecutor(ThreadPoolExecutor):
    """Runs each job on a daemon thread of its own.

    The interpreter does not exit before the threads of its base class have ended, and it ends
    them before ``atexit`` runs. An address may take minutes.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin *fn* at once."""
        future = Future[T]()
        future.set_running_or_notify_cancel()
        job = (future, partial(fn, *args, **kwargs))
        threading.Thread(target=_fulfil, args=job, name="kmoment executor", daemon=True).start()
        return future


def _fulfil(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # as its base class does
        future.set_exception(error)
