"""What became of each input of a batch."""

from enum import StrEnum
from typing import Any, Final, Generic, Self, SupportsIndex, TypeVar, cast, overload

import attrs

from ._plain import Serializable
from .errors import AuthenticationError, QuotaExceededError

I = TypeVar("I")  # noqa: E741 - input
V = TypeVar("V")

__all__ = ["Outcome", "OutcomeStatus", "Outcomes", "Progress"]


class OutcomeStatus(StrEnum):
    """How one input of a batch ended."""

    OK = "ok"
    FAILED = "failed"
    """An error, and nothing was done."""
    UNKNOWN = "unknown"
    """A write was done, or may have been. Check before you repeat it."""
    NOT_ATTEMPTED = "not attempted"
    """Not sent (circuit breaker, deadline, closed client), or stopped before it did anything."""


@attrs.frozen(kw_only=True)
class Outcome(Serializable, Generic[I, V]):
    """What became of one input."""

    index: int
    """The input's place, counted from 0."""
    input: I
    status: OutcomeStatus
    value: V = attrs.field(default=cast("Any", None))
    """``None`` unless :attr:`ok`. Look there first: then its type is that of the call."""
    error: Exception | None = None
    """Set unless :attr:`ok`."""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.status is OutcomeStatus.OK

    def result(self) -> V:
        """The value, or its error raised."""
        if self.error is not None:
            raise self.error
        return self.value


class Outcomes(list[Outcome[I, V]]):
    """Outcomes of a batch, in the order in which they came."""

    def values(self) -> list[V]:
        """The values of all that succeeded."""
        return [outcome.result() for outcome in self if outcome.ok]

    def failures(self) -> "Outcomes[I, V]":
        """All that did not succeed, for whatever reason."""
        return type(self)(outcome for outcome in self if not outcome.ok)

    def retryable(self) -> list[I]:
        """Inputs for the next run: nothing was done, and trying again can help.

        An input whose write was done, or may have been, is not among them.
        """
        return [outcome.input for outcome in self if _can_retry(outcome)]

    def raise_if_failed(self) -> Self:
        """These outcomes, if all succeeded.

        :raises ExceptionGroup: All errors, each with a note that names its input.
        """
        failures = self.failures()
        if failures:
            text = f"{len(failures)} of {len(self)} did not succeed"
            raise ExceptionGroup(text, [_noted(outcome) for outcome in failures])
        return self

    @overload
    def __getitem__(self, at: SupportsIndex, /) -> Outcome[I, V]: ...
    @overload
    def __getitem__(self, at: slice, /) -> "Outcomes[I, V]": ...

    def __getitem__(self, at: Any, /) -> Any:
        """One outcome, or a part of them, which has the same methods."""
        found = super().__getitem__(at)
        return type(self)(found) if isinstance(at, slice) else found

    def __repr__(self) -> str:
        """Counts, not thousands of rows."""
        counts = {status: sum(o.status is status for o in self) for status in OutcomeStatus}
        return f"<Outcomes: {', '.join(f'{n} {status}' for status, n in counts.items() if n)}>"


@attrs.frozen
class Progress(Serializable):
    """How far a batch has come."""

    done: int
    """Inputs whose outcome has been handed on."""
    failed: int
    """Those among them that are not ok."""
    total: int | None
    """``None`` where the inputs do not say how many they are."""
    rate: float
    """Inputs per second, since the start."""
    waiting_for: str | None = None
    """What most calls of the client wait for: a limiter's turn and its rate, or the host."""


_FOR_NOW: Final = (QuotaExceededError, AuthenticationError)
"""Refused for everyone, and nothing was done: the next run, or a new token, may succeed."""


def _can_retry(outcome: Outcome[Any, Any]) -> bool:
    if outcome.status is OutcomeStatus.FAILED:
        can_retry = bool(getattr(outcome.error, "can_retry", False))
        return can_retry or isinstance(outcome.error, _FOR_NOW)
    return outcome.status is OutcomeStatus.NOT_ATTEMPTED


def _noted(outcome: Outcome[Any, Any]) -> Exception:
    error = outcome.error or RuntimeError("no error was kept")
    note = f"input {outcome.index}: {outcome.input!r:.200}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error
