"""Which Redis a fleet uses. Its address may hold a password, and is a secret."""

from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from .. import _validate
from .._secret import Secret
from ..errors import InvalidArgumentError

if TYPE_CHECKING:
    from redis import Redis as BlockingRedis
    from redis.asyncio import Redis

OnFailure = Literal["local", "stop"]

_CONSEQUENCES: Final = {
    "local": "this process goes on with a share of each known rate",
    "stop": "calls are refused until it is back",
}
_SCHEMES: Final = ("redis://", "rediss://", "unix://")


@attrs.frozen(eq=False)
class Target:
    """How to connect."""

    settings: Secret
    """What redis-py's connections take."""
    on_failure: OnFailure

    @classmethod
    def of(cls, given: Secret, on_failure: OnFailure) -> "Target":
        """That of a URL, or of a client of redis-py, whose connections are not used themselves."""
        _needed()
        if isinstance(given.reveal(), str):
            return cls(_of_url(given), on_failure)
        return cls(_of_client(given), on_failure)

    @property
    def consequence(self) -> str:
        """What calls do while Redis is away, for the log."""
        return _CONSEQUENCES[self.on_failure]

    @property
    def is_remote_and_open(self) -> bool:
        """Whether commands travel unencrypted to another machine."""
        settings = self.settings.reveal()
        host = str(settings.get("host", "localhost"))
        if "path" in settings or "SSL" in settings["connection_class"].__name__:
            return False
        return not _validate.is_loopback(host)

    def connect(self, limit: float) -> "Redis":
        """A client for asyncio. It opens nothing yet. *limit* is in seconds."""
        from redis.asyncio import ConnectionPool, Redis, connection

        settings = {**self.settings.reveal(), **_once(limit)}
        kind = getattr(connection, settings.pop("connection_class").__name__)
        return Redis(connection_pool=ConnectionPool(connection_class=kind, **settings))

    def connect_blocking(self, limit: float) -> "BlockingRedis":
        """The same, for blocking code."""
        from redis import ConnectionPool, Redis, connection

        settings = {**self.settings.reveal(), **_once(limit, blocking=True)}
        kind = getattr(connection, settings.pop("connection_class").__name__)
        return Redis(connection_pool=ConnectionPool(connection_class=kind, **settings))


def _once(limit: float, *, blocking: bool = False) -> dict[str, Any]:
    """Settings without which redis-py tries again, and waits for five seconds."""
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.retry import Retry as BlockingRetry

    return {
        "socket_timeout": limit,
        "socket_connect_timeout": limit,
        "retry": (BlockingRetry if blocking else Retry)(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
    }


def _needed() -> None:
    try:
        import redis  # noqa: F401
    except ImportError:
        raise ModuleNotFoundError('a fleet needs redis: pip install "kmoment[fleet]"') from None


_KEPT: Final = (
    "host", "port", "db", "username", "password", "path", "credential_provider", "ssl_keyfile",
    "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data",
    "ssl_check_hostname", "ssl_password", "ssl_min_version", "socket_keepalive",
)  # fmt: skip
"""Settings of connections that are taken over. The others would change what is promised."""


def _of_url(url: Secret) -> Secret:
    from redis import Connection, ConnectionPool

    if not url.reveal().startswith(_SCHEMES):
        raise InvalidArgumentError("url", f"must begin with {', '.join(_SCHEMES)}")
    try:
        pool = ConnectionPool.from_url(url.reveal())
    except (ValueError, TypeError):
        pool = None
    if pool is None:
        raise InvalidArgumentError("url", "must be the URL of a Redis, such as redis://host:6379/0")
    kind = getattr(pool, "connection_class", Connection)
    return Secret(_kept(pool.connection_kwargs) | {"connection_class": kind})


def _of_client(client: Secret) -> Secret:
    pool = getattr(client.reveal(), "connection_pool", None)
    settings = getattr(pool, "connection_kwargs", None)
    if settings is None:
        _validate.refuse("url", "a URL or a client of redis-py", client.reveal(), secret=True)
    return Secret(_kept(settings) | {"connection_class": pool.connection_class})  # type: ignore[union-attr]


def _kept(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in _KEPT if name in settings}
