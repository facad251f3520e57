"""A nightly job with other people's engines: a worker is killed in the middle, and all is done."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import kmoment
from helpers.redis_server import RedisServer, redis_server
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
EXAMPLES = Path(__file__).parents[1] / "examples"
ACCOUNTS = range(1234, 1274)
LIMIT = 50.0  # seconds for one example: much more than it takes, but machines are busy
POLL = 0.02  # seconds between two looks into the journal


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def place() -> Iterator[Sandbox]:
    """A sandbox whose creates are answered late, so that a worker can be met in the middle of one.

    They take effect at once: nobody can know of a create that takes effect after its worker is
    gone, and after another one has looked for it.
    """
    with Sandbox(accounts=ACCOUNTS, quota=False) as sandbox:
        sandbox.add_fault(Fault("audiences.create", "drip", delay=0.03))
        yield sandbox


def begin(example: str, place: Sandbox, **environ: str) -> "subprocess.Popen[str]":
    """The example, in a group of processes of its own."""
    known = {"KMOMENT_TOKEN": place.token, "KMOMENT_BASE_URL": place.url}
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / f"nightly_{example}.py")],
        env=os.environ | known | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def journal_of(file: Path) -> kmoment.Journal:
    return kmoment.Journal(file, run=date.today().isoformat())


def kill_one(file: Path, running: "subprocess.Popen[str]") -> str:
    """Kill a worker that does an account, once some are done. Its account."""
    until = time.monotonic() + LIMIT
    while running.poll() is None and time.monotonic() < until:
        entries = journal_of(file).entries()
        begun = [entry for entry in entries if entry.status == "begun"]
        if begun and sum(entry.status == "ok" for entry in entries) >= 5:
            os.kill(int(begun[-1].by.split("/")[-2]), signal.SIGKILL)
            return begun[-1].key
        time.sleep(POLL)
    raise AssertionError("no worker was met in the middle of an account")


def end(running: "subprocess.Popen[str]") -> str:
    """What the example has printed. All its processes have ended then."""
    try:
        return running.communicate(timeout=LIMIT)[0]
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("engine", ["processes", "airflow", "dramatiq", "celery"])
def test_a_worker_that_is_killed(
    engine: str, place: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """After a kill in the middle each account is done, and has one audience."""
    file = tmp_path / "nightly.journal"
    environ = {"NIGHTLY_JOURNAL": str(file)}
    if engine in ("dramatiq", "celery"):
        pytest.importorskip(engine)
        environ["NIGHTLY_REDIS"] = request.getfixturevalue("redis").url
    running = begin(engine, place, **environ)
    try:
        killed = kill_one(file, running)
        place.clear_faults()  # from now on it may be quick
    finally:
        said = end(running)
    assert running.returncode == 0, said
    assert said.rstrip().endswith("{'ok': 40}"), said
    entries = {entry.key: entry for entry in journal_of(file).entries()}
    assert set(entries) == set(map(str, ACCOUNTS))
    assert entries[killed].fence > 1  # it was begun once more
    with kmoment.Client(place.token, base_url=place.url) as moment:
        batch = moment.each_account(ACCOUNTS, lambda account: account.audiences.list())
        names = [[row.name for row in rows] for rows in batch.collect().values()]
    assert [rows.count("nightly") for rows in names] == [1] * len(ACCOUNTS)


def test_what_is_done_is_left_alone(place: Sandbox, tmp_path: Path) -> None:
    """A second start of a nightly job that is done makes no call."""
    file = tmp_path / "nightly.journal"
    for account in ACCOUNTS:
        with kmoment.Journal(file, run=date.today().isoformat(), job="nightly").begin(account):
            pass
    said = end(begin("processes", place, NIGHTLY_JOURNAL=str(file)))
    assert said.strip() == "{'ok': 40}"
    assert place.requests() == []
