"""Sends calls: :meth:`Dispatcher.send` is the way of every call of every resource.

One deadline covers the whole call. ``_run`` has the only loop: make an attempt; after a failure
ask ``_policies/retry.py``, then pause, find out what was done, or raise. An attempt waits for its
turn and for a free connection, and is then one request on the transport.
"""

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

from .._policies.failure import Effect
from .._policies.retry import Action
from .._protocol.call import Call, Replay
from .._protocol.codec import decode, encode, knows_route, no_such_route
from .._protocol.endpoints import DELETE_AUDIENCES, LIST_AUDIENCES
from .._protocol.error_table import date_of, facts_of, retry_after
from .._protocol.http import Response, TransportError
from .._secret import Secret
from .._text import normalised
from ..errors import APIError, AuthenticationError, OutcomeUnknownError
from ..hooks import CallReport
from ..models import Audience
from .admission import Queue
from .bulk_delete import delete_in_parts
from .context import CallContext
from .reconcile import Ask, find_created, ids_listed, list_call, read_back
from .redact import redacted
from .settings import ClientSettings, Sends
from .state import ClientState
from .timeouts import TimeoutKind
from .write_tracker import report_write

T = TypeVar("T")

# By name: looking an enum member up costs Python 3.11 about 0.2 us.
_SAFE, _CREATE = Replay.SAFE, Replay.CREATE
_OK, _UNSENT = Effect.OK, Effect.UNSENT

_MAY_HAVE_WRITTEN: Final = (Effect.OK, Effect.UNKNOWN, Effect.DONE)


