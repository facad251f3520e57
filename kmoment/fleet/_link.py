"""The way to Redis: a time limit for each command, and a breaker of its own.

A failed command opens the breaker: for about five seconds nobody asks Redis. Then one command
tries. The log has one line when Redis is lost and one when it is back.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from ..errors import UsageError
from ._target import Target

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log: Final = logging.getLogger("kmoment")

LIMIT: Final = 0.25
"""Seconds that Redis may take for one command: a thousand times what it takes on one network."""
_STALLED: Final = 1.2
"""A time limit overrun by this factor shows that this program was busy, maybe not Redis."""
_REST: Final = (4.0, 6.0)
"""Seconds between two tries to reach it, by chance: processes shall not try all at once."""
_CONNECTIONS: Final = 8
"""At once. Each command takes less than a millisecond."""
_OLDEST: Final = (6, 2)
"""Redis 6.2 is the oldest that the tests' commands are documented for."""

NODES: Final = "cluster_nodes"
"""Beside the facts of ``INFO``: what a node of a cluster answers to ``CLUSTER NODES``."""
PART: Final = "has only a part of the keys of a cluster"
_ALL_SLOTS: Final = "0-16383"
_REFUSED: Final = "refuses the user or password"
_CLOSED: Final = "the client is closed"


class LinkLostError(Exception):
    """Redis did not answer, or cannot be used now."""


class Link:
    """Commands to one Redis, in one event loop."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self._target = target
        self._clock = clock
        self._redis: Redis | None = None
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._scripts: dict[str, Any] = {}
        self._running: set[asyncio.Future[Any]] = set()
        self._lost_at: float | None = None
        self._next_try = 0.0
        self._used = False
        """Whether Redis has ever answered."""
        self._closed = False
        self.away: bool = False
        """Whether Redis is lost."""
        self.reason: str = ""
        """Why Redis was lost last."""
        self.listeners: list[Callable[[bool], None]] = []
        """Called with whether Redis is away, when that changes."""

    async def script(self, text: str, key: str, *args: str | int) -> Any:
        """Run a script on one key.

        :raises LinkLostError: Redis is away, or is lost now.
        """
        return await self._limited(lambda: self._script(text)(keys=[key], args=args))

    async def command(self, *args: str | int) -> Any:
        """Run one command.

        :raises LinkLostError: Redis is away, or is lost now.
        """
        return await self._limited(lambda: cast("Any", self._connected()).execute_command(*args))

    async def check(self) -> None:
        """Refuse a Redis that cannot be used.

        :raises UsageError: It is too old, takes no writes, or has not all keys; or no password
            fits.
        """
        facts = await self.command("INFO")
        if facts.get("cluster_enabled"):
            facts[NODES] = await self.command("CLUSTER", "NODES")
        if is_too_old(facts):
            version = facts.get("redis_version")
            raise UsageError(f"the fleet needs Redis 6.2 or newer; this is {version}")
        if is_read_only(facts):
            raise UsageError("the fleet's Redis is a read-only replica: name its primary")
        if is_part(facts):
            raise UsageError(f"the fleet's Redis {PART}: name a Redis that has all")

    async def quiet(self) -> None:
        """Wait for all commands that are under way now."""
        if self._running:
            await asyncio.wait(self._running)

    async def aclose(self) -> None:
        """Close all connections, and open no other one."""
        await self.quiet()
        self._closed = True
        redis, self._redis = self._redis, None
        if redis is not None:
            await redis.aclose()
            await redis.connection_pool.disconnect()

    def abandon(self) -> None:
        """Drop all connections. Their event loop is closed."""
        redis, self._redis = self._redis, None
        if redis is not None:
            pool: Any = redis.connection_pool
            for connection in (*pool._available_connections, *pool._in_use_connections):
                connection._close()

    def _script(self, text: str) -> Any:
        if text not in self._scripts:
            self._scripts[text] = self._connected().register_script(text)
        return self._scripts[text]

    def _connected(self) -> "Redis":
        if self._redis is None:
            self._redis = self._target.connect(LIMIT)
        return self._redis

    async def _limited(self, command: Callable[[], Any]) -> Any:
        """Its answer. A cancelled caller leaves the command to its end: it does not take long."""
        task = asyncio.ensure_future(self._asked(command))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self._running.discard(task)
        with suppress(asyncio.CancelledError):
            task.exception()  # its caller may be gone

    async def _asked(self, command: Callable[[], Any]) -> Any:
        async with self._slots:
            self._may_try()  # only now: Redis may have been lost in the meantime
            answer = await self._tried(command)
        self._used = True
        if self._lost_at is not None:
            _log.info("fleet: Redis is back after %.0f s", self._clock() - self._lost_at)
            self._lost_at, self.away = None, False
            self._tell()
        return answer

    def _may_try(self) -> None:
        if self._closed:
            raise LinkLostError(_CLOSED)
        if self._lost_at is None:
            return
        now = self._clock()
        if now < self._next_try:
            raise LinkLostError(self.reason)
        self._next_try = now + random.uniform(*_REST)  # noqa: S311 - spreads load

    async def _tried(self, command: Callable[[], Any]) -> Any:
        began = self._clock()
        try:
            return await self._once(command)
        except TimeoutError:
            if self._clock() - began < _STALLED * LIMIT:
                raise self._lost("no answer within 0.25 s") from None
        try:
            return await self._once(command)
        except TimeoutError:
            raise self._lost("no answer within 0.25 s, twice") from None

    async def _once(self, command: Callable[[], Any]) -> Any:
        """Its answer. redis-py's errors end here: some show where Redis is."""
        from redis import exceptions

        try:
            async with asyncio.timeout(LIMIT):
                return await command()
        except (TimeoutError, exceptions.TimeoutError):
            reason = ""
        except (exceptions.RedisError, OSError) as error:
            reason = _reason(error)
        if not reason:
            raise TimeoutError
        if reason == f"it {_REFUSED}" and not self._used:
            raise UsageError(f"the fleet's Redis {_REFUSED}")
        raise self._lost(reason)

    def _lost(self, reason: str) -> LinkLostError:
        now = self._clock()
        self.reason, self._next_try = reason, now + random.uniform(*_REST)  # noqa: S311
        if self._lost_at is None:
            self._lost_at, self.away = now, True
            _log.warning("fleet: Redis is lost (%s); %s", reason, self._target.consequence)
            self._tell()
        return LinkLostError(reason)

    def _tell(self) -> None:
        for listener in self.listeners:
            listener(self.away)


