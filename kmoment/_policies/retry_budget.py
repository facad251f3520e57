"""How many retries a client may make in all: a fault must not multiply its traffic.

As botocore's standard mode counts them. An outage costs nothing: see ``outage.py``.
"""

from typing import Final

import attrs

from .failure import FailureKind

PER_CONNECTION: Final = 5.0
"""Tokens of a full budget, for each connection that a client may have."""
_COST: Final = 5.0
_TIMEOUT_COST: Final = 10.0
"""A retry after a connection that was lost: the server may still be at work."""


@attrs.define
class Budget:
    """The tokens that a client has left. A retry costs some, and gives them back if it succeeds."""

    capacity: float = 100 * PER_CONNECTION
    tokens: float = attrs.field(default=attrs.Factory(lambda it: it.capacity, takes_self=True))

    def spend(self, kind: FailureKind) -> float:
        """Pay for a retry after *kind*. Returns the price; 0 if there are too few tokens left."""
        cost = _TIMEOUT_COST if kind is FailureKind.CONNECTION_LOST else _COST
        if self.tokens < cost:
            return 0.0
        self.tokens -= cost
        return cost

    def earn(self, tokens: float = 1.0) -> None:
        """A call has succeeded: at its first attempt, or after retries that cost *tokens*."""
        if self.tokens < self.capacity:
            self.tokens = min(self.capacity, self.tokens + tokens)
