"""Batches with a journal: run again, only what is left is done, and no write is done twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kmoment
from helpers import TOKEN, journal_worker
from helpers.journal_worker import NAME, RUN
from kmoment._engine.job_tracker import report_write
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

ACCOUNTS = tuple(range(1234, 1240))


@pytest.fixture
def place() -> Iterator[Sandbox]:
    """A sandbox with some accounts, for one test."""
    with Sandbox(accounts=ACCOUNTS, quota=False) as sandbox:
        yield sandbox


@pytest.fixture
def moment(place: Sandbox) -> Iterator[kmoment.Client]:
    with kmoment.Client(place.token, base_url=place.url) as client:
        yield client


@pytest.fixture
async def async_moment(place: Sandbox) -> AsyncIterator[kmoment.AsyncClient]:
    async with kmoment.AsyncClient(place.token, base_url=place.url) as client:
        yield client


@pytest.fixture
def journal(tmp_path: Path) -> kmoment.Journal:
    return kmoment.Journal(tmp_path / "a.journal", run=RUN)


def statuses(outcomes: "kmoment.Outcomes[Any, Any]") -> list[str]:
    return [str(outcome.status) for outcome in outcomes]


class Jobs:
    """A job that keeps its inputs, and fails as it was told to."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.errors: dict[int, Exception] = {}

    async def on_loop(self, given: int) -> int:
        return self(given)

    def __call__(self, given: int) -> int:
        self.done.append(given)
        if given in self.errors:
            raise self.errors[given]
        return given * 10


@pytest.fixture(params=["async", "blocking"])
def each(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """``client.each(...).collect()`` of either client, without a network."""

    async def work(job: Jobs, inputs: Any, how: dict[str, Any]) -> Any:
        async with kmoment.AsyncClient(TOKEN) as client:
            return await client.each(job.on_loop, inputs, **how).collect()

    with kmoment.Client(TOKEN) as blocking:
        if request.param == "blocking":
            yield lambda job, inputs, **how: blocking.each(job, inputs, **how).collect()
        else:
            yield lambda job, inputs, **how: asyncio.run(work(job, inputs, how))


# -- Run again ----------------------------------------------------------------------------


def test_only_what_is_left_is_done(each: Callable[..., Any], journal: kmoment.Journal) -> None:
    """A second run does what failed, and gives the kept values of the rest. Keys may change."""
    job = Jobs()
    job.errors[2] = ValueError("two")
    assert statuses(each(job, [1, 2, 3], journal=journal)) == ["ok", "failed", "ok"]
    job.errors.clear()
    again = each(job, iter([4, 3, 2, 1]), journal=journal)
    assert again.values() == [40, 30, 20, 10]
    assert sorted(job.done) == [1, 2, 2, 3, 4]
    assert journal.summary()["ok"] == 4  # type: ignore[index]


def test_doubts_stay_unless_a_job_is_repeatable(
    each: Callable[..., Any], journal: kmoment.Journal
) -> None:
    """An input whose write was in doubt is unknown again, and is repeated only if it may be."""
    job = Jobs()
    job.errors[1] = kmoment.OutcomeUnknownError("x")
    assert statuses(each(job, [1], journal=journal)) == ["unknown"]
    job.errors.clear()
    (outcome,) = each(job, [1], journal=journal)
    assert (outcome.status, type(outcome.error)) == ("unknown", kmoment.EntryUnknownError)
    assert job.done == [1]
    assert each(job, [1], journal=journal, repeatable=True).values() == [10]


def test_what_another_does_now_is_left(each: Callable[..., Any], journal: kmoment.Journal) -> None:
    """An input that a living process does is not attempted, and is offered for the next run."""
    with journal.begin(2):
        outcomes = each(Jobs(), [1, 2], journal=journal)
    assert statuses(outcomes) == ["ok", "not attempted"]
    assert isinstance(outcomes[1].error, kmoment.EntryBusyError)
    assert outcomes.retryable() == [2]


def test_a_value_that_json_does_not_have(
    each: Callable[..., Any], journal: kmoment.Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """The input is ok with its value. The next run has no value, and the log says so."""

    class Odd(Jobs):
        def __call__(self, given: int) -> Any:
            return {given}

    assert each(Odd(), [1], journal=journal).values() == [{1}]
    assert each(Odd(), [1], journal=journal).values() == [None]
    assert "key '1': its value (set) is not JSON" in caplog.text


async def test_a_job_with_a_journal_of_its_own(journal: kmoment.Journal, tmp_path: Path) -> None:
    """An error of a journal that the job itself uses is the job's error."""
    inner = kmoment.Journal(tmp_path / "inner.journal", run=RUN)
    with inner.begin(1):
        pass

    async def job(given: int) -> int:
        async with inner.begin(given):
            return given

    async with kmoment.AsyncClient(TOKEN) as client:
        (outcome,) = await client.each(job, [1], journal=journal).collect()
    assert (outcome.status, type(outcome.error)) == ("not attempted", kmoment.AlreadyDoneError)
    assert [entry.status for entry in journal.entries()] == ["pending"]


def test_keys_by_a_function(each: Callable[..., Any], journal: kmoment.Journal) -> None:
    """Inputs of any kind have a key by a function of them."""
    rows = [{"name": "a", "id": 1}, {"name": "b", "id": 2}]

    class Rows(Jobs):
        def __call__(self, given: Any) -> Any:
            return super().__call__(given["id"])

    job = Rows()
    for _ in "12":
        outcomes = each(job, rows, journal=journal, key=lambda row: row["name"])
        assert outcomes.values() == [10, 20]
    assert sorted(job.done) == [1, 2]
    assert {entry.key for entry in journal.entries()} == {"a", "b"}


def test_two_inputs_of_one_key(each: Callable[..., Any], journal: kmoment.Journal) -> None:
    """A list with a key twice is refused before anything is done; a stream when it comes."""
    job = Jobs()
    words = "inputs must have keys that differ, not '1' twice"
    with pytest.raises(kmoment.InvalidArgumentError, match=words):
        each(job, [1, 2, 1], journal=journal)
    assert job.done == []
    with pytest.raises(kmoment.InvalidArgumentError, match=words):
        each(job, iter([1, 2, 1]), journal=journal)
    assert sorted(job.done) == [1, 2]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"journal": "a.journal"}, "journal must be a kmoment.Journal, not 'a.journal'"),
        ({"shard": "0/3"}, "shard must be a part such as '3/8'"),
        ({"shard": "4/3"}, "not '4/3'"),
        ({"shard": "x"}, "not 'x'"),
        ({"shard": 3}, "not 3"),
        ({"key": 3}, "key must be a function of an input, not 3"),
        ({"repeatable": True}, "repeatable needs a journal"),
        ({"shard": "1/2", "key": lambda _: 1.5}, "key must be text"),
    ],
)
def test_refused(each: Callable[..., Any], how: dict[str, Any], words: str) -> None:
    """Bad arguments are refused by name before anything is done."""
    job = Jobs()
    with pytest.raises(kmoment.InvalidArgumentError, match=words):
        each(job, [1], **how)
    assert job.done == []


