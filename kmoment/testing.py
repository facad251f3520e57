"""For the tests of programs that use kmoment: every answer and failure on order, and no waiting.

A :class:`Script` takes the network's place under a client of either kind; all else is the real
thing, with its checks, retries, look-ups after a lost answer, and errors:

    script = testing.Script(testing.throttled(), testing.answer([{"id": 1, "name": "20s"}]))
    with script.client() as moment:
        rows = moment.account(1234).audiences.list()
    assert len(script.requests) == 2
    assert script.pauses  # what would have been waited

For a server that keeps state and speaks HTTP, see ``kmoment.sandbox``; with a client of it,
:func:`no_waiting` takes the pauses out.

A ``Client`` does not mind a clock that freezegun has frozen. An ``AsyncClient`` waits by the clock
of your event loop: give ``freeze_time(..., real_asyncio=True)``, or no pause there ever ends.
"""

import asyncio
import json as json_module
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final, TypeVar

from ._engine.admission import LimitKey, QueueTooLongError, Turn
from ._engine.context import AttemptState
from ._policies.rate_limit import RateLimiter
from ._protocol.http import Request, Response, TransportError
from ._secret import Secret
from .client import AsyncClient
from .limits import LimitStatus
from .sync.client import Client

__all__ = [
    "Request",
    "Response",
    "Script",
    "Step",
    "address_not_allowed",
    "answer",
    "broken",
    "dead_connection",
    "dead_token",
    "error",
    "lost",
    "maintenance",
    "no_route",
    "no_waiting",
    "part_of_a_list",
    "quota_exceeded",
    "redirect",
    "throttled",
    "too_large",
    "unreachable",
    "web_page",
]

C = TypeVar("C", AsyncClient, Client)

Step = Response | BaseException | Callable[[Request], "Response | BaseException"]
"""One answer, one failure, or a function of the request that gives either."""


class Script:
    """Answers each request with the next step, and remembers what it was asked.

    Without a step left, and without *then*, a request is an ``AssertionError``. Mind that a
    create lists what is there before and, where its answer is lost, after: each takes a step,
    unless the client has ``reconcile_delays=()``.

    :param steps: In the order of the requests.
    :param then: What answers every request after them.
    """

    def __init__(self, *steps: Step, then: Step | None = None) -> None:
        self._steps: Iterator[Step] = iter(steps)
        self._then = then
        self.requests: list[Request] = []
        """What was asked: ``method``, ``url``, ``headers``, ``body``. The token is not there."""
        self.pauses: list[float] = []
        """Seconds that would have been waited: before a retry, for a turn, before a look."""

    def async_client(self, **settings: Any) -> AsyncClient:
        """An ``AsyncClient`` that has this script for a network. *settings* are its own.

        Unless they say otherwise, it does not wait for a host that is down.
        """
        return self._put_under(AsyncClient(**{**_DEFAULTS, **settings}))

    def client(self, **settings: Any) -> Client:
        """A ``Client`` that has this script for a network. *settings* are its own."""
        return self._put_under(Client(**{**_DEFAULTS, **settings}))

    async def send(self, request: Request, token: Secret, attempt: AttemptState) -> Response:
        """What the client calls in place of the network."""
        self.requests.append(request)
        step = next(self._steps, self._then)
        if step is None:
            asked = ", ".join(f"{it.method} {it.url.path}" for it in self.requests)
            raise AssertionError(
                f"the script has {len(self.requests) - 1} steps, and no further one for "
                f"{request.method} {request.url}; asked so far: {asked}"
            )
        given = step if isinstance(step, Response | BaseException) else step(request)
        attempt.sent = getattr(given, "sent", isinstance(given, Response))
        if isinstance(given, BaseException):
            attempt.status = getattr(given, "status", None)
            raise given
        return given

    async def aclose(self) -> None:
        """Nothing is open."""

    def _put_under(self, client: C) -> C:
        client._change_settings(new_transport=lambda _: self)
        self.pauses = no_waiting(client)
        return client


