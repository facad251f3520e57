"""Batches: each outcome is true, memory is bounded, and nothing keeps running after a stop."""

import asyncio
import gc
import logging
import os
import pickle
import signal
import threading
import time
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.fault_server import Answer, FaultServer, Silence
from helpers.limits import Limit, LimitedHost, limited
from helpers.virtual_clock import run
from kmoment import OutcomeStatus, testing
from kmoment._batch.worker_pool import WorkerPool
from kmoment._engine.job_tracker import CURRENT, pausing
from kmoment.batch import AsyncBatch, progress_bar
from kmoment.sandbox import Fault, Sandbox

ROWS = [{"value": "I10000101", "description": "서울특별시 강남구", "depth1Name": "서울특별시"}]
ROWS[0] |= {"depth2Name": "강남구", "depth3Name": "논현1동"}


@pytest.fixture
async def moment() -> AsyncIterator[kmoment.AsyncClient]:
    async with kmoment.AsyncClient(TOKEN, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def blocking() -> Iterator[kmoment.Client]:
    with testing.Script(then=testing.answer(ROWS)).client() as client:
        yield client


async def workers() -> int:
    """The number of batch workers in this event loop."""
    return sum("WorkerPool._work" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def slower_first(number: int) -> int:
    await asyncio.sleep(0.02 if number == 0 else 0)
    if number == 2:
        raise ValueError("two")
    return number * 10


# -- Outcomes ---------------------------------------------------------------------------


@pytest.mark.anyio
async def test_outcomes_keep_the_order_of_the_inputs(moment: kmoment.AsyncClient) -> None:
    """Outcomes are in the order of the inputs, at any duration. An error is an outcome too."""
    outcomes = await moment.each(slower_first, range(5), concurrency=3).collect()
    assert [outcome.index for outcome in outcomes] == [outcome.input for outcome in outcomes]
    assert [str(outcome.status) for outcome in outcomes] == ["ok", "ok", "failed", "ok", "ok"]
    assert outcomes.values() == [0, 10, 30, 40]


@pytest.mark.anyio
async def test_outcomes_as_they_are_done(moment: kmoment.AsyncClient) -> None:
    """With ``ordered=False`` a slow first input does not delay the others, and none is missing."""
    batch = moment.each(slower_first, range(5), concurrency=3, ordered=False)
    inputs = [outcome.input async for outcome in batch]
    assert sorted(inputs) == [0, 1, 2, 3, 4]
    assert inputs[0] != 0


ATTEMPT = kmoment.AttemptRecord("unsent", "refused", None, 0.1, 0.0)
ENDS: dict[str, tuple[Exception, OutcomeStatus, bool]] = {
    "its own error": (ValueError("x"), OutcomeStatus.FAILED, False),
    "final": (kmoment.BadRequestError("x", {"request_sent": True}), OutcomeStatus.FAILED, False),
    "transient": (kmoment.ServerError("x", {"request_sent": True}), OutcomeStatus.FAILED, True),
    "unreached": (
        kmoment.APIConnectionError("x", {"request_sent": False, "attempts": (ATTEMPT,)}),
        OutcomeStatus.FAILED,
        True,
    ),
    "in doubt": (kmoment.OutcomeUnknownError("x"), OutcomeStatus.UNKNOWN, False),
    "breaker": (
        kmoment.QuotaExceededError("x", {"request_sent": False}),
        OutcomeStatus.NOT_ATTEMPTED,
        True,
    ),
    "no time left": (
        kmoment.DeadlineExceededError("x", {"request_sent": False, "attempts": (ATTEMPT,)}),
        OutcomeStatus.NOT_ATTEMPTED,
        True,
    ),
    "closed": (kmoment.ClientClosedError("x"), OutcomeStatus.NOT_ATTEMPTED, True),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", ENDS)
async def test_an_error_has_its_status(moment: kmoment.AsyncClient, name: str) -> None:
    """An error's facts decide the outcome's status, and whether the input is retryable."""
    error, status, again = ENDS[name]

    async def fail(_: int) -> None:
        raise error

    outcomes = await moment.each(fail, [7]).collect()
    assert outcomes[0].status is status
    assert outcomes.retryable() == [7] * again
    with pytest.raises(type(error)):
        outcomes[0].result()


@pytest.mark.anyio
async def test_failures_can_be_raised_together(moment: kmoment.AsyncClient) -> None:
    """``raise_if_failed`` raises all errors with their inputs, or nothing if all succeeded."""
    outcomes = await moment.each(slower_first, range(4)).collect()
    with pytest.raises(ExceptionGroup, match="1 of 4"):
        outcomes.raise_if_failed()
    with pytest.raises(ExceptionGroup) as caught:  # a second call must not add a second note
        outcomes.raise_if_failed()
    (error,) = caught.value.exceptions
    assert error.__notes__ == ["input 2: 2"]
    good = await moment.each(slower_first, [1]).collect()
    assert good.raise_if_failed() is good
    assert repr(outcomes) == "<Outcomes: 3 ok, 1 failed>"
    assert pickle.loads(pickle.dumps(good)) == good


@pytest.mark.parametrize(
    ("argument", "given"),
    [("concurrency", {"concurrency": 0}), ("inputs", {"inputs": 3}), ("inputs", {"inputs": "abc"})],
)
@pytest.mark.anyio
async def test_arguments_are_checked(
    moment: kmoment.AsyncClient, blocking: kmoment.Client, argument: str, given: dict[str, Any]
) -> None:
    """Bad arguments are refused by name. Text is not accepted as a collection of inputs."""
    call = {"inputs": ["a"]} | given
    for client in (moment, blocking):
        with pytest.raises(kmoment.InvalidArgumentError, match=argument):
            client.each(client.locations.depth3, **call)  # type: ignore[arg-type]


# -- Laziness and memory ----------------------------------------------------------------


@pytest.mark.anyio
async def test_inputs_are_pulled_as_there_is_room(moment: kmoment.AsyncClient) -> None:
    """Few inputs are taken ahead of the reader, so a slow reader bounds what is taken."""
    pulled = count()

    async def quick(_: int) -> None: ...

    batch = moment.each(quick, (next(pulled) for _ in range(10**9)), concurrency=4)
    async with batch:
        await anext(batch)
        await asyncio.sleep(0.02)
    assert next(pulled) <= 4 * 4 + 1


@pytest.mark.anyio
async def test_at_most_so_many_at_once(moment: kmoment.AsyncClient) -> None:
    """Exactly *concurrency* jobs run at once, and never more."""
    running, most = 0, 0

    async def job(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    await moment.each(job, range(50), concurrency=7).collect()
    assert most == 7


def peak(inputs: int) -> int:
    """The peak of memory in bytes while a batch of *inputs* inputs runs."""

    async def job(number: int) -> bytes:
        return bytes(1000)

    async def run() -> None:
        async with kmoment.AsyncClient(TOKEN, base_url="http://127.0.0.1") as client:
            async for _ in client.each(job, iter(range(inputs)), concurrency=32, ordered=False):
                pass

    gc.collect()
    tracemalloc.start()
    with asyncio.Runner(debug=False) as runner:
        runner.run(run())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_stays_flat() -> None:
    """Memory does not grow with the number of inputs: 10,000 (``BATCH=100000``) need as 1,000."""
    many = int(os.environ.get("BATCH", "10000"))
    assert peak(many) < peak(1_000) + 100_000


@pytest.mark.anyio
async def test_an_async_source(moment: kmoment.AsyncClient) -> None:
    """Inputs may come from an async generator, which is asked for one item at a time."""

    async def source() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number * 3

    outcomes = await moment.each(slower_first, source(), concurrency=8).collect()
    assert [outcome.input for outcome in outcomes] == [0, 3, 6]


@pytest.mark.anyio
async def test_a_source_that_fails_loses_nothing(moment: kmoment.AsyncClient) -> None:
    """If the source raises, all inputs before the error still get their outcomes."""

    def source() -> Iterator[int]:
        yield from (0, 1)
        raise OSError("the file ends here")

    batch = moment.each(slower_first, source(), concurrency=8)
    with pytest.raises(OSError, match="ends here"):
        await batch.collect()
    assert batch.collected.values() == [0, 10]


# -- Stopping ---------------------------------------------------------------------------


@pytest.mark.anyio
async def test_leaving_the_loop_stops_the_work(moment: kmoment.AsyncClient) -> None:
    """A ``break`` out of the loop stops all workers, without an explicit close."""
    async for _ in moment.each(slower_first, count(3), concurrency=8):
        break
    await asyncio.sleep(0.01)
    assert await workers() == 0


@pytest.mark.anyio
async def test_a_quarter_million_cancelled_midway(moment: kmoment.AsyncClient) -> None:
    """Cancelling a batch stops all workers and keeps its outcomes, without gap or repeat."""
    batch = moment.each(slower_first, iter(range(3, 250_000)), concurrency=64)
    task = asyncio.create_task(batch.collect())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await workers() == 0
    collected = batch.collected
    assert 0 < len(collected) < 250_000
    assert sorted(outcome.index for outcome in collected) == list(range(len(collected)))
    stopped = [outcome for outcome in collected if not outcome.ok]
    assert {outcome.status for outcome in stopped} <= {OutcomeStatus.NOT_ATTEMPTED}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "status"), [("get", OutcomeStatus.NOT_ATTEMPTED), ("delete", OutcomeStatus.UNKNOWN)]
)
async def test_a_stopped_call_says_what_it_may_have_done(
    server: FaultServer, name: str, status: OutcomeStatus
) -> None:
    """A write that was stopped after it was sent is unknown. A stopped read can run again."""
    server.script(Silence(5.0))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:
        batch = client.each(getattr(client.account(1).audiences, name), [8], concurrency=1)
        task = asyncio.create_task(batch.collect())
        while not server.requests:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (outcome,) = batch.collected
    assert outcome.status is status
    assert batch.collected.retryable() == [8] * (status is OutcomeStatus.NOT_ATTEMPTED)


@pytest.mark.anyio
async def test_a_batch_that_was_never_begun_closes(moment: kmoment.AsyncClient) -> None:
    """A batch that was never iterated can be closed, and has run nothing."""
    batch = moment.each(slower_first, [1])
    await batch.aclose()
    assert batch.rest == []
    assert batch.progress.done == 0


# -- Progress ---------------------------------------------------------------------------


def test_the_rest_is_collected_in_order(blocking: kmoment.Client) -> None:
    """Who has taken some outcomes and then collects gets the others in the order of the inputs."""
    batch = blocking.locations.depth3_each(["a", "b", "c", "d", "e"])
    assert next(batch).index == 0
    assert [outcome.index for outcome in batch.collect()] == [1, 2, 3, 4]


def test_what_is_not_ordered_is_collected_as_it_comes(blocking: kmoment.Client) -> None:
    """With ``ordered=False`` outcomes are in the order in which they came, also if collected."""

    others = threading.Semaphore(0)

    def slow_if_first(number: int) -> None:
        for _ in range(3 if number == 0 else 0):
            assert others.acquire(timeout=30)
        others.release()

    batch = blocking.each(slow_if_first, range(4), concurrency=2, ordered=False)
    # The first may end before the last is reported, which has let it go on.
    assert [it.index for it in batch.collect().raise_if_failed()[:2]] == [1, 2]


@pytest.mark.anyio
async def test_progress_is_told(moment: kmoment.AsyncClient) -> None:
    """The callback gets done, failed, total and rate once for each outcome, as it is handed on:
    in order to a loop, and as it is done where all are collected."""

    def batch() -> AsyncBatch[int, int]:
        return moment.each(slower_first, range(4), on_progress=told.append)

    told: list[kmoment.Progress] = []
    assert [outcome.index async for outcome in batch()] == [0, 1, 2, 3]
    assert [(it.done, it.failed, it.total) for it in told[:3]] == [(1, 0, 4), (2, 0, 4), (3, 1, 4)]
    assert [outcome.index for outcome in await batch().collect()] == [0, 1, 2, 3]
    assert [(it.done, it.failed) for it in told[4:]] == [(1, 0), (2, 1), (3, 1), (4, 1)]
    assert all(it.rate > 0 for it in told)


@pytest.mark.parametrize("finite", [True, False])
@pytest.mark.parametrize("deadline", [0.6, 1.6, 100.0, None])
def test_every_input_has_its_outcome_where_jobs_pause(finite: bool, deadline: float | None) -> None:
    """However many jobs pause, go on or are stopped at one moment, the batch ends, and each input
    that was pulled has its outcome: of finite inputs all."""

    async def job(number: int) -> int:
        with pausing():
            await asyncio.sleep(1 + 20 * (number % 3 == 0))
        await asyncio.sleep(0.1 * (number % 2))
        return number

    async def work() -> list[int]:
        pool = WorkerPool(
            job,
            range(30) if finite else iter(range(30)),
            workers=2,
            ordered=False,
            deadline=deadline,
            finite=finite,
            spare=True,
        )
        found = [outcome.index async for outcome in pool.outcomes()]
        assert len(found) == pool.pulled
        return sorted(found)

    found = run(work())
    assert found == list(range(30 if finite or deadline in (100, None) else len(found)))


def test_the_inputs_do_not_run_in_the_context_of_a_job_that_pauses() -> None:
    """An async source is asked outside of jobs, also by a worker that takes another's place."""

    async def inputs() -> AsyncIterator[int]:
        for number in range(12):
            assert CURRENT.get() is None
            yield number

    async def job(_: int) -> None:
        with pausing():
            await asyncio.sleep(5)

    async def work() -> int:
        pool = WorkerPool(job, inputs(), workers=2, ordered=False, spare=True)
        return sum([1 async for outcome in pool.outcomes() if outcome.ok])

    assert run(work()) == 12


@pytest.mark.parametrize("workers", [2, 4])
def test_a_slow_input_does_not_hold_up_a_batch_that_is_collected(workers: int) -> None:
    """While the first of 1,000 inputs takes a minute, the others are done. All outcomes come in
    the order of the inputs."""
    done = 0

    async def job(number: int) -> None:
        nonlocal done
        await asyncio.sleep(0 if number else 60)
        assert done == 999 or number
        done += 1

    async def work() -> list[int]:
        async with kmoment.AsyncClient(TOKEN) as client:
            batch = client.each(job, range(1000), concurrency=workers)
            return [outcome.index for outcome in (await batch.collect()).raise_if_failed()]

    assert run(work()) == list(range(1000))


@pytest.mark.anyio
async def test_a_progress_callback_that_fails_harms_nothing(
    moment: kmoment.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in the progress callback is logged, and the batch goes on."""
    outcomes = await moment.each(slower_first, [1], on_progress=lambda it: 1 / 0).collect()
    assert outcomes.values() == [10]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


class AsyncListener:
    """An object that is called, and is async."""

    def __init__(self) -> None:
        self.told: list[int] = []

    async def __call__(self, progress: kmoment.Progress) -> None:
        await asyncio.sleep(0.001)
        self.told.append(progress.done)

    async def method(self, progress: kmoment.Progress, *_: object) -> None:
        await self(progress)


def async_listeners(listener: AsyncListener) -> list[Any]:
    """Every kind of callback that is recognisably async."""
    return [
        listener,
        listener.method,
        partial(listener.method),
        partial(partial(listener)),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", range(5))
async def test_an_async_progress_callback_is_awaited(
    moment: kmoment.AsyncClient, kind: int
) -> None:
    """It is awaited for each outcome before the outcome is handed on."""
    listener = AsyncListener()
    given = [*async_listeners(listener), lambda progress: listener(progress)][kind]
    outcomes: list[int] = []
    async for outcome in moment.each(slower_first, range(3), on_progress=given):
        outcomes.append(outcome.index)
        assert listener.told[-1] == len(outcomes)
    await moment.each_account([1, 2], lambda account: nothing(), on_progress=given).collect()
    assert listener.told == [1, 2, 3, 1, 2]


async def nothing() -> None:
    pass


@pytest.mark.anyio
async def test_places_await_the_progress_callback() -> None:
    """``depth2_each`` and ``depth3_each`` await an async callback too."""
    listener = AsyncListener()
    async with testing.Script(then=testing.answer(ROWS)).async_client() as client:
        await client.locations.depth2_each(["a"], on_progress=listener).collect()
        await client.locations.depth3_each(["a"], on_progress=listener).collect()
    assert listener.told == [1, 1]


@pytest.mark.anyio
async def test_an_async_progress_callback_that_fails_harms_nothing(
    moment: kmoment.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged, and the batch goes on."""

    async def fail(progress: kmoment.Progress) -> None:
        raise ValueError

    outcomes = await moment.each(slower_first, [1], on_progress=fail).collect()
    assert outcomes.values() == [10]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.anyio
@pytest.mark.parametrize("ordered", [True, False])
async def test_stopping_in_an_async_callback_loses_nothing(
    moment: kmoment.AsyncClient, ordered: bool
) -> None:
    """An outcome whose callback was cancelled comes next, or is in ``rest``."""

    async def hang(progress: kmoment.Progress) -> None:
        await asyncio.sleep(0 if progress.done == 1 else 60)

    batch = moment.each(one_less, range(5), concurrency=1, ordered=ordered, on_progress=hang)
    assert (await anext(batch)).index == 0
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(batch)
        assert (await anext(batch)).index == batch.progress.done - 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(batch)
    await batch.aclose()
    assert [outcome.index for outcome in batch.rest][:1] == [3]
    assert [outcome.index for outcome in await batch.collect()][:1] == [3]


async def one_less(number: int) -> int:
    return number - 1


@pytest.mark.parametrize("kind", range(4))
def test_blocking_code_refuses_an_async_progress_callback(
    blocking: kmoment.Client, kind: int
) -> None:
    """One clear error, before anything is sent."""
    given = async_listeners(AsyncListener())[kind]
    for begin in (
        lambda: blocking.each(int, [1], on_progress=given),
        lambda: blocking.each_account([1], lambda _: 1, on_progress=given),
        lambda: blocking.locations.depth2_each(["a"], on_progress=given),
        lambda: blocking.locations.depth3_each(["a"], on_progress=given),
        lambda: blocking.locations.tree(on_progress=given),
    ):
        with pytest.raises(kmoment.InvalidArgumentError, match="on_progress must not be async"):
            begin()


@pytest.mark.anyio
async def test_a_progress_callback_is_callable(
    blocking: kmoment.Client, moment: kmoment.AsyncClient
) -> None:
    """Anything else is refused by both clients."""
    wrong: Any = "bar"
    for begin in (blocking.locations.depth2_each, moment.locations.depth2_each):
        with pytest.raises(kmoment.InvalidArgumentError, match="on_progress must be a function"):
            begin(["a"], on_progress=wrong)


def test_an_awaitable_from_a_progress_callback_of_blocking_code(
    blocking: kmoment.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """It is closed, so that Python does not warn about it, and the log says so once."""
    listener = AsyncListener()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = blocking.locations.depth3_each(list("abc"), on_progress=lambda it: listener(it))
        assert len(list(batch)) == 3
        gc.collect()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "does not await" in caplog.text
    future: Any = Awaitable()
    blocking.locations.depth3_each(["a"], on_progress=lambda it: future).collect()
    assert len(caplog.records) == 2


class Awaitable:
    """It cannot be closed."""

    def __await__(self) -> Iterator[None]:
        yield


def test_stopping_in_the_callback_of_blocking_code_loses_nothing(
    blocking: kmoment.Client,
) -> None:
    """An outcome whose callback was stopped comes next, or is in ``rest``."""

    def stop(progress: kmoment.Progress) -> None:
        if progress.done != 2:
            raise KeyboardInterrupt

    batch = blocking.locations.depth3_each(list("abc"), on_progress=stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            next(batch)
        if batch.progress.done == 1:
            assert [next(batch).index, next(batch).index] == [0, 1]
    batch.close()
    assert [outcome.index for outcome in batch.rest] == [2]
    assert [outcome.index for outcome in batch.collect()] == [2]


@pytest.mark.parametrize("method", ["depth3", "function"])
def test_a_progress_callback_of_blocking_code_runs_on_its_thread(
    blocking: kmoment.Client, method: str
) -> None:
    """It may use what belongs to that thread, whoever runs the calls."""
    threads = set[threading.Thread]()

    def listener(progress: kmoment.Progress) -> None:
        threads.add(threading.current_thread())

    depth3 = blocking.locations.depth3
    job = depth3 if method == "depth3" else lambda it: depth3(it)
    blocking.each(job, list("abc"), on_progress=listener).collect()
    list(blocking.each(job, list("abc"), on_progress=listener))
    assert threads == {threading.current_thread()}


def test_a_bar_in_the_terminal(
    blocking: kmoment.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """``progress_bar`` shows the progress with rich."""
    pytest.importorskip("rich")
    with progress_bar("places") as bar:
        blocking.locations.depth3_each(["a", "b"], on_progress=bar).collect()
    assert "places" in capsys.readouterr().out


# -- Both clients against the sandbox ---------------------------------------------------


@pytest.mark.anyio
async def test_many_accounts_share_one_client(sandbox: Sandbox) -> None:
    """An account without permission is a failed outcome, and the other accounts still run."""

    async def names(account: kmoment.AsyncAccount) -> int:
        return len(await account.audiences.list())

    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
        outcomes = await client.each_account([1234, 77, 0], names).collect()
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        kmoment.PermissionDeniedError,
        kmoment.InvalidArgumentError,
    ]


def test_many_accounts_in_blocking_code(sandbox: Sandbox) -> None:
    """The sync client runs a blocking job on another thread, where it can make several calls."""

    def names(account: kmoment.Account) -> tuple[int, str]:
        account.targeting.cohorts()
        return len(account.audiences.list()), threading.current_thread().name

    with kmoment.Client(sandbox.token, base_url=sandbox.url) as client:
        good, bad = client.each_account([1234, 77], names, concurrency=2).collect()
    assert good.result()[1] != threading.current_thread().name
    assert isinstance(bad.error, kmoment.PermissionDeniedError)


@pytest.mark.parametrize("name", ["depth2_each", "depth3_each"])
def test_many_keywords(sandbox: Sandbox, name: str) -> None:
    """Each keyword has one outcome, also a refused one, and both clients give the same."""
    keywords = ["강남", "", "중구", "없는곳"]

    async def look_up() -> Any:
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            return await getattr(client.locations, name)(keywords, concurrency=2).collect()

    outcomes = asyncio.run(look_up())
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as blocking:
        again = list(getattr(blocking.locations, name)(iter(keywords), concurrency=2))
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    assert [outcome.value for outcome in outcomes] == [outcome.value for outcome in again]


# -- Blocking code ----------------------------------------------------------------------


def test_inputs_are_pulled_on_the_callers_thread(blocking: kmoment.Client) -> None:
    """Inputs are taken on the caller's thread, as a database cursor needs, and few ahead."""
    threads: set[str] = set()
    pulled = count()

    def source() -> Iterator[str]:
        for number in pulled:
            threads.add(threading.current_thread().name)
            yield str(number)

    batch = blocking.locations.depth3_each(source(), concurrency=4)
    for outcome in batch:
        if outcome.index == 50:
            break
    assert threads == {threading.current_thread().name}
    batch.close()
    begun = 51 + len(batch.rest)
    assert begun == next(pulled)
    assert begun < 51 + 300


@pytest.mark.anyio
async def test_a_blocking_batch_in_a_running_loop_warns(blocking: kmoment.Client) -> None:
    """A sync batch inside a running event loop works, and warns once what to use instead."""
    with pytest.warns(RuntimeWarning, match="AsyncBatch.__next__") as heard:
        first = list(blocking.locations.depth3_each(["a", "b"]))
    again = blocking.locations.depth3_each(["a", "b"]).collect()
    assert len(first) == len(again) == 2
    assert [warning.filename for warning in heard] == [__file__]


def test_a_blocking_batch_closes_by_itself(blocking: kmoment.Client) -> None:
    """Leaving the ``with`` block stops the batch. ``rest`` has the inputs that were begun."""
    with blocking.locations.depth3_each(map(str, count()), concurrency=4) as batch:
        assert next(batch).ok
    assert batch.progress.done == 1
    assert [outcome.index for outcome in batch.rest] == list(range(1, 1 + len(batch.rest)))
    assert list(batch) == []


def test_a_blocking_source_that_fails_loses_nothing(blocking: kmoment.Client) -> None:
    """If the source raises, all inputs before the error still get their outcomes."""

    def source() -> Iterator[str]:
        yield "논현"
        raise OSError("the file ends here")

    batch = blocking.locations.depth3_each(source())
    with pytest.raises(OSError, match="ends here"):
        batch.collect()
    assert len(batch.collected.values()) == 1


@pytest.mark.parametrize("close", [lambda batch: batch.close(), lambda batch: None])
def test_a_dropped_batch_stops(blocking: kmoment.Client, close: Callable[[Any], None]) -> None:
    """A batch that is closed, or only dropped, leaves no worker on the client's loop."""
    batch = blocking.locations.depth3_each(map(str, count()), concurrency=4)
    assert next(batch).ok
    assert blocking._sender.open().call(workers) == 4
    close(batch)
    del batch
    assert blocking._sender.open().call(workers) == 0


def interrupt_when(ready: threading.Event) -> None:
    """Send a Ctrl-C to the main thread 0.05 seconds after *ready* is set."""

    def wait() -> None:
        ready.wait(5)
        time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_a_stopped_job_makes_no_more_calls(sandbox: Sandbox) -> None:
    """When a job is stopped, its call under way is cancelled and its next call is refused."""
    began, ended, errors = threading.Event(), threading.Event(), list[Exception]()

    def job(account: kmoment.Account) -> None:
        began.set()
        for _ in range(2):
            try:
                account.audiences.list()
            except kmoment.ClientClosedError as error:
                errors.append(error)
        ended.set()

    with kmoment.Client(sandbox.token, base_url=sandbox.url, periods={"audiences": 30}) as client:
        client.account(1234).audiences.list()  # the limiter now holds calls for 30 s
        batch = client.each_account([1234], job)
        interrupt_when(began)
        with pytest.raises(KeyboardInterrupt):
            batch.collect()
        assert ended.wait(5)
    assert ["stopped" in str(error) or "closed" in str(error) for error in errors] == [True, True]
    assert [outcome.status for outcome in batch.collected] == [OutcomeStatus.NOT_ATTEMPTED]


# -- What a job has written -------------------------------------------------------------

MADE = testing.answer({"id": 7, "name": "n", "type": "DISPLAY"})


@pytest.mark.anyio
async def test_a_job_that_failed_after_a_write_is_not_offered_again() -> None:
    """A job that fails after its create succeeded is unknown, and is not retryable."""

    async def job(account: kmoment.AsyncAccount) -> None:
        await account.audiences.create(DRAFT)
        await account.audiences.list()

    script = testing.Script(testing.answer([]), MADE, then=testing.broken())
    async with script.async_client() as moment:
        outcomes = await moment.each_account([1], job).collect()
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.UNKNOWN]
    assert isinstance(outcomes[0].error, kmoment.ServerError)
    assert outcomes.retryable() == []


def test_the_same_on_a_thread_and_in_a_batch_within_a_batch() -> None:
    """A write in a batch within a job, on another thread, counts as a write of that job."""

    script = testing.Script(testing.answer([]), MADE, then=testing.broken())
    with script.client() as client:

        def job(account: kmoment.Account) -> None:
            for outcome in client.each(account.audiences.create, [DRAFT]):
                outcome.result()
            account.audiences.list()

        outcomes = client.each_account([1], job).collect()
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.UNKNOWN]


@pytest.mark.anyio
async def test_a_job_that_failed_before_a_write_is_offered_again() -> None:
    """A job whose create was never sent is failed, and is retryable."""

    async def job(account: kmoment.AsyncAccount) -> None:
        await account.audiences.create(DRAFT)

    script = testing.Script(testing.answer([]), then=testing.unreachable())
    async with script.async_client() as moment:
        outcomes = await moment.each_account([1], job).collect()
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.FAILED]
    assert outcomes.retryable() == [1]


@pytest.mark.anyio
async def test_a_bulk_delete_stopped_in_its_look_is_unknown(server: FaultServer) -> None:
    """A bulk delete that was answered, and then cancelled during its check, is unknown."""
    server.script(
        Answer(200, b"[]"), Answer(200, b'{"successCount":0,"failCount":1}'), Silence(5.0)
    )
    async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:
        batch = client.each(client.account(1).audiences.delete_many, [[1]])
        task = asyncio.create_task(batch.collect())
        while len(server.requests) < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [outcome.status for outcome in batch.collected] == [OutcomeStatus.UNKNOWN]


# -- Jobs and readers that misbehave ----------------------------------------------------


class CrashError(BaseException):
    """It is not an ``Exception``, so it must not become an outcome."""


@pytest.mark.anyio
async def test_a_batch_that_is_cancelled_twice(moment: kmoment.AsyncClient) -> None:
    """Every input has its outcome also if the batch is cancelled again while its jobs end."""
    ending = asyncio.Event()

    async def job(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.Event().wait()

    batch = moment.each(job, range(3), concurrency=3)
    task = asyncio.create_task(batch.collect())
    await asyncio.sleep(0.01)
    task.cancel()
    await ending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [outcome.input for outcome in batch.collected] == [0, 1, 2]


@pytest.mark.anyio
async def test_a_job_that_cancels_itself_ends_alone(moment: kmoment.AsyncClient) -> None:
    """A CancelledError that a job raises is that job's outcome, and later inputs still run."""

    async def job(number: int) -> int:
        if number == 0:
            raise asyncio.CancelledError
        return number

    outcomes = await moment.each(job, range(5), concurrency=1).collect()
    assert [outcome.ok for outcome in outcomes] == [False, True, True, True, True]


@pytest.mark.anyio
@pytest.mark.parametrize("ordered", [True, False])
async def test_a_crash_comes_out(moment: kmoment.AsyncClient, ordered: bool) -> None:
    """An error that is not an ``Exception`` ends the batch and is raised. All workers stop."""

    async def job(number: int) -> None:
        await asyncio.sleep(0)
        if number == 0:
            raise CrashError

    with pytest.raises(CrashError):
        await moment.each(job, range(50), concurrency=2, ordered=ordered).collect()
    assert await workers() == 0


@pytest.mark.anyio
async def test_stopping_in_the_callback_loses_nothing(moment: kmoment.AsyncClient) -> None:
    """A Ctrl-C in the progress callback loses no outcome that was already there."""

    def stop(progress: kmoment.Progress) -> None:
        if progress.done == 3:
            raise CrashError

    batch = moment.each(slower_first, range(3, 50), on_progress=stop)
    with pytest.raises(CrashError):
        await batch.collect()
    indices = [outcome.index for outcome in batch.collected]
    assert indices == list(range(len(indices)))
    assert await batch.collect() is batch.collected
    assert [outcome.index for outcome in batch.collected] == indices


def test_stopping_while_inputs_are_pulled_loses_nothing(blocking: kmoment.Client) -> None:
    """A Ctrl-C in the source loses no input that it gave before: each has an outcome."""

    def source() -> Iterator[str]:
        yield from "abcde"
        raise KeyboardInterrupt

    batch = blocking.locations.depth3_each(source())
    with pytest.raises(KeyboardInterrupt):
        batch.collect()
    assert sorted(outcome.input for outcome in batch.collected) == list("abcde")


def test_slow_inputs_are_not_waited_for_in_numbers(blocking: kmoment.Client) -> None:
    """With slow inputs the first outcome comes before there is an input for every worker."""
    pulled = count()

    def source() -> Iterator[str]:
        for _ in range(32):
            time.sleep(0.02)
            yield str(next(pulled))

    with blocking.locations.depth3_each(source(), concurrency=16) as batch:
        assert next(batch).ok
    assert next(pulled) < 16


# -- Whose method it is -----------------------------------------------------------------


def test_a_batch_runs_the_method_it_was_given() -> None:
    """With the options of its view, not of the client that runs the batch."""
    script = testing.Script(then=testing.broken())
    with script.client() as moment:
        once = moment.with_options(max_attempts=1)
        outcomes = moment.each(once.locations.depth2, ["a", "b"], concurrency=1).collect()
    assert len(script.requests) == 2
    assert [len(outcome.error.attempts) for outcome in outcomes if outcome.error] == [1, 1]  # type: ignore[attr-defined]


def test_a_method_of_another_client_is_that_clients() -> None:
    """Its requests go to its own server, over its own pool."""
    here, there = testing.Script(), testing.Script(then=testing.answer([]))
    with here.client() as moment, there.client() as other:
        outcomes = moment.each(other.locations.depth2, ["a", "b"]).collect()
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.OK] * 2
    assert (len(here.requests), len(there.requests)) == (0, 2)


def test_a_method_keeps_its_account() -> None:
    """A batch of one client over another account's method."""
    script = testing.Script(then=testing.answer([]))
    with script.client() as moment:
        moment.each(moment.account(7).audiences.ad_groups, [1, 2]).collect()
    assert {request.headers["adAccountId"] for request in script.requests} == {"7"}


# -- Stopped ----------------------------------------------------------------------------


@pytest.mark.parametrize("own_function", [False, True], ids=["method", "function"])
def test_no_request_that_has_left_is_called_not_attempted(own_function: bool) -> None:
    """Whatever stops the batch, each id whose delete was sent is unknown or done."""
    sent: set[int] = set()
    with (
        Sandbox(accounts=(1234,)) as sandbox,
        kmoment.Client(
            sandbox.token, base_url=sandbox.url, routes="nested", reconcile_delays=()
        ) as moment,
    ):
        audiences = moment.account(1234).audiences
        ids = [audiences.create(kmoment.AudienceDraft.display(f"x{n}")).id for n in range(24)]
        sandbox.add_fault(Fault("audiences.delete", "delay", delay=0.2))
        job = (lambda ident: audiences.delete(ident)) if own_function else audiences.delete
        batch = moment.each(job, ids, concurrency=8, ordered=False)
        handed_on = [next(batch)]
        batch.close()
        time.sleep(0.5)
        left = [entry["path"] for entry in sandbox.requests() if entry["method"] == "DELETE"]
        sent = {int(path.rpartition("/")[2]) for path in left}
    known = {outcome.input: outcome.status for outcome in [*handed_on, *batch.rest]}
    assert len(sent) >= 8
    for ident in sent:
        assert known[ident] in (OutcomeStatus.OK, OutcomeStatus.UNKNOWN), known[ident]
    assert not sent & set(batch.rest.retryable())


def test_accounts_that_a_used_up_quota_stopped_are_offered_again() -> None:
    """Those whose request was refused, and those that were not sent at all."""
    quota = testing.quota_exceeded()
    script = testing.Script(*[testing.answer([])] * 22, then=quota)
    with script.client() as moment:
        ids = list(range(1, 31))
        outcomes = moment.each_account(ids, lambda account: account.audiences.list()).collect()
    done = {outcome.input for outcome in outcomes if outcome.ok}
    assert set(outcomes.retryable()) == set(ids) - done
    assert len(done) == 22


def test_a_function_that_is_stopped_between_its_calls_is_left() -> None:
    """Its thread goes on by itself, and its next call is refused."""
    refused: list[Exception] = []
    going_on = threading.Event()
    with testing.Script(then=testing.answer([])).client() as moment:

        def job(number: int) -> int:
            if number:
                going_on.wait(5)
                try:
                    moment.locations.depth1()
                except kmoment.ClientClosedError as error:
                    refused.append(error)
            return number

        batch = moment.each(job, [0, 1], concurrency=2, ordered=False)
        next(batch)
        batch.close()
        going_on.set()
        until = time.monotonic() + 5
        while not refused and time.monotonic() < until:
            time.sleep(0.01)
    assert len(refused) == 1
    assert [outcome.status for outcome in batch.rest] == [OutcomeStatus.NOT_ATTEMPTED]


def test_inputs_on_their_way_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C right after inputs have reached the loop does not list them twice."""
    script = testing.Script(then=testing.answer([]))
    with script.client() as moment:
        thread = moment._sender.open()
        call, calls = thread.call, [0]

        def interrupted(function: Any, *args: Any, **kwargs: Any) -> Any:
            found = call(function, *args, **kwargs)
            calls[0] += function.__name__ == "give"
            if function.__name__ == "give" and calls[0] == 2:
                raise KeyboardInterrupt
            return found

        monkeypatch.setattr(thread, "call", interrupted)
        batch = moment.locations.depth2_each((f"k{n}" for n in range(50)), concurrency=2)
        with pytest.raises(KeyboardInterrupt):
            batch.collect()
    told = [outcome.input for outcome in batch.collected]
    assert len(told) == len(set(told)) > 0


# -- A deadline of the batch ------------------------------------------------------------


def under_one_a_second(**settings: Any) -> kmoment.AsyncClient:
    client = kmoment.AsyncClient(TOKEN, periods={"targeting.cohorts": 1.0}, **settings)
    limited(client, LimitedHost(Limit))
    return client


def test_a_batch_s_deadline_ends_it() -> None:
    """Of 100 calls at one a second, a deadline of 20 s lets 20 end; the others say that they were
    not sent, also those that were not begun."""

    async def work() -> float:
        client = under_one_a_second()
        call = client.account(1).targeting.cohorts
        batch = client.each(lambda _: call(), range(100), concurrency=10, deadline=20)
        outcomes = await batch.collect()
        fine = [outcome for outcome in outcomes if outcome.status is OutcomeStatus.OK]
        others = {outcome.status for outcome in outcomes if outcome not in fine}
        assert (len(outcomes), len(fine)) == (100, 20)
        assert others == {OutcomeStatus.NOT_ATTEMPTED}
        return asyncio.get_running_loop().time()

    assert run(work()) == pytest.approx(20, abs=0.1)


def test_without_a_deadline_a_batch_takes_its_time() -> None:
    """A batch of 200 calls at one a second ends after 200 s, though a call has only 3 s."""

    async def work() -> int:
        client = under_one_a_second(deadline=3)
        call = client.account(1).targeting.cohorts
        outcomes = await client.each(lambda _: call(), range(200), concurrency=50).collect()
        return len(outcomes.values())

    assert run(work()) == 200


@pytest.mark.anyio
async def test_a_timeout_of_the_job_itself_is_its_own() -> None:
    """A TimeoutError that the job raises is its outcome, also where the batch has a deadline."""

    async def slow(_: int) -> None:
        raise TimeoutError("mine")

    client = kmoment.AsyncClient(TOKEN)
    (outcome,) = await client.each(slow, [1], deadline=30).collect()
    assert str(outcome.error) == "mine"
