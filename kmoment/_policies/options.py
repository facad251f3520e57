"""What a caller may choose for the calls of a client or of a view."""

import attrs


@attrs.frozen
class CallOptions:
    """How much a call may do to succeed."""

    max_attempts: int
    deadline: float
    """Seconds for the whole call."""
    reconcile_delays: tuple[float, ...]
    """Seconds before each search for an audience whose create got no answer; empty: no search."""
