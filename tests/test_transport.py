"""The transport on real sockets, against the fault server."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trustme
from yarl import URL

import kmoment
from helpers import BODY_LIMIT, SESSION, TOKEN
from helpers.fault_server import (
    Answer,
    BadGzip,
    CloseAfter,
    CloseBefore,
    CloseIdle,
    CutBody,
    CutGzip,
    Drip,
    FaultServer,
    Garbage,
    GzipBomb,
    HangUpOnConnect,
    Html,
    HugeHeader,
    LostErrorBody,
    Partial,
    Redirect,
    ResetAfter,
    ResetBefore,
    Silence,
    SpeakIdle,
    Step,
    SwitchProtocols,
    UnknownEncoding,
    WrongLength,
)
from kmoment._engine.context import AttemptState
from kmoment._engine.timeouts import TimeoutScheduler
from kmoment._engine.transport import Transport
from kmoment._protocol.http import Request, TransportError
from kmoment._secret import Secret

pytestmark = pytest.mark.anyio

DRAFT = kmoment.AudienceDraft.display("x")
ROWS = json.dumps([{"value": "A", "description": "강원도", "depth1Name": "강원도"}] * 50).encode()
CALLS: dict[str, Callable[[kmoment.AsyncClient], Awaitable[Any]]] = {
    "GET": lambda c: c.locations.depth1(),
    "PUT": lambda c: c.account(1).audiences.update(1, DRAFT),
    "DELETE": lambda c: c.account(1).audiences.delete(1),
    "POST": lambda c: c.account(1).audiences.create(DRAFT),
}
# A write that may have been done raises OutcomeUnknownError.
ERRORS = dict.fromkeys(CALLS, kmoment.OutcomeUnknownError) | {"GET": kmoment.APIConnectionError}
LOST = [CloseBefore(), CloseAfter(), ResetBefore(), ResetAfter(), Partial(), HangUpOnConnect()]
BROKEN = [
    CutGzip(ROWS),
    BadGzip(ROWS),
    UnknownEncoding(ROWS),
    Garbage(b"\x00\x01 what is this\r\n\r\n"),
    HugeHeader(1 << 20, b"[]"),
    GzipBomb(BODY_LIMIT + 1),
    Answer(200, b" " * (BODY_LIMIT + 1), chunked=True),
    Html(200),
    Answer(200, gzip.compress(b"[]") + b"more", {"Content-Encoding": "gzip"}),
    Redirect("https://evil.example/", 307),
]


STORED_BODY = b'{"id": 1, "name": "x", "type": "DISPLAY"}'


def kind(step: Step) -> str:
    return type(step).__name__


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("step", LOST, ids=kind)
async def test_a_lost_connection_is_told_and_never_resent(
    step: Step, method: str, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """If the connection is lost, the request is sent once and raises one error."""
    server.script(step)
    with pytest.raises(ERRORS[method]) as caught:
        await CALLS[method](client)
    assert len(server.requests) == (0 if isinstance(step, HangUpOnConnect) else 1)
    assert caught.value.request_sent is True
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("method", CALLS)
async def test_a_kept_connection_that_dies_under_a_request(
    method: str, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """Reads and deletes are sent again at once; an update is in doubt; a create is not hit."""
    answers = {"GET": ROWS, "DELETE": b"", "PUT": STORED_BODY, "POST": STORED_BODY}
    server.script(CloseIdle(ROWS))
    server.default = Answer(200, answers[method])
    await client.locations.depth1()
    if method == "PUT":
        with pytest.raises(kmoment.OutcomeUnknownError):
            await CALLS[method](client)
    else:
        await CALLS[method](client)
    sent = {"GET": 3, "DELETE": 3, "PUT": 2, "POST": 2}
    assert len(server.requests) == sent[method]


async def test_a_connection_that_dies_twice_is_an_error(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """The second time it was no kept connection."""
    server.script(Answer(200, ROWS), CloseBefore(), CloseBefore())
    await client.locations.depth1()
    with pytest.raises(kmoment.APIConnectionError) as caught:
        await client.locations.depth1()
    assert len(server.requests) == 3
    assert len(caught.value.attempts) == 1


async def test_an_answer_that_nobody_asked_for_is_not_taken(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """If the server has sent data unasked, the connection is dropped, and a new one is used."""
    server.script(SpeakIdle(ROWS, b'{"id": 1, "name": "stale", "type": "DISPLAY"}'))
    server.default = Answer(200, STORED_BODY)
    await client.locations.depth1()
    await asyncio.sleep(0.2)
    if SESSION:  # it shows the connection only after sending
        with pytest.raises(kmoment.OutcomeUnknownError):
            await CALLS["PUT"](client)
    assert (await client.account(1).audiences.update(1, DRAFT)).name == "x"
    assert server.connections == 2


@pytest.mark.parametrize("headers", [True, False], ids=["upgrade", "bare"])
async def test_another_protocol_is_no_answer(
    server: FaultServer, client: kmoment.AsyncClient, headers: bool
) -> None:
    """A 101 is an error, and its connection is not used again."""
    server.script(SwitchProtocols(headers))
    with pytest.raises(kmoment.ProtocolError):
        await client.locations.depth1()
    assert await client.locations.depth1() == []
    assert server.connections == 2


@pytest.mark.parametrize("how", ["cut", "silent", "damaged gzip", "other encoding"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (502, kmoment.ServerError),
        (403, kmoment.ProtocolError),
        (307, kmoment.ProtocolError),
    ],
)
async def test_a_status_counts_also_without_its_body(
    status: int, error: type[kmoment.APIError], how: str, server: FaultServer
) -> None:
    """What came of the body is kept, and the status decides."""
    server.script(LostErrorBody(status, how))
    settings: dict[str, Any] = {"max_attempts": 1, "timeout": 0.3}
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, **settings) as client:
        with pytest.raises(error) as caught:
            await client.locations.depth1()
    assert caught.value.status == status
    assert caught.value.message == (
        "first words" if how in ("cut", "silent") else caught.value.message
    )


async def test_a_compressed_error_page_that_is_cut_is_read_as_far_as_it_goes(
    server: FaultServer,
) -> None:
    """Its first words are kept."""
    page = gzip.compress(b"<h1>Bad Gateway</h1>" + bytes(range(256)) * 40)
    headers = {"Content-Encoding": "gzip"}
    server.script(Answer(502, page[:-20], headers))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, max_attempts=1) as client:
        with pytest.raises(kmoment.ServerError, match="Bad Gateway"):
            await client.locations.depth1()


async def test_a_large_error_page_is_judged_by_its_status(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """It is not read to its end."""
    server.script(Answer(503, b"<p>busy " + b" " * (2 * BODY_LIMIT), chunked=True))
    with pytest.raises(kmoment.ServerError, match="busy"):
        await client.locations.depth1()


async def test_a_large_answer_is_not_asked_for_again(server: FaultServer) -> None:
    """The error names the setting; a create is searched for, since it was done."""
    server.default = Answer(200, b" " * (BODY_LIMIT + 1), chunked=True)
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, max_body_bytes=BODY_LIMIT) as client:
        with pytest.raises(kmoment.ProtocolError, match=r"max_body_bytes \(1,048,576\)") as caught:
            await client.locations.depth1()
    assert caught.value.too_large
    assert len(server.requests) == 1


async def test_an_answer_that_is_too_large_and_comes_at_once(server: FaultServer) -> None:
    """An answer that comes in one packet is measured too."""
    server.default = Answer(200, b"[" + b" " * 100 + b"]")
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, max_body_bytes=100) as client:
        with pytest.raises(kmoment.ProtocolError, match=r"max_body_bytes \(100\)"):
            await client.locations.depth1()


async def test_large_headers_are_named(server: FaultServer, client: kmoment.AsyncClient) -> None:
    """The error says that it was the headers."""
    server.script(HugeHeader(1 << 20, b"[]"))
    with pytest.raises(kmoment.ProtocolError, match="headers are larger"):
        await client.locations.depth1()


async def test_a_proxy_that_speaks_no_http(server: FaultServer) -> None:
    """If the proxy makes no tunnel, the error says that nothing was sent."""
    server.script(Garbage(b"nonsense\r\n\r\n"))
    settings: dict[str, Any] = {"proxy": server.url, "max_attempts": 1, "reconcile_delays": ()}
    async with kmoment.AsyncClient(TOKEN, base_url="https://127.0.0.1:9", **settings) as client:
        with pytest.raises(kmoment.APIConnectionError) as caught:
            await CALLS["POST"](client)
    assert caught.value.request_sent is False


async def test_closing_while_a_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the client closes during name resolution, the call gets a connection error."""
    asked = asyncio.Event()

    async def resolve(*_: Any, **__: Any) -> Any:
        asked.set()
        await asyncio.sleep(30)

    monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", resolve)
    client = kmoment.AsyncClient(TOKEN, base_url="http://localhost:9")
    waiting = asyncio.create_task(client.locations.depth1())
    await asked.wait()
    await client._dispatcher.state.close(0)
    with pytest.raises(kmoment.APIConnectionError, match="closed") as caught:
        await waiting
    assert caught.value.request_sent is False


