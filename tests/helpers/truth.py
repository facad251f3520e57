"""A Kakao Moment in memory. It knows what really happened, also if its answers get lost.

:class:`Kakao` holds the truth: audiences and their links, by account. :class:`Truth` is a client's
transport to it, with latency and troubles. The troubles come from the plan of the
:class:`Writing` that the current task has set. ``of_received`` is for use by the fault server.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Self

import attrs
from yarl import URL

from helpers.fault_server import Received
from kmoment import AsyncClient
from kmoment._engine.context import AttemptState
from kmoment._protocol.http import Request, Response, TransportError
from kmoment._secret import Secret

Json = dict[str, Any]

AUDIENCES: Final = "/openapi/v4/targetings/audiences"
AD_GROUPS: Final = (1, 2, 3)
"""Every new audience is linked to these, because kmoment has no call that links."""


# -- What really happened ---------------------------------------------------------------


@attrs.frozen
class Asked:
    """One request, from a transport or from the fault server."""

    method: str
    path: str
    query: dict[str, str]
    account: int
    body: Json

    @classmethod
    def of_request(cls, request: Request) -> Self:
        return cls._of(request.method, request.url, request.headers["adAccountId"], request.body)

    @classmethod
    def of_received(cls, received: Received) -> Self:
        account = received.header("adAccountId")
        return cls._of(received.method, URL(received.target), account, received.body)

    @classmethod
    def _of(cls, method: str, url: URL, account: str | None, body: bytes | None) -> Self:
        query, data = dict(url.query), json.loads(body or b"{}")
        return cls(method, url.path, query, int(account or 0), data)


@attrs.define(eq=False)
class Kakao:
    """The truth: what the server really has."""

    audiences: dict[int, dict[int, Json]] = attrs.Factory(dict)
    links: set[tuple[int, int]] = attrs.Factory(set)
    """Pairs of audience id and ad group id."""
    changes: int = 0
    """The number of changes by requests."""
    last_id: int = 100
    stored_name: Callable[[str], str] = str
    """How a name is stored: a server may compose and trim it."""

    def seed(self, account: int, count: int) -> None:
        """Make some audiences before the test begins."""
        for number in range(count):
            body = {"name": f"seeded {number}", "type": "DISPLAY"}
            self.answer(Asked("POST", AUDIENCES, {}, account, body))

    def of(self, account: int) -> dict[int, Json]:
        return self.audiences.setdefault(account, {})

    def named(self, account: int, name: str) -> list[int]:
        return [ident for ident, row in self.of(account).items() if row["name"] == name]

    def answer(self, asked: Asked, *, stale: bool = False) -> Response:
        """Execute a request. *stale*: a list does not show the newest audience yet."""
        parts = asked.path.removeprefix(AUDIENCES).strip("/").split("/")
        match asked.method, *filter(None, parts):
            case ["GET"]:
                return self._list(asked.account, stale)
            case ["POST"]:
                return self._create(asked)
            case ["PUT"]:
                return self._update(asked)
            case ["DELETE"]:
                return self._delete_many(asked)
            case [_, ident, *rest] if int(ident) in self.of(asked.account):
                return self._one(asked, int(ident), rest)
            case _:
                return NOT_FOUND

    def _one(self, asked: Asked, ident: int, rest: list[str]) -> Response:
        match asked.method, *rest:
            case ["GET"]:
                return said(printed(self.of(asked.account)[ident]))
            case ["DELETE"]:
                self._remove(asked.account, ident)
                return said(None)
            case ["GET", "adGroups"]:
                return said({"content": self._groups(ident)})
            case _:
                return self._unlink(ident, int(asked.query["adGroupId"]))

    def _list(self, account: int, stale: bool) -> Response:
        rows = list(self.of(account).values())
        shown = ("id", "name", "type")
        return said(
            {"content": [{k: row[k] for k in shown} for row in rows[: -1 if stale else None]]}
        )

    def _create(self, asked: Asked) -> Response:
        self.changes += 1
        self.last_id += 1
        row = self.of(asked.account)[self.last_id] = self._stored(asked) | {"id": self.last_id}
        self.links |= {(self.last_id, group) for group in AD_GROUPS}
        return said(printed(row))

    def _update(self, asked: Asked) -> Response:
        ident = asked.body["id"]
        if ident not in self.of(asked.account):
            return NOT_FOUND
        self.changes += 1
        row = self.of(asked.account)[ident] = self._stored(asked)
        return said(printed(row))

    def _stored(self, asked: Asked) -> Json:
        return asked.body | {"name": self.stored_name(asked.body["name"])}

    def _delete_many(self, asked: Asked) -> Response:
        asked_for = list(map(int, asked.query["audienceIds"].split(",")))
        there = [ident for ident in asked_for if ident in self.of(asked.account)]
        for ident in there:
            self._remove(asked.account, ident)
        missing = len(asked_for) - len(there)
        messages = ["이미 삭제된 오디언스입니다."] * missing
        return said({"successCount": len(there), "failCount": missing, "errorMessages": messages})

    def _remove(self, account: int, ident: int) -> None:
        self.changes += 1
        del self.of(account)[ident]
        self.links -= {(ident, group) for group in AD_GROUPS}

    def _groups(self, ident: int) -> list[Json]:
        return [
            {"campaignId": 1, "adGroupId": group, "adGroupName": f"group {group}"}
            for audience, group in sorted(self.links)
            if audience == ident
        ]

    def _unlink(self, ident: int, group: int) -> Response:
        if (ident, group) not in self.links:
            return NOT_LINKED
        self.changes += 1
        self.links.remove((ident, group))
        return said(None)


def printed(row: Json) -> Json:
    """*row* as Kakao answers it: without ``locationType``."""
    return {name: value for name, value in row.items() if name != "locationType"}


def said(data: Any, status: int = 200, **headers: str) -> Response:
    body = b"" if data is None else json.dumps(data, ensure_ascii=False).encode()
    return Response(status, headers, body)


def refused(code: int, status: int = 400, **extras: Any) -> Response:
    return said({"code": code, "msg": "KakaoMomentException", "extras": extras}, status)


NOT_FOUND: Final = refused(-813, detailCode=75014)
NOT_LINKED: Final = refused(-813, detailMsg="not linked")


# -- What goes wrong --------------------------------------------------------------------


@attrs.frozen
class Trouble:
    """What happens to one request and to its answer."""

    sent: bool = True
    acts: bool = False
    """Whether it takes effect before the answer."""
    late: float | None = None
    """Seconds after which it takes effect, although no answer will come."""
    stale: bool = False
    reply: Callable[[Response], Response | None] = lambda _: None
    """Makes the answer from the true one. None means that no answer comes."""
    begins: bool = False
    """Whether the answer's first line comes before the connection is lost."""


