"""Listening to calls: for logs, metrics and tracing.

A hook has two levels: each attempt, and each call with all of its attempts. Hooks see no body,
no token and no query. One that raises is logged and does the call no harm.
"""

from typing import Protocol

import attrs

from .errors import APIError, AttemptRecord

__all__ = ["CallReport", "Hook"]


@attrs.frozen(kw_only=True)
class CallReport:
    """A call that has ended."""

    operation: str
    """Such as ``audiences.create``."""
    method: str
    path: str
    """The path's template."""
    ad_account_id: int | None
    effect: str
    """ok; that of the last attempt; unknown for a write that may have been done, also where the
    call was cancelled."""
    seconds: float
    attempts: tuple[AttemptRecord, ...]
    error: APIError | None = None
    """``None`` for a success, and for a call that its caller has cancelled."""


class Hook(Protocol):
    """What ``AsyncClient(hooks=[…])`` takes. Both methods are called on the event loop."""

    def on_attempt(
        self, operation: str, ad_account_id: int | None, attempt: AttemptRecord, /
    ) -> None:
        """An attempt has ended."""

    def on_call(self, report: CallReport, /) -> None:
        """A call has ended."""
