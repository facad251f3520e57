"""What the examples ``nightly_*.py`` share: the job, its journal, and a place to run it.

The job makes one audience for each of many ad accounts. Each example runs it with another engine.
A worker may be killed at any moment: run again, and only what is left is done.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from functools import cache
from pathlib import Path

import kmoment
from kmoment.sandbox import Sandbox

ACCOUNTS = range(1234, 1274)
DRAFT = kmoment.AudienceDraft.display("nightly")


@cache
def moment() -> kmoment.Client:
    """The client of this process. Forked workers may go on using it."""
    return kmoment.Client()  # KMOMENT_TOKEN, KMOMENT_BASE_URL


def journal() -> kmoment.Journal:
    """The run of today. Several machines would share one in Redis."""
    return kmoment.Journal(
        os.environ["NIGHTLY_JOURNAL"], run=date.today().isoformat(), job="nightly"
    )


def ensure(account: kmoment.Account) -> int | None:
    """Make the account's audience. It looks before it writes, so it may be repeated."""
    return account.audiences.ensure(DRAFT).audience_id


def do(account_id: int) -> None:
    """The job of one account, for engines that call a function for each."""
    with suppress(kmoment.AlreadyDoneError), journal().begin(account_id, repeatable=True) as entry:
        entry.keep(ensure(moment().account(account_id)))


def left() -> list[int]:
    """The accounts that are not done."""
    done = {entry.key for entry in journal().entries() if entry.status == "ok"}
    return [account for account in ACCOUNTS if str(account) not in done]


@contextmanager
def place(*, redis: bool = False) -> Iterator[None]:
    """Where the job runs: as the environment says, else a sandbox and a new journal.

    With *redis* there is one for the engine's messages, too.
    """
    with ExitStack() as stack:
        if "KMOMENT_TOKEN" not in os.environ:
            sandbox = stack.enter_context(Sandbox(accounts=ACCOUNTS, quota=False))
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            os.environ |= {"KMOMENT_TOKEN": sandbox.token, "KMOMENT_BASE_URL": sandbox.url}
            os.environ["NIGHTLY_JOURNAL"] = str(Path(folder) / "nightly.journal")
        if redis and "NIGHTLY_REDIS" not in os.environ:
            os.environ["NIGHTLY_REDIS"] = stack.enter_context(_redis())
        os.chdir(Path(__file__).parent)  # engines import the example by its name
        yield
        summary = journal().summary()
        print({str(status): count for status, count in summary.items() if count})


@contextmanager
def _redis() -> Iterator[str]:
    program = shutil.which("redis-server", path=f"{os.defpath}:/usr/sbin:/usr/bin")
    if program is None:
        print("skipped: redis-server is not installed")
        sys.exit()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [program, "--port", port, "--save", "", "--bind", "127.0.0.1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not _accepts(int(port)) and server.poll() is None:
        time.sleep(0.01)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(*workers: "subprocess.Popen[bytes]", seconds: float = 50) -> None:
    """Wait until all is done, then end *workers*."""
    until = time.monotonic() + seconds
    while left() and time.monotonic() < until:
        time.sleep(0.1)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait()
