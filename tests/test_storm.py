"""A storm of faults over many writes, held against what the server really did.

However answers are lost, three things must hold: no audience is made twice, no call reports a
success that did not happen, and none reports a failure of something that was done. What cannot
be known is reported as unknown. ``STORM=20x300`` makes it 20 seeds of 300 writes.
"""

import asyncio
import os
import random
from collections import Counter
from typing import Any

import pytest

import kmoment
from kmoment.sandbox import Fault, Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1800)]

SEEDS, WRITES = map(int, os.environ.get("STORM", "2x60").split("x"))
# Each may strike before or after the work is done, as the sandbox's kinds have it.
KINDS = ("drop_before", "drop_after", "reset", "truncate", "bad_json", "status", "throttle")


class Storm:
    """One seed: writes by name, so that the sandbox's state tells what became of each."""

    def __init__(self, sandbox: Sandbox, client: kmoment.AsyncClient, seed: int) -> None:
        self.sandbox, self.random = sandbox, random.Random(seed)
        self.audiences = client.account(1234).audiences
        self.made: list[int] = []
        self.verdicts: Counter[str] = Counter()

    def names(self) -> Counter[str]:
        rows = self.sandbox.state()["accounts"]["1234"]["audiences"]
        return Counter(row["name"] for row in rows)

    def ids(self) -> set[int]:
        rows = self.sandbox.state()["accounts"]["1234"]["audiences"]
        return {int(row["id"]) for row in rows}

    async def write(self, number: int) -> None:
        kind = self.random.choice(["create", "create", "update", "delete"])
        if kind == "create" or not self.made:
            await self.create(f"made {number}")
        elif kind == "update":
            await self.update(self.random.choice(self.made), f"edited {number}")
        else:
            await self.delete(self.made.pop(self.random.randrange(len(self.made))))

    async def create(self, name: str) -> None:
        verdict = await self.verdict(self.audiences.create(kmoment.AudienceDraft.display(name)))
        count = self.names()[name]
        assert count <= 1, f"{name} was made {count} times"
        self.hold(verdict, done=count == 1)
        if isinstance(verdict, kmoment.Audience):
            assert verdict.id in self.ids()
            self.made.append(verdict.id)

    async def update(self, audience_id: int, name: str) -> None:
        draft = kmoment.AudienceDraft.display(name)
        verdict = await self.verdict(self.audiences.update(audience_id, draft))
        self.hold(verdict, done=self.names()[name] == 1)

    async def delete(self, audience_id: int) -> None:
        verdict = await self.verdict(self.audiences.delete(audience_id))
        self.hold(verdict, done=audience_id not in self.ids())

    async def verdict(self, call: Any) -> Any:
        try:
            return await call
        except kmoment.APIError as error:
            return error

    def hold(self, verdict: Any, *, done: bool) -> None:
        """What was reported against what happened."""
        if not isinstance(verdict, kmoment.APIError):
            assert done, "a success that did not happen"
            self.verdicts["clean"] += 1
        elif isinstance(verdict, kmoment.OutcomeUnknownError):
            self.verdicts["doubtful, and said to be"] += 1
        else:
            assert not done, f"a failure that did happen: {verdict!r}"
            self.verdicts["failed, nothing done"] += 1


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_storm(
    seed: int, rate: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under any rate of faults, every write's report is true, and nothing is made twice."""
    sleep = asyncio.sleep
    monkeypatch.setattr("kmoment.client.asyncio.sleep", lambda _: sleep(0))
    async with Sandbox(seed=seed) as sandbox:
        for kind in KINDS:
            sandbox.add_fault(Fault("audiences.*", kind, rate=rate / len(KINDS), status=502))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            storm = Storm(sandbox, client, seed)
            for number in range(WRITES):
                await storm.write(number)
    with capsys.disabled():
        if "STORM" in os.environ:
            print(f"\n  seed {seed}, {rate:.0%} faults: {dict(storm.verdicts)}", end="")
    assert storm.verdicts.total() == WRITES
    assert storm.verdicts["clean"] > 0
