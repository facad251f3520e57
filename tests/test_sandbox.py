"""The sandbox over real sockets. The tests call it as any other program would."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kmoment.sandbox import Fault, Quota, Sandbox

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parent / "helpers" / "samples"
API = "/openapi/v4"
AUDIENCES = "/targetings/audiences"
FOR_AD_GROUP = "/adGroups/targetings"
DRAFT = {
    "adAccountId": 1234,
    "name": "a",
    "type": "DISPLAY",
    "ageType": "ALL",
    "genderType": "ALL",
    "locationType": "ALL",
}
NONHYEON = {"value": "I10000101", "description": "서울특별시 강남구 논현1동"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Caller:
    """A plain HTTP client of one sandbox. It sends what curl would send."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.headers = {"Authorization": f"Bearer {sandbox.token}", "adAccountId": "1234"}

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        url = self.sandbox.url + (path if path.startswith("/_") else API + path)
        headers = more.pop("headers", self.headers)
        async with self.session.request(method, url, json=body, headers=headers, **more) as raw:
            return Answer(raw, await raw.read())

    async def create(self, **changes: Any) -> int:
        answer = await self("POST", AUDIENCES, DRAFT | changes)
        assert answer.status == 200, answer.body
        created: int = answer.json["id"]
        return created


class Answer:
    def __init__(self, raw: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = raw.status
        self.headers = raw.headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def why(self) -> str:
        detail: str = self.json["extras"]["detailMsg"]
        return detail


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Caller]:
    # No decompression and no retry by aiohttp: the tests check what is really sent.
    session = aiohttp.ClientSession(auto_decompress=False, middlewares=(once,))
    async with Sandbox(**options) as sandbox, session:
        yield Caller(sandbox, session)


async def once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await send(request)
    except aiohttp.ClientConnectionError as error:
        raise BrokenOffError from error


class BrokenOffError(Exception):
    pass


@pytest.fixture
async def call() -> AsyncIterator[Caller]:
    async with running() as caller:
        yield caller


def printed(name: str, side: str = "answer") -> Any:
    return json.loads((SAMPLES / f"{name}.{side}.json").read_text("utf-8"))


def todays_names(sample: Any) -> Any:
    text = json.dumps(sample, ensure_ascii=False)
    text = text.replace("강원도", "강원특별자치도").replace("전라북도", "전북특별자치도")
    return json.loads(text)


# The commands on Kakao's two pages


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("audiences.list", AUDIENCES),
        ("audiences.get", f"{AUDIENCES}/1"),
        ("audiences.ad_groups", f"{AUDIENCES}/1/adGroups"),
        ("targeting.cohorts", f"{FOR_AD_GROUP}/cohort/availables"),
        (
            "targeting.pixel_events",
            f"{FOR_AD_GROUP}/trackers/eventCreatables/3830610710806837838?term=30",
        ),
        ("targeting.customer_files", f"{FOR_AD_GROUP}/customerFiles/availables"),
        ("targeting.talk_channels", f"{FOR_AD_GROUP}/talkChannels/availables"),
        ("targeting.sync_profiles", f"{FOR_AD_GROUP}/syncProfiles/availables"),
        (
            "targeting.friend_groups",
            f"{FOR_AD_GROUP}/talkChannelGroupFiles/availables?profileId=_Xxju",
        ),
        ("placements.network_categories", "/targetings/placement/adServingCategories"),
        ("placements.section_categories", "/targetings/placement/sectionCategories"),
    ],
)
async def test_printed_command(call: Caller, name: str, path: str) -> None:
    """Each command on Kakao's pages gets the answer that the page prints for it."""
    answer = await call("GET", path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.json == todays_names(printed(name))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("locations.depth1", "/targetings/location/depth1"),
        ("locations.depth2", "/targetings/location/depth2?keyword=서울"),
        ("locations.depth3", "/targetings/location/depth3?keyword=논현"),
    ],
)
async def test_printed_locations(call: Caller, name: str, path: str) -> None:
    """A location look-up begins with the printed rows. One wrong district is corrected."""
    sample = todays_names(printed(name))
    if name == "locations.depth3":
        sample[1]["description"] = "서울특별시 강남구"
    answer = await call("GET", path, headers={"Authorization": call.headers["Authorization"]})
    assert answer.json[: len(sample)] == sample


@pytest.mark.parametrize(("method", "name"), [("POST", "create"), ("PUT", "update")])
async def test_printed_write(method: str, name: str) -> None:
    """The printed bodies are accepted, and with ``quirks`` get the printed answers."""
    async with running(quirks=True, accounts=(1, 1234)) as call:
        audience_id = 1001  # the first audience that the sandbox makes for account 1
        body = printed(f"audiences.{name}", "request") | {"id": audience_id}
        answer = await call(method, AUDIENCES, body, headers=call.headers | {"adAccountId": "1"})
        assert answer.status == 200
        assert answer.json["id"] >= audience_id
        assert {**answer.json, "id": 0} == {**printed(f"audiences.{name}"), "id": 0}


