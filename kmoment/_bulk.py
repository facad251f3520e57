"""What became of each id of a bulk delete, of which Kakao answers with counts only.

Nothing says how many ids one request may carry: they go in parts that fit any server's limit on
a URL. A part that was not a full success is told apart by what was listed before and after.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import attrs

from .errors import APIError, OutcomeUnknownError
from .models import BulkDeleteResult, DeleteOutcome, DeleteStatus

PART: Final = 50
"""Ids in one request: 50 of the longest, with their commas, are 1,000 characters."""

Answer = BulkDeleteResult | APIError
Ids = frozenset[int] | None


def parts(ids: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """*ids*, so many at a time."""
    rest = iter(ids)
    while part := tuple(islice(rest, PART)):
        yield part


def is_clean(part: tuple[int, ...], answer: Answer) -> bool:
    """Whether every id of *part* was deleted."""
    return isinstance(answer, BulkDeleteResult) and answer.success_count == len(part)


def summed(
    answers: Sequence[tuple[tuple[int, ...], Answer]], before: Ids, after: Ids
) -> BulkDeleteResult:
    """One result of all parts, or the error where nothing was done, or nobody knows."""
    outcomes = tuple(
        DeleteOutcome(
            audience_id, _status(audience_id, part, answer, before, after), _error(answer)
        )
        for part, answer in answers
        for audience_id in part
    )
    errors = [answer for _, answer in answers if isinstance(answer, APIError)]
    gone = {outcome.status for outcome in outcomes} & {
        DeleteStatus.DELETED,
        DeleteStatus.ALREADY_ABSENT,
    }
    if len(errors) == len(answers) and not gone:
        raise max(errors, key=lambda error: isinstance(error, OutcomeUnknownError))
    return attrs.evolve(
        _totals([answer for _, answer in answers if isinstance(answer, BulkDeleteResult)], errors),
        outcomes=outcomes,
    )


def _status(
    audience_id: int, part: tuple[int, ...], answer: Answer, before: Ids, after: Ids
) -> DeleteStatus:
    if is_clean(part, answer):
        return DeleteStatus.DELETED
    refused = isinstance(answer, APIError) and not isinstance(answer, OutcomeUnknownError)
    if after is None:
        return DeleteStatus.FAILED if refused else DeleteStatus.UNKNOWN
    if audience_id in after:
        in_doubt = isinstance(answer, OutcomeUnknownError)
        return DeleteStatus.UNKNOWN if in_doubt else DeleteStatus.FAILED
    ours = audience_id in (before or ()) and not refused
    return DeleteStatus.DELETED if ours else DeleteStatus.ALREADY_ABSENT


def _error(answer: Answer) -> APIError | None:
    return answer if isinstance(answer, APIError) else None


def _totals(answers: Sequence[BulkDeleteResult], errors: Sequence[APIError]) -> BulkDeleteResult:
    """Kakao's counts together; ``None`` where a part came without."""
    successes = [answer.success_count for answer in answers]
    failures = [answer.fail_count for answer in answers]
    messages = [answer.error_messages for answer in answers if answer.error_messages is not None]
    return BulkDeleteResult(
        success_count=None if errors or None in successes else sum(filter(None, successes)),
        fail_count=None if errors or None in failures else sum(filter(None, failures)),
        error_messages=tuple(text for texts in messages for text in texts) if messages else None,
    )
