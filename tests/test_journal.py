"""The journal by hand: what it says of each key, in a file and in Redis, and what it survives."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st

import kmoment
from helpers.redis_server import RedisServer, redis_server
from kmoment._engine import job_tracker
from kmoment._engine.job_tracker import report_write
from kmoment._secret import Secret
from kmoment.journal import EntryStatus, _process, _sqlite, runs
from kmoment.journal._redis import Lease, RedisStore
from kmoment.journal.entries import Begun, JournalEntry

pytestmark = pytest.mark.anyio
posix = pytest.mark.skipif(sys.platform == "win32", reason="has no fork, SIGKILL or modes")

ODD = kmoment.Outcome[int, int](index=0, input=1, status=kmoment.OutcomeStatus.OK, value=object())  # type: ignore[arg-type]
"""A value of ours with a member that JSON does not have."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file that is not there, or a Redis that is empty."""
    if request.param == "file":
        return str(tmp_path / "a.journal")
    server: RedisServer = request.getfixturevalue("redis")
    store = RedisStore(Secret(server.url), "x", None)
    store._server.ask(lambda client: client.flushall())
    return server.url


@pytest.fixture
def journal(where: str) -> kmoment.Journal:
    return kmoment.Journal(where, run="monday")


def fork() -> int:
    """``os.fork``. Python 3.12 warns of it where there are threads: here that is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def statuses(journal: kmoment.Journal) -> dict[str, str]:
    return {entry.key: str(entry.status) for entry in journal.entries()}


def seen_in(error: BaseException) -> str:
    """The error, and the local variables of all frames but those of this file."""
    texts, met = [str(error), repr(error)], error.__context__ or error.__cause__
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__:
            texts.append(repr(frame.f_locals))
    return " ".join(texts) + (seen_in(met) if met is not None else "")


def fail(journal: kmoment.Journal, key: str | int, error: BaseException, **how: bool) -> None:
    """A job that ends with *error*, after a write if *wrote*."""
    wrote = how.pop("wrote", False)
    job = journal.begin(key, **how)
    with pytest.raises(type(error)), job:  # noqa: PT012
        if wrote:
            report_write()
        raise error


# -- What a key's entry says --------------------------------------------------------------


async def test_what_is_done_is_not_done_again(journal: kmoment.Journal) -> None:
    """A key that ended well is refused, with what was kept, in blocking and in async code."""
    assert journal.entries() == []
    with journal.begin(1234) as entry:
        entry.keep({"ids": (1, 2), "draft": kmoment.Gender.F, "odd": "\ud800"})
    async with journal.begin("논현") as other:
        assert statuses(journal) == {"1234": "ok", "논현": "begun"}
    assert (entry.key, other.key) == ("1234", "논현")
    with pytest.raises(kmoment.AlreadyDoneError, match="'1234' is done") as done:
        journal.begin("1234").__enter__()
    assert done.value.value == {"ids": [1, 2], "draft": "F", "odd": "\ud800"}
    with pytest.raises(kmoment.AlreadyDoneError) as again:
        async with journal.begin("논현"):
            pass
    assert again.value.value is None
    assert journal.summary() == {status: 2 * (status == "ok") for status in EntryStatus}


@pytest.mark.parametrize(
    ("error", "wrote", "status", "kind"),
    [
        (ValueError("x"), False, "failed", "ValueError"),
        (ValueError("x"), True, "unknown", "ValueError"),
        (kmoment.OutcomeUnknownError("x"), False, "unknown", "OutcomeUnknownError"),
        (kmoment.ClientClosedError("x"), False, "pending", "ClientClosedError"),
        (KeyboardInterrupt(), False, "pending", "KeyboardInterrupt"),
        (KeyboardInterrupt(), True, "unknown", "KeyboardInterrupt"),
    ],
)
async def test_how_a_job_ends(
    journal: kmoment.Journal, error: BaseException, wrote: bool, status: str, kind: str
) -> None:
    """After an error the entry says whether a write may have been done. Only then it is refused."""
    fail(journal, 1, error, wrote=wrote)
    (entry,) = journal.entries()
    assert (entry.status, entry.error) == (status, kind)
    if status == "unknown":
        with pytest.raises(kmoment.EntryUnknownError, match=f"ended with {kind}"):
            journal.begin(1).__enter__()
        with journal.begin(1, repeatable=True):
            pass
    else:
        async with journal.begin(1):
            pass
    assert statuses(journal) == {"1": "ok"}


async def test_one_does_a_key_at_a_time(journal: kmoment.Journal) -> None:
    """A key that this process or another living one does now is refused, also if repeatable."""
    with journal.begin(1), pytest.raises(kmoment.EntryBusyError, match="'1' is under way"):
        journal.begin(1, repeatable=True).__enter__()
    for _ in range(2):  # a store that has ended all its jobs begins the next as well
        with journal.begin(2, repeatable=True), journal.begin(3, repeatable=True):
            assert journal.summary()[EntryStatus.BEGUN] == 2
        journal.forget(2)
        journal.forget(3)


def test_a_write_of_an_inner_job_is_one_of_the_outer(journal: kmoment.Journal) -> None:
    """A job within a job: the outer one has written what the inner one has."""
    with pytest.raises(ValueError, match="x"), journal.begin("outer"):  # noqa: PT012
        with journal.begin("inner"):
            report_write()
        raise ValueError("x")
    assert statuses(journal) == {"outer": "unknown", "inner": "ok"}


def test_a_person_has_the_last_word(journal: kmoment.Journal) -> None:
    """What a person found out replaces a doubt, and a key can be forgotten."""
    for key in ("a", "b", "c"):
        fail(journal, key, ValueError("x"), wrote=True)
    journal.resolve("a", "ok", value=[7])
    journal.resolve("b", "failed")
    journal.forget("c")
    assert statuses(journal) == {"a": "ok", "b": "failed", "c": "pending"}
    with pytest.raises(kmoment.AlreadyDoneError) as done:
        journal.begin("a").__enter__()
    assert done.value.value == [7]
    with journal.begin("b"), journal.begin("c"):
        for change in (journal.forget, lambda key: journal.resolve(key, "ok")):
            with pytest.raises(kmoment.EntryBusyError):
                change("b")
    with pytest.raises(kmoment.InvalidArgumentError, match="key must be in the journal, not 'x'"):
        journal.forget("x")


def test_an_entry_that_was_taken_over_is_not_changed(journal: kmoment.Journal) -> None:
    """A writer whose entry another has changed learns it, and leaves the entry as it is."""
    beginning = journal.begin(1)
    beginning.__enter__()
    beginning._fences["1"] -= 1  # as if it had been begun once more since
    with pytest.raises(kmoment.EntryUnknownError, match="another has changed its entry"):
        beginning.__exit__(None, None, None)
    assert statuses(journal) == {"1": "begun"}


def test_runs_are_apart(where: str) -> None:
    """Each run has its own keys. All runs of a place can be listed."""
    first = kmoment.Journal(where, run="monday", job="sync")
    second = kmoment.Journal(where, run="tuesday")
    for journal in (first, second):
        with journal.begin(1):
            pass
    assert statuses(first) == statuses(second) == {"1": "ok"}
    assert [(it.run, it.job) for it in runs(where)] == [("monday", "sync"), ("tuesday", None)]


def test_a_run_of_another_job_is_refused(where: str) -> None:
    """A run that has a job's name takes no other. One without a name may be given one."""
    with kmoment.Journal(where, run="r").begin(1):
        pass
    with kmoment.Journal(where, run="r", job="sync").begin(2):
        pass
    with pytest.raises(kmoment.InvalidArgumentError, match="job must be 'sync', as run 'r' has"):
        kmoment.Journal(where, run="r", job="other").begin(3).__enter__()
    with kmoment.Journal(where, run="r").begin(4):
        pass


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda it: it.begin(True), "key must be text"),
        (lambda it: it.begin(" "), "key must be text"),
        (lambda it: it.begin(1.5), "key must be text"),
        (lambda it: it.begin("\ud800"), "key must be text"),
        (lambda it: it.resolve(1, "done"), "status must be 'ok' or 'failed', not 'done'"),
        (lambda it: it.resolve(1, "ok", value={1}), "value must be a value that JSON has"),
        (lambda it: it.resolve(1, "ok", value=ODD), "value must be a value that JSON has"),
        (lambda it: kmoment.Journal(it, run="x"), "where must be a path or a redis:// URL"),
        (lambda it: kmoment.Journal(" ", run="x"), "where must be a path or a redis:// URL"),
        (lambda it: kmoment.Journal("x", run=" "), "run must be text"),
        (lambda it: kmoment.Journal("x", run="x", job=it), "job must be text"),
        (lambda it: kmoment.Journal("mysql://u:hunter2@h", run="x"), "redis:// URL, not mysql://"),
        (lambda it: kmoment.Journal("redis://u:hunter2@h:port", run="x"), "a redis:// URL as"),
    ],
)
def test_refused_arguments(
    call: Callable[[kmoment.Journal], Any], words: str, tmp_path: Path
) -> None:
    """Bad arguments are refused by name, before anything is written. A URL is not shown."""
    journal = kmoment.Journal(tmp_path / "a.journal", run="r")
    with pytest.raises(kmoment.InvalidArgumentError, match=words) as refused:
        call(journal)
    assert "hunter2" not in seen_in(refused.value)
    assert not list(tmp_path.iterdir())


