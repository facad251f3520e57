"""Whether a job has written anything: a batch must know that before it offers the job again."""

from contextvars import ContextVar
from typing import Final, Optional


class Mark:
    """One job's. Calls on other threads and in tasks that the job starts find it too."""

    __slots__ = ("_outer", "wrote")

    def __init__(self, outer: Optional["Mark"]) -> None:
        self._outer = outer
        self.wrote = False
        """Whether a write of it was done, or may have been."""

    def write(self) -> None:
        """A write was done, or may have been: of this job, and of the one it is part of."""
        self.wrote = True
        if self._outer is not None:
            self._outer.write()


MARK: Final[ContextVar[Mark | None]] = ContextVar("kmoment_mark", default=None)


def write_was_done() -> None:
    """Tell the running job, if it is one."""
    if (mark := MARK.get()) is not None:
        mark.write()
