"""Creates of one account share the list of what was there before. In virtual time."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

import kmoment
from helpers import TOKEN
from helpers.truth import AUDIENCES, Asked, Kakao, Truth, said, under, writing
from helpers.virtual_clock import run
from kmoment._engine.context import AttemptState
from kmoment._engine.listing import FRESH_SECONDS, Listed, Listings, Looks
from kmoment._policies.rate_limit import Mode
from kmoment._protocol.http import Request, Response, TransportError
from kmoment._secret import Secret


def now() -> float:
    return asyncio.get_running_loop().time()


SERVER = datetime(2026, 11, 26, 10, tzinfo=UTC)
"""The server's time at the loop's time 0."""
KOREA = timedelta(hours=9)
"""``createdDate`` is Korea's time."""

# -- The shared lists -------------------------------------------------------------------


class Lister:
    """Makes lists, of which each takes a second, and counts them."""

    def __init__(self, *failures: BaseException) -> None:
        self.made = 0
        self.failures = list(failures)

    async def __call__(self) -> Listed:
        self.made += 1
        await asyncio.sleep(1)
        if self.failures:
            raise self.failures.pop(0)
        return Listed(frozenset({self.made}), SERVER, now())


def test_who_comes_together_shares_a_list() -> None:
    """Ten creates of an account at once make one list; another account makes its own."""

    async def work() -> tuple[int, int]:
        lists, one, two = Listings(), Lister(), Lister()
        waiting = [lists.get(1, now, one) for _ in range(10)]
        answers = await asyncio.gather(*waiting, lists.get(2, now, two))
        assert now() == 1
        assert len(set(map(id, answers))) == 2
        return one.made, two.made

    assert run(work()) == (1, 1)


def test_a_list_expires() -> None:
    """A list serves for ten seconds after its answer. Then a new one is made."""

    async def work() -> list[int]:
        lists, lister, made = Listings(), Lister(), list[int]()
        for pause in (0.0, FRESH_SECONDS - 0.1, 0.2):
            await asyncio.sleep(pause)
            await lists.get(1, now, lister)
            made.append(lister.made)
        return made

    assert run(work()) == [1, 1, 2]