def test_what_is_no_json_cannot_be_kept(journal: kmoment.Journal) -> None:
    """``keep`` refuses what JSON does not have, and names it."""
    error = kmoment.InvalidArgumentError
    with pytest.raises(error, match=r"value\.a must be"), journal.begin(1) as entry:
        entry.keep({"a": object()})
    assert statuses(journal) == {"1": "failed"}


def test_a_model_is_kept_as_its_dict(journal: kmoment.Journal) -> None:
    """A model comes back as what its ``to_dict`` gives."""
    row = kmoment.Location(value="I", description="서울", depth1_name="서울특별시")
    with journal.begin(1) as entry:
        entry.keep([row])
    assert journal.entries()[0].value == [row.to_dict()]


def test_a_process_is_named_by_its_number(journal: kmoment.Journal) -> None:
    """Who is busy is told in a form that ``ps`` knows; ``by`` has all of it."""
    with journal.begin(1), pytest.raises(kmoment.EntryBusyError) as caught:
        journal.begin(1).__enter__()
    assert str(caught.value) == f"'1' is under way: process {os.getpid()} has begun it"
    assert caught.value.by == journal.entries()[0].by
    assert str(kmoment.EntryBusyError("k", "me")) == "'k' is under way: me has begun it"


def test_errors_can_be_pickled() -> None:
    """A process pool carries the journal's errors to its parent."""
    errors = [
        kmoment.AlreadyDoneError("k", [1]),
        kmoment.EntryBusyError("k", "me"),
        kmoment.EntryUnknownError("k", "why"),
        kmoment.JournalStoreError("x.journal", "full"),
    ]
    for error in errors:
        carried = pickle.loads(pickle.dumps(error))
        assert (str(carried), vars(carried)) == (str(error), vars(error))


