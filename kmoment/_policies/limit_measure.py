"""What a limit has allowed between two droughts: bounds of its rate. Pure: times are passed in."""

from collections import deque
from math import inf
from typing import Final, Self

import attrs

PAUSE_GROWTH: Final = 1.3
"""From one probe to the next."""
_TIMES: Final = 256
"""Accepted calls whose times are kept, for the upper bound."""
_LEAST_LATENCY: Final = 0.001
"""Seconds. A limiter that was only ever rejected starts at one call per latency."""


@attrs.define(eq=False)
class Cycle:
    """The calls from one accepted probe to the next."""

    began: float | None = None
    accepted: int = 0
    times: deque[float] = attrs.Factory(lambda: deque(maxlen=_TIMES))
    """When the last accepted calls were sent."""
    rejected_at: float = -inf
    """When the last rejected call was sent."""

    @classmethod
    def after(cls, probe: float, rejected_at: float) -> Self:
        """The cycle that begins with an accepted probe."""
        return cls(probe, 1, deque((probe,), maxlen=_TIMES), rejected_at)

    def bounds(self, probe: float, latency: float, *, after_pause: bool) -> tuple[float, float]:
        """The lower and the upper bound of the rate, now that a probe was accepted.

        The probe itself is among the accepted calls.

        :param after_pause: Whether an earlier probe was rejected.
        """
        count, began = self.accepted - 1, probe if self.began is None else self.began
        if not count or probe <= began:
            return 1 / max(latency, _LEAST_LATENCY), inf
        earlier = [at for at in reversed(self.times) if at < self.rejected_at]
        high = [k / (self.rejected_at - at) for k, at in enumerate(earlier, 1)]
        if count == 1 and after_pause:
            # A server may count rejected calls too: only the pause before the last was too short.
            high.append(PAUSE_GROWTH / (probe - self.rejected_at))
        return count / (probe - began), max(high, default=inf)
