"""Many writes under many faults. Each report is compared with what the server really did.

Three things must hold, however answers are lost. No audience is made twice. No call reports a
success that did not happen. No call reports the failure of a write that was done. A call that
cannot know reports "unknown". ``STORM=20x300`` runs 20 seeds of 300 writes.

One test uses the sandbox. The other uses the fault server, which can break sockets in more ways.
"""

import asyncio
import os
import random
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import attrs
import pytest

import kmoment
from helpers import TOKEN
from helpers.fault_server import (
    Answer,
    BadGzip,
    CloseAfter,
    CloseBefore,
    CloseIdle,
    CutBody,
    CutGzip,
    Drip,
    Exchange,
    FaultServer,
    Garbage,
    Html,
    HugeHeader,
    LateCommit,
    LostErrorBody,
    Partial,
    Received,
    Redirect,
    ResetAfter,
    ResetBefore,
    Silence,
    SlowHeaders,
    Step,
    UnknownEncoding,
    WrongLength,
)
from helpers.quick_clock import PACE, QuickLoop
from helpers.truth import Asked, Kakao
from kmoment._text import normalised
from kmoment.sandbox import Fault, Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1800)]

# Seeds, and writes for each seed. The default is small, so that the suite stays quick.
SEEDS, WRITES = map(int, os.environ.get("STORM", "2x40").split("x"))
RATES: Final = (0.05, 0.2, 0.5)  # shares of calls that get a fault: one in 20, in 5, in 2
ACCOUNT: Final = 1234
PARTS: Final = unicodedata.normalize("NFD", "한글")
"""Hangul in parts, as macOS types it."""
# Seconds of the quick clock, so that the pauses of the host gate and the limiter are short.
DEADLINE: Final = 0.005 * PACE
"""After this a late write is done."""
TIMEOUT: Final = 0.2 * PACE


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": QuickLoop}


class World(Protocol):
    """What the server really has."""

    def audiences(self) -> dict[int, str]:
        """The names of all audiences, by id."""
        ...

    def links(self) -> set[tuple[int, int]]: ...

    def link(self, audience_id: int, ad_group_id: int) -> None: ...

    async def settled(self) -> None:
        """Wait until all late writes have been done."""
        ...


