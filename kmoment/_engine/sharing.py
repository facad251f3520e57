"""What the clients of several processes may share. ``kmoment.fleet`` does it, over Redis.

A client without a fleet has none of this, and pays nothing for it.
"""

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from .._policies.circuit_breaker import CircuitBreakers
from .._secret import Secret
from ..errors import APIError, Facts
from .admission import RateLimiterStore
from .rate_limiters import CallAt

LEASE_SPARE: Final = 2.0
"""Seconds that a turn which others wait for outlives the attempt that it is for."""


class CreateLock(Protocol):
    """The right to create audiences of one name, alone among all processes."""

    @property
    def contended(self) -> bool:
        """Whether another process had it a short time ago: a list from before is too old."""
        ...

    async def is_held(self) -> bool:
        """Whether it was held until now, as far as Redis knows."""
        ...

    def release(self) -> None:
        """Give it back, in the background."""
        ...


class Share(Protocol):
    """What one client shares with others, in one event loop."""

    @property
    def limiters(self) -> RateLimiterStore:
        """How fast calls go out."""
        ...

    @property
    def breakers(self) -> CircuitBreakers:
        """What holds calls back."""
        ...

    @property
    def ready(self) -> bool:
        """Whether :meth:`start` is over."""
        ...

    async def start(self) -> None:
        """Before the first call: see whether sharing is possible, and what is known."""
        ...

    async def may_probe(self, now: float, facts: Facts, token: Secret) -> APIError | None:
        """The error of a call that may not try whether a breaker can close: another one does."""
        ...

    async def lock_create(
        self, account: int | None, name: str, seconds: float, longest: float
    ) -> CreateLock:
        """Wait for the right to create an audience.

        :param seconds: When the lock ends by itself, if this process is gone.
        :param longest: The longest time that it is held.
        """
        ...

    async def aclose(self) -> None:
        """Leave the others."""
        ...

    def abandon(self) -> None:
        """Drop what belongs to an event loop that is closed."""
        ...


@runtime_checkable
class Sharing(Protocol):
    """What makes it: ``kmoment.fleet.Fleet``."""

    def _join(
        self,
        clock: Callable[[], float],
        call_at: CallAt,
        seconds: float,
    ) -> Share:
        """Join the others, in the running event loop.

        :param seconds: How long one attempt of a call may take.
        """
        ...
