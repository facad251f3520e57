"""Not asking again what was just refused for everyone: quota, maintenance, a dead token.

A breaker that has tripped fails calls at once, unsent, until its time is up. Then one call may
try, and another each :data:`PROBE_SECONDS` while none has an answer: a success closes the
breaker, a failure trips it for its next, longer time.
"""

from typing import Any, Final

from .errors import APIError, AuthenticationError, MaintenanceError, QuotaExceededError

PROBE_SECONDS: Final = 30.0


class Breaker:
    """One reason to hold calls back."""

    __slots__ = ("_error", "_ripe", "_trips", "_until", "_waits")

    def __init__(self, *waits: float) -> None:
        self._waits = waits
        self._trips = 0
        self._ripe = 0.0
        self._until = 0.0
        self._error: APIError | None = None

    def refusal(self, now: float) -> APIError | None:
        """The error of a call that may not be sent now; ``None`` lets it pass."""
        if self._error is None:
            return None
        if now >= self._until:
            self._until = now + PROBE_SECONDS
            return None
        reason = f"not sent: {self._error.reason}; next try in {self._until - now:.0f} s"
        return type(self._error)(
            reason, vars(self._error) | {"request_sent": False, "attempts": ()}
        )

    def trip(self, error: APIError, now: float) -> None:
        """The server has refused. Calls that were under way together count once."""
        if self._error is None or now >= self._ripe:
            wait = self._waits[min(self._trips, len(self._waits) - 1)]
            self._trips += 1
            self._ripe = self._until = now + wait
        self._error = error

    def close(self) -> None:
        """A call went through, or there is reason to think that one would."""
        self._error, self._trips = None, 0


class Breakers:
    """All breakers of one client."""

    __slots__ = ("_all", "tripped")

    def __init__(self) -> None:
        self.tripped = False
        """Whether any is: all others need not be asked."""
        self._all: Final[dict[type[APIError], Breaker]] = {
            QuotaExceededError: Breaker(60.0, 300.0, 900.0),
            MaintenanceError: Breaker(60.0),
            AuthenticationError: Breaker(60.0),
        }

    def refusal(self, now: float, facts: dict[str, Any]) -> APIError | None:
        """The error of a call that may not be sent now; *facts* are the call's."""
        for breaker in self._all.values():
            if error := breaker.refusal(now):
                vars(error).update(facts)
                return error
        return None

    def note(self, error: APIError, now: float) -> None:
        """An attempt failed for good: trip what it speaks of. Any other answer closes the rest."""
        for kind, breaker in self._all.items():
            if isinstance(error, kind):
                breaker.trip(error, now)
                self.tripped = True
            elif error.status is not None:
                breaker.close()

    def close(self) -> None:
        """An attempt succeeded."""
        if self.tripped:
            self.tripped = False
            for breaker in self._all.values():
                breaker.close()