# -- Cancellation -------------------------------------------------------------------------


async def test_a_job_that_is_cancelled(journal: kmoment.Journal) -> None:
    """A cancelled job is pending if it has written nothing, else unknown."""

    async def job(key: str, wrote: bool) -> None:
        async with journal.begin(key):
            if wrote:
                report_write()
            running.set()
            await asyncio.Event().wait()

    for key, wrote in (("a", False), ("b", True)):
        running = asyncio.Event()
        task = asyncio.create_task(job(key, wrote))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert statuses(journal) == {"a": "pending", "b": "unknown"}


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_while_it_begins(journal: kmoment.Journal, turns: int) -> None:
    """A job that is cancelled while its entry is written is pending, or has no entry."""

    async def job() -> None:
        async with journal.begin("a"):
            await asyncio.Event().wait()

    task = asyncio.create_task(job())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert statuses(journal) in ({}, {"a": "pending"})


async def cancel_twice(task: "asyncio.Task[Any]", held: sqlite3.Connection) -> None:
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    held.close()
    with pytest.raises(asyncio.CancelledError):
        await task


async def leave_loop(task: "asyncio.Task[Any]", held: sqlite3.Connection) -> None:
    asyncio.get_running_loop().call_later(0.05, held.close)


@pytest.mark.parametrize("how", [cancel_twice, leave_loop])
def test_whoever_is_cancelled_waits_for_its_record(how: Callable[..., Any], tmp_path: Path) -> None:
    """A job that is cancelled again while its entry is written, or whose event loop ends, is
    pending too."""
    journal = kmoment.Journal(tmp_path / "a.journal", run="r")
    with journal.begin("other"):
        pass

    async def main() -> None:
        held = sqlite3.connect(tmp_path / "a.journal", isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
        task = asyncio.create_task(journal.begin("a").__aenter__())
        await asyncio.sleep(0.01)
        await how(task, held)

    asyncio.run(main())
    assert statuses(journal) == {"other": "ok", "a": "pending"}


def test_an_end_in_another_context(journal: kmoment.Journal) -> None:
    """A block that ends in another context than it began in is recorded: generators of web
    frameworks do that."""
    job = journal.begin(1)
    copy_context().run(job.__enter__)
    job.__exit__(None, None, None)
    assert statuses(journal) == {"1": "ok"}


async def test_a_cancellation_while_a_refusal_comes(journal: kmoment.Journal) -> None:
    """A job that is refused while it is cancelled is cancelled."""
    with journal.begin("a"):
        task = asyncio.create_task(journal.begin("a").__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, kmoment.EntryBusyError)):
            await task


