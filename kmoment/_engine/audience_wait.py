"""Waits until audiences are ready. All waiters of one account share one list of its audiences.

One of them, the leader, pauses and then lists; the others wait for it, and the next one takes over
if it is cancelled. So there is no task in the background that could be left behind. A new waiter
looks at once, unless the last list is fresh, and the pauses begin anew.
"""

import asyncio
from collections.abc import Sequence
from copy import copy
from math import inf
from random import uniform
from typing import Final

import attrs

from ..errors import (
    APIError,
    AudienceNotUsableError,
    ClientClosedError,
    DeadlineExceededError,
    WrongLoopError,
)
from ..models import Audience, AudienceStatus, AudienceSummary
from ..outcomes import Outcome, Outcomes, OutcomeStatus
from .dispatcher import Dispatcher
from .reconcile import get_call, list_call

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
"""Seconds between two lists. Kakao does not say how long it prepares an audience."""
_GROWTH: Final = 1.5
_JITTER: Final = (0.8, 1.2)
_FINAL: Final = (AudienceStatus.AVAILABLE, AudienceStatus.SEED_NOT_ENOUGH, AudienceStatus.ERROR)
"""States that Kakao does not leave by itself."""
_MISSING_TWICE: Final = 2
"""Lists that do not show an audience, before it is asked for by itself: a list may be old."""


async def wait_for(
    calls: Dispatcher, account: int, ids: Sequence[int], until: str, seconds: float
) -> list[AudienceSummary]:
    """The audiences *ids* as they are listed once all of them are *until*."""
    shared: SharedList = calls.state.shared.setdefault(
        ("audiences.wait", account), SharedList(account)
    )
    waiter = _Waiter(account, tuple(dict.fromkeys(ids)), until, seconds)
    try:
        async with asyncio.timeout(seconds):
            return await _wait(calls, shared, waiter, ids)
    except TimeoutError:
        raise waiter.too_late() from None


async def wait_for_each(
    calls: Dispatcher, account: int, ids: Sequence[int], until: str, seconds: float
) -> Outcomes[int, AudienceSummary]:
    """An outcome for each of *ids*: the audience, or why it is not *until*."""

    async def one(index: int, audience_id: int) -> Outcome[int, AudienceSummary]:
        try:
            (row,) = await wait_for(calls, account, (audience_id,), until, seconds)
        except Exception as error:
            closed = isinstance(error, ClientClosedError)
            status = OutcomeStatus.NOT_ATTEMPTED if closed else OutcomeStatus.FAILED
            return Outcome(index=index, input=audience_id, status=status, error=error)
        return Outcome(index=index, input=audience_id, status=OutcomeStatus.OK, value=row)

    return Outcomes(await asyncio.gather(*(one(i, it) for i, it in enumerate(ids))))


async def _wait(
    calls: Dispatcher, shared: "SharedList", waiter: "_Waiter", ids: Sequence[int]
) -> list[AudienceSummary]:
    await shared.begin(calls)
    began = shared.slept
    while True:
        tick = shared.tick
        waiter.see(shared.shown())
        for audience_id in waiter.missing:
            if found := await _get(calls, shared.account, audience_id):
                waiter.found(found)
        if not waiter.open:
            return [waiter.rows[one] for one in ids]
        if shared.slept - began >= waiter.seconds:  # a test may have taken the pauses out
            raise TimeoutError
        await shared.after(calls, tick)


async def _get(calls: Dispatcher, account: int, audience_id: int) -> Audience | None:
    """An audience that is not listed; ``None`` if the call failed in a way that may pass."""
    try:
        return await calls.send(get_call(account, audience_id))
    except APIError as error:
        if not error.can_retry:
            raise
    return None


