"""The sync client: the async one behind a thread, under the same names."""

import asyncio
import os
import ssl as ssl_module
import sys
import threading
import warnings
import weakref
from collections.abc import AsyncIterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import attrs

from .. import _checks
from .._call import Call
from .._endpoints import unlisted
from .._routes import Reading
from .._secret import Secret, TokenProvider
from ..client import AsyncClient
from ..errors import ClientClosedError
from .resources.audiences import Audiences
from .resources.categories import Categories
from .resources.locations import Locations
from .resources.placements import Placements
from .resources.targeting import Targeting

if TYPE_CHECKING:
    from ._bridge import Bridge

T = TypeVar("T")


class Client:
    """Kakao Moment for blocking code. Opens nothing until the first call; close it when done.

        with kmoment.Client(token) as moment:
            rows = moment.account(1234).audiences.list()

    One client is one pool of connections, on a thread of its own, and safe for any number of
    threads. Make one and share it. A forked process may go on using it: there it opens its own
    thread and pool. In a running event loop it works, and warns: it blocks that loop.
    """

    def __init__(
        self,
        token: str | TokenProvider | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        deadline: float = 60.0,
        proxy: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
        max_connections: int = 100,
        routes: Reading = "auto",
    ) -> None:
        """Check the settings. Nothing is opened or sent.

        :param token: A business token (a Kakao Login token does not work), or a callable that
            returns one and may be async: it is asked at the first call, and again after the
            server has refused a token. Default: the environment's ``KMOMENT_TOKEN``.
        :param base_url: https, or http on this machine. Default: the environment's
            ``KMOMENT_BASE_URL``, else Kakao's.
        :param timeout: Seconds that one attempt may wait for the server's next byte. A
            connection must stand within 10 s, or within this where it is less.
        :param deadline: Seconds that one call may take over all, waiting for a free connection
            included.
        :param proxy: The URL of an http(s) proxy. Proxies of the environment are not used.
        :param ssl: For a private certificate authority or client certificate.
        :param max_connections: How many requests may be under way at once; more wait.
        :param routes: Which reading of Kakao's audience routes the server means. ``auto`` tries
            ``nested`` first, then ``flat``, and remembers.
        :raises InvalidArgumentError: An argument breaks its rule.
        """
        secret, token = Secret.wrap(token), None
        via, proxy = None if proxy is None else Secret.wrap(proxy), None
        self._async = AsyncClient(
            secret,  # type: ignore[arg-type]  # wrapped already, for the sake of tracebacks
            base_url=base_url,
            timeout=timeout,
            deadline=deadline,
            proxy=via,  # type: ignore[arg-type]
            ssl=ssl,
            max_connections=max_connections,
            routes=routes,
        )
        self._bridge: Bridge | None = None
        self._closed = False
        self._warned = False

    @property
    def locations(self) -> Locations:
        """Provinces, districts and neighbourhoods."""
        return Locations(self)

    @property
    def placements(self) -> Placements:
        """Where ads can be shown."""
        return Placements(self)

    @property
    def categories(self) -> Categories:
        """Interests and business types."""
        return Categories(self)

    def account(self, ad_account_id: int) -> "Account":
        """What belongs to one ad account. Costs nothing, opens nothing, and shares the pool.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer.
        """
        return Account(self, _checks.ident("ad_account_id", ad_account_id))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        account: int | None = None,
    ) -> Any:
        """Call an endpoint that kmoment does not know, with everything else as always.

            pages = moment.request("GET", "/openapi/v4/adAccounts/pages")

        This is also how an audience gets linked to an ad group: Kakao has no call that links,
        an ad group names its audiences when it is created or edited (``/openapi/v4/adGroups``).

        :param method: GET, POST, PUT or DELETE. Anything but a GET is never sent twice.
        :param path: From the host on, without a query. Its parts are letters, digits and
            ``-._~``.
        :param params: The query.
        :param json: The body.
        :param account: For the ``adAccountId`` header.
        :returns: The parsed JSON as it came, ``None`` for an empty answer.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises APIError: As for any other call.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        method, path = _checks.method("method", method), _checks.path("path", path)
        return self.send(
            Call(
                endpoint=unlisted(method, path, account=account is not None),
                returns=object,
                account=None if account is None else _checks.ident("account", account),
                query=_checks.query("params", params or {}),
                body=json,
            )
        )

    def send(self, call: Call[T]) -> T:
        """Make *call*. Every method of every resource ends here."""
        bridge = self._open()
        if not self._warned and not bridge.here and _in_running_loop():
            self._warn()
        return bridge.call(self._async.send, call)

    def iterate(self, source: AsyncIterable[T]) -> Iterator[T]:
        """The items of *source*, which runs on the client's own loop.

        Items cross over in chunks, as they are ready; abandoning the iterator stops *source*.
        """
        return self._open().iterate(source)

    def close(self) -> None:
        """Refuse new calls, wait up to 5 s for those under way, then close every connection.

        May be called again, and before anything was opened. A script need not call it: nothing
        is left open, and nothing waits, when the interpreter exits.
        """
        with _opening:
            self._closed = True
            bridge, self._bridge = self._bridge, None
        if bridge is not None and bridge.usable:
            bridge.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._bridge else "not opened yet"
        return f"<{type(self).__name__} {self._async.base_url}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and a token: make one in each process")

    def _open(self) -> "Bridge":
        bridge = self._bridge
        if bridge is not None and bridge.usable:
            return bridge
        with _opening:
            if self._closed:
                raise ClientClosedError("the client is closed; make a new one")
            if self._bridge is None or not self._bridge.usable:
                self._bridge = self._new_bridge()
            return self._bridge

    def _new_bridge(self) -> "Bridge":
        from ._bridge import Bridge

        self._async = self._async.unopened()
        bridge = Bridge(self._async)
        weakref.finalize(self, bridge.stop).atexit = False
        return bridge

    def _warn(self) -> None:
        self._warned = True
        method = sys._getframe(2).f_code.co_qualname
        warnings.warn(
            f"{method} blocks the running event loop; use kmoment.AsyncClient there, "
            f"and await Async{method}",
            RuntimeWarning,
            stacklevel=4,
        )


@attrs.frozen(eq=False, repr=False)
class Account:
    """One ad account's part of the API. Made by :meth:`Client.account`; immutable."""

    _client: Client
    ad_account_id: int
    audiences: Audiences = attrs.field(
        init=False, default=attrs.Factory(lambda it: Audiences(*it._parts), takes_self=True)
    )
    targeting: Targeting = attrs.field(
        init=False, default=attrs.Factory(lambda it: Targeting(*it._parts), takes_self=True)
    )

    @property
    def _parts(self) -> tuple[Client, int]:
        return self._client, self.ad_account_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ad_account_id}>"


def _in_running_loop() -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False


_opening = threading.Lock()


def _reopen() -> None:
    """In a forked child: whoever held the lock is not here to release it."""
    global _opening
    _opening = threading.Lock()


# Windows knows no fork.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_reopen)
