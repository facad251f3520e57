"""Circuit breakers: a used-up quota, maintenance and a refused token stop further calls.

A breaker that has tripped fails calls at once, unsent, until its time is up. Then one call may
try, and another one every :data:`PROBE_SECONDS` until an answer comes. A success closes the
breaker. A failure trips it for its next, longer time.
"""

from collections.abc import Callable, Iterable
from typing import Final

from .._secret import Secret
from ..errors import APIError, AuthenticationError, Facts, MaintenanceError, QuotaExceededError

PROBE_SECONDS: Final = 30.0
"""Longer than one attempt takes with the default settings."""

# Seconds that a breaker stays open after its first, second, ... trip. Kakao does not publish the
# quota's period; 60 s is short enough for one counted by the minute.
_WAITS: Final[dict[type[APIError], tuple[float, ...]]] = {
    QuotaExceededError: (60.0, 300.0, 900.0),
    MaintenanceError: (60.0,),
    AuthenticationError: (60.0,),
}

KINDS: Final[dict[str, type[APIError]]] = {
    "quota": QuotaExceededError,
    "maintenance": MaintenanceError,
    "token": AuthenticationError,
}
"""The breakers, as hooks and other processes name them."""
_NAMES: Final = {error: name for name, error in KINDS.items()}

Listener = Callable[["CircuitBreaker", APIError | None, float], None]
"""Is told that a breaker has opened: by which error, for how many seconds. ``None``: it closed."""


class CircuitBreaker:
    """One reason to hold calls back."""

    __slots__ = ("_error", "_listener", "_may_trip_at", "_trips", "_until", "_waits", "kind")

    def __init__(self, *waits: float, kind: str = "", listener: Listener = lambda *_: None) -> None:
        self._waits = waits
        self.kind: str = kind
        """Its name in :data:`KINDS`."""
        self._listener = listener
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
        if wait:
            self._listener(self, error, wait)
        return wait

    def close(self) -> None:
        """A call went through, or an answer suggests that one would."""
        was, self._error, self._trips = self._error, None, 0
        if was is not None:
            self._listener(self, None, 0.0)

    @property
    def error(self) -> APIError | None:
        """Why calls are held back, if they are."""
        return self._error

    def dump(self, now: float) -> tuple[int, float]:
        """What another process has to know: how often it tripped, and the seconds it has left."""
        return self._trips, self._until - now

    def restore(self, error: APIError, trips: int, at: float, seconds: float) -> None:
        """Trip as that of another process has, *at* that moment. The longer time holds."""
        self._error, self._trips = error, max(trips, self._trips)
        self._may_trip_at = self._until = max(at + seconds, self._until)
        self._listener(self, error, seconds)

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._error is not None


Breakers = dict[type[APIError], CircuitBreaker]


class CircuitBreakers:
    """All breakers of one client.

    What one token may do says nothing about another, so each has breakers of its own for its quota
    and for itself. Tokens are known by a fingerprint.
    """

    shared: tuple[type[APIError], ...] = (MaintenanceError,)
    """The errors whose breakers all tokens share."""

    def __init__(self) -> None:
        self.tripped: bool = False
        """Whether any breaker is open. If not, none needs to be asked."""
        self.listener: Listener | None = None
        self._shared: Breakers = self._new(self.shared)
        self._of_tokens: dict[str, Breakers] = {}
        """Only those with a breaker that is open."""

    def refusal(self, now: float, facts: Facts, token: Secret | None = None) -> APIError | None:
        """The error of a call that may not be sent now; *facts* are the call's."""
        for breaker in self._of(token).values():
            if error := breaker.refusal(now):
                vars(error).update(facts)
                return error
        return None

    def note(self, error: APIError, now: float, token: Secret | None = None) -> float:
        """A call failed: trip the breaker of its error. An answer closes the others.

        Returns the seconds for which calls are refused from now on; 0 if nothing has changed.
        """
        wait = 0.0
        own = self._own(self._name(token))
        for kind, breaker in {**self._shared, **own}.items():
            if isinstance(error, kind):
                wait = breaker.trip(error, now)
            elif error.code is not None:  # Kakao has answered: a gateway proves nothing
                self._close(breaker)
        self._tidy()
        return wait

    def close(self, token: Secret | None = None) -> bool:
        """An attempt succeeded. Whether a breaker was open that held such calls back."""
        breakers = self._of(token).values()
        was_open = any(breaker.is_open for breaker in breakers)
        for breaker in breakers:
            self._close(breaker)
        self._tidy()
        return was_open

    def _close(self, breaker: CircuitBreaker) -> None:
        breaker.close()

    def _of(self, token: Secret | None) -> Breakers:
        """The breakers that a call with *token* has to pass."""
        return {**self._shared, **self._of_tokens.get(self._name(token), {})}

    def _own(self, name: str) -> Breakers:
        """A token's breakers, made if it has none."""
        kinds = (kind for kind in _WAITS if kind not in self.shared)
        return self._of_tokens.setdefault(name, self._new(kinds))

    def _new(self, kinds: Iterable[type[APIError]]) -> Breakers:
        return {
            kind: CircuitBreaker(*_WAITS[kind], kind=_NAMES[kind], listener=self._tell)
            for kind in kinds
        }

    def _tell(self, breaker: CircuitBreaker, error: APIError | None, seconds: float) -> None:
        if self.listener is not None:
            self.listener(breaker, error, seconds)

    def _name(self, token: Secret | None) -> str:
        return "" if token is None else token.fingerprint

    def _tidy(self) -> None:
        """Forget the tokens that may call, and note whether any breaker is open."""
        for name, own in list(self._of_tokens.items()):
            if not any(breaker.is_open for breaker in own.values()):
                del self._of_tokens[name]
        shared = any(breaker.is_open for breaker in self._shared.values())
        self.tripped = shared or bool(self._of_tokens)
