"""Host programs for ``test_hosts.py`` that change Python before, or while, kmoment is used.

Run as ``python odd_hosts.py NAME URL TOKEN``. The last word that each prints is ``done``. None of
them says anything with ``assert``, which ``-OO`` removes.
"""

import asyncio
import atexit
import logging
import os
import socket
import sys
import threading
import time
from importlib import import_module
from typing import Any

URL, TOKEN = "", ""


def make(kind: str = "Client", **settings: Any) -> Any:
    import kmoment

    return getattr(kmoment, kind)(TOKEN, base_url=URL, **settings)


def need(fact: object, said: object = "not so") -> None:
    if not fact:
        raise RuntimeError(said)


def use(client: Any) -> None:
    """A call, a batch of a resource's method, and one of a function, which runs on threads."""
    need(client.locations.depth1())
    need(len(client.locations.depth3_each(map(str, range(30)), concurrency=4).collect()) == 30)
    depth2 = client.locations.depth2
    need(client.each(lambda name: depth2(name), ["서울", "부산"]).collect().values())


async def use_async() -> None:
    async with make("AsyncClient") as client:
        need(await client.locations.depth1())
        need(await client.locations.depth2_each(["서울", "부산"]).collect())


# -- Another ssl module -----------------------------------------------------------------


def truststore_before() -> None:
    """The system's certificates are used by both clients, if that is asked for first."""
    import truststore

    truststore.inject_into_ssl()
    with make() as client:
        client.locations.depth1()
    asyncio.run(over_tls())


def truststore_after() -> None:
    """It may also be asked for after a client was made, and after it was used."""
    import ssl

    import truststore

    before = ssl.create_default_context()
    with make() as client, make(ssl=before) as own, make() as other:
        client.locations.depth1()
        truststore.inject_into_ssl()
        for it in (client, own, other):
            it.locations.depth1()
    asyncio.run(over_tls())
    import kmoment

    try:
        make(ssl=before)
    except kmoment.InvalidArgumentError as error:
        need("made after truststore.inject_into_ssl()" in str(error), error)


async def over_tls() -> None:
    async with make("AsyncClient") as client:
        await client.locations.depth1()


# -- Greenlets --------------------------------------------------------------------------


def patched_by_gevent(**which: bool) -> Any:
    import_module("gevent.monkey").patch_all(**which)
    return import_module("gevent")


def gevent_greenlets() -> None:
    """Greenlets share a client and go on while it waits; a greenlet that is killed harms none."""
    gevent = patched_by_gevent()
    client = make()
    use(client)
    ticks: list[int] = []

    def tick() -> None:
        for number in range(3):
            ticks.append(number)
            gevent.sleep(0.001)

    calls = [gevent.spawn(use, client) for _ in range(8)]
    gevent.joinall([*calls, gevent.spawn(tick)], raise_error=True)
    need(ticks == [0, 1, 2])
    killed = gevent.spawn(use, client)
    gevent.sleep(0)
    killed.kill()
    use(client.with_options(max_attempts=1))
    client.close()


def gevent_second_loop() -> None:
    """Where greenlets cannot work, beside another event loop, the error says what to do."""
    patched_by_gevent()
    import kmoment

    client = make()
    use(client)
    try:
        use(make())
    except kmoment.UsageError as error:
        need("share one client" in str(error), error)
    else:
        raise RuntimeError("two loops in one thread")
    use(client)
    client.close()
    use(make())


def gevent_without_threads() -> None:
    """With real threads there may be any number of clients."""
    patched_by_gevent(thread=False, queue=False)
    use(make())
    with make() as client:
        use(client)


# -- A clock that stands still ----------------------------------------------------------


def frozen() -> None:
    """A client that was used before ends pauses, batches, deadlines and closing all the same."""
    from freezegun import freeze_time

    client = make()
    use(client)
    with freeze_time("2026-01-01"):
        use(client)
        retry_and_deadline()
        client.close()
    with freeze_time("2026-01-01") as moment:
        client = make()
        use(client)
        moment.tick(3600)
        use(client)
    use(client)
    client.close()


def frozen_from_the_start() -> None:
    """All is imported in frozen time, and goes on in real time."""
    from freezegun import freeze_time

    with freeze_time("2026-01-01"):
        client = make()
        use(client)
        retry_and_deadline()
        found = client.account(1234).audiences.get(1)
    need(client.account(1234).audiences.get(1) == found)
    retry_and_deadline()
    client.close()


