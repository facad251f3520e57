"""A nightly job for many ad accounts with Celery: a task for each account.

    KMOMENT_TOKEN=… NIGHTLY_JOURNAL=nightly.journal NIGHTLY_REDIS=redis://… \\
        python examples/nightly_celery.py

``acks_late`` and ``reject_on_worker_lost`` let Celery deliver a task again if its process was
killed. The journal says what that process has done. Celery has no asyncio: the blocking client
works in its forked processes. Without a token it shows itself against a sandbox.
"""

import os
import subprocess
import sys

from _nightly import ACCOUNTS, do, place, wait

try:
    from celery import Celery
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit()

app = Celery("nightly", broker=os.environ.get("NIGHTLY_REDIS"))
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1)


app.task(do, name="nightly")


def worker() -> "subprocess.Popen[bytes]":
    """A worker with four processes."""
    command = [sys.executable, "-m", "celery", "-A", "nightly_celery", "worker"]
    return subprocess.Popen([*command, "--concurrency", "4", "--loglevel", "ERROR"])


def main() -> None:
    with place(redis=True):
        app.conf.update(broker_url=os.environ["NIGHTLY_REDIS"])
        running = worker()
        for account_id in ACCOUNTS:
            app.send_task("nightly", (account_id,))
        wait(running)


if __name__ == "__main__":
    main()
