"""One token for each ad account: who is asked, and what a refused token holds back."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.scripted import scripted
from kmoment import testing
from kmoment._protocol.http import Request, Response
from kmoment.sandbox import Sandbox

pytestmark = pytest.mark.anyio

EMPTY = testing.answer([])


def per_account(asked: list[int | None]) -> Callable[[int | None], str]:
    """A provider that gives the odd accounts one token, and each other one its own."""

    def token(account: int | None) -> str:
        asked.append(account)
        return "odd" if account and account % 2 else f"token-{account}"

    return token


@pytest.mark.parametrize(
    ("token", "rule"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (f"Bearer {TOKEN}", "must be without 'Bearer ' before it, which is added"),
        (f"bearer  {TOKEN}\n", "must be without 'Bearer ' before it, which is added"),
        (f"{TOKEN}\n", "has a line break at its end"),
        (f"{TOKEN}\r\n{TOKEN}", "has a line break in it"),
        (f" {TOKEN}", "has a blank before it"),
        (f"{TOKEN}\t{TOKEN}", "has a blank in it"),
        (f"{TOKEN}\u00a0", "has a blank at its end"),
        (f"{TOKEN}가", "must be printable ASCII"),
        (f"{TOKEN}\0", "must be printable ASCII"),
    ],
)
async def test_a_token_that_cannot_be_one_is_told_why(token: str, rule: str) -> None:
    """Each mistake has its own text, also of a callable's token, and none shows the token."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.Client(token)
    assert str(caught.value) == f"token {rule}"
    with pytest.raises(kmoment.InvalidArgumentError, match=rule):
        async with kmoment.AsyncClient(lambda: token, base_url="http://127.0.0.1:9") as client:
            await client.locations.depth1()


async def test_each_account_has_its_own_token() -> None:
    """A callable with one parameter is asked once for each account, and for calls without one."""
    asked: list[int | None] = []
    client = kmoment.AsyncClient(per_account(asked))
    transport = scripted(client, EMPTY)
    for account in (2, 4, 2):
        await client.account(account).audiences.list()
    await client.locations.depth1()
    assert asked == [2, 4, None]
    assert transport.tokens == ["token-2", "token-4", "token-2", "token-None"]


async def test_calls_about_an_account_have_its_token() -> None:
    """Calls of the accounts resource that are about one account use that account's token."""
    asked: list[int | None] = []
    async with Sandbox(accounts=(8,)) as sandbox:

        def token(account: int | None) -> str:
            asked.append(account)
            return sandbox.token

        async with kmoment.AsyncClient(token, base_url=sandbox.url) as client:
            await client.accounts.get(8)
            await client.accounts.balance(8)
            await client.accounts.list()
    assert asked == [8, None]


async def test_many_first_calls_of_an_account_ask_once() -> None:
    """Calls that come while the provider is asked for their account wait for its answer."""
    asked: list[int | None] = []

    async def token(account: int | None) -> str:
        asked.append(account)
        await asyncio.sleep(0.01)
        return f"token-{account}"

    client = kmoment.AsyncClient(token)
    scripted(client, EMPTY)
    calls = (client.account(n).audiences.list() for n in (1, 2, 1, 2, 1))
    await asyncio.gather(*calls)
    assert sorted(asked, key=str) == [1, 2]


def test_blocking_code_has_it_too() -> None:
    """The blocking client asks for each account too."""
    asked: list[int | None] = []
    with Sandbox(accounts=(1, 2)) as sandbox:

        def token(account: int | None) -> str:
            asked.append(account)
            return sandbox.token

        with kmoment.Client(token, base_url=sandbox.url) as client:
            outcomes = client.each_account([1, 2], lambda it: it.audiences.list()).collect()
    assert outcomes.raise_if_failed()
    assert sorted(asked, key=str) == [1, 2]


