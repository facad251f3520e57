"""Sends calls: :meth:`Dispatcher.send` is the way of every call of every resource.

One deadline covers the whole call, but for the time in queues. ``_run`` has the only loop: make an
attempt; after a failure ask ``_policies/retry.py``, then pause, find out what was done, or raise.
An attempt waits for a host that is down, for its turn and for a free connection, and is then one
request on the transport.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar, cast

from .._policies.failure import Effect, looks_like_outage
from .._policies.retry import Action
from .._protocol.answer import request_id
from .._protocol.call import Call, Replay
from .._protocol.codec import decode, encode, knows_route, no_such_route
from .._protocol.endpoints import DELETE_AUDIENCES, LIST_AUDIENCES
from .._protocol.error_table import date_of, facts_of, retry_after
from .._protocol.http import Request, Response, TransportError
from .._secret import Secret
from .._text import normalised
from ..errors import APIError, AuthenticationError, OutcomeUnknownError
from ..models import Audience
from .admission import FIRST, LimitKey, QueueTooLongError, Turn
from .bulk_delete import delete_in_parts
from .context import WAITING_FOR_A_TURN, CallContext
from .listing import Listed
from .notify import finish, finish_later
from .reconcile import Ask, find_created, ids_listed, list_call, read_back
from .redact import redacted
from .settings import ClientSettings, Sends
from .state import ClientState
from .timeouts import TimeoutKind
from .write_tracker import CURRENT, report_write

T = TypeVar("T")

# By name: looking an enum member up costs Python 3.11 about 0.2 us.
_CREATE = Replay.CREATE
_OK, _UNSENT = Effect.OK, Effect.UNSENT

_AGAIN: Final = (Action.RETRY, Action.REQUEUE)
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
        ask = cast("Ask", partial(self._send, of_many=True))
        return delete_in_parts(ask, call, looks=looks)

    def waiting_for(self) -> str | None:
        """What most calls wait for now, in a few words."""
        return self.state.waiting_for()

    async def reconcile(self, error: OutcomeUnknownError) -> Audience:
        """Search once for the audience that a create may have made."""
        return await find_created(self._send, error, (0.0,), self.settings.sleep)

    # -- One call -----------------------------------------------------------------------

    async def _send(self, call: Call[T], *, of_many: bool = False) -> T:
        state, options = self.state, self.settings.options
        state.open(self.settings)
        timeout = state.timeouts.begin(options.deadline)
        context = CallContext(call, options, timeout, state.clock, timeout.began, of_many=of_many)
        context.wait_left = options.max_wait
        state.live += 1
        try:
            if call.endpoint.replay is _CREATE and options.reconcile_delays:
                return await self._create(context)
            return await self._run(context)
        except asyncio.CancelledError:
            if timeout.expired(TimeoutKind.WAIT):
                error: APIError = context.waited_too_long(state.waiting_for() or "")
            elif timeout.expired(TimeoutKind.DEADLINE):
                error = context.deadline_passed()
            else:
                raise
        finally:
            state.timeouts.end(timeout)
            state.live -= 1
            if state.closed:
                state.quiet.set()
        raise error

    async def _create(self, context: CallContext[T]) -> T:
        """Create one audience of a name at a time, and list first what is there already."""
        call, state = context.call, self.state
        encode(call, call.endpoint.path, self.settings.base_url)  # what cannot be sent is refused
        key = (call.account, normalised(call.body.name))
        lock = state.creating.setdefault(key, asyncio.Lock())
        with context.queued("create", "waiting for another create of the same name"):
            await lock.acquire()
        try:
            listed = await state.listings.get(
                call.account,
                state.clock,
                partial(self._list, context),
                partial(context.queued, "create", "waiting for a list of what is there already"),
            )
            # Others than those that are listed may be there too: a list may be old.
            context.known_ids = None if listed.ids is None else listed.ids | frozenset(state.seen)
            context.created_after = listed.server_now(state.clock())
            return await self._run(context)
        finally:
            lock.release()

    async def _list(self, context: CallContext[Any]) -> Listed:
        """What is there before a create."""
        context.attempt.phase = "listing what is there already"
        listing = context.child(list_call(context.call.account))
        ids = await ids_listed(self._run(listing))
        return Listed(ids, listing.server_time, self.state.clock())

    def _asking(self, context: CallContext[Any]) -> Ask:
        """Makes calls for another call, within its time."""
        return lambda call: self._run(context.child(call))

    async def _run(self, context: CallContext[T]) -> T:
        """Make a call, and report how it ended."""
        effect, reason = _UNSENT, None
        if self.settings.notifier.enabled:
            context.ident = next(self.state.idents)
            await finish(self.settings.notifier.call_start(context))
        try:
            answer = await self._make(context)
            effect = _OK
            return answer
        except asyncio.CancelledError:
            effect, context.stopped = context.effect_if_cancelled(), True
            if context.timeout.past is TimeoutKind.DEADLINE:
                reason = context.deadline_passed()
            raise
        except APIError as failed:
            effect, reason = context.effect_of(failed), failed
            raise
        finally:
            if context.attempt.probe:
                self.state.gate.gave_up()
            await self._report(context, effect, reason)

    async def _report(
        self, context: CallContext[Any], effect: Effect, error: APIError | None
    ) -> None:
        """Tell the job that this call is part of, the hooks and the log how the call ended."""
        if not context.only_reads and effect in _MAY_HAVE_WRITTEN:
            report_write()
        if self.settings.notifier.enabled:
            pending = self.settings.notifier.call_end(context, effect, error)
            if context.stopped:
                finish_later(pending)
            else:
                await finish(pending)

    async def _make(self, context: CallContext[T]) -> T:
        """Make all attempts of a call."""
        while True:
            try:
                return await self._attempt(context)
            except APIError as failed:
                error = failed
            action = await self._judge(context, error)
            if action not in _AGAIN:
                return await self._settle(context, error, action)

    async def _judge(self, context: CallContext[Any], error: APIError) -> Action:
        """What to do after a failed attempt. Before another attempt, this pauses."""
        state, notifier = self.state, self.settings.notifier
        if context.held_back:
            return Action.RAISE
        attempt = context.attempt
        outage = self._note_health(context, error)
        decision = context.judge(error, state.budget, outage=outage)
        if notifier.enabled and context.begun:
            context.begun, context.attempt.peer = False, attempt.peer
            await finish(notifier.attempt_end(context, context.last_effect, error))
        if decision.action in _AGAIN and not state.closed:
            if decision.pause:
                context.attempt.phase = "pausing before another attempt"
                await self.settings.sleep(decision.pause)
            return decision.action
        if await self._token_is_renewed(context, error):
            return Action.RETRY
        state.breakers.note(error, state.clock())
        return Action.RAISE if decision.action in _AGAIN else decision.action

    def _note_health(self, context: CallContext[Any], error: APIError) -> bool:
        """Tell the gate what *error* says of the host. Whether the call may wait for it."""
        gate, attempt = self.state.gate, context.attempt
        probe, attempt.probe = attempt.probe, False
        context.last_error = error
        if self.state.closed:
            return False
        if looks_like_outage(error):
            gate.failed(error.reason, probe=probe)
        elif error.status is not None:
            gate.succeeded()
        elif probe:
            gate.gave_up()
        patient = gate.seconds < self._patience(context) and context.options.max_attempts > 1
        return gate.closed and patient

    def _patience(self, context: CallContext[Any]) -> float:
        of_many = context.of_many or CURRENT.get() is not None
        return context.options.patience(of_many=of_many)

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

    # -- One attempt --------------------------------------------------------------------

    async def _attempt(self, context: CallContext[T]) -> T:
        """Send the call once, in its turn, and read the answer."""
        state, call = self.state, context.call
        context.begin_attempt()
        if state.breakers.tripped:
            self._hold_back(context)
        token = context.token = state.token.known or await state.token.token()
        paths = self.settings.routes.candidates(call.endpoint)
        if len(paths) == 1:
            response = await self._request(context, paths[0], token)
        else:
            response = await self._find_route(context, paths, token)
        answer = self._decoded(call, response, token)
        if isinstance(answer, Audience):
            state.seen.append(answer.id)
        if call.endpoint is LIST_AUDIENCES:
            context.server_time = date_of(response.headers)
        if not context.records or context.price:
            state.budget.earn(context.price or 1.0)
        state.breakers.close()
        context.attempt.probe = False
        if state.gate.troubled:
            state.gate.succeeded()
        if context.begun:
            context.begun = False
            await finish(self.settings.notifier.attempt_end(context, _OK, None))
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

    async def _find_route(
        self, context: CallContext[Any], paths: tuple[str, ...], token: Secret
    ) -> Response:
        """Try each path that the server may mean, until it knows one."""
        responses: list[Response] = []
        for path in paths:
            responses.append(await self._request(context, path, token))
            if knows_route(context.call, responses[-1]):
                self.settings.routes.settle(context.call.endpoint, path)
            if not no_such_route(context.call, responses[-1]):
                return responses[-1]
        return responses[0]

    async def _request(self, context: CallContext[Any], path: str, token: Secret) -> Response:
        """Send one request as soon as the host, the limiter and the pool allow it."""
        state, attempt = self.state, context.attempt
        while True:
            if state.gate.closed and not attempt.probe:
                await self._wait_for_host(context)
            turn = await self._turn(context)
            stale = False
            if not state.slots.take():
                await self._wait_for_connection(context, turn)
                stale = state.limiters.is_stale(turn)
            if not stale and (attempt.probe or not state.gate.closed):
                return await self._exchange(context, path, token, turn)
            # The host went down in the meantime, or a limit was met.
            state.slots.release()
            context.order = turn.order
            state.limiters.dropped(turn, state.clock())

    async def _wait_for_host(self, context: CallContext[Any]) -> None:
        gate, began = self.state.gate, context.clock()
        context.attempt.phase = "waiting for the host"
        answer = await gate.wait(self._patience(context))
        context.add_wait("host", context.clock() - began)
        if answer is None:
            context.held_back = True
            raise context.host_is_down(gate.seconds, gate.health.reason)
        context.attempt.probe = answer

    async def _turn(self, context: CallContext[Any]) -> Turn:
        """A turn of the rate limiter."""
        limiters, endpoint = self.state.limiters, context.call.endpoint
        key = LimitKey(endpoint.quota, endpoint.limited_account(context.call.account))
        period = self.settings.periods.get(endpoint.quota, endpoint.period)
        now, order = context.clock(), context.order
        if order is None and (turn := limiters.try_enter(key, period, now)):
            return turn
        if context.attempt.probe:
            order = FIRST  # everybody waits for it
        try:
            with context.queued("turn", WAITING_FOR_A_TURN):
                left = context.wait_left
                return await limiters.enter(key, period, now, max_wait=left, order=order)
        except QueueTooLongError as error:
            queue = error
        context.held_back = True
        raise context.queue_too_long(queue)

    async def _wait_for_connection(self, context: CallContext[Any], turn: Turn) -> None:
        try:
            with context.queued("connection", "waiting for a free connection"):
                await self.state.slots.acquire(context.call.account)
        except BaseException:
            self.state.limiters.dropped(turn, context.clock())
            raise

    async def _exchange(
        self, context: CallContext[Any], path: str, token: Secret, turn: Turn
    ) -> Response:
        """Send the request over a free connection, and tell the limiter how it went."""
        state, limiters, clock = self.state, self.state.limiters, context.clock
        request = encode(context.call, path, self.settings.base_url)
        context.attempt.sent, context.attempt.status = False, None
        try:
            if self.settings.notifier.enabled and not context.begun:
                context.begun = True
                await finish(self.settings.notifier.attempt_start(context))
            context.wire_began = clock()
            response = await self._transmit(context, request, token)
        except TransportError as error:
            failure = context.connection_error(error)
            limiters.dropped(turn, clock())
        except BaseException:
            limiters.dropped(turn, clock())
            raise
        else:
            if response.status == 429:
                context.order = turn.order
                limiters.rejected(turn, clock(), retry_after(response.headers))
            else:
                limiters.accepted(turn, clock())
            if context.begun:
                context.attempt.request_id = request_id(response.headers)
            return response
        finally:
            context.wire_seconds = clock() - context.wire_began
            state.slots.release()
        raise failure

    async def _transmit(
        self, context: CallContext[Any], request: Request, token: Secret
    ) -> Response:
        transport = cast("Sends", self.state.transport)
        try:
            return await transport.send(request, token, context.attempt)
        except TransportError as error:
            if not context.may_resend(error):
                raise
        # A kept connection was dead: at once, on a new one.
        return await transport.send(request._replace(fresh=True), token, context.attempt)