def instead(response: Response) -> Callable[[Response], Response]:
    return lambda _: response


def broken(true: Response) -> Response:
    return true._replace(body=true.body[:-1] or b"{")


PAGE: Final = Response(200, {}, b"<html>Sign in</html>")
FINE: Final = Trouble(acts=True, reply=lambda true: true)
HOLDING: Final = {
    "quota": Trouble(reply=instead(refused(-10))),
    "maintenance": Trouble(reply=instead(refused(-9798, 503))),
    "401": Trouble(reply=instead(said({"code": -401, "msg": "no"}, 401))),
}
"""Refusals that also make the client hold back later calls."""
TROUBLES: Final = {
    "fine": FINE,
    "stale list": attrs.evolve(FINE, stale=True),
    **HOLDING,
    "unreached": Trouble(sent=False),
    "reset before": Trouble(),
    "reset after": Trouble(acts=True),
    "cut body": Trouble(acts=True, begins=True),
    "502 before": Trouble(reply=instead(said(None, 502))),
    "502 after": Trouble(acts=True, reply=instead(said(None, 502))),
    "429": Trouble(reply=instead(said(None, 429))),
    "429 for 3 s": Trouble(reply=instead(said(None, 429, **{"retry-after": "3"}))),
    "429 for 90 s": Trouble(reply=instead(said(None, 429, **{"retry-after": "90"}))),
    "page before": Trouble(reply=instead(PAGE)),
    "page after": Trouble(acts=True, reply=instead(PAGE)),
    "bad JSON": Trouble(acts=True, reply=broken),
    "late by 0.3 s": Trouble(late=0.3),
    "late by 3 s": Trouble(late=3.0),
    "late by 12 s": Trouble(late=12.0),
    "late by 100 s": Trouble(late=100.0),
}


def _queue(names: Iterable[str]) -> deque[str]:
    return deque(names)


