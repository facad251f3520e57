"""Which neighbourhoods match each of many keywords? An asyncio service's batch job.

    python examples/keywords.py 논현 중앙 역삼

One JSON line for each keyword, as it is done; memory stays flat however many there are. With
``pip install kmoment[speedups]`` it runs on uvloop and parses with orjson.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable

import kmoment
from kmoment.sandbox import Sandbox


def new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def look_up(moment: kmoment.AsyncClient, keywords: Iterable[str]) -> None:
    batch = moment.locations.depth3_each(keywords, concurrency=32, ordered=False)
    async for outcome in batch:
        found = [place.value for place in outcome.value or ()]
        error = str(outcome.error) if outcome.error else None
        line = {"keyword": outcome.input, "status": outcome.status, "found": found, "error": error}
        print(json.dumps(line, ensure_ascii=False))


async def main(keywords: list[str]) -> None:
    if "KMOMENT_TOKEN" in os.environ:
        async with kmoment.AsyncClient() as moment:
            await look_up(moment, keywords)
        return
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        await look_up(moment, keywords or ["논현", "중앙", "", "역삼"])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(sys.argv[1:]))
