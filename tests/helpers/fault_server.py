"""A server on a plain socket. It does faults on order, and records what really took effect."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from gzip import compress
from http import HTTPStatus
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from attrs import Factory, define, field, frozen

Header = tuple[str, str]
Headers = tuple[Header, ...]

HOST = "127.0.0.1"
JSON = ("Content-Type", "application/json;charset=UTF-8")
HTML = ("Content-Type", "text/html;charset=UTF-8")
GZIP = ("Content-Encoding", "gzip")
CHUNKED = ("Transfer-Encoding", "chunked")
LAST_CHUNK = b"0\r\n\r\n"
EMPTY = b"[]"
PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
MIB = 1 << 20
REQUEST_LIMIT = 16 * MIB  # bytes in the reader's buffer: more than any test sends
GRACE = 0.5  # seconds to end a connection or a task: short, because it should end at once
LINGER = 5.0  # seconds to send the rest of an answer: long, because the client may be slow


class BrokenTruthError(Exception):
    """The test's `on_act` raised an error. This is raised when the server is left."""


@define(eq=False)
class Received:
    """One request as received. `acted` becomes true when it takes effect."""

    method: str
    target: str
    headers: Headers
    body: bytes
    connection_number: int
    acted: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> list[str]:
        """Every value of a header, in the order sent."""
        return [value for key, value in self.headers if key == name.lower()]


OnAct = Callable[[Received], bytes | None]


