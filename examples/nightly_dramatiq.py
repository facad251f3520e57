"""A nightly job for many ad accounts with dramatiq: a message for each account.

    KMOMENT_TOKEN=… NIGHTLY_JOURNAL=nightly.journal NIGHTLY_REDIS=redis://… \\
        python examples/nightly_dramatiq.py

dramatiq delivers a message again if its worker has died. The journal says what that worker has
done. By default a dead worker is noticed only after minutes: ``maintenance_chance`` (of 1,000,000)
and ``heartbeat_timeout`` (milliseconds) make it seconds. Its own retries are off. Without a token
it shows itself against a sandbox.
"""

import os
import subprocess
import sys

from _nightly import ACCOUNTS, do, place, wait

try:
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit()


def declare() -> "dramatiq.Actor[[int], None]":
    """The broker and the actor, in the main program and in each worker."""
    url = os.environ["NIGHTLY_REDIS"]
    how = {"maintenance_chance": 500_000, "heartbeat_timeout": 2_000}
    dramatiq.set_broker(RedisBroker(url=url, **how))  # type: ignore[no-untyped-call]
    return dramatiq.actor(actor_name="nightly", max_retries=0)(do)


def worker() -> "subprocess.Popen[bytes]":
    """A worker process with four threads."""
    command = [sys.executable, "-m", "dramatiq", "nightly_dramatiq:declare"]
    return subprocess.Popen([*command, "--processes", "1", "--threads", "4"])


def main() -> None:
    with place(redis=True):
        nightly = declare()
        workers = [worker(), worker()]
        for account_id in ACCOUNTS:
            nightly.send(account_id)
        wait(*workers)


if __name__ == "__main__":
    main()
