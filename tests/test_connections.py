"""Connections that are dead, and connections that never come: what is done, and what is said."""

import asyncio
import errno
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import trustme

import kmoment
from helpers import TOKEN
from helpers.fault_server import Answer, FaultServer, Silence

pytestmark = pytest.mark.anyio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


class ClosingServer:
    """On a thread: answers each request, and closes all its idle connections when told."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.open: list[socket.socket] = []
        self.requests = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while connection.recv(65536):
                self.requests += 1
                connection.sendall(ANSWER)

    def close_idle(self) -> None:
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.open.clear()

    def close(self) -> None:
        self._listener.close()
        self.close_idle()


@contextmanager
def closing_server() -> Iterator[ClosingServer]:
    server = ClosingServer()
    try:
        yield server
    finally:
        server.close()


async def test_sixty_dead_connections_are_no_error() -> None:
    """The event loop was busy while they closed: each is found dead, and no retry is charged."""
    with closing_server() as server:
        async with kmoment.AsyncClient(TOKEN, base_url=server.url, max_attempts=1) as client:
            await asyncio.gather(*(client.locations.depth2(f"k{n}") for n in range(60)))
            budget = client._dispatcher.state.budget.tokens
            server.close_idle()
            time.sleep(0.2)
            await asyncio.gather(*(client.locations.depth2(f"k{n}") for n in range(60)))
            assert client._dispatcher.state.budget.tokens == budget
        assert server.requests == 120


async def test_a_create_needs_no_kept_connection() -> None:
    """Its connection is its own: what died before cannot leave it in doubt."""
    with closing_server() as server:
        async with kmoment.AsyncClient(
            TOKEN, base_url=server.url, reconcile_delays=(), routes="nested"
        ) as client:
            await asyncio.gather(*(client.locations.depth2(f"k{n}") for n in range(10)))
            server.close_idle()
            time.sleep(0.1)
            with pytest.raises(kmoment.OutcomeUnknownError, match="not one of Kakao's"):
                await client.account(1).audiences.create(kmoment.AudienceDraft.display("x"))
        assert server.requests == 11


# -- Reasons ----------------------------------------------------------------------------


async def speak_plainly(_: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    """What a server without TLS says at once."""
    out.write(b"HTTP/1.1 400 x")
    out.close()


async def reason(base_url: str, **settings: Any) -> kmoment.APIConnectionError:
    settings = {"max_attempts": 1, "timeout": 0.4, **settings}
    async with kmoment.AsyncClient(TOKEN, base_url=base_url, **settings) as client:
        with pytest.raises(kmoment.APIConnectionError) as caught:
            await client.locations.depth1()
    assert caught.value.request_sent is False
    assert len(caught.value.attempts) == 1
    return caught.value


@pytest.fixture
def unused() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


async def test_refused(unused: int) -> None:
    """The error says so, and where."""
    error = await reason(f"http://127.0.0.1:{unused}")
    assert f"the connection to 127.0.0.1:{unused} was refused" in str(error)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENETUNREACH, "network of 127.0.0.1:9 cannot be reached"),
        (errno.EHOSTUNREACH, "no route to 127.0.0.1:9"),
        (errno.ETIMEDOUT, "connection to 127.0.0.1:9 timed out"),
        (errno.ECONNRESET, "connection to 127.0.0.1:9 was reset"),
        (errno.EACCES, "no connection to 127.0.0.1:9"),
    ],
)
async def test_what_the_network_says(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reason of the operating system is told apart."""

    async def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, "as the system says")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", refuse)
    assert words in str(await reason("http://127.0.0.1:9"))