# --- the wire format


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def head(status: int, headers: Iterable[Header]) -> bytes:
    lines = [f"HTTP/1.1 {status} {phrase(status)}", *(f"{name}: {text}" for name, text in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def length(size: int) -> Header:
    return ("Content-Length", str(size))


def message(status: int, headers: Iterable[Header], body: bytes) -> bytes:
    return head(status, [*headers, length(len(body))]) + body


def as_chunk(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def slices(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def chunked_body(body: bytes) -> bytes:
    # At least two chunks, so that a client that reads only the first one fails its test.
    return b"".join(map(as_chunk, slices(body, len(body) // 2 + 1))) + LAST_CHUNK


def bomb(decoded_bytes: int) -> Iterator[bytes]:
    """A small gzip stream, in pieces, that unpacks to JSON: brackets with many blanks between."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for size in blanks(decoded_bytes - len(EMPTY)):
        yield squeeze.compress(size)
    yield squeeze.compress(b"]") + squeeze.flush()


def blanks(count: int) -> Iterator[bytes]:
    yield b"["
    for start in range(0, count, MIB):
        yield b" " * min(MIB, count - start)


def parse_header(line: str) -> Header:
    name, _, text = line.partition(":")
    return name.strip().lower(), text.strip()


def as_headers(given: Mapping[str, str] | Headers) -> Headers:
    return given if isinstance(given, tuple) else tuple(given.items())


# --- connections


class Wire(asyncio.StreamReaderProtocol):
    """Sets `gone` when the client disconnects, also while nothing is read."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.gone = asyncio.Event()

    def eof_received(self) -> bool:
        self.gone.set()
        return bool(super().eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)


@define(eq=False)
class Connection:
    """One accepted connection."""

    number: int
    sock: socket.socket
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Event
    doomed: bool = False

    @classmethod
    async def open(cls, number: int, sock: socket.socket, ssl: SSLContext | None) -> Connection:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=REQUEST_LIMIT)
        wire = Wire(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: wire, sock, ssl=ssl, ssl_shutdown_timeout=GRACE if ssl else None
        )
        writer = asyncio.StreamWriter(transport, wire, reader, loop)
        return cls(number, sock, reader, writer, wire.gone)

    async def read_request(self) -> Received:
        block = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = block.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = tuple(map(parse_header, lines))
        return Received(method, target, headers, await self.read_body(dict(headers)), self.number)

    async def read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self.read_chunks()
        return await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def read_chunks(self) -> bytes:
        body = b""
        while piece := await self.read_chunk():
            body += piece
        return body

    async def read_chunk(self) -> bytes:
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def pause(self, seconds: float) -> None:
        """Wait. If the client disconnects before the end, raise ConnectionResetError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.gone.wait()
            raise ConnectionResetError("the client hung up")

    @property
    def closing(self) -> bool:
        return self.writer.is_closing()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST. With a linger time of 0 seconds the kernel sends RST and not FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        self.writer.transport.abort()

    async def closed(self, within: float) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(within):
                await self.writer.wait_closed()

    async def finish(self) -> None:
        """Close after sending what was written, or after LINGER seconds."""
        self.close()
        await self.closed(within=LINGER)

    async def abandon(self) -> None:
        self.abort()
        await self.closed(within=GRACE)


@frozen
class Exchange:
    """One request, and everything that a step may do with it."""

    server: FaultServer
    connection: Connection
    received: Received

    def act(self) -> bytes | None:
        return self.server.take_effect(self.received)

    def act_later(self, delay: float) -> None:
        self.server.take_effect_later(self.received, delay)

    async def send(self, data: bytes) -> None:
        await self.connection.send(data)

    async def send_slowly(self, pieces: Iterable[bytes], interval: float) -> None:
        for piece in pieces:
            await self.send(piece)
            await self.pause(interval)

    async def pause(self, seconds: float) -> None:
        if seconds > 0:
            await self.connection.pause(seconds)

    def close(self) -> None:
        self.connection.close()

    def close_at_next(self) -> None:
        self.connection.doomed = True

    def reset(self) -> None:
        self.connection.reset()


# --- the steps


@frozen
class Step(ABC):
    """What happens to one request. With `acts` it takes effect before anything is sent."""

    acts: bool = field(default=True, kw_only=True)

    @abstractmethod
    async def play(self, exchange: Exchange) -> None: ...

    def effect(self, exchange: Exchange, body: bytes = b"") -> bytes:
        """Act if the step does. Return the body that `on_act` gives, or else *body*."""
        reply = exchange.act() if self.acts else None
        return body if reply is None else reply


@frozen
class Answer(Step):
    """A proper answer. By default it acts only if its status is below 400."""

    status: int = 200
    body: bytes = EMPTY
    headers: Headers = field(default=(), converter=as_headers)
    gzip: bool = False
    chunked: bool = False
    delay: float = 0
    acts: bool = field(
        default=Factory(lambda self: self.status < 400, takes_self=True), kw_only=True
    )

    async def play(self, exchange: Exchange) -> None:
        body = self.effect(exchange, self.body)
        await exchange.pause(self.delay)
        await exchange.send(self.message(body))

    def message(self, body: bytes) -> bytes:
        content = compress(body) if self.gzip else body
        frame = CHUNKED if self.chunked else length(len(content))
        sent = chunked_body(content) if self.chunked else content
        return head(self.status, [*self.described(), frame]) + sent

    def described(self) -> Iterator[Header]:
        if "content-type" not in {name.lower() for name, _ in self.headers}:
            yield JSON
        if self.gzip:
            yield GZIP
        yield from self.headers


@frozen
class CloseAfter(Step):
    """Reads the request, acts, closes without an answer."""

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        exchange.close()


@frozen
class CloseBefore(CloseAfter):
    """Reads the request, closes without acting or answering."""

    acts: bool = field(default=False, kw_only=True)


@frozen
class ResetAfter(Step):
    """Reads the request, acts, resets the connection."""

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        exchange.reset()


@frozen
class ResetBefore(ResetAfter):
    """Reads the request, resets the connection without acting."""

    acts: bool = field(default=False, kw_only=True)


@frozen
class CutBody(Step):
    """Announces the whole body, sends only its first `sent_bytes` bytes, closes."""

    body: bytes = EMPTY
    sent_bytes: int = 1

    async def play(self, exchange: Exchange) -> None:
        body = self.effect(exchange, self.body)
        await exchange.send(head(200, [JSON, length(len(body))]) + body[: self.sent_bytes])
        exchange.close()


@frozen
class LostErrorBody(Step):
    """An error whose body is cut off, never comes, or is not what its headers say."""

    status: int
    how: str = "cut"
    acts: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        headers = [GZIP] if self.how == "damaged gzip" else []
        if self.how == "other encoding":
            headers = [("Content-Encoding", "br")]
        await exchange.send(head(self.status, [*headers, length(100)]) + b"<p>first words")
        if self.how == "silent":
            await exchange.pause(30)
        if self.how in ("damaged gzip", "other encoding"):
            await exchange.send(b"x" * (100 - len(b"<p>first words")))
        else:
            exchange.close()


@frozen
class CutGzip(Step):
    """Sends a message that is complete by its Content-Length, but its gzip stream is cut."""

    body: bytes = EMPTY

    async def play(self, exchange: Exchange) -> None:
        squeezed = compress(self.effect(exchange, self.body))
        await exchange.send(message(200, [JSON, GZIP], squeezed[: len(squeezed) // 2]))


@frozen
class BadGzip(Step):
    """Labels the body as gzip, but sends it plain."""

    body: bytes = EMPTY

    async def play(self, exchange: Exchange) -> None:
        await exchange.send(message(200, [JSON, GZIP], self.effect(exchange, self.body)))


@frozen
class GzipBomb(Step):
    """A small gzip body, chunked, that unpacks to `decoded_bytes` bytes of valid JSON."""

    decoded_bytes: int = 64 * MIB

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        await exchange.send(head(200, [JSON, GZIP, CHUNKED]))
        for piece in filter(None, bomb(self.decoded_bytes)):
            await exchange.send(as_chunk(piece))
            # Let others run. Sending waits only if the buffer is full, and this fills none.
            await asyncio.sleep(0)
        await exchange.send(LAST_CHUNK)


@frozen
class Drip(Step):
    """A proper answer with a slow body: `chunk` bytes every `interval` seconds."""

    body: bytes = EMPTY
    chunk: int = 1
    interval: float = 0.01

    async def play(self, exchange: Exchange) -> None:
        body = self.effect(exchange, self.body)
        await exchange.send(head(200, [JSON, length(len(body))]))
        await exchange.send_slowly(slices(body, self.chunk), self.interval)


@frozen
class WrongLength(Step):
    """Announces `declared` bytes, sends the whole body, leaves the connection open."""

    body: bytes = EMPTY
    declared: int = 1

    async def play(self, exchange: Exchange) -> None:
        body = self.effect(exchange, self.body)
        await exchange.send(head(200, [JSON, length(self.declared)]) + body)


@frozen
class HugeHeader(Step):
    """A proper answer with one header of `size` bytes."""

    size: int = MIB
    body: bytes = EMPTY

    async def play(self, exchange: Exchange) -> None:
        huge = ("X-Huge", "x" * self.size)
        await exchange.send(message(200, [JSON, huge], self.effect(exchange, self.body)))


@frozen
class Html(Step):
    """A gateway's page instead of JSON. By default it does not act."""

    status: int = 502
    body: bytes = PAGE
    acts: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        await exchange.send(message(self.status, [HTML], self.body))


@frozen
class Redirect(Step):
    """Redirects the client. By default it does not act."""

    location: str
    status: int = 302
    acts: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        await exchange.send(message(self.status, [("Location", self.location)], b""))


@frozen
class Silence(Step):
    """Reads the request, never answers, closes after `seconds`. By default it does not act."""

    seconds: float = 60
    acts: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        await exchange.pause(self.seconds)
        exchange.close()


@frozen
class HangUpOnConnect(Step):
    """Closes a new connection before reading and before TLS, a kept one at its next request."""

    acts: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        exchange.close()


@frozen
class Garbage(Step):
    """Answers something that is not HTTP, closes. By default it does not act."""

    data: bytes = b"\x00\xff\xfenot http\r\n\r\n"
    acts: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        await exchange.send(self.data)
        exchange.close()


@frozen
class LateCommit(Step):
    """Closes now, acts `delay` seconds later."""

    delay: float = 0.05

    async def play(self, exchange: Exchange) -> None:
        exchange.act_later(self.delay)
        exchange.close()


@frozen
class Partial(Step):
    """Acts, sends the status line only, closes."""

    async def play(self, exchange: Exchange) -> None:
        self.effect(exchange)
        await exchange.send(b"HTTP/1.1 200 OK\r\n")
        exchange.close()


@frozen
class SlowHeaders(Step):
    """A proper answer with `lines` extra header lines, one every `interval` seconds."""

    interval: float = 0.05
    lines: int = 5
    body: bytes = EMPTY

    async def play(self, exchange: Exchange) -> None:
        rest = message(200, [JSON], self.effect(exchange, self.body))
        status_line, _, remainder = rest.partition(b"\r\n")
        await exchange.send(status_line + b"\r\n")
        await exchange.send_slowly(self.filler(), self.interval)
        await exchange.send(remainder)

    def filler(self) -> Iterator[bytes]:
        return (f"X-Slow-{number}: {number}\r\n".encode() for number in range(self.lines))


@frozen
class CloseIdle(Step):
    """Answers properly. The next request on the connection closes it, and uses no step."""

    body: bytes = EMPTY

    async def play(self, exchange: Exchange) -> None:
        await exchange.send(message(200, [JSON], self.effect(exchange, self.body)))
        exchange.close_at_next()


@frozen
class SpeakIdle(Step):
    """Answers properly, and `delay` seconds later sends an answer that no request asked for."""

    body: bytes = EMPTY
    unasked: bytes = EMPTY
    delay: float = 0.05

    async def play(self, exchange: Exchange) -> None:
        await exchange.send(message(200, [JSON], self.effect(exchange, self.body)))
        await exchange.pause(self.delay)
        await exchange.send(message(200, [JSON], self.unasked))


@frozen
class SwitchProtocols(Step):
    """Answers 101 (another protocol) and nothing more. `named`: with the headers for it."""

    named: bool = True

    async def play(self, exchange: Exchange) -> None:
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "other")]
        await exchange.send(head(101, upgrade if self.named else []))


@frozen
class UnknownEncoding(Step):
    """Labels the body with a Content-Encoding that the client did not ask for."""

    body: bytes = EMPTY
    encoding: str = "br"

    async def play(self, exchange: Exchange) -> None:
        label = ("Content-Encoding", self.encoding)
        await exchange.send(message(200, [JSON, label], self.effect(exchange, self.body)))


# --- the server


class FaultServer:
    """Plays one step for each request, in order, and records which requests took effect.

    `on_act` is called when a request takes effect. Bytes that it returns replace the step's body.
    """

    def __init__(self, ssl: SSLContext | None = None, on_act: OnAct | None = None) -> None:
        self.on_act: OnAct | None = on_act
        self.default: Step = Answer(200, EMPTY)
        self.requests: list[Received] = []
        self.connections = 0
        self._ssl = ssl
        self._script: deque[Step] = deque()
        self._errors: list[BaseException] = []
        self._conversations: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._accepting: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._port = 0

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"{'https' if self._ssl else 'http'}://{HOST}:{self._port}"

    @property
    def open_connections(self) -> int:
        return len(self._conversations)

    @property
    def acted(self) -> list[Received]:
        """The requests that took effect, in the order received."""
        return [received for received in self.requests if received.acted]

    @property
    def unplayed(self) -> tuple[Step, ...]:
        """The steps of the script that no request has reached."""
        return tuple(self._script)

    def script(self, *steps: Step) -> None:
        """Add steps, one for each coming request. After the last step `default` applies."""
        self._script.extend(steps)

    def forget(self) -> None:
        """Drop the steps that no request has used."""
        self._script.clear()

    async def settled(self) -> None:
        """Wait until every late request has taken effect."""
        while self._late:
            await asyncio.wait(self._late)

    def take_effect(self, received: Received) -> bytes | None:
        received.acted = True
        try:
            return self.on_act(received) if self.on_act else None
        except Exception as error:
            # A type of its own, because an OSError would look like a lost connection.
            raise BrokenTruthError(f"on_act: {error!r}") from error

    def take_effect_later(self, received: Received, delay: float) -> None:
        self._start(self._late, self._act_after(received, delay))

    async def __aenter__(self) -> Self:
        self._listener = listener = socket.create_server((HOST, 0))
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        self._start(self._accepting, self._accept(listener))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()
        if self._errors and error is None:
            raise self._errors[0]

    async def _stop(self) -> None:
        tasks = self._accepting | self._conversations | self._late
        for task in tasks:
            task.cancel()
        try:
            await asyncio.wait(tasks, timeout=2 * GRACE)
        finally:
            self._close_listener()

    def _close_listener(self) -> None:
        if self._listener:
            self._listener.close()

    def _start(
        self, among: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(self._keep_error)
        return task

    def _keep_error(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._errors.append(error)

    async def _act_after(self, received: Received, delay: float) -> None:
        await asyncio.sleep(delay)
        self.take_effect(received)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            self.connections += 1
            task = self._start(self._conversations, self._serve(self.connections, sock))
            # A task that is cancelled before its first step does not run its own `finally`.
            task.add_done_callback(closer(sock))

    async def _serve(self, number: int, sock: socket.socket) -> None:
        if not self._hangs_up():
            with suppress(OSError, EOFError, asyncio.LimitOverrunError):
                await self._converse(await Connection.open(number, sock, self._ssl))

    def _hangs_up(self) -> bool:
        upcoming = self._script[0] if self._script else self.default
        return isinstance(upcoming, HangUpOnConnect) and self._next_step() is upcoming

    def _next_step(self) -> Step:
        return self._script.popleft() if self._script else self.default

    async def _converse(self, connection: Connection) -> None:
        try:
            while not connection.closing:
                await self._meet(connection, await connection.read_request())
            await connection.finish()
        finally:
            await connection.abandon()

    async def _meet(self, connection: Connection, received: Received) -> None:
        self.requests.append(received)
        if connection.doomed:
            connection.close()
            return
        await self._next_step().play(Exchange(self, connection, received))
        if (received.header("connection") or "").lower() == "close":
            connection.close()


def closer(sock: socket.socket) -> Callable[[object], None]:
    return lambda _: sock.close()