def test_an_interrupt_is_worse_than_a_lost_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A Ctrl-C is raised also if the end cannot be written then. That is logged."""
    file = tmp_path / "a.journal"
    journal = kmoment.Journal(file, run="r")
    with pytest.raises(KeyboardInterrupt), journal.begin(1):  # noqa: PT012
        file.write_bytes(b"no journal any more")
        raise KeyboardInterrupt
    assert "the end of a job was not recorded" in caplog.text


# -- Other processes ----------------------------------------------------------------------


def run(code: str, *args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run *code* in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *args]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=50, check=False, env=os.environ | environ
    )


@posix
def test_a_process_that_was_killed(where: str) -> None:
    """Its entry is unknown, and is not repeated; with ``repeatable`` it is."""
    killed = run(
        """
        import os, signal, sys, kmoment
        from kmoment.journal import _redis
        _redis.LEASE_SECONDS = 0.2
        journal = kmoment.Journal(sys.argv[1], run="r")
        with journal.begin(1), journal.begin(2):
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        where,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    journal = kmoment.Journal(where, run="r")
    while EntryStatus.BEGUN in {entry.status for entry in journal.entries()}:
        pass  # its lease in Redis ends by itself
    assert statuses(journal) == {"1": "unknown", "2": "unknown"}
    with pytest.raises(kmoment.EntryUnknownError) as caught:
        journal.begin(1).__enter__()
    pid = journal.entries()[0].by.split("/")[-2]
    assert str(caught.value) == (
        f"'1' may have been done: process {pid} has begun it, and is gone; look at the account, "
        "then say journal.resolve('1', 'ok'), or 'failed', or journal.forget('1'); "
        "a job that may be done twice can have repeatable=True"
    )
    with journal.begin(2, repeatable=True):
        pass
    assert statuses(journal) == {"1": "unknown", "2": "ok"}


def count_up(where: str, keys: range, done: "multiprocessing.Queue[Any]") -> None:
    journal = kmoment.Journal(where, run="r")
    for key in keys:
        try:
            with journal.begin(key) as entry:
                entry.keep(os.getpid())
                done.put(key)
        except (kmoment.AlreadyDoneError, kmoment.EntryBusyError):
            pass


def test_two_processes_share_one_journal(where: str) -> None:
    """Two processes with the same keys do each key once."""
    processes = multiprocessing.get_context("spawn")
    done = processes.Queue()
    both = [processes.Process(target=count_up, args=(where, range(12), done)) for _ in "ab"]
    for process in both:
        process.start()
    found = sorted(done.get(timeout=50) for _ in range(12))
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert found == list(range(12))
    assert kmoment.Journal(where, run="r").summary()[EntryStatus.OK] == 12
    assert done.empty()


@posix
def test_a_forked_process_has_entries_of_its_own(journal: kmoment.Journal) -> None:
    """A fork goes on with the same journal. What its parent does is busy there."""
    with journal.begin("parent"):
        with _sqlite._writing:  # as another thread of the parent may hold it
            pid = fork()
        if not pid:  # pragma: no cover - another process
            status = 1
            try:
                with journal.begin("child"):
                    pass
                with pytest.raises(kmoment.EntryBusyError):
                    journal.begin("parent").__enter__()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
    assert statuses(journal) == {"parent": "ok", "child": "ok"}


@posix
def test_processes_are_told_apart() -> None:
    """A process lives only under its own start time, on its own machine, until it has ended."""
    me = _process.this_process()
    machine, pid, start = me.rsplit("/", 2)
    assert _process.lives(me)
    assert _process._from_ps(int(pid))
    assert not _process.lives(f"{machine}/{pid}/{start}0")
    assert not _process.lives(f"other/{pid}/{start}")
    child = fork()
    if not child:  # pragma: no cover - another process
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped
    assert (_process._from_proc(child), _process._from_ps(child)) == (None, None)
    os.waitpid(child, 0)
    assert (_process._from_proc(child), _process._from_ps(child)) == (None, None)


