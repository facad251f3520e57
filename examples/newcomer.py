"""From a token to a linked audience: the ids are found, and each step is shown before it is done.

    python examples/newcomer.py

First in asyncio, then the same in blocking code. It runs against a sandbox on this machine. With a
token of yours, leave the sandbox out: ``kmoment.Client(token)``. Linking is experimental: it was
never tried on the live API, so look at what the plan prints.
"""

import asyncio
import tempfile
from pathlib import Path

import kmoment
from kmoment.sandbox import Sandbox

NAME = "Came to our site in the last 30 days"


async def in_asyncio(moment: kmoment.AsyncClient, sandbox: Sandbox) -> None:
    (own, *_) = await moment.accounts.list()
    print("account", own.id, own.name, own.config)
    account = moment.account(own.id)

    (tracker, *_) = await account.trackers.list()
    (event, *_) = await account.targeting.pixel_events(tracker.id, term=30)
    print("tracker", tracker.id, "has", event.event_name, "of", event.population, "people")

    draft = kmoment.AudienceDraft.display(NAME, tracker_targetings=[event.target(tracker.id)])
    audience = await account.audiences.create(draft)
    sandbox.advance(60)  # its clock: Kakao needs its time to prepare an audience
    (ready,) = await account.audiences.wait(audience.id)
    print("audience", ready.id, "is", ready.audience_status)

    other = await account.audiences.find("first_audience")
    like, target, *_ = await account.audiences.ad_groups(other.id)
    plan = await account.audiences.plan_link(audience.id, target.ad_group_id, like=like.ad_group_id)
    print(plan)
    await plan.apply()

    groups = await account.audiences.ad_groups(audience.id)
    save(groups, account.ad_account_id)
    for group in groups:
        print("used by ad group", group.ad_group_id, group.ad_group_name)
        await account.audiences.unlink(audience.id, group.ad_group_id)
    await account.audiences.delete(audience.id, if_unused=True)
    print("deleted\n")


def in_blocking_code(moment: kmoment.Client, sandbox: Sandbox) -> None:
    (own, *_) = moment.accounts.list()
    print("account", own.id, own.name, own.config)
    account = moment.account(own.id)

    (tracker, *_) = account.trackers.list()
    (event, *_) = account.targeting.pixel_events(tracker.id, term=30)
    print("tracker", tracker.id, "has", event.event_name, "of", event.population, "people")

    draft = kmoment.AudienceDraft.display(NAME, tracker_targetings=[event.target(tracker.id)])
    audience = account.audiences.create(draft)
    sandbox.advance(60)
    (ready,) = account.audiences.wait(audience.id)
    print("audience", ready.id, "is", ready.audience_status)

    other = account.audiences.find("first_audience")
    like, target, *_ = account.audiences.ad_groups(other.id)
    plan = account.audiences.plan_link(audience.id, target.ad_group_id, like=like.ad_group_id)
    print(plan)
    plan.apply()

    groups = account.audiences.ad_groups(audience.id)
    save(groups, account.ad_account_id)
    for group in groups:
        print("used by ad group", group.ad_group_id, group.ad_group_name)
        account.audiences.unlink(audience.id, group.ad_group_id)
    account.audiences.delete(audience.id, if_unused=True)
    print("deleted")


def save(groups: list[kmoment.AudienceAdGroup], account: int) -> None:
    """As a file that Excel opens; ``.xlsx`` works too, with ``pip install kmoment[excel]``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "links.csv"
        kmoment.write(groups, path, excel=True, ad_account_id=account)
        print(path.read_text(encoding="utf-8-sig").strip())


async def main() -> None:
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        await in_asyncio(moment, sandbox)


if __name__ == "__main__":
    asyncio.run(main())
    with (
        Sandbox() as own_sandbox,
        kmoment.Client(own_sandbox.token, base_url=own_sandbox.url) as client,
    ):
        in_blocking_code(client, own_sandbox)
