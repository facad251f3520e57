"""The codec: which request a call becomes, and which value or error an answer becomes."""

import json
import pickle
from types import NoneType
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers.samples import SAMPLES, Sample, sample
from helpers.strategies import JSON
from kmoment import models
from kmoment._protocol.answer import EMPTY, NOT_JSON, parse
from kmoment._protocol.call import Call
from kmoment._protocol.codec import decode, encode, no_such_route
from kmoment._protocol.converter import write
from kmoment._protocol.endpoints import (
    CREATE_AUDIENCE,
    DELETE_AUDIENCES,
    DEPTH1,
    DEPTH2,
    ENDPOINTS,
    GET_AUDIENCE,
    LIST_AUDIENCES,
    unlisted,
)
from kmoment._protocol.error_table import retry_after
from kmoment._protocol.http import Response

BASE = "https://apis.moment.kakao.com"
GET = Call(endpoint=GET_AUDIENCE, returns=models.Audience, account=7, path={"id": 1})
RETURNS: dict[str, Any] = {
    "audiences.list": list[models.AudienceSummary],
    "audiences.get": models.Audience,
    "audiences.create": models.Audience,
    "audiences.update": models.Audience,
    "audiences.delete_many": models.BulkDeleteResult,
    "audiences.ad_groups": list[models.AudienceAdGroup],
    "locations.depth1": list[models.Location],
    "locations.depth2": list[models.Depth2Location],
    "locations.depth3": list[models.Depth3Location],
    "placements.network_categories": list[models.NetworkPlacement],
    "placements.section_categories": list[models.SectionCategory],
    "categories.list": list[models.CategoryData],
    "targeting.cohorts": list[models.CohortAvailable],
    "targeting.pixel_events": list[models.PixelAndSdkEvent],
    "targeting.customer_files": list[models.CustomerFile],
    "targeting.talk_channels": list[models.ChannelProfile],
    "targeting.sync_profiles": list[models.SyncProfile],
    "targeting.friend_groups": list[models.TalkChannelGroupFile],
}
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Response(status, headers, raw)


def call_of(name: str) -> Call[Any]:
    return Call(endpoint=BY_NAME[name], returns=RETURNS.get(name, NoneType), account=7)


def envelope(code: int, detail_code: int | None = None, **more: Any) -> dict[str, Any]:
    extras = {} if detail_code is None else {"detailCode": detail_code, "detailMsg": "까닭"}
    return {"code": code, "msg": "KakaoMomentException", "extras": extras, **more}


# -- Samples ----------------------------------------------------------------------------


def _spelt(value: Any) -> Any:
    """Kakao's sample with the spelling of Kakao's tables, and dates in one form."""
    if isinstance(value, list):
        return [_spelt(item) for item in value]
    if isinstance(value, dict):
        right = {"desrciption": "description", "depth2locations": "depth2Locations"}
        return {right.get(name, name): _date(name, _spelt(item)) for name, item in value.items()}
    return value


def _date(name: str, value: Any) -> Any:
    if not name.endswith("Date"):
        return value
    text = value.replace(".", "-").replace(" ", "T")
    return text if len(text) == 19 else text + ":00"


@pytest.mark.parametrize(
    "printed", [s for s in SAMPLES if s.kind == "answer"], ids=lambda s: s.name
)
def test_every_sample_answer_decodes_losslessly(printed: Sample) -> None:
    """Each sample answer of Kakao decodes without unknown members, and is written the same."""
    value = decode(call_of(printed.name), answer(printed.text.encode()))
    rows = printed.json
    if isinstance(value, list) and isinstance(rows, dict):
        rows = rows.get("content") or rows["data"]
    assert write(value) == _spelt(rows)
    for row in value if isinstance(value, list) else [value]:
        assert row.extra == {}


