"""Never run: type checkers read it. Each public method gives exactly this type."""

from typing import Any, assert_type

import kmoment


async def async_api(client: kmoment.AsyncClient) -> None:
    assert_type(await client.locations.depth1(), list[kmoment.Location])
    assert_type(await client.locations.depth2("서울"), list[kmoment.Depth2Location])
    assert_type(await client.locations.depth3("논현"), list[kmoment.Depth3Location])
    assert_type(await client.placements.network_categories(), list[kmoment.NetworkPlacement])
    assert_type(await client.placements.section_categories(), list[kmoment.SectionCategory])
    assert_type(await client.categories.interests(), list[kmoment.CategoryData])
    assert_type(await client.categories.business_types(), list[kmoment.CategoryData])
    assert_type(await client.request("GET", "/x", params={"a": 1}), Any)

    sheet = kmoment.sheets.read("a.csv")
    assert_type(await client.drafts(sheet), dict[int, list[kmoment.AudienceDraft]])

    account = client.account(1)
    assert_type(account, kmoment.AsyncAccount)
    assert_type(account.ad_account_id, int)
    draft = kmoment.AudienceDraft.display("x")
    assert_type(await account.audiences.list(), list[kmoment.AudienceSummary])
    assert_type(await account.audiences.get(1), kmoment.Audience)
    assert_type(await account.audiences.create(draft), kmoment.Audience)
    assert_type(await account.audiences.update(1, draft), kmoment.Audience)
    assert_type(await account.audiences.delete_many([1]), kmoment.BulkDeleteResult)
    assert_type(await account.audiences.ad_groups(1), list[kmoment.AudienceAdGroup])
    # These two return nothing; asking for a value is an error of its own.
    await account.audiences.delete(1)
    await account.audiences.unlink(1, 2)

    targeting = account.targeting
    assert_type(await targeting.cohorts(), list[kmoment.CohortAvailable])
    assert_type(await targeting.pixel_events("1", term=30), list[kmoment.PixelAndSdkEvent])
    assert_type(await targeting.customer_files(), list[kmoment.CustomerFile])
    assert_type(await targeting.talk_channels(), list[kmoment.ChannelProfile])
    assert_type(await targeting.sync_profiles(), list[kmoment.SyncProfile])
    assert_type(await targeting.friend_groups("_x"), list[kmoment.TalkChannelGroupFile])
    assert_type(await account.audiences.find("x"), kmoment.AudienceSummary)
    assert_type(await account.audiences.edit(1, name="x"), kmoment.Audience)
    assert_type(await account.audiences.wait(1, 2), list[kmoment.AudienceSummary])
    outcomes = await account.audiences.wait_each(1)
    assert_type(outcomes, kmoment.Outcomes[int, kmoment.AudienceSummary])
    assert_type(await account.audiences.ensure(draft), kmoment.Ensured)
    ensured = await account.audiences.ensure_many([draft], dry_run=True)
    assert_type(ensured, kmoment.EnsureOutcomes)
    assert_type(ensured.values()[0].audience, kmoment.Audience | None)
    assert_type(draft.differences(draft), tuple[kmoment.Difference, ...])
    deleting = await account.audiences.plan_delete([1])
    assert_type(deleting, kmoment.AsyncDeletePlan)
    assert_type(await deleting.apply(unlink=True), kmoment.BulkDeleteResult)
    linking = await account.audiences.plan_link(1, 2, like=3)
    assert_type(linking, kmoment.AsyncLinkPlan)
    assert_type(await linking.apply(), kmoment.LinkResult)
    assert_type(await client.accounts.list(config="ON"), list[kmoment.AdAccount])
    assert_type(await client.accounts.pages(), kmoment.AdAccountPage)
    assert_type(await client.accounts.get(1), kmoment.AdAccount)
    assert_type(await client.accounts.balance(1), kmoment.AdAccountBalance)
    assert_type(await account.trackers.list(), list[kmoment.Tracker])
    assert_type(await account.trackers.rights(), list[kmoment.TrackRight])
    assert_type(await account.ad_groups.list(1), list[kmoment.AdGroup])
    assert_type(await account.ad_groups.get(1), kmoment.AdGroup)
    assert_type(await account.channel_profiles(), list[kmoment.ChannelProfile])
    assert_type(await account.customer_data(), list[kmoment.CustomerData])


