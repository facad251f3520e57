"""A sheet of audiences for three advertisers becomes audiences that are right. Run it every night.

    KMOMENT_TOKEN=… python examples/sheet_job.py audiences.xlsx

What is missing is created, what differs is updated, and a second run changes nothing. Exit code 1
if some failed. Without a sheet and a token it shows itself against a sandbox.
"""

import os
import sys
import tempfile
from pathlib import Path

import kmoment
from kmoment.sandbox import Sandbox

ROWS = """광고계정,이름,유형,나이,성별,지역
1234,강남 20대 여성,디스플레이,20대,여,서울 강남구
5678,판교 직장인,디스플레이,25-44,전체,"분당구, 수지구"
9012,전국 60대,메시지,60+,남녀,전체
"""


def run(moment: kmoment.Client, path: Path, *, dry_run: bool = False) -> bool:
    """Whether all is as the sheet says. An account that fails does not stop the others."""
    drafts = moment.drafts(kmoment.sheets.read(path))  # SheetError names every faulty cell
    outcomes = moment.each_account(
        drafts, lambda it: it.audiences.ensure_many(drafts[it.ad_account_id], dry_run=dry_run)
    ).collect()
    for one in outcomes:
        names = [draft.name for draft in drafts[one.input]]
        print(one.input, one.value if one.ok else f"failed {names}: {one.error}", "", sep="\n")
    return all(one.ok and not one.value.failures() for one in outcomes)


def demo() -> None:
    accounts = (1234, 5678, 9012)
    with Sandbox(accounts=accounts) as sandbox, tempfile.TemporaryDirectory() as folder:
        (path := Path(folder, "audiences.csv")).write_text(ROWS, encoding="utf-8")
        with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
            for dry_run in (True, False, False):
                run(moment, path, dry_run=dry_run)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        try:
            with kmoment.Client() as client:
                sys.exit(not run(client, Path(sys.argv[1])))
        except (kmoment.KmomentError, OSError) as error:
            sys.exit(str(error))
    elif "KMOMENT_TOKEN" in os.environ:
        sys.exit("name the sheet: python examples/sheet_job.py audiences.xlsx")
    else:
        demo()
