"""Reading a sheet of 3,000 audiences for three accounts, and settling all its names."""

import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import kmoment
from kmoment import sheets
from kmoment.sandbox import Sandbox
from measure import heading, show_time

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
            show_time(f"read {name[2:]}", partial(sheets.read, path), ROUNDS)
            show_time("resolve", partial(moment.drafts, sheet, tree=tree), ROUNDS)
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


if __name__ == "__main__":
    main()