def sync_api(client: kmoment.Client) -> None:
    assert_type(client.locations.depth1(), list[kmoment.Location])
    assert_type(client.locations.depth2("서울"), list[kmoment.Depth2Location])
    assert_type(client.locations.depth3("논현"), list[kmoment.Depth3Location])
    assert_type(client.placements.network_categories(), list[kmoment.NetworkPlacement])
    assert_type(client.placements.section_categories(), list[kmoment.SectionCategory])
    assert_type(client.categories.interests(), list[kmoment.CategoryData])
    assert_type(client.categories.business_types(), list[kmoment.CategoryData])
    assert_type(client.request("GET", "/x", params={"a": 1}), Any)

    sheet = kmoment.sheets.read("a.csv")
    assert_type(client.drafts(sheet), dict[int, list[kmoment.AudienceDraft]])

    account = client.account(1)
    assert_type(account, kmoment.Account)
    assert_type(account.ad_account_id, int)
    draft = kmoment.AudienceDraft.display("x")
    assert_type(account.audiences.list(), list[kmoment.AudienceSummary])
    assert_type(account.audiences.get(1), kmoment.Audience)
    assert_type(account.audiences.create(draft), kmoment.Audience)
    assert_type(account.audiences.update(1, draft), kmoment.Audience)
    assert_type(account.audiences.delete_many([1]), kmoment.BulkDeleteResult)
    assert_type(account.audiences.ad_groups(1), list[kmoment.AudienceAdGroup])
    # These two return nothing; asking for a value is an error of its own.
    account.audiences.delete(1)
    account.audiences.unlink(1, 2)

    targeting = account.targeting
    assert_type(targeting.cohorts(), list[kmoment.CohortAvailable])
    assert_type(targeting.pixel_events("1", term=30), list[kmoment.PixelAndSdkEvent])
    assert_type(targeting.customer_files(), list[kmoment.CustomerFile])
    assert_type(targeting.talk_channels(), list[kmoment.ChannelProfile])
    assert_type(targeting.sync_profiles(), list[kmoment.SyncProfile])
    assert_type(targeting.friend_groups("_x"), list[kmoment.TalkChannelGroupFile])
    assert_type(account.audiences.find("x"), kmoment.AudienceSummary)
    assert_type(account.audiences.edit(1, name="x"), kmoment.Audience)
    assert_type(account.audiences.wait(1, 2), list[kmoment.AudienceSummary])
    outcomes = account.audiences.wait_each(1)
    assert_type(outcomes, kmoment.Outcomes[int, kmoment.AudienceSummary])
    assert_type(account.audiences.ensure(draft), kmoment.Ensured)
    ensured = account.audiences.ensure_many([draft], dry_run=True)
    assert_type(ensured, kmoment.EnsureOutcomes)
    assert_type(ensured.values()[0].change, kmoment.Change)
    deleting = account.audiences.plan_delete([1])
    assert_type(deleting, kmoment.DeletePlan)
    assert_type(deleting.apply(unlink=True), kmoment.BulkDeleteResult)
    linking = account.audiences.plan_link(1, 2, like=3)
    assert_type(linking, kmoment.LinkPlan)
    assert_type(linking.apply(), kmoment.LinkResult)
    assert_type(client.accounts.list(config="ON"), list[kmoment.AdAccount])
    assert_type(client.accounts.pages(), kmoment.AdAccountPage)
    assert_type(client.accounts.get(1), kmoment.AdAccount)
    assert_type(client.accounts.balance(1), kmoment.AdAccountBalance)
    assert_type(account.trackers.list(), list[kmoment.Tracker])
    assert_type(account.trackers.rights(), list[kmoment.TrackRight])
    assert_type(account.ad_groups.list(1), list[kmoment.AdGroup])
    assert_type(account.ad_groups.get(1), kmoment.AdGroup)
    assert_type(account.channel_profiles(), list[kmoment.ChannelProfile])
    assert_type(account.customer_data(), list[kmoment.CustomerData])


