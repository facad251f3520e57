"""How many audiences has each of many ad accounts? A script for an agency, in plain code.

    KMOMENT_TOKEN=… python examples/accounts.py 1234 5678 …

Without a token it shows itself against a sandbox. One account's error does not stop the others;
what may be tried again is, once.
"""

import os
import sys
from collections import Counter

import kmoment
from kmoment.sandbox import Sandbox


def by_status(account: kmoment.Account) -> Counter[str]:
    return Counter(str(row.audience_status) for row in account.audiences.list())


def report(moment: kmoment.Client, ids: list[int]) -> None:
    outcomes = moment.each_account(ids, by_status).collect()
    if again := outcomes.retryable():
        outcomes += moment.each_account(again, by_status).collect()
    for outcome in outcomes:
        print(outcome.input, dict(outcome.result()) if outcome.ok else outcome.error)


def main() -> None:
    if "KMOMENT_TOKEN" in os.environ:
        with kmoment.Client() as moment:
            report(moment, [int(text) for text in sys.argv[1:]])
        return
    with (
        Sandbox(accounts=(1234, 5678)) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        report(moment, [1234, 5678, 9999])


if __name__ == "__main__":
    main()
