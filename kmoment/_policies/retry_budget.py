"""How many retries a client may make in all: an outage must not multiply its traffic."""

from typing import Final

import attrs

from .failure import FailureKind

# Tokens. With these a full outage costs about 1.0 requests a call (tests/test_retry.py).
_CAPACITY: Final = 100.0
_THROTTLE_COST: Final = 5.0
_TRANSIENT_COST: Final = 10.0


@attrs.define
class Budget:
    """The tokens that a client has left. Every retry costs some; every clean success earns one."""

    tokens: float = _CAPACITY

    def spend(self, kind: FailureKind) -> bool:
        """Pay for a retry after *kind*. False if there are too few tokens left."""
        cost = _THROTTLE_COST if kind is FailureKind.THROTTLED else _TRANSIENT_COST
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True

    def earn(self) -> None:
        """A call has succeeded at its first attempt."""
        if self.tokens < _CAPACITY:
            self.tokens += 1
