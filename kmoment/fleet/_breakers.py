"""Circuit breakers that the processes of a namespace share.

A breaker that trips here is written on the board, and one that another process wrote there trips
here. Quota and maintenance are of the namespace, a refused token is of those who use that token.
Who wants to try whether a breaker may close needs a lease: one process tries, not one of each.
"""

import json
from collections.abc import Callable
from math import inf
from secrets import token_hex
from typing import Any, Final, cast

from .._policies.circuit_breaker import (
    KINDS,
    PROBE_SECONDS,
    Breakers,
    CircuitBreaker,
    CircuitBreakers,
)
from .._secret import Secret
from ..errors import (
    APIError,
    AuthenticationError,
    Facts,
    MaintenanceError,
    QuotaExceededError,
)
from ._board import Posted, Told
from ._keys import fingerprint, probe_key
from ._link import LinkLostError
from ._scripts import LOCK
from ._session import Session

_SHARED: Final = ("quota", "maintenance")
_NONE: Final[Breakers] = {}
_TOLD: Final = ("status", "code", "message", "detail_code", "detail_message")
"""Facts of the error that another process is told."""


class FleetBreakers(CircuitBreakers):
    """The breakers of one client of a fleet. One namespace is one app, so all share its quota."""

    shared = (QuotaExceededError, MaintenanceError)

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        super().__init__()
        self._session = session
        self._clock = clock
        self._closed_at: dict[str, float] = {}
        """When a success has closed the breaker of a field."""
        self._told: set[str] = set()
        """Fields of the board that show breakers which are open here."""
        self._foreign: set[CircuitBreaker] = set()
        """Breakers that another process has tripped, and that this one may not close yet."""
        session.board.listeners.append(self._board_read)
        session.link.listeners.append(self._link_changed)

    def leave(self) -> None:
        """Hear no more of the board."""
        self._session.board.listeners.remove(self._board_read)
        self._session.link.listeners.remove(self._link_changed)

    def note(self, error: APIError, now: float, token: Secret | None = None) -> float:
        """A call failed: trip the breaker of its error, for all."""
        seconds = super().note(error, now, token)
        for field, breaker in self._fields(token).items():
            if breaker.error is error and seconds:
                self._post(field, breaker, now)
            elif not breaker.is_open:
                self._withdraw(field)
        return seconds

    def close(self, token: Secret | None = None) -> bool:
        """An attempt succeeded: calls are sent again, by all.

        A call that was under way when another process told of its breaker proves nothing.
        """
        fields = self._fields(token)
        was_open = super().close(token)
        for field, breaker in fields.items():
            if not breaker.is_open:
                self._closed_at[field] = self._clock()
                self._withdraw(field)
        return was_open

    def _close(self, breaker: CircuitBreaker) -> None:
        if breaker not in self._foreign:
            breaker.close()

    async def may_probe(self, now: float, facts: Facts, token: Secret) -> APIError | None:
        """The error of a call that may not try, since another process does."""
        for field, breaker in self._fields(token).items():
            if not breaker.is_open:
                continue
            if not await self._may_probe(field):
                return self.refusal(now, facts, token)
            self._foreign.discard(breaker)
        return None

    async def _may_probe(self, field: str) -> bool:
        key, lease = probe_key(self._session.namespace, field), round(PROBE_SECONDS * 1000)
        try:
            taken, _ = await self._session.link.script(LOCK, key, token_hex(16), lease)
        except LinkLostError:
            return True  # each process by itself
        return bool(taken)

    def _name(self, token: Secret | None) -> str:
        return "" if token is None else fingerprint(self._session.namespace, token.reveal())

    def _post(self, field: str, breaker: CircuitBreaker, now: float) -> None:
        self._session.board.post(f"breaker:{field}", _text(breaker, now))

    def _link_changed(self, away: bool) -> None:
        """Redis is back: tell of what was tripped here while it was lost."""
        if away:
            return
        own = {f"token:{name}": it[AuthenticationError] for name, it in self._of_tokens.items()}
        for field, breaker in {**self._of_all(), **own}.items():
            if breaker.is_open and breaker not in self._foreign:
                self._post(field, breaker, self._clock())

    def _of_all(self) -> dict[str, CircuitBreaker]:
        """The breakers that all tokens share, by how the board names them."""
        return {field: self._shared[KINDS[field]] for field in _SHARED}

    def _fields(self, token: Secret | None) -> dict[str, CircuitBreaker]:
        """The breakers that calls with *token* have to pass, by how the board names them."""
        name = self._name(token)
        own = self._of_tokens.get(name, _NONE)
        return {
            **self._of_all(),
            f"token:{name}": own.get(AuthenticationError, CircuitBreaker(0.0)),
        }

    def _withdraw(self, field: str) -> None:
        if field in self._told:
            self._told.discard(field)
            self._session.board.remove(f"breaker:{field}")

    def _board_read(self) -> None:
        """Trip what others have tripped, and close what others have closed."""
        posted = self._session.board.breakers
        for field in [field for field in posted if field.split(":")[0] in KINDS]:
            self._learn(field, self._breaker(field), posted[field])
        for field in self._told - posted.keys():
            self._told.discard(field)
            self._foreign.discard(breaker := self._breaker(field))
            breaker.close()
        self._tidy()

    def _breaker(self, field: str) -> CircuitBreaker:
        kind, _, name = field.partition(":")
        return (self._own(name) if name else self._shared)[KINDS[kind]]

    def _learn(self, field: str, breaker: CircuitBreaker, posted: Posted) -> None:
        if posted.at <= self._closed_at.get(field, -inf):
            return  # it was read before it was deleted
        self._told.add(field)
        told = Told.of(posted.value)
        if breaker.error is not None and told.trips <= breaker.dump(posted.at)[0]:
            return
        error = KINDS[field.split(":")[0]](told.reason, cast("Facts", told.facts))
        self._foreign.add(breaker)
        breaker.restore(error, told.trips, posted.at, told.left)


def _text(breaker: CircuitBreaker, now: float) -> str:
    error, (trips, left) = breaker.error, breaker.dump(now)
    assert error is not None
    facts: dict[str, Any] = {name: getattr(error, name) for name in _TOLD}
    return json.dumps({"reason": error.reason, "trips": trips, "left": left, "facts": facts})
