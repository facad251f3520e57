"""What a namespace knows: its members, its known limits, its open breakers.

One hash in Redis. A process reads it at most once a second, in the background, when a call comes
and its copy is older. So a call that has no limit never waits for Redis.
"""

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any, Final, NamedTuple

from .._engine.admission import LimitKey
from ._keys import board_key, limit_field, limit_of
from ._link import Link, LinkLostError
from ._scripts import POST

LOOK_SECONDS: Final = 1.0
"""The age from which on a copy is read anew."""
MEMBER_SECONDS: Final = 15.0
"""A member that was not seen for this long is gone."""
KEPT_SECONDS: Final = 600.0
"""As long as an idle limiter is kept."""
_HOUR_MS: Final = 3_600_000
_MICRO: Final = 1e-6


class Posted(NamedTuple):
    """A value on the board, and when it was written, by the reader's clock."""

    value: str
    at: float


class Told(NamedTuple):
    """What the board says of a breaker."""

    reason: str
    trips: int
    left: float
    """Seconds, when it was written."""
    facts: dict[str, Any]

    @classmethod
    def of(cls, value: str) -> "Told":
        """What *value* says.

        :raises ValueError, KeyError, TypeError: It is no breaker.
        """
        told = json.loads(value)
        return cls(str(told["reason"]), int(told["trips"]), float(told["left"]), {**told["facts"]})


def read_board(answer: list[Any], now: float) -> dict[str, Posted]:
    """The fields of the board. *answer* is that of the script, asked for at *now*.

    What another program or version has written is left out.
    """
    server, flat = answer
    fields: dict[str, Posted] = {}
    for name, text in zip(flat[::2], flat[1::2], strict=True):
        stamp, _, value = text.partition(" ")
        with suppress(ValueError, KeyError, TypeError):
            age = max(0, int(server) - int(stamp)) * _MICRO
            if name.startswith("limit:"):
                limit_of(name)
            elif name.startswith("breaker:"):
                Told.of(value)
            fields[name] = Posted(value, now - age)
    return fields


class Board:
    """A process's copy of the board."""

    def __init__(
        self,
        link: Link,
        namespace: str,
        member: str,
        clock: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._link = link
        self._key = board_key(namespace)
        self._member = f"member:{member}"
        self._clock = clock
        self._spawn = spawn
        self._busy = False
        self.due: float = -inf
        """When the copy has to be read anew."""
        self.limits: frozenset[LimitKey] = frozenset()
        self.breakers: dict[str, Posted] = {}
        self.members: int = 1
        self.listeners: list[Callable[[], None]] = []
        """Called after each read."""

    def look(self, now: float) -> None:
        """Read the board in the background, if the copy is old."""
        if now >= self.due and not self._busy:
            self._busy = True
            self._spawn(self._read_quietly())

    async def read(self) -> None:
        """Read the board now, and show that this member is there."""
        await self._post(self._member, "")

    def post(self, field: str, value: str = "") -> None:
        """Write one field, in the background."""
        self._spawn(_quietly(self._post(field, value)))

    def remove(self, *fields: str) -> None:
        """Delete fields, in the background."""
        self._spawn(_quietly(self._link.command("HDEL", self._key, *fields)))

    def forget(self, key: LimitKey) -> None:
        """Redis knows nothing of a limit, though the board names it."""
        self.limits -= {key}
        self.remove(limit_field(key))

    async def _read_quietly(self) -> None:
        try:
            await _quietly(self.read())
        finally:
            self._busy = False
            self.due = max(self.due, self._clock() + LOOK_SECONDS)

    async def _post(self, field: str, value: str) -> None:
        began = self._clock()
        answer = await self._link.script(POST, self._key, field, value, _HOUR_MS)
        self._take(read_board(answer, began), began)
        self.due = began + LOOK_SECONDS

    def _take(self, fields: dict[str, Posted], now: float) -> None:
        old = [name for name, posted in fields.items() if posted.at < now - _kept(name)]
        if old:
            self.remove(*old)
        live = {name: fields[name] for name in fields.keys() - old}
        self.limits = frozenset(limit_of(name) for name in live if name.startswith("limit:"))
        self.breakers = {
            name.removeprefix("breaker:"): posted
            for name, posted in live.items()
            if name.startswith("breaker:")
        }
        self.members = sum(name.startswith("member:") for name in live)
        for listener in self.listeners:
            listener()


def _kept(field: str) -> float:
    """Seconds after which nobody means a field any more."""
    return MEMBER_SECONDS if field.startswith("member:") else 2 * KEPT_SECONDS


async def _quietly(work: Coroutine[Any, Any, object]) -> None:
    """Redis may be away: the link has logged it, and calls are treated as ``on_failure`` says."""
    try:
        await work
    except LinkLostError:
        return