@pytest.mark.parametrize("printed", [s for s in SAMPLES if s.kind == "error"], ids=lambda s: s.name)
def test_every_sample_error_is_told(printed: Sample) -> None:
    """Each sample error of Kakao becomes a BadRequestError with Kakao's codes and message."""
    with pytest.raises(kmoment.BadRequestError) as caught:
        decode(call_of(printed.name), answer(printed.text.encode(), status=400))
    extras = printed.json["extras"]
    assert caught.value.code == -813
    assert caught.value.detail_code == extras["detailCode"]
    assert caught.value.detail_message == extras["detailMsg"]
    assert extras["detailMsg"] in str(caught.value)


@pytest.mark.parametrize("name", ["audiences.create", "audiences.update"])
def test_every_sample_request_is_what_a_draft_sends(name: str) -> None:
    """A draft with the values of Kakao's request sample is sent as the sample prints it."""
    printed = sample(name, "request").json
    spelt = _spelt(printed)
    draft = kmoment.AudienceDraft.display(
        "create_open_api",
        ages=("20", "15"),
        genders=("M",),
        locations=[_place(kmoment.Location, row) for row in spelt["locations"]],
        depth2_locations=[_place(kmoment.Depth2Location, row) for row in spelt["depth2Locations"]],
        depth3_locations=[_place(kmoment.Depth3Location, row) for row in spelt["depth3Locations"]],
    )
    call = Call(
        endpoint=BY_NAME[name],
        returns=models.Audience,
        account=1,
        body=draft.resolved(),
        body_ids={"ad_account_id": 1},
    )
    request = encode(call, call.endpoint.path, BASE)
    assert request.body is not None
    assert json.loads(request.body) == spelt
    assert request.headers == {"adAccountId": "1", "Content-Type": "application/json"}


def _place(model: Any, row: dict[str, str]) -> Any:
    return model(**{name.replace("Name", "_name"): value for name, value in row.items()})


# -- Requests ---------------------------------------------------------------------------


def test_a_keyword_is_sent_as_utf8() -> None:
    """Korean and reserved characters in a query are percent-encoded."""
    call = Call(endpoint=DEPTH2, returns=object, query={"keyword": "서울 & #1+2%/?"})
    request = encode(call, DEPTH2.path, BASE)
    assert request.url.raw_query_string == "keyword=%EC%84%9C%EC%9A%B8+%26+%231%2B2%25/?"
    assert request.url.query["keyword"] == "서울 & #1+2%/?"
    assert (request.method, request.headers, request.body) == ("GET", {}, None)


def test_ids_go_into_the_path_and_as_a_list_into_the_query() -> None:
    """An id goes into the path, and several ids go into the query, separated by commas."""
    assert str(encode(GET, GET_AUDIENCE.path, BASE).url).endswith("/targetings/audiences/1")
    many = Call(endpoint=DELETE_AUDIENCES, returns=object, query={"audienceIds": "1,2"})
    assert encode(many, DELETE_AUDIENCES.path, BASE).url.raw_query_string == "audienceIds=1,2"


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "body",
    [float("nan"), {1, 2}, "\ud800", {"a": object()}, {(1, 2): 3}, CYCLE],
    ids=["nan", "set", "surrogate", "object", "tuple key", "cycle"],
)
def test_json_that_cannot_be_written_is_refused(body: Any) -> None:
    """A body that is not JSON is refused by name before anything is sent."""
    endpoint = unlisted("POST", "/x", account=False)
    call = Call(endpoint=endpoint, returns=object, body=body)
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^json cannot be written as JSON"):
        encode(call, "/x", BASE)


# -- Errors -----------------------------------------------------------------------------

