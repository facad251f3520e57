"""Lists of audiences that several creates of one account share.

:class:`Listings` says what was there before a create, :class:`Looks` what is there after creates
whose answers were lost: an outage leaves many of them at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime, timedelta
from typing import Final

import attrs

from ..errors import APIError
from ..models import AudienceSummary

FRESH_SECONDS: Final = 10.0
"""How long a list serves further creates. They also know the ids of all answers since, and what is
older than the create is never taken for it. Without the server's time that cannot be told: then a
list serves only those who waited for it."""
_ACCOUNTS: Final = 1000
"""Lists that are kept."""
_LOOKS: Final = 16
"""The same of lists with all their rows."""

Rows = list[AudienceSummary]


@attrs.frozen
class Listed:
    """The answer of one list."""

    ids: frozenset[int] | None
    """``None`` if they are not all known."""
    server_time: datetime | None
    at: float
    """When it came, in the event loop's time."""

    def serves(self, began: float, now: float) -> bool:
        """Whether it serves a create that has asked for it since *began*."""
        if self.server_time is None:
            return self.at >= began
        return now - self.at <= FRESH_SECONDS

    def server_now(self, now: float) -> datetime | None:
        """The server's time at *now*."""
        if self.server_time is None:
            return None
        return self.server_time + timedelta(seconds=now - self.at)


@attrs.define(eq=False)
class _Entry:
    lock: asyncio.Lock = attrs.Factory(asyncio.Lock)
    listed: Listed | None = None


class Listings:
    """The last list of each account."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int | None, _Entry] = OrderedDict()

    def forget(self, account: int | None) -> None:
        """Another process has created there: the list is too old."""
        self._entries.pop(account, None)

    async def get(
        self,
        account: int | None,
        clock: Callable[[], float],
        make: Callable[[], Awaitable[Listed]],
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Listed:
        """A fresh list of *account*. Who comes while *make* makes one waits for it.

        If *make* fails or is cancelled, the next who waits makes one.

        :param waiting: Surrounds the wait for another's list.
        """
        began, entry = clock(), self._entry(account)
        if entry.lock.locked():
            with waiting():
                await entry.lock.acquire()
        else:
            await entry.lock.acquire()
        try:
            if entry.listed is None or not entry.listed.serves(began, clock()):
                entry.listed = None
                entry.listed = await make()
            return entry.listed
        finally:
            entry.lock.release()

    def keep(self, account: int | None, listed: Listed) -> None:
        """Take a list of *account* that was made for something else."""
        self._entry(account).listed = listed

    def _entry(self, account: int | None) -> _Entry:
        entry = self._entries.setdefault(account, _Entry())
        self._entries.move_to_end(account)
        if len(self._entries) > _ACCOUNTS:
            self._entries.popitem(last=False)
        return entry


@attrs.define(eq=False)
class _Look:
    began: float
    rows: "asyncio.Future[Rows | None]" = attrs.Factory(
        lambda: asyncio.get_running_loop().create_future()
    )
    """``None`` if the list has failed. Cancelled if who made it was."""


class Looks:
    """The last lists that were made to find audiences that creates have made."""

    def __init__(self) -> None:
        self._looks: OrderedDict[Hashable, _Look] = OrderedDict()

    async def get(
        self,
        key: Hashable,
        clock: Callable[[], float],
        make: Callable[[], Awaitable[Rows]],
        waiting: Callable[[], AbstractContextManager[None]],
        after: float,
    ) -> Rows | None:
        """A list that was asked for later than *after*; ``None`` if it has failed.

        :param key: The account, and whatever else must be alike for a list to be shared.
        :param waiting: Surrounds the wait for another's list.
        """
        while (look := self._looks.get(key)) and look.began > after:
            with waiting():
                await asyncio.wait([look.rows])
            if not look.rows.cancelled():
                return look.rows.result()
        return await self._make(key, _Look(clock()), make)

    async def _make(
        self, key: Hashable, look: _Look, make: Callable[[], Awaitable[Rows]]
    ) -> Rows | None:
        self._looks[key] = look
        self._looks.move_to_end(key)
        if len(self._looks) > _LOOKS:
            self._looks.popitem(last=False)
        rows = None
        try:
            with suppress(APIError):
                rows = await make()
        except BaseException:
            if self._looks.get(key) is look:
                del self._looks[key]
            look.rows.cancel()
            raise
        look.rows.set_result(rows)
        return rows
