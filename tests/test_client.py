"""The client: settings, token, event loop, closing, routes, secrecy and errors."""

import asyncio
import contextlib
import gc
import inspect
import logging
import pickle
import ssl
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import trustme
from anyio.from_thread import start_blocking_portal

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT, STORED
from helpers.fault_server import Answer, CloseAfter, FaultServer, Silence
from helpers.scripted import ok, scripted
from kmoment._engine import _aiohttp, transport as _transport
from kmoment._engine.reconcile import list_call
from kmoment._engine.token import TokenSource
from kmoment._policies.circuit_breaker import CircuitBreakers
from kmoment._protocol.http import TransportError
from kmoment._secret import Secret
from kmoment.errors import Facts
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

CALL = list_call(1)

# -- Settings ---------------------------------------------------------------------------

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("token", {"token": None}),
    ("token", {"token": ""}),
    ("token", {"token": "a b"}),
    ("token", {"token": "a\nb"}),
    ("token", {"token": "토큰"}),
    ("token", {"token": 3}),
    ("base_url", {"base_url": "http://apis.moment.kakao.com"}),
    ("base_url", {"base_url": "http://0.0.0.0"}),
    ("base_url", {"base_url": "https://user:pw@example.com"}),
    ("base_url", {"base_url": "https://example.com/?a=b"}),
    ("base_url", {"base_url": "https://example.com/#a"}),
    ("base_url", {"base_url": "example.com"}),
    ("base_url", {"base_url": "https://exa mple:99999"}),
    ("base_url", {"base_url": 3}),
    ("timeout", {"timeout": 0}),
    ("timeout", {"timeout": True}),
    ("timeout", {"timeout": "30"}),
    ("deadline", {"deadline": float("inf")}),
    ("deadline", {"deadline": None}),
    ("max_connections", {"max_connections": 0}),
    ("max_connections", {"max_connections": 1.5}),
    ("proxy", {"proxy": "socks5://u:pa55@127.0.0.1"}),
    ("proxy", {"proxy": 3}),
    ("proxy", {"proxy": ""}),
    ("routes", {"routes": "both"}),
    ("base_url", {"base_url": ""}),
    ("ssl", {"ssl": False}),
    ("ssl", {"ssl": "x"}),
]


