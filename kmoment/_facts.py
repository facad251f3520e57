"""What errors are made of: values that name a place, a rule, an attempt."""

from datetime import datetime
from typing import Any, Final, NamedTuple, TypedDict


class Violation(NamedTuple):
    """One documented rule that a draft breaks."""

    path: str
    """Where, such as ``ages[1]``."""
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


class Problem(NamedTuple):
    """One value in an answer that is not as documented."""

    path: str
    """Where, such as ``content[3].createdDate``."""
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


class AttemptRecord(NamedTuple):
    """One attempt of a call that failed."""

    effect: str
    """unsent, rejected, failed, unknown (the server may have acted), done (only the answer was
    lost)."""
    reason: str
    status: int | None
    seconds: float
    """From the start of the attempt to its end, including the wait for its turn."""
    pause: float
    """Seconds waited after it."""


class Facts(TypedDict, total=False):
    """What an ``APIError`` knows. Each member is an attribute of the errors that have it."""

    operation: str | None
    method: str | None
    path: str | None
    ad_account_id: int | None
    status: int | None
    code: int | None
    message: str | None
    detail_code: int | None
    detail_message: str | None
    request_sent: bool | None
    request_id: str | None
    attempts: tuple[AttemptRecord, ...]
    can_retry: bool
    hint: str
    hint_ko: str
    retry_after: float | None
    required_scopes: tuple[str, ...]
    phase: str | None
    not_the_api: bool
    too_large: bool
    problems: tuple[Problem, ...]
    partial: list[Any] | None
    unread: tuple[Any, ...]
    total: int | None
    differences: tuple[str, ...]
    draft: Any
    candidates: tuple[Any, ...]
    known_ids: frozenset[int] | None
    created_after: datetime | None


FACTS: Final = frozenset(Facts.__annotations__)