async def test_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the host, and each attempt asks for its address again."""
    asked: list[str] = []

    async def resolve(self: Any, host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", resolve)
    settings: dict[str, Any] = {"max_attempts": 3, "outage_patience": 0}
    async with kmoment.AsyncClient(TOKEN, base_url="http://localhost:9", **settings) as client:
        with pytest.raises(kmoment.APIConnectionError, match="host name localhost could not"):
            await client.locations.depth1()
    assert len(asked) == 3


async def test_an_address_that_changes_is_asked_for_again(
    server: FaultServer, unused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed connection the next attempt does not use the remembered address."""
    ports = iter([unused, server.port])

    async def resolve(self: Any, host: str, port: int, *_: Any, **__: Any) -> Any:
        found = {"hostname": host, "host": "127.0.0.1", "port": next(ports)}
        return [{**found, "family": socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}]

    monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", resolve)
    server.default = Answer(200, b"[]")
    async with kmoment.AsyncClient(TOKEN, base_url="http://localhost:9") as client:
        assert await client.locations.depth1() == []


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


async def test_tls_that_never_comes(silent: int) -> None:
    """The connection was there: the error says that it was TLS that was missing."""
    error = await reason(f"https://127.0.0.1:{silent}")
    assert f"TLS with 127.0.0.1:{silent} was not set up within 0.4 s" in str(error)


async def test_a_proxy_that_never_answers_connect(silent: int) -> None:
    """It fails in the time for a connection, and the error names CONNECT."""
    error = await reason("https://127.0.0.1:9", proxy=f"http://127.0.0.1:{silent}")
    assert f"the proxy 127.0.0.1:{silent} did not answer CONNECT within 0.4 s" in str(error)


