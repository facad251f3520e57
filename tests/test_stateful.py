"""For any writes, troubles and cancellations, what a call reports is what happened.

A state machine over ``truth.py`` in virtual time. ``HYPOTHESIS_PROFILE=thorough`` runs it longer.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

import kmoment
from helpers import TOKEN
from helpers.truth import AD_GROUPS, TROUBLES, WRITING, Kakao, Truth, Writing, under
from helpers.virtual_clock import VirtualLoop
from kmoment.hooks import AttemptEnd, CallEnd, Hook

PERIOD: Final = 0.5  # seconds: longer than a request takes (at most 0.3)
ACCOUNT: Final = st.sampled_from([1, 2])
PLAN: Final = st.lists(st.sampled_from(sorted(TROUBLES)), max_size=6)
SAME_NAME_PLAN: Final = st.lists(
    st.sampled_from([name for name in sorted(TROUBLES) if not name.startswith(("late", "stale"))]),
    max_size=6,
)
PATIENCE: Final = st.none() | st.floats(0, 3) | st.floats(0, 30)  # seconds until cancelled
PICK: Final = st.integers(0, 30)  # index of an audience, modulo the number of audiences


@attrs.define(eq=False)
class Ear(Hook):
    """A hook that keeps the reports of each write."""

    heard: list[tuple[Writing, CallEnd]] = attrs.Factory(list)

    attempts: list[str] = attrs.Factory(list)

    def on_attempt_end(self, event: AttemptEnd) -> None:
        if event.error is not None:
            self.attempts.append(event.operation)

    def on_call_end(self, event: CallEnd) -> None:
        self.heard.append((WRITING.get(), event))

    def outcomes(self, writing: Writing, operation: str) -> set[str]:
        return {
            report.effect
            for whose, report in self.heard
            if whose is writing and report.operation == operation
        }


@attrs.frozen(kw_only=True)
class Write:
    """One planned call: its troubles, and the seconds after which it is cancelled, if any."""

    account: int
    plan: list[str]
    patience: float | None
    pick: int = 0

    operation = ""

    def call(self, account: kmoment.AsyncAccount) -> Awaitable[Any]:
        raise NotImplementedError

    def hold(self, value: Any, kakao: Kakao, writing: Writing) -> None:
        """Assert that a reported success is true."""
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class Create(Write):
    name: str

    operation = "audiences.create"

    def call(self, account: kmoment.AsyncAccount) -> Awaitable[Any]:
        return account.audiences.create(kmoment.AudienceDraft.display(self.name))

    def hold(self, value: Any, kakao: Kakao, writing: Writing) -> None:
        assert writing.changes == 1
        assert writing.made == [value.id], "it was given another one's audience"


@attrs.frozen(kw_only=True)
class Update(Write):
    ident: int
    name: str

    operation = "audiences.update"

    def call(self, account: kmoment.AsyncAccount) -> Awaitable[Any]:
        return account.audiences.update(self.ident, kmoment.AudienceDraft.display(self.name))

    def hold(self, value: Any, kakao: Kakao, writing: Writing) -> None:
        assert writing.changes >= 1
        assert value.id == self.ident  # its name may be the one of a concurrent update


@attrs.frozen(kw_only=True)
class Delete(Write):
    ident: int

    operation = "audiences.delete"

    def call(self, account: kmoment.AsyncAccount) -> Awaitable[Any]:
        return account.audiences.delete(self.ident)

    def hold(self, value: Any, kakao: Kakao, writing: Writing) -> None:
        assert self.ident not in kakao.of(self.account)


@attrs.frozen(kw_only=True)
class DeleteMany(Write):
    idents: list[int]

    operation = "audiences.delete_many"

    def call(self, account: kmoment.AsyncAccount) -> Awaitable[Any]:
        return account.audiences.delete_many(self.idents)

    def hold(self, value: Any, kakao: Kakao, writing: Writing) -> None:
        there = kakao.of(self.account).keys()
        for outcome in value.outcomes:
            if outcome.ok:
                assert outcome.input not in there, "a success that did not happen"
            if outcome.status is kmoment.OutcomeStatus.FAILED:
                assert outcome.input in there, "a failure that did happen"
        if not any(it.status is kmoment.OutcomeStatus.UNKNOWN for it in value.outcomes):
            assert value.success_count <= len(set(self.idents) - there)
            assert value.success_count + value.fail_count == len(self.idents)
            assert value.fail_count <= len(self.idents) - writing.changes


@attrs.frozen(kw_only=True)
class Unlink(Write):
    ident: int
    group: int

    operation = "audiences.unlink"

    def call(self, account: kmoment.AsyncAccount) -> Awaitable[Any]:
        return account.audiences.unlink(self.ident, self.group)

    def hold(self, value: Any, kakao: Kakao, writing: Writing) -> None:
        assert (self.ident, self.group) not in kakao.links


class Machine(RuleBasedStateMachine):
    """Writes on one client, one by one or at once. The truth is checked after each step."""

    @initialize(
        seed=st.integers(0, 2**16),
        spaced=st.booleans(),
        slots=st.integers(1, 3),
        renewing=st.booleans(),
    )
    def open(self, seed: int, spaced: bool, slots: int, renewing: bool) -> None:
        self.loop = VirtualLoop()
        self.names = map("audience {}".format, itertools.count())
        self.ear, self.slots, self.spaced = Ear(), slots, spaced
        tokens = map(f"{TOKEN}-{{}}".format, itertools.count())
        self.client = kmoment.AsyncClient(
            tokens.__next__ if renewing else TOKEN,
            periods={"audiences": PERIOD} if spaced else {},
            max_connections=slots,
            hooks=[self.ear],
        )
        draw = random.Random(seed).uniform
        self.truth = under(self.client, Truth(lambda: draw(0.005, 0.1)))
        self.truth.kakao.seed(1, 2)
        self.truth.kakao.seed(2, 2)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.run_until_complete(self.client.aclose())
            self.loop.close()

    # -- Rules

    @rule(account=ACCOUNT, plan=PLAN, patience=PATIENCE)
    def create(self, **how: Any) -> None:
        self.make(Create(name=next(self.names), **how))

    @rule(account=ACCOUNT, plan=PLAN, patience=PATIENCE, pick=PICK)
    def update(self, **how: Any) -> None:
        self.make(self.an_update(**how))

    @rule(account=ACCOUNT, plan=PLAN, patience=PATIENCE, pick=PICK)
    def delete(self, **how: Any) -> None:
        self.make(self.a_delete(**how))

    @rule(account=ACCOUNT, plan=PLAN, patience=PATIENCE, pick=PICK)
    def delete_many(self, **how: Any) -> None:
        self.make(self.a_bulk(**how))

    @rule(account=ACCOUNT, plan=PLAN, patience=PATIENCE, pick=PICK)
    def unlink(self, **how: Any) -> None:
        self.make(self.an_unlink(**how))

    @rule(seconds=st.floats(0, 400))
    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(
        writes=st.lists(
            st.tuples(
                st.sampled_from(["create", "update", "delete", "bulk", "unlink"]),
                st.fixed_dictionaries(
                    {"account": ACCOUNT, "plan": PLAN, "patience": PATIENCE, "pick": PICK}
                ),
            ),
            min_size=2,
            max_size=4,
        )
    )
    def together(self, writes: list[tuple[str, dict[str, Any]]]) -> None:
        kinds: dict[str, Callable[..., Write]] = {
            "create": lambda **how: Create(name=next(self.names), **how),
            "update": self.an_update,
            "delete": self.a_delete,
            "bulk": self.a_bulk,
            "unlink": self.an_unlink,
        }
        self.make(*(kinds[kind](**how) for kind, how in writes))

    @rule(account=ACCOUNT, plans=st.lists(SAME_NAME_PLAN, min_size=2, max_size=3))
    def same_name(self, account: int, plans: list[list[str]]) -> None:
        """Create audiences of one name at once.

        Late troubles are left out: nobody could know which call made which audience.
        """
        name = next(self.names)
        how: dict[str, Any] = {"name": name, "account": account, "patience": None}
        self.make(*(Create(plan=plan, **how) for plan in plans))

    # -- Writes

    def pick(self, account: int, pick: int) -> int:
        """The id of an audience, or 99, an id that never exists."""
        there = [*self.truth.kakao.of(account), 99]
        return there[pick % len(there)]

    def an_update(self, **how: Any) -> Write:
        return Update(ident=self.pick(how["account"], how["pick"]), name=next(self.names), **how)

    def a_delete(self, **how: Any) -> Write:
        return Delete(ident=self.pick(how["account"], how["pick"]), **how)

    def a_bulk(self, **how: Any) -> Write:
        idents = {self.pick(how["account"], how["pick"] + more) for more in (0, 1, 3)}
        return DeleteMany(idents=sorted(idents), **how)

    def an_unlink(self, **how: Any) -> Write:
        group = AD_GROUPS[how["pick"] % len(AD_GROUPS)]
        return Unlink(ident=self.pick(how["account"], how["pick"]), group=group, **how)

    # -- What must hold

    def make(self, *writes: Write) -> None:
        """Make *writes* at once, wait until all have taken effect, and check the reports."""
        ended = self.loop.run_until_complete(self._make(writes))
        for write, writing, what in ended:
            self.judge(write, writing, what)
        self.look()

    async def _make(self, writes: tuple[Write, ...]) -> list[tuple[Write, Writing, Any]]:
        ended = await asyncio.gather(*map(self._one, writes))
        await self.truth.settled()
        return ended

    async def _one(self, write: Write) -> tuple[Write, Writing, Any]:
        token = WRITING.set(writing := Writing(write.plan))
        task = asyncio.ensure_future(write.call(self.client.account(write.account)))
        WRITING.reset(token)
        if write.patience is not None:
            asyncio.get_running_loop().call_later(write.patience, task.cancel)
        ended = await asyncio.gather(task, return_exceptions=True)
        return write, writing, ended[0]

    def judge(self, write: Write, writing: Writing, what: Any) -> None:
        """Assert that what one call has reported is what it has done."""
        assert writing.most <= 1, "two of its requests were under way at once"
        if isinstance(write, Create):
            assert len(writing.made) <= 1, "it was made twice"
        match what:
            case asyncio.CancelledError():
                self.judge_cancelled(write, writing)
            case kmoment.OutcomeUnknownError():
                assert writing.sent, "a doubt about what was never sent"
            case kmoment.APIError():
                assert writing.changes == 0, f"a failure that did happen: {what!r}"
            case BaseException():
                raise what
            case _:
                write.hold(what, self.truth.kakao, writing)

    def judge_cancelled(self, write: Write, writing: Writing) -> None:
        assert write.patience is not None
        told = self.ear.outcomes(writing, write.operation)
        if writing.given_up:
            assert "unknown" in told, f"cancelled under way, and reported as {told}"
        in_parts = write.operation == "audiences.delete_many"  # the call of a part may have ended
        if writing.changes:
            assert told & ({"unknown", "ok"} if in_parts else {"unknown"}), f"reported as {told}"

    def look(self) -> None:
        """Assert what must hold whenever no call is under way."""
        shared = self.client._dispatcher.state
        assert 0 <= shared.budget.tokens <= 100
        assert (shared.slots._free, shared.live) == (self.slots, 0)
        assert not shared.slots._queues
        assert not any(lock.locked() for lock in shared.creating.values())
        if self.spaced:
            assert self.truth.shortest_gap >= PERIOD - 1e-6


@pytest.mark.timeout(1800)
def test_reports_are_true() -> None:
    """Whatever goes wrong: no duplicate, no false success, no false failure, and no leak."""
    more = settings(max_examples=4 * settings().max_examples)
    run_state_machine_as_test(Machine, settings=more)