async def test_printed_deletes(call: Caller) -> None:
    """A delete has an empty answer. A bulk delete answers counts, and messages of failures."""
    deleted = await call("DELETE", f"{AUDIENCES}/1")
    assert (deleted.status, deleted.body) == (200, b"")
    assert deleted.headers["Content-Length"] == "0"
    many = await call("DELETE", f"{AUDIENCES}?audienceIds=1,2")
    assert many.json == printed("audiences.delete_many")


async def test_unlink(call: Caller) -> None:
    """A second unlink of the same ad group is refused, because it is not linked."""
    path = f"{AUDIENCES}/1/unlink?adGroupId=2"
    first = await call("PUT", path)
    assert (first.status, first.body) == (200, b"")
    assert len((await call("GET", f"{AUDIENCES}/1/adGroups")).json["content"]) == 2
    second = await call("PUT", path)
    assert (second.status, second.json["code"]) == (400, -813)
    assert second.why.startswith("[sandbox]")


async def test_categories(call: Caller) -> None:
    """Category ids have the documented lengths and parents, and names that begin with sandbox."""
    answer = (await call("GET", "/targetings/data/categories?type=INTEREST")).json
    ids = [row["id"] for row in answer["data"]]
    assert answer["type"] == "INTEREST"
    assert {len(id_) for id_ in ids} == {3, 5, 7}
    assert all(id_[:-2] in ids for id_ in ids if len(id_) > 3)
    assert all(row["name"].startswith("sandbox") for row in answer["data"])
    assert (await call("GET", "/targetings/data/categories")).json["code"] == -2


# Token and account


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, -401),
        ({"Authorization": "Bearer wrong", "adAccountId": "1234"}, 401, -401),
        ({"adAccountId": ""}, 400, -2),
        ({"adAccountId": "12ab"}, 400, -2),
        ({"adAccountId": "9" * 5000}, 400, -2),
        ({"adAccountId": "77"}, 403, -813),
    ],
)
async def test_refused(call: Caller, headers: dict[str, str], status: int, code: int) -> None:
    """Without the right token and account a call is refused, and nothing is done."""
    token = {} if not headers else {"Authorization": call.headers["Authorization"]}
    answer = await call("DELETE", f"{AUDIENCES}/1", headers=token | headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (await call("GET", f"{AUDIENCES}/1")).status == 200


async def test_account_header(call: Caller) -> None:
    """The account header is required only for the endpoints whose page requires it."""
    token = {"Authorization": call.headers["Authorization"]}
    for endpoint in (await call("GET", "/_sandbox")).json["endpoints"]:
        path = endpoint["path"].replace("{id}", "1").replace("{track_id}", "1").removeprefix(API)
        answer = await call(endpoint["method"], path, headers=token)
        refused = b"adAccountId must be" in answer.body
        assert refused == endpoint["account"], endpoint["name"]


# Layouts


@pytest.mark.parametrize("layout", ["nested", "flat"])
async def test_layout(layout: str) -> None:
    """Each layout serves its own routes, and answers the other's like unknown routes."""
    async with running(layout=layout) as call:
        nested, flat = (AUDIENCES, "/targetings")
        own, other = (nested, flat) if layout == "nested" else (flat, nested)
        created = (await call("POST", own, DRAFT)).json["id"]
        assert (await call("PUT", own, DRAFT | {"id": created, "name": "b"})).json["name"] == "b"
        assert (await call("GET", f"{own}/{created}/adGroups")).json == {"content": []}
        for method, path in [
            ("POST", other),
            ("PUT", other),
            ("DELETE", f"{other}?audienceIds={created}"),
            ("GET", f"{other}/{created}"),
            ("DELETE", f"{other}/{created}"),
            ("PUT", f"{other}/{created}/unlink?adGroupId=1"),
        ]:
            answer = await call(method, path, DRAFT)
            assert answer.status in (404, 405), (method, path)
            assert {"timestamp", "status", "error", "path"} <= answer.json.keys()
        assert (await call("DELETE", f"{own}/{created}")).status == 200
        assert (await call("DELETE", f"{own}?audienceIds=1")).json["successCount"] == 1


async def test_fidelity() -> None:
    """Every answer says in a header how surely its path is Kakao's, in each layout."""
    async with running() as call, running(layout="flat") as flat:
        got = await call("GET", f"{AUDIENCES}/1")
        assert got.headers["X-Sandbox-Fidelity"] == "inferred"
        assert (await flat("GET", "/targetings/1")).headers["X-Sandbox-Fidelity"] == "quoted"
        listed = await call("GET", AUDIENCES, headers={})
        assert listed.headers["X-Sandbox-Fidelity"] == "documented"


# Bodies


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"name": None}, -2, "name"),
        ({"locationType": None}, -2, "locationType"),
        ({"name": " "}, -813, "name"),
        ({"type": "VIDEO"}, -813, "type"),
        ({"type": ["DISPLAY"]}, -813, "type"),
        ({"ageType": "NOT_ALL"}, -813, "ages is required"),
        ({"ages": ["20"]}, -813, "ages is not allowed"),
        ({"ageType": "NOT_ALL", "ages": ["21"]}, -813, "ages must be of"),
        ({"ageType": "NOT_ALL", "ages": "20"}, -813, "ages must be an array"),
        ({"genderType": "NOT_ALL"}, -813, "genders is required"),
        ({"genderType": "NOT_ALL", "genders": ["X"]}, -813, "genders must be of"),
        ({"locationType": "AREA"}, -813, "is required when locationType"),
        ({"locations": [NONHYEON]}, -813, "not allowed when locationType"),
        ({"locationType": "AREA", "depth3Locations": ["I1"]}, -813, "objects with a value"),
        ({"type": "MESSAGE", "trackerTargetings": [{}]}, -813, "trackerTargetings"),
        ({"talkChannelGroupTargetings": [{}]}, -813, "talkChannelGroupTargetings"),
        ({"adAccountId": 5}, -813, "adAccountId"),
    ],
)
async def test_rule(call: Caller, changes: dict[str, Any], code: int, text: str) -> None:
    """A body that breaks a documented rule is refused with the rule, and without a detailCode."""
    answer = await call("POST", AUDIENCES, DRAFT | changes)
    assert (answer.status, answer.json["code"]) == (400, code)
    assert answer.why.startswith("[sandbox]")
    assert text in answer.why
    assert "detailCode" not in answer.json["extras"]
    assert len((await call("GET", AUDIENCES)).json["content"]) == 3


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b"\xff\xfe{"])
async def test_not_json(call: Caller, body: bytes) -> None:
    """A body that is not a JSON object gets a parameter error."""
    headers = call.headers | {"Content-Type": "application/json"}
    answer = await call("POST", AUDIENCES, headers=headers, data=body)
    assert (answer.status, answer.json["code"]) == (400, -2)


