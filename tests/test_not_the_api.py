"""Answers that are not Kakao's: what they prove, and what the error keeps of them."""

import json
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT, STORED
from helpers.scripted import ok, scripted
from kmoment._protocol.answer import WORDS
from kmoment._protocol.http import Response

pytestmark = pytest.mark.anyio

PAGES = {
    "nothing": b"",
    "html": b"<html><title>Sign in</title></html>",
    "html with a byte order mark": b"\xef\xbb\xbf<html>Sign in</html>",
    "words before the first tag": b"Notice: <html>Sign in</html>",
    "text": b"no healthy upstream",
    "problem": b'{"type": "about:blank", "title": "Not found", "status": 404, "detail": "gone"}',
    "a gateway's JSON": b'{"message": "no Route matched with those values"}',
    "a positive code": b'{"code": 404, "msg": "page not found"}',
    "a list": b'["not found"]',
    "a string": b'"not found"',
    "a number": b"404",
    "EUC-KR": "<html>접근이 차단되었습니다</html>".encode("euc-kr"),
    "UTF-16": "<html>차단</html>".encode("utf-16"),
}
FOREIGN = [101, 201, 300, 302, 400, 401, 403, 404, 405, 407, 409, 410, 413, 418, 451]


def audiences(*answers: Response | BaseException, **settings: Any) -> Any:
    settings = {"routes": "nested", "reconcile_delays": (), **settings}
    client = kmoment.AsyncClient(TOKEN, **settings)
    transport = scripted(client, *answers)
    client._change_settings(sleep=skip)
    return client.account(1).audiences, transport


async def skip(_: float) -> None:
    """Do not pause."""


@pytest.mark.parametrize("status", FOREIGN)
@pytest.mark.parametrize("page", PAGES)
async def test_no_delete_succeeds_by_a_foreign_answer(page: str, status: int) -> None:
    """A delete that a gateway answers is not a success if the audience still exists."""
    found, transport = audiences(
        ok(PAGES[page], status), ok(STORED), ok(STORED), ok(STORED), ok(STORED)
    )
    if (page, status) == ("nothing", 201):
        return  # an empty success is Kakao's documented answer to a delete
    with pytest.raises(kmoment.OutcomeUnknownError):
        await found.delete(9)
    assert [request.method for request in transport.requests][:2] == ["DELETE", "GET"]


@pytest.mark.parametrize("status", FOREIGN)
@pytest.mark.parametrize("page", PAGES)
async def test_a_create_is_posted_once_whatever_a_gateway_answers(page: str, status: int) -> None:
    """After an answer of a gateway, a create is not sent again, on any route."""
    found, transport = audiences(ok(PAGES[page], status), routes="auto")
    with pytest.raises(kmoment.OutcomeUnknownError):
        await found.create(DRAFT)
    assert [request.method for request in transport.requests] == ["POST"]


@pytest.mark.parametrize("status", [status for status in FOREIGN if status >= 300])
@pytest.mark.parametrize("page", PAGES)
async def test_a_foreign_answer_says_nothing_of_the_audience_or_the_token(
    page: str, status: int
) -> None:
    """After an answer of a gateway, a read is tried once more and then raises ProtocolError."""
    found, transport = audiences(ok(PAGES[page], status))
    for _ in range(2):
        with pytest.raises(kmoment.ProtocolError) as caught:
            await found.get(1)
        assert caught.value.not_the_api
        assert caught.value.status == status
    assert len(transport.requests) == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, kmoment.DeadlineExceededError),
        (408, kmoment.ServerError),
        (425, kmoment.ServerError),
        (500, kmoment.ServerError),
        (502, kmoment.ServerError),
        (503, kmoment.ServerError),
        (504, kmoment.ServerError),
        (599, kmoment.ServerError),
    ],
)
@pytest.mark.parametrize("page", PAGES)
async def test_a_status_decides_whoever_wrote_the_page(
    page: str, status: int, error: type[kmoment.APIError]
) -> None:
    """A status 429, 408, 425 or 5xx decides the error's class, whatever the body is."""
    found, transport = audiences(ok(PAGES[page], status), ok(STORED))
    assert (await found.get(1)).id == 9
    assert len(transport.requests) == 2
    found, _ = audiences(ok(PAGES[page], status), max_attempts=1, max_wait=0)
    with pytest.raises(error):
        await found.get(1)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "nothing"])
