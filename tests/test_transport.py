"""The transport on real sockets, against a server that misbehaves on order."""

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
from helpers import SESSION, TOKEN
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
from kmoment._engine.transport import BODY_LIMIT, Transport
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
# A write that may have been done is told as such.
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


def kind(step: Step) -> str:
    return type(step).__name__


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("step", LOST, ids=kind)
async def test_a_lost_connection_is_told_and_never_resent(
    step: Step, method: str, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """A dropped connection is one request on the wire, one error, and never another send."""
    server.script(step)
    with pytest.raises(ERRORS[method]) as caught:
        await CALLS[method](client)
    assert len(server.requests) == (0 if isinstance(step, HangUpOnConnect) else 1)
    assert caught.value.request_sent is True
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("method", CALLS)
async def test_a_kept_connection_that_dies_is_not_resent(
    method: str, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """A kept-alive connection that closes under the next request does not repeat it."""
    server.script(CloseIdle(ROWS))
    server.default = Answer(200, b'{"id": 1, "name": "x", "type": "DISPLAY"}')
    await client.locations.depth1()
    if method == "POST":  # creates go over a connection of their own
        await CALLS[method](client)
        assert server.connections == 2
    else:
        with pytest.raises(ERRORS[method]):
            await CALLS[method](client)
    assert len(server.requests) == 2


async def test_an_answer_that_nobody_asked_for_is_not_taken(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """A connection on which the server has spoken unasked is dropped before anything is sent."""
    server.script(SpeakIdle(ROWS, b'{"id": 1, "name": "stale", "type": "DISPLAY"}'))
    server.default = Answer(200, b'{"id": 1, "name": "x", "type": "DISPLAY"}')
    await client.locations.depth1()
    await asyncio.sleep(0.2)
    # aiohttp's session shows the connection only after sending.
    told = kmoment.OutcomeUnknownError if SESSION else kmoment.APIConnectionError
    with pytest.raises(told) as caught:
        await CALLS["PUT"](client)
    assert caught.value.request_sent is SESSION
    assert (await client.account(1).audiences.update(1, DRAFT)).name == "x"
    assert server.requests[-1].method == "PUT"


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


async def test_a_proxy_that_speaks_no_http(server: FaultServer) -> None:
    """No tunnel is no doubt: the request has provably not left."""
    server.script(Garbage(b"nonsense\r\n\r\n"))
    settings: dict[str, Any] = {"proxy": server.url, "max_attempts": 1, "reconcile_delays": ()}
    async with kmoment.AsyncClient(TOKEN, base_url="https://127.0.0.1:9", **settings) as client:
        with pytest.raises(kmoment.APIConnectionError) as caught:
            await CALLS["POST"](client)
    assert caught.value.request_sent is False


async def test_closing_while_a_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that waits for it ends with an error: nobody has cancelled its caller."""
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
    """It ends as an error of ours, nothing is sent, and the connection is closed."""
    transport = Transport(timeout=5.0, proxy=None, ssl=None)
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
    """``identity`` is no encoding."""
    server.script(Answer(200, ROWS, {"Content-Encoding": "identity"}))
    assert len(await client.locations.depth1()) == 50


@pytest.mark.parametrize("step", [CutBody(ROWS, 100), WrongLength(ROWS, len(ROWS) + 9)], ids=kind)
async def test_a_body_cut_short_is_no_success(
    step: Step, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """An answer shorter than it announces is an error, even where the rest would be JSON."""
    server.script(step)
    with pytest.raises(kmoment.APIConnectionError) as caught:
        await client.locations.depth1()
    assert caught.value.request_sent is True


@pytest.mark.parametrize("step", BROKEN, ids=kind)
async def test_what_is_not_the_api_is_a_protocol_error(
    step: Step, server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """Broken gzip, a bomb, an unasked encoding, garbage, HTML and redirects are told as such."""
    server.script(step)
    with pytest.raises(kmoment.ProtocolError):
        await client.locations.depth1()
    assert len(server.requests) == 1


async def test_the_client_goes_on_after_every_fault(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """No fault leaves a slot taken or a connection broken for the next call."""
    for step in LOST + BROKEN:
        server.script(step)
        with pytest.raises(kmoment.APIError):
            await client.locations.depth1()
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
    """Gzip, chunks and a slow but steady body all arrive whole."""
    server.script(step)
    assert len(await client.locations.depth1()) == 50


async def test_a_gzip_body_of_exactly_the_limit_is_read(
    server: FaultServer, client: kmoment.AsyncClient
) -> None:
    """The cap is on what is over it."""
    server.script(
        Answer(200, gzip.compress(b" " * (BODY_LIMIT - 2) + b"[]"), {"Content-Encoding": "gzip"})
    )
    assert await client.locations.depth1() == []


async def test_headers(server: FaultServer) -> None:
    """Each request carries the token, asks for gzip JSON, says who is calling, keeps no cookie."""
    server.default = Answer(200, b"", {"Set-Cookie": "a=b"})
    url = server.url.replace("127.0.0.1", "localhost")  # cookies are not kept for addresses anyway
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
    """A refused connection provably sent nothing."""
    async with FaultServer() as gone:
        url = gone.url
    async with kmoment.AsyncClient(TOKEN, base_url=url) as nobody:
        with pytest.raises(kmoment.APIConnectionError, match="refused") as caught:
            await CALLS["POST"](nobody)
    assert caught.value.request_sent is False


async def test_silence_ends_with_the_timeout(server: FaultServer) -> None:
    """A server that falls silent is given up after the timeout."""
    server.script(Silence(5))
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, timeout=0.2, max_attempts=1
    ) as client:
        with pytest.raises(kmoment.APIConnectionError, match="silent") as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is True


async def test_the_deadline_names_its_phase(server: FaultServer) -> None:
    """A call past its deadline says what the time went to, and whether it was sent."""
    server.default = Silence(5)
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, deadline=0.2, max_connections=1
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
    """A body that never ends is cut off by the deadline."""
    server.script(Drip(ROWS, 1, 0.05))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, deadline=0.3) as client:
        with pytest.raises(kmoment.DeadlineExceededError, match="reading the answer"):
            await client.locations.depth1()


async def test_concurrency_is_bounded_in_front_of_the_pool(server: FaultServer) -> None:
    """However many calls are made at once, no more than max_connections are under way."""
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
    """Cancelling a call frees its slot and closes its connection."""
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
    """A certificate nobody vouches for ends the call before anything is sent."""
    async with kmoment.AsyncClient(TOKEN, base_url=tls_server.url) as client:
        with pytest.raises(kmoment.APIConnectionError, match="certificate") as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is False
    assert tls_server.requests == []


async def test_a_private_authority_can_be_trusted(
    tls_server: FaultServer, authority: trustme.CA
) -> None:
    """An SSLContext of the caller's own is used as it is."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with kmoment.AsyncClient(TOKEN, base_url=tls_server.url, ssl=context) as client:
        assert await client.locations.depth1() == []


async def test_plain_http_where_tls_is_due(server: FaultServer) -> None:
    """A server that does not speak TLS is told as such."""
    url = server.url.replace("http://", "https://")
    async with kmoment.AsyncClient(TOKEN, base_url=url, timeout=2, max_attempts=1) as client:
        with pytest.raises(kmoment.APIConnectionError) as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is False


async def test_a_proxy_is_used_and_its_password_kept(
    server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An explicit proxy gets the request with its credentials, which show nowhere else."""
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
    """Settings that a machine happens to carry do not send a token elsewhere."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert await client.locations.depth1() == []
    assert len(server.requests) == 1