async def test_content_type(call: Caller) -> None:
    """A body without the Content-Type of JSON is refused."""
    answer = await call("POST", AUDIENCES, data=json.dumps(DRAFT))
    assert (answer.status, answer.json["code"]) == (400, -8)


async def test_what_was_sent_comes_back(call: Caller) -> None:
    """Both spellings are read, repeats in sets are dropped, and unknown members are kept."""
    sent = {
        "ageType": "NOT_ALL",
        "ages": ["30", "20", "30"],
        "genderType": "All",
        "locationType": "AREA",
        "depth2locations": [{"value": "B7222", "desrciption": "경기도 여주시"}],
        "cohortTargetings": [{"cohortId": 99, "inclusionType": "NEW"}, {"odd": 1}],
        "newMember": {"x": "\ud800"},
        "ufoInterests": [],
    }
    audience_id = await call.create(**sent)
    detail = (await call("GET", f"{AUDIENCES}/{audience_id}")).json
    assert detail["ages"] == ["30", "20"]
    assert detail["genderType"] == "ALL"
    assert detail["depth2Locations"] == [{"value": "B7222", "description": "경기도 여주시"}]
    assert detail["cohortTargetings"] == sent["cohortTargetings"]
    assert detail["newMember"] == {"x": "?"}
    assert not {"locationType", "adAccountId", "ufoInterests"} & detail.keys()


async def test_put_replaces(call: Caller) -> None:
    """A PUT replaces the whole audience, except its id and its date of creation."""
    body = {**DRAFT, "id": 1, "name": "new"}
    del body["locationType"]
    answer = await call("PUT", AUDIENCES, body)
    assert answer.json.keys() == {"id", "type", "adAccountId", "name", "ageType", "genderType"}
    detail = (await call("GET", f"{AUDIENCES}/1")).json
    assert "locations" not in detail
    assert detail["createdDate"] == "2021-05-03T18:50:54"
    assert detail["audienceStatus"] == "STANDBY"
    assert (await call("PUT", AUDIENCES, DRAFT)).json["code"] == -2
    assert (await call("PUT", AUDIENCES, {**body, "id": "1"})).json["code"] == -2


async def test_deleted_is_deleted(call: Caller) -> None:
    """Every call refuses a deleted audience, its links are gone, and its id is not used again."""
    call.sandbox.link(1, 4)
    created = await call.create()
    for audience_id in (1, created):
        await call("DELETE", f"{AUDIENCES}/{audience_id}")
    for method, path, body in [
        ("GET", "/1", None),
        ("DELETE", "/1", None),
        ("GET", "/1/adGroups", None),
        ("PUT", "/1/unlink?adGroupId=1", None),
        ("PUT", "", DRAFT | {"id": 1}),
    ]:
        answer = await call(method, AUDIENCES + path, body)
        assert (answer.status, answer.json["code"]) == (400, -813)
        assert answer.json["extras"]["detailCode"] == 75014
        assert answer.why == "이미 삭제된 오디언스입니다."
    assert (await call("GET", f"{AUDIENCES}/999")).why.startswith("[sandbox]")
    assert call.sandbox.state()["accounts"]["1234"]["links"] == []
    assert await call.create() > created