async def test_no_update_succeeds_by_a_foreign_answer(page: str) -> None:
    """An update that a gateway answers is not a success if the audience differs from the draft."""
    old = {**STORED, "name": "another name"}
    found, _ = audiences(ok(PAGES[page], 200), ok(old))
    with pytest.raises(kmoment.OutcomeUnknownError):
        await found.update(9, DRAFT)


async def test_an_address_that_is_not_allowed_is_no_dead_token() -> None:
    """A refused IP address raises its own error, without a new token and without a breaker."""
    asked: list[int] = []
    client = kmoment.AsyncClient(lambda: asked.append(1) or TOKEN)  # type: ignore[func-returns-value]
    refused = ok({"code": -401, "msg": "ip mismatched! callerIp=1.2.3.4. check ips."}, 401)
    transport = scripted(client, refused, refused, ok([]))
    for _ in range(2):
        with pytest.raises(kmoment.AddressNotAllowedError, match=r"1\.2\.3\.4.*allowed IP"):
            await client.locations.depth1()
    assert await client.locations.depth1() == []
    assert (len(transport.requests), len(asked)) == (3, 1)


WORDING = [
    ({}, b'{"title": "Too long", "detail": "limit is 50"}', "limit is 50"),
    ({}, b'{"errors": [{"message": "a is bad"}, "b is bad"]}', "a is bad, b is bad"),
    ({}, b'{"error": {"code": 7, "message": "quota"}}', "quota"),
    ({}, b"upstream connect error", "upstream connect error"),
    (
        {},
        b"<html><style>p{}</style><h1>502</h1><p>Bad\n gateway &amp; more",
        "502 Bad gateway & more",
    ),
    ({}, b"\xef\xbb\xbf<html>portal</html>", "portal"),
    ({"content-type": "text/html; charset=EUC-KR"}, "접근 차단".encode("euc-kr"), "접근 차단"),
    ({"content-type": "text/html; charset=euc-kr"}, "똠방각하".encode("cp949"), "똠방각하"),
    ({"content-type": "text/plain; charset=CP949"}, "똠방각하".encode("cp949"), "똠방각하"),
    ({}, b'<meta charset="euc-kr">' + "차단".encode("euc-kr"), "차단"),
    ({}, "차단".encode("utf-16"), "차단"),
    ({"content-type": "text/plain; charset=nonsense"}, "차단".encode(), "차단"),
    (
        {"content-type": "a/json; charset=euc-kr"},
        '{"msg": "차단"}'.encode("euc-kr"),
        "차단",
    ),
]


@pytest.mark.parametrize(("headers", "body", "words"), WORDING)
@pytest.mark.parametrize("status", [403, 502])
async def test_what_it_says_is_kept(
    headers: dict[str, str], body: bytes, words: str, status: int
) -> None:
    """The error keeps the first words of a gateway's page, text or JSON."""
    found, _ = audiences(Response(status, headers, body), max_attempts=1)
    with pytest.raises(kmoment.APIError) as caught:
        await found.get(1)
    assert caught.value.message == words
    assert words in str(caught.value)


async def test_a_long_text_is_shortened() -> None:
    """A long page is cut to ``WORDS`` characters in the error."""
    found, _ = audiences(ok(b"<html>" + b"word " * 10_000, 403), max_attempts=1)
    with pytest.raises(kmoment.ProtocolError) as caught:
        await found.get(1)
    assert len(caught.value.message or "") == WORDS
    assert (caught.value.message or "").endswith("…")


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "euc-kr"])
@pytest.mark.parametrize("before", [0, WORDS - len(TOKEN) - 4, WORDS - 5])
async def test_a_page_that_repeats_the_token_does_not_leak_it(charset: str, before: int) -> None:
    """The error shows no part of a token that a page repeats, also where the text is cut."""
    page = f"{'x' * before} {TOKEN} Authorization: Bearer {TOKEN}".encode(charset)
    headers = {"location": f"https://evil.example/?{TOKEN}", "x-request-id": TOKEN}
    found, _ = audiences(Response(302, headers, page), max_attempts=1)
    with pytest.raises(kmoment.ProtocolError) as caught:
        await found.get(1)
    shown = f"{caught.value!r}{vars(caught.value)}"
    assert TOKEN not in shown
    assert TOKEN[:8] not in shown


