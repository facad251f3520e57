"""A sheet of 3,000 audiences for three accounts: reading it, settling its names, and a dry run.

The dry run finds every tenth audience there. It counts all requests, but for those of the tree.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import kmoment
from kmoment import sheets
from kmoment.sandbox import Sandbox
from measure import heading, show_time

ROUNDS = 5  # odd, so that the median is a measured value
ROWS = 1000  # audiences of one account
ACCOUNTS = (1234, 5678, 9012)
THERE = 10  # every such audience of the sheet is there
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
        for account, drafts in moment.drafts(sheet, tree=tree).items():
            moment.account(account).audiences.ensure_many(drafts[::THERE]).raise_if_failed()
        dry_run = partial(_dry_run, moment, path, tree)
        _count(sandbox, dry_run)
        show_time("read, resolve and dry run", dry_run, ROUNDS)


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


def _dry_run(moment: kmoment.Client, path: Path, tree: kmoment.LocationTree) -> Counter[str]:
    """What would be done, as a count of each change."""
    changes: Counter[str] = Counter()
    for account, drafts in moment.drafts(sheets.read(path), tree=tree).items():
        outcomes = moment.account(account).audiences.ensure_many(drafts, dry_run=True)
        changes.update(str(one.change) for one in outcomes.raise_if_failed().values())
    return changes


def _count(sandbox: Sandbox, dry_run: Callable[[], Counter[str]]) -> None:
    """Print what one dry run finds, and its requests by kind, from the sandbox's log."""
    before = len(sandbox.requests())
    print(f"  dry run of {ROWS} rows for each of {len(ACCOUNTS)} accounts: {dict(dry_run())}")
    made = Counter(
        (it["method"], it["endpoint"], it["account"]) for it in sandbox.requests()[before:]
    )
    for (method, endpoint, account), count in made.items():
        print(f"  {count:6} x {method} {endpoint}{f' of {account}' if account else ''}")


if __name__ == "__main__":
    main()
