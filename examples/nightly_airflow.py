"""A nightly job for many ad accounts in Airflow's way: a callable for each shard.

    KMOMENT_TOKEN=… NIGHTLY_JOURNAL=nightly.journal python examples/nightly_airflow.py

In a DAG, with as many mapped tasks as shards, each with retries:

    @task(retries=3)
    def nightly(shard):
        do_shard(shard)

    nightly.expand(shard=SHARDS)

A task that is tried again does only what is left. Here each task is a process, as in Airflow, and
is tried again if it fails or is killed. Airflow itself is not needed. Without a token it shows
itself against a sandbox.
"""

from multiprocessing import get_context

from _nightly import ACCOUNTS, ensure, journal, moment, place

SHARDS = ("1/4", "2/4", "3/4", "4/4")
RETRIES = 3


def do_shard(shard: str) -> None:
    """Do one part of the accounts. An error makes the engine try again."""
    batch = moment().each_account(
        ACCOUNTS, ensure, concurrency=2, journal=journal(), shard=shard, repeatable=True
    )
    batch.collect().raise_if_failed()


def main() -> None:
    with place():
        waiting = list(SHARDS)
        for _ in range(1 + RETRIES):
            tasks = {
                it: get_context("spawn").Process(target=do_shard, args=(it,)) for it in waiting
            }
            for task in tasks.values():
                task.start()
            for task in tasks.values():
                task.join()
            waiting = [shard for shard, task in tasks.items() if task.exitcode]
            if not waiting:
                break
            print("try again:", waiting)


if __name__ == "__main__":
    main()
