"""The lock of creates of one name and account. It is no proof: see ``kmoment.fleet``.

Its holder renews it until the create is settled. So the lock of a process that has died, or one
that a failover has brought back, ends soon.
"""

import asyncio
import random
from contextlib import suppress
from secrets import token_hex
from typing import Final

from ..errors import FleetUnavailableError
from ._keys import create_key
from ._link import LinkLostError
from ._scripts import LOCK, RENEW, UNLOCK
from ._session import Session

_NOTE_MS: Final = 15_000
"""A list of audiences serves creates for 10 s (``_engine/listing.py``): this is longer."""
_POLLS: Final = (0.05, 0.25)
"""Seconds between two tries to take a lock: the first pause, and the longest."""
_LATER: Final = 1.5
"""The growth from one pause to the next."""
_RENEWED: Final = 1 / 3
"""The part of its time after which a lock is renewed: it may fail twice."""


class RedisLock:
    """A lock that this process holds."""

    def __init__(self, session: Session, key: str, token: str, *, contended: bool) -> None:
        self._session, self._key, self._token = session, key, token
        self.contended: bool = contended
        self._renewing: asyncio.Task[None] | None = None

    def keep(self, seconds: float, longest: float) -> None:
        """Renew it, each time for *seconds*, until it is given back or *longest* is over."""
        self._renewing = self._session.spawn(self._renew(seconds, longest))

    async def _renew(self, seconds: float, longest: float) -> None:
        pause, held = seconds * _RENEWED, True
        for _ in range(int(longest / pause)):
            await asyncio.sleep(pause)
            with suppress(LinkLostError):
                held = await self._session.link.script(RENEW, self._key, self._token, _ms(seconds))
            if not held:
                return

    async def is_held(self) -> bool:
        """Whether it was held until now, as far as Redis knows."""
        try:
            return bool(await self._session.link.command("GET", self._key) == self._token)
        except LinkLostError:
            return False

    def release(self) -> None:
        """Give it back, in the background."""
        if self._renewing is not None:
            self._renewing.cancel()
        self._session.spawn(self._give_back())

    async def take_back(self) -> None:
        """Give it back if Redis gives it after all: who asked for it was cancelled."""
        await self._session.link.quiet()
        await self._give_back()

    async def _give_back(self) -> None:
        note = f"free:{self._session.member}"
        try:
            await self._session.link.script(UNLOCK, self._key, self._token, note, _NOTE_MS)
        except LinkLostError:
            return  # it ends by itself


class DoubtfulLock(RedisLock):
    """A lock that Redis was lost with. What a lost create has made is never adopted.

    Redis may have given it, or may give it later: so it is given back too.
    """

    async def is_held(self) -> bool:
        """No: nobody knows since when."""
        return False


async def lock_create(
    session: Session, account: int | None, name: str, seconds: float, longest: float
) -> RedisLock:
    """Wait for the lock of creates of *name*.

    :param seconds: When it ends by itself, if its holder is gone.
    :param longest: The longest time that it is held.
    :raises FleetUnavailableError: Redis is away, and creates are refused then.
    """
    key, token = create_key(session.namespace, account, name), token_hex(16)
    lock = RedisLock(session, key, token, contended=False)
    try:
        lock.contended = await _taken(session, key, token, seconds)
    except LinkLostError as lost:
        reason = f"not sent: the fleet's Redis is away: {lost}"
    except BaseException:
        session.spawn(lock.take_back())
        raise
    else:
        lock.keep(seconds, longest)
        return lock
    if session.refuses_creates:
        raise FleetUnavailableError(reason)
    return DoubtfulLock(session, key, token, contended=True)


async def _taken(session: Session, key: str, token: str, seconds: float) -> bool:
    """Take the lock. Whether another process had it until a short time ago."""
    pause, longest = _POLLS
    mine = f"free:{session.member}"
    while True:
        taken, before = await session.link.script(LOCK, key, token, _ms(seconds))
        if taken:
            return before not in ("", mine)
        mine = ""  # whoever has had it in the meantime is another
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
        pause = min(longest, pause * _LATER)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