SPRING = {"timestamp": "2026-11-26T00:00:00", "status": 404, "error": "Not Found", "path": "/x"}
MISMATCHED = {"code": -401, "msg": "ip mismatched! callerIp=1.2.3.4. check out registered ips."}
ERRORS = [
    (400, envelope(-1), kmoment.ServerError),
    (400, envelope(-2), kmoment.BadRequestError),
    (400, envelope(-3), kmoment.PermissionDeniedError),
    (403, envelope(-3), kmoment.PermissionDeniedError),
    (403, envelope(-5), kmoment.PermissionDeniedError),
    (400, envelope(-7), kmoment.ServerError),
    (400, envelope(-10), kmoment.QuotaExceededError),
    (400, envelope(-11), kmoment.QuotaExceededError),
    (401, envelope(-401), kmoment.AuthenticationError),
    (403, envelope(-402), kmoment.ConsentRequiredError),
    (503, envelope(-9798), kmoment.MaintenanceError),
    (400, envelope(-813, 75029), kmoment.BadRequestError),
    (400, envelope(-813, 21006), kmoment.NotFoundError),
    (400, envelope(-813, 75014), kmoment.NotFoundError),
    (400, envelope(-813, 9004), kmoment.PermissionDeniedError),
    (403, envelope(-813), kmoment.PermissionDeniedError),
    (429, envelope(-813), kmoment.RateLimitedError),
    (500, envelope(-813), kmoment.ServerError),
    (400, envelope(-99999), kmoment.BadRequestError),
    (200, envelope(-813, 75029), kmoment.BadRequestError),
    (200, envelope(-813), kmoment.BadRequestError),
    (401, b"", kmoment.ProtocolError),
    (403, b"<html>firewall</html>", kmoment.ProtocolError),
    (404, b"", kmoment.ProtocolError),
    (405, b"", kmoment.ProtocolError),
    (404, SPRING, kmoment.RouteNotFoundError),
    (405, SPRING, kmoment.RouteNotFoundError),
    (404, envelope(-813), kmoment.RouteNotFoundError),
    (404, envelope(-813, 99999), kmoment.NotFoundError),
    (401, envelope(-401), kmoment.AuthenticationError),
    (401, MISMATCHED, kmoment.AddressNotAllowedError),
    (408, b"", kmoment.ServerError),
    (425, b"<html>", kmoment.ServerError),
    (500, envelope(-401), kmoment.ServerError),
    (503, envelope(-9798), kmoment.MaintenanceError),
    (429, b"", kmoment.RateLimitedError),
    (502, b"<html>", kmoment.ServerError),
    (300, b"", kmoment.ProtocolError),
    (302, b"", kmoment.ProtocolError),
    (101, b"", kmoment.ProtocolError),
    (410, b"", kmoment.ProtocolError),
    (407, b"Proxy Authentication Required", kmoment.ProtocolError),
    (429, envelope(-10), kmoment.RateLimitedError),
    (200, {"code": -813.0}, kmoment.BadRequestError),
    (400, envelope(-402, 75014), kmoment.ConsentRequiredError),
    (200, b"<html>portal</html>", kmoment.ProtocolError),
    (200, b"[" * 100_000, kmoment.ProtocolError),
    (200, b"\xff\xfe", kmoment.ProtocolError),
    (200, b"", kmoment.ProtocolError),
    (200, [], kmoment.ProtocolError),
    (200, {"message": "ok"}, kmoment.ProtocolError),
    (200, {"id": 1}, kmoment.DecodeError),
]


@pytest.mark.parametrize(("status", "body", "error"), ERRORS)
def test_errors_are_told_apart(status: int, body: Any, error: type[kmoment.APIError]) -> None:
    """Status, code, detailCode and body decide the error's class. Facts are its attributes."""
    with pytest.raises(kmoment.APIError) as caught:
        decode(GET, answer(body, status))
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.request_sent is True
    assert caught.value.operation == "audiences.get"
    assert caught.value.ad_account_id == 7
    assert caught.value.path == GET_AUDIENCE.path
    if isinstance(body, dict) and "code" in body:
        assert caught.value.code == body["code"]
        assert caught.value.message == body.get("msg")
        assert caught.value.detail_code == body.get("extras", {}).get("detailCode")


@pytest.mark.parametrize("name", ["msg", "message", "error_description", "error"])
def test_what_a_gate_says_is_kept(name: str) -> None:
    """An error of a gateway, without Kakao's code, keeps its text as the message."""
    with pytest.raises(kmoment.ProtocolError) as caught:
        decode(GET, answer({name: "target biz token is not supplied."}, 401))
    assert caught.value.message == "target biz token is not supplied."


