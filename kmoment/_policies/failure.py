"""What went wrong in an attempt, and whether the server can have acted.

A :class:`FailureKind` says what went wrong. Its :class:`Effect` says what the attempt did at the
server. ``retry.py`` says what is done next.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ..errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    DeadlineExceededError,
    DecodeError,
    MaintenanceError,
    NotFoundError,
    ProtocolError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
)


class Effect(StrEnum):
    """What an attempt did at the server."""

    OK = "ok"
    UNSENT = "unsent"
    """The request provably never left."""
    REJECTED = "rejected"
    """The server says that it did nothing."""
    FAILED = "failed"
    """The server gave a final answer."""
    UNKNOWN = "unknown"
    """The server may have acted."""
    DONE = "done"
    """The server acted. Only its answer was lost."""


class FailureKind(StrEnum):
    """What went wrong."""

    NOT_CONNECTED = "no connection"
    BAD_CERTIFICATE = "bad certificate"
    DEADLINE = "no time left to send it"
    THROTTLED = "429"
    QUOTA = "platform quota"
    MAINTENANCE = "maintenance"
    SERVER_ERROR = "server error"
    CONNECTION_LOST = "no answer after sending"
    NOT_THE_API = "an answer that is not Kakao's"
    BODY_LOST = "the answer's body was lost"
    TOO_LARGE = "the answer is too large"
    NOT_AS_DOCUMENTED = "the answer is of another shape"
    UNAUTHORIZED = "401"
    NOT_FOUND = "no such thing"
    REFUSED = "refused"


EFFECTS: Final[Mapping[FailureKind, Effect]] = {
    FailureKind.NOT_CONNECTED: Effect.UNSENT,
    FailureKind.BAD_CERTIFICATE: Effect.UNSENT,
    FailureKind.DEADLINE: Effect.UNSENT,
    FailureKind.THROTTLED: Effect.REJECTED,
    FailureKind.QUOTA: Effect.REJECTED,
    FailureKind.MAINTENANCE: Effect.REJECTED,
    FailureKind.SERVER_ERROR: Effect.UNKNOWN,
    FailureKind.CONNECTION_LOST: Effect.UNKNOWN,
    FailureKind.NOT_THE_API: Effect.UNKNOWN,
    FailureKind.BODY_LOST: Effect.DONE,
    FailureKind.TOO_LARGE: Effect.DONE,
    FailureKind.NOT_AS_DOCUMENTED: Effect.UNKNOWN,
    FailureKind.UNAUTHORIZED: Effect.FAILED,
    FailureKind.NOT_FOUND: Effect.FAILED,
    FailureKind.REFUSED: Effect.FAILED,
}


OUTAGE: Final = (
    FailureKind.NOT_CONNECTED,
    FailureKind.SERVER_ERROR,
    FailureKind.CONNECTION_LOST,
)
"""What a host that is down does to calls."""


_KINDS: Final[tuple[tuple[type[APIError], FailureKind], ...]] = (
    (MaintenanceError, FailureKind.MAINTENANCE),
    (ServerError, FailureKind.SERVER_ERROR),
    (RateLimitedError, FailureKind.THROTTLED),
    (QuotaExceededError, FailureKind.QUOTA),
    (AuthenticationError, FailureKind.UNAUTHORIZED),
    (NotFoundError, FailureKind.NOT_FOUND),
    (DecodeError, FailureKind.NOT_AS_DOCUMENTED),
)


def kind_of(error: APIError) -> FailureKind:
    """The kind of *error*. Its facts say whether it was sent, and how far the answer came."""
    for cls, kind in _KINDS:
        if isinstance(error, cls):
            return kind
    if isinstance(error, DeadlineExceededError):
        return FailureKind.DEADLINE
    if isinstance(error, APIConnectionError):
        return _lost(error) if error.request_sent else _unsent(error)
    if isinstance(error, ProtocolError):
        return _not_read(error)
    return FailureKind.REFUSED


def looks_like_outage(error: APIError) -> bool:
    """Whether the host may be down: nothing connects, nothing answers, or a gateway fails."""
    return kind_of(error) in OUTAGE and (error.status is None or error.status >= 500)


def _not_read(error: ProtocolError) -> FailureKind:
    if error.not_the_api:
        return FailureKind.NOT_THE_API
    return FailureKind.TOO_LARGE if error.too_large else _lost(error)


def _unsent(error: APIError) -> FailureKind:
    return FailureKind.NOT_CONNECTED if error.can_retry else FailureKind.BAD_CERTIFICATE


def _lost(error: APIError) -> FailureKind:
    """After a success status the work was done, and only the body is missing."""
    success = 200 <= (error.status or 0) < 300
    return FailureKind.BODY_LOST if success else FailureKind.CONNECTION_LOST
