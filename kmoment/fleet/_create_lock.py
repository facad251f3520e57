"""The lock of creates of one name and account. It is no proof: see ``kmoment.fleet``."""

import asyncio
import random
from secrets import token_hex
from typing import Final

from ..errors import FleetUnavailableError
from ._keys import create_key
from ._link import LinkLostError
from ._scripts import LOCK, UNLOCK
from ._session import Session

_NOTE_MS: Final = 15_000
"""A list of audiences serves creates for 10 s (``_engine/listing.py``): this is longer."""
_POLLS: Final = (0.05, 0.25)
"""Seconds between two tries to take a lock: the first pause, and the longest."""
_LATER: Final = 1.5
"""The growth from one pause to the next."""


class RedisLock:
    """A lock that this process holds."""

    def __init__(self, session: Session, key: str, token: str, *, contended: bool) -> None:
        self._session, self._key, self._token = session, key, token
        self.contended: bool = contended

    async def is_held(self) -> bool:
        """Whether it was held until now, as far as Redis knows."""
        try:
            return bool(await self._session.link.command("GET", self._key) == self._token)
        except LinkLostError:
            return False

    def release(self) -> None:
        """Give it back, in the background."""
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
    session: Session, account: int | None, name: str, seconds: float
) -> RedisLock:
    """Wait for the lock of creates of *name*. It ends by itself after *seconds*.

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
        return lock
    if session.refuses_creates:
        raise FleetUnavailableError(reason)
    return DoubtfulLock(session, key, token, contended=True)


async def _taken(session: Session, key: str, token: str, seconds: float) -> bool:
    """Take the lock. Whether another process had it until a short time ago."""
    pause, longest = _POLLS
    mine = f"free:{session.member}"
    while True:
        taken, before = await session.link.script(LOCK, key, token, round(seconds * 1000))
        if taken:
            return before not in ("", mine)
        mine = ""  # whoever has had it in the meantime is another
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
        pause = min(longest, pause * _LATER)
