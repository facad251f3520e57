"""What the library logs, as lines for the person. Nobody else has set up its logger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

_LOGGER: Final = logging.getLogger("kmoment")


class LogLines(logging.Handler):
    """Warnings of the library, told by *tell*, while it is open."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        _LOGGER.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one warning, unless it is of later calls: to this run their own errors say more."""
        if not hasattr(record, "kmoment_later_calls"):
            self._tell(f"warning: {record.getMessage()}")

    def close(self) -> None:
        """Stop listening."""
        _LOGGER.removeHandler(self)
        super().close()
