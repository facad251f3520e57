"""Reading a sheet of 3,000 audiences for three accounts, and settling all its names."""

import gc
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import kmoment
from kmoment import sheets
from kmoment.sandbox import Sandbox
from measure import heading

ROUNDS = 5  # odd, so that the median is a measured value
ROWS = 1000  # audiences of one account
ACCOUNTS = (1234, 5678, 9012)
AGES = ("20-34", "20대", "20~30대", "60+", "전체")
PLACES = ("서울 강남구", "부산", "경기 성남시 분당구", "강남구 논현1동, 논현2동", "")


def main() -> None:
    heading("kmoment")
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(accounts=ACCOUNTS) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        tree = moment.locations.tree()
        for name in ("a.xlsx", "a.csv"):
            path = Path(folder, name)
            kmoment.write(list(_rows(moment)), path)
            sheet = sheets.read(path)
            _show(f"read {name[2:]}", partial(sheets.read, path))
            _show("resolve", partial(moment.drafts, sheet, tree=tree))
        _count(sandbox, moment, sheet, tree)


def _rows(moment: kmoment.Client) -> list[dict[str, object]]:
    channels = {one: moment.account(one).targeting.talk_channels() for one in ACCOUNTS}
    return [
        {
            "ad_account_id": account,
            "name": f"audience {at}",
            "type": "DISPLAY" if at % 2 else "MESSAGE",
            "ages": AGES[at % len(AGES)],
            "genders": ("M", "F", "")[at % 3],
            "places": PLACES[at % len(PLACES)],
            "interests": "sandbox INTEREST I0101" if at % 4 else "I01, I02",
            "channels": channels[account][0].name,
        }
        for account in ACCOUNTS
        for at in range(ROWS)
    ]


def _count(
    sandbox: Sandbox, moment: kmoment.Client, sheet: sheets.Sheet, tree: kmoment.LocationTree
) -> None:
    before = len(sandbox.requests())
    moment.drafts(sheet, tree=tree)
    made = Counter(one["path"] for one in sandbox.requests()[before:])
    for path, count in made.items():
        print(f"  {count} x {path}")


def _show(title: str, call: Callable[[], object]) -> None:
    taken = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1e3)
    print(f"  {title:32}{median(taken):6.0f} ms  ({min(taken):.0f}-{max(taken):.0f})")


if __name__ == "__main__":
    main()