@attrs.define(eq=False)
class SharedList:
    """The last list of one account, for all who wait."""

    account: int
    tick: int = 0
    """Lists made so far."""
    slept: float = 0.0
    """Seconds of all pauses so far."""
    _rows: dict[int, AudienceSummary] | None = None
    _failure: Exception | None = None
    _at: float = -inf
    _pause: float = FIRST_PAUSE
    _leading: asyncio.Lock = attrs.Factory(asyncio.Lock)
    _listing: asyncio.Lock = attrs.Factory(asyncio.Lock)

    async def begin(self, calls: Dispatcher) -> None:
        """A waiter comes: see that the list is fresh, and that the next one comes soon."""
        self._pause = FIRST_PAUSE
        async with self._listing:
            if asyncio.get_running_loop().time() - self._at > FIRST_PAUSE:
                await self._list(calls)

    async def after(self, calls: Dispatcher, tick: int) -> None:
        """Wait for a list that is newer than *tick*. Whoever is first makes it."""
        async with self._leading:
            await self._sleep(calls, tick)
            async with self._listing:
                if self.tick == tick:
                    await self._list(calls)

    def shown(self) -> dict[int, AudienceSummary] | None:
        """The last list; ``None`` if it failed. If it failed for good, its error is raised."""
        if self._failure is not None:
            raise copy(self._failure)
        return self._rows

    async def _sleep(self, calls: Dispatcher, tick: int) -> None:
        if self.tick != tick:
            return
        left = self._pause * uniform(*_JITTER)  # noqa: S311 - no secret
        self._pause = min(self._pause * _GROWTH, LONGEST_PAUSE)
        while left > 0 and self.tick == tick:  # a new waiter may list in the meantime
            step = min(left, FIRST_PAUSE)
            await calls.settings.sleep(step)
            self.slept += step
            left -= step

    async def _list(self, calls: Dispatcher) -> None:
        self._rows = self._failure = None
        try:
            self._rows = {row.id: row for row in await calls.send(list_call(self.account))}
        except APIError as error:  # one that may pass is no reason to stop waiting
            self._failure = None if error.can_retry else error
        except (ClientClosedError, WrongLoopError) as error:
            self._failure = error
        self._at = asyncio.get_running_loop().time()
        self.tick += 1


@attrs.define(eq=False)
class _Waiter:
    """What one caller waits for. Pure."""

    account: int
    ids: tuple[int, ...]
    until: str
    seconds: float
    rows: dict[int, AudienceSummary] = attrs.Factory(dict)
    _unseen: dict[int, int] = attrs.Factory(dict)

    @property
    def open(self) -> list[int]:
        """Those that are not there yet."""
        return [one for one in self.ids if self._status(one) != self.until]

    @property
    def missing(self) -> list[int]:
        """Those that the last lists do not show."""
        return [one for one, times in self._unseen.items() if times >= _MISSING_TWICE]

    def see(self, shown: dict[int, AudienceSummary] | None) -> None:
        """Take a list. Raise if one of the audiences is in a state that it will not leave."""
        for one in self.open if shown is not None else ():
            if row := (shown or {}).get(one):
                self._take(row)
            else:
                self._unseen[one] = self._unseen.get(one, 0) + 1

    def found(self, audience: Audience) -> None:
        """Take an audience that was asked for by itself."""
        own = {field.name: getattr(audience, field.name) for field in attrs.fields(AudienceSummary)}
        self._take(AudienceSummary(**own))

    def _take(self, row: AudienceSummary) -> None:
        self.rows[row.id] = row
        self._unseen.pop(row.id, None)
        if row.audience_status in _FINAL and row.audience_status != self.until:
            raise AudienceNotUsableError(row)

    def _status(self, one: int) -> str | None:
        return self.rows[one].audience_status if one in self.rows else None

    def too_late(self) -> DeadlineExceededError:
        """The error at the end of the time: it names the state of each that is not there."""
        states = ", ".join(f"{one} is {self._shown(one)}" for one in self.open[:20])
        more = f", and {len(self.open) - 20} more" * (len(self.open) > 20)
        reason = f"not {self.until} within {self.seconds:g} s: {states}{more}"
        phase = "waiting for audiences"
        where = {"operation": "audiences.wait", "ad_account_id": self.account, "phase": phase}
        return DeadlineExceededError(reason, where)  # type: ignore[arg-type]

    def _shown(self, one: int) -> str:
        status = self._status(one)
        if status is None:
            return "not listed" if one not in self.rows else "without a status"
        known = getattr(status, "is_known", True)
        return status if known else f"{status} (which kmoment does not know)"
