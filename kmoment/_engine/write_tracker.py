"""Whether a job has written anything. A batch has to know that before it offers the job again."""

from contextvars import ContextVar
from typing import Final, Optional


class WriteTracker:
    """Tracks one job. Calls on its threads and in its tasks find it through the context."""

    __slots__ = ("_outer", "wrote")

    def __init__(self, outer: Optional["WriteTracker"]) -> None:
        self._outer = outer
        self.wrote = False
        """Whether a write was done, or may have been."""

    def write(self) -> None:
        """A write was done, or may have been, by this job and by the one that it is part of."""
        self.wrote = True
        if self._outer is not None:
            self._outer.write()


CURRENT: Final[ContextVar[WriteTracker | None]] = ContextVar("kmoment_write_tracker", default=None)


def report_write() -> None:
    """Tell the running job, if there is one, that a write was done or may have been."""
    if (tracker := CURRENT.get()) is not None:
        tracker.write()
