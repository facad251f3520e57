"""What ``fleet.status()`` shows."""

import json
from contextlib import suppress
from typing import Any

import attrs

from ._board import MEMBER_SECONDS, Posted, Told, read_board
from ._keys import limit_of


@attrs.frozen(kw_only=True)
class FleetLimit:
    """A limit that a member has met, or was told of."""

    quota: str
    ad_account_id: int | None
    """``None`` if the limit is one for all accounts."""
    rate: float | None
    """Calls per second of all members together; ``None`` if it was forgotten since."""
    state: str | None
    """What is done, in a word: see ``kmoment.limits``."""


@attrs.frozen(kw_only=True)
class FleetBreaker:
    """A reason for which no member sends calls."""

    kind: str
    """``quota``, ``maintenance``, or ``token:`` and a fingerprint of the token."""
    reason: str
    seconds: float
    """Until one member may try again."""


@attrs.frozen(kw_only=True)
class FleetStatus:
    """What is known of a fleet now."""

    namespace: str
    available: bool
    """Whether Redis has answered."""
    reason: str | None
    """Why it has not."""
    version: str | None
    """Redis's version."""
    members: tuple[str, ...]
    """Process numbers and a random part, of clients seen in the last 15 s."""
    limits: tuple[FleetLimit, ...]
    breakers: tuple[FleetBreaker, ...]

    def __bool__(self) -> bool:
        return self.available


def unavailable(namespace: str, reason: str) -> FleetStatus:
    """The status of a fleet whose Redis is away."""
    return FleetStatus(
        namespace=namespace, available=False, reason=reason, version=None, members=(), limits=(),
        breakers=(),
    )  # fmt: skip


def live(answer: list[Any]) -> dict[str, Posted]:
    """The board's fields, without members that are gone. Times are seconds ago, negative."""
    fields = read_board(answer, 0.0)
    gone = [
        name
        for name, posted in fields.items()
        if name.startswith("member:") and posted.at < -MEMBER_SECONDS
    ]
    return {name: fields[name] for name in fields if name not in gone}


def status(
    namespace: str, version: str, fields: dict[str, Posted], states: dict[str, str | None]
) -> FleetStatus:
    """The status, from the board's *fields* and the *states* of limiters by field."""
    return FleetStatus(
        namespace=namespace,
        available=True,
        reason=None,
        version=version,
        members=tuple(sorted(name[7:] for name in fields if name.startswith("member:"))),
        limits=tuple(_limit(name, states[name]) for name in sorted(states)),
        breakers=tuple(
            _breaker(name[8:], fields[name]) for name in sorted(fields) if name[:8] == "breaker:"
        ),
    )


def _limit(field: str, text: str | None) -> FleetLimit:
    quota, account = limit_of(field)
    rate = state = None
    with suppress(ValueError, KeyError, TypeError):  # another program has written it
        limiter = json.loads(text or "null")["limiter"]
        rate, state = limiter["figures"]["rate"], limiter["mode"]
    return FleetLimit(quota=quota, ad_account_id=account, rate=rate, state=state)


def _breaker(kind: str, posted: Posted) -> FleetBreaker:
    told = Told.of(posted.value)
    return FleetBreaker(kind=kind, reason=told.reason, seconds=max(0.0, told.left + posted.at))