def test_ids_cannot_be_overridden() -> None:
    """The call's account and id are sent, even if the draft's ``extra`` has others."""
    draft = kmoment.AudienceDraft.display("x", extra={"id": 7, "adAccountId": 9, "new": 1})
    ids = {"id": 5, "ad_account_id": 1}
    call = Call(endpoint=CREATE_AUDIENCE, returns=object, body=draft.resolved(), body_ids=ids)
    body = json.loads(encode(call, "/x", BASE).body or b"")
    assert (body["id"], body["adAccountId"], body["new"]) == (5, 1, 1)


def test_extra_does_not_slip_past_the_rules() -> None:
    """A member that kmoment knows is refused in ``extra``, in either spelling."""
    draft = kmoment.AudienceDraft.display("x", extra={"ages": ["22"], "depth2locations": []})
    call = Call(endpoint=CREATE_AUDIENCE, returns=object, body=draft)
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^audience.extra.*ages, depth2loc"):
        encode(call, "/x", BASE)


def test_a_decode_error_names_the_path() -> None:
    """A DecodeError names the path of each problem, and keeps every row that could be read."""
    call = Call(endpoint=LIST_AUDIENCES, returns=list[models.AudienceSummary])
    with pytest.raises(kmoment.DecodeError, match="succeeded") as caught:
        decode(call, answer({"content": [{"id": 1}, {"id": 2, "name": "x"}, {"name": "y"}]}))
    assert caught.value.problems == (
        ("content[0].name", "is missing"),
        ("content[2].id", "is missing"),
    )
    assert caught.value.partial == [models.AudienceSummary(id=2, name="x")]
    assert pickle.loads(pickle.dumps(caught.value)).partial == caught.value.partial


@pytest.mark.parametrize(
    ("where", "scopes"),
    [
        ({"required_scopes": ["moment_management", 3]}, ("moment_management",)),
        ({"required_scope(s)": "moment_create moment_delete"}, ("moment_create", "moment_delete")),
        ({"extras": {"required_scopes": "a,b"}}, ("a", "b")),
        ({}, ()),
    ],
)
def test_missing_consent_names_its_scopes(where: dict[str, Any], scopes: tuple[str, ...]) -> None:
    """The missing scopes are on the error, at each place where Kakao may put them."""
    with pytest.raises(kmoment.ConsentRequiredError) as caught:
        decode(GET, answer(envelope(-402) | where, 403))
    assert caught.value.required_scopes == scopes


@pytest.mark.parametrize(
    "extras", [None, [], "x", {"detailCode": "75014", "detailMsg": 3}, {"message": "까닭"}]
)
def test_odd_extras_do_no_harm(extras: Any) -> None:
    """Any value of ``extras`` still gives the right error."""
    with pytest.raises(kmoment.APIError) as caught:
        decode(GET, answer({"code": "-813", "extras": extras}, 400))
    assert caught.value.code == -813
    assert caught.value.message is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT",
                "Date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 10:00:00 GMT",
                "Date": "Sun, 22 Nov 2026 10:00:30 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "99999999999999999999"}, 1e20),
        ({"Retry-After": "soon", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT",
                "Date": "Sun, 22 Nov 2026 10:00:00 -0000",
            },
            30.0,
        ),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Both forms of Retry-After are read. A date is compared with the server's Date header."""
    headers = {name.lower(): value for name, value in headers.items()}
    assert retry_after(headers) == seconds
    with pytest.raises(kmoment.RateLimitedError) as caught:
        decode(GET, Response(429, headers, b""))
    assert caught.value.retry_after == seconds


def test_a_route_is_unknown_only_without_a_moment_error() -> None:
    """A 404 or 405 means an unknown route only in Spring's form, or as -813 without detailCode."""
    for status in (404, 405):
        assert no_such_route(GET, answer(SPRING, status))
        assert no_such_route(GET, answer(envelope(-813), status))
        assert not no_such_route(GET, answer(envelope(-813, 75014), status))
        for foreign in (b"<html>", b"", {"error": "x"}, {"status": 404, "detail": "no route"}):
            assert not no_such_route(GET, answer(foreign, status))
    assert not no_such_route(GET, answer(SPRING, 400))


