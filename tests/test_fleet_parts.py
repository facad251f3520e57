"""What no well-behaved Redis shows: leases that run out, reports that come late."""

import asyncio
import json
from math import inf
from typing import Any

import pytest
from hypothesis import given, strategies as st

import kmoment
from kmoment._policies.rate_limit import Mode, RateLimiter
from kmoment.fleet import _link
from kmoment.fleet._lane import SharedLane
from kmoment.fleet._session import Session
from kmoment.fleet._status import FleetStatus, live, status

KEY = ("audiences", 1)


def lane(me: str, period: float = 0.0) -> SharedLane:
    return SharedLane(KEY, RateLimiter(period), me)


def copied(of: SharedLane, to: SharedLane, now: float = 0.0) -> None:
    """Let *to* read what *of* would write."""
    to.read(of.text(now), "version", now)


def test_a_lease_ends_by_itself() -> None:
    """Once a lease has run out the next call goes one period after it."""
    first, second = lane("a", 0.5), lane("b", 0.5)
    assert first.reserve(0.0, 1, 10.0)
    copied(first, second)
    assert second.reserve(1.0, 1, 10.0) is None
    assert not second.settle(4.9)
    assert second.settle(5.5)
    assert second.limiter.delay(5.5) == 0.0
    assert second.reserve(5.5, 1, 10.0)


def test_a_lease_is_renewed_until_the_answer() -> None:
    """While a call has no answer its lease is renewed before it ends, as long as a call may take;
    no other process renews it, and after the answer nobody does."""
    first, second, now = lane("a", 0.5), lane("b", 0.5), 0.0
    slot = first.reserve(now, 1, 12.0)
    assert slot
    while (due := first.renew_at) < inf:
        copied(first, second)
        assert second.renew_at == inf
        assert not second.renew(due)
        assert not second.settle(due)
        assert not first.renew(now)
        now = due
        assert first.busy
        assert first.next_at() == due
        assert first.renew(due)
    assert now < 12.0
    assert not first.settle(12.0)
    assert first.settle(12.1)
    assert first.reserve(13.0, 1, 12.0)
    first.renew_no_more()
    assert first.renew_at == inf
    assert not first.busy


def test_a_lease_that_is_renewed_late() -> None:
    """A process that stood still keeps its turn, if no other has noticed."""
    first, second = lane("a", 0.5), lane("b", 0.5)
    assert first.reserve(0.0, 1, 60.0)
    copied(first, second)
    assert first.renew(6.0)
    assert not first.settle(6.0)
    assert second.settle(6.0)
    copied(second, first, 6.0)
    assert first.renew_at == inf
    assert not first.renew(6.0)


def test_a_late_report_changes_nothing() -> None:
    """The report of a call whose lease has ended does not touch the lease of the next call."""
    first, second = lane("a", 0.5), lane("b", 0.5)
    slot = first.reserve(0.0, 1, 1.0)
    assert slot
    copied(first, second)
    second.settle(2.0)
    assert second.reserve(2.0, 1, 1.0)
    first.report("accepted", 2.5, slot.sent)
    copied(second, first, 2.5)
    assert first.lease is not None
    assert first.limiter.delay(2.5) == inf


def test_a_lease_that_was_never_got() -> None:
    """A lease of this process that it does not know was written by a command whose answer was
    lost: it holds nobody back. Those of a call under way or just reported do."""
    first = lane("a", 0.5)
    slot = first.reserve(0.0, 1, 10.0)
    assert slot
    text = first.text(0.0)
    first.read(text, "1", 0.0)
    assert first.lease
    first.report("accepted", 0.1, slot.sent)
    first.read(text, "2", 0.0)
    assert first.lease is None
    assert not first.stale
    assert first.limiter.delay(0.1) > 0
    first.forget_turns()
    first.read(text, "3", 0.0)
    assert first.lease is None
    assert first.settle(0.1)  # the others shall see it
    assert not first.settle(0.1)


@pytest.mark.parametrize("period", [0.5, 0.0])
def test_a_write_whose_answer_was_lost(period: float) -> None:
    """If a slot was written, and another process has written since, nobody waits for the slot."""
    first, second = lane("a", period), lane("b", period)
    if not period:
        first.limiter.dry(-1.0)
    slot = first.reserve(0.0, 1, 10.0)
    assert slot
    copied(first, second)
    copied(second, first)
    first.withdraw(slot)
    assert first.settle(0.1)  # the others shall see it
    assert first.reserve(1.0, 1, 10.0)


