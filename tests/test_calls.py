"""The table of calls, with both clients."""

import asyncio
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import REFUSED, ROWS, Row
from helpers.scripted import ScriptedTransport, ok, scripted
from kmoment._protocol.endpoints import ENDPOINTS
from kmoment._protocol.http import Response
from kmoment.sandbox import Sandbox

pytestmark = pytest.mark.anyio


def test_every_endpoint_has_a_row() -> None:
    """Every endpoint has a row in the table of calls."""
    assert {row.name for row in ROWS} == {endpoint.name for endpoint in ENDPOINTS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_scripted(row: Row) -> None:
    """Each call sends exactly the documented request, and returns the value of the answer."""
    async with kmoment.AsyncClient(TOKEN, reconcile_delays=()) as client:
        transport = scripted(client, ok(row.answer))
        assert row.expect(await row.call(client))
    check_request(row, transport)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_scripted_sync(row: Row) -> None:
    """The sync client sends the same requests and returns the same values."""
    with kmoment.Client(TOKEN, reconcile_delays=()) as client:
        transport = scripted(client, ok(row.answer))
        assert row.expect(row.call(client))
    check_request(row, transport)


def check_request(row: Row, transport: ScriptedTransport) -> None:
    (request,) = transport.requests
    assert (request.method, request.url.path) == (row.method, row.path)
    assert request.url.host == "apis.moment.kakao.com"
    assert dict(request.url.query) == row.query
    assert request.headers.get("adAccountId") == row.account
    assert (json.loads(request.body) if request.body else None) == row.body
    assert TOKEN not in repr(request)


@pytest.mark.parametrize("quirks", [False, True], ids=["as tabled", "as in samples"])
@pytest.mark.parametrize("layout", ["nested", "flat"])
async def test_sandbox(layout: Any, quirks: bool) -> None:
    """Each call returns its value against the sandbox, with both readings of the routes."""
    async with Sandbox(layout=layout, quirks=quirks) as sandbox:
        for row in ROWS:
            sandbox.reset()
            async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
                assert row.expect(await row.call(client)), row.name


def test_sandbox_sync(sandbox: Sandbox) -> None:
    """Each call of the sync client returns its value against the sandbox."""
    for row in ROWS:
        sandbox.reset()
        with kmoment.Client(sandbox.token, base_url=sandbox.url) as client:
            assert row.expect(row.call(client)), row.name
    sandbox.reset()


ERRORS = [
    ok({"code": -813, "extras": {"detailCode": 75014}}, 400),
    ok({"code": -401}, 401),
    ok({"code": -402, "required_scopes": ["moment_delete"]}, 403),
    ok({"code": -10}, 400),
    ok({"code": -9798}, 503),
    ok(b"<html>"),
    ok({"content": [{"id": 1}]}),
]


@pytest.mark.parametrize(
    "answer", ERRORS, ids=lambda answer: f"{answer.status}-{answer.body[:20]!r}"
)
async def test_both_clients_raise_the_same(answer: Response) -> None:
    """Both clients raise an error of the same class with the same facts."""
    caught = []
    async with kmoment.AsyncClient(TOKEN, max_attempts=1) as client:
        scripted(client, answer)
        with pytest.raises(kmoment.APIError) as raised:
            await client.account(7).audiences.list()
        caught.append(raised.value)

    def blocking() -> None:
        with kmoment.Client(TOKEN, max_attempts=1) as client:
            scripted(client, answer)
            with pytest.raises(kmoment.APIError) as raised:
                client.account(7).audiences.list()
            caught.append(raised.value)

    await asyncio.to_thread(blocking)
    first, second = caught
    assert type(first) is type(second)
    assert [a.effect for a in vars(first).pop("attempts")] == [
        a.effect for a in vars(second).pop("attempts")
    ]
    assert vars(first) == vars(second)
    assert str(first) == str(second)


@pytest.mark.parametrize(("argument", "call"), REFUSED)
def test_bad_input_is_refused_unsent_sync(argument: str, call: Callable[[Any], Any]) -> None:
    """The sync client refuses the same input, before its thread starts."""
    client = kmoment.Client(TOKEN)
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        call(client)
    assert caught.value.argument == argument
    assert client._sender.owner.running is None
    client.close()


@pytest.mark.parametrize(("argument", "call"), REFUSED)
async def test_bad_input_is_refused_unsent(argument: str, call: Callable[[Any], Any]) -> None:
    """Bad input raises an error that names the argument, before anything is sent."""
    async with kmoment.AsyncClient(TOKEN) as client:
        transport = scripted(client, ok([]))
        with pytest.raises(kmoment.InvalidArgumentError) as caught:
            await call(client)
    assert caught.value.argument == argument
    assert str(caught.value).startswith(argument)
    assert isinstance(caught.value, ValueError)
    assert transport.requests == []
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_the_escape_hatch() -> None:
    """``client.request`` calls an endpoint that kmoment does not know, with URL, account, JSON."""
    async with kmoment.AsyncClient(TOKEN, base_url="http://127.0.0.1:1/prefix/") as client:
        transport = scripted(client, ok({"content": []}))
        got = await client.request(
            "PUT",
            "/openapi/v4/adGroups",
            params={"a": "b", "n": 3},
            json={"이름": None},
            account=5,
        )
    (request,) = transport.requests
    assert got == {"content": []}
    assert str(request.url) == "http://127.0.0.1:1/prefix/openapi/v4/adGroups?a=b&n=3"
    assert request.headers["adAccountId"] == "5"
    assert request.body is not None
    assert json.loads(request.body) == {"이름": None}
