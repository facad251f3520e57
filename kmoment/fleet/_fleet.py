"""The fleet, as users make it."""

import asyncio
import os
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn
from weakref import WeakKeyDictionary

from .. import _validate
from .._engine.closed_loop import last_step
from .._engine.rate_limiters import CallAt
from .._engine.sharing import CreateLock
from .._secret import Secret
from ..errors import APIError, ClientClosedError, Facts, InvalidArgumentError
from ._breakers import FleetBreakers
from ._create_lock import lock_create
from ._keys import board_key, limit_of, limiter_key
from ._limiters import FleetRateLimiters
from ._link import LIMIT
from ._session import Session
from ._status import FleetStatus, live, status, unavailable
from ._target import OnFailure, Target

if TYPE_CHECKING:
    from redis import Redis as BlockingRedis
    from redis.asyncio import Redis

Creates = Literal["doubt", "refuse"]

_URL: Final = "KMOMENT_REDIS_URL"
_NAMESPACE: Final = "KMOMENT_FLEET"
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Membership:
    """What one client shares, in one event loop."""

    def __init__(
        self,
        session: Session,
        limiters: FleetRateLimiters,
        breakers: FleetBreakers,
        leave: Callable[[], bool],
    ) -> None:
        self.limiters = limiters
        self.breakers = breakers
        self._session = session
        self._leave = leave
        self._left = False
        self.ready: bool = False
        """Whether :meth:`start` is over."""

    async def start(self) -> None:
        """Before the first call: see whether Redis can be used, and what is known."""
        await self._session.start()
        self.ready = True

    async def may_probe(self, now: float, facts: Facts, token: Secret) -> APIError | None:
        """The error of a call that may not try whether a breaker can close: another one does."""
        return await self.breakers.may_probe(now, facts, token)

    async def lock_create(
        self, account: int | None, name: str, seconds: float, longest: float
    ) -> CreateLock:
        """Wait for the right to create an audience."""
        return await lock_create(self._session, account, name, seconds, longest)

    async def aclose(self) -> None:
        """Leave the others. The last client of an event loop closes the connections."""
        if self._is_last():
            await self._session.aclose()

    def abandon(self) -> None:
        """Drop what belongs to an event loop that is closed."""
        if self._is_last():
            self._session.link.abandon()

    def _is_last(self) -> bool:
        """Leave, once. Whether nobody else is left."""
        if self._left:
            return False
        self._left = True
        self.breakers.leave()
        return self._leave()


