"""Readers of location rows, from bytes to Python objects, each in its library's usual way."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

import attrs
import cattrs
import msgspec
import orjson
import pydantic
from cattrs.gen import make_dict_structure_fn, override
from pydantic.alias_generators import to_camel

from kmoment import Depth3Location
from kmoment._protocol.converter import read
from rows import Json

Read = Callable[[bytes], list[Any]]

NAMES = {
    "value": "value",
    "description": "description",
    "depth1_name": "depth1Name",
    "depth2_name": "depth2Name",
    "depth3_name": "depth3Name",
}
KMOMENT, KMOMENT_ORJSON = "kmoment, standard library", "kmoment, orjson"
BY_HAND, BY_HAND_ORJSON = "by hand, json", "by hand, orjson"
PYDANTIC, MSGSPEC, CATTRS = "pydantic", "msgspec", "cattrs, json"
JSON, ORJSON = "json alone", "orjson alone"


@dataclass(slots=True)
class Row:
    value: str
    description: str
    depth1_name: str
    depth2_name: str
    depth3_name: str


class PydanticRow(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)

    value: str
    description: str
    depth1_name: str
    depth2_name: str
    depth3_name: str


class MsgspecRow(msgspec.Struct, rename="camel"):
    value: str
    description: str
    depth1_name: str
    depth2_name: str
    depth3_name: str


@attrs.define
class CattrsRow:
    value: str
    description: str
    depth1_name: str
    depth2_name: str
    depth3_name: str


PYDANTIC_ROWS = pydantic.TypeAdapter(list[PydanticRow])


def by_hand(rows: Iterable[Json]) -> list[Row]:
    return [
        Row(o["value"], o["description"], o["depth1Name"], o["depth2Name"], o["depth3Name"])
        for o in rows
    ]


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    renamed = {name: override(rename=wire) for name, wire in NAMES.items()}
    converter.register_structure_hook(
        CattrsRow,
        make_dict_structure_fn(CattrsRow, converter, **renamed),  # type: ignore[arg-type]
    )
    return converter


def readers() -> dict[str, Read]:
    """Every contestant, by its name in the tables."""
    converter = _converter()
    return {
        KMOMENT: lambda data: read(json.loads(data), list[Depth3Location]),
        BY_HAND: lambda data: by_hand(json.loads(data)),
        KMOMENT_ORJSON: lambda data: read(orjson.loads(data), list[Depth3Location]),
        BY_HAND_ORJSON: lambda data: by_hand(orjson.loads(data)),
        MSGSPEC: msgspec.json.Decoder(list[MsgspecRow]).decode,
        PYDANTIC: PYDANTIC_ROWS.validate_json,
        CATTRS: lambda data: converter.structure(json.loads(data), list[CattrsRow]),
        JSON: json.loads,
        ORJSON: orjson.loads,
    }


def check(name: str, found: list[Any], expected: list[Json]) -> None:
    """Assert that the contestant *name* has read the rows that were written."""
    of = itemgetter if isinstance(found[0], dict) else attrgetter
    fields = NAMES.values() if isinstance(found[0], dict) else NAMES
    assert list(map(of(*fields), found)) == [tuple(row.values()) for row in expected], name
