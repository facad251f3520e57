"""A FastAPI service with one client: places by name, and audiences of an account.

Names are looked up in the tree, which is loaded once: no call is made, and 역삼동 finds its
neighbourhoods. An ambiguous name is answered with its candidates. Where a call is made, a person
waits for at most 4 seconds.

KMOMENT_TOKEN=… TREE_FILE=kakao-locations.json uvicorn --app-dir examples web_service:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import kmoment


@asynccontextmanager
async def lifespan(service: FastAPI) -> AsyncIterator[None]:
    async with kmoment.AsyncClient() as moment:
        service.state.tree = await moment.locations.tree(file=os.environ.get("TREE_FILE"))
        service.state.moment = moment.with_options(deadline=3, max_wait=1)
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/places/{name}")
async def places(name: str) -> list[dict[str, object]]:
    return [outcome.to_dict() for outcome in app.state.tree.resolve([name])]


@app.get("/audiences/{ad_account_id}")
async def audiences(ad_account_id: str) -> list[dict[str, object]]:
    try:
        account = app.state.moment.account(ad_account_id)
        return [row.to_dict() for row in await account.audiences.list()]
    except kmoment.KmomentError as error:
        wrong = isinstance(error, kmoment.UsageError)
        raise HTTPException(422 if wrong else 503, str(error)) from error


if __name__ == "__main__":  # a service imports nothing of this
    from fastapi.testclient import TestClient

    from kmoment.sandbox import Sandbox

    with Sandbox() as sandbox:
        os.environ.update(KMOMENT_TOKEN=sandbox.token, KMOMENT_BASE_URL=sandbox.url)
        with TestClient(app) as browser:
            print(browser.get("/places/역삼동").json(), browser.get("/places/고성군").json())
