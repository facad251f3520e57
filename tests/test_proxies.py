"""The client through a real nginx and a real HAProxy: their own closes, answers and limits."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT, STORED, V4
from helpers.fault_server import Answer, FaultServer, Received, Silence
from helpers.programs import needed
from helpers.proxies import HAProxy, Nginx, Proxy, Rules
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

ACCOUNT = 1234
UNUSED = 3  # an audience of the sandbox that no ad group uses
LOOK_UPS = f"{V4}/targetings/location/"

PLAIN = Rules()
SHORT_IDLE = Rules(
    nginx="keepalive_timeout 100ms;",
    haproxy="timeout http-keep-alive 100ms",
)
SHORT_READ = Rules(
    nginx="proxy_read_timeout 200ms;",
    haproxy="timeout server 200ms",
)
SMALL_BODY = Rules(
    nginx="client_max_body_size 64;",
    haproxy="http-request deny deny_status 413 if { req.body_size gt 64 }",
)
SHORT_URL = Rules(
    nginx="client_header_buffer_size 512; large_client_header_buffers 1 512;",
    haproxy="""http-request return status 414 content-type text/html
        string "<html><h1>414 Request-URI Too Large</h1>" if { url_len gt 512 }""".replace(
        "\n", " "
    ),
)
ONLY_LOOK_UPS = Rules(prefix=LOOK_UPS)
FEW_READS = Rules(
    nginx="""limit_req_zone $binary_remote_addr zone=all:1m rate=20r/s;
        limit_req zone=all; limit_req_status 429;""",
    haproxy="""stick-table type ip size 1k expire 10s store http_req_rate(300ms)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 5 }""",
)
FEW_CREATES = Rules(
    nginx="""map $request_method $creates { POST $binary_remote_addr; default ""; }
        limit_req_zone $creates zone=creates:1m rate=3r/s;
        limit_req zone=creates; limit_req_status 429;""",
    haproxy="""stick-table type ip size 1k expire 10s store http_req_rate(300ms)
  http-request track-sc0 src if METH_POST
  http-request deny deny_status 429 if METH_POST { sc_http_req_rate(0) gt 1 }""",
)
GZIP = Rules(
    nginx="gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;",
    haproxy="compression algo gzip\n  compression type application/json",
)


@pytest.fixture(params=[Nginx, HAProxy], ids=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Proxy:
    """A balancer that is not started yet. Without its program the test skips, or fails in CI."""
    made: Proxy = request.param(tmp_path)
    return made


def client_of(proxy: Proxy, token: str = TOKEN, **settings: Any) -> kmoment.AsyncClient:
    settings = {"deadline": 20.0, "routes": "nested", "reconcile_delays": (0.05, 0.4), **settings}
    return kmoment.AsyncClient(token, base_url=proxy.url, **settings)


def port_of(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.url).port or 0


def keyword_of(received: Received) -> str:
    return parse_qs(urlsplit(received.target).query)["keyword"][0]


def place(received: Received) -> bytes:
    """A look-up's answer that names what was asked for: answers that are mixed up are seen."""
    row = {"value": "I1000", "description": keyword_of(received)}
    return json.dumps([{**row, "depth1Name": "서울", "depth2Name": "강남구"}]).encode()


async def look_up(client: kmoment.AsyncClient, keyword: str) -> str | None:
    (found,) = await client.locations.depth2(keyword)
    return found.description


async def look_up_all(client: kmoment.AsyncClient, keywords: list[str]) -> None:
    answers = await asyncio.gather(*(look_up(client, keyword) for keyword in keywords))
    assert answers == keywords


def ids_of(sandbox: Sandbox) -> set[int]:
    """The ids of all audiences that are really there."""
    return {row["id"] for row in sandbox.state()["accounts"][str(ACCOUNT)]["audiences"]}


async def is_done(write: Awaitable[object]) -> bool:
    """Whether *write* is a success. False if its outcome is unknown."""
    try:
        await write
    except kmoment.OutcomeUnknownError:
        return False
    return True


def posts(server: FaultServer) -> int:
    return sum(received.method == "POST" for received in server.requests)


