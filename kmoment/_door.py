"""The one door: every call goes through :meth:`Door.send`, with all that may happen to it.

``send`` puts one deadline over the call, and ``_repeat`` holds the only loop: wait for a turn,
encode, transport, decode; on an error ask ``_retry`` what it means, and pause, look what was
done, or raise. What is decided lies in pure modules; here is what is done.
"""

import asyncio
import ssl as ssl_module
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from ._call import Call, Replay
from ._lanes import FairSlots, Lane
from ._listeners import Listeners
from ._mark import write_was_done
from ._retry import Action, Options, Outcome, Story
from ._routes import Routes
from ._secret import Secret, TokenSource
from ._settle import Ask, find_created, list_call, read_back, unknown
from ._shared import Shared
from ._watch import Limit
from ._wire import (
    Attempt,
    NoAnswer,
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
    DeadlineExceededError,
    OutcomeUnknownError,
    ProtocolError,
)
from .hooks import CallReport
from .models import Audience

if TYPE_CHECKING:
    from ._transport import Transport

T = TypeVar("T")


# By name: looking a member up takes Python 3.11 a fifth of a microsecond.
_SAFE, _CREATE = Replay.SAFE, Replay.CREATE
_OK, _UNSENT = Outcome.OK, Outcome.UNSENT

_DONE_PERHAPS: Final = (Outcome.OK, Outcome.UNKNOWN, Outcome.DONE)


