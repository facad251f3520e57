"""A tour of kmoment, offline: everything here happens against a sandbox on this machine.

    python examples/demo.py

It loads the tree of all places in Korea, builds an audience from it, takes that audience through
its life, and looks up many keywords and many accounts at once, of which some fail.
"""

import asyncio
import logging

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

import kmoment
from kmoment.batch import progress_bar
from kmoment.sandbox import Sandbox

ACCOUNT = 1234
AT_ONCE = 32

console = Console(highlight=False)


async def main() -> None:
    async with Sandbox(accounts=(ACCOUNT,)) as sandbox:
        console.print(f"A sandbox of Kakao Moment listens at [bold]{sandbox.url}[/]")
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            tree = await load(moment)
            audience = await create(moment, tree)
            await edit(moment, audience.id)
            await links(moment, sandbox, audience.id)
            await clean_up(moment, audience.id)
            await refusal(moment)
            await many(moment)
        console.print(f"\n{len(sandbox.requests()):,} requests, all of them on this machine.")


async def load(moment: kmoment.AsyncClient) -> kmoment.LocationTree:
    """Every district of every province, then every neighbourhood of every district."""
    heading("1", "Find places", f"locations.tree, {AT_ONCE} calls at once; tree.find")
    with progress_bar("districts") as bar:
        tree = await moment.locations.tree(concurrency=AT_ONCE, on_progress=bar)
    console.print(tree)
    for name in ("고성군", "강원 고성군", "역삼동"):
        found = (f"{place} ({place.value})" for place in tree.find(name))
        console.print(f"  {name}: {', '.join(found)}")
    return tree


async def create(moment: kmoment.AsyncClient, tree: kmoment.LocationTree) -> kmoment.Audience:
    """An audience of people in their twenties around Nonhyeon who reacted to an ad before."""
    heading("2", "Create an audience", "AudienceDraft.display, audiences.create")
    account = moment.account(ACCOUNT)
    cohorts = await account.targeting.cohorts()
    draft = kmoment.AudienceDraft.display(
        "20s in Nonhyeon",
        ages=("20", "25"),
        **tree.select("강남구 논현1동", "강남구 논현2동"),
        cohort_targetings=[row.target() for row in cohorts if row.audience_type == "DISPLAY"],
    )
    audience = await account.audiences.create(draft)
    console.print(f"Created audience {audience.id}.")
    table = Table("id", "name", "type", "status", "created")
    for row in await account.audiences.list():
        created = f"{row.created_date:%Y-%m-%d %H:%M}" if row.created_date else ""
        table.add_row(str(row.id), row.name, row.type, row.audience_status, created)
    console.print(table)
    return audience


async def edit(moment: kmoment.AsyncClient, audience_id: int) -> None:
    """An update replaces the whole audience: start from what is there, and nothing is lost."""
    heading("3", "Edit it, losing nothing", "audience.draft().replace(...), audiences.update")
    audiences = moment.account(ACCOUNT).audiences
    before = await audiences.get(audience_id)
    await audiences.update(
        audience_id, before.draft().replace(name="Nonhyeon, women", genders=["F"])
    )
    after = await audiences.get(audience_id)
    table = Table("", "before", "after")
    for field in ("name", "ages", "genders", "depth3_locations", "cohort_targetings"):
        table.add_row(field, shown(getattr(before, field)), shown(getattr(after, field)))
    console.print(table)


async def links(moment: kmoment.AsyncClient, sandbox: Sandbox, audience_id: int) -> None:
    """Kakao links in the ad group's own settings; here the sandbox plays that part."""
    heading("4", "List and remove links", "audiences.ad_groups, audiences.unlink")
    audiences = moment.account(ACCOUNT).audiences
    sandbox.link(audience_id, 1)
    for group in await audiences.ad_groups(audience_id):
        console.print(f"Used by ad group {group.ad_group_id}, {group.ad_group_name!r}: unlinking.")
        await audiences.unlink(audience_id, group.ad_group_id)
    console.print(f"Links left: {len(await audiences.ad_groups(audience_id))}")


async def clean_up(moment: kmoment.AsyncClient, audience_id: int) -> None:
    """One by one, or many at once, where some may fail while the call succeeds."""
    heading("5", "Delete", "audiences.delete, audiences.delete_many")
    audiences = moment.account(ACCOUNT).audiences
    more = [await audiences.create(kmoment.AudienceDraft.message(f"more {n}")) for n in range(3)]
    await audiences.delete(audience_id)
    console.print(f"Deleted audience {audience_id}.")
    result = await audiences.delete_many([audience_id, *(row.id for row in more)])
    for outcome in result.outcomes:
        console.print(f"  {outcome.input}: {outcome.value or outcome.status}")
    console.print(*(f"Kakao says: {message}" for message in result.error_messages or ()), sep="\n")


async def refusal(moment: kmoment.AsyncClient) -> None:
    """A draft that breaks documented rules is refused with all its faults, before it is sent."""
    heading("6", "A draft that breaks rules", "InvalidDraftError")
    bad = kmoment.AudienceDraft(
        " ",
        "MESSAGE",
        ages=("20", "22"),
        location_type="AREA",
        customer_file_targetings=[kmoment.CustomerFileTargeting(customer_file_id=1)],
    )
    try:
        await moment.account(ACCOUNT).audiences.create(bad)
    except kmoment.InvalidDraftError as error:
        console.print(Panel(str(error), title="Refused, nothing was sent", expand=False))


async def many(moment: kmoment.AsyncClient) -> None:
    """Each input has its own outcome; one that fails does not fail the others."""
    heading("7", "Many at once", "locations.depth3_each, each_account, Outcomes")
    keywords = ["논현", "중앙", " ", "역삼"]
    async for outcome in moment.locations.depth3_each(keywords, concurrency=AT_ONCE):
        console.print(f"  {outcome.input!r}: {outcome.status}, {len(outcome.value or ())} places")
    batch = moment.each_account([ACCOUNT, 77], lambda account: account.audiences.list())
    outcomes = await batch.collect()
    console.print(outcomes)
    for failure in outcomes.failures():
        console.print(f"  account {failure.input}: {failure.error}", markup=False)


def heading(number: str, title: str, calls: str) -> None:
    console.print(f"\n[bold cyan]{number}[/] [bold]{title}[/]  [dim]{calls}[/]")


def shown(value: object) -> str:
    """A value in a few words."""
    match value:
        case tuple():
            return ", ".join(map(shown, value))
        case kmoment.Depth3Location():
            return value.depth3_name
        case kmoment.CohortTargeting():
            return f"cohort {value.cohort_id}"
        case None:
            return "all"
        case _:
            return str(value)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main())