@pytest.mark.parametrize("ids", ["", "1,", "a", "1;2"])
async def test_bad_id_list(call: Caller, ids: str) -> None:
    """A list of ids that cannot be read is refused, and deletes nothing."""
    answer = await call("DELETE", f"{AUDIENCES}?audienceIds={ids}")
    assert (answer.status, answer.json["code"]) == (400, -2)
    assert len((await call("GET", AUDIENCES)).json["content"]) == 3


# Clock


async def status_of(call: Caller, audience_id: int) -> tuple[str, int]:
    detail = (await call("GET", f"{AUDIENCES}/{audience_id}")).json
    return detail["audienceStatus"], detail["populationScore"]


async def test_status_over_time(call: Caller) -> None:
    """After 30 seconds an audience is AVAILABLE, SEED_NOT_ENOUGH or ERROR, and not before."""
    small = {
        "locationType": "AREA",
        "depth3Locations": [NONHYEON],
        "ageType": "NOT_ALL",
        "ages": ["20"],
        "genderType": "NOT_ALL",
        "genders": ["M"],
    }
    large = await call.create()
    little = await call.create(**small)
    broken = await call.create(customerFileTargetings=[{"customerFileId": 404}])
    sound = await call.create(customerFileTargetings=[{"customerFileId": 1}])
    call.sandbox.advance(25)
    assert [await status_of(call, id_) for id_ in (large, broken)] == [("STANDBY", 0)] * 2
    call.sandbox.advance(5)
    assert (await status_of(call, large))[0] == "AVAILABLE"
    assert (await status_of(call, sound))[0] == "AVAILABLE"
    assert (await status_of(call, broken))[0] == "ERROR"
    status, people = await status_of(call, little)
    assert status == "SEED_NOT_ENOUGH"
    assert 0 < people < 1000


async def test_clock(call: Caller) -> None:
    """Dates follow the sandbox's clock, and are in Korean time without a zone."""
    await call("PUT", "/_sandbox/clock", {"now": "2030-01-01T00:00:00+00:00"})
    created = await call.create()
    detail = (await call("GET", f"{AUDIENCES}/{created}")).json
    assert detail["createdDate"].startswith("2030-01-01T09:00:0")
    await call("PUT", "/_sandbox/clock", {"advance": 3600})
    assert (await call("GET", "/_sandbox/clock")).json["now"].startswith("2030-01-01T10:00")
    mistakes: list[Any] = [{"advance": 1e300}, {"now": "soon"}, {}, {"advance": "1"}, []]
    for wrong in mistakes:
        assert (await call("PUT", "/_sandbox/clock", wrong)).status == 400
    assert (await call("GET", AUDIENCES)).status == 200


# Locations


async def test_region_counts(call: Caller) -> None:
    """All places have unique codes of the right length."""
    for depth, count, length in ((2, 252, 5), (3, 3557, 9)):
        rows: dict[str, Any] = {}
        for place in (await call("GET", "/targetings/location/depth1")).json:
            path = f"/targetings/location/depth{depth}?keyword={place['depth1Name']}"
            rows |= {row["value"]: row for row in (await call("GET", path)).json}
            assert all(code[0] == place["value"] for code in rows if code not in rows)
        assert len(rows) == count
        assert {len(code) for code in rows} == {length}
    provinces = (await call("GET", "/targetings/location/depth1")).json
    assert "".join(place["value"] for place in provinces) == "ABCDEFGHIJKLMNOPQUZ"


async def test_codes_say_what_they_are(call: Caller) -> None:
    """The sandbox says whether a code is published, inferred or synthetic."""
    kinds = {
        "I10000102": "published",
        "A70052424": "published",
        "E1301": "inferred",
        "I1002": "synthetic",
        "Z": "published",
    }
    for value, kind in kinds.items():
        assert (await call("GET", f"/_sandbox/locations/{value}")).json["code"] == kind
    assert (await call("GET", "/_sandbox/locations/X9")).status == 404


@pytest.mark.parametrize("depth", [2, 3])
async def test_keyword(call: Caller, depth: int) -> None:
    """No keyword gets the documented error, and a keyword without a match gets an empty list."""
    path = f"/targetings/location/depth{depth}"
    for query in ("", "?keyword=", "?keyword=%20"):
        answer = await call("GET", path + query)
        assert answer.status == 400
        assert answer.json == printed(f"locations.depth{depth}", "error")
    assert (await call("GET", path + "?keyword=없는곳")).json == []
    assert len((await call("GET", path + "?keyword=수원시 장안구")).json) in (1, 10)


async def test_parameters_of_lookups(call: Caller) -> None:
    """Look-ups refuse a term outside 1-180, an unknown tracker and a missing profile."""
    events = f"{FOR_AD_GROUP}/trackers/eventCreatables"
    for term in ("", "?term=0", "?term=181", "?term=x"):
        assert (await call("GET", f"{events}/3830610710806837838{term}")).json["code"] == -2
    assert (await call("GET", f"{events}/1?term=30")).json["code"] == -813
    groups = f"{FOR_AD_GROUP}/talkChannelGroupFiles/availables"
    assert (await call("GET", groups)).json["code"] == -2
    assert (await call("GET", groups + "?profileId=_other")).json == []


