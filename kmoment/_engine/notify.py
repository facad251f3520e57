"""Tells hooks and the log what becomes of a call. Neither can harm it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Coroutine, Iterable
from inspect import isawaitable
from typing import Any, Final

from yarl import URL

from .._policies.circuit_breaker import CircuitBreaker, Listener
from .._policies.failure import Effect
from ..errors import APIError
from ..hooks import (
    AttemptEnd,
    AttemptStart,
    BreakerClose,
    BreakerOpen,
    CallEnd,
    CallStart,
    Hook,
    RetryRefused,
    Waits,
)
from .clock import monotonic
from .context import AttemptState, CallContext, Trace

_log: Final = logging.getLogger("kmoment")

_tasks: Final[set[asyncio.Task[None]]] = set()
"""Async hooks that nobody waits for: asyncio itself keeps no task alive."""


Pending = list[Coroutine[Any, Any, None]]
"""What async hooks still have to do."""


class Notifier:
    """The hooks of a client, and the log."""

    __slots__ = ("_hooks",)

    def __init__(self, hooks: Iterable[Hook]) -> None:
        self._hooks = tuple(hooks)

    @property
    def enabled(self) -> bool:
        """Whether anyone listens. If not, no event has to be made."""
        return bool(self._hooks) or _log.isEnabledFor(logging.DEBUG)

    def call_start(self, context: CallContext[Any], ident: int) -> Pending:
        """A call begins."""
        context.trace = Trace(ident, time.time())
        return self._tell("on_call_start", CallStart, _call(context, context.trace))

    def attempt_start(self, context: CallContext[Any], trace: Trace, url: URL) -> Pending:
        """A request is sent now. A second one of the same attempt is not told."""
        trace.wire_began, trace.url = context.clock(), str(url.with_query(None))
        if trace.begun:
            return []
        trace.begun, trace.sent_time = True, time.time()
        trace.requests += 1
        return self._tell("on_attempt_start", AttemptStart, _attempt(context, trace))

    def attempt_end(
        self,
        context: CallContext[Any],
        trace: Trace,
        attempt: AttemptState,
        effect: Effect,
        error: APIError | None,
    ) -> Pending:
        """A request was answered, or was not. Nothing is told where none was sent."""
        if not trace.begun:
            return []
        address, port = (attempt.peer or (None, None))[:2]
        facts = _attempt(context, trace) | {
            "seconds": context.clock() - trace.wire_began,
            "effect": str(effect),
            "status": attempt.status if error is None else error.status,
            "error": error,
            "request_id": attempt.request_id if error is None else error.request_id,
            "server_address": address,
            "server_port": port,
            "resent": context.resent,
        }
        trace.begun, trace.waited = False, {}
        return self._tell("on_attempt_end", AttemptEnd, facts)

    def call_end(
        self, context: CallContext[Any], trace: Trace, effect: Effect, error: APIError | None
    ) -> Pending:
        """A call has ended."""
        facts = _call(context, trace) | {
            "effect": str(effect),
            "seconds": context.clock() - context.began,
            "waits": Waits(**trace.waited_in_all),
            "attempts": context.records,
        }
        _log.debug("%s: %s", facts["operation"], effect, extra={"kmoment": facts})
        return self._tell("on_call_end", CallEnd, facts | {"error": error})

    def retry_refused(self, context: CallContext[Any], trace: Trace, error: APIError) -> Pending:
        """The retry budget has too little left for another attempt of a call."""
        facts = _call(context, trace) | {"error": error}
        return self._tell("on_retry_refused", RetryRefused, facts)

    def breaker_listener(self) -> Listener | None:
        """What tells the hooks of a client's circuit breakers; ``None`` without hooks.

        Async hooks are not waited for: a breaker may change without a call.
        """
        if not self._hooks:
            return None
        opened: dict[CircuitBreaker, float] = {}

        def tell(breaker: CircuitBreaker, error: APIError | None, seconds: float) -> None:
            facts, now = {"kind": breaker.kind, "time": time.time()}, monotonic()
            if error is None:
                facts["seconds"] = now - opened.pop(breaker, now)
                pending = self._tell("on_breaker_close", BreakerClose, facts)
            else:
                opened.setdefault(breaker, now)
                facts |= {"seconds": seconds, "error": error}
                pending = self._tell("on_breaker_open", BreakerOpen, facts)
            if pending:
                finish_later(pending)

        return tell

    def _tell(self, method: str, event: type[Any], facts: dict[str, Any]) -> Pending:
        pending: Pending = []
        for hook in self._hooks:
            try:
                answer = getattr(hook, method)(event(**facts))
            except Exception:
                _log.exception(_FAILED, type(hook).__name__, method)
            else:
                if isawaitable(answer):
                    pending.append(_guarded(answer, type(hook).__name__, method))
        return pending


_FAILED: Final = "the hook %r has failed in %s"


async def _guarded(answer: Awaitable[None], hook: str, method: str) -> None:
    try:
        await answer
    except Exception:
        _log.exception(_FAILED, hook, method)


async def finish(pending: Pending) -> None:
    """Wait for async hooks, in their order."""
    for one in pending:
        await one


def finish_later(pending: Pending) -> None:
    """The same where nobody can wait, as in a cancelled call. Without a loop nothing is done."""
    if not _in_running_loop():
        for one in pending:
            one.close()
        return
    task = asyncio.get_running_loop().create_task(finish(pending))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _in_running_loop() -> bool:
    try:
        return asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


def _call(context: CallContext[Any], trace: Trace) -> dict[str, Any]:
    endpoint = context.call.endpoint
    return {
        "call_id": trace.ident,
        "parent_id": context.parent,
        "operation": endpoint.name,
        "method": endpoint.method,
        "path": endpoint.path,
        "ad_account_id": context.call.account,
        "time": trace.time,
    }


def _attempt(context: CallContext[Any], trace: Trace) -> dict[str, Any]:
    facts = _call(context, trace)
    facts["time"], facts["number"] = trace.sent_time, trace.requests
    facts["waits"], facts["url"] = Waits(**trace.waited), trace.url
    return facts
