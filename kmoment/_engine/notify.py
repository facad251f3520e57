"""Tells hooks and the log what became of a call. Neither can harm it."""

import logging
from collections.abc import Iterable
from typing import Final

import attrs

from ..errors import AttemptRecord
from ..hooks import CallReport, Hook

_log: Final = logging.getLogger("kmoment")


class Notifier:
    """The hooks of a client, and the log."""

    __slots__ = ("_hooks",)

    def __init__(self, hooks: Iterable[Hook]) -> None:
        self._hooks = tuple(hooks)

    @property
    def enabled(self) -> bool:
        """Whether anyone listens. If not, no report has to be made."""
        return bool(self._hooks) or _log.isEnabledFor(logging.DEBUG)

    def attempt(self, operation: str, account: int | None, attempt: AttemptRecord) -> None:
        """An attempt has failed."""
        self._report("on_attempt", operation, account, attempt)

    def call(self, report: CallReport) -> None:
        """A call has ended."""
        facts = attrs.asdict(report, recurse=False, filter=lambda a, _: a.name != "error")
        _log.debug("%s: %s", report.operation, report.effect, extra={"kmoment": facts})
        self._report("on_call", report)

    def _report(self, event: str, *what: object) -> None:
        for hook in self._hooks:
            try:
                getattr(hook, event)(*what)
            except Exception:
                _log.exception("the hook %r has failed in %s", type(hook).__name__, event)