def retry_and_deadline() -> None:
    import kmoment
    from kmoment import testing

    script = testing.Script(testing.broken(), testing.throttled(0.2), then=testing.answer([]))
    with kmoment.Client("t", base_url="http://127.0.0.1") as client:
        client._change_settings(new_transport=lambda _: script)
        client.locations.depth1()
    need(len(script.requests) == 3)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with listener, kmoment.Client("t", base_url=url, deadline=0.2) as client:
        try:
            client.locations.depth1()
        except kmoment.DeadlineExceededError:
            return
    raise RuntimeError("no deadline")


def frozen_async() -> None:
    """An event loop that is left out of the freezing ends its pauses, begun before or within."""
    from freezegun import freeze_time

    async def within() -> None:
        with freeze_time("2026-01-01", real_asyncio=True):
            await retried()

    with freeze_time("2026-01-01", real_asyncio=True):
        asyncio.run(retried())
    asyncio.run(within())


async def retried() -> None:
    import kmoment
    from kmoment import testing

    script = testing.Script(testing.broken(), then=testing.answer([]))
    async with kmoment.AsyncClient("t", base_url="http://127.0.0.1") as client:
        client._change_settings(new_transport=lambda _: script)
        await client.locations.depth1()
        need(await client.locations.depth3_each(["a", "b"]).collect())


# -- Other ways to run ------------------------------------------------------------------


def plain() -> None:
    """Both clients, a batch and a sandbox."""
    from kmoment.sandbox import Sandbox

    with make() as client:
        use(client)
    asyncio.run(use_async())
    with Sandbox() as sandbox:
        need(sandbox.url)


def from_a_zip() -> None:
    """The same, where kmoment is in a zip, the first entry of the path."""
    sys.path.insert(0, os.environ["KMOMENT_TEST_ZIP"])
    import kmoment

    need(".zip" in (kmoment.__file__ or ""), kmoment.__file__)
    plain()


def subinterpreter() -> None:
    """A client works there, or says why not; the main interpreter's goes on."""
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    interpreters = import_module(name)
    client = make()
    use(client)
    for isolated in (True, False):
        try:
            made = interpreters.create(isolated=isolated)
        except TypeError:  # Python 3.13
            made = interpreters.create("isolated" if isolated else "legacy")
        failed = interpreters.run_string(made, IN_A_SUBINTERPRETER.format(URL, TOKEN))
        need(failed is None, failed)
        interpreters.destroy(made)
        use(client)
    client.close()


IN_A_SUBINTERPRETER = """
import kmoment
try:
    with kmoment.Client({1!r}, base_url={0!r}) as client:
        client.locations.depth1()
except kmoment.UsageError as error:
    print(error)
"""


# -- The interpreter's exit -------------------------------------------------------------


def slow_names() -> None:
    """Exit does not wait for an address that takes a minute, nor does closing."""
    global URL
    socket.getaddrinfo = lambda *args, **kwargs: time.sleep(60)  # type: ignore[assignment]
    URL = URL.replace("127.0.0.1", "localhost")
    client = make()
    names = [str(number) for number in range(8)]
    for work in (client.locations.depth1, client.locations.depth2_each(names).collect):
        threading.Thread(target=silently, args=(work,), daemon=True).start()
    other = make(deadline=0.2)
    silently(other.locations.depth1)
    other.close()
    time.sleep(0.2)


def silently(work: Any) -> None:
    import kmoment

    try:
        work()
    except kmoment.KmomentError as error:
        print(type(error).__name__)


def at_exit_after() -> None:
    """What is registered after the first call runs before the client's thread is ended."""
    client = make()
    use(client)
    atexit.register(print, "done")
    atexit.register(use, client)


def at_exit_before() -> None:
    """What is registered before works, or fails with ClientClosedError: no more threads start."""
    atexit.register(print, "done")
    atexit.register(lambda: silently(client.locations.depth1))
    client = make()
    use(client)


def at_exit_only() -> None:
    """The same for a first call at exit, also if it has to ask for an address."""
    global URL
    URL = URL.replace("127.0.0.1", "localhost")
    atexit.register(print, "done")
    client = make()
    atexit.register(lambda: silently(client.locations.depth1))


if __name__ == "__main__":
    name, URL, TOKEN = sys.argv[1:]
    # Debug mode logs every step that takes 0.1 s. On a busy machine that says nothing about us.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    globals()[name]()
    print("done", flush=True)