# Quotas


async def test_quota(call: Caller) -> None:
    """A call over its quota gets 429 and does nothing, until the period is over."""
    call.sandbox.set_quota(Quota("audiences.delete*", 1, 5))
    assert (await call("DELETE", f"{AUDIENCES}/1")).status == 200
    over = await call("DELETE", f"{AUDIENCES}?audienceIds=2")
    assert (over.status, over.json["code"]) == (429, -813)
    assert "Retry-After" not in over.headers
    assert (await call("GET", f"{AUDIENCES}/2")).status == 200
    call.sandbox.advance(5)
    assert (await call("DELETE", f"{AUDIENCES}/2")).status == 200


async def test_quota_scopes() -> None:
    """A quota counts per account or per app, and sends Retry-After only if it is set."""
    async with running(accounts=(1234, 5)) as call:
        other = call.headers | {"adAccountId": "5"}
        call.sandbox.set_quota(Quota("audiences.list", 1, 60))
        assert (await call("GET", AUDIENCES)).status == 200
        assert (await call("GET", AUDIENCES, headers=other)).status == 200
        quotas = [{"endpoint": "*", "limit": 1, "period_seconds": 60, "per": "app"}]
        quotas[0] |= {"platform": True, "retry_after": True}
        put = await call("PUT", "/_sandbox/quotas", {"quotas": quotas})
        assert put.json == (await call("GET", "/_sandbox/quotas")).json
        assert (await call("GET", AUDIENCES)).status == 200
        over = await call("GET", AUDIENCES, headers=other)
        assert (over.status, over.headers["Retry-After"]) == (400, "60")
        assert over.json == {"code": -10, "msg": "API limit has been exceeded.", "extras": {}}


async def test_default_quota() -> None:
    """By default only the platform's monthly quota applies. With ``quota=False`` none does."""
    async with running() as call, running(quota=False) as free:
        (platform,) = call.sandbox.quotas()
        assert (platform.limit, platform.platform, platform.per) == (3_000_000, True, "app")
        assert free.sandbox.quotas() == ()


# Faults


async def post(call: Caller) -> Answer:
    return await call("POST", AUDIENCES, DRAFT)


def count(call: Caller) -> int:
    return len(call.sandbox.state()["accounts"]["1234"]["audiences"]) - 3