def test_a_slow_way_to_redis() -> None:
    """However long a question is under way to Redis, no turn of a declared period comes too early:
    here the last answer came at 0.0, and is read at 0.13."""
    writer, now = lane("a", 0.5), 0.0
    assert writer.reserve(-0.1, 1, 10.0)
    writer.report("accepted", 0.0, next(iter(writer.holding)))
    writer.limiter.accepted(0.0, writer.reports[0].sent)

    async def script(*_: object) -> list[str]:
        nonlocal now
        now = 0.13
        return ["130000", "version", writer.text(0.0), "0"]

    async def read() -> SharedLane:
        loop, fleet = asyncio.get_running_loop(), kmoment.fleet.Fleet("redis://localhost/0")
        limiters: Any = fleet._join(lambda: now, loop.call_at, 5.0).limiters
        limiters._link.script = script
        reader: SharedLane = limiters._lane(KEY, 0.5, now)
        await limiters._swap(reader, 0.1, changed=False)
        return reader

    assert asyncio.run(read()).limiter.delay(0.13) > 0.369


def test_a_line_is_kept_in_order() -> None:
    """Who waits for a declared period is served in order; who has gone is left out."""
    lanes = [lane(name, 0.1) for name in "abc"]
    assert lanes[0].reserve(0.0, 1, 9.0)
    for other in lanes[1:]:
        copied(lanes[0], other)
        assert other.reserve(0.0, 1, 9.0) is None
        assert other.join_line(0.0)
        assert not other.join_line(0.1)
        lanes[0].line = other.line
    assert [who for who, _ in lanes[0].line] == ["b", "c"]
    lanes[0].lease = None
    lanes[0].limiter.dropped(0.0, next(iter(lanes[0].holding)))
    for other in lanes[1:]:
        copied(lanes[0], other)
    assert lanes[2].reserve(1.0, 1, 9.0) is None
    assert lanes[1].reserve(1.0, 1, 9.0)
    assert lanes[2].settle(2.5)
    assert lanes[2].reserve(2.5, 1, 9.0)


def test_calls_from_before_the_limit_was_known() -> None:
    """A process that learns of a limit in its drought adds its own calls, once."""
    first, second = lane("a"), lane("b")
    for each in (first, second):
        for number in range(5):
            each.limiter.accepted(number + 0.5, each.limiter.sent(float(number)))
        for _ in range(8):
            if each.limiter.mode is not Mode.DROUGHT:
                each.limiter.rejected(5.0, each.limiter.sent(5.0), None)
    copied(first, second, 5.0)
    assert second.limiter._cycle.accepted == 10
    second.reports.clear()
    copied(second, first, 5.0)
    assert len(first.limiter._cycle.times) == 15  # its own too: it had not written them


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["accepted", "accepted", "rejected", "dropped"]),
            st.floats(0.001, 1),
        ),
        max_size=40,
    ),
    st.sampled_from([0.0, 0.3]),
)
def test_processes_learn_what_one_would(events: list[Any], period: float) -> None:
    """The same events give the same rate, whether one process sees all of them or each of three
    sees some, and reads and writes the rest."""
    alone, lanes, now = RateLimiter(period), [lane(name, period) for name in "abc"], 0.0
    alone.dry(now)
    lanes[0].limiter.dry(now)
    text = lanes[0].text(0.0)
    for who, kind, seconds in events:
        mine = lanes[who]
        mine.read(text, "version", 0.0)
        now += alone.delay(now)
        assert mine.limiter.delay(now) == pytest.approx(0.0, abs=1e-5)
        slot, sent = mine.reserve(now, 1, 99.0), alone.sent(now)
        assert slot
        now += seconds
        extra = (None,) if kind == "rejected" else ()
        getattr(alone, kind)(now, sent, *extra)
        getattr(mine.limiter, kind)(now, slot.sent, *extra)
        mine.report(kind, now, slot.sent, *extra)
        mine.reports.clear()
        text = mine.text(0.0)
        assert mine.limiter.mode is alone.mode
        assert mine.limiter.rate == pytest.approx(alone.rate, rel=1e-3)


def test_another_format_is_refused() -> None:
    """A state that another version of kmoment wrote is refused, not guessed."""
    told = json.loads(lane("a").text(0.0))
    told["format"] += 1
    with pytest.raises(ValueError, match="2"):
        lane("b").read(json.dumps(told), "1", 0.0)


def test_many_members_reserve_further_ahead() -> None:
    """Few members wait for the same slot; of very many each reserves its own, so that Redis is not
    asked by all for each."""
    few, many = lane("a"), lane("b")
    for each, members, found in ((few, 4, False), (many, 200, True)):
        each.limiter.rate, each.limiter.mode = 10.0, Mode.HOLD
        assert each.reserve(0.0, members, 1.0)
        assert bool(each.reserve(0.0, members, 1.0)) is found