async def count(account: kmoment.AsyncAccount) -> int:
    return len(await account.audiences.list())


async def async_batches(client: kmoment.AsyncClient, tree: kmoment.LocationTree) -> None:
    batch = client.locations.depth3_each(["논현"])
    assert_type(batch, kmoment.AsyncBatch[str, list[kmoment.Depth3Location]])
    async for outcome in batch:
        assert_type(outcome, kmoment.Outcome[str, list[kmoment.Depth3Location]])
        assert_type(outcome.result(), list[kmoment.Depth3Location])
        if outcome.ok:
            assert_type(outcome.value, list[kmoment.Depth3Location])
    outcomes = await client.each_account([1], count).collect()
    assert_type(outcomes, kmoment.Outcomes[int, int])
    assert_type(outcomes.values(), list[int])
    assert_type(outcomes.retryable(), list[int])
    each = client.each(client.account(1).audiences.get, [1])
    assert_type(each, kmoment.AsyncBatch[int, kmoment.Audience])
    assert_type(await client.locations.tree(), kmoment.LocationTree)
    kmoment.AudienceDraft.display("x", **tree.select("I"))
    kmoment.AudienceDraft.display("x").replace(**tree.select("I", ("서울", None)))
    assert_type(tree.find("서울"), tuple[kmoment.places.Place, ...])
    assert_type(tree.resolve(["서울"]), kmoment.places.Resolution[kmoment.places.Place])
    assert_type(kmoment.places.korea().one("서울"), kmoment.places.OfficialPlace)


def sync_batches(client: kmoment.Client) -> None:
    for outcome in client.locations.depth3_each(["논현"]):
        assert_type(outcome, kmoment.Outcome[str, list[kmoment.Depth3Location]])
    sizes = client.each_account([1], lambda account: len(account.audiences.list()))
    assert_type(sizes, kmoment.Batch[int, int])
    assert_type(sizes.collect().values(), list[int])
    assert_type(client.locations.tree(), kmoment.LocationTree)


async def closing() -> None:
    async with kmoment.AsyncClient("token") as client:
        assert_type(client, kmoment.AsyncClient)
    await client.aclose()


def sync_closing() -> None:
    with kmoment.Client("token") as client:
        assert_type(client, kmoment.Client)
    client.close()


def models(audience: kmoment.Audience, cohort: kmoment.CohortAvailable) -> None:
    assert_type(audience.draft(), kmoment.AudienceDraft)
    assert_type(audience.draft().replace(name="y", ages=["20"]), kmoment.AudienceDraft)
    assert_type(audience.ages, tuple[kmoment.Age, ...] | None)
    assert_type(audience.depth3_locations, tuple[kmoment.Depth3Location, ...] | None)
    assert_type(cohort.target(), kmoment.CohortTargeting)
    assert_type(kmoment.AudienceDraft("x", "DISPLAY").violations(), tuple[kmoment.Violation, ...])
    kmoment.AudienceDraft.message("x", talk_channel_group_targetings=[])
    kmoment.AudienceDraft.display("x", ages=("20", kmoment.Age.AGE_25), genders=["M"])


def tables(audience: kmoment.Audience) -> None:
    assert_type(kmoment.rows([audience]), list[dict[str, Any]])
    assert_type(kmoment.write({1: [audience]}, "x.csv"), int)
    assert_type(audience.to_row(), dict[str, Any])


def errors(error: kmoment.APIError, consent: kmoment.ConsentRequiredError) -> None:
    assert_type(error.status, int | None)
    assert_type(error.detail_code, int | None)
    assert_type(error.request_sent, bool | None)
    assert_type(consent.required_scopes, tuple[str, ...])
