"""Small host programs for ``test_hosts.py``. The sync client must work in each of them.

Run as ``python hosts.py NAME URL TOKEN``. The last word that each prints is ``done``.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import kmoment
from kmoment import testing

URL, TOKEN = "", ""


def make(**settings: Any) -> kmoment.Client:
    return kmoment.Client(TOKEN, base_url=URL, **settings)


def use(client: kmoment.Client) -> None:
    assert client.account(1234).audiences.list()


def never_closed() -> None:
    use(make())


def never_closed_global() -> None:
    globals()["kept"] = make()
    use(globals()["kept"])


def with_block() -> None:
    with make() as client:
        use(client)


def closed_twice() -> None:
    client = make()
    use(client)
    client.close()
    client.close()


def exits_inside() -> None:
    with make() as client:
        use(client)
        print("done", flush=True)
        sys.exit(0)


def exits_hard() -> None:
    use(make())
    print("done", flush=True)
    raise SystemExit


def in_flight_at_exit() -> None:
    """The interpreter exits while a daemon thread is in a call."""
    client = make()
    slow(client)
    thread = threading.Thread(target=swallow, args=(client,), daemon=True)
    thread.start()
    time.sleep(0.3)
    assert thread.is_alive()


def swallow(client: kmoment.Client) -> None:
    with contextlib.suppress(kmoment.KmomentError):
        client.locations.depth1()


def slow(client: kmoment.Client) -> None:
    """Make depth1 take 30 seconds from now on."""
    fault = {"endpoint": "locations.depth1", "kind": "delay", "delay": 30}
    admin("POST", "/_sandbox/faults", fault)


def admin(method: str, path: str, body: Any = None) -> None:
    import json
    import urllib.request

    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).close()


def many_threads() -> None:
    with make() as client, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: use(client), range(200)))


def running_loop() -> None:
    """A call in a running loop, as in a notebook, warns once.

    Warnings are errors in this process, so the warning is recorded here.
    """
    import warnings

    async def cell() -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with make() as client:
                use(client)
                use(client)
        assert len(caught) == 1, caught
        assert caught[0].category is RuntimeWarning

    asyncio.run(cell())


def thread_of_a_loop() -> None:
    """Calls in worker threads, as FastAPI makes for a plain ``def`` route, do not warn."""

    async def serve() -> None:
        await asyncio.gather(*(asyncio.to_thread(use, client) for _ in range(20)))

    client = make()
    asyncio.run(serve())
    client.close()


def fork() -> None:
    """After ``os.fork`` parent and child use their own thread and pool, and both end cleanly."""
    client = make()
    use(client)
    child = os.fork()
    use(client)
    if child:
        for _ in range(20):
            use(client)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
        use(client)
    else:
        use(client)
        client.close()


def fork_unclosed() -> None:
    """A child that does not close the clients that it inherited ends cleanly."""
    client, other = make(), make()
    use(client)
    use(other)
    child = os.fork()
    if not child:
        use(client)
        del client, other
        import gc

        gc.collect()
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    use(client)
    use(other)


def fork_in_a_batch() -> None:
    """A child that is forked in a batch can leave it and make its own calls, and ends."""
    client = make()
    child = -1
    for outcome in client.locations.depth3_each(map(str, range(600)), concurrency=4):
        if outcome.index == 300:
            child = os.fork()
            if not child:
                break
    use(client)
    if not child:
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status


def fork_while_opening() -> None:
    """A child that is forked while the lock of the first call is held does not hang."""
    from kmoment.sync import _sender as module

    with module._opening:
        child = os.fork()
        if not child:
            use(make())
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status


def work_in_child(keyword: str) -> int:
    client = globals()["kept"]
    return len(client.locations.depth2(keyword))


def multiprocessing_fork() -> None:
    import multiprocessing

    globals()["kept"] = make()
    use(globals()["kept"])
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert all(pool.map(work_in_child, ["서울", "부산", "경기"] * 5))
    use(globals()["kept"])


def preload() -> None:
    """A client that is used before the workers are forked works in all of them.

    ``gunicorn --preload`` and Celery's prefork pool do this.
    """
    client = make()
    use(client)
    workers = []
    for _ in range(3):
        child = os.fork()
        if not child:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: use(client), range(20)))
            sys.exit(0)
        workers.append(child)
    for child in workers:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
    use(client)


def ctrl_c() -> None:
    """A Ctrl-C in a blocked call is raised at once and stops the request. The client works on."""
    client = make()
    use(client)
    slow(client)
    threading.Timer(0.5, interrupt).start()
    start = time.monotonic()
    try:
        client.locations.depth1()
    except KeyboardInterrupt:
        assert time.monotonic() - start < 3
    else:
        raise AssertionError("not interrupted")
    assert client._sender.owner.running is not None
    assert not client._sender.owner.running._tasks, "the request goes on"
    use(client)


def ctrl_c_in_a_batch() -> None:
    """After a Ctrl-C at any moment of a batch, each input that was taken has one true outcome."""
    script = testing.Script(then=testing.answer([]))
    with script.client(periods={"locations.depth3": 0.001}) as client:
        client.locations.depth3_each(["first"]).collect()  # imports must be done before a Ctrl-C
        handed_on = 0
        for _ in range(20):
            batch = client.locations.depth3_each(map(str, count()), concurrency=4)
            timer = threading.Timer(random.uniform(0.0, 0.1), interrupt)
            with contextlib.suppress(KeyboardInterrupt):
                timer.start()
                batch.collect()
            outcomes = batch.collected
            assert [outcome.index for outcome in outcomes] == list(range(len(outcomes)))
            unfinished = {outcome.status for outcome in outcomes if not outcome.ok}
            assert unfinished <= {kmoment.OutcomeStatus.NOT_ATTEMPTED}, unfinished
            handed_on += len(outcomes.values())
        assert handed_on >= 10
        assert client.locations.depth3("again") == []


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def ctrl_c_uncaught() -> None:
    """A Ctrl-C that is not caught ends the program at once and cleanly."""
    client = make()
    slow(client)
    threading.Timer(0.5, interrupt).start()
    print("done", flush=True)
    client.locations.depth1()


def dropped() -> None:
    """Clients that are made and dropped in a loop leave no threads and no open files."""
    for _ in range(30):
        use(make())
    until = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == 1, threading.enumerate()
    assert len(os.listdir("/proc/self/fd")) < 15


def no_threads_at_import() -> None:
    assert threading.active_count() == 1
    kmoment.Client("x").account(1)
    assert threading.active_count() == 1


if __name__ == "__main__":
    name, URL, TOKEN = sys.argv[1:]
    # Debug mode logs every step that takes 0.1 s. On a busy machine that says nothing about us.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    # A process that was started in the background may have inherited an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    globals()[name]()
    print("done", flush=True)