@posix
def test_systems_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without ``/proc`` a process is named by ``ps``; without both only it itself lives."""
    monkeypatch.setattr(_process, "_PROC", tmp_path)
    _process._machine.cache_clear()
    try:
        me = _process.this_process()
        machine, pid, start = me.rsplit("/", 2)
        assert machine
        assert start
        assert _process.lives(f"{machine}/{os.getppid()}/{_process._from_ps(os.getppid())}")
        for name, value in (("TZ", "Asia/Seoul"), ("LC_ALL", "ko_KR.UTF-8"), ("TZ", "UTC+3")):
            monkeypatch.setenv(name, value)  # as cron has it, and a shell has not
            assert _process.this_process() == me
        monkeypatch.setenv("PATH", "")
        assert _process.this_process() == f"{machine}/{pid}/"
        assert _process.lives(f"{machine}/{pid}/")
        assert not _process.lives(f"{machine}/1/")
    finally:
        _process._machine.cache_clear()


# -- The file -----------------------------------------------------------------------------


@posix
def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """Nobody else can read the file. It can be pickled, and its repr names the path."""
    journal = kmoment.Journal(tmp_path / "a.journal", run="r")
    with journal.begin(1):
        pass
    assert (tmp_path / "a.journal").stat().st_mode & 0o777 == 0o600
    assert statuses(pickle.loads(pickle.dumps(journal))) == {"1": "ok"}
    assert repr(journal) == f"<Journal 'r' in {tmp_path / 'a.journal'}>"


def test_a_fork_has_a_lock_of_its_own() -> None:
    """What a fork calls makes a new lock: the thread that held the old one is not there."""
    held = _sqlite._writing
    with held:
        _sqlite._renew_lock()
        assert not _sqlite._writing.locked()


def test_every_record_stays(tmp_path: Path) -> None:
    """The begin and the end of each job are rows of their own, in their order."""
    journal = kmoment.Journal(tmp_path / "a.journal", run="r")
    fail(journal, 1, ValueError("x"))
    with journal.begin(1):
        pass
    with sqlite3.connect(tmp_path / "a.journal") as db:
        rows = db.execute("SELECT status, fence FROM records ORDER BY id").fetchall()
    db.close()
    assert rows == [("begun", 1), ("failed", 1), ("begun", 2), ("ok", 2)]


def foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other (x)")
    db.close()


def newer(path: Path) -> None:
    with kmoment.Journal(path, run="r").begin(1):
        pass
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 2")
    db.close()


def damaged(path: Path) -> None:
    with kmoment.Journal(path, run="r").begin(1):
        pass
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def odd_value(path: Path) -> None:
    with kmoment.Journal(path, run="r").begin(1):
        pass
    with sqlite3.connect(path) as db:
        db.execute("UPDATE records SET value = '{'")
    db.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("key,status\n" * 100), "file is not a database"),
        (foreign, "no journal of kmoment"),
        (newer, "its format 2 is newer"),
        (damaged, "malformed"),
        (odd_value, "Expecting property name"),
        (Path.mkdir, "unable to open database file"),
    ],
)
def test_files_that_are_refused(make: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    """What is no journal, a newer one or a damaged one is refused by its path, and not changed."""
    file = tmp_path / "a.journal"
    make(file)
    before = file.read_bytes() if file.is_file() else b""
    journal = kmoment.Journal(file, run="r")
    for use in (journal.entries, lambda: journal.begin(1).__enter__()):
        with pytest.raises(kmoment.JournalStoreError, match=words) as refused:
            use()
        assert str(file) in str(refused.value)
        assert refused.value.where == str(file)
    assert before == (file.read_bytes() if file.is_file() else b"")


def test_a_file_that_is_empty(tmp_path: Path) -> None:
    """An empty file has no entries and no runs, and becomes a journal."""
    file = tmp_path / "a.journal"
    file.touch()
    journal = kmoment.Journal(file, run="r")
    assert journal.entries() == []
    with pytest.raises(kmoment.JournalStoreError, match="or it is empty"):
        runs(file)
    assert file.read_bytes() == b""
    with journal.begin(1):
        pass
    assert statuses(journal) == {"1": "ok"}


def test_a_file_that_another_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process waits until another has written, but not for ever."""
    file = tmp_path / "a.journal"
    journal = kmoment.Journal(file, run="r")
    with journal.begin(1):
        pass
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.1, other.execute, ["COMMIT"])
    release.start()
    with journal.begin(2):
        pass
    release.join()
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.1, other.execute, ["COMMIT"])
    release.start()
    assert statuses(journal) == {"1": "ok", "2": "ok"}
    release.join()
    monkeypatch.setattr(_sqlite, "_BUSY_SECONDS", 0.0)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(kmoment.JournalStoreError, match="database is locked"):
        journal.begin(3).__enter__()
    other.close()
    assert statuses(journal) == {"1": "ok", "2": "ok"}