def no_waiting(client: AsyncClient | Client) -> list[float]:
    """Make *client* skip its pauses, and return the list that it writes them into instead.

    For a client that has not been used yet. The deadline still counts real time.
    """
    pauses: list[float] = []

    async def skip(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    client._change_settings(sleep=skip, new_limiters=lambda *_: _NoTurns(pauses))
    return pauses


class _NoTurns:
    """Limiters that let every call pass at once, and write down what it would have waited."""

    def __init__(self, pauses: list[float]) -> None:
        self._pauses = pauses
        self._orders = count()
        self._waited: dict[int, float] = {}
        """By the call's place: what it would have waited so far."""
        self._next: dict[int, float] = {}
        self._due: dict[LimitKey, float] = {}

    def try_enter(self, key: LimitKey, period: float, now: float) -> Turn:
        """A turn at once. A declared period is written down."""
        if (left := self._due.get(key, now) - now) > 0:
            self._pauses.append(left)
        if period:
            self._due[key] = now + period
        turn = Turn(key, next(self._orders), RateLimiter())
        turn.limiter.mark(turn, now)
        return turn

    async def enter(
        self, key: LimitKey, period: float, now: float, *, max_wait: float, order: int | None
    ) -> Turn:
        """A turn at once for a call that met a 429, as long as it would have waited so long."""
        turn = self.try_enter(key, period, now)
        if order is not None and order in self._next:
            turn.order, pause = order, self._next.pop(order)
            waited = self._waited[order] = self._waited.get(order, 0.0) + pause
            self._pauses.append(pause)
            if waited > min(max_wait, _MAX_WAIT):
                raise QueueTooLongError(0, 1 / pause, waited)
        await asyncio.sleep(0)
        return turn

    def accepted(self, turn: Turn, now: float) -> None:
        """Forget what the call has waited."""
        self._waited.pop(turn.order, None)

    def rejected(self, turn: Turn, now: float, retry_after: float | None) -> None:
        """Remember for how long the call would have to wait."""
        self._next[turn.order] = retry_after or _PAUSE

    dropped = accepted

    def close(self) -> None:
        """Nobody waits."""

    def statuses(self, now: float) -> list[LimitStatus]:
        """No limit is known."""
        return []


_PAUSE: Final = 1.0
"""Seconds that are written down for a 429 without Retry-After."""
_MAX_WAIT: Final = 3600.0
"""Seconds after which a call ends that meets nothing but 429s."""


_DEFAULTS: Final[Mapping[str, Any]] = {
    "token": "token",
    "base_url": "http://127.0.0.1",
    "routes": "nested",
    "outage_patience": 0,
    "max_wait": 3600,
}


# -- Steps ------------------------------------------------------------------------------


def answer(json: Any = None, status: int = 200, **headers: str) -> Response:
    """An answer of *json*; of nothing at all without it; of bytes as they are.

    :param headers: With ``_`` for ``-``: ``retry_after="3"``.
    """
    body = json if isinstance(json, bytes) else b"" if json is None else _dumped(json)
    return Response(status, {name.replace("_", "-"): it for name, it in headers.items()}, body)


def error(
    code: int, status: int = 400, *, detail_code: int | None = None, message: str = ""
) -> Response:
    """Kakao's error object with its ``code`` and, within ``extras``, its ``detailCode``."""
    extras = {} if detail_code is None else {"detailCode": detail_code, "detailMsg": message}
    return answer({"code": code, "msg": message, "extras": extras}, status)


def throttled(retry_after: float | None = None) -> Response:
    """429: too many calls to this endpoint."""
    seconds = {} if retry_after is None else {"retry-after": f"{retry_after:.0f}"}
    return error(-813, 429, message="too many calls")._replace(headers=seconds)


def quota_exceeded() -> Response:
    """The platform quota is used up. Nothing was done."""
    return error(-10, message="quota exceeded")


def maintenance() -> Response:
    """Kakao Moment is under maintenance. Nothing was done."""
    return error(-9798, 503, message="under maintenance")


def dead_token() -> Response:
    """401: the token is wrong, revoked or too old."""
    return error(-401, 401, message="this access token does not exist")


def broken(status: int = 502) -> Response:
    """A failure on the server's side, which may have acted."""
    return answer(None, status)


def address_not_allowed(address: str = "203.0.113.7") -> Response:
    """401, but no dead token: the app does not allow this machine's address."""
    return error(-401, 401, message=f"ip mismatched! callerIp={address}. check out registered ips.")


def no_route() -> Response:
    """404: the server has no such route, and has done nothing."""
    page = {"timestamp": "2026-11-26T00:00:00", "error": "Not Found", "path": "/"}
    return answer({**page, "status": 404}, 404)


def web_page(status: int = 200, body: bytes = b"<html><body>Sign in</body></html>") -> Response:
    """Something other than Kakao answers, with any status: a captive portal, a gateway."""
    return answer(body, status)


def redirect(target: str, status: int = 302) -> Response:
    """Something other than Kakao wants to lead elsewhere. It is not followed."""
    return answer(None, status, location=target)


def part_of_a_list(rows: list[Any], total: int) -> Response:
    """A list that says that it has more rows than it brings."""
    return answer({"content": rows, "totalElements": total})


def dead_connection() -> Exception:
    """A kept connection was closed by the server. A read or a delete is sent again at once."""
    return _failure("the server closed the connection", sent=True, status=None, stale=True)


def too_large() -> Exception:
    """The answer is larger than ``max_body_bytes``. The work was done."""
    failure = _failure("the answer is larger than max_body_bytes", sent=True, status=200)
    vars(failure).update(broken=True, too_large=True)
    return failure


def lost(status: int | None = None) -> Exception:
    """The connection breaks after the request was sent.

    :param status: Breaks while the answer's body comes: after a 200, the work was done.
    """
    return _failure("the connection was lost", sent=True, status=status)


def unreachable() -> Exception:
    """No connection: the request provably never left."""
    return _failure("the connection was refused", sent=False, status=None)


def _failure(reason: str, **how: Any) -> TransportError:
    failure = TransportError(reason)
    vars(failure).update(how)
    return failure


def _dumped(json: Any) -> bytes:
    return json_module.dumps(json, ensure_ascii=False).encode()