@pytest.mark.parametrize(
    ("fault", "status", "acted", "check"),
    [
        (Fault("*", "status", status=502), 502, 0, lambda a: a.body == b""),
        (Fault("*", "status", status=502, act=True), 502, 1, lambda a: a.body == b""),
        (Fault("*", "status", status=500, body={"code": -1}), 500, 0, lambda a: a.json["code"] < 0),
        (
            Fault("*", "status", status=503, body="<html>", headers={"Retry-After": "9"}),
            503,
            0,
            lambda a: "html" in a.headers["Content-Type"] and a.headers["Retry-After"] == "9",
        ),
        (Fault("*", "throttle"), 429, 0, lambda a: a.json["code"] == -813),
        (Fault("*", "quota_exceeded"), 400, 0, lambda a: a.json["code"] == -10),
        (Fault("*", "maintenance"), 503, 0, lambda a: a.json["code"] == -9798),
        (Fault("*", "envelope_in_200"), 200, 0, lambda a: a.json["code"] == -813),
        (Fault("*", "envelope_in_200", body={"code": -1}), 200, 0, lambda a: a.json["code"] == -1),
        (Fault("*", "html"), 200, 0, lambda a: a.body.startswith(b"<html>")),
        (Fault("*", "bad_json"), 200, 1, lambda a: a.body.startswith(b'{"id"')),
        (Fault("*", "gzip"), 200, 1, lambda a: b'"id"' in gzip.decompress(a.body)),
        (
            Fault("*", "bad_gzip"),
            200,
            1,
            lambda a: a.headers["Content-Encoding"] == "gzip" and a.body[:2] == b"\x1f\x8b",
        ),
        (Fault("*", "delay", delay=0.05), 200, 1, lambda a: a.json["id"] == 4),
        (Fault("*", "drip", delay=0.005), 200, 1, lambda a: a.json["id"] == 4),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
async def test_answered_fault(
    call: Caller, fault: Fault, status: int, acted: int, check: Callable[[Answer], bool]
) -> None:
    """A fault that answers does so as scripted, and the log says what really happened."""
    call.sandbox.add_fault(fault)
    answer = await post(call)
    assert answer.status == status
    assert check(answer)
    assert count(call) == acted
    (entry,) = call.sandbox.requests()
    assert (entry["fault"], entry["status"], entry["acted"]) == (fault.kind, status, bool(acted))


@pytest.mark.parametrize("kind", ["bad_json", "bad_gzip"])
async def test_unreadable_answer(call: Caller, kind: str) -> None:
    """A body that is broken on order cannot be read, also if the answer was empty."""
    call.sandbox.add_fault(Fault("*", kind))
    read = gzip.decompress if kind == "bad_gzip" else json.loads
    for answer in (await post(call), await call("DELETE", f"{AUDIENCES}/1")):
        with pytest.raises((ValueError, EOFError)):
            read(answer.body)


@pytest.mark.parametrize(
    ("kind", "acted"), [("drop_before", 0), ("drop_after", 1), ("reset", 0), ("truncate", 1)]
)
async def test_broken_connection(call: Caller, kind: str, acted: int) -> None:
    """A broken connection gives no answer. The kind of fault decides if the work was done."""
    call.sandbox.add_fault(Fault("audiences.*", kind, times=2))
    with pytest.raises((BrokenOffError, aiohttp.ClientPayloadError)):
        await post(call)
    assert count(call) == acted
    with pytest.raises((BrokenOffError, aiohttp.ClientPayloadError)):
        await call("DELETE", f"{AUDIENCES}/4" if acted else f"{AUDIENCES}/1")
    assert [entry["acted"] for entry in call.sandbox.requests()] == [bool(acted)] * 2
    assert (await call("GET", AUDIENCES)).status == 200


async def test_reset_is_a_reset(call: Caller) -> None:
    """A reset raises ConnectionResetError at the client, and is not an end of file."""
    call.sandbox.add_fault(Fault("*", "reset", act=True))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(call.sandbox.url.split(":")[2]))
    writer.write(f"GET {API}{AUDIENCES} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(ConnectionResetError):
        await writer.wait_closed()


async def test_late_commit(call: Caller) -> None:
    """The work of a late commit is done after its connection was closed."""
    call.sandbox.add_fault(Fault("audiences.create", "commit_late", delay=0.1))
    with pytest.raises(BrokenOffError):
        await post(call)
    assert count(call) == 0
    await asyncio.sleep(0.3)
    assert count(call) == 1
    assert call.sandbox.requests()[0]["acted"]


async def test_which_calls_a_fault_hits(call: Caller) -> None:
    """A fault hits only calls of its endpoint and its numbers, at most ``times`` times."""
    call.sandbox.add_fault(Fault("audiences.create", "throttle", nth=(2, 3), times=1))
    assert (await call("GET", AUDIENCES)).status == 200
    assert [(await post(call)).status for _ in range(4)] == [200, 429, 200, 200]
    (report,) = call.sandbox.faults()
    assert (report["calls"], report["fired"]) == (4, 1)
    call.sandbox.clear_faults()
    assert call.sandbox.faults() == []


async def test_fault_rate_follows_the_seed() -> None:
    """A fault with a rate hits about that share of calls, the same calls for the same seed."""
    hits: list[list[int]] = []
    for seed in (1, 1, 2):
        async with running(seed=seed) as call:
            call.sandbox.add_fault(Fault("*", "status", rate=0.3))
            hits.append([(await call("GET", AUDIENCES)).status for _ in range(100)])
    assert hits[0] == hits[1] != hits[2]
    assert 15 < hits[0].count(500) < 45


@pytest.mark.parametrize(
    "spec",
    [
        {"endpoint": "audience.create", "kind": "reset"},
        {"endpoint": "*", "kind": "explode"},
        {"endpoint": "*", "kind": "reset", "rate": 2},
        {"endpoint": "*", "kind": "reset", "nth": 0},
        {"endpoint": "*", "kind": "reset", "times": "x"},
        {"endpoint": "*", "kind": "reset", "often": True},
        {"endpoint": "*"},
        [],
    ],
)
async def test_bad_fault(call: Caller, spec: Any) -> None:
    """A fault that is not valid is refused when it is scripted."""
    assert (await call("POST", "/_sandbox/faults", spec)).status == 400
    assert call.sandbox.faults() == []


# Determinism, admin, log


async def test_same_seed_same_sandbox() -> None:
    """Token and data follow from the seed, and account 1234 is the same for every seed."""
    one, two, three = (Sandbox(seed=seed, accounts=(1234, 7, 8)).state() for seed in (5, 5, 6))
    assert one == two != three
    assert one["accounts"]["1234"] == three["accounts"]["1234"]
    assert Sandbox(seed=5).token == Sandbox(seed=5).token != Sandbox(seed=6).token
    ids = [row["id"] for account in one["accounts"].values() for row in account["audiences"]]
    assert len(set(ids)) == len(ids) == 9


async def test_admin_links(call: Caller) -> None:
    """The admin routes link an ad group to an audience only if both exist and fit."""
    for ids, status in (((3, 4), 200), ((2, 5), 200), ((2, 4), 400), ((3, 99), 400), ((9, 1), 400)):
        body = {"audienceId": ids[0], "adGroupId": ids[1]}
        assert (await call("POST", "/_sandbox/links", body)).status == status
    groups = (await call("GET", f"{AUDIENCES}/3/adGroups")).json["content"]
    assert [group["adGroupId"] for group in groups] == [4]
    body = {"audienceId": 3, "adGroupId": 4}
    assert (await call("DELETE", "/_sandbox/links", body)).status == 200
    assert (await call("DELETE", "/_sandbox/links", body)).status == 400


async def test_reset(call: Caller) -> None:
    """A reset restores data, clock, faults, quotas and log."""
    before = call.sandbox.state()
    await call("DELETE", f"{AUDIENCES}/1")
    call.sandbox.advance(10**6)
    call.sandbox.set_quota()
    await call("POST", "/_sandbox/faults", {"endpoint": "*", "kind": "throttle", "nth": 1})
    assert (await call("POST", "/_sandbox/reset")).json == {"reset": True}
    assert call.sandbox.state() == before == (await call("GET", "/_sandbox/state")).json
    assert (call.sandbox.faults(), call.sandbox.requests()) == ([], [])
    assert len(call.sandbox.quotas()) == 1
    assert await call.create() == 4


async def test_log(call: Caller) -> None:
    """The log has all requests, also those to unknown routes, and never a token."""
    await post(call)
    await call("GET", "/nowhere?x=1")
    await call("GET", AUDIENCES, headers={})
    created, unknown, refused = (await call("GET", "/_sandbox/requests")).json["requests"]
    assert call.sandbox.token not in str(call.sandbox.requests())
    assert created["body"] == DRAFT
    assert (created["endpoint"], created["account"]) == ("audiences.create", "1234")
    assert (created["authorization"], refused["authorization"]) == ("Bearer ***", None)
    assert (unknown["endpoint"], unknown["status"], unknown["query"]) == (None, 404, {"x": "1"})
    assert (refused["status"], refused["acted"]) == (401, False)


async def test_crash_answers(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error inside the sandbox becomes a 500 with a JSON body."""

    def wrong(_: object) -> str:
        raise LookupError("oops")

    monkeypatch.setattr("kmoment.sandbox._audience.printed", wrong)
    answer = await call("GET", AUDIENCES)
    assert (answer.status, answer.json["code"]) == (500, -1)


# Starting and stopping


async def test_stops_with_calls_in_flight() -> None:
    """Stopping does not wait for a call that hangs, and leaves no task."""
    async with running() as call:
        call.sandbox.add_fault(Fault("*", "delay", delay=600))
        call.sandbox.add_fault(Fault("audiences.create", "commit_late", delay=600))
        hanging = asyncio.create_task(call("GET", AUDIENCES))
        await asyncio.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    with pytest.raises((BrokenOffError, aiohttp.ClientError)):
        await hanging
    assert not [task for task in asyncio.all_tasks() if "aiohttp" in repr(task.get_coro())]


async def test_starts_again() -> None:
    """A sandbox can be started again after it stopped, but not while it runs."""
    sandbox = Sandbox()
    async with sandbox:
        with pytest.raises(RuntimeError, match="already running"):
            await sandbox.__aenter__()
        assert sandbox.url.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url
    async with sandbox:
        assert sandbox.accounts == (1234,)


def test_in_a_thread() -> None:
    """With ``with`` the sandbox runs on its own thread, and other threads can control it."""
    before = set(threading.enumerate())
    with Sandbox() as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}", "adAccountId": "1234"}
        request = urllib.request.Request(f"{sandbox.url}{API}{AUDIENCES}", headers=headers)
        results: list[int] = []

        def work() -> None:
            for _ in range(10):
                sandbox.advance(1)
                sandbox.add_fault(Fault("audiences.get", "throttle"))
                with urllib.request.urlopen(request) as answer:
                    results.append(len(json.load(answer)["content"]))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [3] * 80
        assert len(sandbox.requests()) == len(sandbox.faults()) == 80
    assert set(threading.enumerate()) <= before


def test_port_taken() -> None:
    """If the port is in use, starting raises OSError, also in a thread."""
    with Sandbox() as first:
        port = int(first.url.split(":")[2])
        with pytest.raises(OSError, match="in use"), Sandbox(port=port):
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_line(number: signal.Signals) -> None:
    """The command prints its URL, token and a curl command, and stops cleanly on a signal."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "kmoment.sandbox"]
    options = ["--layout", "flat", "--accounts", "2", "--seed", "3", "--no-quota", "--quirks"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, *options], env=env, **pipes) as process:
        assert process.stdout
        assert process.stderr
        lines = [process.stdout.readline().strip() for _ in range(4)]
        url, token = lines[0].removeprefix("url: "), lines[1].removeprefix("token: ")
        with urllib.request.urlopen(f"{url}/_sandbox") as answer:
            about = json.load(answer)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert about["accounts"] == [1234, 1235]
    assert (about["layout"], about["seed"], about["token"]) == ("flat", 3, token)
    assert lines[2] == "account: 1234"
    assert lines[3].startswith("curl ")
    assert lines[3].endswith(f"{url}{API}{AUDIENCES}")


@pytest.mark.parametrize("options", [{"layout": "round"}, {"accounts": ()}, {"accounts": (0,)}])
def test_bad_options(options: dict[str, Any]) -> None:
    """Options that are not valid are refused when the sandbox is made."""
    with pytest.raises(ValueError, match="must be"):
        Sandbox(**options)


def test_imports_nothing_of_the_client() -> None:
    """The sandbox imports no code of the client, so that it can show the client's mistakes."""
    folder = Path(__file__).parent.parent / "kmoment" / "sandbox"
    for path in folder.glob("*.py"):
        lines = path.read_text("utf-8").splitlines()
        imports = [line for line in lines if line.startswith(("import ", "from "))]
        assert not [line for line in imports if "from .." in line or "kmoment" in line], path


def test_data_is_reproducible() -> None:
    """The packed regions have no timestamp, and their attribution is in the package."""
    folder = Path(__file__).parent.parent / "kmoment" / "_data"
    assert (folder / "regions.csv.gz").read_bytes()[4:8] == b"\0\0\0\0"
    assert "CC BY 4.0; names extracted" in (folder / "ATTRIBUTION.txt").read_text("utf-8")


async def test_a_request_line_with_raw_hangul() -> None:
    """A request line with a raw UTF-8 keyword, as curl sends it, is accepted."""
    async with Sandbox() as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"Host: x\r\nAuthorization: Bearer {sandbox.token}\r\nConnection: close\r\n\r\n"
        line = f"GET {API}/targetings/location/depth2?keyword=서울 HTTP/1.1\r\n"
        writer.write((line + head).encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith("HTTP/1.1 200 OK")
    assert "서울특별시 강남구" in answer


# Accounts and ad groups


async def test_an_ad_group_is_replaced_as_a_whole(call: Caller) -> None:
    """An edit takes away what it leaves out, but for what only the server changes."""
    read = (await call("GET", "/adGroups/4")).json
    sent = {"id": 4, "campaign": read["campaign"], "new": 1, "name": "ignored"}
    assert (await call("PUT", "/adGroups", sent)).status == 200
    after = (await call("GET", "/adGroups/4")).json
    assert "bidAmount" not in after
    assert (after["new"], after["name"], after["config"]) == (1, read["name"], "ON")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "id must be a number"),
        ({"id": 99}, "there is no ad group 99"),
        ({"id": 4, "targeting": {"sandboxAudiences": [2]}}, "another type"),
        ({"id": 4, "targeting": {"sandboxAudiences": ["x"]}}, "names no audience"),
        ({"id": 4, "targeting": {"sandboxAudiences": [99]}}, "no audience 99"),
    ],
)
async def test_edits_of_ad_groups_that_are_refused(call: Caller, body: Any, why: str) -> None:
    """A refused edit says why, and changes nothing."""
    before = call.sandbox.state()
    answer = await call("PUT", "/adGroups", body)
    assert answer.status == 400
    assert why in answer.why
    assert call.sandbox.state() == before


