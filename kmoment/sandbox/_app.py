"""The aiohttp application. It answers all requests and logs all but those under /_sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from . import _admin, _delivery, _errors
from ._control import Control
from ._core import Core
from ._faults import Fault
from ._log import Entry
from ._reply import Ask, Reply
from ._table import ENDPOINTS, Endpoint

# Bytes. An audience with all 3,557 neighbourhoods takes more than half a megabyte.
_BODY_LIMIT = 16 * 2**20


def application(core: Core, control: Control) -> web.Application:
    serving = _App(core)
    app = web.Application(middlewares=[serving.guard], client_max_size=_BODY_LIMIT)
    for endpoint in ENDPOINTS:
        path = endpoint.base + endpoint.route(core.options.layout).path
        app.router.add_route(endpoint.method, path, serving.handler(endpoint))
    app.router.add_routes(_admin.routes(control))
    app.on_shutdown.append(serving.stop)
    return app


class _App:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._late: set[asyncio.TimerHandle] = set()
        # aiohttp drops a handler when its client disconnects. A handler that a fault delays is
        # kept here so that `stop` can cancel it.
        self._held: set[asyncio.Task[Any]] = set()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log a request to an unknown route, and answer a crash with a 500."""
        try:
            return await handler(request)
        except web.HTTPException as unknown:
            if request.path.startswith(_admin.BASE):
                raise
            self._core.receive(self._entry(request, None, b"", unknown.status))
            return _delivery.response(
                _errors.no_route(unknown.status, unknown.reason, request.path)
            )
        except Exception as error:
            return _delivery.response(_errors.crash(error))

    def handler(self, endpoint: Endpoint) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(endpoint, request)

        return serve

    async def stop(self, _: web.Application) -> None:
        for commit in self._late:
            commit.cancel()
        for task in self._held:
            task.cancel()
        await asyncio.gather(*self._held, return_exceptions=True)

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        ask = await _ask(endpoint, request)
        entry = self._entry(request, endpoint, ask.body, None)
        fault = self._core.receive(entry)
        if fault is None:
            reply = self._tagged(endpoint, self._core.answer(endpoint, ask, entry))
            entry.status = reply.status
            return _delivery.response(reply)
        with self._holding():
            await asyncio.sleep(fault.pause)
            reply = self._tagged(endpoint, self._faulty(endpoint, ask, entry, fault))
            entry.status = None if fault.kind in _delivery.UNANSWERED else reply.status
            return await _delivery.deliver(request, reply, fault)

    @contextmanager
    def _holding(self) -> Iterator[None]:
        task = asyncio.current_task()
        held = {task} if task else set[asyncio.Task[Any]]()
        self._held |= held
        try:
            yield
        finally:
            self._held -= held

    def _faulty(self, endpoint: Endpoint, ask: Ask, entry: Entry, fault: Fault) -> Reply:
        if fault.kind == "commit_late":
            loop = asyncio.get_running_loop()
            self._late.add(loop.call_later(fault.delay, self._core.answer, endpoint, ask, entry))
        return fault.apply(self._core.answer(endpoint, ask, entry) if fault.acts else Reply())

    def _tagged(self, endpoint: Endpoint, reply: Reply) -> Reply:
        route = endpoint.route(self._core.options.layout)
        return reply.with_headers({"X-Sandbox-Fidelity": route.fidelity})

    def _entry(
        self, request: web.Request, endpoint: Endpoint | None, body: bytes, status: int | None
    ) -> Entry:
        return Entry(
            time=self._core.world.clock.now(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
            authorized=hdrs.AUTHORIZATION in request.headers,
            account=request.headers.get("adAccountId"),
            body=body,
            endpoint=endpoint.name if endpoint else None,
            status=status,
        )


async def _ask(endpoint: Endpoint, request: web.Request) -> Ask:
    return Ask(
        endpoint=endpoint.name,
        authorization=request.headers.get(hdrs.AUTHORIZATION),
        account=request.headers.get("adAccountId"),
        content_type=request.content_type,
        query=request.query,
        variables=request.match_info,
        query_string=request.query_string,
        remote=request.remote,
        body=await request.read(),
    )
