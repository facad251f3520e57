"""The settings of a client or of a view, checked. They hold no connection and no event loop."""

import asyncio
import os
import re
import ssl as ssl_module
from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Final, Protocol, Self
from urllib.request import getproxies, proxy_bypass

import attrs
from yarl import URL

from .. import _validate
from .._policies.options import CallOptions
from .._protocol.endpoints import QUOTAS, quota_of
from .._protocol.http import Request, Response
from .._protocol.routes import Reading, Routes
from .._secret import Secret, checked_token
from ..errors import InvalidArgumentError
from ..hooks import Hook
from .admission import RateLimiterStore
from .context import AttemptState
from .notify import Notifier
from .rate_limiters import CallAt, InMemoryRateLimiters
from .sharing import Sharing
from .token import takes_account

DEFAULT_BASE_URL: Final = "https://apis.moment.kakao.com"
_BASE_URL: Final = "KMOMENT_BASE_URL"
_CALL: Final = re.compile(r"(GET|POST|PUT|DELETE) /\S+")


class Sends(Protocol):
    """A transport: aiohttp's, or a script in its place."""

    async def send(self, request: Request, token: Secret, attempt: AttemptState) -> Response:
        """Send *request* once, and read its response to the end."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


@attrs.frozen(kw_only=True, eq=False)
class ClientSettings:
    """What a client was given. A view has the same, with other :attr:`options`."""

    token: Secret
    """The token, or a callable that returns one."""
    base_url: str
    timeout: float
    """Seconds that one attempt may wait for the server's next byte."""
    proxy: Secret | None
    ssl: ssl_module.SSLContext | None
    max_connections: int
    max_body_bytes: int
    """The largest response that is read, decompressed."""
    routes: Routes
    """What was learnt of the server's paths. A forked process starts from it."""
    options: CallOptions
    periods: Mapping[str, float]
    """Seconds between two calls, by quota group."""
    notifier: Notifier
    fleet: Sharing | None = None
    """What other processes share with this one."""
    sleep: Callable[[float], Awaitable[None]] = attrs.Factory(lambda: asyncio.sleep)
    new_transport: Callable[["ClientSettings"], Sends] = attrs.Factory(lambda: _new_transport)
    new_limiters: Callable[[Callable[[], float], CallAt], RateLimiterStore] = attrs.field(
        default=InMemoryRateLimiters
    )

    @classmethod
    def checked(
        cls,
        token: Secret,
        *,
        base_url: str | None,
        timeout: float,
        deadline: float,
        insecure: bool,
        proxy: Secret | None,
        trust_env: bool,
        ssl: ssl_module.SSLContext | None,
        max_connections: int,
        max_body_bytes: int,
        routes: Reading,
        max_attempts: int,
        reconcile_delays: Iterable[float],
        periods: Mapping[str, float] | None,
        max_wait: float | None,
        outage_patience: float | None,
        hooks: Iterable[Hook],
        fleet: Sharing | None,
        blocking: bool = False,
    ) -> Self:
        """Settings from a constructor's arguments. What is secret arrives wrapped."""
        # Imported now, because it takes a while: not on `import kmoment`, not in the first call.
        from . import transport as _  # noqa: F401

        if not isinstance(ssl, ssl_module.SSLContext | None):
            # truststore puts another class in its place.
            rule = (
                "an ssl.SSLContext, and made after truststore.inject_into_ssl() if that is called"
            )
            _validate.refuse("ssl", rule, ssl)
        if routes not in ("auto", "nested", "flat"):
            _validate.refuse("routes", "auto, nested or flat", routes)
        url = _base_url(base_url, insecure)
        return cls(
            token=_token(token, url),
            base_url=url,
            timeout=_validate.seconds("timeout", timeout),
            proxy=_proxy(proxy, url, trust_env),
            ssl=ssl,
            max_connections=_validate.count("max_connections", max_connections),
            max_body_bytes=_validate.count("max_body_bytes", max_body_bytes),
            routes=Routes(routes),
            options=CallOptions(
                max_attempts=_validate.count("max_attempts", max_attempts),
                deadline=_validate.seconds("deadline", deadline),
                reconcile_delays=_validate.pauses("reconcile_delays", reconcile_delays),
                **_waits(max_wait, outage_patience),
            ),
            periods=_periods(periods),
            notifier=Notifier(_hooks(hooks, blocking=blocking)),
            fleet=_fleet(fleet),
        )

    def with_options(
        self,
        max_attempts: int | None,
        deadline: float | None,
        reconcile_delays: Iterable[float] | None,
        max_wait: float | None,
        outage_patience: float | None,
    ) -> Self:
        """The same settings with the options that are given."""
        given = _waits(max_wait, outage_patience)
        if max_attempts is not None:
            given["max_attempts"] = _validate.count("max_attempts", max_attempts)
        if deadline is not None:
            given["deadline"] = _validate.seconds("deadline", deadline)
        if reconcile_delays is not None:
            given["reconcile_delays"] = _validate.pauses("reconcile_delays", reconcile_delays)
        return attrs.evolve(self, options=attrs.evolve(self.options, **given))


