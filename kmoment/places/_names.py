"""Names of places beside the official ones: short forms, old names, and what became of them.

The names are data, in ``_data/names.json``, each change with its day and its source.
"""

import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from .._text import normalised

Path = tuple[str, ...]
"""The official names of a place and of what it lies in, outermost first."""

_BETWEEN: Final = re.compile(r"(?<![0-9])·|·(?![0-9])")
_LONE: Final = re.compile(r"(?<![0-9])·(?![0-9])")
_CITY: Final = re.compile(r"(\S+시) ?(\S+구)")
"""A general gu with its city, as in 수원시 장안구."""


class Change(NamedTuple):
    """What became of a place."""

    same: bool
    """Whether old and new are the same area."""
    old: Path
    new: tuple[Path, ...]
    since: str
    """The day on which it came into force, as in 2014-07-01."""


class Names(NamedTuple):
    """What ``names.json`` says."""

    official: dict[str, str]
    """The first name of a province, by each of its official names."""
    provinces: dict[str, tuple[str, ...]]
    """All names of a province, by its first one."""
    groups: dict[str, tuple[str, ...]]
    changes: tuple[Change, ...]
    excluding: tuple[str, ...]
    ending_in_je: frozenset[str]
    """Names of legal dongs that end in 제, without 동."""


@cache
def names() -> Names:
    """The names, read once."""
    data: Any = json.loads(files("kmoment._data").joinpath("names.json").read_text("utf-8"))
    rows = data["provinces"]
    return Names(
        official={name: row["names"][0] for row in rows for name in row["names"]},
        provinces={row["names"][0]: (*row["names"], *row["also"]) for row in rows},
        groups={name: tuple(members) for name, members in data["groups"].items()},
        changes=tuple(map(_change, data["changes"])),
        excluding=tuple(data["excluding"]),
        ending_in_je=frozenset(data["legal_dongs_ending_in_제"]["names"]),
    )


def _change(row: Any) -> Change:
    new = tuple(tuple(path) for path in row["new"])
    return Change(row["kind"] == "same", tuple(row["old"]), new, row["since"])


def province(name: str) -> str:
    """The first official name of a province: 강원특별자치도 for 강원도."""
    return names().official.get(name, name)


def dotted(text: str) -> str:
    """Normalised *text*, with one sign for all that stand between numbers: 3,8 and 3.8 are 3·8."""
    return text.replace(".", "·").replace(",", "·")


# The names of a tree are asked for again and again; twice as many as Korea has places.
@lru_cache(maxsize=8192)
def key(text: str) -> str:
    """A name for comparing: normalised, without blanks and without dots between Hangul."""
    plain = normalised(text).replace(" ", "")
    return plain if plain.isalnum() else _LONE.sub("", dotted(plain))


@lru_cache(maxsize=8192)
def path_key(path: Path) -> Path:
    """A path for comparing."""
    return (province(normalised(path[0])), *map(key, path[1:]))


def city_and_gu(name: str) -> tuple[str, ...]:
    """The steps of a district's name: a general gu has its city in front."""
    gu = _CITY.fullmatch(name)
    return gu.groups() if gu else (name,)


def joined_names(name: str) -> tuple[str, ...]:
    """The dongs that one name joins: 화수1·화평동 is 화수1동 and 화평동. Otherwise the name."""
    parts = _BETWEEN.split(dotted(name))
    return tuple(part if part.endswith("동") else f"{part}동" for part in parts)
