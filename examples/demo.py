"""A tour of kmoment, offline: everything here happens against a sandbox on this machine.

    python examples/demo.py

It crawls all of Korea's administrative areas concurrently, builds an audience from what it
found, and takes that audience through its life.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress
from rich.table import Table

import kmoment
from kmoment.sandbox import Sandbox

ACCOUNT = 1234
AT_ONCE = 32

console = Console(highlight=False)
T = TypeVar("T")


async def main() -> None:
    async with Sandbox(accounts=(ACCOUNT,)) as sandbox:
        console.print(f"A sandbox of Kakao Moment listens at [bold]{sandbox.url}[/]")
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            places = await crawl(moment)
            audience = await create(moment, places)
            await edit(moment, audience.id)
            await links(moment, sandbox, audience.id)
            await clean_up(moment, audience.id)
            await refusal(moment)
        console.print(f"\n{len(sandbox.requests()):,} requests, all of them on this machine.")


async def crawl(moment: kmoment.AsyncClient) -> list[kmoment.Depth3Location]:
    """Every district of every province, then every neighbourhood of every district."""
    heading("1", "Find places", "locations.depth1 / depth2 / depth3, 32 at once")
    provinces = [row for row in await moment.locations.depth1() if row.value not in "UZ"]
    with Progress(console=console, transient=True) as bars:
        names = [row.description for row in provinces]
        districts = await collect(bars, "districts", moment.locations.depth2, names)
        names = [row.description for row in districts]
        places = await collect(bars, "neighbourhoods", moment.locations.depth3, names)
    counts = f"{len(provinces)} provinces, {len(districts)} districts, {len(places):,}"
    console.print(f"Found {counts} neighbourhoods.")
    return places


async def create(
    moment: kmoment.AsyncClient, places: Iterable[kmoment.Depth3Location]
) -> kmoment.Audience:
    """An audience of people in their twenties around Nonhyeon who reacted to an ad before."""
    heading("2", "Create an audience", "AudienceDraft.display, audiences.create")
    account = moment.account(ACCOUNT)
    cohorts = await account.targeting.cohorts()
    draft = kmoment.AudienceDraft.display(
        "20s in Nonhyeon",
        ages=("20", "25"),
        depth3_locations=[
            row
            for row in places
            if row.depth2_name == "강남구" and row.depth3_name.startswith("논현")
        ],
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
    heading("4", "See and cut links", "audiences.ad_groups, audiences.unlink")
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
    console.print(f"Deleted {result.success_count} more; {result.fail_count} failed:")
    console.print(*(f"  {message}" for message in result.error_messages or ()), sep="\n")


async def refusal(moment: kmoment.AsyncClient) -> None:
    """A draft that breaks documented rules is refused with all its faults, before it is sent."""
    heading("6", "A draft that cannot be", "InvalidDraftError")
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


async def collect(
    bars: Progress,
    what: str,
    look_up: Callable[[str], Coroutine[Any, Any, list[T]]],
    keywords: Sequence[str],
) -> list[T]:
    """Look up every keyword, a bounded number at once, while a bar shows how far it is."""
    bar = bars.add_task(what, total=len(keywords))
    free = asyncio.Semaphore(AT_ONCE)

    async def one(keyword: str) -> list[T]:
        async with free:
            rows = await look_up(keyword)
        bars.advance(bar)
        return rows

    answers = await asyncio.gather(*map(one, keywords))
    return [row for rows in answers for row in rows]


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