def test_runs_of_a_file_that_is_missing(tmp_path: Path) -> None:
    """Listing the runs makes no file."""
    with pytest.raises(kmoment.JournalStoreError, match="there is no such file"):
        runs(tmp_path / "a.journal")
    assert not list(tmp_path.iterdir())


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deepest mount of a path counts. A system that lists none is not asked."""
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(_sqlite, "_MOUNTS", mounts)
    kmoment.Journal("/srv/night ly/a.journal", run="r")
    mounts.write_text("root / ext4 rw 0 0\nfiler:/x /srv/night\\040ly nfs4 rw 0 0\n")
    with pytest.raises(kmoment.InvalidArgumentError, match=r"is on nfs4\. Use a redis:// URL"):
        kmoment.Journal("/srv/night ly/a.journal", run="r")
    kmoment.Journal("/srv/nightly/a.journal", run="r")


@posix
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A record that cannot be written raises, and what was written before is there."""
    file = tmp_path / "a.journal"
    full = run(
        """
        import resource, signal, sys, kmoment
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        journal = kmoment.Journal(sys.argv[1], run="r")
        for key in range(1000):
            try:
                with journal.begin(key) as entry:
                    entry.keep("x" * 1000)
            except kmoment.JournalStoreError as error:
                print(key, error)
                break
        """,
        str(file),
        COVERAGE_PROCESS_CONFIG="",  # its file would be cut off too
    )
    assert full.stderr == ""
    key, _, words = full.stdout.partition(" ")
    assert int(key) > 2
    assert str(file) in words
    found = statuses(kmoment.Journal(file, run="r"))
    assert {found[str(one)] for one in range(int(key))} == {"ok"}
    assert found.get(key) in (None, "unknown")


# -- Redis --------------------------------------------------------------------------------


def test_redis_away(redis: RedisServer) -> None:
    """A Redis that does not answer is named by its address, and never by its password."""
    with redis_server() as server:
        url = server.url.replace("redis://", "redis://me:hunter2@")
        server.stop()
        journal = kmoment.Journal(url, run="r")
        assert repr(journal) == f"<Journal 'r' in redis at 127.0.0.1:{server.port}>"
        for use in (journal.entries, lambda: journal.begin(1).__enter__(), lambda: runs(url)):
            with pytest.raises(kmoment.JournalStoreError, match="ConnectionError") as refused:
                use()
            assert f"127.0.0.1:{server.port}" in str(refused.value)
            assert "hunter2" not in seen_in(refused.value)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(journal)


def stored(url: str) -> RedisStore:
    journal = kmoment.Journal(url, run="r")
    assert isinstance(journal._store, RedisStore)
    return journal._store


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": "2"}, "its format 2 is newer"),
        ({"format": "odd"}, "its format odd is newer"),
        ({"format": "1", "ended:1": "{}"}, r"a record cannot be read \(KeyError\)"),
        ({"format": "1", "ended:1": "["}, r"a record cannot be read \(JSONDecodeError\)"),
    ],
)
def test_redis_with_something_else(redis: RedisServer, fields: dict[str, str], words: str) -> None:
    """A newer or damaged run in Redis is refused."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    store._server.ask(lambda client: client.hset(store._key, mapping=fields))
    journal = kmoment.Journal(redis.url, run="r")
    for use in (journal.entries, lambda: journal.begin(1).__enter__()):
        with pytest.raises(kmoment.JournalStoreError, match=words):
            use()
    store._server.ask(lambda client: client.flushall())


def test_two_begin_a_key_at_once_in_redis(redis: RedisServer) -> None:
    """Of two that look at the same time only one begins, and the other holds nothing."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    first, begun = kmoment.Journal(redis.url, run="r").begin("1"), Begun(store.writer, False)
    looks: list[JournalEntry | None] = []

    def late(key: str, last: JournalEntry | None) -> JournalEntry | None:
        looks.append(last)
        new = begun(key, last)
        if len(looks) == 1:
            first.__enter__()
        return new

    store.change(["1"], late)
    assert (len(looks), begun.fences, set(begun.refused)) == (2, {}, {"1"})
    first.__exit__(None, None, None)
    assert statuses(kmoment.Journal(redis.url, run="r")) == {"1": "ok"}