# -- Values -----------------------------------------------------------------------------


def test_answers_without_a_body() -> None:
    """An empty body is a valid answer to a call that returns nothing, and to a bulk delete."""
    nothing = Call(endpoint=GET_AUDIENCE, returns=NoneType)
    for body in (b"", b" \n"):
        assert decode(nothing, answer(body)) is None
    for body in (b"{}", b'{"ok": true}', b"<html>", b"ok", b"[]"):
        with pytest.raises(kmoment.ProtocolError) as caught:
            decode(nothing, answer(body))
        assert caught.value.not_the_api
    rows = Call(endpoint=LIST_AUDIENCES, returns=list[models.AudienceSummary])
    assert decode(rows, answer(b"", 204)) == []
    bulk = Call(endpoint=DELETE_AUDIENCES, returns=models.BulkDeleteResult)
    assert decode(bulk, answer(b"")) == models.BulkDeleteResult()
    with pytest.raises(kmoment.ProtocolError):
        decode(nothing, answer(b"<html>"))


def test_unlisted_endpoints_return_json_as_it_came() -> None:
    """``client.request`` returns the parsed JSON, also with an unknown success code in it."""
    call = Call(endpoint=unlisted("GET", "/x", account=False), returns=object)
    assert decode(call, answer({"code": 200, "data": [1]})) == {"code": 200, "data": [1]}
    assert decode(call, answer(b"")) is None
    with pytest.raises(kmoment.BadRequestError):
        decode(call, answer(envelope(-2)))


@given(
    body=st.binary(max_size=60) | JSON.map(lambda j: json.dumps(j).encode()),
    status=st.integers(200, 599),
)
def test_any_bytes_give_a_value_or_an_error_of_ours(body: bytes, status: int) -> None:
    """Any bytes of a server give a value or an APIError, and no other exception."""
    for name in ("audiences.get", "audiences.list", "audiences.delete", "targeting.pixel_events"):
        try:
            value = decode(call_of(name), answer(body, status))
        except kmoment.APIError as error:
            assert str(error)
        else:
            assert status < 300
            assert value is None or isinstance(value, list | models.Audience)


def test_endpoints() -> None:
    """Every endpoint is in the table once, with the URL of Kakao's page."""
    assert len({(e.method, e.path) for e in ENDPOINTS}) == len(ENDPOINTS) == 30
    assert len({e.name for e in ENDPOINTS}) == 30
    for endpoint in ENDPOINTS:
        assert endpoint.documentation.startswith("https://developers.kakao.com/docs/")
        shared = ("locations", "placements", "categories")
        for_all = endpoint.name in ("accounts.pages", "accounts.get")
        assert endpoint.account != (endpoint.name.split(".")[0] in shared or for_all)
    assert CREATE_AUDIENCE.replay == "create"
    assert attrs.evolve(DEPTH1) == DEPTH1


@pytest.mark.parametrize("parser", ["json", "orjson"])
@given(data=JSON)
def test_either_parser_reads_the_same(parser: str, data: Any) -> None:
    """json and orjson parse an answer to the same value."""
    loads = pytest.importorskip(parser).loads
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kmoment._protocol.answer._loads", loads)
        body = json.dumps(data).encode()
        assert parse(Response(200, {}, body)) == data
        assert parse(Response(200, {}, b" \n")) is EMPTY
        for broken in (b"{", b"[1,]", b"\xff", body + b"}"):
            assert parse(Response(200, {}, broken)) is NOT_JSON


def test_half_an_emoji_is_read_with_either_parser() -> None:
    """An escaped lone surrogate is read, although orjson refuses it."""
    assert parse(Response(200, {}, b'[{"name": "half \\ud83d"}]')) == [{"name": "half \ud83d"}]
