"""The sync client inside one process: threads, loops, context, streams and closing."""

import asyncio
import contextvars
import gc
import os
import signal
import socket
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.fault_server import FaultServer, Silence
from helpers.scripted import ok, scripted
from kmoment.sandbox import Fault, Sandbox
from kmoment.sync import _portal, _sender as sync_sender
from kmoment.sync._portal import (
    EXIT_SECONDS,
    CallFuture,
    CancelToken,
    _cancel_token,
    _close_all,
    _forget_all,
    _refuse_greenlet,
)
from kmoment.sync._sender import _renew_lock
from kmoment.sync._stream import PrefetchedStream

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="nobody")


@pytest.fixture
def moment(sandbox: Sandbox) -> Iterator[kmoment.Client]:
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as client:
        yield client


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kmoment"]


@contextmanager
def silent_server() -> Iterator[FaultServer]:
    """A server on its own thread. It never answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = FaultServer()
    server.default = Silence(30)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def wait_for(server: FaultServer) -> None:
    until = time.monotonic() + 5
    while not server.requests:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_nothing_starts_before_the_first_call(sandbox: Sandbox) -> None:
    """Making a client, its accounts and its repr starts no thread. The first call starts one."""
    before = len(threads())
    client = kmoment.Client(sandbox.token, base_url=sandbox.url)
    assert "not opened yet" in repr(client)
    assert repr(client.account(5)) == "<Account 5>"
    assert len(threads()) == before
    assert client.locations.depth1()
    assert len(threads()) == before + 1
    assert "open" in repr(client)
    client.close()
    assert len(threads()) == before


def test_closing(sandbox: Sandbox) -> None:
    """A client can be closed before and after use, and repeatedly. Then it refuses calls."""
    unused = kmoment.Client(TOKEN)
    unused.close()
    unused.close()
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as client:
        client.locations.depth1()
    client.close()
    assert "closed" in repr(client)
    with pytest.raises(kmoment.ClientClosedError):
        client.locations.depth1()


def test_a_dropped_client_stops_its_thread(sandbox: Sandbox) -> None:
    """A client that is dropped without closing ends its thread and closes its sockets."""
    before = set(threads())
    client = kmoment.Client(sandbox.token, base_url=sandbox.url)
    client.locations.depth1()
    (thread,) = set(threads()) - before
    gone = weakref.ref(client)
    del client
    assert gone() is None, "a cycle keeps the client alive"
    thread.join(5)
    assert not thread.is_alive()
    gc.collect()


def test_threads_share_one_client(moment: kmoment.Client, sandbox: Sandbox) -> None:
    """Calls of many threads run at the same time, and each gets its own answer."""
    sandbox.add_fault(Fault("locations.depth2", "delay", delay=0.2))
    try:
        names = ["강남구", "강동구", "도봉구", "여주시"] * 4
        start = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(moment.locations.depth2, names))
        took = time.monotonic() - start
    finally:
        sandbox.clear_faults()
    for name, rows in zip(names, found, strict=True):
        assert all(name in row.description for row in rows)
    assert took < 0.2 * len(names) / 2, "the calls ran one after the other"


def test_first_calls_of_many_threads_open_one_thread(sandbox: Sandbox) -> None:
    """If eight threads make the first call at once, the client starts only one LoopThread."""
    before = len(threads())
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as client:
        barrier = threading.Barrier(8)

        def first() -> int:
            barrier.wait()
            return len(client.locations.depth1())

        with ThreadPoolExecutor(8) as pool:
            assert len({future.result() for future in [pool.submit(first) for _ in range(8)]}) == 1
        assert len(threads()) == before + 1


def test_in_a_running_loop_it_works_and_warns_once(moment: kmoment.Client) -> None:
    """In a running loop a sync call works, and one warning names the method to await."""

    async def cell() -> list[Any]:
        return [moment.locations.depth1(), moment.locations.depth2("서울")]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        provinces, districts = asyncio.run(cell())
    assert provinces
    assert districts
    (warning,) = caught
    assert "await AsyncLocations.depth1" in str(warning.message)
    assert warning.filename == __file__


def test_calling_back_from_inside_is_refused(sandbox: Sandbox) -> None:
    """A token callable that calls its own client gets an error, and does not hang."""
    clients: list[kmoment.Client] = []

    def provide() -> str:
        clients[0].locations.depth1()
        return sandbox.token

    clients.append(kmoment.Client(provide, base_url=sandbox.url))
    with pytest.raises(kmoment.WrongLoopError, match="token callable"):
        clients[0].locations.depth1()
    clients[0].close()


def test_context_variables_are_seen_on_the_clients_thread(sandbox: Sandbox) -> None:
    """A callable on the client's thread reads the context variables of the caller."""
    seen: list[str] = []

    def provide() -> str:
        seen.append(NAME.get())
        return sandbox.token

    with kmoment.Client(provide, base_url=sandbox.url) as client:
        contextvars.copy_context().run(lambda: (NAME.set("someone"), client.locations.depth1()))
    assert seen == ["someone"]