def test_what_are_no_inputs(each: Callable[..., Any], journal: kmoment.Journal) -> None:
    """Inputs that are none are refused as without a journal."""
    for inputs in ("text", 7):
        with pytest.raises(kmoment.InvalidArgumentError, match="inputs must be a collection"):
            each(Jobs(), inputs, journal=journal)


def test_shards(each: Callable[..., Any]) -> None:
    """Each input is in one shard, the same for a list and a stream, with a total that is right."""
    shards = []
    for number in (1, 2, 3):
        seen: list[kmoment.Progress] = []
        how: dict[str, Any] = {"shard": f"{number}/3", "on_progress": seen.append}
        shards.append(each(Jobs(), range(30), **how))
        assert seen[-1].total == len(shards[-1])
        assert each(Jobs(), iter(range(30)), shard=f"{number}/3") == shards[-1]
    inputs = [outcome.input for outcomes in shards for outcome in outcomes]
    assert sorted(inputs) == list(range(30))
    assert inputs[:4] == [0, 6, 8, 9]  # as on every machine, in every version
    assert len(each(Jobs(), range(30), shard="1/1")) == 30


async def test_shards_of_an_async_source(journal: kmoment.Journal) -> None:
    """An async source is dealt as it comes."""

    async def source() -> AsyncIterator[int]:
        for number in range(12):
            yield number

    found: list[int] = []
    async with kmoment.AsyncClient(TOKEN) as client:
        for number in (1, 2):
            batch = client.each(Jobs().on_loop, source(), journal=journal, shard=f"{number}/2")
            found += [outcome.input async for outcome in batch]
    assert sorted(found) == list(range(12))