@pytest.mark.parametrize(("argument", "settings"), SETTINGS)
async def test_bad_settings_are_refused(argument: str, settings: dict[str, Any]) -> None:
    """Each setting is checked when the client is made, and the error names it."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.AsyncClient(**{"token": TOKEN, **settings})
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8", "http://[::1]:8", "http://localhost:8", "https://example.com/x/"]
)
async def test_good_base_urls(url: str) -> None:
    """A base URL may be https for any host, or http for this machine, with or without a path."""
    assert kmoment.AsyncClient(TOKEN, base_url=url).base_url == url.rstrip("/")


async def test_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """KMOMENT_TOKEN and KMOMENT_BASE_URL are used if the arguments are not given."""
    monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
    monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
    async with kmoment.AsyncClient() as client:
        assert await client.locations.depth1()


# -- Token ------------------------------------------------------------------------------


async def test_a_provider_is_asked_once_and_again_after_a_401() -> None:
    """A token callable is called once, and again only after a 401.

    The refused call is tried again with the new token, and its caller gets no error.
    """
    tokens = iter(["old", "new"])
    client = kmoment.AsyncClient(lambda: next(tokens))
    refused = ok({"code": -401, "msg": "no"}, 401)
    transport = scripted(client, ok([]), ok([]), refused, ok([]))
    for _ in range(3):
        await client.locations.depth1()
    assert transport.tokens == ["old", "old", "old", "new"]
    await client.aclose()


NO_ROUTE = {"timestamp": "x", "status": 404, "error": "Not Found", "path": "/x"}


async def test_a_dead_token_is_tried_once() -> None:
    """If the callable returns the refused token again, the call raises AuthenticationError."""
    asked = []
    client = kmoment.AsyncClient(lambda: asked.append(1) or "dead")  # type: ignore[func-returns-value]
    transport = scripted(client, ok({"code": -401}, 401))
    with pytest.raises(kmoment.AuthenticationError):
        await client.locations.depth1()
    assert len(transport.requests) == 1
    assert len(asked) == 2


async def test_an_async_provider() -> None:
    """The token callable may be async, and the token that it returns is checked."""

    async def provide() -> str:
        return "fresh"

    client = kmoment.AsyncClient(provide)
    transport = scripted(client, ok([]))
    await client.locations.depth1()
    assert transport.tokens == ["fresh"]
    bad = kmoment.AsyncClient(lambda: "bad token")
    scripted(bad, ok([]))
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^token"):
        await bad.locations.depth1()


async def test_a_given_token_is_not_forgotten() -> None:
    """A token that was given as text is kept after a 401."""
    source = TokenSource(Secret(TOKEN))
    source.forget(CALL, await source.token(CALL))
    assert (await source.token(CALL)).reveal() == TOKEN


async def test_many_first_calls_ask_the_provider_once() -> None:
    """Ten first calls at the same time call the token callable only once."""
    asked = []

    async def provide() -> str:
        asked.append(1)
        await asyncio.sleep(0.01)
        return "fresh"

    client = kmoment.AsyncClient(provide)
    scripted(client, ok([]))
    await asyncio.gather(*(client.locations.depth1() for _ in range(10)))
    assert len(asked) == 1


async def test_a_late_401_does_not_lose_a_newer_token() -> None:
    """A late 401 for the old token does not discard the new token."""
    tokens = iter(["old", "new"])
    source = TokenSource(Secret(lambda: next(tokens)))
    old = await source.token(CALL)
    source.forget(CALL, old)
    new = await source.token(CALL)
    source.forget(CALL, old)
    assert await source.token(CALL) is new


async def test_a_providers_own_timeout_is_not_the_deadline() -> None:
    """A TimeoutError that the token callable raises is raised unchanged."""

    def provide() -> str:
        raise TimeoutError("theirs")

    client = kmoment.AsyncClient(provide)
    scripted(client, ok([]))
    with pytest.raises(TimeoutError, match="theirs"):
        await client.locations.depth1()


# -- Loop and closing ---------------------------------------------------------------------


def test_a_client_of_another_loop_says_so(sandbox: Sandbox) -> None:
    """Beside a loop that is not closed, or without one, a call raises WrongLoopError."""
    client = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)

    async def use() -> None:
        await client.locations.depth1()

    first = asyncio.new_event_loop()
    first.run_until_complete(use())
    with pytest.raises(kmoment.WrongLoopError, match="event loop of its first call"):
        asyncio.run(use())
    with pytest.raises(kmoment.WrongLoopError):
        asyncio.run(client.aclose())
    first.run_until_complete(client.aclose())
    first.close()
    step = kmoment.AsyncClient(TOKEN).locations.depth1()
    with pytest.raises(kmoment.WrongLoopError, match="no event loop"):
        step.send(None)


def test_a_client_of_a_loop_that_runs_in_another_thread_says_so(sandbox: Sandbox) -> None:
    """A client and its views are refused in a second loop while the first one runs."""
    client = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)
    view = client.with_options(max_attempts=1)
    with start_blocking_portal() as portal:
        assert portal.call(client.locations.depth1)
        for use in (client.locations.depth1, view.locations.depth1, client.aclose):
            with pytest.raises(kmoment.WrongLoopError, match="not closed; make one per loop"):
                asyncio.run(use())
        assert portal.call(view.locations.depth1)
        portal.call(client.aclose)


LOOPS = [asyncio.new_event_loop]
if sys.platform != "win32":
    import uvloop

    LOOPS.append(uvloop.new_event_loop)


async def crowd(client: kmoment.AsyncClient) -> None:
    """Use every lock and queue of *client*, each with calls that wait for it."""
    account = client.account(1234)
    names = kmoment.AudienceDraft.display("crowd")
    await asyncio.gather(*(client.locations.depth1() for _ in range(5)))
    made = await asyncio.gather(*(account.audiences.create(names) for _ in range(2)))
    await account.audiences.delete_many([audience.id for audience in made])


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_client_goes_on_after_its_loop_was_closed(sandbox: Sandbox, new_loop: Any) -> None:
    """With a new loop a client and its views open a new pool; the token is not asked for again."""
    asked = []

    async def token() -> str:
        asked.append(1)
        await asyncio.sleep(0.01)
        return sandbox.token

    client = kmoment.AsyncClient(
        token, base_url=sandbox.url, max_connections=1, periods={"locations.depth1": 0.001}
    )
    view = client.with_options(max_attempts=1)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ResourceWarning)
        for user in (client, view, client):
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(crowd(user))
        with start_blocking_portal() as portal:  # as the test clients of web frameworks do
            portal.call(crowd, view)
        asyncio.run(client.aclose())
        with pytest.raises(kmoment.ClientClosedError):
            asyncio.run(view.locations.depth1())
        gc.collect()
    assert asked == [1]
    # uvloop's loop itself warns, while it closes, in debug mode.
    assert not [it for it in heard if "<TCPTransport" not in str(it.message)]


def test_a_client_goes_on_after_its_loop_was_closed_over_tls() -> None:
    """Kept TLS connections of a closed loop are dropped without a word."""
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    server = FaultServer(serving)
    server.default = Answer(200, b"[]")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(server),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error", ResourceWarning)
        client = kmoment.AsyncClient(TOKEN, base_url=server.url, ssl=trusting)
        for _ in range(3):
            assert asyncio.run(client.locations.depth1()) == []
        del client
        gc.collect()


def test_a_client_whose_loop_was_closed_keeps_no_socket(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sockets of the pool before are closed at the first call in the new loop."""
    opened: list[Any] = []
    open_socket = _aiohttp.open_socket

    def remember(address: Any) -> Any:
        opened.append(open_socket(address))
        return opened[-1]

    for module in ("_aiohttp", "_session"):
        monkeypatch.setattr(f"kmoment._engine.{module}.open_socket", remember)
    client = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)
    asyncio.run(crowd(client))
    before = list(opened)
    assert {sock.fileno() for sock in before} != {-1}
    asyncio.run(crowd(client))
    assert {sock.fileno() for sock in before} == {-1}
    asyncio.run(client.aclose())
    assert {sock.fileno() for sock in opened} == {-1}


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server, on its own thread, that does not answer."""
    server = FaultServer()
    server.default = Silence(5)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield server.url


def test_a_loop_that_was_closed_during_calls(silent_url: str) -> None:
    """Calls that a closed loop has left are ended: they take no slot of the next loop."""
    client = kmoment.AsyncClient(TOKEN, base_url=silent_url, max_connections=2)
    first = asyncio.new_event_loop()

    async def again() -> None:
        try:
            await client.locations.depth1()
        finally:
            await client.with_options(deadline=0.1).locations.depth1()

    async def begin() -> list[asyncio.Task[Any]]:
        calls: list[asyncio.Task[Any]] = [
            first.create_task(client.locations.depth1()) for _ in range(2)
        ]
        calls.append(first.create_task(again()))
        await asyncio.sleep(0.1)
        return calls

    calls: list[Any] = first.run_until_complete(begin())
    first.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(kmoment.APIError):
            asyncio.run(client.with_options(deadline=0.1).locations.depth1())
        state = client._dispatcher.state
        assert (state.live, state.slots._free) == (0, 2)
        while calls:
            calls.pop()._log_destroy_pending = False  # asyncio's own message is the program's due
        gc.collect()
        assert (state.live, state.slots._free) == (0, 2)
        asyncio.run(client.aclose())


@pytest.mark.parametrize("closed", [True, False])
def test_leaving_a_client_whose_loop_was_closed(sandbox: Sandbox, closed: bool) -> None:
    """It can be closed, or dropped, without a word."""
    client = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)
    asyncio.run(crowd(client))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        if closed:
            asyncio.run(client.aclose())
            asyncio.run(client.aclose())
        del client
        gc.collect()


async def test_closing() -> None:
    """A client can be closed before and after use, and repeatedly. Then it refuses calls."""
    unused = kmoment.AsyncClient(TOKEN)
    await unused.aclose()
    await unused.aclose()
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok([]))
    assert "not opened yet" in repr(client)
    async with client:
        await client.locations.depth1()
        assert "open" in repr(client)
    assert transport.closed
    assert "closed" in repr(client)
    with pytest.raises(kmoment.ClientClosedError):
        await client.locations.depth1()
    with pytest.raises(kmoment.ClientClosedError):
        await client.account(1).audiences.list()


async def test_closing_ends_calls_that_wait_for_a_slot(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that waits for a slot when the client closes ends unsent with a kmoment error."""
    monkeypatch.setattr("kmoment._engine.state.DRAIN_SECONDS", 0.05)
    server.default = Silence(5)
    client = kmoment.AsyncClient(TOKEN, base_url=server.url, max_connections=1)
    calls = [asyncio.create_task(client.locations.depth1()) for _ in range(3)]
    while not server.requests:
        await asyncio.sleep(0.01)
    await client.aclose()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(error, "request_sent", error) for error in errors] == [True, False, False]
    assert all(isinstance(error, kmoment.APIConnectionError) for error in errors)