def test_a_journal_that_redis_has_lost(redis: RedisServer) -> None:
    """If Redis loses all while a job runs, its end is an error, and its lease ends."""
    journal = kmoment.Journal(redis.url, run="lost")
    beginning = journal.begin("1")
    beginning.__enter__()
    store = journal._store
    assert isinstance(store, RedisStore)
    store._server.ask(lambda client: client.flushall())
    with pytest.raises(kmoment.EntryUnknownError):
        beginning.__exit__(None, None, None)
    (lease,) = store._leases.values()
    assert not lease.held
    assert journal.entries() == []


def test_an_entry_of_another_after_redis_has_lost_all(redis: RedisServer) -> None:
    """If Redis loses all, and another process begins the key anew, the first one cannot end it."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    beginning = kmoment.Journal(redis.url, run="r").begin("1")
    beginning.__enter__()
    store._server.ask(lambda client: client.flushall())
    store.change(["1"], Begun("another/1/1", repeatable=False))
    with pytest.raises(kmoment.EntryUnknownError):
        beginning.__exit__(None, None, None)
    assert statuses(kmoment.Journal(redis.url, run="r")) == {"1": "unknown"}
    store._leases[os.getpid()].drop("1")


def test_a_lease_leaves_nothing_in_a_redis_that_has_lost_all(redis: RedisServer) -> None:
    """A lease is not renewed in a run that is gone: nothing would ever delete it."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    store._renew()
    assert store._server.ask(lambda client: client.keys("*")) == []


def test_a_lease_that_has_run_out(redis: RedisServer) -> None:
    """A process knows that it lives itself, also if Redis did not hear of it for too long."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    journal = kmoment.Journal(redis.url, run="r")
    with journal.begin(1):
        field = f"writer:{store.writer}"
        store._server.ask(lambda client: client.hset(store._key, field, 0))
        assert statuses(journal) == {"1": "begun"}
        assert statuses(kmoment.Journal(redis.url, run="r")) == {"1": "unknown"}
        with pytest.raises(kmoment.EntryBusyError), journal.begin(1, repeatable=True):
            pass
        assert journal._store._leases[os.getpid()].held == {"1"}  # type: ignore[attr-defined]


def test_a_begin_that_cannot_be_recorded() -> None:
    """A job that could not be begun is not held as one that runs."""
    with redis_server() as server:
        store = stored(server.url)
        lease = store._leases[os.getpid()] = Lease(server.stop)
        with pytest.raises(kmoment.JournalStoreError):
            store.change(["1"], Begun(store.writer, repeatable=False))
        assert not lease.held


def test_a_lease_is_renewed_while_a_job_runs(redis: RedisServer) -> None:
    """A writer that lives longer than its lease stays busy; a run in Redis has an end."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    journal = kmoment.Journal(redis.url, run="r")
    journal._store.lease_seconds = 0.3  # type: ignore[attr-defined]

    def lease() -> int:
        field = f"writer:{store.writer}"
        return int(store._server.ask(lambda client: client.hget(store._key, field)))

    with journal.begin(1):
        before = lease()
        while lease() < before + 600:  # renewed for twice as long
            assert statuses(kmoment.Journal(redis.url, run="r")) == {"1": "begun"}
    assert 0 < store._server.ask(lambda client: client.ttl(store._key)) <= 30 * 24 * 3600


def test_a_lease_that_cannot_be_renewed() -> None:
    """Redis goes away while a job runs: its end raises, and the thread goes on until then."""
    with redis_server() as server:
        journal = kmoment.Journal(server.url, run="r")
        journal._store.lease_seconds = 0.03  # type: ignore[attr-defined]
        beginning = journal.begin(1)
        beginning.__enter__()
        server.stop()
        with pytest.raises(kmoment.JournalStoreError):
            beginning.__exit__(None, None, None)
        (lease,) = journal._store._leases.values()  # type: ignore[attr-defined]
        thread = lease._thread
        assert thread.is_alive()
        thread.join(0.1)  # it tries, fails and goes on
        assert thread.is_alive()
        lease.drop("1")
        thread.join()


