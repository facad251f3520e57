"""What a caller may choose for the calls of a client or of a view."""

from math import inf
from typing import Final

import attrs

PATIENCE: Final = 5.0
"""Seconds that a single call waits for a host that is down."""
BATCH_PATIENCE: Final = 60.0
"""The same for a call that is one of many."""


@attrs.frozen
class CallOptions:
    """How much a call may do to succeed."""

    max_attempts: int
    deadline: float
    """Seconds for the whole call, from its turn on."""
    reconcile_delays: tuple[float, ...]
    """Seconds before each search for an audience whose create got no answer; empty: no search."""
    max_wait: float = inf
    """Seconds that the call may spend in queues before its turn."""
    outage_patience: float | None = None
    """Seconds that the call waits for a host that is down; ``None`` for the defaults."""

    def patience(self, *, of_many: bool) -> float:
        """Seconds to wait for a host that is down."""
        if self.outage_patience is not None:
            return self.outage_patience
        return BATCH_PATIENCE if of_many else PATIENCE
