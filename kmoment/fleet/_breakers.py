"""Circuit breakers that the processes of a namespace share.

A breaker that trips here is written on the board, and one that another process wrote there trips
here. Quota and maintenance are of the namespace, a refused token is of those who use that token.
Who wants to try whether a breaker may close needs a lease: one process tries, not one of each.
"""

import json
from collections.abc import Callable
from math import inf
from typing import Any, Final

from .._policies.circuit_breaker import PROBE_SECONDS, CircuitBreaker, CircuitBreakers
from .._secret import Secret
from ..errors import (
    APIError,
    AuthenticationError,
    Facts,
    MaintenanceError,
    QuotaExceededError,
)
from ._board import Posted
from ._keys import fingerprint, probe_key
from ._link import LinkLostError
from ._session import Session

_KINDS: Final[dict[str, type[APIError]]] = {
    "quota": QuotaExceededError,
    "maintenance": MaintenanceError,
    "token": AuthenticationError,
}
_TOLD: Final = ("status", "code", "message", "detail_code", "detail_message")
"""Facts of the error that another process is told."""


class FleetBreakers(CircuitBreakers):
    """The breakers of one client of a fleet."""

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float],
        token: Callable[[], Secret | None],
    ) -> None:
        super().__init__()
        self._session = session
        self._clock = clock
        self._token = token
        self._closed_at = -inf
        self._told: set[str] = set()
        """Fields of the board that show breakers which are open here."""
        self._learnt: set[str] = set()
        """Those of them that another process has tripped."""
        session.board.listeners.append(self._board_read)

    def leave(self) -> None:
        """Hear no more of the board."""
        self._session.board.listeners.remove(self._board_read)

    def note(self, error: APIError, now: float) -> float:
        """A call failed: trip the breaker of its error, for all."""
        kept = {field: breaker.error for field, breaker in self._foreign().items()}
        seconds = super().note(error, now)
        for field, breaker in self._fields().items():
            if breaker.error is None and (before := kept.get(field)):
                breaker.restore(before, 0, now)
            elif breaker.error is error and seconds:
                self._session.board.post(f"breaker:{field}", _text(breaker, now))
            elif breaker.error is None:
                self._withdraw(field)
        return seconds

    def close(self) -> None:
        """An attempt succeeded: calls are sent again, by all.

        A call that was under way when another process told of its breaker proves nothing.
        """
        foreign = self._foreign()
        for breaker in self._all.values():
            if breaker not in foreign.values():
                breaker.close()
        for field in self._fields().keys() - foreign.keys():
            self._withdraw(field)
        self._closed_at = self._clock()
        self.tripped = bool(foreign)

    async def may_probe(self, now: float, facts: Facts) -> APIError | None:
        """The error of a call that may not try, since another process does."""
        milliseconds = round(PROBE_SECONDS * 1000)
        for field, breaker in self._fields().items():
            if breaker.error is None:
                continue
            key = probe_key(self._session.namespace, field)
            try:
                given = await self._session.link.command(
                    "SET", key, "probe", "NX", "PX", milliseconds
                )
            except LinkLostError:
                return None  # each process by itself
            if not given:
                return self.refusal(now, facts)
            self._learnt.discard(field)
        return None

    def _foreign(self) -> dict[str, CircuitBreaker]:
        """Breakers that another process has tripped, and that this one may not close yet."""
        fields = self._fields().items()
        return {field: breaker for field, breaker in fields if field in self._learnt}

    def _fields(self) -> dict[str, CircuitBreaker]:
        """The breakers, by how the board names them."""
        found = {name: self._all[kind] for name, kind in _KINDS.items() if kind in self._all}
        token, breaker = self._token(), found.pop("token")
        if token is not None:
            digits = fingerprint(self._session.namespace, token.reveal())
            found[f"token:{digits}"] = breaker
        return found

    def _withdraw(self, field: str) -> None:
        if field in self._told:
            self._told.discard(field)
            self._session.board.remove(f"breaker:{field}")

    def _board_read(self) -> None:
        """Trip what others have tripped, and close what others have closed."""
        posted = self._session.board.breakers
        for field, breaker in self._fields().items():
            if field in posted:
                self._learn(field, breaker, posted[field])
            elif field in self._told:
                self._told.discard(field)
                self._learnt.discard(field)
                breaker.close()
        self.tripped = any(breaker.error is not None for breaker in self._all.values())

    def _learn(self, field: str, breaker: CircuitBreaker, posted: Posted) -> None:
        if posted.at <= self._closed_at:
            return  # it was read before it was deleted
        self._told.add(field)
        told = json.loads(posted.value)
        if breaker.error is not None and told["trips"] <= breaker.dump(posted.at)[0]:
            return
        self._learnt.add(field)
        error = _KINDS[field.split(":")[0]](told["reason"], told["facts"])
        breaker.restore(error, told["trips"], posted.at + told["left"])


def _text(breaker: CircuitBreaker, now: float) -> str:
    error, (trips, left) = breaker.error, breaker.dump(now)
    assert error is not None
    facts: dict[str, Any] = {name: getattr(error, name) for name in _TOLD}
    return json.dumps({"reason": error.reason, "trips": trips, "left": left, "facts": facts})