class Dispatcher:
    """Makes the calls of one client or view."""

    __slots__ = ("settings", "state")

    settings: ClientSettings
    state: ClientState

    def __init__(self, settings: ClientSettings, state: ClientState) -> None:
        self.settings = settings
        self.state = state

    def send(self, call: Call[T]) -> Coroutine[Any, Any, T]:
        """Make *call*. A bulk delete is several calls."""
        if call.endpoint is DELETE_AUDIENCES:
            return self._delete_many(cast("Any", call))
        return self._send(call)

    def _delete_many(self, call: Call[Any]) -> Coroutine[Any, Any, Any]:
        looks = bool(self.settings.options.reconcile_delays)
        return delete_in_parts(self._send, call, looks=looks)

    async def reconcile(self, error: OutcomeUnknownError) -> Audience:
        """Search once for the audience that a create may have made."""
        return await find_created(self._send, error, (0.0,), self.settings.sleep)

    # -- One call -----------------------------------------------------------------------

    async def _send(self, call: Call[T]) -> T:
        state, options = self.state, self.settings.options
        state.open(self.settings)
        timeout = state.timeouts.begin(options.deadline)
        context = CallContext(call, options, timeout, state.clock, timeout.began)
        state.live += 1
        try:
            if call.endpoint.replay is _CREATE and options.reconcile_delays:
                return await self._create(context)
            return await self._run(context)
        except asyncio.CancelledError:
            if not timeout.expired(TimeoutKind.DEADLINE):
                raise
        finally:
            state.timeouts.end(timeout)
            state.live -= 1
            if state.closed:
                state.quiet.set()
        raise context.deadline_passed()

    async def _create(self, context: CallContext[T]) -> T:
        """Create one audience of a name at a time, and list first what is there already."""
        call, state = context.call, self.state
        encode(call, call.endpoint.path, self.settings.base_url)  # what cannot be sent is refused
        context.attempt.phase = "waiting for another create of the same name"
        key = (call.account, normalised(call.body.name))
        lock = state.creating.setdefault(key, asyncio.Lock())
        async with lock:
            context.attempt.phase = "listing what is there already"
            listing = context.child(list_call(call.account))
            ids = await ids_listed(self._run(listing))
            # Others than those that are listed may be there too: a list may be old.
            context.known_ids = None if ids is None else ids | frozenset(state.seen)
            context.created_after = listing.server_time
            return await self._run(context)

    def _asking(self, context: CallContext[Any]) -> Ask:
        """Makes calls for another call, within its time."""
        return lambda call: self._run(context.child(call))

    async def _run(self, context: CallContext[T]) -> T:
        """Make all attempts of a call, and report how it ended."""
        effect, reason = _UNSENT, None
        try:
            while True:
                try:
                    answer = await self._attempt(context)
                    break
                except APIError as failed:
                    error = failed
                action = await self._judge(context, error)
                if action is not Action.RETRY:
                    answer = await self._settle(context, error, action)
                    break
            effect = _OK
            return answer
        except asyncio.CancelledError:
            effect = context.effect_if_cancelled()
            if context.timeout.past is TimeoutKind.DEADLINE:
                reason = context.deadline_passed()
            raise
        except APIError as failed:
            effect, reason = context.effect_of(failed), failed
            raise
        finally:
            self._report(context, effect, reason)

    async def _judge(self, context: CallContext[Any], error: APIError) -> Action:
        """What to do after a failed attempt. Before another attempt, this pauses."""
        state, endpoint = self.state, context.call.endpoint
        if context.held_back:
            return Action.RAISE
        decision = context.judge(error, state.budget)
        self.settings.notifier.attempt(endpoint.name, context.call.account, context.records[-1])
        if decision.action is Action.RETRY and not state.closed:
            context.attempt.phase = "pausing before another attempt"
            await self.settings.sleep(decision.pause)
            return Action.RETRY
        if await self._token_is_renewed(context, error):
            return Action.RETRY
        state.breakers.note(error, state.clock())
        return Action.RAISE if decision.action is Action.RETRY else decision.action

    async def _token_is_renewed(self, context: CallContext[Any], error: APIError) -> bool:
        refused = isinstance(error, AuthenticationError)
        if not refused or context.token is None or context.token_renewed:
            return False
        context.token_renewed = True
        try:
            return await self.state.token.renew(context.token)
        except Exception:
            if context.may_have_written:
                return False  # that the write may be done is worse news
            raise

    async def _settle(self, context: CallContext[T], error: APIError, action: Action) -> T:
        """End a call that gets no further attempt: it is done, or found out, or an error."""
        if action is Action.SUCCEED:
            return cast("T", None)
        context.attempt.phase = "finding out what was done"
        if action is Action.READ_BACK:
            done = context.last_effect is Effect.DONE
            return await read_back(self._asking(context), context, error, done=done)
        if action is Action.RECONCILE:
            return cast("T", await self._reconcile(context, error))
        if context.may_have_written:
            raise context.outcome_unknown(error)
        raise error

    async def _reconcile(self, context: CallContext[Any], error: APIError) -> Audience:
        unknown = context.outcome_unknown(error)
        delays, sleep = self.settings.options.reconcile_delays, self.settings.sleep
        with suppress(APIError):
            return await find_created(self._asking(context), unknown, delays, sleep)
        raise unknown

    def _report(self, context: CallContext[Any], effect: Effect, error: APIError | None) -> None:
        """Tell the job that this call is part of, the hooks and the log how the call ended."""
        endpoint = context.call.endpoint
        if endpoint.replay is not _SAFE and effect in _MAY_HAVE_WRITTEN:
            report_write()
        if not self.settings.notifier.enabled:
            return
        self.settings.notifier.call(
            CallReport(
                operation=endpoint.name,
                method=endpoint.method,
                path=endpoint.path,
                ad_account_id=context.call.account,
                effect=str(effect),
                seconds=self.state.clock() - context.began,
                attempts=context.records,
                error=error,
            )
        )

    # -- One attempt --------------------------------------------------------------------

    async def _attempt(self, context: CallContext[T]) -> T:
        """Send the call once, in its turn, and read the answer."""
        state, call = self.state, context.call
        context.begin_attempt()
        if state.breakers.tripped:
            self._hold_back(context)
        token = context.token = state.token.known or await state.token.token()
        period = self.settings.periods.get(call.endpoint.quota, call.endpoint.period)
        key = (call.endpoint.quota, call.account)
        queue = state.limiters.queue(key, period, context.started)
        send = self._in_turn if queue.limiter.period > 0 else self._reach
        response = await send(context, token, queue)
        answer = self._decoded(call, response, token)
        if isinstance(answer, Audience):
            state.seen.append(answer.id)
        if call.endpoint is LIST_AUDIENCES:
            context.server_time = date_of(response.headers)
        if not context.records:
            state.budget.earn()
        state.breakers.close()
        return answer

    def _decoded(self, call: Call[T], response: Response, token: Secret) -> T:
        try:
            return decode(call, response)
        except APIError:
            pass
        try:  # once more, so that the error does not hold the token
            return decode(call, redacted(response, token))
        except AuthenticationError:
            self.state.token.forget(token)
            raise

    def _hold_back(self, context: CallContext[Any]) -> None:
        """Raise if a circuit breaker stops the attempt."""
        if refusal := self.state.breakers.refusal(context.started, facts_of(context.call)):
            context.held_back = True
            raise refusal

    async def _in_turn(self, context: CallContext[Any], token: Secret, queue: Queue) -> Response:
        """Wait for the previous call of the queue to end, and for the time after it."""
        context.attempt.phase = "waiting for its turn"
        async with queue.turn:
            now = context.clock()
            if (pause := queue.limiter.delay(now)) > 0:
                if now + pause >= context.timeout.deadline:
                    raise context.turn_too_late(pause)
                await self.settings.sleep(pause)
            return await self._reach(context, token, queue)

    def _reach(self, context: CallContext[Any], token: Secret, queue: Queue) -> Awaitable[Response]:
        paths = self.settings.routes.candidates(context.call.endpoint)
        if len(paths) == 1:
            return self._exchange(context, paths[0], token, queue)
        return self._find_route(context, paths, token, queue)

    async def _find_route(
        self, context: CallContext[Any], paths: tuple[str, ...], token: Secret, queue: Queue
    ) -> Response:
        """Try each path that the server may mean, until it knows one."""
        responses: list[Response] = []
        for path in paths:
            responses.append(await self._exchange(context, path, token, queue))
            if knows_route(context.call, responses[-1]):
                self.settings.routes.settle(context.call.endpoint, path)
            if not no_such_route(context.call, responses[-1]):
                return responses[-1]
        return responses[0]

    async def _exchange(
        self, context: CallContext[Any], path: str, token: Secret, queue: Queue
    ) -> Response:
        """Send the request over a free connection, and tell the limiter how it went."""
        attempt, state, limiter = context.attempt, self.state, queue.limiter
        request = encode(context.call, path, self.settings.base_url)
        attempt.phase, attempt.sent, attempt.status = "waiting for a free connection", False, None
        if not state.slots.take():
            await state.slots.acquire(context.call.account)
        started = limiter.started(state.clock())
        try:
            transport = cast("Sends", state.transport)
            try:
                response = await transport.send(request, token, attempt)
            except TransportError as error:
                if not context.may_resend(error):
                    raise
                # A kept connection was dead: at once, on a new one.
                request = request._replace(fresh=True)
                response = await transport.send(request, token, attempt)
        except TransportError as error:
            failure = context.connection_error(error)
            limiter.ended(state.clock())
        except BaseException:
            limiter.ended(state.clock())
            raise
        else:
            if response.status == 429:
                limiter.throttled(state.clock(), started, retry_after(response.headers))
            else:
                limiter.ended(state.clock())
            return response
        finally:
            state.slots.release()
        raise failure
