"""The data of all benchmarks: neighbourhoods with real names and made-up codes."""

import csv
import gzip
import json
from importlib.resources import files
from itertools import cycle, islice
from typing import Any

Json = dict[str, Any]


def locations(count: int) -> list[Json]:
    """*count* rows in the form of the neighbourhood look-up's answer."""
    packed = files("kmoment._data").joinpath("regions.csv.gz").read_bytes()
    names = csv.reader(gzip.decompress(packed).decode().splitlines()[1:])
    return [_row(i, *name) for i, name in enumerate(islice(cycle(names), count))]


def _row(i: int, province: str, district: str, neighbourhood: str) -> Json:
    return {
        "value": f"I{1000 + i // 100}{101 + i % 100:04}",
        "description": f"{province} {district}",
        "depth1Name": province,
        "depth2Name": district,
        "depth3Name": neighbourhood,
    }


def audience(count: int) -> Json:
    """An audience in the form of the answer to ``audiences.get``, with *count* neighbourhoods."""
    return {
        "id": 1,
        "type": "DISPLAY",
        "audienceStatus": "AVAILABLE",
        "name": "first_audience",
        "ageType": "ALL",
        "genders": ["M"],
        "genderType": "NOT_ALL",
        "depth3Locations": locations(count),
        "populationScore": 10000,
        "createdDate": "2021-04-14T17:49:35",
        "lastModifiedDate": "2021-04-14T17:49:35",
    }


def encoded(value: Any) -> bytes:
    """*value* as Kakao's server writes it: Korean text is not escaped."""
    return json.dumps(value, ensure_ascii=False).encode()