def _waits(max_wait: float | None, outage_patience: float | None) -> dict[str, Any]:
    """Those that are given. Both may be 0: do not wait at all."""
    given = {"max_wait": max_wait, "outage_patience": outage_patience}
    return {
        name: _validate.wait(name, seconds)
        for name, seconds in given.items()
        if seconds is not None
    }


def _token(given: Secret, base_url: str) -> Secret:
    """The token. A callable may have a method ``check_base_url``, to refuse where it would go."""
    if given.reveal() is None:
        given = Secret(os.environ.get("KMOMENT_TOKEN"))
    if not callable(given.reveal()):
        return checked_token(given)
    takes_account(given.reveal())  # refuses one that cannot be asked
    if hasattr(given.reveal(), "check_base_url"):
        given.reveal().check_base_url(base_url)
    return given


def _base_url(given: str | None, insecure: bool) -> str:
    if given is not None:
        return _validate.base_url("base_url", given, insecure=insecure)
    url = os.environ.get(_BASE_URL, DEFAULT_BASE_URL)
    return _validate.base_url(_BASE_URL, url, insecure=insecure)


def _proxy(given: Secret | None, base_url: str, trust_env: bool) -> Secret | None:
    """The proxy that was given, or the environment's if it is asked for."""
    if given is not None:
        return _validate.proxy("proxy", given)
    url = URL(base_url)
    if not trust_env or proxy_bypass(url.host or ""):
        return None
    named = Secret(getproxies().get(url.scheme))
    return None if named.reveal() is None else _validate.proxy(f"{url.scheme}_proxy", named)


def _periods(given: Mapping[str, float] | None) -> dict[str, float]:
    """Seconds by quota group. A name that is none is refused, with the nearest that is."""
    if not isinstance(given, Mapping | None):
        _validate.refuse("periods", "a mapping of quota groups to seconds", given)
    found: dict[str, float] = {}
    for name, seconds in (given or {}).items():
        argument = f"periods[{name!r}]"
        if name not in QUOTAS and not _CALL.fullmatch(str(name)):
            near = get_close_matches(str(name), QUOTAS, 1) or sorted(QUOTAS)
            rule = f'must be a quota group, such as {near[0]!r}, or "PUT /openapi/v4/…"'
            raise InvalidArgumentError(argument, rule)
        found[quota_of(name)] = _validate.seconds(argument, seconds)
    return found


def _fleet(given: Sharing | None) -> Sharing | None:
    if isinstance(given, type) or not isinstance(given, Sharing | None):
        _validate.refuse("fleet", "a kmoment.fleet.Fleet", given)
    return given


def _hooks(given: Iterable[Hook], *, blocking: bool) -> tuple[Hook, ...]:
    """Hooks, each an object of a subclass of ``Hook``."""
    if not isinstance(given, Iterable):
        _validate.refuse("hooks", "a collection of hooks, such as [Hook()]", given)
    hooks = tuple(given)
    for index, hook in enumerate(hooks):
        argument = f"hooks[{index}]"
        if isinstance(hook, type):
            rule = f"must be an object, not the class: {hook.__name__}()"
            raise InvalidArgumentError(argument, rule)
        if not isinstance(hook, Hook):
            _validate.refuse(argument, "an object of a subclass of kmoment.hooks.Hook", hook)
        if blocking and (name := next(filter(partial(_is_async, hook), _EVENTS), None)):
            rule = f"must not have async methods in blocking code: {name} is one"
            raise InvalidArgumentError(argument, rule)
    return hooks


def _is_async(hook: Hook, name: str) -> bool:
    return iscoroutinefunction(getattr(hook, name))


_EVENTS: Final = tuple(name for name in vars(Hook) if name.startswith("on_"))


def _new_transport(settings: ClientSettings) -> Sends:
    from .transport import Transport

    return Transport(
        timeout=settings.timeout,
        max_body_bytes=settings.max_body_bytes,
        proxy=settings.proxy,
        ssl=settings.ssl,
    )
