"""The token shows nowhere, whatever way a socket fails, with both clients.

These tests check logs with their extras, reports to hooks, errors, and tracebacks with the locals
of every frame. ``test_client.py`` checks settings, cancellation and pickles of clients.
"""

import asyncio
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.fault_server import Answer, FaultServer, HangUpOnConnect, Step
from kmoment.hooks import CallStart, Hook
from test_client import with_locals
from test_fault_injection import STEPS

KINDS: Final[tuple[Step, ...]] = (
    *STEPS,
    HangUpOnConnect(),
    Answer(401, b'{"code": -401, "msg": "no"}'),
    Answer(400, b'{"code": -813, "msg": "KakaoMomentException", "extras": {"detailCode": 1}}'),
    Answer(200, b'{"content": [{"id": "no number"}]}'),
)


@attrs.define(eq=False)
class Ear(Hook):
    """A hook that keeps all events and then raises."""

    heard: list[Any] = attrs.Factory(list)

    def on_call_start(self, event: CallStart) -> None:
        self.heard.append(event)
        raise RuntimeError("clumsy")

    on_attempt_start = on_attempt_end = on_call_end = on_call_start


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """A fault server on its own thread, because the sync client blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = FaultServer()
    asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
    yield running
    asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def said_of(error: kmoment.APIError | None) -> str:
    """All texts of an error: str, repr, attributes, traceback with locals, and its pickle's."""
    if error is None:
        return ""
    carried = pickle.loads(pickle.dumps(error))
    return f"{error} {error!r} {vars(error)} {with_locals(error)} {carried!r} {vars(carried)}"


def logged(records: list[logging.LogRecord]) -> str:
    """All texts of the log records: messages, arguments, extras and exceptions."""
    errors = [record.exc_info[1] for record in records if record.exc_info]
    texts = [f"{record.getMessage()} {vars(record)}" for record in records]
    return " ".join(texts + [with_locals(error) for error in errors if error])


Call = Callable[[Any], Any]
CALLS: Final[dict[str, Call]] = {
    "list": lambda client: client.account(1).audiences.list(),
    "create": lambda client: client.account(1).audiences.create(DRAFT),
    "delete": lambda client: client.account(1).audiences.delete(1),
}


def settings(server: FaultServer, ear: Ear) -> dict[str, Any]:
    return {
        "token": lambda: TOKEN,
        "base_url": server.url,
        "timeout": 0.1,
        "max_attempts": 1,
        "reconcile_delays": (),
        "max_wait": 0,
        "outage_patience": 0,
        "hooks": [ear],
    }


async def ask(server: FaultServer, ear: Ear, call: Call) -> str:
    async with kmoment.AsyncClient(**settings(server, ear)) as client:
        error = None
        try:
            await call(client)
        except kmoment.APIError as caught:
            error = caught
        return said_of(error) + f"{client!r} {vars(client)} {client.account(1)!r}"


def ask_async(server: FaultServer, ear: Ear, call: Call) -> str:
    return asyncio.run(ask(server, ear, call), debug=True)


def ask_sync(server: FaultServer, ear: Ear, call: Call) -> str:
    with kmoment.Client(**settings(server, ear)) as client:
        error = None
        try:
            call(client)
        except kmoment.APIError as caught:
            error = caught
        return said_of(error) + f"{client!r} {vars(client)} {client.account(1)!r}"


@pytest.mark.parametrize("client", [ask_async, ask_sync], ids=["async", "sync"])
@pytest.mark.parametrize("step", KINDS, ids=lambda step: type(step).__name__)
def test_the_token_shows_nowhere(
    step: Step,
    client: Callable[[FaultServer, Ear, Call], str],
    server: FaultServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No error, repr, report, pickle, traceback with locals, or log record has the token."""
    caplog.set_level(1)
    server.default, ear = step, Ear()
    said = [client(server, ear, call) for call in CALLS.values()]
    told = f"{ear.heard} {pickle.loads(pickle.dumps(ear.heard))}"
    logs = logged(caplog.records)
    assert len(ear.heard) >= len(CALLS)
    assert TOKEN not in "".join(said) + told + logs
    assert {"kmoment", "asyncio"} <= {record.name for record in caplog.records}


def test_the_look_is_sharp(caplog: pytest.LogCaptureFixture) -> None:
    """The checks above find a token in a log's extra, an error's argument or a frame's local."""
    held = [TOKEN]
    logging.getLogger("kmoment").error("x", extra={"kmoment": {"header": held}})
    assert TOKEN in logged(caplog.records)
    try:
        raise kmoment.APIConnectionError("x", {"message": held[0]})
    except kmoment.APIError as error:
        assert said_of(error).count(TOKEN) >= 3
