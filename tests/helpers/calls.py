"""One row per endpoint: the call, the request it must send, the answer, and the value.

Each row runs with both clients, on a scripted transport and against the sandbox.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import attrs

import kmoment
from helpers.samples import sample
from kmoment._protocol.converter import SEOUL

V4: Final = "/openapi/v4"
DRAFT: Final = kmoment.AudienceDraft.display("20s", ages=("20", "25"), genders=("F",))
DRAFT_BODY: Final = {
    "adAccountId": 1234,
    "name": "20s",
    "type": "DISPLAY",
    "ageType": "NOT_ALL",
    "ages": ["20", "25"],
    "genderType": "NOT_ALL",
    "genders": ["F"],
    "locationType": "ALL",
}
STORED: Final = {k: v for k, v in DRAFT_BODY.items() if k != "locationType"} | {"id": 9}
PAGE: Final = {
    "content": [{"id": 1234, "name": "mine", "memberType": "MASTER", "config": "ON"}],
    "number": 0,
    "size": 5,
    "totalElements": 1,
    "totalPages": 1,
}
RIGHT_DATES: Final = {
    "createdDate": "2024-01-02T09:00:00.000",
    "lastEventDate": "2024-01-03T09:00:00.000+00:00",
}
C1: Final = {"id": 1}


@attrs.frozen
class Row:
    """One call. *call* takes either client. With an async client it returns an awaitable."""

    name: str
    call: Callable[[Any], Any]
    method: str
    path: str
    answer: Any
    expect: Callable[[Any], bool]
    query: dict[str, str] = attrs.field(factory=dict)
    body: Any = None
    account: str | None = None


def account_row(*args: Any, **kwargs: Any) -> Row:
    row = Row(*args, **kwargs)
    return attrs.evolve(row, account="1234")


def first(**members: Any) -> Callable[[Any], bool]:
    """A check that the first row has these members."""
    return lambda rows: has(**members)(rows[0])


def has(**members: Any) -> Callable[[Any], bool]:
    """A check that the value has these members."""

    def holds(value: Any) -> bool:
        for name, expected in members.items():
            assert getattr(value, name) == expected, f"{name} of {value}"
        return True

    return holds


ROWS: Final = (
    account_row(
        "audiences.list",
        lambda c: c.account(1234).audiences.list(),
        "GET",
        f"{V4}/targetings/audiences",
        sample("audiences.list").json,
        first(
            id=1,
            name="first_audience",
            audience_status=kmoment.AudienceStatus.AVAILABLE,
            type=kmoment.AudienceType.DISPLAY,
            created_date=datetime(2021, 5, 3, 18, 50, 54, tzinfo=SEOUL),
        ),
    ),
    account_row(
        "audiences.get",
        lambda c: c.account(1234).audiences.get(1),
        "GET",
        f"{V4}/targetings/audiences/1",
        sample("audiences.get").json,
        has(id=1, name="first_audience", genders=("M",), ages=None, population_score=10000),
    ),
    account_row(
        "audiences.create",
        lambda c: c.account(1234).audiences.create(DRAFT),
        "POST",
        f"{V4}/targetings/audiences",
        STORED,
        has(name="20s", ages=("20", "25"), genders=("F",), audience_status=None),
        body=DRAFT_BODY,
    ),
    account_row(
        "audiences.update",
        lambda c: c.account(1234).audiences.update(2, DRAFT),
        "PUT",
        f"{V4}/targetings/audiences",
        STORED | {"id": 2},
        has(id=2, name="20s", ages=("20", "25")),
        body=DRAFT_BODY | {"id": 2},
    ),
    account_row(
        "audiences.delete",
        lambda c: c.account(1234).audiences.delete(3),
        "DELETE",
        f"{V4}/targetings/audiences/3",
        b"",
        lambda value: value is None,
    ),
    account_row(
        "audiences.delete_many",
        lambda c: c.account(1234).audiences.delete_many([2, 99999, 2]),
        "DELETE",
        f"{V4}/targetings/audiences",
        sample("audiences.delete_many").json,
        has(success_count=1, fail_count=1),
        query={"audienceIds": "2,99999"},
    ),
    account_row(
        "audiences.ad_groups",
        lambda c: c.account(1234).audiences.ad_groups(1),
        "GET",
        f"{V4}/targetings/audiences/1/adGroups",
        sample("audiences.ad_groups").json,
        first(
            campaign_id=1,
            ad_group_id=1,
            ad_group_name="first_ad_group",
            ad_group_type=kmoment.AdGroupType.DISPLAY,
            campaign_type_goal=kmoment.CampaignTypeGoal(
                campaign_type=kmoment.CampaignType.TALK_BIZ_BOARD, goal=kmoment.Goal.VISITING
            ),
        ),
    ),
    account_row(
        "audiences.unlink",
        lambda c: c.account(1234).audiences.unlink(1, 3),
        "PUT",
        f"{V4}/targetings/audiences/1/unlink",
        b"",
        lambda value: value is None,
        query={"adGroupId": "3"},
    ),
    Row(
        "locations.depth1",
        lambda c: c.locations.depth1(),
        "GET",
        f"{V4}/targetings/location/depth1",
        sample("locations.depth1").json,
        first(value="A"),
    ),
    Row(
        "locations.depth2",
        lambda c: c.locations.depth2(" 서울 "),
        "GET",
        f"{V4}/targetings/location/depth2",
        sample("locations.depth2").json,
        first(
            value="I1000",
            description="서울특별시 강남구",
            depth1_name="서울특별시",
            depth2_name="강남구",
        ),
        query={"keyword": "서울"},
    ),
    Row(
        "locations.depth3",
        lambda c: c.locations.depth3("논현"),
        "GET",
        f"{V4}/targetings/location/depth3",
        sample("locations.depth3").json,
        lambda rows: {row.value for row in rows} >= {"I10000101", "I10000102"},
        query={"keyword": "논현"},
    ),
    Row(
        "placements.network_categories",
        lambda c: c.placements.network_categories(),
        "GET",
        f"{V4}/targetings/placement/adServingCategories",
        sample("placements.network_categories").json,
        first(code="IAB16", name="애완동물"),
    ),
    Row(
        "placements.section_categories",
        lambda c: c.placements.section_categories(),
        "GET",
        f"{V4}/targetings/placement/sectionCategories",
        sample("placements.section_categories").json,
        first(code="KKO99-1", name="채팅탭에만 노출"),
    ),
    Row(
        "categories.list",
        lambda c: c.categories.interests(),
        "GET",
        f"{V4}/targetings/data/categories",
        sample("categories.list").json,
        lambda rows: [len(row.id) for row in rows[:3]] == [3, 5, 7],
        query={"type": "INTEREST"},
    ),
    Row(
        "categories.list",
        lambda c: c.categories.business_types(),
        "GET",
        f"{V4}/targetings/data/categories",
        sample("categories.list").json,
        lambda rows: len(rows[0].id) == 3,
        query={"type": "BUSINESS_TYPE"},
    ),
    account_row(
        "targeting.cohorts",
        lambda c: c.account(1234).targeting.cohorts(),
        "GET",
        f"{V4}/adGroups/targetings/cohort/availables",
        sample("targeting.cohorts").json,
        first(
            id=1,
            ad_account_id=1234,
            collect_duration=90,
            base_ads=(
                kmoment.BaseAd(
                    campaign=kmoment.BaseAdCampaign(
                        id=5678,
                        name="first_campaign",
                        campaign_type_goal=kmoment.CampaignTypeGoal(
                            campaign_type=kmoment.CampaignType.DISPLAY, goal=kmoment.Goal.VISITING
                        ),
                    ),
                    ad_group=kmoment.BaseAdGroup(id=9012, name="first_ad_group"),
                    operation=kmoment.BaseAdOperation.MINUS,
                    first_indicator=kmoment.Indicator.OPEN,
                    second_indicator=kmoment.Indicator.CLICK,
                ),
            ),
            created_date=datetime(2018, 2, 7, 10, 46, 12, tzinfo=SEOUL),
        ),
    ),
    account_row(
        "targeting.pixel_events",
        lambda c: c.account(1234).targeting.pixel_events("3830610710806837838", term=30),
        "GET",
        f"{V4}/adGroups/targetings/trackers/eventCreatables/3830610710806837838",
        sample("targeting.pixel_events").json,
        first(
            event_code="*",
            population=15300000,
            track_rule=None,
            last_event_date=datetime(2019, 10, 16, 19, 36, tzinfo=SEOUL),
        ),
        query={"term": "30"},
    ),
    account_row(
        "targeting.customer_files",
        lambda c: c.account(1234).targeting.customer_files(),
        "GET",
        f"{V4}/adGroups/targetings/customerFiles/availables",
        sample("targeting.customer_files").json,
        first(
            id=1,
            status=kmoment.CustomerFileStatus.COMPLETE,
            ready=True,
            population_score=100,
            created_date=datetime(2020, 1, 1, tzinfo=SEOUL),
        ),
    ),
    account_row(
        "targeting.talk_channels",
        lambda c: c.account(1234).targeting.talk_channels(),
        "GET",
        f"{V4}/adGroups/targetings/talkChannels/availables",
        sample("targeting.talk_channels").json,
        first(id="_xbHxd", name="first_friend", search_id="first_friend"),
    ),
    account_row(
        "targeting.sync_profiles",
        lambda c: c.account(1234).targeting.sync_profiles(),
        "GET",
        f"{V4}/adGroups/targetings/syncProfiles/availables",
        sample("targeting.sync_profiles").json,
        first(id="_XLd", search_id="now_profile_exist"),
    ),
    account_row(
        "targeting.friend_groups",
        lambda c: c.account(1234).targeting.friend_groups("_Xxju"),
        "GET",
        f"{V4}/adGroups/targetings/talkChannelGroupFiles/availables",
        sample("targeting.friend_groups").json,
        first(
            id=1468,
            file_type=kmoment.FriendGroupFileType.MESSAGE_RETARGET,
            talk_channel_group_file_status=kmoment.FriendGroupStatus.COMPLETE,
        ),
        query={"profileId": "_Xxju"},
    ),
    Row(
        "accounts.pages",
        lambda c: c.accounts.list(),
        "GET",
        f"{V4}/adAccounts/pages",
        PAGE,
        first(
            id=1234,
            member_type=kmoment.MemberType.MASTER,
            config=kmoment.AdAccountConfig.ON,
        ),
        query={"page": "0", "size": "100"},
    ),
    Row(
        "accounts.pages",
        lambda c: c.accounts.pages(0, config="ON", size=5),
        "GET",
        f"{V4}/adAccounts/pages",
        PAGE,
        has(number=0, size=5, total_elements=1, total_pages=1),
        query={"config": "ON", "page": "0", "size": "5"},
    ),
    Row(
        "accounts.get",
        lambda c: c.accounts.get(1234),
        "GET",
        f"{V4}/adAccounts/1234",
        {"id": 1234, "name": "mine", "config": "ON", "businessName": "kept"},
        has(id=1234, config="ON"),
    ),
    account_row(
        "accounts.balance",
        lambda c: c.accounts.balance(1234),
        "GET",
        f"{V4}/adAccounts/balance",
        {"id": 1234, "bizWalletId": 1234, "cash": 1000000, "freeCash": 0},
        has(id=1234, biz_wallet_id=1234, cash=1_000_000, free_cash=0),
    ),
    account_row(
        "account.channel_profiles",
        lambda c: c.account(1234).channel_profiles(),
        "GET",
        f"{V4}/adAccounts/channel/profiles",
        [{"id": "_xbHxd", "name": "first_friend"}],
        first(id="_xbHxd", name="first_friend"),
    ),
    account_row(
        "account.customer_data",
        lambda c: c.account(1234).customer_data(),
        "GET",
        f"{V4}/customerData",
        [{"id": 1, "kuidListKey": "123456789abcdefghijklmn", "fileType": "ADID", "type": "URL"}],
        first(id=1, kuid_list_key="123456789abcdefghijklmn", type=kmoment.CustomerDataType.URL),
    ),
    account_row(
        "trackers.list",
        lambda c: c.account(1234).trackers.list(),
        "GET",
        f"{V4}/adAccounts/trackers",
        [{"id": 3830610710806837838, "unknown": 1}],
        first(id="3830610710806837838"),
    ),
    account_row(
        "trackers.rights",
        lambda c: c.account(1234).trackers.rights(),
        "GET",
        f"{V4}/trackers/rights",
        {"trackRights": [{"trackId": "3830610710806837838", "population": "100"} | RIGHT_DATES]},
        first(
            track_id="3830610710806837838",
            population=100,
            created_date=datetime(2024, 1, 2, 9, tzinfo=SEOUL),
            last_event_date=datetime(2024, 1, 3, 9, tzinfo=UTC),
        ),
    ),
    account_row(
        "ad_groups.list",
        lambda c: c.account(1234).ad_groups.list(1),
        "GET",
        f"{V4}/adGroups",
        {"content": [{"id": 1, "name": "first_ad_group", "config": "ON"}]},
        first(id=1, name="first_ad_group", config=kmoment.AdGroupConfig.ON),
        query={"campaignId": "1"},
    ),
    account_row(
        "ad_groups.get",
        lambda c: c.account(1234).ad_groups.get(1),
        "GET",
        f"{V4}/adGroups/1",
        {"id": 1, "systemConfig": "ON", "pacing": "QUICK"},
        has(id=1, system_config=kmoment.AdGroupSystemConfig.ON),
    ),
    account_row(  # sent by plan_link(...).apply() only, among reads
        "ad_groups.update",
        lambda c: c.request("PUT", f"{V4}/adGroups", json={"id": 1, "campaign": C1}, account=1234),
        "PUT",
        f"{V4}/adGroups",
        {"id": 1},
        lambda it: it["id"] == 1,
        body={"id": 1, "campaign": C1},
    ),
)

REFUSED: Final[tuple[tuple[str, Callable[[Any], Any]], ...]] = (
    ("ad_account_id", lambda c: c.account(0)),
    ("ad_account_id", lambda c: c.account("12x")),
    ("ad_account_id", lambda c: c.account(True)),
    ("ad_account_id", lambda c: c.account(2**63)),
    ("audience_id", lambda c: c.account(1).audiences.get("1/../../admin")),
    ("audience_id", lambda c: c.account(1).audiences.get(1.0)),
    ("audience_id", lambda c: c.account(1).audiences.delete(-1)),
    ("audience_id", lambda c: c.account(1).audiences.ad_groups(None)),
    ("audience_id", lambda c: c.account(1).audiences.update(0, DRAFT)),
    ("audience_ids", lambda c: c.account(1).audiences.delete_many({1: 2})),
    ("audience_ids", lambda c: c.account(1).audiences.delete_many("12")),
    ("audience_ids", lambda c: c.account(1).audiences.delete_many(12)),
    ("audience_ids[1]", lambda c: c.account(1).audiences.delete_many([1, "x"])),
    ("audience_id", lambda c: c.account(1).audiences.unlink("-1", 2)),
    ("ad_group_id", lambda c: c.account(1).audiences.unlink(1, "2.0")),
    ("audience", lambda c: c.account(1).audiences.create({"name": "x"})),
    ("audience", lambda c: c.account(1).audiences.create(attrs.evolve(DRAFT, name=""))),
    ("audience", lambda c: c.account(1).audiences.update(1, attrs.evolve(DRAFT, ages=["1"]))),
    ("keyword", lambda c: c.locations.depth2("")),
    ("keyword", lambda c: c.locations.depth2(" \t")),
    ("keyword", lambda c: c.locations.depth3(None)),
    ("keyword", lambda c: c.locations.depth3("\ud800")),
    ("track_id", lambda c: c.account(1).targeting.pixel_events("../x", term=30)),
    ("track_id", lambda c: c.account(1).targeting.pixel_events(None, term=30)),
    ("term", lambda c: c.account(1).targeting.pixel_events("1", term=0)),
    ("term", lambda c: c.account(1).targeting.pixel_events("1", term=181)),
    ("term", lambda c: c.account(1).targeting.pixel_events("1", term="a month")),
    ("profile_id", lambda c: c.account(1).targeting.friend_groups(" ")),
    ("page", lambda c: c.accounts.pages(-1)),
    ("size", lambda c: c.accounts.list(size=0)),
    ("config", lambda c: c.accounts.list(config="ON,OFF")),
    ("ad_account_id", lambda c: c.accounts.get("x")),
    ("ad_account_id", lambda c: c.accounts.balance(0)),
    ("campaign_id", lambda c: c.account(1).ad_groups.list(None)),
    ("ad_group_id", lambda c: c.account(1).ad_groups.get("1/2")),
    ("method", lambda c: c.request("get", "/x")),
    ("path", lambda c: c.request("GET", "x")),
    ("path", lambda c: c.request("GET", "/x?y=1")),
    ("path", lambda c: c.request("GET", "/a/../b")),
    ("path", lambda c: c.request("GET", "//evil.example/x")),
    ("path", lambda c: c.request("GET", "/a%2e")),
    ("path", lambda c: c.request("GET", 3)),
    ("params", lambda c: c.request("GET", "/x", params=[("a", "b")])),
    ("params['a']", lambda c: c.request("GET", "/x", params={"a": True})),
    ("params['a']", lambda c: c.request("GET", "/x", params={"a": "\ud800"})),
    ("params[3]", lambda c: c.request("GET", "/x", params={3: "a"})),
    ("params", lambda c: c.request("GET", "/x", params={" ": "a"})),
    ("account", lambda c: c.request("GET", "/x", account="one")),
    ("json", lambda c: c.request("POST", "/x", json={1, 2})),
)
"""Calls with bad input, each with the argument that the error must name."""
