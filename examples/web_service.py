"""A FastAPI service that looks places up, with one client. A person waits for at most 4 seconds.

KMOMENT_TOKEN=… uvicorn --app-dir examples web_service:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import kmoment


@asynccontextmanager
async def lifespan(service: FastAPI) -> AsyncIterator[None]:
    async with kmoment.AsyncClient() as moment:
        service.state.moment = moment.with_options(deadline=3, max_wait=1)
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/places/{keyword}")
async def places(keyword: str) -> list[dict[str, object]]:
    try:
        return [row.to_dict() for row in await app.state.moment.locations.depth3(keyword)]
    except kmoment.KmomentError as error:
        wrong = isinstance(error, kmoment.UsageError)
        raise HTTPException(422 if wrong else 503, str(error)) from error


if __name__ == "__main__":  # a service imports nothing of this
    from fastapi.testclient import TestClient

    from kmoment.sandbox import Sandbox

    with Sandbox() as sandbox:
        os.environ.update(KMOMENT_TOKEN=sandbox.token, KMOMENT_BASE_URL=sandbox.url)
        with TestClient(app) as browser:
            print(browser.get("/places/역삼").json())
