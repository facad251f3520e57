"""The undocumented members of aiohttp that kmoment uses, and what happens if one is missing."""

import asyncio
import gc
import json
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import trustme

import kmoment
from helpers import SESSION, TOKEN
from helpers.fault_server import Answer, CloseBefore, FaultServer, SpeakIdle
from kmoment._engine import _aiohttp, transport
from kmoment.sandbox import Sandbox

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(SESSION, reason="the whole suite runs without the members"),
]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Clear the two caches afterwards: the missing member, and the warning that was given."""
    find = _aiohttp.missing_member
    yield
    find.cache_clear()
    transport._warn_once.cache_clear()


def test_this_aiohttp_has_them_all() -> None:
    """The installed aiohttp has all members, so requests use the direct pool."""
    assert _aiohttp.missing_member() is None
    assert transport._pool_class() is _aiohttp.DirectPool


@pytest.mark.parametrize("name", [name for _, name in _aiohttp._ATTRIBUTES])
def test_a_missing_attribute_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing attribute that kmoment uses is found and named."""
    owner = next(owner for owner, its in _aiohttp._ATTRIBUTES if its == name)
    without = type(owner.__name__, (), {})
    monkeypatch.setattr(_aiohttp, "_ATTRIBUTES", ((without, name),))
    _aiohttp.missing_member.cache_clear()
    assert _aiohttp.missing_member() == f"{owner.__name__}.{name}"


@pytest.mark.parametrize("there", [True, False], ids=["other parameters", "gone"])
@pytest.mark.parametrize("row", _aiohttp._METHODS, ids=lambda row: row[1])
def test_a_changed_method_is_named(
    row: tuple[type, str, tuple[object, ...], dict[str, object]],
    there: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A method that kmoment uses is named if it is missing or takes other arguments."""
    owner, name, args, kwargs = row
    changed = type(owner.__name__, (), {name: lambda: None} if there else {})
    if name == "__init__" and not there:
        changed = type(owner.__name__, (), {"__init__": None})
    monkeypatch.setattr(_aiohttp, "_METHODS", ((changed, name, args, kwargs),))
    _aiohttp.missing_member.cache_clear()
    assert _aiohttp.missing_member() == f"{owner.__name__}.{name}"


@pytest.mark.parametrize("tls", [False, True])
async def test_what_is_read_at_once(tls: bool) -> None:
    """Connections read 64 KiB at once, not asyncio's 256. An answer that is larger comes whole."""
    authority, trusting, serving = trustme.CA(), None, None
    if tls:
        trusting, serving = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.configure_trust(trusting)
        authority.issue_cert("127.0.0.1").configure_cert(serving)
    rows = [{"id": number, "name": "이름" * 20, "type": "DISPLAY"} for number in range(10_000)]
    async with FaultServer(serving) as server:
        server.default = Answer(200, json.dumps(rows).encode())
        async with kmoment.AsyncClient(TOKEN, base_url=server.url, ssl=trusting) as client:
            for _ in range(2):
                assert len(await client.account(1).audiences.list()) == len(rows)
            pool: Any = client._dispatcher.state.transport
            ((protocol, _),) = next(iter(pool._pool._kept._conns.values()))
            reader = protocol.transport._ssl_protocol if tls else protocol.transport
            assert reader.max_size == 2**16


class Modest(asyncio.Transport):
    """A transport that reads less than 64 KiB at once."""

    max_size = 1000


def test_a_transport_that_reads_as_it_likes() -> None:
    """A transport that does not say how much it reads, as uvloop's, is left alone; so is one that
    reads less."""
    for one in (asyncio.Transport(), Modest()):
        _aiohttp.read_in_parts(one)
        assert getattr(one, "max_size", 1000) == 1000


async def test_the_session_takes_over_with_one_warning(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a member is missing, calls still work, and one warning names the member."""
    monkeypatch.setattr(_aiohttp, "missing_member", lambda: "ClientRequest.send")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
                assert await moment.account(1234).audiences.list()
    assert [str(warning.message).partition(":")[0] for warning in caught] == [
        f"aiohttp {aiohttp.__version__} has no ClientRequest.send as kmoment knows it"
    ]
    assert TOKEN not in str(caught[0].message)


@pytest.fixture
async def fallback(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[kmoment.AsyncClient]:
    """A client of the fault server on aiohttp's public session, which tries once."""
    monkeypatch.setattr(_aiohttp, "missing_member", lambda: "ClientRequest.send")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        settings: dict[str, Any] = {"max_attempts": 1, "reconcile_delays": ()}
        async with kmoment.AsyncClient(TOKEN, base_url=server.url, **settings) as client:
            yield client


async def test_the_session_sends_once(server: FaultServer, fallback: kmoment.AsyncClient) -> None:
    """A delete whose connection is lost is sent once. aiohttp alone would send it twice."""
    server.script(CloseBefore())
    with pytest.raises(kmoment.OutcomeUnknownError):
        await fallback.account(1).audiences.delete(1)
    assert len(server.requests) == 1


async def test_the_session_takes_no_answer_that_nobody_asked_for(
    server: FaultServer, fallback: kmoment.AsyncClient
) -> None:
    """An answer that no request asked for is not read as the next call's answer."""
    server.script(SpeakIdle(b"[]", b'{"id": 1, "name": "stale", "type": "DISPLAY"}'))
    await fallback.locations.depth1()
    await asyncio.sleep(0.2)
    with pytest.raises(kmoment.APIConnectionError):
        await fallback.account(1).audiences.get(1)


@pytest.mark.usefixtures("fallback")
async def test_the_session_says_what_cannot_be_reached() -> None:
    """If the connection is refused, the error says that nothing was sent."""
    async with kmoment.AsyncClient(TOKEN, base_url="http://127.0.0.1:9", max_attempts=1) as client:
        with pytest.raises(kmoment.APIConnectionError) as caught:
            await client.account(1).audiences.delete(1)
    assert caught.value.request_sent is False


async def test_a_forgotten_session_warns_once(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was not closed gives one ResourceWarning of kmoment and none of aiohttp."""
    monkeypatch.setattr(_aiohttp, "missing_member", lambda: "ClientRequest.send")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = kmoment.AsyncClient(TOKEN, base_url=server.url)
        await client.locations.depth1()
        del client
        gc.collect()
        await asyncio.sleep(0)
    resources = [str(it.message) for it in caught if it.category is ResourceWarning]
    assert len(resources) == 1
    assert "never closed" in resources[0]