async def test_a_cancelled_closing_closes_all_the_same(server: FaultServer) -> None:
    """A cancelled ``aclose`` still closes the connections."""
    server.default = Silence(5)
    client = kmoment.AsyncClient(TOKEN, base_url=server.url)
    call = asyncio.create_task(client.locations.depth1())
    while not server.requests:
        await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.aclose()
    with pytest.raises(kmoment.APIConnectionError):
        await call
    await client.aclose()


async def test_closing_is_prompt_when_the_last_call_ends(server: FaultServer) -> None:
    """``aclose`` returns when the calls under way end, before the drain time is over."""
    server.default = Answer(200, b"[]", delay=0.1)
    client = kmoment.AsyncClient(TOKEN, base_url=server.url)
    call = asyncio.create_task(client.locations.depth1())
    while not server.requests:
        await asyncio.sleep(0.01)
    async with asyncio.timeout(3):
        await client.aclose()
    assert await call == []


async def test_closing_waits_for_calls_under_way(server: FaultServer) -> None:
    """A call that is under way when the client closes still gets its answer."""
    server.script(Answer(200, b"[]", delay=0.2), Answer(200, b"[]", delay=0.1))
    client = kmoment.AsyncClient(TOKEN, base_url=server.url)
    calls = [asyncio.create_task(client.locations.depth1()) for _ in range(2)]
    while len(server.requests) < 2:
        await asyncio.sleep(0.01)
    await client.aclose()
    assert [call.result() for call in calls if call.done()] == [[], []]


