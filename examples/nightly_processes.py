"""A nightly job for many ad accounts with a process pool of the standard library.

    KMOMENT_TOKEN=… NIGHTLY_JOURNAL=nightly.journal python examples/nightly_processes.py

If one worker is killed, Python ends the whole pool. So the job is begun again, with what the
journal says is left. Without a token it shows itself against a sandbox.
"""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from _nightly import do, left, place

POOLS = 3
"""How often a pool may break."""


def main() -> None:
    with place():
        for _ in range(POOLS):
            try:
                with ProcessPoolExecutor(4, get_context("spawn")) as pool:
                    list(pool.map(do, left()))
                break
            except BrokenProcessPool:
                print("a worker was killed: go on with", len(left()), "accounts")


if __name__ == "__main__":
    main()