# -- A journal that cannot be written -----------------------------------------------------


def test_a_journal_that_breaks_stops_the_batch(
    each: Callable[..., Any], journal: kmoment.Journal, tmp_path: Path
) -> None:
    """No job begins without its record: the batch raises, and the rest was not attempted."""

    class Breaks(Jobs):
        def __call__(self, given: int) -> int:
            if given == 3:
                (tmp_path / "a.journal").write_bytes(b"broken")
            return super().__call__(given)

    job = Breaks()
    with pytest.raises(kmoment.JournalStoreError, match="not a database"):
        each(job, range(1, 100), journal=journal, concurrency=1)
    assert job.done == [1, 2, 3]


async def test_what_was_written_without_its_end(journal: kmoment.Journal, tmp_path: Path) -> None:
    """A write whose end cannot be recorded is unknown, in the batch and to the next run."""

    async def job(given: int) -> int:
        report_write()
        (tmp_path / "a.journal").rename(tmp_path / "away")
        (tmp_path / "a.journal").write_bytes(b"broken")
        return given

    async with kmoment.AsyncClient(TOKEN) as client:
        batch = client.each(job, [1], journal=journal)
        with pytest.raises(kmoment.JournalStoreError):
            await batch.collect()
    assert statuses(batch.collected) == ["unknown"]
    (tmp_path / "away").replace(tmp_path / "a.journal")
    assert [entry.status for entry in journal.entries()] == ["begun"]  # by us, and we live


async def test_a_deadline_ends_entries(journal: kmoment.Journal) -> None:
    """What the batch's deadline stops is pending, or unknown after a write."""

    async def job(given: int) -> None:
        if given:
            report_write()
        await asyncio.Event().wait()

    async with kmoment.AsyncClient(TOKEN) as client:
        outcomes = await client.each(job, [0, 1], journal=journal, deadline=0.3).collect()
    assert statuses(outcomes) == ["not attempted", "unknown"]
    assert {entry.key: entry.status for entry in journal.entries()} == {
        "0": "pending",
        "1": "unknown",
    }


# -- Bulk deletes -------------------------------------------------------------------------


def make(moment: kmoment.Client, count: int) -> list[int]:
    audiences = moment.account(1234).audiences
    return [audiences.create(kmoment.AudienceDraft.display(f"old {i}")).id for i in range(count)]


def test_delete_many(moment: kmoment.Client, journal: kmoment.Journal, place: Sandbox) -> None:
    """Deleted ids are not sent again. Failed and new ones are, and those that are busy are left."""
    first, second, third = make(moment, 3)
    audiences = moment.account(1234).audiences
    with journal.begin(second):
        result = audiences.delete_many([first, second, 999, first], journal=journal)
    assert statuses(result.outcomes) == ["ok", "not attempted", "ok", "ok"]
    assert [outcome.index for outcome in result.outcomes] == [0, 1, 2, 3]
    journal.forget(second)
    sent = len(place.requests())
    result = audiences.delete_many([third, second, first, 999], journal=journal)
    values = [str(outcome.value) for outcome in result.outcomes]
    assert values == ["deleted", "deleted", "deleted", "already absent"]
    assert (result.success_count, result.fail_count) == (2, 0)
    deletes = [it for it in place.requests()[sent:] if it["method"] == "DELETE"]
    assert len(deletes) == 1
    sent = len(place.requests())
    again = audiences.delete_many([first, second, third], journal=journal)
    assert statuses(again.outcomes) == ["ok"] * 3
    assert (again.success_count, again.fail_count) == (0, 0)
    assert len(place.requests()) == sent


async def test_a_delete_that_is_stopped(
    async_moment: kmoment.AsyncClient, journal: kmoment.Journal
) -> None:
    """Ids of a bulk delete that is cancelled before it sends are pending, or have no entry."""
    audiences = async_moment.account(1234).audiences
    for turns in range(6):
        task = asyncio.create_task(audiences.delete_many([1, 2], journal=journal))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {entry.status for entry in journal.entries()} <= {"pending"}


async def test_a_delete_without_a_journal_to_write(
    async_moment: kmoment.AsyncClient, tmp_path: Path, place: Sandbox
) -> None:
    """If the entries cannot be written, nothing is sent."""
    (tmp_path / "a.journal").write_bytes(b"no journal")
    broken = kmoment.Journal(tmp_path / "a.journal", run=RUN)
    with pytest.raises(kmoment.JournalStoreError):
        await async_moment.account(1234).audiences.delete_many([1], journal=broken)
    assert place.requests() == []


