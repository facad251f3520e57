"""What a limit has allowed between two droughts: bounds of its rate. Pure: times are passed in."""

from collections import deque
from itertools import islice
from math import inf
from typing import Final, Self

import attrs

PAUSE_GROWTH: Final = 1.3
"""From one probe to the next."""
_TIMES: Final = 256
"""Accepted calls whose times are kept, for the upper bound."""
_LEAST_LATENCY: Final = 0.001
"""Seconds. A limiter that was only ever rejected starts at one call per latency."""
_JITTER: Final = 0.1
"""Of the latency: calls that were sent this much later may have arrived earlier."""
_LEAST_GAP: Final = 0.001
"""Seconds between an accepted and a rejected call, for the upper bound."""


@attrs.define(eq=False)
class Cycle:
    """The calls from one accepted probe to the next."""

    began: float | None = None
    accepted: int = 0
    times: deque[float] = attrs.Factory(lambda: deque(maxlen=_TIMES))
    """When the last accepted calls were sent, also those before this cycle."""
    rejected_at: float = -inf
    """When the last rejected call was sent."""

    def next(self, probe: float) -> Self:
        """The cycle that begins with an accepted probe."""
        return attrs.evolve(self, began=probe, accepted=1)

    def bounds(self, probe: float, latency: float, size: int) -> tuple[float, float]:
        """The lower and the upper bound of the rate, now that a probe was accepted.

        The probe itself is among the accepted calls. If this cycle has fewer of them than the size
        of the one before, calls of that one may still have used up the limit: a cycle may begin in
        the middle of a window.
        """
        count, began = self.accepted - 1, probe if self.began is None else self.began
        if not count or probe <= began:
            return 1 / max(latency, _LEAST_LATENCY), inf
        before = self.rejected_at + _JITTER * latency
        earlier = (at for at in islice(reversed(self.times), 1, None) if at < before)
        latest = list(enumerate(islice(earlier, max(count, size)), 1))
        if count >= _TIMES:  # not all times are kept
            latest.append((count, began))
        high = (k / max(self.rejected_at - at, _LEAST_GAP) for k, at in latest)
        return count / (probe - began), max(high, default=inf)
