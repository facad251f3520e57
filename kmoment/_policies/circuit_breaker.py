"""Circuit breakers: a used-up quota, maintenance and a refused token stop further calls.

A breaker that has tripped fails calls at once, unsent, until its time is up. Then one call may
try, and another one every :data:`PROBE_SECONDS` until an answer comes. A success closes the
breaker. A failure trips it for its next, longer time.
"""

from typing import Final

from ..errors import APIError, AuthenticationError, Facts, MaintenanceError, QuotaExceededError

PROBE_SECONDS: Final = 30.0
"""Longer than one attempt takes with the default settings."""

# Seconds that a breaker stays open after its first, second, ... trip. Kakao does not publish the
# quota's period; 60 s is short enough for one counted by the minute.
_QUOTA_WAITS: Final = (60.0, 300.0, 900.0)
_MAINTENANCE_WAITS: Final = (60.0,)
_TOKEN_WAITS: Final = (60.0,)


class CircuitBreaker:
    """One reason to hold calls back."""

    __slots__ = ("_error", "_may_trip_at", "_trips", "_until", "_waits")

    def __init__(self, *waits: float) -> None:
        self._waits = waits
        self._trips = 0
        self._may_trip_at = 0.0
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
        refused = type(self._error)(reason, self._error._facts())
        refused.request_sent, refused.attempts = False, ()
        return refused

    def trip(self, error: APIError, now: float) -> float:
        """The server has refused. Calls that were under way together count once.

        Returns the seconds for which calls are refused; 0 if it was open already.
        """
        wait = 0.0
        if self._error is None or now >= self._may_trip_at:
            wait = self._waits[min(self._trips, len(self._waits) - 1)]
            self._trips += 1
            self._may_trip_at = self._until = now + wait
        self._error = error
        return wait

    def close(self) -> None:
        """A call went through, or an answer suggests that one would."""
        self._error, self._trips = None, 0

    @property
    def error(self) -> APIError | None:
        """Why calls are held back, if they are."""
        return self._error

    def dump(self, now: float) -> tuple[int, float]:
        """What another process has to know: how often it tripped, and the seconds it has left."""
        return self._trips, self._until - now

    def restore(self, error: APIError, trips: int, until: float) -> None:
        """Trip as that of another process has. The longer time holds."""
        self._error, self._trips = error, max(trips, self._trips)
        self._may_trip_at = self._until = max(until, self._until)


class CircuitBreakers:
    """All breakers of one client."""

    __slots__ = ("_all", "tripped")

    def __init__(self) -> None:
        self.tripped: bool = False
        """Whether any breaker is open. If not, none needs to be asked."""
        self._all: Final[dict[type[APIError], CircuitBreaker]] = {
            QuotaExceededError: CircuitBreaker(*_QUOTA_WAITS),
            MaintenanceError: CircuitBreaker(*_MAINTENANCE_WAITS),
            AuthenticationError: CircuitBreaker(*_TOKEN_WAITS),
        }

    def refusal(self, now: float, facts: Facts) -> APIError | None:
        """The error of a call that may not be sent now; *facts* are the call's."""
        for breaker in self._all.values():
            if error := breaker.refusal(now):
                vars(error).update(facts)
                return error
        return None

    def note(self, error: APIError, now: float) -> float:
        """A call failed: trip the breaker of its error. An answer closes the others.

        Returns the seconds for which calls are refused from now on; 0 if nothing has changed.
        """
        wait = 0.0
        for kind, breaker in self._all.items():
            if isinstance(error, kind):
                wait = breaker.trip(error, now)
                self.tripped = True
            elif error.code is not None:  # Kakao has answered: a gateway proves nothing
                breaker.close()
        return wait

    def close(self) -> None:
        """An attempt succeeded."""
        self.tripped = False
        for breaker in self._all.values():
            breaker.close()
