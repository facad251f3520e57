"""A host that is down: when that is so, who probes, who waits and for how long. In virtual time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import kmoment
from helpers import TOKEN
from helpers.limits import Bucket, Limit, LimitedHost, limited
from helpers.scripted import ok, scripted
from helpers.virtual_clock import run
from kmoment._engine.host_gate import HostGate
from kmoment._policies.outage import FAILURES, FIRST_PAUSE, HostHealth
from kmoment._policies.retry_budget import Budget
from kmoment._protocol.http import TransportError


def now() -> float:
    return asyncio.get_running_loop().time()


# -- What the last calls say ------------------------------------------------------------


def down(health: HostHealth, at: float = 0.0) -> HostHealth:
    for _ in range(FAILURES):
        health.failed(at, "refused", probe=False)
    return health


def test_three_failures_in_a_row_make_an_outage() -> None:
    """A success between failures begins the count anew. The outage began with the first failure."""
    health = HostHealth()
    assert not health.failed(1.0, "x", probe=False)
    assert not health.failed(2.0, "x", probe=False)
    assert not health.succeeded()
    begins = [health.failed(at, "x", probe=False) for at in (3.0, 4.0, 5.0, 6.0)]
    assert begins == [False, False, True, False]
    assert health.down_since == 3.0
    assert health.succeeded()
    assert health.down_since is None


def test_one_probe_at_a_time_with_growing_pauses() -> None:
    """Nobody probes while a probe is under way. The pauses grow from 0.1 s to 1.5 s."""
    health, at, pauses = down(HostHealth()), 0.0, list[float]()
    for _ in range(12):
        due = health.next_probe
        assert due is not None
        pauses.append(due - at)
        assert not health.probe(due - 0.001)
        assert health.probe(due)
        assert not health.probe(due + 100)
        assert health.next_probe is None
        health.failed(at := due + 0.01, "x", probe=True)
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(1.5)


def test_a_probe_that_gave_up_frees_the_probe() -> None:
    """After a probe that said nothing, the next caller may probe at once."""
    health = down(HostHealth())
    assert health.probe(1.0)
    health.gave_up()
    assert health.probe(1.0)


# -- Those who wait ---------------------------------------------------------------------


def closed_gate(failures: int = FAILURES) -> HostGate:
    gate = HostGate(now, "host")
    for _ in range(failures):
        gate.failed("refused", probe=False)
    return gate


def test_patience_counts_from_the_moment_the_host_went_down() -> None:
    """Who comes 3 s after the host went down with a patience of 5 s waits for 2 s."""

    async def work() -> tuple[bool | None, float]:
        gate = closed_gate()
        probe = await gate.wait(5.0)
        assert probe
        await asyncio.sleep(3.0 - now())
        return await gate.wait(5.0), now()

    answer, seconds = run(work())
    assert answer is None
    assert seconds == pytest.approx(5.0)


def test_without_patience_nobody_waits_but_one_may_probe() -> None:
    """With a patience of 0 s a call fails at once, but for the one that probes."""

    async def work() -> list[bool | None]:
        gate = closed_gate()
        first = [await gate.wait(0), await gate.wait(0)]
        await asyncio.sleep(FIRST_PAUSE)
        return [*first, await gate.wait(0), await gate.wait(0)]

    assert run(work()) == [None, None, True, None]


def test_a_cancelled_probe_hands_on_the_probe() -> None:
    """If the call that is to probe is cancelled just then, the next one that waits probes."""

    async def work() -> bool | None:
        gate = closed_gate()
        first, second = (asyncio.create_task(gate.wait(60)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(FIRST_PAUSE - 0.001)
        asyncio.get_running_loop().call_at(FIRST_PAUSE, first.cancel)
        return await second

    assert run(work()) is True


def test_who_waits_goes_on_though_the_first_ones_are_cancelled() -> None:
    """If all calls that go on with the first answer are cancelled, the others still go on."""

    async def work() -> int:
        gate = closed_gate()
        tasks = [asyncio.create_task(gate.wait(60)) for _ in range(40)]
        assert await asyncio.wait_for(tasks[0], 10) is True
        gate.succeeded()
        for task in tasks[1:9]:
            task.cancel()
        return sum(answer is False for answer in await asyncio.gather(*tasks[9:]))

    assert run(work()) == 31


def test_patience_does_not_end_once_the_host_is_up() -> None:
    """500 calls that wait are let go one after the other, also if that takes longer than their
    patience; the host is up."""

    async def work() -> Counter[bool | None]:
        gate = closed_gate()
        tasks = [asyncio.create_task(gate.wait(2.0)) for _ in range(500)]
        assert await asyncio.wait_for(tasks[0], 10) is True
        gate.succeeded()
        return Counter(await asyncio.gather(*tasks))

    assert run(work()) == {True: 1, False: 499}


def test_down_again_while_some_wait() -> None:
    """If the host goes down again while calls wait, their patience counts from that moment."""

    async def work() -> tuple[Counter[bool | None], float]:
        gate = closed_gate()
        tasks = [asyncio.create_task(gate.wait(5.0)) for _ in range(50)]
        assert await asyncio.wait_for(tasks[0], 10) is True
        gate.succeeded()
        for _ in range(FAILURES):
            gate.failed("refused", probe=False)
        began = now()
        answers = await asyncio.gather(*tasks[5:])
        return Counter(answers), now() - began

    answers, seconds = run(work())
    assert answers == {True: 1, None: 44}
    assert seconds == pytest.approx(5.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["wait", "wait", "wait", "cancel", "failed", "succeeded", "time", "time"]),
        st.integers(0, 20),
    ),
    max_size=60,
)


class Crowd:
    """Calls that wait at a gate, and probes that end in one way or another."""

    def __init__(self) -> None:
        self.gate = HostGate(now, "host")
        self.tasks: list[asyncio.Task[None]] = []
        self.probing = 0

    async def call(self, patience: float, ends: int) -> None:
        """A call: it waits where it has to, and then succeeds, fails or gives up."""
        probe = False
        if self.gate.closed:
            probe = bool(await self.gate.wait(patience))
        if probe:
            self.probing += 1
            assert self.probing == 1, "two probes at a time"
        try:
            await asyncio.sleep(0.02)
        finally:
            self.probing -= probe
            if ends == 2 and probe:
                self.gate.gave_up()
            elif ends == 1:
                self.gate.failed("x", probe=probe)
            else:
                self.gate.succeeded()

    async def step(self, kind: str, number: int) -> None:
        if kind == "wait":
            work = self.call([0.0, 5.0, 60.0][number % 3], number // 3 % 3)
            self.tasks.append(asyncio.create_task(work))
            await asyncio.sleep(0)
        elif kind == "cancel" and self.tasks:
            self.tasks[number % len(self.tasks)].cancel()
        elif kind == "failed":
            self.gate.failed("x", probe=False)
        elif kind == "succeeded" and not self.probing:
            self.gate.succeeded()
        else:
            await asyncio.sleep(number / 10)


@settings(max_examples=60)
@given(STEPS)
def test_a_gate_never_gets_stuck(steps: list[tuple[str, int]]) -> None:
    """Whatever calls do, one probe goes at a time, and each call that waits ends by itself."""

    async def work() -> None:
        crowd = Crowd()
        for kind, number in steps:
            await crowd.step(kind, number)
        answers = await asyncio.gather(*crowd.tasks, return_exceptions=True)
        assert not [it for it in answers if isinstance(it, Exception)], answers
        assert not [waiter for waiter in crowd.gate._waiting if not waiter.go.done()]

    run(work())


# -- Under a client ---------------------------------------------------------------------


def client(
    outages: Sequence[tuple[float, float]], limit: type[Limit] = Limit, **settings: Any
) -> tuple[kmoment.AsyncClient, LimitedHost]:
    made = kmoment.AsyncClient(TOKEN, **settings)
    return made, limited(made, LimitedHost(limit, outages=outages))


async def gathered(moment: kmoment.AsyncClient, count: int) -> Counter[str]:
    """How *count* calls ended that were made at once."""
    call = moment.account(1).targeting.cohorts
    answers = await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)
    return Counter(type(answer).__name__ for answer in answers)


@pytest.mark.parametrize(
    ("settings", "seconds"), [({}, 5.0), ({"outage_patience": 2}, 2.0), ({"outage_patience": 0}, 0)]
)
def test_a_single_call_waits_for_5_seconds(settings: dict[str, Any], seconds: float) -> None:
    """By default a call gives up 5 s after the host went down, or after ``outage_patience``."""

    async def work() -> float:
        moment, _ = client([(0, 1e9)], **settings)
        with pytest.raises(kmoment.APIConnectionError):
            await moment.locations.depth1()
        return now()

    assert run(work()) == pytest.approx(seconds, abs=0.7)


def test_a_call_survives_an_outage_of_3_seconds() -> None:
    """A loop of single calls loses nothing if the host is away for 3 s."""

    async def work() -> int:
        moment, host = client([(1, 4)])
        for _ in range(200):
            await moment.locations.depth1()
        return len(host.times)

    assert run(work()) <= 215


@pytest.mark.parametrize("seconds", [0.05, 1, 5, 20])
def test_a_batch_survives_an_outage_of_20_seconds(seconds: float) -> None:
    """A batch of 500 calls loses nothing, makes 1.15 requests a call at most, and goes on within
    2 s after the host is back."""

    async def work() -> None:
        moment, host = client([(0.05, 0.05 + seconds)])
        call = moment.account(1).targeting.cohorts
        outcomes = await moment.each(lambda _: call(), range(500), concurrency=32).collect()
        assert all(outcome.status is kmoment.OutcomeStatus.OK for outcome in outcomes)
        assert len(host.times) <= 1.15 * 500
        assert now() < 0.05 + seconds + 2 + 500 / 32 * 0.02 * 2

    run(work())


def test_a_batch_gives_up_after_60_seconds() -> None:
    """The calls of a batch end 60 s after the host went down, and none was attempted."""

    async def work() -> float:
        moment, host = client([(0, 1e9)])
        outcomes = await moment.each(lambda _: moment.locations.depth1(), range(50)).collect()
        assert {str(outcome.status) for outcome in outcomes} == {"not attempted"}
        assert len(host.times) < 200
        return now()

    assert run(work()) == pytest.approx(60, abs=2)


@pytest.mark.parametrize("limit", [Limit, lambda: Bucket(50.0, 5)], ids=["free", "50/s"])
@pytest.mark.parametrize("periods", [{}, {"targeting.cohorts": 0.02}], ids=["", "declared"])
@pytest.mark.parametrize("seconds", [1, 3])
def test_calls_that_wait_for_their_turn_survive_an_outage(
    limit: Any, periods: dict[str, float], seconds: float
) -> None:
    """1,000 calls made at once all succeed if the host is away for 1 or 3 s meanwhile: a probe
    does not wait behind them, and who had to wait for the host keeps its place."""

    async def work() -> None:
        moment, host = client([(0.5, 0.5 + seconds)], limit, periods=periods)
        assert await gathered(moment, 1000) == {"list": 1000}
        assert len(host.times) <= 2 * 1000
        assert now() < seconds + 50

    run(work())


def test_the_retry_budget_is_given_back() -> None:
    """100 outages of two failures each leave the budget full: the retries have succeeded."""

    async def work() -> float:
        moment, _ = client([(at, at + 0.06) for at in range(1, 101)])
        while now() < 101:
            await moment.locations.depth1()
        return moment._dispatcher.state.budget.tokens

    assert run(work()) == Budget().capacity


def test_an_outage_does_not_cost_the_budget() -> None:
    """During an outage a batch takes hardly anything from the budget."""

    async def work() -> float:
        moment, _ = client([(0.5, 30)])
        call = moment.account(1).targeting.cohorts
        await moment.each(lambda _: call(), range(2000), concurrency=32).collect()
        return moment._dispatcher.state.budget.tokens

    assert run(work()) >= 0.9 * Budget().capacity


def _down(gate: HostGate) -> None:
    for _ in range(3):
        gate.failed("gone", probe=False)


@pytest.mark.anyio
async def test_a_probe_that_nobody_waits_for_is_given_up() -> None:
    """If all who waited have gone, the probe is free for the next call."""
    gate = HostGate(asyncio.get_running_loop().time, "host")
    _down(gate)
    task = asyncio.create_task(gate.wait(5.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.25)
    assert await asyncio.wait_for(gate.wait(5.0), 1) is True


@pytest.mark.anyio
async def test_a_probe_that_finds_a_bad_certificate_frees_the_probe() -> None:
    """An error that says nothing of the outage ends the probe."""
    client = kmoment.AsyncClient(TOKEN, outage_patience=5)
    bad = TransportError("a bad certificate")
    bad.final = True
    scripted(client, TransportError("gone"), TransportError("gone"), TransportError("gone"), bad)
    with pytest.raises(kmoment.APIConnectionError, match="certificate"):
        await client.locations.depth1()
    assert client._dispatcher.state.gate.health.next_probe is not None
    assert "the host, which has been down" in (client._dispatcher.waiting_for() or "")


@pytest.mark.anyio
async def test_what_calls_wait_for_is_shown() -> None:
    """Progress and ``limits`` show the longest queue."""
    client = kmoment.AsyncClient(TOKEN, periods={"locations.depth1": 50.0})
    assert client.limits() == []
    assert client._dispatcher.waiting_for() is None
    scripted(client, ok([]))
    await client.locations.depth1()
    assert client._dispatcher.waiting_for() is None
    waiting = asyncio.create_task(client.locations.depth1())
    await asyncio.sleep(0.01)
    assert client._dispatcher.waiting_for() == "locations.depth1: 1 calls in turn at 0.02 a second"
    (limit,) = client.limits()
    assert (limit.quota, limit.rate, limit.waiting) == ("locations.depth1", 0.02, 1)
    waiting.cancel()
    with pytest.raises(kmoment.InvalidArgumentError, match="max_wait"):
        client.with_options(max_wait=-1)


def test_the_blocking_client_shows_its_limits() -> None:
    """Before the first call nothing is known."""
    assert kmoment.Client(TOKEN).limits() == []


@pytest.mark.anyio
async def test_closing_the_gate_ends_every_wait() -> None:
    """A call that waits for the host ends when the client is closed."""
    gate = HostGate(asyncio.get_running_loop().time, "host")
    _down(gate)
    waiting = asyncio.create_task(gate.wait(5.0))
    await asyncio.sleep(0)
    gate.close()
    assert await waiting is None


class Hanging:
    """A transport that fails three times, and then never answers."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, request: Any, token: Any, attempt: Any) -> Any:
        self.sent += 1
        if self.sent <= FAILURES:
            raise TransportError("gone")
        await asyncio.Event().wait()

    async def aclose(self) -> None: ...


