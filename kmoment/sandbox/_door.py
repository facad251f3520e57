"""The aiohttp application: requests in, answers out, every one of them in the log."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from . import _admin, _errors, _wire
from ._control import Control
from ._core import Core
from ._faults import Fault
from ._log import Entry
from ._reply import Ask, Reply
from ._routes import BASE, ENDPOINTS, Endpoint

# An audience of all 3,557 neighbourhoods is over half a megabyte.
_BODY_LIMIT = 16 * 2**20


def application(core: Core, control: Control) -> web.Application:
    door = _Door(core)
    app = web.Application(middlewares=[door.guard], client_max_size=_BODY_LIMIT)
    for endpoint in ENDPOINTS:
        path = BASE + endpoint.route(core.options.layout).path
        app.router.add_route(endpoint.method, path, door.handler(endpoint))
    app.router.add_routes(_admin.routes(control))
    app.on_cleanup.append(door.cancel_late)
    return app


class _Door:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._late: set[asyncio.TimerHandle] = set()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """No request hangs or goes unlogged, whatever it is."""
        try:
            return await handler(request)
        except web.HTTPException as unknown:
            if not request.path.startswith(_admin.BASE):
                self._core.receive(self._entry(request, None, b"", unknown.status))
            raise
        except Exception as error:
            return _response(_errors.crash(error))

    def handler(self, endpoint: Endpoint) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(endpoint, request)

        return serve

    async def cancel_late(self, _: web.Application) -> None:
        for handle in self._late:
            handle.cancel()

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        ask = await _ask(endpoint, request)
        entry = self._entry(request, endpoint, ask.body, None)
        fault = self._core.receive(entry)
        if fault and fault.pause:
            await asyncio.sleep(fault.pause)
        reply = self._reply(endpoint, ask, entry, fault)
        if fault is None or fault.kind not in _wire.UNANSWERED:
            entry.status = reply.status
        return await _wire.deliver(request, reply, fault)

    def _reply(self, endpoint: Endpoint, ask: Ask, entry: Entry, fault: Fault | None) -> Reply:
        if fault and fault.kind == "commit_late":
            loop = asyncio.get_running_loop()
            self._late.add(loop.call_later(fault.delay, self._core.answer, endpoint, ask, entry))
        acts = fault is None or fault.acts
        reply = self._core.answer(endpoint, ask, entry) if acts else Reply()
        fidelity = endpoint.route(self._core.options.layout).fidelity
        reply = fault.apply(reply) if fault else reply
        return reply.with_headers({"X-Sandbox-Fidelity": fidelity})

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
        body=await request.read(),
    )


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
