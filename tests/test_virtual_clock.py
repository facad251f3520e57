"""The virtual loop: timers fire in order, without waiting."""

import asyncio
import time

import pytest

from helpers.virtual_clock import StuckError, run


async def nap(seconds: float, log: list[float]) -> None:
    await asyncio.sleep(seconds)
    log.append(asyncio.get_running_loop().time())


def test_hours_pass_in_a_moment() -> None:
    """Sleeps end in order at their virtual times, without waiting."""
    log: list[float] = []

    async def work() -> None:
        await asyncio.gather(*(nap(hours * 3600, log) for hours in (30, 1, 2)))

    begin = time.process_time()
    run(work())
    assert log == [3600, 7200, 30 * 3600]
    assert time.process_time() - begin < 5


def test_timeouts_strike_in_virtual_time() -> None:
    """A timeout ends the work at its virtual time."""

    async def work() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(50):
                await asyncio.sleep(51)
        return asyncio.get_running_loop().time()

    assert run(work()) == 50


def test_a_stuck_program_is_told() -> None:
    """A wait that no timer can end raises StuckError."""
    with pytest.raises(StuckError):
        run(asyncio.Event().wait())
