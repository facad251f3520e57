"""The async client: the one door that every call goes through."""

import asyncio
import os
import ssl as ssl_module
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar

import attrs

from . import _checks
from ._call import Call
from ._endpoints import unlisted
from ._routes import Reading, Routes
from ._secret import Secret, TokenProvider, TokenSource
from ._wire import Request, Response, decode, encode, facts_of, knows_route, no_such_route
from .errors import (
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    DeadlineExceededError,
    ProtocolError,
    WrongLoopError,
)
from .resources.audiences import AsyncAudiences
from .resources.categories import AsyncCategories
from .resources.locations import AsyncLocations
from .resources.placements import AsyncPlacements
from .resources.targeting import AsyncTargeting

if TYPE_CHECKING:
    from ._transport import Attempt, NoAnswer, Transport

T = TypeVar("T")

DEFAULT_BASE_URL: Final = "https://apis.moment.kakao.com"
_DRAIN_SECONDS: Final = 5.0


class AsyncClient:
    """Kakao Moment for asyncio. Opens nothing until the first call; close it when done.

        async with kmoment.AsyncClient(token) as moment:
            rows = await moment.account(1234).audiences.list()

    One client is one pool of connections, bound to the event loop of its first call, and safe
    for any number of tasks. Make one and share it.
    """

    _transport: "Transport | None"
    _loop: asyncio.AbstractEventLoop | None

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
        # Here, because it takes a while: neither on `import kmoment` nor in the first call.
        from . import _transport as _  # noqa: F401

        # Rebound at once: a traceback shows the locals of every frame.
        secret, token = Secret.wrap(token), None
        via, proxy = None if proxy is None else Secret.wrap(proxy), None
        self.base_url: str = DEFAULT_BASE_URL
        self._reset()
        self._token = TokenSource(secret)
        self._proxy = None if via is None else _checks.proxy("proxy", via)
        self.base_url = _checks.base_url(
            "base_url",
            os.environ.get("KMOMENT_BASE_URL", DEFAULT_BASE_URL) if base_url is None else base_url,
        )
        self._timeout = _checks.seconds("timeout", timeout)
        self._deadline = _checks.seconds("deadline", deadline)
        self._max_connections = _checks.count("max_connections", max_connections)
        self._ssl = ssl
        if not isinstance(ssl, ssl_module.SSLContext | None):
            _checks.refuse("ssl", "an ssl.SSLContext", ssl)
        if routes not in ("auto", "nested", "flat"):
            _checks.refuse("routes", "auto, nested or flat", routes)
        self._routes = Routes(routes)

    # Made anew each time: kept, they would tie the client into a cycle that outlives its use.

    @property
    def locations(self) -> AsyncLocations:
        """Provinces, districts and neighbourhoods."""
        return AsyncLocations(self)

    @property
    def placements(self) -> AsyncPlacements:
        """Where ads can be shown."""
        return AsyncPlacements(self)

    @property
    def categories(self) -> AsyncCategories:
        """Interests and business types."""
        return AsyncCategories(self)

    def account(self, ad_account_id: int) -> "AsyncAccount":
        """What belongs to one ad account. Costs nothing, opens nothing, and shares the pool.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer.
        """
        return AsyncAccount(self, _checks.ident("ad_account_id", ad_account_id))

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        account: int | None = None,
    ) -> Any:
        """Call an endpoint that kmoment does not know, with everything else as always.

            pages = await moment.request("GET", "/openapi/v4/adAccounts/pages")

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
        return await self.send(
            Call(
                endpoint=unlisted(method, path, account=account is not None),
                returns=object,
                account=None if account is None else _checks.ident("account", account),
                query=_checks.query("params", params or {}),
                body=json,
            )
        )

    async def send(self, call: Call[T]) -> T:
        """Make *call*. Every method of every resource ends here."""
        from ._transport import Attempt

        transport, attempt = self._open(), Attempt()
        limit = asyncio.timeout(self._deadline)
        self._live += 1
        try:
            async with limit:
                return await self._answer(call, transport, attempt)
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._live -= 1
            self._quiet.set()
        facts = {"request_sent": attempt.sent, "phase": attempt.phase}
        reason = f"no answer within {self._deadline:g} s; the last of them went to {attempt.phase}"
        raise DeadlineExceededError(reason, facts_of(call) | facts)

    async def aclose(self) -> None:
        """Refuse new calls, wait up to 5 s for those under way, then close every connection.

        May be called again, and before anything was opened.

        :raises WrongLoopError: Another event loop's connections cannot be closed here.
        """
        await self.close_within(_DRAIN_SECONDS)

    async def close_within(self, seconds: float) -> None:
        """:meth:`aclose`, with another time for calls under way."""
        if self._transport is not None:
            self._check_loop()
        self._closed = True
        if self._transport is not None:
            try:
                await self._drain(seconds)
            finally:
                await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._transport else "not opened yet"
        return f"<{type(self).__name__} {self.base_url}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and a token: make one in each process")

    async def _answer(self, call: Call[T], transport: "Transport", attempt: "Attempt") -> T:
        token = await self._token.token()
        response = await self._reach(call, transport, attempt, token)
        try:
            return decode(call, response)
        except AuthenticationError:
            self._token.forget(token)
            raise

    async def _reach(
        self, call: Call[Any], transport: "Transport", attempt: "Attempt", token: Secret
    ) -> Response:
        """Ask at each path that the server may mean, until it knows one."""
        answers: list[Response] = []
        for path in self._routes.candidates(call.endpoint):
            request = encode(call, path, self.base_url)
            answers.append(await self._exchange(call, transport, attempt, request, token))
            if knows_route(answers[-1]):
                self._routes.settle(call.endpoint, path)
            if not no_such_route(answers[-1]):
                return answers[-1]
        return answers[0]

    async def _exchange(
        self,
        call: Call[Any],
        transport: "Transport",
        attempt: "Attempt",
        request: Request,
        token: Secret,
    ) -> Response:
        from ._transport import NoAnswer

        try:
            return await transport.send(request, token, attempt)
        except NoAnswer as error:
            failure = _error_of(call, attempt, error)
        raise failure

    def unopened(self) -> Self:
        """A client of the same settings that has opened nothing: for a process after a fork."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin._token = self._token.unasked()
        twin._reset()
        return twin

    def _reset(self) -> None:
        self._transport = None
        self._loop = None
        self._closed = False
        self._live = 0
        self._quiet = asyncio.Event()

    def _open(self) -> "Transport":
        if self._closed:
            raise ClientClosedError("the client is closed; make a new one")
        if self._transport is None:
            self._loop = _running_loop()
            self._transport = self._new_transport()
        self._check_loop()
        return self._transport

    def _new_transport(self) -> "Transport":
        from ._transport import Transport

        return Transport(
            timeout=self._timeout,
            proxy=self._proxy,
            ssl=self._ssl,
            max_connections=self._max_connections,
        )

    def _check_loop(self) -> None:
        if _running_loop() is not self._loop:
            raise WrongLoopError(
                "the client belongs to the event loop of its first call; make one per loop"
            )

    async def _drain(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._live:
                    self._quiet.clear()
                    await self._quiet.wait()


@attrs.frozen(eq=False, repr=False)
class AsyncAccount:
    """One ad account's part of the API. Made by :meth:`AsyncClient.account`; immutable."""

    _client: AsyncClient
    ad_account_id: int
    audiences: AsyncAudiences = attrs.field(
        init=False, default=attrs.Factory(lambda it: AsyncAudiences(*it._parts), takes_self=True)
    )
    targeting: AsyncTargeting = attrs.field(
        init=False, default=attrs.Factory(lambda it: AsyncTargeting(*it._parts), takes_self=True)
    )

    @property
    def _parts(self) -> tuple[AsyncClient, int]:
        return self._client, self.ad_account_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ad_account_id}>"


def _running_loop() -> asyncio.AbstractEventLoop:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    raise WrongLoopError("kmoment's async client runs on asyncio, and no event loop is running")


def _error_of(
    call: Call[Any], attempt: "Attempt", failure: "NoAnswer"
) -> APIConnectionError | ProtocolError:
    error = ProtocolError if failure.broken else APIConnectionError
    facts = {"request_sent": attempt.sent, "status": attempt.status}
    return error(failure.reason, facts_of(call) | facts)