class Fleet:
    """Limits, breakers and create locks that many processes share over one Redis.

        fleet = kmoment.fleet.Fleet("redis://localhost:6379/0", namespace="nightly")

    One namespace is one Kakao app. Give the fleet to each client: ``Client(token, fleet=fleet)``.
    It opens nothing itself, may be shared by any number of clients, threads and event loops, and
    may be used after a fork.
    """

    def __init__(
        self,
        url: "str | Redis | BlockingRedis | None" = None,
        *,
        namespace: str | None = None,
        on_failure: OnFailure = "local",
        creates: Creates = "doubt",
    ) -> None:
        """Check the settings. Nothing is opened or sent.

        :param url: Where Redis is, such as ``rediss://:password@host:6379/0``; or a client of
            redis-py, whose address is taken over. Default: the environment's
            ``KMOMENT_REDIS_URL``. It is never shown.
        :param namespace: 1 to 64 letters, digits and ``_.-``. Default: the environment's
            ``KMOMENT_FLEET``, else ``default``.
        :param on_failure: While Redis is away: ``local`` goes on with a share of each known rate,
            ``stop`` refuses calls with a ``FleetUnavailableError``.
        :param creates: A create while Redis is away: ``doubt`` makes it, and never takes an
            audience for its own if the answer is lost; ``refuse`` does not make it.
        :raises InvalidArgumentError: An argument breaks its rule.
        :raises ModuleNotFoundError: redis is missing: ``pip install "kmoment[fleet]"``.
        """
        # Rebound at once: a traceback shows the local variables of every frame.
        secret, url = Secret(url), None
        if secret.reveal() is None:
            secret = Secret(os.environ.get(_URL) or None)
        if secret.reveal() is None:
            raise InvalidArgumentError("url", f"is missing: pass it, or set {_URL}")
        if on_failure not in ("local", "stop"):
            _validate.refuse("on_failure", "local or stop", on_failure)
        if creates not in ("doubt", "refuse"):
            _validate.refuse("creates", "doubt or refuse", creates)
        self._creates: Final = creates
        self._namespace = checked_namespace(namespace)
        self._target = Target.of(secret, on_failure)
        self._closed = False
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, Session] = WeakKeyDictionary()
        if self._target.is_remote_and_open:
            warnings.warn(_OPEN, RuntimeWarning, stacklevel=2)

    @property
    def namespace(self) -> str:
        """Whose limits they are."""
        return self._namespace

    def status(self) -> FleetStatus:
        """Members, limits, breakers, and whether Redis answers. For blocking code.

        Nothing is sent to Kakao. A Redis that is away is no error: ``available`` is false.
        """
        redis = self._target.connect_blocking(LIMIT)
        try:
            version = str(redis.info("server")["redis_version"])
            now, flat = redis.time(), redis.hgetall(board_key(self._namespace))
            fields = live(_answer(now, flat))
            keys = self._limiter_keys(fields)
            states = {field: redis.hget(key, "state") for field, key in keys.items()}
        except _errors() as error:
            return unavailable(self._namespace, type(error).__name__)
        finally:
            redis.close()
            redis.connection_pool.disconnect()
        return status(self._namespace, version, fields, states)  # type: ignore[arg-type]

    async def astatus(self) -> FleetStatus:
        """The same for asyncio."""
        return await asyncio.to_thread(self.status)

    def close(self) -> None:
        """Let no further client join. Those that have joined close what they have opened."""
        self._closed = True

    async def aclose(self) -> None:
        """The same for asyncio."""
        self.close()

    def _limiter_keys(self, fields: dict[str, Any]) -> dict[str, str]:
        names = [name for name in fields if name.startswith("limit:")]
        return {name: limiter_key(self._namespace, limit_of(name)) for name in names}

    def _join(
        self,
        clock: Callable[[], float],
        call_at: CallAt,
        seconds: float,
    ) -> Membership:
        if self._closed:
            raise ClientClosedError("the fleet is closed; make a new one")
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            self._drop_closed_loops()
            session = Session(self._target, self._namespace, self._creates, clock)
            self._sessions[loop] = session
        session.users += 1

        def leave() -> bool:
            session.users -= 1
            if session.users:
                return False
            self._sessions.pop(loop, None)
            return True

        limiters = FleetRateLimiters(session, clock, call_at, seconds)
        return Membership(session, limiters, FleetBreakers(session, clock), leave)

    def _drop_closed_loops(self) -> None:
        """Drop what clients have left behind that were not closed."""
        for loop, session in list(self._sessions.items()):
            if loop.is_closed():
                self._sessions.pop(loop, None)
                with last_step(loop), suppress(RuntimeError):
                    session.link.abandon()

    def __repr__(self) -> str:
        if not hasattr(self, "_target"):  # in the traceback of a refused argument
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} {self._namespace}, on_failure={self._target.on_failure}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a fleet holds the address of a Redis: make one in each process")


_OPEN: Final = (
    "the fleet's Redis is on another machine, and commands travel unencrypted: use rediss://"
)


def checked_namespace(namespace: str | None) -> str:
    """*namespace*, or the environment's."""
    argument, found = "namespace", namespace
    if found is None:
        argument, found = _NAMESPACE, os.environ.get(_NAMESPACE, "default")
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        _validate.refuse(argument, "1 to 64 letters, digits, and any of _.-", found)
    return found


def _answer(now: Any, fields: Any) -> list[Any]:
    """The answer that the board's script would give."""
    flat = [part for pair in fields.items() for part in pair]
    return [now[0] * 1_000_000 + now[1], flat]


def _errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return RedisError, OSError