def is_too_old(facts: dict[str, Any]) -> bool:
    """Whether its version is one that the fleet cannot use. *facts* are Redis's ``INFO``."""
    version = str(facts.get("redis_version", "0"))
    return tuple(int(part) for part in version.split(".")[:2]) < _OLDEST


def is_read_only(facts: dict[str, Any]) -> bool:
    """Whether it is a replica that takes no writes."""
    return facts.get("role") == "slave" and bool(facts.get("slave_read_only"))


def is_part(facts: dict[str, Any]) -> bool:
    """Whether it is a node of a cluster, and other nodes have keys too."""
    nodes = [line.split() for line in str(facts.get(NODES, "")).splitlines()]
    own = [node[8:] for node in nodes if "myself" in node[2]]
    return own not in ([], [[_ALL_SLOTS]])


def look(target: Target, seconds: float) -> dict[str, Any]:
    """Redis's ``INFO``, and what it knows of its cluster, for blocking code.

    :param seconds: The longest wait for the connection, and for the answer.
    :raises TimeoutError: It does not answer in time.
    :raises LinkLostError: It cannot be reached.
    :raises UsageError: It refuses the user or password.
    """
    from redis import exceptions

    redis = target.connect_blocking(seconds)
    try:
        facts = dict(redis.info())
        if facts.get("cluster_enabled"):
            facts[NODES] = cast("Any", redis).execute_command("CLUSTER", "NODES")
    except exceptions.TimeoutError:
        raise TimeoutError from None
    except exceptions.AuthenticationError:
        raise UsageError(f"the fleet's Redis {_REFUSED}") from None
    except (exceptions.ConnectionError, OSError) as error:
        raise LinkLostError(_reason(error)) from None
    finally:
        redis.close()
        redis.connection_pool.disconnect()
    return facts


def _reason(error: Exception) -> str:
    """What happened, without an address."""
    from redis import exceptions

    if isinstance(error, exceptions.ReadOnlyError):
        return "it is a read-only replica now"
    if isinstance(error, exceptions.MovedError):
        return f"it {PART}"
    if isinstance(error, exceptions.AuthenticationError):
        return f"it {_REFUSED}"
    if isinstance(error, exceptions.ConnectionError | OSError):
        return "it cannot be reached"
    return f"it answers {str(error).split(' ', 1)[0] or type(error).__name__}"