async def test_delete_many_that_fails(
    async_moment: kmoment.AsyncClient, journal: kmoment.Journal, place: Sandbox
) -> None:
    """Where every request was refused, no id is recorded as deleted."""
    body = {"code": -813, "msg": "KakaoMomentException", "extras": {"detailCode": 1}}
    place.add_fault(Fault("audiences.delete_many", "status", status=400, body=body))
    audiences = async_moment.account(1234).audiences
    (audience,) = [row.id for row in await audiences.list()][:1]
    with pytest.raises(kmoment.BadRequestError):
        await audiences.delete_many([audience], journal=journal)
    (entry,) = journal.entries()
    assert (entry.status, entry.error) == ("failed", "BadRequestError")
    place.clear_faults()
    result = await audiences.delete_many([audience], journal=journal)
    assert statuses(result.outcomes) == ["ok"]


def test_delete_many_in_shards(moment: kmoment.Client, place: Sandbox) -> None:
    """Each id is deleted by one shard."""
    ids = make(moment, 6)
    audiences = moment.account(1234).audiences
    parts = [audiences.delete_many(ids, shard=f"{number}/2").outcomes for number in (1, 2)]
    assert sorted(outcome.input for part in parts for outcome in part) == ids
    assert all(outcome.value == "deleted" for part in parts for outcome in part)
    with pytest.raises(kmoment.InvalidArgumentError, match="journal must be"):
        audiences.delete_many(ids, journal="x")  # type: ignore[arg-type]


def test_a_resolved_delete(moment: kmoment.Client, journal: kmoment.Journal) -> None:
    """An id that a person has resolved as deleted counts as deleted."""
    with pytest.raises(ValueError, match="x"), journal.begin(7):
        raise ValueError("x")
    journal.resolve(7, "ok")
    (outcome,) = moment.account(1234).audiences.delete_many([7], journal=journal).outcomes
    assert outcome.value == "deleted"


# -- Ensure -------------------------------------------------------------------------------

DRAFTS = [kmoment.AudienceDraft.display(f"new {i}", ages=["20"]) for i in range(4)]


@pytest.fixture(params=["async", "blocking"])
def ensure(request: pytest.FixtureRequest, place: Sandbox) -> Callable[..., kmoment.EnsureOutcomes]:
    """``ensure_many`` of either client: each call as a process of its own would make it."""

    def blocking(drafts: Any, account: int = 1234, **how: Any) -> kmoment.EnsureOutcomes:
        with kmoment.Client(place.token, base_url=place.url, reconcile_delays=()) as client:
            return client.account(account).audiences.ensure_many(drafts, **how)

    async def work(drafts: Any, account: int, how: dict[str, Any]) -> kmoment.EnsureOutcomes:
        settings: Any = {"base_url": place.url, "reconcile_delays": ()}
        async with kmoment.AsyncClient(place.token, **settings) as client:
            return await client.account(account).audiences.ensure_many(drafts, **how)

    if request.param == "blocking":
        return blocking
    return lambda drafts, account=1234, **how: asyncio.run(work(drafts, account, how))


def sent(place: Sandbox) -> list[str]:
    """The calls that were made, in alphabetical order."""
    return sorted(str(it["endpoint"]).removeprefix("audiences.") for it in place.requests())


def test_ensured_drafts_are_not_looked_at_again(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal, place: Sandbox
) -> None:
    """A second run asks nothing of what is done, says what was done, and claims no audience."""
    first = ensure(DRAFTS[:2], journal=journal)
    assert [it.change for it in first.values()] == ["created"] * 2
    assert not any(it.recorded for it in first.values())
    before = sent(place)
    again = ensure(DRAFTS[:2], journal=journal)
    assert sent(place) == before
    for old, new in zip(first.values(), again.values(), strict=True):
        assert old.audience is not None
        assert (new.recorded, new.audience, new.differences) == (True, None, ())
        assert (new.change, new.audience_id, new.draft) == ("created", old.audience.id, old.draft)
    assert [outcome.input for outcome in again] == DRAFTS[:2]
    assert repr(again) == "<EnsureOutcomes: 2 recorded>"
    assert str(again).splitlines()[1].split()[:4] == ["recorded", "DISPLAY", "new", "0"]
    ident = again.values()[0].audience_id
    assert str(again.values()[0]) == f"recorded: created DISPLAY 'new 0' ({ident})"
    assert kmoment.rows(again)[0]["audience_id"] == ident
    more = ensure(DRAFTS[1:3], journal=journal)
    assert [it.recorded for it in more.values()] == [True, False]
    keys = [f"1234 DISPLAY new {number}" for number in range(3)]
    kept = {entry.key: entry.value for entry in journal.entries()}  # begun by several at once
    assert sorted(kept) == keys
    assert kept[keys[0]] == {"change": "created", "audience_id": ident}