class Storm:
    """The writes of one seed. Each write has its own name, so that its effect can be found."""

    def __init__(self, world: World, client: kmoment.AsyncClient, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        self.audiences = client.account(ACCOUNT).audiences
        self.made: list[int] = []
        self.verdicts: Counter[str] = Counter()
        # Skip the client's pauses, but not the server's delays.
        client._change_settings(sleep=lambda _: asyncio.sleep(0))

    async def rage(self) -> None:
        for number in range(WRITES):
            await self.write(number)
        assert self.verdicts.total() == WRITES
        assert self.verdicts["clean"] > 0

    async def write(self, number: int) -> None:
        kinds = ["create", "create", "ensure", "update", "delete", "bulk", "unlink"]
        kind = self.random.choice(kinds)
        if kind == "create" or len(self.made) < 3:
            await self.create(f" 가나{PARTS}  made {number}")
        elif kind == "ensure":
            await self.ensure(f"{PARTS}마바  ensured {number} ")
        elif kind == "update":
            await self.update(self.random.choice(self.made), f"다라{PARTS} edited {number} ")
        elif kind == "unlink":
            await self.unlink(self.random.choice(self.made))
        else:
            await self.delete([self.taken() for _ in range(1 if kind == "delete" else 3)])

    def taken(self) -> int:
        return self.made.pop(self.random.randrange(len(self.made)))

    def made_of(self, name: str) -> list[int]:
        same = normalised(name)
        made = [it for it, called in self.world.audiences().items() if normalised(called) == same]
        assert len(made) <= 1, f"{name} was made {len(made)} times"
        return made

    async def ensure(self, name: str) -> None:
        draft = kmoment.AudienceDraft.display(name, ages=["20"])
        verdict = await self.verdict(self.audiences.ensure(draft))
        self.hold(verdict, done=bool(self.made_of(name)))
        for wanted in (draft, draft.replace(ages=["25", "30"])):
            while not self.is_settled(verdict, wanted):
                verdict = await self.verdict(self.audiences.ensure(wanted))
                self.made_of(name)
        self.made.append(verdict.audience.id)

    def is_settled(self, verdict: Any, draft: kmoment.AudienceDraft) -> bool:
        return isinstance(verdict, kmoment.Ensured) and verdict.draft == draft

    async def create(self, name: str) -> None:
        verdict = await self.verdict(self.audiences.create(kmoment.AudienceDraft.display(name)))
        made = self.made_of(name)
        self.hold(verdict, done=bool(made))
        if isinstance(verdict, kmoment.Audience):
            assert [verdict.id] == made
            self.made.append(verdict.id)

    async def update(self, audience_id: int, name: str) -> None:
        draft = kmoment.AudienceDraft.display(name)
        verdict = await self.verdict(self.audiences.update(audience_id, draft))
        self.hold(verdict, done=normalised(self.world.audiences()[audience_id]) == normalised(name))

    async def unlink(self, audience_id: int) -> None:
        self.world.link(audience_id, 1)
        verdict = await self.verdict(self.audiences.unlink(audience_id, 1))
        self.hold(verdict, done=(audience_id, 1) not in self.world.links())

    async def delete(self, ids: list[int]) -> None:
        if len(ids) == 1:
            verdict = await self.verdict(self.audiences.delete(*ids))
        else:
            verdict = await self.verdict(self.audiences.delete_many(ids))
        gone = set(ids) - self.world.audiences().keys()
        assert not gone or len(gone) == len(ids), "no request deletes a part"
        if isinstance(verdict, kmoment.BulkDeleteResult):
            statuses = {outcome.status for outcome in verdict.outcomes}
            unsure = kmoment.OutcomeStatus.UNKNOWN in statuses
            counts = (None, None) if unsure else (len(ids), 0)
            assert (verdict.success_count, verdict.fail_count) == counts
            assert statuses <= {kmoment.OutcomeStatus.OK, kmoment.OutcomeStatus.UNKNOWN}
            verdict = kmoment.OutcomeUnknownError("of a part of them") if unsure else verdict
            assert gone or statuses == {kmoment.OutcomeStatus.UNKNOWN}
        self.hold(verdict, done=bool(gone))

    async def verdict(self, call: Any) -> Any:
        try:
            return await call
        except kmoment.APIError as error:
            return error
        finally:
            await self.world.settled()

    def hold(self, verdict: Any, *, done: bool) -> None:
        """Assert that what was reported is what happened."""
        if not isinstance(verdict, kmoment.APIError):
            assert done, "a success that did not happen"
            self.verdicts["clean"] += 1
        elif isinstance(verdict, kmoment.OutcomeUnknownError):
            self.verdicts["unknown"] += 1
        else:
            assert not done, f"a failure that did happen: {verdict!r}"
            self.verdicts["failed, nothing done"] += 1


@contextmanager
def told(capsys: pytest.CaptureFixture[str], seed: int, rate: float) -> Iterator[list[Storm]]:
    """Print the counts of the storm that the caller appends to the list."""
    storms: list[Storm] = []
    yield storms
    if "STORM" in os.environ:
        counts = storms[0].verdicts
        with capsys.disabled():
            print(f"\n  seed {seed}, {rate:.0%} faults: {dict(counts)}", end="")


# -- With the sandbox -------------------------------------------------------------------

# Some of these kinds do the work and some do not: see `kmoment.sandbox.Fault`.
KINDS: Final = ("drop_before", "drop_after", "reset", "truncate", "bad_json", "status", "throttle")


@attrs.frozen
class SandboxWorld:
    sandbox: Sandbox

    def audiences(self) -> dict[int, str]:
        return {int(row["id"]): row["name"] for row in self._account()["audiences"]}

    def links(self) -> set[tuple[int, int]]:
        return {(link["audienceId"], link["adGroupId"]) for link in self._account()["links"]}

    def link(self, audience_id: int, ad_group_id: int) -> None:
        if (audience_id, ad_group_id) not in self.links():
            self.sandbox.link(audience_id, ad_group_id)

    async def settled(self) -> None:
        await asyncio.sleep(DEADLINE)  # timers of one loop fire in order

    def _account(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.state()["accounts"][str(ACCOUNT)]
        return found


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_storm(seed: int, rate: float, capsys: pytest.CaptureFixture[str]) -> None:
    """At any rate of sandbox faults, the report of every write is true."""
    async with Sandbox(seed=seed) as sandbox:
        share = rate / (len(KINDS) + 1)
        for kind in KINDS:
            sandbox.add_fault(Fault("audiences.*", kind, rate=share, status=502))
        sandbox.add_fault(Fault("audiences.*", "commit_late", rate=share, delay=DEADLINE))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            with told(capsys, seed, rate) as storms:
                storms.append(Storm(SandboxWorld(sandbox), client, seed))
                await storms[0].rage()


# -- With the fault server --------------------------------------------------------------

FOREIGN: Final = (301, 401, 403, 404, 405, 407, 408, 409, 410, 413, 425)
"""Statuses with which a gateway may answer in Kakao's place, whether Kakao has acted or not."""

STEPS: Final[tuple[Step, ...]] = (
    Answer(429),
    Answer(502),
    Answer(502, acts=True),
    Answer(gzip=True),
    Answer(chunked=True),
    CloseBefore(),
    CloseAfter(),
    CloseIdle(),
    ResetBefore(),
    ResetAfter(),
    LateCommit(DEADLINE),
    Partial(),
    CutBody(),
    CutGzip(),
    BadGzip(),
    UnknownEncoding(),
    Drip(chunk=16, interval=0.001),
    SlowHeaders(interval=0.001),
    HugeHeader(20_000),
    WrongLength(),
    Html(502),
    Html(502, acts=True),
    Html(200),
    Html(200, acts=True),
    Garbage(),
    Garbage(acts=True),
    Redirect("https://elsewhere.example/"),
    Answer(403),
    Silence(5),
    Silence(5, acts=True),
    *(Html(status) for status in FOREIGN),
    *(Html(status, acts=True) for status in FOREIGN),
    Answer(404, b'{"status": 404, "detail": "no such page"}'),
    Answer(200, b'{"message": "ok"}', acts=False),
    *(LostErrorBody(status, how) for status in (429, 502) for how in ("cut", "damaged gzip")),
    LostErrorBody(502, acts=True),
)


OUTAGES: Final[tuple[Step, ...]] = (Answer(502), Answer(503), ResetBefore(), CloseBefore())
"""What every request gets while the host is down."""


@attrs.frozen
class Dice(Step):
    """One of the steps above with probability *rate*, else a proper answer. Some outages."""

    random: random.Random
    rate: float
    outage: deque[Step] = attrs.Factory(deque)
    """What the next requests get."""

    async def play(self, exchange: Exchange) -> None:
        if not self.outage and self.random.random() < self.rate / 20:
            self.outage.extend([self.random.choice(OUTAGES)] * self.random.randint(3, 8))
        await self.step().play(exchange)

    def step(self) -> Step:
        if self.outage:
            return self.outage.popleft()
        return self.random.choice(STEPS) if self.random.random() < self.rate else Answer()


def composed_and_trimmed(name: str) -> str:
    """*name*, as a server may store it."""
    return unicodedata.normalize("NFC", " ".join(name.split()))


@attrs.frozen
class SocketWorld:
    """The truth behind a fault server. It refuses with status 200, as Kakao may do."""

    server: FaultServer
    kakao: Kakao = attrs.Factory(Kakao)

    def act(self, received: Received) -> bytes:
        return self.kakao.answer(Asked.of_received(received)).body

    def audiences(self) -> dict[int, str]:
        return {ident: row["name"] for ident, row in self.kakao.of(ACCOUNT).items()}

    def links(self) -> set[tuple[int, int]]:
        return self.kakao.links

    def link(self, audience_id: int, ad_group_id: int) -> None:
        self.kakao.links.add((audience_id, ad_group_id))

    async def settled(self) -> None:
        await self.server.settled()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_storm_on_sockets(seed: int, rate: float, capsys: pytest.CaptureFixture[str]) -> None:
    """At any rate of faults of sockets, proxies and parsers, the report of every write is true."""
    async with FaultServer() as server:
        stored = composed_and_trimmed if seed % 2 else str
        world = SocketWorld(server, Kakao(stored_name=stored))
        server.on_act, server.default = world.act, Dice(random.Random(seed), rate)
        async with kmoment.AsyncClient(TOKEN, base_url=server.url, timeout=TIMEOUT) as client:
            with told(capsys, seed, rate) as storms:
                storms.append(Storm(world, client, seed))
                await storms[0].rage()
