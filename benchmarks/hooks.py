"""CPU time of the reports of a call: without a hook, with a hook, and with the log at DEBUG.

Only the client's own work is measured. The transport answers at once, without a network.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import kmoment
from kmoment._engine.notify import Notifier
from kmoment.hooks import Hook
from kmoment.testing import Script, answer
from measure import heading, repeated, rounds, table
from rows import encoded, locations

CALLS = 2_000  # a round
ROUNDS = 9  # odd, so that the median is a measured value
NOBODY, HOOK, LOG = "no hook", "a hook", "the log at DEBUG"


class Deaf(Hook):
    """A hook that does nothing."""


def calls(
    runner: asyncio.Runner, client: kmoment.AsyncClient, script: Script
) -> Callable[[], None]:
    async def run() -> None:
        for _ in range(CALLS):
            await client.locations.depth3("논현")
        script.requests.clear()

    return lambda: runner.run(run())


def logged(run: Callable[[], None]) -> Callable[[], None]:
    logger = logging.getLogger("kmoment")

    def with_log() -> None:
        logger.setLevel(logging.DEBUG)
        run()
        logger.setLevel(logging.NOTSET)

    return with_log


def main() -> None:
    heading("kmoment")
    logging.getLogger("kmoment").addHandler(logging.NullHandler())
    logging.getLogger("kmoment").propagate = False
    script = Script(then=answer(encoded(locations(2))))
    with asyncio.Runner() as runner:
        silent, heard = script.async_client(), script.async_client(hooks=[Deaf()])
        contest = {
            NOBODY: calls(runner, silent, script),
            HOOK: calls(runner, heard, script),
            LOG: logged(calls(runner, silent, script)),
        }
        table(
            "One call above the network", rounds(contest, ROUNDS, time.process_time), CALLS, NOBODY
        )
        runner.run(silent.aclose())
        runner.run(heard.aclose())
    listeners = Notifier(())
    asked = {"checking for hooks and log": repeated(lambda: listeners.enabled, 100_000)}
    table("Of that", rounds(asked, ROUNDS, time.process_time), 100_000)


if __name__ == "__main__":
    main()
