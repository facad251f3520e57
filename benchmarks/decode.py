"""CPU time to turn an answer's bytes into typed objects.

First lists of location rows in three sizes: each library, and code written by hand for this one
class. Then one audience with 400 neighbourhoods. The time includes the release of the objects.
"""

import json
import time
from collections.abc import Callable
from functools import partial

import orjson

from kmoment import Audience
from kmoment._protocol.converter import read
from measure import heading, repeated, rounds, table
from readers import BY_HAND, BY_HAND_ORJSON, JSON, KMOMENT, KMOMENT_ORJSON, ORJSON, check, readers
from rows import Json, audience, encoded, locations

ROWS_PER_ROUND = 20_000  # so that every size reads the same number of rows in a round
ROUNDS = 11  # odd, so that the median is a measured value


def compare(
    title: str, calls: dict[str, Callable[[], object]], count: int, *baselines: str
) -> None:
    contest = {name: repeated(call, count) for name, call in calls.items()}
    table(title, rounds(contest, ROUNDS, time.process_time), count, *baselines)


def rows(size: int) -> None:
    expected = locations(size)
    data, calls = encoded(expected), readers()
    for name, reader in calls.items():
        check(name, reader(data), expected)
    contest: dict[str, Callable[[], object]] = {
        name: partial(reader, data) for name, reader in calls.items()
    }
    title = f"{size:,} rows, {len(data):,} bytes"
    compare(title, contest, ROWS_PER_ROUND // size, KMOMENT, BY_HAND, BY_HAND_ORJSON)


def detail(size: int) -> None:
    expected = audience(size)
    data = encoded(expected)
    for parse in (json.loads, orjson.loads):
        _check_audience(read(parse(data), Audience), expected)
    calls: dict[str, Callable[[], object]] = {
        KMOMENT: lambda: read(json.loads(data), Audience),
        KMOMENT_ORJSON: lambda: read(orjson.loads(data), Audience),
        JSON: lambda: json.loads(data),
        ORJSON: lambda: orjson.loads(data),
    }
    title = f"an audience with {size} neighbourhoods, {len(data):,} bytes"
    compare(title, calls, ROWS_PER_ROUND // size, KMOMENT, JSON, ORJSON)


def _check_audience(found: Audience, expected: Json) -> None:
    assert found.name == expected["name"]
    assert found.created_date
    check("audience", list(found.depth3_locations or ()), expected["depth3Locations"])


def main() -> None:
    heading("kmoment", "cattrs", "attrs", "orjson", "msgspec", "pydantic")
    for size in (10, 400, 5_000):
        rows(size)
    detail(400)


if __name__ == "__main__":
    main()