class Door:
    """What sends calls. ``AsyncClient`` sets its settings and gives it a public face."""

    base_url: str
    _token: TokenSource
    _proxy: Secret | None
    _ssl: ssl_module.SSLContext | None
    _timeout: float
    _options: Options
    _max_connections: int
    _routes: Routes
    _periods: dict[str, float]
    _listeners: Listeners
    _sleep: Callable[[float], Awaitable[None]]
    _shared: Shared

    async def send(self, call: Call[T]) -> T:
        """Make *call*. Every method of every resource ends here."""
        shared = self._shared
        shared.open(self._new_transport)
        life = shared.watch.begin(self._options.deadline)
        story = Story(life.began, life)
        shared.live += 1
        try:
            if call.endpoint.replay is _CREATE and self._options.reconcile_delays:
                return await self._create(call, story)
            return await self._repeat(call, story)
        except asyncio.CancelledError:
            if not life.is_past(Limit.DEADLINE):
                raise
        finally:
            shared.watch.end(life)
            shared.live -= 1
            if shared.closed:
                shared.quiet.set()
        raise self._too_late(call, story)

    async def close_within(self, seconds: float) -> None:
        """:meth:`aclose`, with another time for calls under way."""
        await self._shared.close(seconds)

    async def _create(self, call: Call[T], story: Story) -> T:
        """One at a time of a name, and first a look at what is there already."""
        draft = call.body
        story.attempt.phase = "waiting for another create of the same name"
        lock = self._shared.creating.setdefault((call.account, draft.name), asyncio.Lock())
        async with lock:
            story.attempt.phase = "listing what is there already"
            rows = await self._asking(story)(list_call(call.account))
            story.known_ids = frozenset(row.id for row in rows)
            return await self._repeat(call, story)

    def _asking(self, story: Story) -> Ask:
        """Makes calls of our own, within the time of the one they are made for."""
        return lambda call: self._repeat(call, Story(self._shared.clock(), story.life))

    async def _repeat(self, call: Call[T], story: Story) -> T:
        """Make a call with all its attempts, and tell how it ended."""
        outcome, reason = _UNSENT, None
        try:
            while True:
                try:
                    answer = await self._attempt(call, story)
                    break
                except APIError as failed:
                    error = failed
                action = await self._judge(call, story, error)
                if action is not Action.RETRY:
                    answer = await self._settle(call, story, error, action)
                    break
            outcome = _OK
            return answer
        except asyncio.CancelledError:
            outcome = story.outcome_if_stopped(call.endpoint.replay)
            if story.life.past is Limit.DEADLINE:
                reason = self._too_late(call, story)
            raise
        except APIError as failed:
            outcome, reason = story.outcome_of(failed), failed
            raise
        finally:
            self._tell(call, story, outcome, reason)

    async def _judge(self, call: Call[Any], story: Story, error: APIError) -> Action:
        """What to do after a failed attempt; where it is to try again, after the pause."""
        shared = self._shared
        if story.held_back:
            return Action.RAISE
        decision = story.judge(
            error, call.endpoint.replay, shared.budget, self._options, shared.clock()
        )
        self._listeners.attempt(call.endpoint.name, call.account, story.tried[-1])
        if decision.action is Action.RETRY and not shared.closed:
            story.attempt.phase = "a pause before another attempt"
            await self._sleep(decision.pause)
            return Action.RETRY
        if await self._token_is_renewed(error, story):
            return Action.RETRY
        shared.breakers.note(error, shared.clock())
        return Action.RAISE if decision.action is Action.RETRY else decision.action

    async def _token_is_renewed(self, error: APIError, story: Story) -> bool:
        if not isinstance(error, AuthenticationError) or story.token is None or story.renewed:
            return False
        story.renewed = True
        return await self._token.renew(story.token)

    def _tell(
        self, call: Call[Any], story: Story, outcome: Outcome, error: APIError | None
    ) -> None:
        """Tell the job that this call is part of, and who listens, how it ended."""
        if call.endpoint.replay is not _SAFE and outcome in _DONE_PERHAPS:
            write_was_done()
        if not self._listeners.awake:
            return
        self._listeners.call(
            CallReport(
                operation=call.endpoint.name,
                method=call.endpoint.method,
                path=call.endpoint.path,
                ad_account_id=call.account,
                outcome=str(outcome),
                seconds=self._shared.clock() - story.began,
                attempts=story.tried,
                error=error,
            )
        )

    async def _settle(self, call: Call[T], story: Story, error: APIError, action: Action) -> T:
        """End a call whose attempts are over: done, found out, or an error."""
        if action is Action.SUCCEED:
            return cast("T", None)
        story.attempt.phase = "looking what was done"
        if action is Action.READ_BACK:
            done = story.last_outcome is Outcome.DONE
            return await read_back(self._asking(story), call, error, done=done)
        if action is Action.RECONCILE:
            return cast("T", await self._reconcile(call, story, error))
        if self._is_doubtful(call, story.in_doubt or story.last_outcome is Outcome.DONE):
            raise self._doubt(call, story, error)
        raise error

    def _is_doubtful(self, call: Call[Any], may_have_acted: bool) -> bool:
        return may_have_acted and call.endpoint.replay is not _SAFE

    async def _reconcile(self, call: Call[Any], story: Story, error: APIError) -> Audience:
        doubt = self._doubt(call, story, error)
        with suppress(APIError):
            return await find_created(
                self._asking(story), doubt, self._options.reconcile_delays, self._sleep
            )
        raise doubt

    def _doubt(self, call: Call[Any], story: Story, error: APIError) -> OutcomeUnknownError:
        known = story.known_ids
        if known is not None:
            known |= frozenset(self._shared.seen)
        return unknown(error, draft=call.body, known_ids=known)

    async def _attempt(self, call: Call[T], story: Story) -> T:
        """Send the call once, in its turn, and read its answer."""
        shared = self._shared
        story.begin(shared.clock())
        if shared.breakers.tripped:
            self._hold_back(call, story)
        token = story.token = self._token.known or await self._token.token()
        key = (call.endpoint.quota, call.account)
        lane = shared.lanes.lane(key, self._period(call), story.started)
        way = self._in_turn if lane.period > 0 else self._reach
        response = await way(call, story, token, lane)
        try:
            answer = decode(call, response)
        except AuthenticationError:
            self._token.forget(token)
            raise
        if isinstance(answer, Audience):
            shared.seen.append(answer.id)
        if not story.tried:
            shared.budget.earn()
        shared.breakers.close()
        return answer

    def _hold_back(self, call: Call[Any], story: Story) -> None:
        """Raise where a breaker lets nothing pass now."""
        if held := self._shared.breakers.refusal(story.started, facts_of(call)):
            story.held_back = True
            raise held

    async def _in_turn(self, call: Call[Any], story: Story, token: Secret, lane: Lane) -> Response:
        """Wait for the call before, and for the time after it."""
        story.attempt.phase = "waiting for its turn"
        await lane.enter()
        try:
            if (pause := lane.delay(self._shared.clock())) > 0:
                await self._wait(call, story, pause)
            return await self._reach(call, story, token, lane)
        finally:
            lane.leave()

    def _period(self, call: Call[Any]) -> float:
        return self._periods.get(call.endpoint.quota, call.endpoint.period)

    async def _wait(self, call: Call[Any], story: Story, seconds: float) -> None:
        """Wait for the lane, unless that would be past the deadline."""
        if self._shared.clock() + seconds >= story.life.deadline:
            phase = "waiting for its turn"
            facts = facts_of(call) | {"request_sent": False, "phase": phase}
            reason = f"its turn comes in {seconds:.0f} s, past its deadline"
            raise DeadlineExceededError(reason, facts)
        await self._sleep(seconds)

    def _reach(
        self, call: Call[Any], story: Story, token: Secret, lane: Lane
    ) -> Awaitable[Response]:
        paths = self._routes.candidates(call.endpoint)
        if len(paths) == 1:
            return self._exchange(call, story, paths[0], token, lane)
        return self._search(call, story, paths, token, lane)

    async def _search(
        self, call: Call[Any], story: Story, paths: tuple[str, ...], token: Secret, lane: Lane
    ) -> Response:
        """Ask at each path that the server may mean, until it knows one."""
        answers: list[Response] = []
        for path in paths:
            answers.append(await self._exchange(call, story, path, token, lane))
            if knows_route(answers[-1]):
                self._routes.settle(call.endpoint, path)
            if not no_such_route(answers[-1]):
                return answers[-1]
        return answers[0]

    async def _exchange(
        self, call: Call[Any], story: Story, path: str, token: Secret, lane: Lane
    ) -> Response:
        """Send the request, and tell the lane how it went."""
        attempt, shared = story.attempt, self._shared
        request = encode(call, path, self.base_url)
        attempt.phase, attempt.sent, attempt.status = "waiting for a free connection", False, None
        if not shared.slots.take():
            await shared.slots.acquire(call.account)
        started = lane.started(shared.clock())
        try:
            response = await cast("Transport", shared.transport).send(request, token, attempt)
        except NoAnswer as error:
            failure = _error_of(call, attempt, error)
            lane.ended(shared.clock())
        except BaseException:
            lane.ended(shared.clock())
            raise
        else:
            if response.status == 429:
                lane.throttled(shared.clock(), started, retry_after(response.headers))
            else:
                lane.ended(shared.clock())
            return response
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
        if self._is_doubtful(call, attempt.sent or story.in_doubt):
            return self._doubt(call, story, error)
        return error

    def unopened(self) -> Self:
        """A client of the same settings that has opened nothing: for a process after a fork."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin._token = self._token.unasked()
        twin._shared = Shared(FairSlots(self._max_connections))
        return twin

    def _new_transport(self) -> "Transport":
        from ._transport import Transport

        return Transport(
            timeout=self._timeout,
            proxy=self._proxy,
            ssl=self._ssl,
        )


def _error_of(
    call: Call[Any], attempt: Attempt, failure: NoAnswer
) -> APIConnectionError | ProtocolError:
    error = ProtocolError if failure.broken else APIConnectionError
    facts = {
        "request_sent": attempt.sent,
        "status": attempt.status,
        "can_retry": not failure.final,
    }
    return error(failure.reason, facts_of(call) | facts)