def test_accounts_may_share_a_run_of_ensure(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal
) -> None:
    """An audience of one name in another account is another key."""
    for account in ACCOUNTS[:2]:
        (ensured,) = ensure(DRAFTS[:1], account, journal=journal).values()
        assert (ensured.change, ensured.recorded) == ("created", False)
    kinds = [kmoment.AudienceDraft.message("new 0"), DRAFTS[0]]
    assert [it.recorded for it in ensure(kinds, journal=journal).values()] == [False, True]


def test_a_dry_run_only_reads_the_journal(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal, tmp_path: Path
) -> None:
    """It says what is recorded and what would be done, and records nothing."""
    dry = ensure(DRAFTS[:2], journal=journal, dry_run=True)
    assert [(it.change, it.recorded) for it in dry.values()] == [("created", False)] * 2
    assert not (tmp_path / "a.journal").exists()
    ensure(DRAFTS[:1], journal=journal)
    dry = ensure(DRAFTS[:2], journal=journal, dry_run=True)
    assert [(it.dry_run, it.recorded) for it in dry.values()] == [(True, True), (True, False)]
    assert repr(dry) == "<EnsureOutcomes of a dry run: 1 created, 1 recorded>"
    assert len(journal.entries()) == 1
    (tmp_path / "a.journal").write_bytes(b"broken")
    with pytest.raises(kmoment.JournalStoreError):
        ensure(DRAFTS[:2], journal=journal, dry_run=True)


def test_doubts_are_ensured_again(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal, place: Sandbox
) -> None:
    """A create in doubt is unknown, and the next run finds what it made: nothing is made twice."""
    place.add_fault(Fault("audiences.create", "drop_after", nth=(1,)))
    outcomes = ensure(DRAFTS[:2], journal=journal, concurrency=1)
    assert statuses(outcomes) == ["unknown", "ok"]
    assert journal.summary()["unknown"] == 1  # type: ignore[index]
    again = ensure(DRAFTS[:2], journal=journal)
    assert [(it.change, it.recorded) for it in again.values()] == [
        ("unchanged", False),
        ("created", True),
    ]
    names = [row["name"] for row in place.state()["accounts"]["1234"]["audiences"]]
    assert sorted(name for name in names if name.startswith("new")) == ["new 0", "new 1"]


def test_ensure_what_another_does_now(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal
) -> None:
    """A draft that a living process ensures is not attempted."""
    with journal.begin("1234 DISPLAY new 1"):
        outcomes = ensure(DRAFTS[:2], journal=journal)
    assert statuses(outcomes) == ["ok", "not attempted"]
    assert outcomes.retryable() == [DRAFTS[1]]


@pytest.mark.parametrize("value", [None, 7, {"change": "x", "audience_id": "7"}, {"change": []}])
def test_a_draft_that_a_person_has_resolved(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal, value: Any
) -> None:
    """It is done. Nothing is known to be written, nor which audience it is."""
    with pytest.raises(ValueError, match="x"), journal.begin("1234 DISPLAY new 0"):
        raise ValueError("x")
    journal.resolve("1234 DISPLAY new 0", "ok", value=value)
    (ensured,) = ensure(DRAFTS[:1], journal=journal).values()
    assert (ensured.recorded, ensured.change, ensured.audience_id) == (True, "unchanged", None)
    assert str(ensured) == "recorded: unchanged DISPLAY 'new 0'"


def test_a_list_that_fails_is_recorded(
    ensure: Callable[..., kmoment.EnsureOutcomes], journal: kmoment.Journal, place: Sandbox
) -> None:
    """It is raised, as without a journal, and every draft is for the next run."""
    refused = {"code": -813, "msg": "KakaoMomentException", "extras": {"detailCode": 1}}
    place.add_fault(Fault("audiences.list", "status", status=400, body=refused))
    with pytest.raises(kmoment.BadRequestError):
        ensure(DRAFTS, journal=journal)
    assert {entry.status for entry in journal.entries()} == {"failed"}
    place.clear_faults()
    assert statuses(ensure(DRAFTS, journal=journal)) == ["ok"] * 4


