"""A nightly report: the audiences of 50 ad accounts in one Excel workbook.

    KMOMENT_TOKEN=… python examples/nightly_report.py 1234 5678 …

One account's error is a row of the second sheet and does not stop the others. Without accounts and
a token it shows itself against a sandbox. Needs kmoment[excel].
"""

import os
import sys
import tempfile
from datetime import date
from pathlib import Path

import kmoment
from kmoment.sandbox import Sandbox


def report(moment: kmoment.Client, ids: list[int], folder: Path) -> Path:
    """Write the workbook. Its path."""
    outcomes = moment.each_account(ids, lambda account: account.audiences.list()).collect()
    sheets = {
        "오디언스": [
            row for row in kmoment.rows(outcomes, inputs="ad_account_id") if row.get("id")
        ],
        "오류": kmoment.rows(outcomes.failures(), inputs="ad_account_id"),
    }
    path = folder / f"audiences-{date.today():%Y-%m-%d}.xlsx"
    kmoment.write(sheets, path, labels="ko")
    print(outcomes, "rows:", {title: len(rows) for title, rows in sheets.items()})
    return path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with kmoment.Client() as moment:
            print(report(moment, [int(text) for text in sys.argv[1:]], Path()))
    elif "KMOMENT_TOKEN" in os.environ:
        sys.exit("name the ad accounts: python examples/nightly_report.py 1234 5678")
    else:
        accounts = range(1001, 1050)
        with (
            Sandbox(accounts=accounts) as sandbox,
            kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
            tempfile.TemporaryDirectory() as folder,
        ):
            report(moment, [*accounts, 999], Path(folder))