def methods(proxy: Proxy, method: str) -> list[int]:
    """The status of each request with *method* that the balancer has logged."""
    return [entry.status for entry in proxy.log() if entry.method == method]


@pytest.mark.parametrize(
    ("ci", "ends"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_missing_program(
    ci: str, ends: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that needs it is skipped, or fails in CI, and says which program it is."""
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match="no-such-server is not installed"):
        needed("no-such-server")


# -- Connections that the balancer closes -----------------------------------------------

SIXTY = [f"k{number}" for number in range(60)]


@pytest.mark.parametrize("busy", [False, True])
async def test_connections_closed_while_idle_are_no_error(
    proxy: Proxy, server: FaultServer, busy: bool
) -> None:
    """Each of 60 reads over connections that have died is sent once and answered."""
    server.on_act = place
    async with proxy.before(server.port, SHORT_IDLE), client_of(proxy, max_attempts=1) as client:
        await look_up_all(client, SIXTY)
        if busy:
            time.sleep(0.4)  # the event loop does not see the connections close
        else:
            await asyncio.sleep(0.4)
        await look_up_all(client, SIXTY)
    assert Counter(map(keyword_of, server.requests)) == dict.fromkeys(SIXTY, 2)


async def test_a_read_at_the_moment_of_the_close_is_no_error(
    proxy: Proxy, server: FaultServer
) -> None:
    """A read that meets the balancer's close on its way is answered, without another attempt."""
    server.on_act = place
    async with proxy.before(server.port, SHORT_IDLE), client_of(proxy, max_attempts=1) as client:
        for thousandth in range(96, 105):
            await look_up_all(client, SIXTY[:8])
            time.sleep(thousandth / 1000)
        await look_up_all(client, SIXTY[:8])


# -- Failures of the upstream -----------------------------------------------------------


async def test_an_upstream_that_is_gone(proxy: Proxy) -> None:
    """A read is tried again, and its error says the status and the words of the page."""
    with socket.socket() as unused:  # bound, and not listening: nobody else can take the port
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        patience: dict[str, Any] = {"outage_patience": 0.5}
        async with proxy.before(port, PLAIN), client_of(proxy, **patience) as client:
            with pytest.raises(kmoment.ServerError) as caught:
                await client.locations.depth1()
    status, words = (502, "502 Bad Gateway") if proxy.program == "nginx" else (503, "503 Service")
    assert caught.value.status == status
    assert words in str(caught.value)
    assert len(methods(proxy, "GET")) > 1
    assert set(methods(proxy, "GET")) == {status}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
async def test_a_delete_that_the_upstream_did_not_answer(
    proxy: Proxy, fault: str, kept: bool
) -> None:
    """It is a success that has happened, or in doubt; also over connections that were kept."""
    async with Sandbox(quota=False) as sandbox:
        sandbox.add_fault(Fault("audiences.delete", fault, times=1))
        async with (
            proxy.before(port_of(sandbox), PLAIN),
            client_of(proxy, sandbox.token) as client,
        ):
            audiences = client.account(ACCOUNT).audiences
            if kept:
                await audiences.list()
            if await is_done(audiences.delete(UNUSED)):
                assert UNUSED not in ids_of(sandbox)


async def test_a_create_whose_answer_comes_too_late_is_found(proxy: Proxy) -> None:
    """The balancer answers 504 before the upstream acts: it is sent once, and found in the list."""
    async with Sandbox(quota=False) as sandbox:
        sandbox.add_fault(Fault("audiences.create", "delay", delay=0.3))
        async with (
            proxy.before(port_of(sandbox), SHORT_READ),
            client_of(proxy, sandbox.token) as client,
        ):
            made = await client.account(ACCOUNT).audiences.create(DRAFT)
        assert made.reconciled
        assert made.id in ids_of(sandbox)
        assert [request["method"] for request in sandbox.requests()].count("POST") == 1
    assert methods(proxy, "POST") == [504]


async def test_a_create_that_nobody_answers_is_sent_once(proxy: Proxy, server: FaultServer) -> None:
    """If the list does not show it after the balancer's 504, its outcome is unknown."""
    server.script(Answer(), Silence(2))
    async with proxy.before(server.port, SHORT_READ), client_of(proxy) as client:
        with pytest.raises(kmoment.OutcomeUnknownError) as caught:
            await client.account(ACCOUNT).audiences.create(DRAFT)
    assert caught.value.status == 504
    assert posts(server) == 1


# -- Answers of the balancer's own ------------------------------------------------------


@pytest.mark.parametrize("size", [100, 900_000])
async def test_a_body_that_is_too_large_for_the_balancer(
    proxy: Proxy, server: FaultServer, size: int
) -> None:
    """It is sent once and does not reach the upstream, and the error says the status and why."""
    async with proxy.before(server.port, SMALL_BODY):
        async with client_of(proxy) as client:
            with pytest.raises(kmoment.APIError) as caught:
                await client.request("PUT", f"{V4}/adGroups", json={"name": "x" * size})
        await proxy.has_logged("PUT")
    assert caught.value.status == 413
    assert any(words in str(caught.value) for words in ("Too Large", "too large", "Too large"))
    assert server.requests == []
    assert methods(proxy, "PUT") == [413]


async def test_a_create_that_is_too_large_for_the_balancer(
    proxy: Proxy, server: FaultServer
) -> None:
    """It is sent once, and its error says the status."""
    async with proxy.before(server.port, SMALL_BODY), client_of(proxy) as client:
        with pytest.raises(kmoment.APIError, match="413") as caught:
            await client.account(ACCOUNT).audiences.create(DRAFT)
    assert caught.value.status == 413
    assert posts(server) == 0
    assert methods(proxy, "POST") == [413]


async def test_a_path_that_the_balancer_does_not_know(proxy: Proxy) -> None:
    """Its own 404 page is no success of a delete, and says nothing of the audience."""
    async with Sandbox(quota=False) as sandbox:
        async with (
            proxy.before(port_of(sandbox), ONLY_LOOK_UPS),
            client_of(proxy, sandbox.token, routes="auto") as client,
        ):
            audiences = client.account(ACCOUNT).audiences
            with pytest.raises(kmoment.OutcomeUnknownError):
                await audiences.delete(UNUSED)
            with pytest.raises(kmoment.ProtocolError, match="404 Not Found") as caught:
                await audiences.get(UNUSED)
            assert await client.locations.depth1()
        assert UNUSED in ids_of(sandbox)
    assert caught.value.not_the_api
    assert caught.value.status == 404


async def test_an_address_that_is_too_long_for_the_balancer(
    proxy: Proxy, server: FaultServer
) -> None:
    """It does not reach the upstream, and the error is not taken for one of Kakao's."""
    async with proxy.before(server.port, SHORT_URL), client_of(proxy) as client:
        with pytest.raises(kmoment.ProtocolError, match="414 Request-URI Too Large") as caught:
            await client.locations.depth2("k" * 1000)
        assert await client.locations.depth2("k") == []
    assert caught.value.not_the_api
    assert caught.value.status == 414
    assert len(server.requests) == 1


async def test_a_bulk_delete_that_is_too_long_for_the_balancer(
    proxy: Proxy, server: FaultServer
) -> None:
    """No audience is reported as deleted if no request reached the upstream."""
    ids = range(10**15, 10**15 + 50)
    server.default = Answer(body=json.dumps([{"id": one, "name": "x"} for one in ids]).encode())
    async with proxy.before(server.port, SHORT_URL), client_of(proxy) as client:
        try:
            result = await client.account(ACCOUNT).audiences.delete_many(ids)
        except kmoment.APIError as error:
            assert error.status == 414
        else:
            assert {str(outcome.status) for outcome in result.outcomes} <= {"failed", "unknown"}
    assert {received.method for received in server.requests} == {"GET"}


# -- Throttles of the balancer ----------------------------------------------------------


async def test_reads_that_the_balancer_throttles(proxy: Proxy, server: FaultServer) -> None:
    """Each read of a batch is answered in the end, or its error says what it waited for."""
    server.on_act = place
    keywords = SIXTY[:12]
    async with proxy.before(server.port, FEW_READS), client_of(proxy, deadline=1.5) as client:
        batch = client.each(lambda keyword: look_up(client, keyword), keywords, concurrency=12)
        outcomes = await batch.collect()
    assert 429 in methods(proxy, "GET")
    assert [outcome.input for outcome in outcomes] == keywords
    assert all(outcome.value == outcome.input for outcome in outcomes if outcome.ok)
    for outcome in outcomes.failures():
        assert isinstance(outcome.error, kmoment.RateLimitedError | kmoment.DeadlineExceededError)
    assert len(server.requests) >= len(outcomes.values())


async def test_creates_that_the_balancer_throttles(proxy: Proxy) -> None:
    """A create is in doubt neither way: each that reaches the upstream is a success."""
    async with Sandbox(quota=False) as sandbox:
        before = ids_of(sandbox)
        async with (
            proxy.before(port_of(sandbox), FEW_CREATES),
            client_of(proxy, sandbox.token, deadline=3.0) as client,
        ):
            audiences = client.account(ACCOUNT).audiences
            drafts = [DRAFT.replace(name=f"n{number}") for number in range(2)]
            outcomes = await client.each(audiences.create, drafts, concurrency=2).collect()
        assert ids_of(sandbox) - before == {made.id for made in outcomes.values()}
    assert 429 in methods(proxy, "POST")
    assert len(outcomes.values()) >= 1
    for outcome in outcomes.failures():
        assert isinstance(outcome.error, kmoment.RateLimitedError | kmoment.DeadlineExceededError)


# -- Deploys ----------------------------------------------------------------------------

MANY = [f"k{number}" for number in range(400)]


async def test_a_reload_in_the_middle_of_a_batch(proxy: Proxy, server: FaultServer) -> None:
    """Each read of a batch gets its own answer while the balancer is reloaded three times."""
    server.on_act = place
    server.default = Answer(delay=0.02)
    async with proxy.before(server.port, PLAIN), client_of(proxy) as client:
        outcomes = kmoment.Outcomes[str, str | None]()
        async for outcome in client.each(lambda it: look_up(client, it), MANY, concurrency=16):
            outcomes.append(outcome)
            if len(outcomes) in (100, 200, 300):
                await proxy.reload()
    assert outcomes.raise_if_failed().values() == MANY


async def test_a_hard_restart_in_the_middle_of_a_batch(proxy: Proxy, server: FaultServer) -> None:
    """No input is without an outcome, no answer is another's, and the next read succeeds."""
    server.on_act = place
    server.default = Answer(delay=0.005)
    async with proxy.before(server.port, PLAIN), client_of(proxy) as client:
        outcomes = kmoment.Outcomes[str, str | None]()
        async for outcome in client.each(lambda it: look_up(client, it), MANY, concurrency=16):
            outcomes.append(outcome)
            if len(outcomes) == 150:
                await proxy.stop()
                await asyncio.sleep(0.1)
                await proxy.start()
        assert await look_up(client, "after") == "after"
    assert [outcome.input for outcome in outcomes] == MANY
    assert all(outcome.value == outcome.input for outcome in outcomes if outcome.ok)
    for failed in outcomes.failures():
        assert isinstance(failed.error, kmoment.APIConnectionError | kmoment.ServerError)


# -- Bodies that the balancer changes ---------------------------------------------------


async def encoding_of(url: str) -> str | None:
    """The Content-Encoding of an answer to a client that takes gzip."""
    takes_gzip = {"Accept-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(url, headers=takes_gzip) as response,
    ):
        return response.headers.get("Content-Encoding")


async def test_a_body_that_the_balancer_compresses(proxy: Proxy, server: FaultServer) -> None:
    """It is decompressed, and read as it was sent."""
    rows = [{**STORED, "id": number} for number in range(1, 2001)]
    server.default = Answer(body=json.dumps(rows).encode())
    async with proxy.before(server.port, GZIP), client_of(proxy) as client:
        found = await client.account(ACCOUNT).audiences.list()
        assert await encoding_of(proxy.url) == "gzip"
    assert [row.id for row in found] == [row["id"] for row in rows]
