"""Deletes many audiences, and finds out what became of each id.

Kakao answers a bulk delete with counts only, and nothing says how many ids one request may carry.
So the ids go in parts that fit any server's limit on a URL, and the audiences are listed before
and, after anything but a full success, again. An id that is listed is there. An id that is not
listed may be hidden by an old list: it is asked for by itself, unless the counts of its part say
the same as the list. What is left of a part that may have been done is deleted once more.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import Final

from .._protocol.call import Call
from ..errors import APIError, ClientClosedError, NotFoundError, OutcomeUnknownError
from ..models import BulkDeleteResult, DeleteStatus
from ..outcomes import Outcome, Outcomes, OutcomeStatus
from .reconcile import Ask, get_call, list_call

PART_SIZE: Final = 50
"""Ids in one request: 50 of the longest (19 digits), with their commas, are 1,000 characters."""

PartResult = BulkDeleteResult | APIError


class Fate(Enum):
    """What has become of one id."""

    DELETED = DeleteStatus.DELETED
    ALREADY_ABSENT = DeleteStatus.ALREADY_ABSENT
    STILL_THERE = OutcomeStatus.FAILED
    UNKNOWN = OutcomeStatus.UNKNOWN


_GONE: Final = (Fate.DELETED, Fate.ALREADY_ABSENT)


# -- The calls --------------------------------------------------------------------------


async def delete_in_parts(
    ask: Ask, call: Call[BulkDeleteResult], *, looks: bool
) -> BulkDeleteResult:
    """Delete all ids of *call*, which names them as one request would.

    :param looks: Whether to list what is there, before and after.
    """
    given = tuple(map(int, str(call.query["audienceIds"]).split(",")))
    ids = tuple(dict.fromkeys(given))
    before = frozenset(row.id for row in await ask(list_call(call.account))) if looks else None
    bulk = BulkDelete(ids, before)
    await _delete(ask, call, bulk, ids)
    if looks and bulk.open:
        await _find_out(ask, call, bulk)
    return bulk.result(given)


async def _find_out(ask: Ask, call: Call[BulkDeleteResult], bulk: "BulkDelete") -> None:
    bulk.listed(await _ids_now(ask, call))
    if left := bulk.left:
        await _delete(ask, call, bulk, left)
        bulk.listed(await _ids_now(ask, call))
    for audience_id in bulk.missing:
        bulk.asked(audience_id, await _is_gone(ask, call, audience_id))


async def _delete(
    ask: Ask, call: Call[BulkDeleteResult], bulk: "BulkDelete", ids: Sequence[int]
) -> None:
    for part in parts(ids):
        result: PartResult
        try:
            result = await ask(call._replace(query={"audienceIds": ",".join(map(str, part))}))
        except APIError as error:
            result = error
        except ClientClosedError:
            if not bulk.begun:
                raise
            result = APIError("not sent: the client was closed", {"request_sent": False})
        bulk.answered(part, result)


async def _ids_now(ask: Ask, call: Call[BulkDeleteResult]) -> frozenset[int] | None:
    try:
        return frozenset(row.id for row in await ask(list_call(call.account)))
    except (APIError, ClientClosedError):
        return None


async def _is_gone(ask: Ask, call: Call[BulkDeleteResult], audience_id: int) -> bool | None:
    try:
        await ask(get_call(call.account, audience_id))
    except NotFoundError:
        return True
    except (APIError, ClientClosedError):
        return None
    return False


def parts(ids: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """*ids*, :data:`PART_SIZE` at a time."""
    rest = iter(ids)
    while part := tuple(islice(rest, PART_SIZE)):
        yield part


# -- What the answers mean --------------------------------------------------------------


class BulkDelete:
    """What is known of a bulk delete, and what it means. Pure."""

    def __init__(self, ids: Sequence[int], before: frozenset[int] | None) -> None:
        self._ids = ids
        self._seen = before or frozenset()
        self._doubted: set[int] = set()
        self._first: list[tuple[tuple[int, ...], PartResult]] = []
        self._last: dict[int, PartResult] = {}
        self._clean: set[int] = set()
        self._there: frozenset[int] | None = None
        self._unsure: set[int] = set()

    def answered(self, part: tuple[int, ...], answer: PartResult) -> None:
        """The result of one request."""
        if part[0] not in self._last:
            self._first.append((part, answer))
        self._last |= dict.fromkeys(part, answer)
        if isinstance(answer, OutcomeUnknownError):
            self._doubted.update(part)
        if isinstance(answer, BulkDeleteResult) and answer.success_count == len(part):
            self._clean.update(part)

    def listed(self, there: frozenset[int] | None) -> None:
        """The ids that are there now; ``None`` if the list failed."""
        self._there = there
        self._seen |= there or frozenset()

    @property
    def begun(self) -> bool:
        """Whether any request has been answered."""
        return bool(self._first)

    @property
    def open(self) -> tuple[int, ...]:
        """Ids of requests that were not a full success."""
        return tuple(one for one in self._ids if one not in self._clean)

    @property
    def left(self) -> tuple[int, ...]:
        """Those of them whose request may have been done, and that are still there."""
        return tuple(one for one in self.open if self._doubt(one) and one in (self._there or ()))

    @property
    def missing(self) -> tuple[int, ...]:
        """Those of them that the list does not show, which proves nothing: ask for each."""
        if self._there is None:
            return ()
        proven = {one for part, answer in self._first for one in self._proven(part, answer)}
        return tuple(one for one in self.open if one not in self._there and one not in proven)

    def _proven(self, part: tuple[int, ...], answer: PartResult) -> list[int]:
        """The ids of a part that are no longer listed, if the answer counts as many."""
        lost = [one for one in part if one in self._seen and one not in (self._there or ())]
        counted = isinstance(answer, BulkDeleteResult) and answer.success_count == len(lost)
        return lost if counted else []

    def asked(self, one: int, gone: bool | None) -> None:
        """Whether a missing one is gone; ``None`` if asking failed."""
        if gone is None:
            self._unsure.add(one)
        elif not gone:
            self._there = (self._there or frozenset()) | {one}

    def result(self, given: Sequence[int]) -> BulkDeleteResult:
        """One result, with an outcome for each id as *given*.

        Raises the error if nothing is known to be done.
        """
        fates = {one: self._fate(one) for one in self._ids}
        errors = [answer for _, answer in self._first if isinstance(answer, APIError)]
        if len(errors) == len(self._first) and not any(s in _GONE for s in fates.values()):
            raise max(errors, key=lambda error: isinstance(error, OutcomeUnknownError))
        counts = [_counts(part, answer, fates) for part, answer in self._first]
        return BulkDeleteResult(
            success_count=_total([success for success, _ in counts]),
            fail_count=_total([fail for _, fail in counts]),
            error_messages=_messages([answer for _, answer in self._first]),
            outcomes=Outcomes(
                _outcome(index, one, fates[one], self._last[one]) for index, one in enumerate(given)
            ),
        )

    def _fate(self, one: int) -> Fate:
        if one in self._clean:
            return Fate.DELETED
        refused = isinstance(self._last[one], APIError) and not self._doubt(one)
        if self._there is None or one in self._unsure:
            return Fate.STILL_THERE if refused else Fate.UNKNOWN
        if one in self._there:
            return Fate.UNKNOWN if self._doubt(one) else Fate.STILL_THERE
        if refused:
            return Fate.ALREADY_ABSENT
        # After a request that may have been done, what is gone counts as deleted.
        ours = one in self._seen or one in self._doubted
        return Fate.DELETED if ours else Fate.ALREADY_ABSENT

    def _doubt(self, one: int) -> bool:
        return isinstance(self._last[one], OutcomeUnknownError)


def _counts(
    part: tuple[int, ...], answer: PartResult, fates: dict[int, Fate]
) -> tuple[int | None, int | None]:
    """Kakao's counts of a part; if its answer was lost, counts of what was found out."""
    if isinstance(answer, BulkDeleteResult):
        return answer.success_count, answer.fail_count
    found = [fates[one] for one in part]
    if Fate.UNKNOWN in found:
        return None, None
    success = found.count(Fate.DELETED)
    return success, len(found) - success


def _messages(answers: Sequence[PartResult]) -> tuple[str, ...] | None:
    said = [a.error_messages for a in answers if isinstance(a, BulkDeleteResult)]
    return tuple(text for texts in said for text in texts or ()) if any(said) else None


def _total(counts: list[int | None]) -> int | None:
    return None if None in counts else sum(filter(None, counts))


def _outcome(index: int, one: int, fate: Fate, answer: PartResult) -> Outcome[int, DeleteStatus]:
    if isinstance(fate.value, DeleteStatus):
        return Outcome(index=index, input=one, status=OutcomeStatus.OK, value=fate.value)
    error = answer if isinstance(answer, APIError) else _not_gone(fate)
    return Outcome(index=index, input=one, status=fate.value, error=error)


def _not_gone(fate: Fate) -> APIError:
    if fate is Fate.UNKNOWN:
        return OutcomeUnknownError("it may have been deleted: looking gave no answer")
    return APIError("it was not deleted: it is still there")