async def test_the_link_field_is_a_setting() -> None:
    """An ad group names its audiences where the setting says, and an unlink takes them away."""
    async with running(link_field="a.b[c.d]") as call:
        body = (await call("GET", "/adGroups/1")).json
        assert body["a"]["b"] == [{"c": {"d": 1}}]
        body["a"]["b"] = [{"c": {"d": 3}, "more": 1}]
        assert (await call("PUT", "/adGroups", body)).json["a"]["b"] == body["a"]["b"]
        links = call.sandbox.state()["accounts"]["1234"]["links"]
        assert {"audienceId": 3, "adGroupId": 1} in links
        await call("PUT", f"{AUDIENCES}/3/unlink?adGroupId=1")
        assert "b" not in (await call("GET", "/adGroups/1")).json["a"]
    for wrong in ("a", "a.b[", "[number]", "a..b[number]"):
        with pytest.raises(ValueError, match="link_field must be like"):
            Sandbox(link_field=wrong)


async def test_admin_sets_ad_groups(call: Caller) -> None:
    """A developer can give an ad group other members, and delete it."""
    sent = {"adGroupId": 1, "members": {"own": [1], "bidAmount": None}}
    assert (await call("PUT", "/_sandbox/adGroups", sent)).status == 200
    body = (await call("GET", "/adGroups/1")).json
    assert body["own"] == [1]
    assert "bidAmount" not in body
    await call("PUT", "/_sandbox/adGroups", {"adGroupId": 1, "members": {"config": "DEL"}})
    answer = await call("GET", "/adGroups/1")
    assert answer.json["extras"]["detailCode"] == 32026
    unknown = {"adGroupId": 77, "members": {}}
    assert (await call("PUT", "/_sandbox/adGroups", unknown)).status == 400


@pytest.mark.parametrize("query", ["config=ON,OFF", "size=0", "page=x"])
async def test_pages_that_are_refused(call: Caller, query: str) -> None:
    """A page with a wrong query is refused."""
    assert (await call("GET", f"/adAccounts/pages?{query}")).status == 400
