"""The async client: the one door that every call goes through."""

import asyncio
import logging
import os
import ssl as ssl_module
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar, cast
from weakref import WeakValueDictionary

import attrs

from . import _checks
from ._breakers import Breakers
from ._call import Call, Replay
from ._endpoints import unlisted
from ._lanes import FairSlots, Lane, LaneStore, MemoryLanes
from ._retry import Action, Budget, Options, Outcome, Story
from ._routes import Reading, Routes
from ._secret import Secret, TokenProvider, TokenSource
from ._settle import find_created, list_call, read_back, unknown
from ._wire import (
    Attempt,
    Request,
    Response,
    decode,
    encode,
    facts_of,
    knows_route,
    no_such_route,
    retry_after,
)
from .errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    ClientClosedError,
    DeadlineExceededError,
    OutcomeUnknownError,
    ProtocolError,
    WrongLoopError,
)
from .hooks import CallReport, Hook
from .models import Audience
from .resources.audiences import AsyncAudiences
from .resources.categories import AsyncCategories
from .resources.locations import AsyncLocations
from .resources.placements import AsyncPlacements
from .resources.targeting import AsyncTargeting

if TYPE_CHECKING:
    from ._transport import NoAnswer, Transport

T = TypeVar("T")

_log: Final = logging.getLogger("kmoment")

DEFAULT_BASE_URL: Final = "https://apis.moment.kakao.com"
_DRAIN_SECONDS: Final = 5.0


@attrs.define(eq=False)
class _Shared:
    """What a client and all its views have in common, in one event loop."""

    slots: FairSlots
    lanes: LaneStore = attrs.Factory(MemoryLanes)
    breakers: Breakers = attrs.Factory(Breakers)
    transport: "Transport | None" = None
    loop: asyncio.AbstractEventLoop | None = None
    closed: bool = False
    live: int = 0
    quiet: asyncio.Event = attrs.Factory(asyncio.Event)
    budget: Budget = attrs.Factory(Budget)
    creating: WeakValueDictionary[tuple[int | None, str], asyncio.Lock] = attrs.Factory(
        WeakValueDictionary
    )
    made: deque[int] = attrs.Factory(lambda: deque(maxlen=10_000))
    """Ids of audiences this client has created: a stale list may not show them yet."""


