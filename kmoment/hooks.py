"""Listening to calls, for logs, metrics and tracing.

A hook is told about each failed attempt, and about each call when it has ended. It sees no body,
no token and no query. If it raises, the error is logged, and the call goes on.

    class Count:
        calls = 0

        def on_attempt(self, operation, ad_account_id, attempt):
            print(operation, attempt.reason)

        def on_call(self, report):
            self.calls += 1

    hooked = kmoment.AsyncClient(token, hooks=[Count()])

The logger ``kmoment`` has the same at DEBUG, as structured ``extra``.
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
        """An attempt has failed."""

    def on_call(self, report: CallReport, /) -> None:
        """A call has ended."""
