"""Whether the host is down, and when it may be tried again. Pure: times are passed in.

When three calls in a row get nothing (no connection, no answer, a server failure), the host is
down for the whole client. Calls then wait and one probe at a time is sent. The first answer ends
the outage.
"""

from typing import Final

FAILURES: Final = 3
"""Failures in a row, without a success between them, that make an outage."""
FIRST_PAUSE: Final = 0.1
"""Seconds to the first probe."""
_GROWTH: Final = 1.5
_LONGEST_PAUSE: Final = 1.5
"""Seconds. With more, a batch would notice the end of a 20 s outage later than 2 s after it."""


class HostHealth:
    """What the last calls say of the host."""

    __slots__ = ("_failures", "_first", "_next_probe", "_pause", "_probing", "down_since", "reason")

    def __init__(self) -> None:
        self.down_since: float | None = None
        """When the outage began; ``None`` while the host is up."""
        self.reason: str = ""
        """What the last failure was."""
        self._failures = 0
        self._first = 0.0
        self._pause = FIRST_PAUSE
        self._next_probe = 0.0
        self._probing = False

    def failed(self, now: float, reason: str, *, probe: bool) -> bool:
        """A call got nothing. Whether an outage begins with it."""
        if not self._failures:
            self._first = now
        self._failures += 1
        self.reason = reason
        if self.down_since is None:
            if self._failures < FAILURES:
                return False
            self.down_since, self._pause = self._first, FIRST_PAUSE
            self._next_probe, self._probing = now + self._pause, False
            return True
        if probe:
            self._probing = False
            self._pause = min(_LONGEST_PAUSE, self._pause * _GROWTH)
            self._next_probe = now + self._pause
        return False

    def succeeded(self) -> bool:
        """An answer came. Whether an outage ends with it."""
        self._failures = 0
        ended, self.down_since = self.down_since is not None, None
        self._probing = False
        return ended

    def probe(self, now: float) -> bool:
        """Whether the caller may try now. If so, nobody else may until it has ended."""
        if self._probing or now < self._next_probe:
            return False
        self._probing = True
        return True

    def gave_up(self) -> None:
        """The probe has ended without saying anything, such as by cancellation."""
        self._probing = False

    @property
    def next_probe(self) -> float | None:
        """When the next probe may be sent; ``None`` while one is under way."""
        return None if self._probing else self._next_probe