class AsyncClient:
    """Kakao Moment for asyncio. Opens nothing until the first call; close it when done.

        async with kmoment.AsyncClient(token) as moment:
            rows = await moment.account(1234).audiences.list()

    One client is one pool of connections, bound to the event loop of its first call, and safe
    for any number of tasks. Make one and share it.
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
        max_attempts: int = 3,
        reconcile_delays: Iterable[float] = (1.0, 5.0, 15.0),
        periods: Mapping[str, float] | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        """Check the settings. Nothing is opened or sent.

        :param token: A business token (a Kakao Login token does not work), or a callable that
            returns one and may be async: it is asked at the first call, and again after the
            server has refused a token. Default: the environment's ``KMOMENT_TOKEN``.
        :param base_url: https, or http on this machine. Default: the environment's
            ``KMOMENT_BASE_URL``, else Kakao's.
        :param timeout: Seconds that one attempt may wait for the server's next byte. A
            connection must stand within 10 s, or within this where it is less.
        :param deadline: Seconds that one call may take over all: waiting for a free connection,
            every attempt, every pause.
        :param proxy: The URL of an http(s) proxy. Proxies of the environment are not used.
        :param ssl: For a private certificate authority or client certificate.
        :param max_connections: How many requests may be under way at once; more wait.
        :param routes: Which reading of Kakao's audience routes the server means. ``auto`` tries
            ``nested`` first, then ``flat``, and remembers.
        :param max_attempts: How often a call may be tried. What a failed attempt may have done
            decides whether it is tried again; a create never is, unless it provably did nothing.
        :param reconcile_delays: Seconds before each look for an audience whose create got no
            answer. With any, a create first lists what is there already. Empty: do not look.
        :param periods: Seconds between two calls of a quota group (``audiences``, or a look-up's
            name such as ``locations.depth3``) and ad account, for limits you know of.
        :param hooks: Objects that hear of every attempt and call: see ``kmoment.hooks``.
        :raises InvalidArgumentError: An argument breaks its rule.
        """
        # Here, because it takes a while: neither on `import kmoment` nor in the first call.
        from . import _transport as _  # noqa: F401

        # Rebound at once: a traceback shows the locals of every frame.
        secret, token = Secret.wrap(token), None
        via, proxy = None if proxy is None else Secret.wrap(proxy), None
        self.base_url: str = DEFAULT_BASE_URL
        self._shared = _Shared(FairSlots(1))
        self._token = TokenSource(secret)
        self._proxy = None if via is None else _checks.proxy("proxy", via)
        self.base_url = _checks.base_url(
            "base_url",
            os.environ.get("KMOMENT_BASE_URL", DEFAULT_BASE_URL) if base_url is None else base_url,
        )
        self._timeout = _checks.seconds("timeout", timeout)
        self._options = Options(
            max_attempts=_checks.count("max_attempts", max_attempts),
            deadline=_checks.seconds("deadline", deadline),
            reconcile_delays=_checks.pauses("reconcile_delays", reconcile_delays),
        )
        self._max_connections = _checks.count("max_connections", max_connections)
        self._ssl = ssl
        if not isinstance(ssl, ssl_module.SSLContext | None):
            _checks.refuse("ssl", "an ssl.SSLContext", ssl)
        if routes not in ("auto", "nested", "flat"):
            _checks.refuse("routes", "auto, nested or flat", routes)
        self._routes = Routes(routes)
        self._periods = {
            name: _checks.seconds(f"periods[{name!r}]", value)
            for name, value in (periods or {}).items()
        }
        self._hooks = tuple(hooks)
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self._shared = _Shared(FairSlots(self._max_connections))

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

    def with_options(
        self,
        *,
        max_attempts: int | None = None,
        deadline: float | None = None,
        reconcile_delays: Iterable[float] | None = None,
    ) -> Self:
        """The same client with other limits for its calls: a view that shares the pool.

            patient = moment.with_options(deadline=300, max_attempts=5)

        What is not given stays as it is. Closing either closes both.

        :raises InvalidArgumentError: An argument breaks its rule.
        """
        now = self._options
        view = object.__new__(type(self))
        vars(view).update(vars(self))
        view._options = Options(
            now.max_attempts
            if max_attempts is None
            else _checks.count("max_attempts", max_attempts),
            now.deadline if deadline is None else _checks.seconds("deadline", deadline),
            now.reconcile_delays
            if reconcile_delays is None
            else _checks.pauses("reconcile_delays", reconcile_delays),
        )
        return view

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
        self._open()
        shared, story = self._shared, Story(asyncio.get_running_loop().time())
        limit = asyncio.timeout(self._options.deadline)
        shared.live += 1
        try:
            async with limit:
                return await self._make(call, story)
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            shared.live -= 1
            shared.quiet.set()
        raise self._too_late(call, story)

    async def reconcile(self, error: OutcomeUnknownError) -> Audience:
        """Look again for the audience that ``audiences.create`` may have made.

            try:
                audience = await account.audiences.create(draft)
            except kmoment.OutcomeUnknownError as error:
                audience = await moment.reconcile(error)  # later, as often as you like

        :returns: The one audience that can only be it.
        :raises OutcomeUnknownError: There is none, or more than one (``candidates``), or nobody
            knows what was there before.
        """
        return await find_created(self.send, error, (0.0,), self._sleep)

    async def aclose(self) -> None:
        """Refuse new calls, wait up to 5 s for those under way, then close every connection.

        May be called again, and before anything was opened.

        :raises WrongLoopError: Another event loop's connections cannot be closed here.
        """
        await self.close_within(_DRAIN_SECONDS)

    async def close_within(self, seconds: float) -> None:
        """:meth:`aclose`, with another time for calls under way."""
        shared = self._shared
        if shared.transport is not None:
            self._check_loop()
        shared.closed = True
        if shared.transport is not None:
            try:
                await self._drain(seconds)
            finally:
                await shared.transport.aclose()

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
        shared = self._shared
        state = "closed" if shared.closed else "open" if shared.transport else "not opened yet"
        return f"<{type(self).__name__} {self.base_url}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and a token: make one in each process")

    async def _make(self, call: Call[T], story: Story) -> T:
        if call.endpoint.replay is Replay.CREATE and self._options.reconcile_delays:
            return await self._create(call, story)
        return await self._repeat(call, story)

    async def _create(self, call: Call[T], story: Story) -> T:
        """One at a time of a name, and first a look at what is there already."""
        draft = call.body
        lock = self._shared.creating.setdefault((call.account, draft.name), asyncio.Lock())
        async with lock:
            rows = await self._ask(list_call(call.account))
            story.known_ids = frozenset(row.id for row in rows)
            return await self._repeat(call, story)

    async def _ask(self, call: Call[T]) -> T:
        """A call of our own, within the deadline of the one it is made for."""
        return await self._repeat(call, Story(asyncio.get_running_loop().time()))

    async def _repeat(self, call: Call[T], story: Story) -> T:
        clock, shared = asyncio.get_running_loop().time, self._shared
        while True:
            story.begin(clock())
            shared.breakers.check(story.started, facts_of(call))
            try:
                return await self._try(call, story)
            except APIError as failed:
                error = failed
            decision = story.judge(
                error, call.endpoint.replay, shared.budget, self._options, clock()
            )
            if self._hooks:
                self._hear("on_attempt", call.endpoint.name, call.account, story.tried[-1])
            if decision.action is Action.RETRY and not shared.closed:
                await self._sleep(decision.pause)
            elif not await self._token_is_renewed(error, story):
                shared.breakers.note(error, clock())
                self._report(call, story, story.last_outcome, error)
                return await self._settle(call, story, error, decision.action)

    async def _try(self, call: Call[T], story: Story) -> T:
        """One attempt, and what its success or its being cancelled means for the rest."""
        try:
            answer = await self._attempt(call, story)
        except asyncio.CancelledError:
            self._report(call, story, story.outcome_if_stopped(call.endpoint.replay))
            raise
        if not story.tried:
            self._shared.budget.earn()
        self._shared.breakers.close()
        self._report(call, story, Outcome.OK)
        return answer

    async def _token_is_renewed(self, error: APIError, story: Story) -> bool:
        if not isinstance(error, AuthenticationError) or story.token is None or story.renewed:
            return False
        story.renewed = True
        return await self._token.renew(story.token)

    def _report(
        self, call: Call[Any], story: Story, outcome: Outcome, error: APIError | None = None
    ) -> None:
        if not (self._hooks or _log.isEnabledFor(logging.DEBUG)):
            return
        endpoint = call.endpoint
        report = CallReport(
            operation=endpoint.name,
            method=endpoint.method,
            path=endpoint.path,
            ad_account_id=call.account,
            outcome=str(outcome),
            seconds=asyncio.get_running_loop().time() - story.began,
            attempts=story.tried,
            error=error,
        )
        facts = attrs.asdict(report, recurse=False, filter=lambda a, _: a.name != "error")
        _log.debug("%s: %s", endpoint.name, outcome, extra={"kmoment": facts})
        self._hear("on_call", report)

    def _hear(self, event: str, *what: object) -> None:
        for hook in self._hooks:
            try:
                getattr(hook, event)(*what)
            except Exception:
                _log.exception("the hook %r has failed in %s", type(hook).__name__, event)

    async def _settle(self, call: Call[T], story: Story, error: APIError, action: Action) -> T:
        """End a call whose attempts are over: done, found out, or an error."""
        if action is Action.SUCCEED:
            return cast("T", None)
        if action is Action.READ_BACK:
            done = story.last_outcome is Outcome.DONE
            return await read_back(self._ask, call, error, done=done)
        if action is Action.RECONCILE:
            return cast("T", await self._reconcile(call, story, error))
        raise error

    async def _reconcile(self, call: Call[Any], story: Story, error: APIError) -> Audience:
        doubt = self._doubt(call, story, error)
        with suppress(APIError):
            return await find_created(self._ask, doubt, self._options.reconcile_delays, self._sleep)
        raise doubt

    def _doubt(self, call: Call[Any], story: Story, error: APIError) -> OutcomeUnknownError:
        known = story.known_ids
        if known is not None:
            known |= frozenset(self._shared.made)
        return unknown(error, draft=call.body, known_ids=known)

    async def _attempt(self, call: Call[T], story: Story) -> T:
        """Wait for a turn, send the call once, and read its answer."""
        token = story.token = await self._token.token()
        key, clock = (call.endpoint.quota, call.account), asyncio.get_running_loop().time
        lane = self._shared.lanes.lane(key, self._period(call), clock())
        spaced = lane.period > 0
        if spaced:
            story.attempt.phase = "waiting for its turn"
            await lane.enter()
        try:
            await self._wait(call, story, lane.delay(clock()))
            response = await self._timed(call, story.attempt, token, lane)
        finally:
            if spaced:
                lane.leave()
        try:
            return self._noted(decode(call, response))
        except AuthenticationError:
            self._token.forget(token)
            raise

    def _period(self, call: Call[Any]) -> float:
        return self._periods.get(call.endpoint.quota, call.endpoint.period)

    async def _wait(self, call: Call[Any], story: Story, seconds: float) -> None:
        """Wait for the lane, unless that would be past the deadline."""
        if seconds <= 0:
            return
        if seconds >= story.began + self._options.deadline - story.started:
            phase = "waiting for its turn"
            facts = facts_of(call) | {"request_sent": False, "phase": phase}
            reason = f"its turn comes in {seconds:.0f} s, past its deadline"
            raise DeadlineExceededError(reason, facts)
        await self._sleep(seconds)

    async def _timed(
        self, call: Call[Any], attempt: Attempt, token: Secret, lane: Lane
    ) -> Response:
        """Send, and tell the lane how it went."""
        clock = asyncio.get_running_loop().time
        started = lane.started(clock())
        status, headers = 0, dict[str, str]()
        try:
            response = await self._reach(call, attempt, token)
            status, headers = response.status, dict(response.headers)
        finally:
            if status == 429:
                lane.throttled(clock(), started, retry_after(headers))
            else:
                lane.ended(clock())
        return response

    def _noted(self, answer: T) -> T:
        if isinstance(answer, Audience):
            self._shared.made.append(answer.id)
        return answer

    async def _reach(self, call: Call[Any], attempt: Attempt, token: Secret) -> Response:
        """Ask at each path that the server may mean, until it knows one."""
        answers: list[Response] = []
        for path in self._routes.candidates(call.endpoint):
            request = encode(call, path, self.base_url)
            answers.append(await self._exchange(call, attempt, request, token))
            if knows_route(answers[-1]):
                self._routes.settle(call.endpoint, path)
            if not no_such_route(answers[-1]):
                return answers[-1]
        return answers[0]

    async def _exchange(
        self, call: Call[Any], attempt: Attempt, request: Request, token: Secret
    ) -> Response:
        from ._transport import NoAnswer

        attempt.phase = "waiting for a free connection"
        shared = self._shared
        await shared.slots.acquire(call.account)
        try:
            return await cast("Transport", shared.transport).send(request, token, attempt)
        except NoAnswer as error:
            failure = _error_of(call, attempt, error)
        finally:
            shared.slots.release()
        raise failure

    def _too_late(self, call: Call[Any], story: Story) -> APIError:
        attempt = story.attempt
        reason = f"no answer within {self._options.deadline:g} s; the last of them went to "
        error = DeadlineExceededError(
            reason + attempt.phase,
            facts_of(call)
            | {"request_sent": attempt.sent, "phase": attempt.phase, "attempts": story.tried},
        )
        if call.endpoint.replay is Replay.CREATE and (attempt.sent or story.in_doubt):
            return self._doubt(call, story, error)
        return error

    def unopened(self) -> Self:
        """A client of the same settings that has opened nothing: for a process after a fork."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin._token = self._token.unasked()
        twin._shared = _Shared(FairSlots(self._max_connections))
        return twin

    def _open(self) -> "Transport":
        shared = self._shared
        if shared.closed:
            raise ClientClosedError("the client is closed; make a new one")
        if shared.transport is None:
            shared.loop = _running_loop()
            shared.transport = self._new_transport()
        self._check_loop()
        return shared.transport

    def _new_transport(self) -> "Transport":
        from ._transport import Transport

        return Transport(
            timeout=self._timeout,
            proxy=self._proxy,
            ssl=self._ssl,
        )

    def _check_loop(self) -> None:
        if _running_loop() is not self._shared.loop:
            raise WrongLoopError(
                "the client belongs to the event loop of its first call; make one per loop"
            )

    async def _drain(self, seconds: float) -> None:
        shared = self._shared
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while shared.live:
                    shared.quiet.clear()
                    await shared.quiet.wait()


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
    call: Call[Any], attempt: Attempt, failure: "NoAnswer"
) -> APIConnectionError | ProtocolError:
    error = ProtocolError if failure.broken else APIConnectionError
    facts = {
        "request_sent": attempt.sent,
        "status": attempt.status,
        "can_retry": not failure.final,
    }
    return error(failure.reason, facts_of(call) | facts)