class Answering:
    """A transport that answers by the token."""

    def __init__(self, client: kmoment.AsyncClient, refused: dict[str, testing.Step]) -> None:
        self.sent: list[str] = []
        self._refused = refused
        client._change_settings(new_transport=lambda _: self)

    async def send(self, request: Request, token: Any, attempt: Any) -> Any:
        attempt.sent = True
        self.sent.append(token.reveal())
        return self._refused.get(token.reveal(), EMPTY)

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (testing.dead_token(), kmoment.AuthenticationError),
        (testing.quota_exceeded(), kmoment.QuotaExceededError),
    ],
    ids=["token", "quota"],
)
async def test_a_refused_token_holds_back_its_own_accounts(
    answer: Response, error: type[kmoment.APIError]
) -> None:
    """After a refusal, accounts with the same token are held back unsent; others go on."""
    client = kmoment.AsyncClient(per_account([]))
    wire = Answering(client, {"odd": answer})
    for account in (1, 3, 1):
        with pytest.raises(error) as caught:
            await client.account(account).audiences.list()
    assert not caught.value.request_sent
    assert wire.sent == ["odd"]
    for account in (2, 4, 2):
        await client.account(account).audiences.list()
    with pytest.raises(error):
        await client.account(5).audiences.list()
    assert wire.sent == ["odd", "token-2", "token-4", "token-2"]


async def test_maintenance_holds_back_every_account() -> None:
    """Maintenance is the server's, not a token's: calls of all accounts are held back."""
    client = kmoment.AsyncClient(per_account([]), max_attempts=1)
    wire = Answering(client, {"token-2": testing.maintenance()})
    for account in (2, 4):
        with pytest.raises(kmoment.MaintenanceError):
            await client.account(account).audiences.list()
    assert wire.sent == ["token-2"]


async def test_a_newer_token_is_used_when_calls_may_go_again() -> None:
    """After its time a refused token is tried, and a newer one of the provider used at once."""
    tokens = {1: ["dead", "dead", "new"]}
    client = kmoment.AsyncClient(lambda account: tokens[account or 0].pop(0))
    wire = Answering(client, {"dead": testing.dead_token()})
    with pytest.raises(kmoment.AuthenticationError):
        await client.account(1).audiences.list()
    with pytest.raises(kmoment.AuthenticationError):
        await client.account(1).audiences.list()
    assert wire.sent == ["dead"], "the second was held back"
    client._dispatcher.state.clock = lambda: asyncio.get_running_loop().time() + 61
    assert await client.account(1).audiences.list() == []
    assert wire.sent == ["dead", "dead", "new"]


async def test_a_dead_token_is_found_out_again_after_its_time() -> None:
    """Once its time is up, one call with the same token tries again."""
    client = kmoment.AsyncClient(lambda: "dead")
    wire = Answering(client, {"dead": testing.dead_token()})
    for _ in range(2):
        with pytest.raises(kmoment.AuthenticationError):
            await client.locations.depth1()
    client._dispatcher.state.clock = lambda: asyncio.get_running_loop().time() + 61
    for _ in range(2):
        with pytest.raises(kmoment.AuthenticationError):
            await client.locations.depth1()
    assert wire.sent == ["dead", "dead"]


def with_default(account: int | None = None) -> str:
    return f"default-{account}"


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (lambda: "none", "none"),
        (with_default, "default-None"),
        (partial(dict.get, {"x": "partial"}, "x"), "partial"),
        (lambda *accounts: f"any-{len(accounts)}", "any-0"),
        (lambda account: f"one-{account}", "one-7"),
        (lambda account, /, more=1: f"one-{account}-{more}", "one-7-1"),
        ({7: "looked-up"}.get, "looked-up"),
        (partial(max, "a", "b"), "b"),
    ],
    ids=["no", "default", "partial", "any", "one", "one and a default", "a method", "in C"],
)
async def test_who_is_told_the_account(provider: Any, expected: str) -> None:
    """Only a callable that has one parameter without a default is told the account."""
    client = kmoment.AsyncClient(provider)
    transport = scripted(client, EMPTY)
    await client.account(7).audiences.list()
    assert transport.tokens == [expected]


@pytest.mark.parametrize(
    "provider", [lambda one, two: TOKEN, lambda *, account: TOKEN], ids=["two", "keyword"]
)
def test_a_callable_of_other_parameters_is_refused(provider: Any) -> None:
    """A callable that cannot be asked is refused when the client is made, by its parameters."""
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^token .*(one, two|account)\)"):
        kmoment.AsyncClient(provider)