@pytest.mark.parametrize("name", ["x-request-id", "x-correlation-id", "cf-ray", "x-amzn-trace-id"])
@pytest.mark.parametrize("status", [400, 403, 503])
async def test_the_request_id_is_kept(name: str, status: int) -> None:
    """The error has the gateway's request id as an attribute and in its text."""
    found, _ = audiences(Response(status, {name: "ab-12"}, b""), max_attempts=1)
    with pytest.raises(kmoment.APIError, match="request ab-12") as caught:
        await found.get(1)
    assert caught.value.request_id == "ab-12"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_with_its_target(status: int) -> None:
    """A redirect is not followed, and the error names its target."""
    target = {"location": "https://evil.example/openapi"}
    found, transport = audiences(Response(status, target, b""), max_attempts=1)
    with pytest.raises(kmoment.ProtocolError, match=r"https://evil\.example/openapi"):
        await found.get(1)
    assert {request.url.host for request in transport.requests} == {"apis.moment.kakao.com"}


WRAPPERS: list[dict[str, Any]] = [
    {"totalElements": 3},
    {"totalPages": 2},
    {"last": False},
    {"hasNext": True},
    {"page": {"totalElements": 3}},
    {"pageable": {"totalPages": 2}},
]


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=str)
async def test_a_part_of_a_list_is_not_the_list(wrapper: dict[str, Any]) -> None:
    """A list that is only a part raises PartialListError with the rows and the server's total."""
    found, _ = audiences(ok({"content": [{"id": 1, "name": "x"}], **wrapper}))
    with pytest.raises(kmoment.PartialListError, match="1 rows came") as caught:
        await found.list()
    assert [row.id for row in caught.value.partial or ()] == [1]
    assert caught.value.total == (3 if "totalElements" in str(wrapper) else 0)


async def test_a_whole_list_that_counts_itself_is_read() -> None:
    """A list whose counts match its rows is read."""
    counts = {"totalElements": 1, "totalPages": 1, "last": True, "number": 0}
    found, _ = audiences(ok({"content": [{"id": 1, "name": "x"}], **counts}))
    assert [row.id for row in await found.list()] == [1]


def _loads_as_orjson(body: bytes | str) -> Any:
    """Read integers that fit into 64 bits exactly, and make floats of larger ones."""

    def number(text: str) -> float:
        return int(text) if -(2**63) <= int(text) < 2**64 else float(text)

    return json.loads(body, parse_int=number)


@pytest.mark.parametrize("loads", [json.loads, _loads_as_orjson])
@pytest.mark.parametrize("new", [2**90 + 1, -(2**63) - 1, {"deep": [2**64]}, 1e30, 2.5])
async def test_a_large_number_does_no_harm(
    new: Any, loads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Integers beyond 64 bits are read exactly by either parser, also in unknown members."""
    monkeypatch.setattr("kmoment._protocol.answer._loads", loads)
    row = {"id": 2**70, "name": "x", "new": new}
    found, _ = audiences(ok([row]), ok({**STORED, "new": new}))
    (summary,) = await found.list()
    assert (summary.id, summary.extra["new"]) == (2**70, new)
    assert type(summary.extra["new"]) is type(new)
    assert (await found.get(9)).extra["new"] == new


@pytest.mark.parametrize("depth", [100, 300, 900])
async def test_a_deep_unknown_member_is_kept(depth: int) -> None:
    """However deep an unknown member goes, its row is read."""
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    found, _ = audiences(ok([{"id": 1, "name": "x", "new": deep}]))
    (row,) = await found.list()
    assert repr(row.extra["new"]).count("[") == depth


@pytest.mark.parametrize("loads", [json.loads, _loads_as_orjson])
async def test_a_large_number_of_a_raw_answer_is_exact(
    loads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an answer is handed out as JSON, its integers beyond 64 bits are exact."""
    monkeypatch.setattr("kmoment._protocol.answer._loads", loads)
    client = kmoment.AsyncClient(TOKEN)
    scripted(client, ok({"id": 2**70 + 1}))
    assert await client.request("GET", "/openapi/v4/adGroups/1") == {"id": 2**70 + 1}
