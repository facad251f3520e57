"""Time of a blocking call, compared with the usual HTTP clients on the same local server.

Each contestant fetches the same two rows and parses them: kmoment into typed models, the others
into plain dicts. "(the thread alone)" calls an empty function on the client's thread.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter

import kmoment
from measure import heading, repeated, rounds, server, table

PATH = "/openapi/v4/targetings/location/depth3"
HEADERS = {"Authorization": "Bearer token"}
CALLS = 400  # a round
ROUNDS = 9  # odd, so that the median is a measured value


async def nothing() -> None: ...


def contestants(url: str, moment: kmoment.Client) -> dict[str, Callable[[], object]]:
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=16))
    pool = urllib3.PoolManager(maxsize=16, headers=HEADERS)
    client = httpx.Client(headers=HEADERS)
    thread = moment._sender.open()
    where, query = url + PATH, {"keyword": "논현"}
    return {
        "kmoment.Client": lambda: moment.locations.depth3("논현"),
        "requests.Session": lambda: session.get(where, params=query, headers=HEADERS).json(),
        "httpx.Client": lambda: client.get(where, params=query).json(),
        "urllib3": lambda: pool.request("GET", where, fields=query).json(),
        "(the thread alone)": lambda: thread.call(nothing),
    }


def together(call: Callable[[], object], pool: ThreadPoolExecutor) -> Callable[[], None]:
    def run() -> None:
        for _ in pool.map(lambda _: call(), range(CALLS)):
            pass

    return run


def main() -> None:
    heading("kmoment", "aiohttp", "requests", "httpx", "urllib3")
    with (
        server(2) as url,
        kmoment.Client("token", base_url=url) as moment,
        ThreadPoolExecutor(16) as pool,
    ):
        calls = contestants(url, moment)
        for name, call in calls.items():
            assert name.startswith("(") or len(call()) == 2, name  # type: ignore[arg-type]
        one = rounds({name: repeated(call, CALLS) for name, call in calls.items()}, ROUNDS)
        table("1 thread", one, CALLS, "kmoment.Client")
        many = rounds({name: together(call, pool) for name, call in calls.items()}, ROUNDS)
        table("16 threads", many, CALLS, "kmoment.Client")


if __name__ == "__main__":
    main()
