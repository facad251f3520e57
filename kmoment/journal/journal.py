"""The journal of one run."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from contextvars import Token
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, TypeVar

from .. import _validate
from .._engine.job_tracker import CURRENT, JobTracker, status_of
from .._secret import Secret
from ..errors import InvalidArgumentError, JournalError
from .entries import (
    STATUSES,
    Ending,
    EntryStatus,
    JournalEntry,
    JournalRun,
    Store,
    begin,
    end,
    json_value,
    key_text,
    tell,
)

__all__ = ["Beginning", "Entry", "Journal", "runs"]

T = TypeVar("T")

_SCHEMES: Final = ("redis", "rediss", "unix")
_log: Final = logging.getLogger("kmoment")

Where = str | os.PathLike[str]


class Journal:
    """What became of each key of one run. It is kept in an SQLite file, or in Redis.

        journal = kmoment.Journal("nightly.journal", run="2026-11-25")
        with journal.begin(1234) as entry:
            entry.keep(moment.account(1234).audiences.create(draft).id)

    Opens nothing before it is used. Threads and forked processes may share it. It can be pickled,
    unless it is in Redis. See ``kmoment.journal`` for what each entry means.
    """

    def __init__(self, where: Where, *, run: str, job: str | None = None) -> None:
        """Check the arguments.

        :param where: A file on a disk of this machine, or a ``redis://``, ``rediss://`` or
            ``unix://`` URL. A new file can be read by its owner only.
        :param run: What is one run, such as a date. Inputs that are done in it are not done again.
        :param job: The job's name. A run that has another one is refused when it is first used.
        :raises InvalidArgumentError: An argument breaks its rule.
        :raises ModuleNotFoundError: For Redis: redis is not installed.
        """
        run = _validate.text("run", run)
        job = None if job is None else _validate.text("job", job)
        # Rebound at once: a traceback shows the local variables of every frame.
        place, where = Secret(where), ""
        self._store = _store(place, run, job)
        self.run = run
        """The run's name."""

    def begin(self, key: int | str, *, repeatable: bool = False) -> "Beginning":
        """A context in which the job of *key* runs: ``with``, or ``async with``.

            async with journal.begin(1234) as entry:
                entry.keep((await account.audiences.create(draft)).id)

        The entry is on the disk before the block starts, and after it has ended. It says ``ok``
        after a block that ends well. After an error it says ``failed`` if kmoment has written
        nothing in the block, else ``unknown``.

        :param key: A number and its digits as text are one key.
        :param repeatable: Do it also where an earlier job may have done it.
        :raises AlreadyDoneError: It is done. ``value`` is what was kept.
        :raises EntryUnknownError: It may have been done: its process died, or its write was in
            doubt. Also at the end, if the entry was changed by another in the meantime.
        :raises EntryBusyError: Another does it now.
        :raises JournalStoreError: The journal cannot be written.
        :raises InvalidArgumentError: The key is neither text nor a whole number; or the run
            belongs to another job.
        """
        return Beginning(self._store, key_text("key", key), repeatable)

    def entries(self) -> list[JournalEntry]:
        """What is known of each key that was begun. It blocks: in async code call it on a thread.

        :raises JournalStoreError: The journal cannot be read.
        """
        return self._store.read()

    def summary(self) -> dict[EntryStatus, int]:
        """How many keys have each status. It blocks, as :meth:`entries` does."""
        counts = Counter(entry.status for entry in self.entries())
        return {status: counts[status] for status in EntryStatus}

    def resolve(
        self, key: int | str, status: Literal["ok", "failed"], *, value: Any = None
    ) -> None:
        """Say what you have found out of a key whose write was in doubt.

        :param status: ``ok``: it is done. ``failed``: it is not, and is done by the next run.
        :param value: What is kept, as for ``entry.keep``.
        :raises InvalidArgumentError: An argument breaks its rule, or the journal has no such key.
        :raises EntryBusyError: A process that lives does it now.
        :raises JournalStoreError: The journal cannot be written.
        """
        if status not in ("ok", "failed"):
            _validate.refuse("status", "'ok' or 'failed'", status)
        ending = Ending(EntryStatus(status), json_value("value", value))
        tell(self._store, key_text("key", key), ending)

    def forget(self, key: int | str) -> None:
        """Make a key pending, so that the next run does it, whatever was done before.

        It raises what :meth:`resolve` raises.
        """
        tell(self._store, key_text("key", key), Ending(EntryStatus.PENDING))

    def __repr__(self) -> str:
        if not hasattr(self, "run"):  # in the traceback of a refused argument
            return "<Journal>"
        return f"<Journal {self.run!r} in {self._store.where}>"