async def test_a_request_that_cannot_be_written_leaves_nothing_behind(
    server: FaultServer,
) -> None:
    """A request that cannot be written raises TransportError, and its connection is closed."""
    transport = Transport(timeout=5.0, max_body_bytes=BODY_LIMIT, proxy=None, ssl=None)
    watch = TimeoutScheduler(asyncio.get_running_loop())
    life = watch.begin(5.0)
    broken = Request("GET", URL(server.url), {"X-Broken": "one\r\ntwo"}, None)
    with pytest.raises(TransportError):
        await transport.send(broken, Secret(TOKEN), AttemptState(life))
    whole = Request("GET", URL(server.url), {}, None)
    await transport.send(whole, Secret(TOKEN), AttemptState(life))
    watch.end(life)
    await transport.aclose()
    assert server.connections == 2
    assert len(server.requests) == 1


async def test_a_body_that_is_not_encoded_may_say_so(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """A body with the Content-Encoding ``identity`` is read unchanged."""
    server.script(Answer(200, ROWS, {"Content-Encoding": "identity"}))
    assert len(await client.locations.depth1()) == 50


@pytest.mark.parametrize("step", [CutBody(ROWS, 100), WrongLength(ROWS, len(ROWS) + 9)], ids=kind)
async def test_a_body_cut_short_is_no_success(
    step: Step, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """A body shorter than announced is an error, even if it is valid JSON."""
    server.script(step)
    with pytest.raises(kmoment.APIConnectionError) as caught:
        await client.locations.depth1()
    assert caught.value.request_sent is True


@pytest.mark.parametrize("step", BROKEN, ids=kind)
async def test_what_is_not_the_api_is_a_protocol_error(
    step: Step, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """An answer that the API would not give, such as HTML or broken gzip, is a ProtocolError."""
    server.script(step)
    with pytest.raises(kmoment.ProtocolError):
        await client.locations.depth1()
    assert len(server.requests) == 1


async def test_the_client_goes_on_after_every_fault(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """After every fault the next call works."""
    for step in LOST + BROKEN:
        server.script(step, step)  # a kept connection that dies is tried once more
        with pytest.raises(kmoment.APIError):
            await client.locations.depth1()
        server.forget()
        server.script(Answer(200, ROWS))
        assert len(await client.locations.depth1()) == 50


@pytest.mark.parametrize(
    "step",
    [Answer(200, ROWS, gzip=True), Answer(200, ROWS, chunked=True), Drip(ROWS, 400, 0.001)],
    ids=["gzip", "chunked", "drip"],
)
async def test_sound_answers_are_read(
    step: Step, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """Bodies with gzip, in chunks, or sent slowly are read whole."""
    server.script(step)
    assert len(await client.locations.depth1()) == 50


async def test_a_gzip_body_of_exactly_the_limit_is_read(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """A body that unpacks to exactly the limit is accepted."""
    server.script(
        Answer(200, gzip.compress(b" " * (BODY_LIMIT - 2) + b"[]"), {"Content-Encoding": "gzip"})
    )
    assert await client.locations.depth1() == []


async def test_headers(server: FaultServer) -> None:
    """Each request has the token, account, accepted encoding and User-Agent, and no cookie."""
    server.default = Answer(200, b"", {"Set-Cookie": "a=b"})
    url = server.url.replace("127.0.0.1", "localhost")  # aiohttp keeps no cookies for IP addresses
    async with kmoment.AsyncClient(TOKEN, base_url=url) as client:
        await client.account(7).audiences.delete(1)
        await client.account(7).audiences.delete(1)
    for received in server.requests:
        assert received.header("authorization") == f"Bearer {TOKEN}"
        assert received.header("adaccountid") == "7"
        assert received.header("accept-encoding") == "gzip"
        assert received.header("user-agent") == f"kmoment/{kmoment.__version__}"
        assert received.header("cookie") is None
        assert received.header("content-type") == "application/json"
    assert server.connections == 1


async def test_refused(client: kmoment.AsyncClient) -> None:
    """If the connection is refused, the error says that nothing was sent."""
    async with FaultServer() as gone:
        url = gone.url
    async with kmoment.AsyncClient(TOKEN, base_url=url, outage_patience=0) as nobody:
        with pytest.raises(kmoment.APIConnectionError, match="refused") as caught:
            await CALLS["POST"](nobody)
    assert caught.value.request_sent is False


async def test_silence_ends_with_the_timeout(server: FaultServer) -> None:
    """If the server sends nothing, the call ends after the timeout."""
    server.script(Silence(5))
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, timeout=0.2, max_attempts=1
    ) as client:
        with pytest.raises(kmoment.APIConnectionError, match="sent nothing") as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is True


async def test_the_deadline_names_its_phase(server: FaultServer) -> None:
    """The error of a deadline says in which phase the call was, and whether it was sent."""
    server.default = Silence(5)
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, deadline=0.2, max_wait=0.2, max_connections=1
    ) as client:
        with pytest.raises(kmoment.DeadlineExceededError) as caught:
            await client.locations.depth1()
        assert (caught.value.phase, caught.value.request_sent) == ("waiting for the answer", True)
        assert isinstance(caught.value, TimeoutError)
        await client._dispatcher.state.slots.acquire(None)
        with pytest.raises(kmoment.DeadlineExceededError) as caught:
            await client.locations.depth1()
        client._dispatcher.state.slots.release()
        assert caught.value.phase == "waiting for a free connection"
        assert caught.value.request_sent is False


async def test_the_deadline_while_reading(server: FaultServer) -> None:
    """The deadline ends a call whose body is still being read."""
    server.script(Drip(ROWS, 1, 0.05))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, deadline=0.3) as client:
        with pytest.raises(kmoment.DeadlineExceededError, match="reading the answer"):
            await client.locations.depth1()


async def test_concurrency_is_bounded_in_front_of_the_pool(server: FaultServer) -> None:
    """No more than ``max_connections`` calls are under way at once."""
    peak = 0

    def count(_: object) -> None:
        nonlocal peak
        peak = max(peak, server.open_connections)

    server.on_act = count
    server.default = Answer(200, b"[]", delay=0.01)
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, max_connections=3) as client:
        await asyncio.gather(*(client.locations.depth1() for _ in range(30)))
    assert peak <= 3
    assert server.connections <= 3
    assert len(server.requests) == 30


async def test_a_cancelled_call_leaves_nothing_behind(server: FaultServer) -> None:
    """A cancelled call frees its slot and closes its connection."""
    server.script(Silence(5))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, max_connections=1) as client:
        task = asyncio.create_task(client.locations.depth1())
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.locations.depth1() == []


# -- TLS and proxies ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls_server(authority: trustme.CA) -> AsyncIterator[FaultServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with FaultServer(ssl=context) as running:
        yield running


async def test_an_unknown_authority_is_refused(tls_server: FaultServer) -> None:
    """If the certificate is not trusted, the call ends before anything is sent."""
    async with kmoment.AsyncClient(TOKEN, base_url=tls_server.url) as client:
        with pytest.raises(kmoment.APIConnectionError, match="certificate") as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is False
    assert tls_server.requests == []


async def test_a_private_authority_can_be_trusted(
    tls_server: FaultServer, authority: trustme.CA
) -> None:
    """The caller's SSLContext is used."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with kmoment.AsyncClient(TOKEN, base_url=tls_server.url, ssl=context) as client:
        assert await client.locations.depth1() == []


async def test_plain_http_where_tls_is_due(server: FaultServer) -> None:
    """A server without TLS at an https URL raises an error that says so."""
    url = server.url.replace("http://", "https://")
    async with kmoment.AsyncClient(TOKEN, base_url=url, timeout=0.3, max_attempts=1) as client:
        with pytest.raises(kmoment.APIConnectionError) as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is False


async def test_a_proxy_is_used_and_its_password_kept(
    server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A given proxy gets the request with its credentials, and they show nowhere else."""
    port = server.url.rpartition(":")[2]
    async with kmoment.AsyncClient(
        TOKEN, base_url="http://127.0.0.1:9", proxy=f"http://u:pa55@127.0.0.1:{port}"
    ) as client:
        assert await client.locations.depth1() == []
        assert "pa55" not in repr(client) + repr(vars(client))
    assert server.requests[0].target.startswith("http://127.0.0.1:9/openapi")
    assert server.requests[0].header("proxy-authorization") is not None


async def test_proxies_of_the_environment_are_not_used(
    server: FaultServer, client: kmoment.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies in the environment are ignored, so that the token is not sent to them."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert await client.locations.depth1() == []
    assert len(server.requests) == 1