async def test_closing_does_not_wait_for_ever(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is still under way after the drain time ends with APIConnectionError."""
    monkeypatch.setattr("kmoment._engine.state.DRAIN_SECONDS", 0.05)
    server.script(Silence(5))
    client = kmoment.AsyncClient(TOKEN, base_url=server.url)
    call = asyncio.create_task(client.locations.depth1())
    while not server.requests:
        await asyncio.sleep(0.01)
    await client.aclose()
    with pytest.raises(kmoment.APIConnectionError):
        await call


def test_a_forgotten_client_says_so_once(sandbox: Sandbox) -> None:
    """A client that is dropped in its loop and was not closed warns once and names ``aclose()``."""

    async def used() -> kmoment.AsyncClient:
        client = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)
        await client.locations.depth1()
        await client.account(1234).audiences.create(kmoment.AudienceDraft.display("forgotten"))
        return client

    async def forget() -> None:
        await used()
        gc.collect()
        await asyncio.sleep(0)

    gc.collect()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        asyncio.run(forget())
        gc.collect()
    (said,) = [str(warning.message) for warning in heard]
    assert "aclose()" in said
    assert {warning.category for warning in heard} == {ResourceWarning}


def test_a_hundred_runs(sandbox: Sandbox) -> None:
    """100 runs of asyncio.run, each with its own client, cause no warning."""

    async def once() -> int:
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            return len(await client.placements.section_categories())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {asyncio.run(once()) for _ in range(100)} != {0}


def test_an_account_is_a_view() -> None:
    """An account shares its client and cannot be changed."""
    client = kmoment.AsyncClient(TOKEN)
    account = client.account(1234)
    assert repr(account) == "<AsyncAccount 1234>"
    assert account.audiences._sender is client._dispatcher
    with pytest.raises(AttributeError):
        account.ad_account_id = 5  # type: ignore[misc]


# -- Routes -----------------------------------------------------------------------------


async def test_flat_routes_are_found_remembered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each route is tried nested once and is flat from then on. The log has one line about it."""
    caplog.set_level(logging.INFO, "kmoment")
    async with Sandbox(layout="flat") as sandbox:
        async with kmoment.AsyncClient(
            sandbox.token, base_url=sandbox.url, reconcile_delays=()
        ) as client:
            audiences = client.account(1234).audiences
            for _ in range(3):
                await audiences.get(1)
            made = await audiences.create(DRAFT)
            await audiences.delete(made.id)
        tried = [(entry["method"], entry["path"]) for entry in sandbox.requests()]
    nested, flat = "/openapi/v4/targetings/audiences", "/openapi/v4/targetings"
    assert tried == [
        ("GET", f"{nested}/1"),
        *[("GET", f"{flat}/1")] * 3,
        ("POST", nested),
        ("POST", flat),
        ("DELETE", f"{nested}/{made.id}"),
        ("DELETE", f"{flat}/{made.id}"),
    ]
    assert [record.message for record in caplog.records if record.name == "kmoment"] == [
        "audiences.get answers at /openapi/v4/targetings/{id}: using flat audience routes"
    ]


@pytest.mark.parametrize(("routes", "layout"), [("nested", "flat"), ("flat", "nested")])
async def test_pinned_routes_are_not_guessed(routes: Any, layout: Any) -> None:
    """With ``routes`` set, only that reading is tried."""
    async with Sandbox(layout=layout) as sandbox:
        async with kmoment.AsyncClient(
            sandbox.token, base_url=sandbox.url, routes=routes
        ) as client:
            with pytest.raises(kmoment.APIError) as caught:
                await client.account(1234).audiences.get(1)
        assert caught.value.status in (404, 405)
        assert len(sandbox.requests()) == 1


async def test_a_route_that_neither_reading_knows() -> None:
    """If both readings are unknown, the first error is raised and no reading is remembered."""
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok(NO_ROUTE, 404), ok(NO_ROUTE, 405), ok(STORED))
    with pytest.raises(kmoment.RouteNotFoundError):
        await client.account(1).audiences.get(1)
    assert (await client.account(1).audiences.get(1)).id == 9
    assert len(transport.requests) == 3
    await client.aclose()