class Entry:
    """The entry of a job that runs."""

    def __init__(self, key: str) -> None:
        self.key = key
        """The key's text."""
        self._value: Any = None

    def keep(self, value: Any) -> None:
        """Keep *value* in the journal, once the job has ended well.

        :raises InvalidArgumentError: It is nothing that JSON has.
        """
        self._value = json_value("value", value)


class Beginning:
    """Begins the job of one key, and records how it has ended. Made by ``journal.begin``."""

    def __init__(self, store: Store, key: str, repeatable: bool) -> None:
        self._store = store
        self._repeatable = repeatable
        self._entry = Entry(key)
        self._fences: dict[str, int] = {}
        self._tracker = JobTracker(None)
        self._token: Token[JobTracker | None] | None = None

    def __enter__(self) -> Entry:
        self._begin()
        return self._started()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        work = partial(self._end, self._ending(exc))
        if exc is None or isinstance(exc, Exception):
            work()
        else:
            quietly(work)

    async def __aenter__(self) -> Entry:
        try:
            await on_thread(self._begin)
        except asyncio.CancelledError:
            if self._fences:
                await on_thread(partial(quietly, partial(self._end, Ending(EntryStatus.PENDING))))
            raise
        return self._started()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        work = partial(self._end, self._ending(exc))
        if exc is None or isinstance(exc, Exception):
            await on_thread(work)
        else:
            await on_thread(partial(quietly, work))

    def _begin(self) -> None:
        key = self._entry.key
        begun = begin(self._store, [key], repeatable=self._repeatable)
        for refusal in begun.refused.values():
            raise refusal
        self._fences = begun.fences

    def _started(self) -> Entry:
        self._tracker = JobTracker(CURRENT.get())
        self._token = CURRENT.set(self._tracker)
        return self._entry

    def _ending(self, error: BaseException | None) -> Ending:
        assert self._token is not None
        with suppress(ValueError):  # it ends in another context, as generators of web frameworks do
            CURRENT.reset(self._token)
        return ending_of(error, self._entry._value, wrote=self._tracker.wrote)

    def _end(self, ending: Ending) -> None:
        end(self._store, self._fences, {self._entry.key: ending})


def ending_of(error: BaseException | None, value: Any, *, wrote: bool) -> Ending:
    """How a job has ended: well with *value*, or with *error*."""
    if error is None:
        return Ending(EntryStatus.OK, value)
    status = STATUSES[status_of(error, wrote=wrote)]
    return Ending(status, error=type(error).__name__)


def quietly(work: Callable[[], None]) -> None:
    """Do *work* while something worse is raised, such as a cancellation: an error is logged."""
    try:
        work()
    except JournalError:
        _log.exception("the end of a job was not recorded")


async def on_thread(work: Callable[[], T]) -> T:
    """The result of *work*, on a thread. It cannot be stopped, so cancellations wait for it."""
    # No task: a loop that ends cancels those, and would not wait for what the thread does.
    running = asyncio.get_running_loop().run_in_executor(None, work)
    stopped: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as cancelled:
            stopped = cancelled
    if stopped is None:
        return running.result()
    running.exception()  # else asyncio would log that nobody has asked for it
    raise stopped


def runs(where: Where) -> list[JournalRun]:
    """The runs that a file or a Redis has.

    :raises JournalStoreError: There is no such file, it is no journal, or cannot be read.
    """
    place, where = Secret(where), ""
    if _is_url(place):
        from . import _redis

        return _redis.runs_in(place)
    from . import _sqlite

    return _sqlite.runs_in(_path(place))


def _store(where: Secret, run: str, job: str | None) -> Store:
    """Where the records are. The stores are imported when one is used."""
    if _is_url(where):
        from ._redis import RedisStore

        return RedisStore(where, run, job)
    from ._sqlite import SqliteStore, refuse_remote

    path = _path(where)
    refuse_remote(path)
    return SqliteStore(path, run, job)


def _is_url(where: Secret) -> bool:
    text = Secret(str(where.reveal()))
    scheme = text.reveal().partition("://")[0] if "://" in text.reveal() else None
    if scheme not in (None, *_SCHEMES):
        raise InvalidArgumentError("where", f"must be a path or a redis:// URL, not {scheme}://")
    return scheme is not None


def _path(where: Secret) -> str:
    if not isinstance(where.reveal(), str | os.PathLike) or not str(where.reveal()).strip():
        _validate.refuse("where", "a path or a redis:// URL", where.reveal())
    return str(os.fspath(where.reveal()))
