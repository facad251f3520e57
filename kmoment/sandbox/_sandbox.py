"""The sandbox as an object. It runs in the current event loop or in its own thread."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Self

from aiohttp import web

from ._ad_groups import DEFAULT_FIELD, LinkField
from ._app import application
from ._control import Control
from ._core import Core, Options
from ._kauth import DEFAULT_APP, App, is_loopback
from ._lenient import LenientRunner
from ._regions import LOOKUP, Lookup
from ._table import Layout

# Seconds that stopping waits. An answer that is ready is still sent. One that hangs is cut off.
_GRACE = 0.2
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


class Sandbox(Control):
    """An offline, stateful Kakao Moment.

    `async with Sandbox() as sandbox` runs it in the current event loop. `with Sandbox() as
    sandbox` runs it in a daemon thread. `layout` chooses between the two readings of the audience
    routes. With `quirks` it answers in the spelling of Kakao's samples (`desrciption`,
    `depth2locations`). With `quota=False` no quota applies, not even the platform's monthly one.
    `link_field` says where an ad group names its audiences, which nobody has published:
    "targeting.a[number]" is a list of ids, "targeting.a[text]" one of ids as text, and
    "targeting.a[member]" one of objects with the id in a member.
    `app` is what logins are for. Kakao's login and token information (kauth, kapi) are at the same
    address. `set_consent` says what the user does there; by default a page asks.
    `districts` and `neighbourhoods` say what `keyword` means in the look-ups of places.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        quota: bool = True,
        layout: Layout = "nested",
        quirks: bool = False,
        accounts: Iterable[int] = (1234,),
        link_field: str = DEFAULT_FIELD,
        districts: Lookup = LOOKUP,
        neighbourhoods: Lookup = LOOKUP,
        app: App = DEFAULT_APP,
    ) -> None:
        known = tuple(dict.fromkeys(accounts))
        field = LinkField.parse(link_field)
        places = (districts, neighbourhoods)
        options = Options(seed, quota, layout, quirks, known, field, *places, app)
        if not is_loopback(host):
            text = f"the sandbox listens on {host}: whoever reaches that address can control it"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        super().__init__(Core(options))
        self._host = host
        self._port = port
        self._url: str | None = None
        self._runner: web.AppRunner | None = None
        self._thread: _Thread | None = None

    @property
    def url(self) -> str:
        """The base URL. Kakao's paths under it begin with /openapi/v4."""
        if self._url is None:
            raise RuntimeError("the sandbox is not running")
        return self._url

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    def __enter__(self) -> Self:
        self._thread = _Thread(self)
        self._thread.begin()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    async def _start(self) -> None:
        if self._runner is not None:
            raise RuntimeError("the sandbox is already running")
        app = application(self._core, self)
        self._runner = LenientRunner(app, access_log=None, shutdown_timeout=_GRACE)
        try:
            await self._listen(self._runner)
        except BaseException:
            await self._stop()
            raise

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        await web.TCPSite(runner, self._host, self._port).start()
        host = _ANYWHERE.get(self._host, f"[{self._host}]" if ":" in self._host else self._host)
        self._url = f"http://{host}:{runner.addresses[0][1]}"

    async def _stop(self) -> None:
        runner, self._runner, self._url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()


class _Thread:
    """A thread that runs one sandbox in its own event loop."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="kmoment-sandbox", daemon=True)

    def begin(self) -> None:
        self._thread.start()
        self._started.result()

    def end(self) -> None:
        self._started.result().call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        async with self._sandbox:
            self._started.set_result(asyncio.get_running_loop())
            await self._stopped.wait()
