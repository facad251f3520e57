"""What a job of a batch has done, and whether it pauses. The batch has to know both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Optional

from ..errors import (
    APIError,
    ClientClosedError,
    DeadlineExceededError,
    EntryUnknownError,
    JournalError,
    OutcomeUnknownError,
)
from ..outcomes import OutcomeStatus


class JobTracker:
    """Tracks one job. Calls on its threads and in its tasks find it through the context."""

    __slots__ = ("_outer", "_paused", "wrote")

    def __init__(
        self,
        outer: Optional["JobTracker"],
        paused: Callable[[bool], None] | None = None,
    ) -> None:
        """Begin to track a job.

        :param paused: Is told that the job pauses (``True``), and that it goes on (``False``).
        """
        self._outer = outer
        self._paused = paused
        self.wrote = False
        """Whether a write was done, or may have been."""

    def write(self) -> None:
        """A write was done, or may have been, by this job and by the one that it is part of."""
        self.wrote = True
        if self._outer is not None:
            self._outer.write()

    def pause(self, pauses: bool) -> None:
        """The job pauses, or goes on."""
        if self._paused is not None:
            self._paused(pauses)
        elif self._outer is not None:
            self._outer.pause(pauses)


CURRENT: Final[ContextVar[JobTracker | None]] = ContextVar("kmoment_job_tracker", default=None)


def report_write() -> None:
    """Tell the running job, if there is one, that a write was done or may have been."""
    if (tracker := CURRENT.get()) is not None:
        tracker.write()


@contextmanager
def pausing() -> Iterator[None]:
    """The running job waits for seconds. Its batch may begin another in the meantime."""
    tracker = CURRENT.get()
    if tracker is None:
        yield
        return
    tracker.pause(True)
    try:
        yield
    finally:
        tracker.pause(False)


def status_of(error: BaseException, *, wrote: bool) -> OutcomeStatus:
    """The status of an input whose job *error* has ended.

    :param wrote: Whether the job has done a write, or may have.
    """
    if wrote or isinstance(error, OutcomeUnknownError | EntryUnknownError):
        return OutcomeStatus.UNKNOWN
    if isinstance(error, ClientClosedError | JournalError) or not isinstance(error, Exception):
        return OutcomeStatus.NOT_ATTEMPTED
    if isinstance(error, APIError) and error.request_sent is False:
        never_left = isinstance(error, DeadlineExceededError) or not error.attempts
        return OutcomeStatus.NOT_ATTEMPTED if never_left else OutcomeStatus.FAILED
    return OutcomeStatus.FAILED