def test_ensure_in_shards(
    ensure: Callable[..., kmoment.EnsureOutcomes], place: Sandbox, journal: kmoment.Journal
) -> None:
    """Each draft is ensured by one shard, with a journal and without; all of them are checked."""
    for how in ({}, {"journal": journal}):
        parts = [ensure(DRAFTS, shard=f"{number}/2", **how) for number in (1, 2)]
        assert all(parts)
        assert sorted(it.input.name for part in parts for it in part) == [
            draft.name for draft in DRAFTS
        ]
    assert sent(place).count("create") == 4
    with pytest.raises(kmoment.InvalidDraftError, match="again"):
        ensure([*DRAFTS, DRAFTS[0]], shard="1/2")


# -- Killed -------------------------------------------------------------------------------


def words(place: Sandbox, journal: Path, kind: str, point: str, nth: int) -> list[str]:
    """The arguments of the nightly job."""
    arguments = [place.url, place.token, str(journal), kind, point, str(nth)]
    return arguments + [str(account) for account in ACCOUNTS]


def work(*given: Any) -> tuple[int, str]:
    """Run the nightly job in a process of its own: its exit status, and what it has printed."""
    command = [sys.executable, journal_worker.__file__, *words(*given)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert run.stderr == "", run.stderr
    return run.returncode, run.stdout


def made(moment: kmoment.Client) -> dict[int, int]:
    """How many audiences of the nightly job each account has."""
    return {
        one: sum(row.name == NAME for row in moment.account(one).audiences.list())
        for one in ACCOUNTS
    }


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize("kind", ["async", "blocking"])
@pytest.mark.parametrize("point", ["before", "after", "end"])
@pytest.mark.parametrize("nth", [1, 4])
def test_a_process_that_is_killed(
    place: Sandbox, moment: kmoment.Client, tmp_path: Path, kind: str, point: str, nth: int
) -> None:
    """After a kill at any point, each account is done or named as unknown; none is done twice."""
    file = tmp_path / "a.journal"
    status, _ = work(place, file, kind, point, nth)
    assert status == -signal.SIGKILL
    status, said = work(place, file, kind, "never", 0)
    assert status == 0
    ended = {int(it[0]): it[2] for it in (line.partition(" ") for line in said.splitlines())}
    assert set(ended) == set(ACCOUNTS)
    unknown = {one for one, status in ended.items() if status == "unknown"}
    assert {one for one, status in ended.items() if status == "ok"} == set(ACCOUNTS) - unknown
    assert 1 <= len(unknown) <= 3  # what was under way: three at once
    there = made(moment)
    assert max(there.values()) == 1
    assert all(there[one] == 1 for one in set(ACCOUNTS) - unknown)
    journal = kmoment.Journal(file, run=RUN)
    for one in unknown:  # a person looks
        journal.resolve(one, "ok" if there[one] else "failed")
    journal_worker.main(words(place, file, kind, "never", 0))
    assert set(made(moment).values()) == {1}
    assert journal.summary()["ok"] == len(ACCOUNTS)  # type: ignore[index]


def test_two_processes_at_once(place: Sandbox, moment: kmoment.Client, tmp_path: Path) -> None:
    """Two processes with all accounts and one journal make one audience for each account."""
    given = words(place, tmp_path / "a.journal", "blocking", "never", 0)
    command = [sys.executable, journal_worker.__file__, *given]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ) for _ in "ab"]
    assert [process.wait(50) for process in both] == [0, 0]
    assert set(made(moment).values()) == {1}


def test_what_ensure_returns_is_kept(moment: kmoment.Client, journal: kmoment.Journal) -> None:
    """A job that returns what ``ensure`` did gets it back as a dict in the next run."""
    draft = kmoment.AudienceDraft.display("kept")

    def job(account: kmoment.Account) -> kmoment.Ensured:
        return account.audiences.ensure(draft)

    (first,) = moment.each_account([1234], job, journal=journal).collect()
    (again,) = moment.each_account([1234], job, journal=journal).collect()
    assert again.value == first.value.to_dict()  # type: ignore[comparison-overlap]
    assert first.value.to_dict()["change"] == "created"
