"""Sends calls: :meth:`Dispatcher.send` is the way of every call of every resource.

One deadline covers the whole call, but for the time in queues. ``_make`` has the only loop: make an
attempt; after a failure ask ``_policies/retry.py``, then pause, find out what was done, or raise.
An attempt waits for a host that is down, for its turn and for a free connection, and is then one
request on the transport.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from .._policies.failure import Effect, looks_like_outage
from .._policies.retry import Action
from .._protocol.answer import request_id
from .._protocol.call import Call, Replay
from .._protocol.codec import decode, encode, knows_route, no_such_route
from .._protocol.endpoints import DELETE_AUDIENCES, LIST_AUDIENCES
from .._protocol.error_table import date_of, facts_of
from .._protocol.http import Response
from .._secret import Secret
from .._text import normalised
from ..errors import (
    APIError,
    AuthenticationError,
    FleetUnavailableError,
    OutcomeUnknownError,
)
from ..models import Audience, AudienceSummary
from .bulk_delete import delete_in_parts
from .context import AttemptState, CallContext
from .job_tracker import CURRENT, JobTracker, pausing, report_write
from .listing import Listed
from .notify import Pending, finish, finish_later
from .reconcile import Ask, find_created, ids_listed, list_call, read_back
from .redact import redacted
from .requests import patience, send_request
from .settings import ClientSettings
from .sharing import Share
from .state import ClientState
from .timeouts import TimeoutKind

P = ParamSpec("P")
T = TypeVar("T")
Run = Callable[[CallContext[T]], Awaitable[T]]

_log: Final = logging.getLogger("kmoment")

# By name: looking an enum member up costs Python 3.11 about 0.2 us.
_CREATE = Replay.CREATE
_OK, _UNSENT = Effect.OK, Effect.UNSENT

_SETTLED: Final = 5.0
"""Seconds that a create's lock outlives the last look for what was created: the time to give it
back."""

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
        return self.run(lambda calls: delete_in_parts(calls._send, call, looks=looks))

    async def run(
        self,
        job: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run *job*, which makes several calls. They wait for the host as those of a batch do."""
        outer = CURRENT.set(JobTracker(CURRENT.get()))
        try:
            return await job(self, *args, **kwargs)
        finally:
            CURRENT.reset(outer)

    def waiting_for(self) -> str | None:
        """What most calls wait for now, in a few words."""
        return self.state.waiting_for()

    def list_audiences(self, account: int) -> Coroutine[Any, Any, list[AudienceSummary]]:
        """The audiences of an account. Creates that follow soon need no list of their own."""
        return self._send(list_call(account), self._list_for_creates)

    async def reconcile(self, error: OutcomeUnknownError) -> Audience:
        """Search once for the audience that a create may have made."""
        listing = list_call(error.ad_account_id)
        return await find_created(
            self._send, error, (0.0,), self.settings.sleep, lambda _: self._send(listing)
        )

    # -- One call -----------------------------------------------------------------------

    async def _send(self, call: Call[T], run: Run[T] | None = None) -> T:
        state, options = self.state, self.settings.options
        state.open(self.settings)
        timeout = state.timeouts.begin(options.deadline)
        attempt, now = AttemptState(timeout), timeout.began
        context = CallContext(call, options, timeout, state.clock, now, attempt, now)
        context.wait_left = options.max_wait
        state.live += 1
        try:
            if state.share is not None and not state.share.ready:
                await state.share.start()
            return await (run or self._run)(context)
        except asyncio.CancelledError:
            error = context.timed_out(state.waiting_for)
            if error is None or not timeout.expired(cast("TimeoutKind", timeout.past)):
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
            if state.share is not None:
                await self._lock_name(context, state.share)
            waiting = partial(
                context.queued, "create", "waiting for a list of what is there already"
            )
            make = partial(self._list, context)
            listed = await state.listings.get(call.account, state.clock, make, waiting)
            # Others than those that are listed may be there too: a list may be old.
            context.known_ids = None if listed.ids is None else listed.ids | frozenset(state.seen)
            context.started = state.clock()
            context.created_after = listed.server_now(context.started)
            return await self._make(context)
        finally:
            lock.release()
            if context.lock is not None:
                context.lock.release()

    async def _lock_name(self, context: CallContext[Any], share: Share) -> None:
        """Keep other processes from creating an audience of the same name."""
        call, options = context.call, context.options
        # As long as a process that lives would look for what it has created.
        seconds = sum(options.reconcile_delays) + _SETTLED
        context.attempt.phase = "create lock"
        try:
            context.lock = await share.lock_create(
                call.account, normalised(call.body.name), seconds, options.deadline + seconds
            )
        except FleetUnavailableError as lost:
            context.held_back = True
            raise context.not_shared(lost) from None
        if context.lock.contended:
            self.state.listings.forget(call.account)

    async def _list(self, context: CallContext[Any]) -> Listed:
        """What is there before a create."""
        context.attempt.phase = "listing what is there already"
        listing = context.child(list_call(context.call.account))
        ids = await ids_listed(self._run(listing))
        context.wait_left = listing.wait_left
        return Listed(ids, listing.server_time, self.state.clock())

    async def _list_for_creates(
        self, context: CallContext[list[AudienceSummary]]
    ) -> list[AudienceSummary]:
        rows = await self._run(context)
        ids = frozenset(row.id for row in rows)
        listed = Listed(ids, context.server_time, self.state.clock())
        self.state.listings.keep(context.call.account, listed)
        return rows

    def _asking(self, context: CallContext[Any]) -> Ask:
        """Makes calls for another call, within its time."""
        return lambda call: self._run(context.child(call))

    async def _run(self, context: CallContext[T]) -> T:
        """Make a call, and report how it ended."""
        effect, reason, stopped = _UNSENT, None, False
        if self.settings.notifier.enabled:
            await finish(self.settings.notifier.call_start(context, next(self.state.idents)))
        try:
            creates = context.call.endpoint.replay is _CREATE and context.options.reconcile_delays
            answer = await (self._create if creates else self._make)(context)
            effect = _OK
            return answer
        except (asyncio.CancelledError, GeneratorExit):  # the latter if its loop was closed
            effect, stopped = context.effect_if_cancelled(), True
            reason = context.timed_out(self.state.waiting_for)
            raise
        except APIError as failed:
            effect, reason = context.effect_of(failed), failed
            raise
        finally:
            if pending := self._end(context, effect, reason):
                if stopped:
                    finish_later(pending)
                else:
                    await finish(pending)

    def _end(self, context: CallContext[Any], effect: Effect, error: APIError | None) -> Pending:
        """Tell the gate, the job that this call is part of, hooks and the log how it ended."""
        if context.attempt.probe:
            self.state.gate.gave_up()
        if not context.only_reads and effect in _MAY_HAVE_WRITTEN:
            report_write()
        if context.trace is None:
            return []
        return self.settings.notifier.call_end(context, context.trace, effect, error)

    async def _make(self, context: CallContext[T]) -> T:
        """Make all attempts of a call."""
        call = context.call
        while True:
            context.begin_attempt()
            try:
                token = context.token = self._known_token(call) or await self._token(context)
                paths = self.settings.routes.candidates(call.endpoint)
                if len(paths) == 1:
                    response = await send_request(self, context, paths[0], token)
                else:
                    response = await self._find_route(context, paths, token)
                answer = self._decoded(context, response, token)
                break
            except APIError as failed:
                error = failed
            action = await self._judge(context, error)
            if action not in _AGAIN:
                return await self._settle(context, error, action)
        if context.records or not self.state.is_calm:
            self._note_success(context)
        if context.trace is not None:
            context.attempt.request_id = request_id(response.headers)
            tell = self.settings.notifier.attempt_end
            await finish(tell(context, context.trace, context.attempt, _OK, None))
        return answer

    async def _judge(self, context: CallContext[Any], error: APIError) -> Action:
        """What to do after a failed attempt. Before another attempt, this pauses."""
        state, notifier = self.state, self.settings.notifier
        if context.held_back:
            return Action.RAISE
        attempt = context.attempt
        outage = self._note_health(context, error)
        decision = context.judge(error, state.budget, outage=outage)
        if context.trace is not None:
            effect = context.last_effect
            await finish(notifier.attempt_end(context, context.trace, attempt, effect, error))
            if decision.unaffordable:
                await finish(notifier.retry_refused(context, context.trace, error))
        if decision.action in _AGAIN and not state.closed:
            if decision.pause:
                context.attempt.phase = "pausing before another attempt"
                await self.settings.sleep(decision.pause)
            return decision.action
        if await self._token_is_renewed(context, error):
            return Action.RETRY
        if seconds := state.breakers.note(error, state.clock(), context.token):
            text = "%s: calls fail at once for %.0f s"
            _log.warning(text, error.reason, seconds, extra={"kmoment_later_calls": True})
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
        patient = gate.seconds < patience(context) and context.options.max_attempts > 1
        return gate.closed and patient

    async def _token_is_renewed(self, context: CallContext[Any], error: APIError) -> bool:
        refused = isinstance(error, AuthenticationError)
        if not refused or context.token is None or context.token_renewed:
            return False
        context.token_renewed = True
        try:
            return await self.state.token.renew(context.call, context.token)
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
        delays = self.settings.options.reconcile_delays
        if delays:
            text = (
                "audiences.create of account %s: the answer was lost; it is looked for, %.0f s long"
            )
            _log.warning(text, context.call.account, sum(delays))
        ask, account = self._asking(context), context.call.account
        make_list = partial(
            self.state.looks.get,
            (account, context.options),
            self.state.clock,
            lambda: ask(list_call(account)),
            partial(context.queued, "create", "waiting for a list of what is there now"),
        )
        with suppress(APIError):
            found = await find_created(ask, unknown, delays, self._pause, make_list)
            if context.lock is not None and not await context.lock.is_held():
                unknown.args = ("another process may have made it",)
                raise unknown
            _log.info("audiences.create of account %s: found", context.call.account)
            return found
        raise unknown

    async def _pause(self, seconds: float) -> None:
        with pausing():
            await self.settings.sleep(seconds)

    # -- One attempt --------------------------------------------------------------------

    def _note_success(self, context: CallContext[Any]) -> None:
        """Tell the budget, the breakers and the gate that an attempt has succeeded."""
        state = self.state
        if not context.records or context.price:
            state.budget.earn(context.price or 1.0)
        if state.breakers.tripped and state.breakers.close(context.token):
            _log.info("%s has succeeded: calls are sent again", context.call.endpoint.name)
        context.attempt.probe = False
        if state.gate.troubled:
            state.gate.succeeded()

    def _decoded(self, context: CallContext[T], response: Response, token: Secret) -> T:
        call = context.call
        try:
            answer = decode(call, response)
        except APIError:
            pass
        else:
            if isinstance(answer, Audience):
                self.state.seen.append(answer.id)
            elif call.endpoint is LIST_AUDIENCES:
                context.server_time = date_of(response.headers)
            return answer
        try:  # once more, so that the error does not hold the token
            return decode(call, redacted(response, token))
        except AuthenticationError as error:
            self.state.token.forget(call, token)
            self.state.token.explain(error)
            raise

    def _known_token(self, call: Call[Any]) -> Secret | None:
        """The token of *call*, if nobody has to be asked for it and no breaker for the call."""
        return None if self.state.breakers.tripped else self.state.token.known(call)

    async def _token(self, context: CallContext[Any]) -> Secret:
        """The token of the call, unless a circuit breaker stops the attempt."""
        source, call = self.state.token, context.call
        last = source.last(call)
        if last is not None:
            await self._hold_back(context, last)
        token = source.known(call) or await source.token(call)
        if last is None or token.reveal() != last.reveal():
            await self._hold_back(context, token)
        return token

    async def _hold_back(self, context: CallContext[Any], token: Secret) -> None:
        """Raise if a circuit breaker stops the attempt."""
        breakers, share, facts = self.state.breakers, self.state.share, facts_of(context.call)
        if not breakers.tripped:
            return
        now = context.clock()
        refusal = breakers.refusal(now, facts, token)
        if refusal is None and share is not None:
            refusal = await share.may_probe(now, facts, token)
        if refusal is not None:
            context.held_back = True
            raise refusal

    async def _find_route(
        self, context: CallContext[Any], paths: tuple[str, ...], token: Secret
    ) -> Response:
        """Try each path that the server may mean, until it knows one."""
        responses: list[Response] = []
        for path in paths:
            responses.append(await send_request(self, context, path, token))
            if knows_route(context.call, responses[-1]):
                self.settings.routes.settle(context.call.endpoint, path)
            if not no_such_route(context.call, responses[-1]):
                return responses[-1]
        return responses[0]
