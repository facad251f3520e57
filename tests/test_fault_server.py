"""The fault server does what each step says. The tests read plain sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trustme
from attrs import define

from helpers.fault_server import (
    Answer,
    BadGzip,
    BrokenTruthError,
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
    LateCommit,
    Partial,
    Received,
    Redirect,
    ResetAfter,
    ResetBefore,
    Silence,
    SlowHeaders,
    SpeakIdle,
    Step,
    SwitchProtocols,
    UnknownEncoding,
    WrongLength,
)

pytestmark = pytest.mark.anyio

# Bytes that the reader buffers. More than the largest header of the tests (1 MiB).
LIMIT = 1 << 23


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as running:
        yield running


@define
class Reply:
    """One answer as read from the socket."""

    status: int
    headers: dict[str, str]
    body: bytes


@define
class Client:
    """A client on a plain connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, method: str = "GET", target: str = "/", body: bytes = b"") -> None:
        head = f"{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
        await self.send_raw(head.encode() + body)

    async def send_raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, method: str = "GET", target: str = "/", body: bytes = b"") -> Reply:
        await self.send(method, target, body)
        return await self.read()

    async def ask_to_end(self) -> bytes:
        await self.send()
        return await self.to_end()

    async def to_end(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.read()

    async def read(self) -> Reply:
        async with asyncio.timeout(5):
            status, headers = await self.read_head()
            return Reply(status, headers, await self.read_body(headers))

    async def read_head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        return int(first.split(" ")[1]), dict(pair(line) for line in lines)

    async def read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join([piece async for piece in self.read_chunks()])
        return await self.reader.readexactly(int(headers["content-length"]))

    async def read_chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readexactly(2) == b"\r\n"


def pair(line: str) -> tuple[str, str]:
    name, text = line.split(": ", 1)
    return name.lower(), text


@asynccontextmanager
async def connected(
    server: FaultServer, context: ssl.SSLContext | None = None
) -> AsyncGenerator[Client, None]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, limit=LIMIT
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(server: FaultServer, step: Step, method: str = "GET", body: bytes = b"") -> Reply:
    server.script(step)
    async with connected(server) as client:
        return await client.ask(method, "/", body)


async def ask_to_end(server: FaultServer, step: Step) -> bytes:
    server.script(step)
    async with connected(server) as client:
        return await client.ask_to_end()


async def eventually(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not check():
            await asyncio.sleep(0.005)


def acted(server: FaultServer) -> list[bool]:
    return [received.acted for received in server.requests]


# --- the server itself


async def test_default_answers_when_the_script_is_empty(server: FaultServer) -> None:
    """Without a script every request gets the default step."""
    async with connected(server) as client:
        assert await client.ask() == await client.ask()
    server.default = Answer(200, b"{}")
    async with connected(server) as client:
        assert (await client.ask()).body == b"{}"


async def test_steps_are_played_in_order_over_one_kept_connection(server: FaultServer) -> None:
    """Each request takes one step of the script. After the script the default applies."""
    server.script(Answer(200, b"1"), Answer(201, b"2"))
    async with connected(server) as client:
        replies = [await client.ask() for _ in range(3)]
    assert [(reply.status, reply.body) for reply in replies] == [
        (200, b"1"),
        (201, b"2"),
        (200, b"[]"),
    ]
    assert server.connections == 1


async def test_unplayed_steps_are_listed(server: FaultServer) -> None:
    """``unplayed`` has the steps that no request has reached."""
    server.script(Answer(200), CloseAfter())
    async with connected(server) as client:
        await client.ask()
    assert server.unplayed == (CloseAfter(),)


async def test_requests_are_kept_whole(server: FaultServer) -> None:
    """A kept request has its method, target, repeated headers, body and connection number."""
    async with connected(server) as client:
        await client.send_raw(
            b"PUT /a?b=%EC HTTP/1.1\r\nX-One: 1\r\nx-one:  2\r\nContent-Length: 2\r\n\r\n{}"
        )
        await client.read()
    [received] = server.requests
    assert (received.method, received.target, received.body) == ("PUT", "/a?b=%EC", b"{}")
    assert received.header_values("X-One") == ["1", "2"]
    assert received.header("x-one") == "1"
    assert received.header("missing") is None
    assert (received.connection_number, received.acted) == (1, True)


async def test_chunked_requests_are_read(server: FaultServer) -> None:
    """A chunked request body is read whole."""
    async with connected(server) as client:
        await client.send_raw(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send_raw(b'2\r\n{"\r\n5\r\na":1}\r\n0\r\n\r\n')
        await client.read()
    assert server.requests[0].body == b'{"a":1}'


async def test_pipelined_requests_are_answered_in_order(server: FaultServer) -> None:
    """Requests that are sent ahead are answered in order."""
    server.script(Answer(200, b"1", delay=0.02), Answer(200, b"2"))
    async with connected(server) as client:
        await client.send()
        await client.send()
        assert [(await client.read()).body, (await client.read()).body] == [b"1", b"2"]


async def test_client_may_ask_for_closing(server: FaultServer) -> None:
    """After a request with ``Connection: close`` the server answers and then closes."""
    async with connected(server) as client:
        await client.send_raw(b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n")
        assert (await client.to_end()).endswith(b"\r\n\r\n[]")


async def test_connections_are_counted(server: FaultServer) -> None:
    """``connections`` counts accepted connections. ``open_connections`` counts open ones."""
    async with connected(server) as first, connected(server) as second:
        await first.ask()
        await second.ask()
        assert (server.connections, server.open_connections) == (2, 2)
    await eventually(lambda: server.open_connections == 0)
    assert [received.connection_number for received in server.requests] == [1, 2]


async def test_on_act_sees_the_request_and_may_give_the_body(server: FaultServer) -> None:
    """``on_act`` gets the request, and bytes that it returns replace the step's body."""
    truth: dict[str, bytes] = {}

    def keep(received: Received) -> bytes:
        truth[received.target] = received.body
        return json.dumps(len(truth)).encode()

    server.on_act = keep
    async with connected(server) as client:
        assert (await client.ask("POST", "/a", b"x")).body == b"1"
        assert (await client.ask("POST", "/b", b"y")).body == b"2"
    assert truth == {"/a": b"x", "/b": b"y"}


async def test_on_act_may_leave_the_body_alone(server: FaultServer) -> None:
    """If ``on_act`` returns None, the step's body is kept. Empty bytes replace it."""
    replies: list[bytes | None] = [None, b""]
    server.on_act = lambda _: replies.pop(0)
    async with connected(server) as client:
        assert [(await client.ask()).body for _ in range(2)] == [b"[]", b""]


async def test_a_failing_on_act_is_raised_on_leaving() -> None:
    """An error in ``on_act`` is raised when the server is left."""

    def fail(_: Received) -> bytes:
        raise ConnectionResetError("mine")

    with pytest.raises(BrokenTruthError, match="mine"):
        async with FaultServer(on_act=fail) as server, connected(server) as client:
            assert await client.ask_to_end() == b""


async def test_a_malformed_request_is_raised_on_leaving() -> None:
    """A malformed request is raised as an error when the server is left."""

    async def talk_nonsense() -> None:
        async with FaultServer() as server, connected(server) as client:
            await client.send_raw(b"nonsense\r\n\r\n")
            assert await client.to_end() == b""

    with pytest.raises(ValueError, match="unpack"):
        await talk_nonsense()


async def test_the_tests_own_error_goes_first() -> None:
    """If the test itself raises, that error is kept."""

    def fail(_: Received) -> bytes:
        raise LookupError

    async def fail_too() -> None:
        async with FaultServer(on_act=fail) as server, connected(server) as client:
            await client.ask_to_end()
            raise KeyError

    with pytest.raises(KeyError):
        await fail_too()


async def test_leaving_is_quick_with_everything_still_under_way() -> None:
    """Leaving the server ends silent, dripping, late, idle and half-sent requests at once."""
    steps = (Silence(60), Drip(b"x" * 99, 1, 60), SlowHeaders(60), Answer(delay=60), LateCommit(60))
    before = asyncio.all_tasks()
    async with FaultServer() as server:
        server.script(*steps)
        clients = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(7)]
        for _, writer in clients[:5]:
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
        clients[5][1].write(b"GET / HT")
        await eventually(lambda: len(server.requests) == 5 and server.connections == 7)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    assert asyncio.all_tasks() == before
    assert server.open_connections == 0
    for reader, writer in clients:
        with suppress(OSError):
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_leaving_at_once_leaks_nothing() -> None:
    """A connection that was accepted just before the end is closed too."""
    async with FaultServer() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    assert server.open_connections == 0


async def test_nothing_listens_afterwards() -> None:
    """After the end a connection to the port is refused."""
    async with FaultServer() as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_client_that_gives_up_ends_the_wait(server: FaultServer) -> None:
    """If the client disconnects during a silence, the server ends the connection at once."""
    server.script(Silence(60))
    async with connected(server) as client:
        await client.send()
        await eventually(lambda: len(server.requests) == 1)
    await eventually(lambda: server.open_connections == 0)


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    return context


async def test_tls_answers(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    """Answers and kept connections work over TLS."""
    async with FaultServer(server_context) as server, connected(server, client_context) as client:
        assert server.url.startswith("https://127.0.0.1:")
        assert [(await client.ask()).body for _ in range(2)] == [b"[]", b"[]"]


@pytest.mark.parametrize("step", [CloseAfter(), CloseBefore(), ResetAfter(), ResetBefore()])
async def test_tls_closing(
    step: Step, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """Closing and resetting work over TLS."""
    async with FaultServer(server_context) as server, connected(server, client_context) as client:
        server.script(step)
        with suppress(ConnectionResetError):
            assert await client.ask_to_end() == b""
        await eventually(lambda: server.open_connections == 0)
        assert acted(server) == [step.acts]


async def test_tls_hang_up_comes_before_the_handshake(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """``HangUpOnConnect`` closes the connection before the TLS handshake."""
    async with FaultServer(server_context) as server:
        server.script(HangUpOnConnect())
        # Which error it is depends on how much of the client's hello was sent.
        with pytest.raises((ConnectionError, ssl.SSLError)):
            async with connected(server, client_context):
                pass
        assert server.connections == 1


async def test_tls_refused_by_the_client(server_context: ssl.SSLContext) -> None:
    """If the client does not trust the certificate, no request and no connection is left."""
    async with FaultServer(server_context) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            async with connected(server, ssl.create_default_context()):
                pass
        await eventually(lambda: server.open_connections == 0)
        assert server.requests == []


async def test_tls_leaving_during_the_handshake(server_context: ssl.SSLContext) -> None:
    """A client that does not finish the handshake does not delay the end of the server."""
    async with FaultServer(server_context) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await eventually(lambda: server.open_connections == 1)
        await asyncio.sleep(0.05)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    with suppress(OSError):
        assert await reader.read() == b""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def test_tls_leaving_during_silence(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """Leaving the server ends a silent TLS connection at once."""
    async with FaultServer(server_context) as server:
        server.script(Silence(60))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=client_context)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await eventually(lambda: len(server.requests) == 1)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    with suppress(OSError):
        await reader.read()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


# --- the steps


async def test_answer_has_status_headers_and_body(server: FaultServer) -> None:
    """``Answer`` sends the given status, headers and body, with JSON as the default type."""
    reply = await ask(server, Answer(429, b"{}", {"Retry-After": "1"}))
    assert (reply.status, reply.body) == (429, b"{}")
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["content-type"].startswith("application/json")


async def test_answer_takes_its_own_content_type_and_odd_status(server: FaultServer) -> None:
    """A given Content-Type replaces the default, and an unknown status can be sent."""
    reply = await ask(server, Answer(599, b"x", (("content-type", "text/plain"),)))
    assert (reply.status, reply.headers["content-type"]) == (599, "text/plain")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Answer(200), True),
        (Answer(302), True),
        (Answer(400), False),
        (Answer(500), False),
        (Answer(500, acts=True), True),
        (Answer(200, acts=False), False),
    ],
)
async def test_answer_acts_below_400_unless_told(
    server: FaultServer, step: Answer, *, expected: bool
) -> None:
    """``Answer`` acts with a status below 400 only, unless ``acts`` is given."""
    await ask(server, step)
    assert acted(server) == [expected]


async def test_answer_gzip_and_chunked(server: FaultServer) -> None:
    """The body arrives whole with gzip, with chunks, and with both."""
    body = b'{"a": [1, 2, 3]}'
    for squeeze in (False, True):
        for split in (False, True):
            reply = await ask(server, Answer(200, body, gzip=squeeze, chunked=split))
            assert (gzip.decompress(reply.body) if squeeze else reply.body) == body
            assert ("content-length" in reply.headers) is not split


async def test_answer_chunked_comes_in_several_chunks(server: FaultServer) -> None:
    """A chunked body has more than one chunk. An empty body has only the last chunk."""
    assert b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" in await raw(
        server, Answer(200, b"abc", chunked=True)
    )
    assert (await raw(server, Answer(200, b"", chunked=True))).endswith(b"\r\n\r\n0\r\n\r\n")


async def raw(server: FaultServer, step: Step) -> bytes:
    server.script(step)
    async with connected(server) as client:
        await client.send_raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        return await client.to_end()


async def test_answer_delay_comes_after_acting(server: FaultServer) -> None:
    """The request takes effect before the delay of its answer."""
    server.script(Answer(delay=60))
    async with connected(server) as client:
        await client.send()
        await eventually(lambda: acted(server) == [True])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.02)


async def test_answer_delay_is_kept(server: FaultServer) -> None:
    """The answer comes, but not before its delay."""
    started = time.monotonic()
    assert (await ask(server, Answer(delay=0.05))).status == 200
    assert time.monotonic() - started >= 0.04


@pytest.mark.parametrize(("step", "expected"), [(CloseBefore(), False), (CloseAfter(), True)])
async def test_close(server: FaultServer, step: Step, *, expected: bool) -> None:
    """The connection is closed without a byte, and only ``CloseAfter`` takes effect."""
    assert await ask_to_end(server, step) == b""
    assert acted(server) == [expected]


@pytest.mark.parametrize(("step", "expected"), [(ResetBefore(), False), (ResetAfter(), True)])
async def test_reset(server: FaultServer, step: Step, *, expected: bool) -> None:
    """The connection is reset, and only ``ResetAfter`` takes effect."""
    with pytest.raises(ConnectionResetError):
        await ask_to_end(server, step)
    assert acted(server) == [expected]


async def test_cut_body(server: FaultServer) -> None:
    """``CutBody`` sends fewer bytes than it announces."""
    sent = await ask_to_end(server, CutBody(b'{"id": 1}', 4))
    assert b"Content-Length: 9\r\n" in sent
    assert sent.endswith(b'\r\n\r\n{"id')
    assert acted(server) == [True]


async def test_cut_gzip(server: FaultServer) -> None:
    """``CutGzip`` sends a whole message with a gzip stream that is cut."""
    reply = await ask(server, CutGzip(b'{"id": 1}'))
    with pytest.raises(EOFError):
        gzip.decompress(reply.body)


async def test_bad_gzip(server: FaultServer) -> None:
    """``BadGzip`` sends a body that is labelled gzip but is not."""
    reply = await ask(server, BadGzip(b'{"id": 1}'))
    assert reply.headers["content-encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(reply.body)


@pytest.mark.parametrize("size", [2, 3, 1 << 20, (5 << 20) + 7])
async def test_gzip_bomb_has_the_size_asked_for(server: FaultServer, size: int) -> None:
    """``GzipBomb`` sends a small body that unpacks to JSON of exactly the given size."""
    reply = await ask(server, GzipBomb(size))
    assert len(reply.body) <= 64 + size // 500
    plain = zlib.decompress(reply.body, 16 + zlib.MAX_WBITS)
    assert (len(plain), json.loads(plain)) == (size, [])


async def test_gzip_bomb_leaves_the_loop_running(server: FaultServer) -> None:
    """``GzipBomb`` does not block other connections, and stops if the client disconnects."""
    server.script(GzipBomb(1 << 34), Answer(200, b"1"))
    async with connected(server) as bombed, connected(server) as other:
        await bombed.send()
        await eventually(lambda: len(server.requests) == 1)
        assert (await other.ask()).body == b"1"
    await eventually(lambda: server.open_connections == 0)


async def test_drip(server: FaultServer) -> None:
    """``Drip`` sends the whole body slowly."""
    started = time.monotonic()
    assert (await ask(server, Drip(b"abcdefg", 2, 0.02))).body == b"abcdefg"
    assert time.monotonic() - started >= 0.05


async def test_wrong_length(server: FaultServer) -> None:
    """``WrongLength`` leaves bytes beyond the announced length before the next answer."""
    server.script(WrongLength(b"[1]", 1))
    async with connected(server) as client:
        assert (await client.ask()).body == b"["
        await client.send()
        assert (await client.reader.readexactly(6)) == b"1]HTTP"
    assert server.connections == 1


async def test_wrong_length_too_long(server: FaultServer) -> None:
    """If ``WrongLength`` announces too much, the rest never comes and the connection is open."""
    server.script(WrongLength(b"[1]", 9))
    async with connected(server) as client:
        await client.send()
        assert await client.reader.readuntil(b"[1]")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.05)
        assert server.open_connections == 1


async def test_huge_header(server: FaultServer) -> None:
    """``HugeHeader`` sends one header of the given size."""
    reply = await ask(server, HugeHeader(3_000_000))
    assert (len(reply.headers["x-huge"]), reply.body) == (3_000_000, b"[]")


async def test_html(server: FaultServer) -> None:
    """``Html`` sends a web page with its own type, and does not take effect."""
    reply = await ask(server, Html(503))
    assert (reply.status, reply.headers["content-type"][:9]) == (503, "text/html")
    assert reply.body.startswith(b"<html>")
    assert acted(server) == [False]


async def test_html_may_hide_an_effect(server: FaultServer) -> None:
    """``Html`` with ``acts`` takes effect."""
    await ask(server, Html(504, acts=True))
    assert acted(server) == [True]


async def test_redirect(server: FaultServer) -> None:
    """``Redirect`` sends a location, and does not take effect."""
    reply = await ask(server, Redirect("http://other.test/", 307))
    assert (reply.status, reply.headers["location"]) == (307, "http://other.test/")
    assert acted(server) == [False]


async def test_silence(server: FaultServer) -> None:
    """``Silence`` sends nothing and then closes the connection."""
    started = time.monotonic()
    assert await ask_to_end(server, Silence(0.05)) == b""
    assert time.monotonic() - started >= 0.04
    assert acted(server) == [False]


async def test_silence_may_hide_an_effect(server: FaultServer) -> None:
    """``Silence`` with ``acts`` takes effect at once."""
    await ask_to_end(server, Silence(0.01, acts=True))
    assert acted(server) == [True]


async def test_hang_up_on_connect(server: FaultServer) -> None:
    """``HangUpOnConnect`` closes a new connection, and the next connection is served."""
    server.script(HangUpOnConnect())
    async with connected(server) as client:
        assert await client.to_end() == b""
    async with connected(server) as client:
        assert (await client.ask()).status == 200
    assert (server.connections, len(server.requests)) == (2, 1)


async def test_hang_up_on_a_kept_connection(server: FaultServer) -> None:
    """``HangUpOnConnect`` closes a kept connection at its next request."""
    server.script(Answer(200), HangUpOnConnect())
    async with connected(server) as client:
        await client.ask()
        assert await client.ask_to_end() == b""
    assert acted(server) == [True, False]


async def test_hang_up_as_default(server: FaultServer) -> None:
    """``HangUpOnConnect`` as the default closes every connection."""
    server.default = HangUpOnConnect()
    for _ in range(3):
        async with connected(server) as client:
            assert await client.to_end() == b""
    assert (server.connections, server.requests) == (3, [])


async def test_garbage(server: FaultServer) -> None:
    """``Garbage`` sends something that is not HTTP."""
    assert await ask_to_end(server, Garbage(b"SSH-2.0-x\r\n")) == b"SSH-2.0-x\r\n"
    assert acted(server) == [False]


async def test_late_commit(server: FaultServer) -> None:
    """``LateCommit`` closes the connection before the request takes effect."""
    truth: list[str] = []
    server.on_act = lambda received: truth.append(received.target)
    assert await ask_to_end(server, LateCommit(0.05)) == b""
    assert (truth, acted(server), server.acted) == ([], [False], [])
    await server.settled()
    assert (truth, acted(server), server.acted) == (["/"], [True], server.requests)


async def test_late_commit_does_not_outlive_the_server() -> None:
    """A late request does not take effect after the server has ended."""
    async with FaultServer() as server:
        await ask_to_end(server, LateCommit(0.02))
    await asyncio.sleep(0.04)
    assert acted(server) == [False]


async def test_partial(server: FaultServer) -> None:
    """``Partial`` sends the status line and nothing else."""
    assert await ask_to_end(server, Partial()) == b"HTTP/1.1 200 OK\r\n"
    assert acted(server) == [True]


async def test_slow_headers(server: FaultServer) -> None:
    """``SlowHeaders`` sends its header lines slowly, and the answer is valid."""
    started = time.monotonic()
    reply = await ask(server, SlowHeaders(0.02, 3, b"1"))
    assert time.monotonic() - started >= 0.05
    assert (reply.headers["x-slow-2"], reply.body) == ("2", b"1")


async def test_close_idle(server: FaultServer) -> None:
    """``CloseIdle`` loses the second request without effect, and serves a new connection."""
    server.script(CloseIdle(b"1"), Answer(200, b"2"))
    async with connected(server) as client:
        assert (await client.ask()).body == b"1"
        assert await client.ask_to_end() == b""
    async with connected(server) as client:
        assert (await client.ask()).body == b"2"
    assert acted(server) == [True, False, True]


async def test_speak_idle(server: FaultServer) -> None:
    """``SpeakIdle`` sends a second answer that belongs to no request."""
    server.script(SpeakIdle(b"1", b"2", delay=0.0), Answer(200, b"3"))
    async with connected(server) as client:
        assert [(await client.ask()).body for _ in range(2)] == [b"1", b"2"]


async def test_switch_protocols(server: FaultServer) -> None:
    """``SwitchProtocols`` sends a 101 without a body."""
    server.script(SwitchProtocols())
    async with connected(server) as client:
        await client.send()
        assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")


async def test_unknown_encoding(server: FaultServer) -> None:
    """``UnknownEncoding`` labels the body with an encoding that was not requested."""
    reply = await ask(server, UnknownEncoding(b"\x0b\x80"))
    assert (reply.headers["content-encoding"], reply.body) == ("br", b"\x0b\x80")
