"""What became of each id of a bulk delete, of which Kakao answers with counts only.

Nothing says how many ids one request may carry: they go in parts that fit any server's limit on
a URL. A part that was not a full success is told apart by what was listed before and after. An
id that is listed is there. One that is not may only be hidden by a stale list: it is asked for by
itself, unless the part's counts say the same as the list. What is left of a part in doubt is
asked for once more.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from .errors import APIError, OutcomeUnknownError
from .models import BulkDeleteResult, DeleteOutcome, DeleteStatus

PART: Final = 50
"""Ids in one request: 50 of the longest, with their commas, are 1,000 characters."""

Answer = BulkDeleteResult | APIError
_GONE: Final = (DeleteStatus.DELETED, DeleteStatus.ALREADY_ABSENT)


def parts(ids: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """*ids*, so many at a time."""
    rest = iter(ids)
    while part := tuple(islice(rest, PART)):
        yield part


class Deletion:
    """What is known of a bulk delete, and what it means. Knows no network."""

    def __init__(self, ids: Sequence[int], before: frozenset[int] | None) -> None:
        self._ids = ids
        self._seen = before or frozenset()
        self._doubted: set[int] = set()
        self._first: list[tuple[tuple[int, ...], Answer]] = []
        self._last: dict[int, Answer] = {}
        self._clean: set[int] = set()
        self._there: frozenset[int] | None = None
        self._unsure: set[int] = set()

    def answered(self, part: tuple[int, ...], answer: Answer) -> None:
        """What came for *part*."""
        if part[0] not in self._last:
            self._first.append((part, answer))
        self._last |= dict.fromkeys(part, answer)
        if isinstance(answer, OutcomeUnknownError):
            self._doubted.update(part)
        if isinstance(answer, BulkDeleteResult) and answer.success_count == len(part):
            self._clean.update(part)

    def listed(self, there: frozenset[int] | None) -> None:
        """What is there now; ``None`` where that could not be found out."""
        self._there = there
        self._seen |= there or frozenset()

    @property
    def open(self) -> tuple[int, ...]:
        """Ids of requests that were no full success."""
        return tuple(one for one in self._ids if one not in self._clean)

    @property
    def left(self) -> tuple[int, ...]:
        """Those of them whose request is in doubt, and that are still there."""
        return tuple(one for one in self.open if self._doubt(one) and one in (self._there or ()))

    @property
    def missing(self) -> tuple[int, ...]:
        """Those of them to ask for one by one: a list does not show them, and that is no proof."""
        if self._there is None:
            return ()
        proven = {one for part, answer in self._first for one in self._proven(part, answer)}
        return tuple(one for one in self.open if one not in self._there and one not in proven)

    def _proven(self, part: tuple[int, ...], answer: Answer) -> list[int]:
        """Those of a part that the list has lost, where they are as many as the answer says."""
        lost = [one for one in part if one in self._seen and one not in (self._there or ())]
        counted = isinstance(answer, BulkDeleteResult) and answer.success_count == len(lost)
        return lost if counted else []

    def asked(self, one: int, gone: bool | None) -> None:
        """Whether a missing one is gone; ``None`` where that could not be found out."""
        if gone is None:
            self._unsure.add(one)
        elif not gone:
            self._there = (self._there or frozenset()) | {one}

    def result(self) -> BulkDeleteResult:
        """One result of all, or the error where nothing was done, or nobody knows."""
        statuses = {one: self._status(one) for one in self._ids}
        errors = [answer for _, answer in self._first if isinstance(answer, APIError)]
        if len(errors) == len(self._first) and not any(s in _GONE for s in statuses.values()):
            raise max(errors, key=lambda error: isinstance(error, OutcomeUnknownError))
        counts = [_counts(part, answer, statuses) for part, answer in self._first]
        return BulkDeleteResult(
            success_count=_total([success for success, _ in counts]),
            fail_count=_total([fail for _, fail in counts]),
            error_messages=_messages([answer for _, answer in self._first]),
            outcomes=tuple(
                DeleteOutcome(one, statuses[one], _error(self._last[one])) for one in self._ids
            ),
        )

    def _status(self, one: int) -> DeleteStatus:
        if one in self._clean:
            return DeleteStatus.DELETED
        refused = isinstance(self._last[one], APIError) and not self._doubt(one)
        if self._there is None or one in self._unsure:
            return DeleteStatus.FAILED if refused else DeleteStatus.UNKNOWN
        if one in self._there:
            return DeleteStatus.UNKNOWN if self._doubt(one) else DeleteStatus.FAILED
        if refused:
            return DeleteStatus.ALREADY_ABSENT
        # After a doubt, what is gone counts as done, as it does for a single delete.
        ours = one in self._seen or one in self._doubted
        return DeleteStatus.DELETED if ours else DeleteStatus.ALREADY_ABSENT

    def _doubt(self, one: int) -> bool:
        return isinstance(self._last[one], OutcomeUnknownError)


def _counts(
    part: tuple[int, ...], answer: Answer, statuses: dict[int, DeleteStatus]
) -> tuple[int | None, int | None]:
    """Kakao's counts of a part; where its answer was lost, what was found out."""
    if isinstance(answer, BulkDeleteResult):
        return answer.success_count, answer.fail_count
    found = [statuses[one] for one in part]
    if DeleteStatus.UNKNOWN in found:
        return None, None
    success = found.count(DeleteStatus.DELETED)
    return success, len(found) - success


def _messages(answers: Sequence[Answer]) -> tuple[str, ...] | None:
    said = [a.error_messages for a in answers if isinstance(a, BulkDeleteResult)]
    return tuple(text for texts in said for text in texts or ()) if any(said) else None


def _total(counts: list[int | None]) -> int | None:
    return None if None in counts else sum(filter(None, counts))


def _error(answer: Answer) -> APIError | None:
    return answer if isinstance(answer, APIError) else None