@attrs.define(eq=False)
class Writing:
    """One write: what will go wrong with its requests, and what they really did."""

    plan: deque[str] = attrs.field(factory=deque, converter=_queue)
    """The name of the trouble of each request. Later requests have no trouble."""
    flying: int = 0
    most: int = 0
    """The most requests that were under way at once."""
    changes: int = 0
    """The number of changes that it made."""
    made: list[int] = attrs.Factory(list)
    """Ids of the audiences that it created."""
    sent: bool = False
    """Whether any of its writing requests was sent."""
    given_up: bool = False
    """Whether a writing request was under way when the call was cancelled."""

    @contextmanager
    def under_way(self) -> Iterator[None]:
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            yield
        finally:
            self.flying -= 1

    @contextmanager
    def watched(self, asked: Asked) -> Iterator[None]:
        """Note that the request was sent, and whether it is cancelled from now on."""
        writes = asked.method != "GET"
        self.sent |= writes
        try:
            yield
        except asyncio.CancelledError:
            self.given_up |= writes
            raise


WRITING: Final[ContextVar[Writing]] = ContextVar("WRITING")


# -- Under a client ---------------------------------------------------------------------


@attrs.define(eq=False)
class Truth:
    """The transport. A request that was sent takes effect, also after its call was cancelled."""

    latency: Callable[[], float]
    kakao: Kakao = attrs.Factory(Kakao)
    shortest_gap: float = float("inf")
    """The fewest seconds from the end of an answer to the account's next request."""
    _ended: dict[int, float] = attrs.Factory(dict)
    _last: float = 0.0

    async def send(self, request: Request, _: Secret, attempt: AttemptState) -> Response:
        writing, asked = WRITING.get(Writing()), Asked.of_request(request)
        trouble = TROUBLES[writing.plan.popleft()] if writing.plan else FINE
        with writing.under_way(), self._timed(asked.account):
            await self._connect(trouble)
            attempt.sent, attempt.phase = True, "waiting for the answer"
            with writing.watched(asked):
                return await self._exchange(asked, writing, trouble, attempt)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    async def settled(self) -> None:
        """Wait until all requests that were sent have taken effect."""
        while (left := self._last - asyncio.get_running_loop().time()) >= 0:
            await asyncio.sleep(left + 0.001)

    @contextmanager
    def _timed(self, account: int) -> Iterator[None]:
        clock = asyncio.get_running_loop().time
        gap = clock() - self._ended.get(account, -1e9)
        self.shortest_gap = min(self.shortest_gap, gap)
        try:
            yield
        finally:
            self._ended[account] = clock()

    async def _connect(self, trouble: Trouble) -> None:
        await asyncio.sleep(self.latency())
        if not trouble.sent:
            raise TransportError("the connection was refused")

    async def _exchange(
        self, asked: Asked, writing: Writing, trouble: Trouble, attempt: AttemptState
    ) -> Response:
        answer = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            true = self._act(asked, writing, trouble) if trouble.acts else said(None)
            if not answer.done():
                answer.set_result(true)

        self._later(self.latency(), arrive)
        if trouble.late is not None:
            self._later(trouble.late, lambda: self._act(asked, writing, trouble))
        true = await answer
        await asyncio.sleep(self.latency())
        return self._delivered(true, trouble, attempt)

    def _delivered(self, true: Response, trouble: Trouble, attempt: AttemptState) -> Response:
        reply = trouble.reply(true)
        if reply is not None or trouble.begins:
            attempt.status, attempt.phase = (reply or true).status, "reading the answer"
        if reply is None:
            raise TransportError("the connection was lost")
        return reply

    def _act(self, asked: Asked, writing: Writing, trouble: Trouble) -> Response:
        before = self.kakao.changes
        response = self.kakao.answer(asked, stale=trouble.stale)
        if self.kakao.changes > before:
            writing.changes += self.kakao.changes - before
            writing.made += [self.kakao.last_id] if asked.method == "POST" else []
        return response

    def _later(self, seconds: float, work: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        self._last = max(self._last, loop.time() + seconds)
        loop.call_later(seconds, work)


def under(client: AsyncClient, truth: Truth) -> Truth:
    """Let *client* use *truth* as its transport."""
    client._change_settings(new_transport=lambda _: truth)
    return truth


@contextmanager
def writing(*plan: str) -> Iterator[Writing]:
    """Calls inside the block have the troubles of *plan*."""
    token = WRITING.set(told := Writing(plan))
    try:
        yield told
    finally:
        WRITING.reset(token)