def test_a_traceback_shows_both_sides(moment: kmoment.Client) -> None:
    """An error's traceback has the caller's line and the line on the client's thread."""
    with pytest.raises(kmoment.NotFoundError) as caught:
        moment.account(1234).audiences.get(987654)  # the caller's line
    text = "".join(traceback.format_exception(caught.value))
    assert "# the caller's line" in text
    assert "in decode" in text
    assert "The above exception" not in text
    assert "During handling" not in text


def test_a_system_exit_on_the_clients_thread_arrives_and_the_client_goes_on(
    sandbox: Sandbox,
) -> None:
    """A SystemExit in a callable is raised at the caller, and the next call works."""
    answers: list[Any] = [SystemExit(3), sandbox.token]

    def provide() -> str:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)

    client = kmoment.Client(provide, base_url=sandbox.url)
    with pytest.raises(SystemExit):
        client.locations.depth1()
    assert client.locations.depth1()
    client.close()


def test_closing_under_calls_of_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the client closes, a call that hangs in another thread ends with a kmoment error."""
    monkeypatch.setattr("kmoment._engine.state.DRAIN_SECONDS", 0.1)
    with silent_server() as server, ThreadPoolExecutor(2) as pool:
        client = kmoment.Client(TOKEN, base_url=server.url, max_connections=1)
        hanging = [pool.submit(client.locations.depth1) for _ in range(2)]
        wait_for(server)
        client.close()
        for future in hanging:
            assert isinstance(future.exception(5), kmoment.KmomentError)
        assert len(server.requests) == 1


def test_a_thread_that_cannot_start_is_the_callers_to_see(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the event loop cannot be started, the first call raises why, and a later call works."""
    client = kmoment.Client(sandbox.token, base_url=sandbox.url)
    with monkeypatch.context() as patch:
        patch.setattr("anyio.run", lambda *_: (_ for _ in ()).throw(OSError(24, "too many")))
        with pytest.raises(OSError, match="too many"):
            client.locations.depth1()
    assert client.locations.depth1()
    client.close()


def test_secrets_stay_secret() -> None:
    """The sync client shows no secret, and cannot be pickled."""
    client = kmoment.Client(TOKEN, proxy="http://u:canary@127.0.0.1")
    assert "canary" not in repr(client) + repr(vars(client)) + repr(client._sender.settings)
    with pytest.raises(TypeError):
        client.__reduce__()
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^timeout"):
        kmoment.Client(TOKEN, timeout=-1)


# -- The thread -------------------------------------------------------------------------


def test_ctrl_c_stops_the_call_on_the_clients_thread(offline: kmoment.Client) -> None:
    """A Ctrl-C in a blocked call is raised, and cancels the call on the client's thread."""
    stopped = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.monotonic()
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            offline._sender.open().call(hang)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert stopped.is_set()
    assert time.monotonic() - start < 0.9, "waited although the call was gone"
    assert offline.locations.depth1() == []


def test_an_exit_on_the_clients_thread_ends_the_other_calls(offline: kmoment.Client) -> None:
    """If a SystemExit ends the client's thread, other callers get ClientClosedError."""
    thread = offline._sender.open()
    started = threading.Event()

    async def hang() -> None:
        started.set()
        await asyncio.sleep(30)

    async def leave() -> None:
        raise SystemExit(4)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(thread.call, hang)
        started.wait(5)
        with pytest.raises(SystemExit):
            thread.call(leave)
        assert isinstance(other.exception(5), kmoment.ClientClosedError)