@pytest.mark.parametrize("status", [401, 503])
async def test_a_gate_does_not_settle_the_route(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of a gateway in front of the API does not decide between the readings."""
    client = kmoment.AsyncClient(TOKEN, max_attempts=1)
    monkeypatch.setattr(CircuitBreakers, "note", lambda *_: 0.0)
    transport = scripted(client, ok(b"", status), ok(NO_ROUTE, 404), ok(STORED))
    with pytest.raises(kmoment.APIError):
        await client.account(1).audiences.get(1)
    assert (await client.account(1).audiences.get(1)).id == 9
    assert [request.url.path.count("audiences") for request in transport.requests] == [1, 1, 0]


async def test_a_missing_audience_is_not_a_missing_route() -> None:
    """A 404 with a Moment error is an answer, so the other reading is not tried."""
    client = kmoment.AsyncClient(TOKEN)
    gone = {"code": -813, "msg": "x", "extras": {"detailCode": 75014}}
    transport = scripted(client, ok(gone, 404))
    with pytest.raises(kmoment.NotFoundError) as caught:
        await client.account(1).audiences.delete(1)
    assert caught.value.detail_code == 75014
    assert len(transport.requests) == 1


# -- Secrecy ----------------------------------------------------------------------------


def with_locals(error: BaseException) -> str:
    """A traceback as crash reporters write it: every frame with its locals."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(report.format())


def _canary(text: str) -> bool:
    return "canary" in text


FAILURES: dict[str, Callable[[FaultServer], None]] = {
    "lost": lambda server: server.script(CloseAfter()),
    "refused": lambda server: server.script(Answer(401, b'{"code": -401, "msg": "no"}')),
    "html": lambda server: server.script(Answer(200, b"<html>")),
    "silent": lambda server: server.script(Silence(5)),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_the_token_shows_nowhere(
    failure: Callable[[FaultServer], None], server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No repr, error, pickle, traceback with locals, or log at any level shows the token."""
    caplog.set_level(1)
    failure(server)
    client = kmoment.AsyncClient(
        lambda: TOKEN, base_url=server.url, timeout=0.3, reconcile_delays=()
    )
    with pytest.raises(kmoment.APIError) as caught:
        await client.account(1).audiences.create(DRAFT)
    reports = with_locals(caught.value) + repr(caught.value) + str(caught.value)
    assert not _canary(reports)
    assert not _canary(repr(vars(caught.value)) + repr(pickle.dumps(caught.value)))
    assert not _canary(repr(client) + repr(vars(client)) + repr(client.account(1)))
    assert not _canary(caplog.text)
    assert server.requests[0].header("authorization") == f"Bearer {TOKEN}"
    await client.aclose()


async def test_a_cancelled_calls_traceback_hides_the_token(server: FaultServer) -> None:
    """The traceback of a cancelled call does not show the token in any frame's locals."""
    server.script(Silence(5))
    holder = [TOKEN]
    async with kmoment.AsyncClient(holder.pop, base_url=server.url) as client:
        task = asyncio.create_task(client.locations.depth1())
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert not _canary(with_locals(caught.value))


@pytest.mark.parametrize("settings", [{"token": "canary 1"}, {"token": b"canary"}])
async def test_a_bad_token_is_refused_without_showing_it(settings: dict[str, Any]) -> None:
    """The error about a bad token shows it neither in its text nor in its frames."""
    try:
        kmoment.AsyncClient(**settings)
    except kmoment.InvalidArgumentError as error:
        inner = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        assert not _canary(with_locals(inner) + repr(error))
    else:
        pytest.fail("not refused")


async def test_a_bad_setting_does_not_show_a_good_token() -> None:
    """The error about another setting does not show the token in its frames."""
    holder = {"token": TOKEN, "proxy": "http://u:canary-pw@127.0.0.1"}
    try:
        kmoment.AsyncClient(**holder, timeout=-1)  # type: ignore[arg-type]
    except kmoment.InvalidArgumentError as error:
        inner = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        assert not _canary(with_locals(inner))
    else:
        pytest.fail("not refused")


def test_secrets_and_clients_do_not_pickle() -> None:
    """Clients and secrets cannot be pickled."""
    for thing in (kmoment.AsyncClient(TOKEN), Secret(TOKEN)):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    assert str(Secret(TOKEN)) == repr(Secret(TOKEN)) == "***"


# -- Errors -----------------------------------------------------------------------------

ERRORS = [getattr(kmoment, name) for name in dir(kmoment) if name.endswith("Error")]


@pytest.mark.parametrize(
    "error", [e for e in ERRORS if issubclass(e, kmoment.APIError)], ids=lambda e: e.__name__
)
def test_api_errors_pickle_with_their_facts(error: type[kmoment.APIError]) -> None:
    """An API error keeps its facts when it is pickled, as process pools do."""
    facts: Facts = {"status": 400, "code": -813, "operation": "audiences.get", "ad_account_id": 7}
    raised = error("Kakao refused the call", {**facts, "detail_message": "까닭"})
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is error
    assert vars(again) == vars(raised)
    assert str(again) == str(raised)
    assert str(raised).startswith("audiences.get (account 7): Kakao refused the call | HTTP 400")
    assert raised.reason == "Kakao refused the call"
    assert error.hint
    assert error.hint_ko


def test_all_errors_are_in_one_tree() -> None:
    """Every public error is a KmomentError."""
    for error in ERRORS:
        assert issubclass(error, kmoment.KmomentError)
    assert str(kmoment.APIError("why")) == f"call: why | {kmoment.APIError.hint}"


async def test_a_fault_of_the_sandbox_reaches_the_caller(sandbox: Sandbox) -> None:
    """Each fault of the sandbox raises its own error class."""
    expected = {
        "maintenance": kmoment.MaintenanceError,
        "quota_exceeded": kmoment.QuotaExceededError,
        "envelope_in_200": kmoment.APIError,
        "truncate": kmoment.APIConnectionError,
        "bad_json": kmoment.ProtocolError,
    }
    for kind, error in expected.items():
        async with kmoment.AsyncClient(
            sandbox.token, base_url=sandbox.url, max_attempts=1
        ) as client:
            sandbox.add_fault(Fault("locations.depth1", kind, times=1))
            with pytest.raises(error):
                await client.locations.depth1()
    sandbox.clear_faults()


async def test_no_answer_after_sending_is_told() -> None:
    """An error of the transport becomes an error of the call, with the call's facts."""
    client = kmoment.AsyncClient(TOKEN, outage_patience=0)
    scripted(client, TransportError("gone"))
    with pytest.raises(kmoment.APIConnectionError, match="gone") as caught:
        await client.account(3).audiences.list()
    assert (caught.value.operation, caught.value.ad_account_id) == ("audiences.list", 3)
    assert caught.value.request_sent is False
    with contextlib.suppress(kmoment.KmomentError):
        await client.aclose()


def test_a_program_without_metadata_still_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without package metadata (zip, frozen program) the User-Agent is "kmoment"."""
    assert _transport._user_agent() == f"kmoment/{kmoment.__version__}"

    def missing(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(_transport, "version", missing)
    assert _transport._user_agent() == "kmoment"


def test_signatures_are_for_people() -> None:
    """Every public method has a docstring and a fully resolved signature."""
    client = kmoment.AsyncClient(TOKEN)
    account = client.account(1)
    parts = (client.locations, client.placements, client.categories, account.audiences)
    for part in (*parts, account.targeting):
        for name, method in inspect.getmembers(type(part), inspect.isfunction):
            if not name.startswith("_"):
                signature = inspect.signature(method)
                assert inspect.getdoc(method), name
                assert "https://developers.kakao.com/" in (inspect.getdoc(method) or "")
                assert not isinstance(signature.return_annotation, str), name
    assert sys.getsizeof(account) < 200


@pytest.mark.anyio
async def test_a_deadline_leaves_no_cancellation_behind() -> None:
    """If the token callable swallows the deadline, the caller's own timeout still works."""

    async def stubborn() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return TOKEN
        return TOKEN

    client = kmoment.AsyncClient(stubborn, deadline=0.05)
    scripted(client, ok([]))

    async def call_and_wait() -> None:
        async with asyncio.timeout(0.3):
            await client.locations.depth1()
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await call_and_wait()
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


@pytest.mark.anyio
async def test_a_call_under_way_when_the_client_closes_keeps_its_deadline() -> None:
    """A call under way keeps its deadline while the client closes."""
    client = kmoment.AsyncClient(lambda: asyncio.sleep(1000, TOKEN), deadline=0.2)
    scripted(client, ok([]))
    call = asyncio.create_task(client.locations.depth1())
    await asyncio.sleep(0)
    await client._dispatcher.state.close(0)
    with pytest.raises(kmoment.DeadlineExceededError):
        await asyncio.wait_for(call, 5)
    assert client._dispatcher.state.timeouts._timer is None


@pytest.mark.anyio
async def test_a_closing_client_does_not_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that fails while the client closes is not tried again."""
    client = kmoment.AsyncClient(TOKEN)

    def close_and_fail(_: Any) -> Any:
        client._dispatcher.state.closed = True
        return ok(b"", 502)

    transport = scripted(client, close_and_fail)
    with pytest.raises(kmoment.ServerError):
        await client.locations.depth1()
    assert len(transport.requests) == 1
