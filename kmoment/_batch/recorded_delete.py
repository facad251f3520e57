"""A bulk delete whose ids are recorded in a journal."""

from functools import partial

import attrs

from .._engine.job_tracker import CURRENT, JobTracker
from .._protocol.call import Call
from .._sender import AsyncSender
from ..errors import AlreadyDoneError, JournalError
from ..journal.entries import STATUSES, Begun, Ending, Store, end
from ..journal.journal import Journal, ending_of, on_thread, quietly
from ..models import BulkDeleteResult, DeleteStatus
from ..outcomes import Outcome, Outcomes, OutcomeStatus


async def delete_recorded(
    calls: AsyncSender, call: Call[BulkDeleteResult], ids: tuple[int, ...], journal: Journal
) -> BulkDeleteResult:
    """Delete those of *ids* that are not recorded as deleted.

    An id may be deleted again. So one that an earlier process has begun is no doubt.

    :param call: The delete, without ids.
    """
    store = journal._store
    begun = Begun(store.writer, repeatable=True)
    tracker = JobTracker(CURRENT.get())
    token = CURRENT.set(tracker)
    try:
        await on_thread(partial(store.change, dict.fromkeys(map(str, ids)), begun))
        result = await _delete(calls, call, tuple(int(key) for key in begun.fences))
    except BaseException as error:
        ending = ending_of(error, None, wrote=tracker.wrote)
        endings = dict.fromkeys(begun.fences, ending)
        await on_thread(partial(quietly, partial(end, store, begun.fences, endings)))
        raise
    finally:
        CURRENT.reset(token)
    await _record(store, begun, result)
    known = {outcome.input: outcome for outcome in result.outcomes}
    outcomes = [known.get(one) or _not_sent(one, begun.refused[str(one)]) for one in ids]
    numbered = [attrs.evolve(outcome, index=index) for index, outcome in enumerate(outcomes)]
    return attrs.evolve(result, outcomes=Outcomes(numbered))


async def _delete(
    calls: AsyncSender, call: Call[BulkDeleteResult], ids: tuple[int, ...]
) -> BulkDeleteResult:
    if not ids:
        return BulkDeleteResult(success_count=0, fail_count=0)
    return await calls.send(call._replace(query={"audienceIds": ",".join(map(str, ids))}))


async def _record(store: Store, begun: Begun, result: BulkDeleteResult) -> None:
    endings = {str(outcome.input): _ending(outcome) for outcome in result.outcomes}
    await on_thread(partial(end, store, begun.fences, endings))


def _ending(outcome: Outcome[int, DeleteStatus]) -> Ending:
    error = None if outcome.error is None else type(outcome.error).__name__
    value = str(outcome.value) if outcome.ok else None
    return Ending(STATUSES[outcome.status], value, error)


def _not_sent(one: int, refusal: JournalError) -> Outcome[int, DeleteStatus]:
    """The outcome of an id that is deleted already, or that another process deletes now."""
    if isinstance(refusal, AlreadyDoneError):
        value = DeleteStatus(refusal.value or DeleteStatus.DELETED)
        return Outcome(index=0, input=one, status=OutcomeStatus.OK, value=value)
    return Outcome(index=0, input=one, status=OutcomeStatus.NOT_ATTEMPTED, error=refusal)