def test_redis_is_needed_only_for_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis a file works, and a URL raises an error that names the extra."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with kmoment.Journal(tmp_path / "a.journal", run="r").begin(1):
        pass
    with pytest.raises(ModuleNotFoundError, match=r"needs redis: pip install kmoment\[fleet\]"):
        kmoment.Journal("redis://127.0.0.1", run="r")


def test_redis_changes_in_between(redis: RedisServer) -> None:
    """A key that another writes between the look and the record is looked at once more."""
    store = stored(redis.url)
    store._server.ask(lambda client: client.flushall())
    looks: list[JournalEntry | None] = []

    def rule(key: str, last: JournalEntry | None) -> JournalEntry:
        looks.append(last)
        if last is None:
            fail(kmoment.Journal(redis.url, run="r"), key, ValueError("x"))
        now = EntryStatus.BEGUN
        return JournalEntry(key=key, status=now, fence=9, by=store.writer, at=0.0)

    store.change(["1"], rule)
    first, second = looks
    assert first is None
    assert second is not None
    assert second.status == "failed"
    (lease,) = store._leases.values()
    assert lease.held == {"1"}
    lease.drop("1")


# -- Histories ----------------------------------------------------------------------------


@attrs.define
class Expected:
    """What must be known of a key, by the history of its jobs."""

    status: str = "none"

    def may_begin(self, repeatable: bool) -> bool:
        return self.status in ("none", "pending", "failed") or (
            self.status == "unknown" and repeatable
        )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2"]),
        st.sampled_from(["ok", "failed", "unknown", "pending", "died", "forget", "resolve"]),
        st.booleans(),
    ),
    max_size=12,
)


def step(journal: kmoment.Journal, key: str, what: str, repeatable: bool) -> None:
    if what == "forget":
        journal.forget(key)
    elif what == "resolve":
        journal.resolve(key, "ok")
    elif what == "died":
        beginning = journal.begin(key, repeatable=repeatable)
        store = journal._store
        attrs_of = {"writer": property(lambda _: "gone/1/1")}
        dead = type("Dead", (type(store),), attrs_of)
        beginning._store = dead(store.where, store.run, store.job)  # type: ignore[attr-defined]
        beginning.__enter__()
        job_tracker.CURRENT.reset(beginning._token)  # type: ignore[arg-type]
    else:
        errors = {
            "failed": ValueError("x"),
            "unknown": kmoment.OutcomeUnknownError("x"),
            "pending": kmoment.ClientClosedError("x"),
        }
        with journal.begin(key, repeatable=repeatable):
            if what in errors:
                raise errors[what]


@given(STEPS)
@settings(max_examples=15)
def test_any_history(tmp_path_factory: pytest.TempPathFactory, history: Any) -> None:
    """After any history, each key has the status that its last job or person gave it."""
    journal = kmoment.Journal(tmp_path_factory.mktemp("history") / "a.journal", run="r")
    expected = {"1": Expected(), "2": Expected()}
    for key, what, repeatable in history:
        known = expected[key]
        person = what in ("forget", "resolve")
        allowed = known.status != "none" if person else known.may_begin(repeatable)
        try:
            step(journal, key, what, repeatable)
        except (kmoment.JournalError, kmoment.InvalidArgumentError):
            assert not allowed
        except (ValueError, kmoment.KmomentError):
            assert allowed
        else:
            assert allowed
        if allowed:
            after = {"died": "unknown", "forget": "pending", "resolve": "ok"}
            known.status = str(after.get(what, what))
        known_now = {it: known.status for it, known in expected.items() if known.status != "none"}
        assert statuses(journal) == known_now


def test_entries_say_who_and_when(journal: kmoment.Journal) -> None:
    """An entry has its writer, its time, and how often it was begun."""
    fail(journal, 1, ValueError("x"))
    with journal.begin(1):
        pass
    (entry,) = journal.entries()
    assert isinstance(entry, JournalEntry)
    assert (entry.fence, entry.by) == (2, _process.this_process())
    assert entry.at > 1_700_000_000
