"""A nightly job in a process of its own: one audience for each account. It kills itself on order.

    python tests/helpers/journal_worker.py URL TOKEN JOURNAL async|blocking POINT NTH ACCOUNT…

POINT is ``before`` (a create is about to be sent), ``after`` (it was answered), ``end`` (the job is
done, and its end is not recorded) or ``never``; NTH counts these moments from 1.
"""

import asyncio
import os
import signal
import sys
from itertools import count

import kmoment
from kmoment.hooks import AttemptEnd, AttemptStart, Hook

NAME = "nightly"
RUN = "monday"


class Killer(Hook):
    """Kills the process at the moment that was ordered."""

    def __init__(self, point: str, nth: int) -> None:
        self.point, self.nth, self.met = point, nth, count(1)

    def reached(self, point: str) -> None:
        if point == self.point and next(self.met) == self.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_attempt_start(self, event: AttemptStart) -> None:
        if event.operation == "audiences.create":
            self.reached("before")

    def on_attempt_end(self, event: AttemptEnd) -> None:
        if event.operation == "audiences.create":
            self.reached("after")


def main(arguments: list[str]) -> None:
    url, token, where, kind, point, nth = arguments[:6]
    accounts = [int(text) for text in arguments[6:]]
    killer, journal = Killer(point, int(nth)), kmoment.Journal(where, run=RUN)
    draft = kmoment.AudienceDraft.display(NAME)

    def blocking(account: kmoment.Account) -> int:
        made = account.audiences.create(draft).id
        killer.reached("end")
        return made

    async def asynchronous(account: kmoment.AsyncAccount) -> int:
        made = (await account.audiences.create(draft)).id
        killer.reached("end")
        return made

    async def use_async() -> "kmoment.Outcomes[int, int]":
        async with kmoment.AsyncClient(token, base_url=url, hooks=[killer]) as moment:
            batch = moment.each_account(accounts, asynchronous, concurrency=3, journal=journal)
            return await batch.collect()

    if kind == "async":
        outcomes = asyncio.run(use_async())
    else:
        with kmoment.Client(token, base_url=url, hooks=[killer]) as moment:
            batch = moment.each_account(accounts, blocking, concurrency=3, journal=journal)
            outcomes = batch.collect()
    for outcome in outcomes:
        print(outcome.input, outcome.status)


if __name__ == "__main__":
    main(sys.argv[1:])