class Slow:
    """A link whose commands take so long, by a clock that tests move."""

    def __init__(self, *seconds: float) -> None:
        self.now, self._seconds = 0.0, list(seconds)
        target: Any = kmoment.fleet.Fleet("redis://localhost/0")._target
        self.link = _link.Link(target, lambda: self.now)

    async def command(self) -> str:
        seconds = self._seconds.pop(0)
        self.now += seconds
        if seconds > _link.LIMIT:
            raise TimeoutError
        return "answer"


async def asked(*seconds: float) -> Any:
    slow = Slow(*seconds)
    return await slow.link._limited(slow.command)


def test_a_program_that_stalls() -> None:
    """A time limit that is overrun shows that this program stood still: the command is sent once
    more before Redis is taken for lost."""
    for stalled in (5.0, 0.32):
        assert asyncio.run(asked(stalled, 0.001)) == "answer"
    for seconds in ((0.26,), (5.0, 0.26)):
        with pytest.raises(_link.LinkLostError, match=r"0\.25 s"):
            asyncio.run(asked(*seconds))


def test_a_loop_that_ends_while_redis_is_asked() -> None:
    """A command that is under way when its event loop ends leaves no trouble behind."""
    target: Any = kmoment.fleet.Fleet("redis://localhost/0")._target

    async def leave() -> asyncio.Task[Any]:
        loop = asyncio.get_running_loop()
        link = _link.Link(target, loop.time)
        asked = loop.create_task(link._limited(lambda: asyncio.sleep(1000)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return asked

    assert asyncio.run(leave()).cancelled()


def test_a_session_that_is_closed() -> None:
    """Closing ends work that does not end by itself, and an unused connection is no trouble."""

    async def work() -> asyncio.Task[None]:
        target: Any = kmoment.fleet.Fleet("redis://localhost/0")._target
        session = Session(target, "test", "doubt", asyncio.get_running_loop().time)
        task = session.spawn(asyncio.sleep(1000))
        await session.aclose()
        session.link.abandon()
        return task

    assert asyncio.run(work()).cancelled()


def test_two_clients_of_a_loop_that_was_closed() -> None:
    """The last client of a closed loop drops what they shared."""
    fleet = kmoment.fleet.Fleet("redis://localhost/0")

    async def join() -> list[Any]:
        loop = asyncio.get_running_loop()
        return [fleet._join(loop.time, loop.call_at, 5.0) for _ in range(2)]

    for share in asyncio.run(join()):
        assert len(fleet._sessions) == 1
        share.abandon()
    assert len(fleet._sessions) == 0


def test_sessions_of_closed_loops_are_dropped() -> None:
    """A fleet that is used in many event loops keeps nothing of those that are closed, and all of
    the others."""
    fleet = kmoment.fleet.Fleet("redis://localhost/0")

    async def join() -> Any:
        loop = asyncio.get_running_loop()
        return fleet._join(loop.time, loop.call_at, 5.0)

    other = asyncio.new_event_loop()
    shares = [other.run_until_complete(join()), *(asyncio.run(join()) for _ in range(5))]
    assert len(fleet._sessions) == 2
    for share in shares:
        share.abandon()
    other.close()
    assert len(fleet._sessions) == 0


def test_members_that_are_gone_are_not_shown() -> None:
    """The status shows members that were seen in the last 15 seconds."""
    board = ["member:new", "20000000 ", "member:old", "1000000 "]
    shown: FleetStatus = status("test", "7", live(["20000000", board]), {})
    assert shown.members == ("new",)


def test_commands_that_wait_when_redis_is_lost() -> None:
    """Who waits for a connection while Redis is lost does not wait for Redis as well."""

    sent = []

    async def silent() -> None:
        sent.append(silent)
        await asyncio.sleep(0)
        raise TimeoutError

    async def ask() -> list[Any]:
        link = Slow().link
        many = (link._limited(silent) for _ in range(5 * _link._CONNECTIONS))
        return await asyncio.gather(*many, return_exceptions=True)

    assert {type(answer) for answer in asyncio.run(ask())} == {_link.LinkLostError}
    assert len(sent) == _link._CONNECTIONS


def test_a_link_that_is_closed() -> None:
    """A call that ends after its client was closed opens no connection."""

    async def ask() -> None:
        slow = Slow()
        await slow.link.aclose()
        with pytest.raises(_link.LinkLostError, match="closed"):
            await slow.link.command("TIME")
        assert slow.link._redis is None

    asyncio.run(ask())


def test_a_share_is_left_once() -> None:
    """A client that is closed twice leaves the session to the others of its event loop."""

    async def leave() -> int:
        fleet = kmoment.fleet.Fleet("redis://localhost/0")
        loop = asyncio.get_running_loop()
        first, _ = (fleet._join(loop.time, loop.call_at, 5.0) for _ in range(2))
        await first.aclose()
        await first.aclose()
        first.abandon()
        return len(fleet._sessions)

    assert asyncio.run(leave()) == 1
