"""How far apart the calls of one quota group and ad account are sent. Pure: times are passed in.

The spacing is measured **from the end of the previous answer**. If it were measured from sending,
the network's jitter would shrink the gap, and a strict server would reject about a third.

A limiter that knows of no limit has no spacing and costs nothing. It learns from a 429: the gap
that was rejected becomes a floor. The period doubles until one works. Then it grows by a quarter
for each further 429 (a declared one to at most four times itself), and shrinks by 5 % for each
clean call, to just above the floor.
"""

from typing import Final

# Seconds and factors. A simulation over limits of 0.3 to 11 s chose them (tests/test_admission.py).
_FIRST_PERIOD: Final = 1.0
_GROWTH: Final = 1.25
_SEARCH_GROWTH: Final = 2.0
_SHRINK: Final = 0.95
_MARGIN: Final = 1.05
_LONGEST_PERIOD: Final = 60.0
_LONGEST_DECLARED: Final = 4
"""A declared period grows to at most this many times itself."""


class RateLimiter:
    """The spacing of one quota group and account, in seconds of the caller's clock."""

    __slots__ = (
        "_due",
        "_ended",
        "_floor",
        "_found",
        "_gap",
        "_throttles",
        "declared",
        "period",
    )

    def __init__(self, period: float = 0.0) -> None:
        self.declared: float = period
        self.period: float = period
        """Seconds from the end of one answer to the next call; 0 is no spacing."""
        self._due = 0.0
        self._ended = 0.0
        self._gap = 0.0
        self._floor = 0.0
        self._found = False
        self._throttles = 0

    @property
    def last_used(self) -> float:
        """When its last call ended, or when its next one may go out."""
        return max(self._ended, self._due)

    def delay(self, now: float) -> float:
        """Seconds to wait before the next call may go out."""
        return max(0.0, self._due - now)

    def started(self, now: float) -> int:
        """A call goes out. If it meets a 429, the result is passed to :meth:`throttled`."""
        self._gap = now - self._ended  # since the last that was accepted, as the server counts
        return self._throttles

    def ended(self, now: float) -> None:
        """An answer came that was no 429."""
        self._ended = now
        if self.period > self.declared:
            self._found = True
            self.period = max(self.declared, self._floor * _MARGIN, self.period * _SHRINK)
        self._due = max(self._due, now + self.period)

    def throttled(self, now: float, started: int, retry_after: float | None) -> None:
        """A 429 came: slow down. Calls that were sent together slow it down once."""
        if started == self._throttles:
            self._throttles += 1
            if self.period and not self.declared:
                # After a quiet time the gap was long, and proves nothing beyond the period.
                gap = min(self._gap, self.period)
                self._floor = min(_LONGEST_PERIOD / _MARGIN, max(self._floor, gap))
            self.period = min(self._longest(), max(self.period * self._growth(), _FIRST_PERIOD))
        self._due = max(self._due, now + max(self.period, retry_after or 0.0))

    def _longest(self) -> float:
        return self.declared * _LONGEST_DECLARED if self.declared else _LONGEST_PERIOD

    def _growth(self) -> float:
        return _GROWTH if self.declared or self._found else _SEARCH_GROWTH