def test_a_cancelled_lister_leaves_its_work_to_the_next() -> None:
    """If the create that lists is cancelled, the next one lists, and the others wait for that."""

    async def work() -> tuple[int, float]:
        lists, lister = Listings(), Lister()
        tasks = [asyncio.create_task(lists.get(1, now, lister)) for _ in range(5)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        answers = await asyncio.gather(*tasks[1:])
        assert {answer.ids for answer in answers} == {frozenset({2})}
        assert tasks[0].cancelled()
        return lister.made, now()

    assert run(work()) == (2, 1.5)


def test_a_cancelled_waiter_changes_nothing() -> None:
    """If a create that waits for the list is cancelled, the others get the list all the same."""

    async def work() -> int:
        lists, lister = Listings(), Lister()
        tasks = [asyncio.create_task(lists.get(1, now, lister)) for _ in range(5)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        tasks[4].cancel()
        await asyncio.gather(tasks[0], *tasks[2:4])
        return lister.made

    assert run(work()) == 1


def test_a_list_that_fails_is_that_create_s_failure() -> None:
    """A list that fails fails one create. The next one makes a list of its own."""

    async def work() -> int:
        lists, lister = Listings(), Lister(kmoment.ServerError("x"))
        tasks = [asyncio.create_task(lists.get(1, now, lister)) for _ in range(5)]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(answer, kmoment.ServerError) for answer in answers) == 1
        return lister.made

    assert run(work()) == 2


def test_a_list_without_the_server_s_time_serves_only_who_waits_for_it() -> None:
    """Without a Date header it cannot be told what is older than a create, so that a create makes
    a list of its own unless it has waited for one."""

    async def untimed() -> Listed:
        return attrs.evolve(await lister(), server_time=None)

    lister = Lister()

    async def work() -> int:
        lists = Listings()
        await asyncio.gather(*(lists.get(1, now, untimed) for _ in range(5)))
        assert lister.made == 1
        await asyncio.sleep(0.01)
        await lists.get(1, now, untimed)
        return lister.made

    assert run(work()) == 2


def test_lists_of_many_accounts_do_not_pile_up() -> None:
    """The lists of the last thousand accounts are kept."""

    async def work() -> int:
        lists = Listings()

        async def make() -> Listed:
            return Listed(frozenset(), SERVER, now())

        for account in range(1500):
            await lists.get(account, now, make)
        return len(lists._entries)

    assert run(work()) == 1000


# -- Creates ----------------------------------------------------------------------------


class Dated(Kakao):
    """Kakao, with the time of creation in each row."""

    def answer(self, asked: Asked, *, stale: bool = False) -> Response:
        if asked.method == "POST":
            created = SERVER + KOREA + timedelta(seconds=now())
            body = asked.body | {"createdDate": created.strftime("%Y-%m-%dT%H:%M:%S")}
            asked = attrs.evolve(asked, body=body)
        return super().answer(asked, stale=stale)

    def _list(self, account: int, stale: bool) -> Response:
        rows = list(self.of(account).values())[: -1 if stale else None]
        shown = ("id", "name", "type", "createdDate")
        content = [{name: row[name] for name in shown} for row in rows]
        return said({"content": content})


@attrs.define(eq=False)
class Counted(Truth):
    """A transport that counts requests. Answers have a Date header, if *dated*."""

    requests: int = 0
    dated: bool = True

    async def send(self, request: Request, _: Secret, attempt: AttemptState) -> Response:
        self.requests += 1
        response = await super().send(request, _, attempt)
        if not self.dated:
            return response
        date = format_datetime(SERVER + timedelta(seconds=now()), usegmt=True)
        return response._replace(headers={**response.headers, "date": date})


def moment(*, dated: bool = True, **settings: Any) -> tuple[kmoment.AsyncClient, Counted]:
    client = kmoment.AsyncClient(TOKEN, **settings)
    truth = Counted(lambda: 0.01, Dated(), dated=dated)
    under(client, truth)
    return client, truth


def draft(number: int) -> kmoment.AudienceDraft:
    return kmoment.AudienceDraft.display(f"audience {number}")


async def at_once(create: Callable[[int], "asyncio.Future[object]"]) -> None:
    await asyncio.gather(*(create(number) for number in range(100)))


async def in_turn(create: Callable[[int], "asyncio.Future[object]"]) -> None:
    for number in range(100):
        await create(number)


@pytest.mark.parametrize("way", [at_once, in_turn])
def test_a_hundred_creates_share_their_lists(way: Callable[..., "asyncio.Future[None]"]) -> None:
    """100 creates of one account, at once or in turn, take 107 requests at most."""

    async def work() -> int:
        client, truth = moment()
        create = client.account(1).audiences.create
        await way(lambda number: create(draft(number)))
        assert truth.kakao.changes == 100
        return truth.requests

    assert run(work()) <= 107


async def lost_after_a_foreign_one(truth: Counted, client: kmoment.AsyncClient) -> None:
    """A create makes a list; another program creates "audience 7"; our create of it is lost."""
    audiences = client.account(1).audiences
    await audiences.create(draft(1))
    await asyncio.sleep(1)
    body = truth.kakao.of(1)[truth.kakao.last_id] | {"name": "audience 7"}
    truth.kakao.answer(Asked("POST", AUDIENCES, {}, 1, body))
    await asyncio.sleep(6)
    with writing(*([] if truth.dated else ["fine"]), "reset before"):
        await audiences.create(draft(7))


@pytest.mark.parametrize("dated", [True, False], ids=["Date", "no Date"])
def test_a_foreign_create_in_between_is_not_adopted(dated: bool) -> None:
    """If another program has created the name since the shared list, and our create was lost, the
    other's audience is not taken for ours."""

    async def work() -> None:
        client, truth = moment(dated=dated)
        with pytest.raises(kmoment.OutcomeUnknownError) as caught:
            await lost_after_a_foreign_one(truth, client)
        assert caught.value.candidates == ()
        assert len(truth.kakao.named(1, "audience 7")) == 1

    run(work())


def test_a_lost_create_is_found_with_a_shared_list() -> None:
    """Of 100 creates at once, of which the answer of each tenth is lost, each one is found."""

    async def work() -> None:
        client, truth = moment()

        async def create(number: int) -> kmoment.Audience:
            with writing(*(["reset after"] if number % 10 == 5 else [])):
                return await client.account(1).audiences.create(draft(number))

        made = await asyncio.gather(*(create(number) for number in range(100)))
        assert [row.name for row in made] == [draft(number).name for number in range(100)]
        assert sum(row.reconciled for row in made) == 10
        assert truth.kakao.changes == 100

    run(work())


def test_the_create_that_lists_is_cancelled() -> None:
    """If it is cancelled while it lists, the others list once more, and each creates one."""

    async def work() -> int:
        client, truth = moment()
        create = client.account(1).audiences.create
        tasks = [asyncio.ensure_future(create(draft(number))) for number in range(20)]
        await asyncio.sleep(0.015)
        tasks[0].cancel()
        await asyncio.gather(*tasks[1:])
        assert truth.kakao.changes == 19
        return truth.requests

    assert run(work()) <= 19 + 2


def test_the_wait_for_a_list_is_not_counted() -> None:
    """If the list that ten creates share waits 100 s for its turn, all of them still succeed: the
    deadline of a call does not count the time in which it waits for the list of another."""

    async def work() -> float:
        client, truth = moment(periods={"audiences": 1.0}, deadline=10)
        audiences = client.account(1).audiences
        flood = [asyncio.ensure_future(audiences.list()) for _ in range(100)]
        await asyncio.sleep(0)
        await asyncio.gather(*(audiences.create(draft(number)) for number in range(10)))
        await asyncio.gather(*flood)
        assert truth.kakao.changes == 10
        return now()

    assert run(work()) > 100


# -- Looking for what was created -------------------------------------------------------


class Looker:
    """Makes lists of rows, of which each takes a second, and counts them."""

    def __init__(self, *failures: BaseException) -> None:
        self.made = 0
        self.failures = list(failures)

    async def __call__(self) -> list[kmoment.AudienceSummary]:
        self.made += 1
        number = self.made
        await asyncio.sleep(1)
        if self.failures:
            raise self.failures.pop(0)
        return [kmoment.AudienceSummary(id=number, name="x")]


async def look(looks: Looks, looker: Looker, after: float) -> int | None:
    rows = await looks.get(1, now, looker, nullcontext, after)
    return None if rows is None else rows[0].id


def test_looks_share_a_list_that_is_new_enough() -> None:
    """A look takes a list that was asked for after its moment, else it makes one."""

    async def work() -> list[int | None]:
        looks, looker = Looks(), Looker()
        together = [look(looks, looker, after=-1) for _ in range(16)]
        found = await asyncio.gather(*together, look(looks, looker, after=-0.1))
        assert set(found) == {1}
        return [
            await look(looks, looker, after=-0.01),  # the list was asked for at 0
            await look(looks, looker, after=0),
            await look(looks, looker, after=0.5),
        ]

    assert run(work()) == [1, 2, 2]


def test_a_look_that_fails_is_one_for_all_who_wait() -> None:
    """If a list fails, the looks that waited for it have failed; the next one lists again."""

    async def work() -> list[int | None]:
        looks, looker = Looks(), Looker(kmoment.ServerError("away"))
        found = await asyncio.gather(*(look(looks, looker, after=-1) for _ in range(3)))
        return [*found, await look(looks, looker, after=0.5)]

    assert run(work()) == [None, None, None, 2]


def test_a_look_that_is_cancelled_leaves_its_list_to_the_next() -> None:
    """If the create that lists is cancelled, one of those who wait lists for all of them."""

    async def work() -> list[int | None]:
        looks, looker = Looks(), Looker()
        first, *others = [asyncio.create_task(look(looks, looker, after=-1)) for _ in range(4)]
        await asyncio.sleep(0.5)
        first.cancel()
        found = await asyncio.gather(*others)
        assert first.cancelled()
        assert now() == 1.5
        return found

    assert run(work()) == [2, 2, 2]


@pytest.mark.parametrize("done", [True, False], ids=["made", "not made"])
def test_creates_whose_answers_are_lost_look_together(done: bool) -> None:
    """Of twenty creates at once that lose their answers, each look makes one list for all."""

    async def create(client: kmoment.AsyncClient, number: int) -> object:
        with writing("reset after" if done else "reset before"):
            return await client.account(1).audiences.create(draft(number))

    async def work() -> int:
        client, truth = moment()
        await client.account(1).audiences.create(draft(20))
        before = truth.requests
        ends = await asyncio.gather(
            *(create(client, number) for number in range(20)), return_exceptions=True
        )
        unknown = [end for end in ends if isinstance(end, kmoment.OutcomeUnknownError)]
        assert (len(unknown), truth.kakao.changes) == ((0, 21) if done else (20, 1))
        return truth.requests - before

    # 20 creates, and one look with 20 details, or three looks.
    assert run(work()) == (20 + 1 + 20 if done else 20 + 3)


@attrs.define(eq=False)
class Losing(Counted):
    """A transport that loses the first four creates."""

    posts: list[float] = attrs.Factory(list)

    async def send(self, request: Request, _: Secret, attempt: AttemptState) -> Response:
        if request.method == "POST":
            self.posts.append(now())
        if request.method == "POST" and len(self.posts) <= 4:
            attempt.sent = True
            raise TransportError("the server closed the connection")
        return await super().send(request, _, attempt)


@pytest.mark.parametrize(
    ("own", "workers", "held_up"), [(True, 4, False), (False, 4, True), (True, 1, True)]
)
def test_creates_that_are_looked_for_do_not_hold_up_a_batch(
    own: bool, workers: int, held_up: bool
) -> None:
    """While four of four workers wait to look for what they have made, others go on; a function
    of the user, and a batch with one worker, keep to their number."""

    async def work() -> float:
        client = kmoment.AsyncClient(TOKEN)
        under(client, losing := Losing(lambda: 0.01, Dated()))
        create = client.account(1).audiences.create
        batch = client.each(
            create if own else lambda it: create(it),
            [draft(number) for number in range(40)],
            concurrency=workers,
            ordered=False,
        )
        ended = [now() async for _ in batch]
        assert (losing.posts[1] > 20) is (workers == 1)
        return ended[35]

    assert (run(work()) > 20) is held_up


async def lose(view: kmoment.AsyncClient, number: int) -> kmoment.Audience:
    """A create whose answer is lost."""
    with writing("reset after"):
        return await view.account(1).audiences.create(draft(number))


@pytest.mark.parametrize("alike", [True, False])
def test_looks_of_other_options_are_not_shared(alike: bool) -> None:
    """A view with other options looks for itself: if its look fails, that costs no other view its
    look."""

    async def work() -> int:
        client, truth = moment()
        await client.account(1).audiences.create(draft(20))
        before = truth.requests
        view = client if alike else client.with_options(max_attempts=2)
        await asyncio.gather(lose(client, 1), lose(view, 2))
        return truth.requests - before - 4  # but for two creates, and two details

    assert run(work()) == (1 if alike else 2)


def test_the_wait_for_the_list_of_another_look_is_not_counted() -> None:
    """If the list that two looks share waits 100 s for its turn, both still find what they have
    made: the deadline stands still for who waits for the list of another."""

    async def work() -> float:
        client, truth = moment(deadline=20)
        audiences = client.account(1).audiences
        await audiences.create(draft(20))
        creates = [asyncio.ensure_future(lose(client, number)) for number in range(2)]
        await asyncio.sleep(0.5)
        lane = client._dispatcher.state.limiters._lane(("audiences", 1), 0.0, now())  # type: ignore[attr-defined]
        lane.limiter.free = False
        lane.limiter._set(Mode.HOLD, 1.0, now())  # a limit is known from now on
        flood = [asyncio.ensure_future(audiences.list()) for _ in range(100)]
        assert all(made.reconciled for made in await asyncio.gather(*creates))
        found = now()
        await asyncio.gather(*flood)
        assert truth.kakao.changes == 3
        return found

    assert run(work()) > 90


def test_looks_of_many_accounts_do_not_pile_up() -> None:
    """The looks of the last sixteen accounts are kept."""

    async def work() -> int:
        looks, looker = Looks(), Looker()
        for account in range(20):
            await looks.get(account, now, looker, nullcontext, -1)
        return len(looks._looks)

    assert run(work()) == 16


def test_a_look_that_is_cancelled_leaves_a_newer_one_alone() -> None:
    """If a look is cancelled after a newer one has begun, the newer one serves others."""

    async def work() -> int | None:
        looks, looker = Looks(), Looker()
        old = asyncio.create_task(look(looks, looker, after=-1))
        await asyncio.sleep(0.5)
        new = asyncio.create_task(look(looks, looker, after=0.2))
        await asyncio.sleep(0.1)
        old.cancel()
        shared = asyncio.create_task(look(looks, looker, after=0.3))
        assert await new == 2
        return await shared

    assert run(work()) == 2
