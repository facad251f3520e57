"""A sheet of audiences for three advertisers becomes audiences that are right. Run it every night.

    KMOMENT_TOKEN=… python examples/sheet_job.py audiences.xlsx

What is missing is created, what differs is updated, and a second run changes nothing. Without a
token it shows itself against a sandbox.
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


def run(moment: kmoment.Client, path: Path, *, dry_run: bool = False) -> None:
    drafts = moment.drafts(kmoment.sheets.read(path))  # SheetError names every faulty cell
    for ad_account_id, own in drafts.items():
        audiences = moment.account(ad_account_id).audiences
        print(ad_account_id, audiences.ensure_many(own, dry_run=dry_run), sep="\n", end="\n\n")


if __name__ == "__main__":
    if "KMOMENT_TOKEN" in os.environ:
        with kmoment.Client() as moment:
            run(moment, Path(sys.argv[1]))
    else:
        with (
            Sandbox(accounts=(1234, 5678, 9012)) as sandbox,
            tempfile.TemporaryDirectory() as folder,
        ):
            (path := Path(folder, "audiences.csv")).write_text(ROWS, encoding="utf-8")
            with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
                for dry_run in (True, False, False):
                    run(moment, path, dry_run=dry_run)