def test_a_call_that_never_began_ends_with_the_thread(
    offline: kmoment.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that reaches the loop too late to begin ends when the loop ends."""
    thread = offline._sender.open()
    monkeypatch.setattr(thread, "_begin", lambda *_: None)
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(offline.locations.depth1)
        while not thread._waiting:
            time.sleep(0.01)
        thread.stop()
        assert isinstance(lost.exception(5), kmoment.ClientClosedError)


def test_an_answer_that_came_is_not_cancelled() -> None:
    """Ending the thread does not discard an answer that has already come."""
    future = CallFuture[int]()
    future.give(3)
    future.give_up()
    assert future.take() == 3


def test_ctrl_c_before_the_call_was_asked_for(
    offline: kmoment.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C before the call was posted is raised at once, and later calls work."""
    thread = offline._sender.open()
    post = thread._post

    def interrupted(function: Any, *args: Any) -> None:
        monkeypatch.setattr(thread, "_post", post)
        raise KeyboardInterrupt

    monkeypatch.setattr(thread, "_post", interrupted)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        thread.call(asyncio.sleep, 0)
    assert time.monotonic() - start < EXIT_SECONDS / 2
    assert thread.call(asyncio.sleep, 0, "it works") == "it works"


def test_ctrl_c_while_the_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a Ctrl-C comes while the client's thread starts, that thread ends by itself."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kmoment.Client(TOKEN).locations.depth1()
    for thread in threads():
        thread.join(5)
    assert not threads()


def test_a_thread_that_python_takes_for_dead(
    offline: kmoment.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is used even if ``is_alive`` is False, as it stays after a Ctrl-C inside it."""
    thread = offline._sender.open()
    monkeypatch.setattr(thread._thread, "is_alive", lambda: False)
    assert offline._sender.open() is thread


def test_an_ident_that_is_used_again(
    offline: kmoment.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Python gives the caller the ident of an ended client's thread, the caller gets an error.

    The error is that the client is closed, not that a thread waits for itself.
    """
    thread = offline._sender.open()
    offline.close()
    monkeypatch.setattr(thread._thread, "_ident", threading.get_ident())
    with pytest.raises(kmoment.ClientClosedError):
        thread.call(asyncio.sleep, 0)


def test_an_error_that_is_false(sandbox: Sandbox) -> None:
    """An exception on the client's thread is raised at the caller, also if its bool is False."""

    class EmptyError(Exception):
        def __len__(self) -> int:
            return 0

    def provide() -> str:
        raise EmptyError

    with kmoment.Client(provide, base_url=sandbox.url) as client, pytest.raises(EmptyError):
        client.locations.depth1()


@pytest.mark.parametrize("late", [False, True])
def test_ctrl_c_while_the_thread_opens(monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    """If a Ctrl-C comes while the thread opens or just after, that thread ends by itself."""
    take = CallFuture.take

    def interrupted(future: CallFuture[Any]) -> None:
        monkeypatch.undo()
        if late:
            take(future)
        raise KeyboardInterrupt

    monkeypatch.setattr(CallFuture, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kmoment.Client(TOKEN).locations.depth1()
    for thread in threads():
        thread.join(5)
    assert not threads()


def test_what_happens_at_exit(offline: kmoment.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit hook stops every open LoopThread and waits for it."""
    thread = offline._sender.open()
    monkeypatch.setattr("kmoment.sync._portal._open", {thread})
    _close_all()
    assert not thread.usable


def test_what_happens_in_a_forked_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a forked child, inherited threads are kept from finalization and the lock is free."""
    inherited: list[Any] = []
    monkeypatch.setattr("kmoment.sync._portal._open", opened := {object()})
    monkeypatch.setattr("kmoment.sync._portal._inherited", inherited)
    _forget_all()
    assert not opened
    assert len(inherited) == 1
    with sync_sender._opening:
        _renew_lock()
        assert not sync_sender._opening.locked()


def test_a_stream_that_was_never_read_closes(offline: kmoment.Client) -> None:
    """Closing a stream before its first item closes its source."""
    source = Source(10).run()
    offline._sender.open().call(PrefetchedStream(source).aclose)
    with pytest.raises(StopAsyncIteration):
        offline._sender.open().call(source.__anext__)  # type: ignore[arg-type]


# -- Streams ----------------------------------------------------------------------------


class Source:
    """A stream that counts its items and notes whether it was stopped."""

    def __init__(self, items: int, pause: float = 0.0, fail_at: int | None = None) -> None:
        self.items, self.pause, self.fail_at = items, pause, fail_at
        self.given = 0
        self.stopped = False

    async def run(self) -> AsyncIterator[int]:
        try:
            for number in range(self.items):
                if number == self.fail_at:
                    raise kmoment.KmomentError("midway")
                if self.pause:
                    await asyncio.sleep(self.pause)
                self.given += 1
                yield number
        finally:
            self.stopped = True


def calls_made(client: kmoment.Client) -> list[int]:
    """A list with one number: the count of calls on the client's thread."""
    thread = client._sender.open()
    made = [0]
    call = thread.call

    def counted(*args: Any, **kwargs: Any) -> Any:
        made[0] += 1
        return call(*args, **kwargs)

    thread.call = counted  # type: ignore[method-assign]
    return made


def iterate(client: kmoment.Client, source: AsyncIterable[Any]) -> Generator[Any]:
    """The items of *source*, which runs on the client's thread."""
    return client._sender.open().items(PrefetchedStream(source))


@pytest.fixture
def offline() -> Iterator[kmoment.Client]:
    with kmoment.Client(TOKEN) as client:
        scripted(client, ok([]))
        yield client


def test_a_stream_makes_one_call_per_chunk(offline: kmoment.Client) -> None:
    """All items of a stream come in order, with far fewer thread calls than items."""
    made = calls_made(offline)
    source = Source(5000)
    assert list(iterate(offline, source.run())) == list(range(5000))
    assert made[0] < 50
    assert source.stopped


def test_a_slow_stream_is_not_held_back(offline: kmoment.Client) -> None:
    """An item of a slow stream is returned before its chunk is full."""
    stream = iterate(offline, Source(1000, pause=0.01).run())
    start = time.monotonic()
    assert next(stream) == 0
    assert time.monotonic() - start < 2
    stream.close()


def test_an_abandoned_stream_stops(offline: kmoment.Client) -> None:
    """A ``break`` out of a stream stops its work on the client's thread."""
    source = Source(10**9)
    for number in iterate(offline, source.run()):
        if number == 10:
            break
    gc.collect()
    assert source.stopped
    assert source.given < 10_000
    given = source.given
    time.sleep(0.05)
    assert source.given == given


def test_a_stream_that_fails_gives_what_it_had(offline: kmoment.Client) -> None:
    """A stream that fails gives all items before the error, and then raises it."""
    source = Source(1000, fail_at=700)
    seen: list[int] = []
    with pytest.raises(kmoment.KmomentError, match="midway"):
        seen.extend(iterate(offline, source.run()))
    assert seen == list(range(700))


def test_an_unread_stream_never_starts(offline: kmoment.Client) -> None:
    """A stream that is never read does no work, and a source without ``aclose`` works."""
    source = Source(10)
    stream = iterate(offline, source.run())
    del stream
    assert source.given == 0

    class Plain:
        def __aiter__(self) -> "Plain":
            return self

        async def __anext__(self) -> int:
            raise StopAsyncIteration

    assert list(iterate(offline, Plain())) == []


def test_a_stream_outlives_no_client(offline: kmoment.Client) -> None:
    """If the client closes while a stream is read, the reader gets ClientClosedError."""
    stream = iterate(offline, Source(10**9, pause=0.001).run())
    next(stream)
    offline.close()
    with pytest.raises(kmoment.ClientClosedError):
        list(stream)


def test_answers_do_not_get_mixed_up() -> None:
    """Each of 16 threads gets the answer to its own call."""
    with kmoment.Client(TOKEN) as client:
        transport = scripted(client, ok([]))

        async def echo(request: Any, token: Any, attempt: Any) -> Any:
            await asyncio.sleep(0.001)
            name = request.url.query["keyword"]
            row = {"value": name, "description": "", "depth1Name": "", "depth2Name": ""}
            return ok([row])

        transport.send = echo  # type: ignore[method-assign]
        with ThreadPoolExecutor(16) as pool:
            names = [f"k{n}" for n in range(400)]
            found = list(pool.map(client.locations.depth2, names))
    assert [rows[0].value for rows in found] == names


async def nothing() -> None: ...


def test_a_stream_left_in_another_process_is_kept(offline: kmoment.Client) -> None:
    """A forked child that leaves a loop does not finalize the tasks of its parent's stream."""
    thread = offline._sender.open()
    stream = iterate(offline, Source(10**9, pause=0.001).run())
    next(stream)
    thread._pid, own = -1, thread._pid
    stream.close()
    assert len(thread._streams) == 1
    thread._pid = own
    thread.call(thread._streams.pop().aclose)


def test_another_processs_thread_is_refused(offline: kmoment.Client) -> None:
    """A LoopThread refuses calls in a forked child, which would wait for ever."""
    thread = offline._sender.open()
    thread._pid, own = -1, thread._pid
    with pytest.raises(kmoment.ClientClosedError, match="another process"):
        thread.call(nothing)
    thread._pid = own
    thread.call(nothing)


def test_a_stream_dropped_on_the_clients_own_thread_stops(offline: kmoment.Client) -> None:
    """A stream that is garbage-collected on the client's own thread stops without waiting."""
    source = Source(10**9, pause=0.001)
    streams = [iterate(offline, source.run())]
    next(streams[0])

    async def collect() -> None:
        streams.clear()

    offline._sender.open().call(collect)
    until = time.monotonic() + 5
    while not source.stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert source.stopped


def test_a_call_posted_by_a_job_that_was_just_stopped_is_not_made(offline: kmoment.Client) -> None:
    """If a job is stopped after it posts a call, and before the call begins, it is not made."""

    class Late(CancelToken):
        def take(self, future: Any) -> None:
            super().take(future)
            self.stopped = True

    began: list[int] = []

    async def begin() -> None:
        began.append(1)

    token = _cancel_token.set(Late())
    try:
        with pytest.raises(kmoment.ClientClosedError):
            offline._sender.open().call(begin)
    finally:
        _cancel_token.reset(token)
    assert began == []


# -- Threads that cannot be had -----------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("can't start new thread", RuntimeError),
        ("can't create new thread at interpreter shutdown", kmoment.ClientClosedError),
        ("thread is not supported for isolated subinterpreters", kmoment.UsageError),
        ("daemon threads are disabled in this (sub)interpreter", kmoment.UsageError),
    ],
)
def test_python_starts_no_thread(
    said: str, kind: type[Exception], moment: kmoment.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says why, and a later call may start the thread."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(said)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(kind, match=said.split("(")[0]) as caught:
            moment.locations.depth1()
    assert type(caught.value) is kind
    assert moment.locations.depth1()


@pytest.mark.anyio
async def test_a_loop_that_runs_in_the_new_thread_already() -> None:
    """Under gevent it may: the error says what to do."""
    with pytest.raises(kmoment.UsageError, match="share one client"):
        _refuse_greenlet()


@pytest.mark.parametrize("known", [True, False])
def test_looking_up_a_name(known: bool, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up on daemon threads, and a name that is not known is an error."""
    looked_up: list[bool] = []
    getaddrinfo = socket.getaddrinfo

    def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
        looked_up.append(threading.current_thread().daemon)
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    url = sandbox.url.replace("127.0.0.1", "localhost")
    with kmoment.Client(sandbox.token, base_url=url, max_attempts=1) as client:
        if known:
            assert client.locations.depth1()
        else:
            with pytest.raises(kmoment.APIConnectionError):
                client.locations.depth1()
    assert looked_up == [True]


def test_a_start_that_was_interrupted_ends_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Ctrl-C comes before the thread is ready, the thread ends as soon as it is."""
    go, before = threading.Event(), set(threading.enumerate())
    made: Any = vars(_portal)["CapacityLimiter"]

    def late(tokens: float) -> Any:
        go.wait(10)
        return made(tokens)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_portal, "CapacityLimiter", late)
    client = kmoment.Client(TOKEN)
    with monkeypatch.context() as patch:
        patch.setattr(_portal.CallFuture, "take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.locations.depth1()
    (thread,) = set(threading.enumerate()) - before
    go.set()
    thread.join(10)
    assert not thread.is_alive()
    client.close()
