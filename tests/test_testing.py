"""``kmoment.testing``, for the tests of users: scripts in place of the network, no waiting."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

import kmoment
from helpers.calls import DRAFT, STORED
from kmoment import testing
from kmoment.sandbox import Fault, Sandbox

ROW = {"value": "I", "description": "서울특별시", "depth1Name": "서울특별시"}
STEPS: dict[str, tuple[testing.Step, type[kmoment.APIError]]] = {
    "error": (testing.error(-2, detail_code=1), kmoment.BadRequestError),
    "throttled": (testing.throttled(), kmoment.DeadlineExceededError),
    "quota_exceeded": (testing.quota_exceeded(), kmoment.QuotaExceededError),
    "maintenance": (testing.maintenance(), kmoment.MaintenanceError),
    "dead_token": (testing.dead_token(), kmoment.AuthenticationError),
    "broken": (testing.broken(), kmoment.ServerError),
    "web_page": (testing.web_page(), kmoment.ProtocolError),
    "lost": (testing.lost(), kmoment.APIConnectionError),
    "unreachable": (testing.unreachable(), kmoment.APIConnectionError),
    "address_not_allowed": (testing.address_not_allowed(), kmoment.AddressNotAllowedError),
    "no_route": (testing.no_route(), kmoment.RouteNotFoundError),
    "redirect": (testing.redirect("https://portal.example/"), kmoment.ProtocolError),
    "part_of_a_list": (testing.part_of_a_list([], 3), kmoment.PartialListError),
    "dead_connection": (testing.dead_connection(), kmoment.APIConnectionError),
    "too_large": (testing.too_large(), kmoment.ProtocolError),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_is_the_error_it_stands_for(name: str) -> None:
    """Each failure of a script raises the same error as the real failure."""
    step, error = STEPS[name]
    with testing.Script(then=step).client(max_attempts=1) as moment, pytest.raises(error):
        moment.locations.depth1()


def test_a_dead_connection_costs_no_attempt() -> None:
    """The request is sent again at once, without a pause."""
    script = testing.Script(testing.dead_connection(), testing.answer([]))
    with script.client(max_attempts=1) as moment:
        assert moment.locations.depth1() == []
    assert (len(script.requests), script.pauses) == (2, [])


def test_a_script_without_a_step_says_what_was_asked() -> None:
    """The error names the request, and those before it."""
    script = testing.Script(testing.answer([]))
    with script.client() as moment:
        moment.locations.depth1()
        with pytest.raises(AssertionError, match=r"1 steps.*GET .*depth2.*asked so far.*depth1"):
            moment.locations.depth2("x")


@pytest.mark.anyio
async def test_a_script_takes_the_networks_place() -> None:
    """A script replaces only the network. Retries are real, but their pauses are not waited."""
    script = testing.Script(testing.throttled(retry_after=30), testing.answer([ROW]))
    start = time.monotonic()
    async with script.async_client() as moment:
        (seoul,) = await moment.locations.depth1()
    assert seoul.value == "I"
    assert time.monotonic() - start < 20
    assert max(script.pauses) >= 30
    assert [request.url.path for request in script.requests] == [
        "/openapi/v4/targetings/location/depth1"
    ] * 2


def test_a_step_may_look_at_the_request() -> None:
    """A step may be a function that answers the request, at any place in the order."""

    def echo(request: testing.Request) -> testing.Response:
        return testing.answer(json.loads(request.body or b"{}") | {"id": 7})

    with testing.Script(then=echo).client(reconcile_delays=()) as moment:
        assert moment.account(1).audiences.create(DRAFT).id == 7


@pytest.mark.parametrize("make", [testing.Script().client, testing.Script().async_client])
def test_settings_are_the_clients_own(make: Callable[..., Any]) -> None:
    """The clients of a script refuse bad settings."""
    with pytest.raises(kmoment.InvalidArgumentError, match="max_attempts"):
        make(max_attempts=0)


def test_a_script_that_has_run_out_says_so() -> None:
    """A request after the last step raises AssertionError with its path."""
    with testing.Script().client() as moment, pytest.raises(AssertionError, match="depth1"):
        moment.locations.depth1()


def test_a_lost_answer_is_reconciled_without_waiting() -> None:
    """A create whose answer is lost is reconciled, and the pauses are not waited."""
    script = testing.Script(
        testing.answer([]),
        testing.lost(),
        testing.answer([{"id": 9, "name": DRAFT.name}]),
        testing.answer(STORED),
    )
    with script.client() as moment:
        assert moment.account(1234).audiences.create(DRAFT).reconciled
    assert 1.0 in script.pauses


@pytest.mark.anyio
async def test_a_client_of_the_sandbox_can_skip_its_pauses() -> None:
    """``no_waiting`` records the pauses of an async client and skips them."""
    async with Sandbox() as sandbox:
        sandbox.add_fault(Fault("locations.depth1", "throttle", times=1))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            pauses = testing.no_waiting(moment)
            assert await moment.locations.depth1()
    assert pauses


def test_a_sync_client_can_skip_its_pauses(sandbox: Sandbox) -> None:
    """``no_waiting`` records the pauses of a sync client and skips them."""
    with kmoment.Client(sandbox.token, base_url=sandbox.url, periods={"audiences": 50.0}) as moment:
        pauses = testing.no_waiting(moment)
        for _ in range(2):
            moment.account(1234).audiences.list()
    assert pauses
    assert max(pauses) > 40


@pytest.mark.anyio
async def test_a_call_that_comes_first_waits_for_nothing() -> None:
    """A call without a 429 behind it gets its turn at once."""
    turns = testing._NoTurns([])
    key = ("audiences", 1)
    assert (await turns.enter(key, 0.0, 0.0, max_wait=1.0, order=-1)).key == key