async def test_a_connection_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a firewall that drops packets."""

    async def wait(*_: Any, socket_factory: Any, **__: Any) -> Any:
        opened = socket_factory((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9)))
        try:
            await asyncio.sleep(30)
        finally:
            opened.close()

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", wait)
    assert "no connection to 127.0.0.1:9 within 0.4 s" in str(await reason("http://127.0.0.1:9"))


async def test_an_address_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name server did not answer."""

    async def resolve(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(30)

    monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", resolve)
    error = await reason("http://localhost:9")
    assert "address of localhost:9 was not found within 0.4 s" in str(error)


async def test_a_proxy_that_wants_a_password(server: FaultServer) -> None:
    """407 is named, and how to give the password."""
    server.default = Answer(407, b"")
    error = await reason("https://127.0.0.1:9", proxy=server.url)
    assert "(407)" in str(error)
    assert "user:password@" in str(error)


async def test_a_proxy_that_is_not_there(unused: int) -> None:
    """The error says that it is the proxy."""
    error = await reason("https://127.0.0.1:9", proxy=f"http://127.0.0.1:{unused}")
    assert f"the connection to the proxy 127.0.0.1:{unused} was refused" in str(error)


async def test_a_proxy_that_refuses(server: FaultServer) -> None:
    """Its status is on the error."""
    server.default = Answer(403, b"")
    error = await reason("https://127.0.0.1:9", proxy=server.url)
    assert "the proxy did not let the request through (403)" in str(error)


async def test_a_server_without_tls() -> None:
    """It is not taken for a bad certificate."""
    server = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        error = await reason(f"https://127.0.0.1:{port}", timeout=5.0)
    assert f"TLS with 127.0.0.1:{port} could not be set up" in str(error)


async def test_a_system_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows asks a socket in another way."""
    monkeypatch.delattr("select.poll")
    with closing_server() as server:
        async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:
            await client.locations.depth1()
            await client.locations.depth1()
            server.close_idle()
            time.sleep(0.1)
            assert await client.locations.depth1() == []


@pytest.mark.parametrize("trust_env", [True, False])
async def test_proxies_of_the_environment_are_used_only_if_asked_for(
    trust_env: bool, unused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the error says that it was the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    error = await reason("https://127.0.0.1:9", trust_env=trust_env)
    assert ("the proxy" in str(error)) is trust_env


@pytest.mark.parametrize("spared", [True, False])
async def test_no_proxy_is_heard(spared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that the environment spares is reached directly."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1" if spared else "example.test")
    monkeypatch.setenv("no_proxy", "127.0.0.1" if spared else "example.test")
    error = await reason("https://127.0.0.1:9", trust_env=True)
    assert ("the proxy" in str(error)) is not spared


async def test_without_a_proxy_in_the_environment_there_is_none(
    unused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``trust_env`` alone changes nothing."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert "the proxy" not in str(await reason(f"http://127.0.0.1:{unused}", trust_env=True))


def test_http_to_another_machine_has_to_be_allowed_and_warns_once() -> None:
    """The token would travel unencrypted."""
    with pytest.raises(kmoment.InvalidArgumentError, match="insecure=True"):
        kmoment.AsyncClient(TOKEN, base_url="http://sandbox.test:8080")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for _ in range(2):
            kmoment.AsyncClient(TOKEN, base_url="http://sandbox.test:8080", insecure=True)
    assert [str(it.message) for it in heard] == [
        "the token goes to sandbox.test unencrypted (insecure=True)"
    ]


# -- Certificates -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(authority: trustme.CA, *names: str, **how: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **how).configure_cert(context)
    return context


async def refused_certificate(context: ssl.SSLContext, **settings: Any) -> str:
    """What the error says of a server with this certificate."""
    with tls_server(context) as port:
        error = await reason(f"https://127.0.0.1:{port}", timeout=5.0, **settings)
    assert error.can_retry is False
    return str(error)


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """On a thread: its failed handshakes are none of the tests' event loop's business."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), connection:
                    context.wrap_socket(connection, server_side=True).close()

    listener = socket.create_server(("127.0.0.1", 0))
    serving_thread = threading.Thread(target=serve, daemon=True)
    serving_thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        serving_thread.join(5)


async def test_a_certificate_of_an_unknown_authority(authority: trustme.CA) -> None:
    """The error names the host, and what to set."""
    text = await refused_certificate(serving(authority, "127.0.0.1"))
    assert "the certificate of 127.0.0.1 is signed by an unknown authority" in text
    assert "SSL_CERT_FILE" in text


async def test_a_certificate_for_another_host(authority: trustme.CA) -> None:
    """Its authority is trusted; its name is not ours."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    text = await refused_certificate(serving(authority, "example.test"), ssl=trusting)
    assert "the certificate of 127.0.0.1 is for another" in text
    assert "SSL_CERT_FILE" not in text


async def test_a_certificate_that_has_expired(authority: trustme.CA) -> None:
    """Its authority is trusted; its time is over."""
    from datetime import UTC, datetime, timedelta

    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    context = serving(authority, "127.0.0.1", not_after=yesterday)
    assert "127.0.0.1 has expired" in await refused_certificate(context, ssl=trusting)


# -- Deadlines --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["list", "delete"])
async def test_a_deadline_in_the_first_attempt_tells_of_it(
    method: str, server: FaultServer
) -> None:
    """The attempt that it stopped is on the error, and whether it was sent."""
    server.default = Silence(30)
    settings: dict[str, Any] = {"deadline": 0.3, "routes": "nested"}
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, **settings) as client:
        found: Any = client.account(1).audiences
        with pytest.raises(kmoment.APIError) as caught:
            await (found.list() if method == "list" else found.delete(1))
    (attempt,) = caught.value.attempts
    assert attempt.effect == "unknown"
    assert attempt.reason == "stopped by the deadline: waiting for the answer"
    assert caught.value.request_sent is True
    told = kmoment.DeadlineExceededError if method == "list" else kmoment.OutcomeUnknownError
    assert type(caught.value) is told


async def test_a_deadline_while_connecting_tells_that_nothing_was_sent(silent: int) -> None:
    """A write is not in doubt then."""
    settings: dict[str, Any] = {"deadline": 0.3, "routes": "nested"}
    async with kmoment.AsyncClient(
        TOKEN, base_url=f"https://127.0.0.1:{silent}", **settings
    ) as client:
        with pytest.raises(kmoment.DeadlineExceededError) as caught:
            await client.account(1).audiences.delete(1)
    (attempt,) = caught.value.attempts
    assert (attempt.effect, caught.value.request_sent) == ("unsent", False)