@pytest.mark.anyio
async def test_a_probe_that_is_cancelled_frees_the_probe() -> None:
    """If the call that probes is cancelled, the next call may probe."""
    client = kmoment.AsyncClient(TOKEN)
    transport = Hanging()
    client._change_settings(new_transport=lambda _: transport)
    probing = asyncio.create_task(client.locations.depth1())
    while transport.sent <= FAILURES:
        await asyncio.sleep(0.01)
    gate = client._dispatcher.state.gate
    assert gate.health.next_probe is None
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    assert gate.health.next_probe is not None


REFUSED = "the connection to 127.0.0.1:1 was refused"


def test_a_deadline_tells_why_the_host_is_waited_for() -> None:
    """A call that tried tells its last failure, and one that only waited that of the host."""

    async def main() -> None:
        client = kmoment.AsyncClient(TOKEN, deadline=2, outage_patience=60)
        scripted(client, TransportError(REFUSED))
        waiting = "at the end it was waiting for the host"
        for moment, told in [
            (client, f"{waiting}; the last failure: {REFUSED}"),
            (
                client.with_options(deadline=0.01),
                f"{waiting}, which has been down for 2 s ({REFUSED})",
            ),
        ]:
            with pytest.raises(kmoment.DeadlineExceededError) as caught:
                await moment.locations.depth1()
            assert caught.value.reason.endswith(told)
            assert caught.value.hint == kmoment.APIConnectionError.hint
            assert caught.value.hint_ko == kmoment.APIConnectionError.hint_ko
        await client.aclose()

    run(main())
