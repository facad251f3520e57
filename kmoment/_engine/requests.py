"""Sends one request of a call, as soon as the host, the rate limiter and the pool allow it."""

from collections.abc import Awaitable
from typing import Any, Protocol, cast

from .._protocol.call import LimitScope
from .._protocol.codec import encode
from .._protocol.error_table import retry_after
from .._protocol.http import Response, TransportError
from .._secret import Secret
from ..errors import APIError, FleetUnavailableError
from .admission import FIRST, LimitKey, QueueClosedError, QueueTooLongError, Turn
from .context import WAITING_FOR_A_TURN, WAITING_FOR_THE_HOST, CallContext
from .job_tracker import CURRENT
from .notify import finish
from .settings import ClientSettings
from .state import ClientState

_PER_ACCOUNT = LimitScope.ACCOUNT


class Engine(Protocol):
    """The dispatcher."""

    @property
    def settings(self) -> ClientSettings:
        """Those of the client or view."""
        ...

    @property
    def state(self) -> ClientState:
        """What the client and its views share."""
        ...


def send_request(
    engine: Engine, context: CallContext[Any], path: str, token: Secret
) -> Awaitable[Response]:
    """Send one request as soon as the host, the limiter and the pool allow it."""
    state = engine.state
    # Nearly every call may go at once: it is spared a coroutine.
    if not state.gate.troubled and state.slots.take():
        if turn := _free_turn(engine, context):
            return _exchange(engine, context, path, token, turn)
        state.slots.release()
    return _send_in_turn(engine, context, path, token)


async def _send_in_turn(
    engine: Engine, context: CallContext[Any], path: str, token: Secret
) -> Response:
    state, attempt = engine.state, context.attempt
    while True:
        if state.gate.closed and not attempt.probe:
            await _wait_for_host(engine, context)
        turn = _free_turn(engine, context) or await _turn(engine, context)
        stale = False
        if not state.slots.take():
            await _wait_for_connection(engine, context, turn)
            stale = state.limiters.is_stale(turn)
        if not stale and (attempt.probe or not state.gate.closed):
            return await _exchange(engine, context, path, token, turn)
        # The host went down in the meantime, or a limit was met.
        state.slots.release()
        context.order = turn.order
        state.limiters.dropped(turn, state.clock())


async def _wait_for_host(engine: Engine, context: CallContext[Any]) -> None:
    gate, began = engine.state.gate, context.clock()
    context.attempt.phase = WAITING_FOR_THE_HOST
    answer = await gate.wait(patience(context))
    if context.trace is not None:
        context.trace.add_wait("host", context.clock() - began)
    if answer is None:
        context.held_back = True
        raise context.host_is_down(gate.seconds, gate.health.reason)
    context.attempt.probe = answer


def _limit(engine: Engine, context: CallContext[Any]) -> tuple[LimitKey, float]:
    """The limiter of a call, and its declared period."""
    endpoint, periods = context.call.endpoint, engine.settings.periods
    account = context.call.account if endpoint.limit_scope is _PER_ACCOUNT else None
    period = periods.get(endpoint.quota, endpoint.period) if periods else endpoint.period
    return (endpoint.quota, account), period


def _free_turn(engine: Engine, context: CallContext[Any]) -> Turn | None:
    """A turn of the rate limiter, if nobody has to wait."""
    if context.order is not None:
        return None
    key, period = _limit(engine, context)
    return engine.state.limiters.try_enter(key, period, context.clock())


async def _turn(engine: Engine, context: CallContext[Any]) -> Turn:
    """A turn of the rate limiter, after the calls that came before."""
    # Everybody waits for a probe.
    limiters, order = engine.state.limiters, FIRST if context.attempt.probe else context.order
    key, period = _limit(engine, context)
    try:
        with context.queued("turn", WAITING_FOR_A_TURN):
            now, left = context.clock(), context.wait_left
            return await limiters.enter(key, period, now, max_wait=left, order=order)
    except QueueTooLongError as queue:
        failure: APIError = context.queue_too_long(queue)
    except QueueClosedError:
        failure = context.closed_while_waiting()
    except FleetUnavailableError as lost:
        failure = context.not_shared(lost)
    context.held_back = True
    raise failure


async def _wait_for_connection(engine: Engine, context: CallContext[Any], turn: Turn) -> None:
    try:
        with context.queued("connection", "waiting for a free connection"):
            await engine.state.slots.acquire(context.call.account)
        turn.at = context.clock()
    except BaseException:
        engine.state.limiters.dropped(turn, context.clock())
        raise


async def _exchange(
    engine: Engine, context: CallContext[Any], path: str, token: Secret, turn: Turn
) -> Response:
    """Send the request over the free connection, and tell the limiter how it went."""
    attempt, response = context.attempt, None
    try:
        request = encode(context.call, path, engine.settings.base_url)
        attempt.sent, attempt.status = False, None
        if context.trace is not None:
            tell = engine.settings.notifier.attempt_start
            await finish(tell(context, context.trace, request.url))
        transport: Any = engine.state.transport
        try:
            response = await transport.send(request, token, attempt)
        except TransportError as error:
            if not context.may_resend(error):
                raise
            # A kept connection was dead: at once, on a new one.
            response = await transport.send(request._replace(fresh=True), token, attempt)
        return cast("Response", response)
    except TransportError as error:
        failure = context.connection_error(error)
    finally:
        engine.state.slots.release()
        _report(engine, context, turn, response)
    raise failure


def _report(
    engine: Engine, context: CallContext[Any], turn: Turn, response: Response | None
) -> None:
    """Tell the limiter what became of the call that it gave *turn*."""
    limiters, now = engine.state.limiters, context.clock()
    if response is None:
        limiters.dropped(turn, now)
    elif response.status == 429:
        context.order = turn.order
        limiters.rejected(turn, now, retry_after(response.headers))
    else:
        limiters.accepted(turn, now)


def patience(context: CallContext[Any]) -> float:
    """Seconds that the call waits for a host that is down."""
    return context.options.patience(of_many=CURRENT.get() is not None)
