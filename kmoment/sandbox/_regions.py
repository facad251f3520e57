"""Provinces, districts and neighbourhoods: their codes, and the keyword search.

Codes that Kakao has published are exact. The others are made up in the same form: a letter, four
digits for the district, four more for the neighbourhood. They follow from the names alone, so they
are the same for every seed. `describe` says which kind a code is.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import count
from typing import Literal

from ._reply import Json, Reply, json_reply

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What `keyword` means in a look-up of places. Kakao does not say; the default is a guess.

    `text` is what it is compared with: the full name, the row's `description`, the name of the
    `district` alone, or the `own` name. `match` says how. `cap` is the number of rows after which
    an answer is cut. `gaps` are keywords that bring nothing.
    """

    text: Literal["full", "description", "district", "own"] = "full"
    match: Literal["contains", "prefix", "exact"] = "contains"
    cap: int | None = None
    gaps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.text not in _TEXTS or self.match not in _MATCHES:
            raise ValueError(f"text and match must be of {[*_TEXTS]} and {[*_MATCHES]}")
        if self.cap is not None and self.cap < 1:
            raise ValueError(f"cap must be None or positive, not {self.cap}")

    def matches(self, keyword: str, name: str, row: Json) -> bool:
        return _MATCHES[self.match](_TEXTS[self.text](name, row), keyword)


_TEXTS: dict[str, Callable[[str, Json], str]] = {
    "full": lambda name, _: name,
    "description": lambda _, row: str(row["description"]),
    "district": lambda _, row: str(row["depth2Name"]),
    "own": lambda _, row: str(row.get("depth3Name", row["depth2Name"])),
}
_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, keyword: keyword in text,
    "prefix": str.startswith,
    "exact": str.__eq__,
}
LOOKUP = Lookup()


@dataclass(frozen=True, slots=True)
class Known:
    value: str
    name: str
    source: str


@cache
def known_codes() -> dict[str, Known]:
    """Published codes, by the full name of the place."""
    rows = csv.DictReader(_data("known_codes.csv").decode().splitlines())
    known = (Known(row["value"], row["description"], row["source"]) for row in rows)
    return {entry.name: entry for entry in known}


@cache
def codes() -> dict[Name, str]:
    """The code of every place below the provinces, in the order of the file."""
    found: dict[Name, str] = {}
    free: dict[str, Iterator[str]] = {}
    for name in _places():
        parent = found[name[:-1]] if len(name) == 3 else known_codes()[name[0]].value
        unpublished = free.setdefault(parent, _free(parent, len(name)))
        found[name] = _known(name) or next(unpublished)
    return found


@cache
def depth1() -> Reply:
    provinces = (known for known in known_codes().values() if len(known.value) == 1)
    return json_reply(
        [
            {"value": place.value, "description": place.name, "depth1Name": place.name}
            for place in sorted(provinces, key=lambda place: place.value)
        ]
    )


# Answers. The bound is ours: a keyword of one character can match over a thousand places.
@lru_cache(maxsize=512)
def search(depth: int, keyword: str, lookup: Lookup = LOOKUP) -> Reply:
    """The look-up's answer: the places that the keyword matches."""
    return json_reply(found(depth, keyword, lookup))


def found(depth: int, keyword: str, lookup: Lookup = LOOKUP) -> list[Json]:
    """The rows that the keyword matches."""
    if keyword in lookup.gaps:
        return []
    rows = [row for name, row in _rows(depth) if lookup.matches(keyword, name, row)]
    return rows[: lookup.cap]


def describe(value: str) -> Json | None:
    """Where a code comes from: published, inferred from a published one, or synthetic."""
    name = _names().get(value)
    if name is None:
        return None
    known = known_codes().get(name)
    source = known.source if known else "synthetic"
    kind = {"docs": "published", "inferred:": "inferred"}.get(source.split()[0], "synthetic")
    depth = {1: 1, 5: 2, 9: 3}[len(value)]
    return {"value": value, "depth": depth, "name": name, "code": kind, "source": source}


@cache
def _places() -> tuple[Name, ...]:
    text = gzip.decompress(_data("regions.csv.gz")).decode()
    rows = [tuple(row) for row in csv.reader(text.splitlines()[1:])]
    return (*dict.fromkeys(row[:2] for row in rows), *rows)


@cache
def _rows(depth: int) -> tuple[tuple[str, Json], ...]:
    return tuple(
        (" ".join(name), _row(name, value)) for name, value in codes().items() if len(name) == depth
    )


def _row(name: Name, value: str) -> Json:
    # The page's sample of the neighbourhood look-up prints province and district only.
    row: Json = {"value": value, "description": " ".join(name[:2])}
    return row | {f"depth{depth}Name": part for depth, part in enumerate(name, 1)}


@cache
def _names() -> dict[str, str]:
    provinces = {known.value: known.name for known in known_codes().values()}
    return provinces | {value: " ".join(name) for name, value in codes().items()}


def _known(name: Name) -> str | None:
    known = known_codes().get(" ".join(name))
    return known.value if known else None


def _free(parent: str, depth: int) -> Iterator[str]:
    """Made-up codes under a parent, in Kakao's counting order. Published ones are left out."""
    taken = {known.value for known in known_codes().values()}
    numbers = count(1000 if depth == 2 else 101)
    return (code for n in numbers if (code := f"{parent}{n:04d}") not in taken)


def _data(name: str) -> bytes:
    return files("kmoment._data").joinpath(name).read_bytes()
