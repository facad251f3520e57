"""Reads cells whose names only a look-up can settle: interests, files, channels, apps, cohorts."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from .. import _validate
from .._text import normalised
from ..errors import AmbiguousNameError, NameNotFoundError
from ..models import (
    CohortTargeting,
    CustomerFileTargeting,
    InclusionType,
    SyncAppTargeting,
    TalkChannelGroupTargeting,
    TalkChannelTargeting,
    TrackerTargeting,
)
from ..words._rows import NameIndex
from ._grid import Wrong

CATEGORIES: Final = ("ufo_interests", "ufo_business_types")
ENTRIES: Final[Mapping[str, type[Any]]] = {
    "customer_file_targetings": CustomerFileTargeting,
    "talk_channel_targetings": TalkChannelTargeting,
    "sync_app_targetings": SyncAppTargeting,
    "cohort_targetings": CohortTargeting,
    "tracker_targetings": TrackerTargeting,
    "talk_channel_group_targetings": TalkChannelGroupTargeting,
}
"""The class of the entries in a column."""
BY_NAME: Final = (
    *CATEGORIES,
    "customer_file_targetings",
    "talk_channel_targetings",
    "sync_app_targetings",
    "cohort_targetings",
)
"""Columns that take names."""

_LINES: Final = re.compile(r"[\r\n]+")
_MARK: Final = re.compile(r"[,;；]")
"""What separates the names in a line. A name may have it too."""
_EXCLUDED: Final = re.compile(r"(.*?)\s*[(（]\s*(?:제외|exclude)\s*[)）]", re.IGNORECASE)
_NOT_WRITTEN: Final = Wrong(
    "must be as kmoment.write writes it", "kmoment.write가 쓴 그대로여야 합니다"
)
_SEVERAL_WAYS: Final = Wrong(
    "may be one name or several: write ids", "여러 뜻으로 읽힐 수 있습니다. ID를 적으세요"
)
_ONLY_WRITTEN: Final = Wrong(
    "must be as kmoment.write writes it: names are not read in this column",
    "이 열은 이름을 읽지 않습니다. kmoment.write가 쓴 그대로여야 합니다",
)

Found = tuple[tuple[Any, ...], tuple[Wrong, ...]]
"""The entries of a cell, and what is wrong in it."""
Reading: TypeAlias = "tuple[Reading, str] | None"
"""The names in a line: those before the last one, and the last one."""


def is_written(text: str) -> bool:
    """Whether a cell has JSON objects, as ``kmoment.write`` makes them of entries."""
    return text.startswith("{")


class CellNames(NameIndex):
    """The rows of a look-up, by the names that a cell has of them."""

    def __init__(self, rows: Iterable[Any]) -> None:
        super().__init__(rows)
        marks = (len(_MARK.findall(normalised(text))) for text in self.texts)
        self.most_parts: int = 1 + max(marks, default=0)
        """Parts of a name, with marks between them."""


def read_entries(key: str, text: str, index: CellNames | None) -> Found:
    """The entries in a cell. *index*: the rows that its names are looked up in."""
    if is_written(text):
        return _read_written(key, text)
    if index is None:
        return (), (_ONLY_WRITTEN,)
    lines = filter(None, map(str.strip, _LINES.split(text)))
    named = [it for line in lines for it in _read_line(key, line, index)]
    named = named or [(text, _named(key, text, index))]
    wrongs = (one.of(name, text) for name, one in named if isinstance(one, Wrong))
    return tuple(one for _, one in named if not isinstance(one, Wrong)), tuple(wrongs)


# -- Names ------------------------------------------------------------------------------


def _read_line(key: str, line: str, index: CellNames) -> Iterator[tuple[str, Any]]:
    """The names in a line, each with its entry."""
    readings = _readings(key, line, index)
    if len(readings) > 1:
        yield line, _SEVERAL_WAYS
    else:
        yield from ((name, _named(key, name, index)) for name in _names(readings[0]))


def _readings(key: str, line: str, index: CellNames) -> list[Reading]:
    """The ways to read a line with the fewest names that are not there. Two ways are enough."""
    marks = [-1, *(mark.start() for mark in _MARK.finditer(line)), len(line)]
    best: list[tuple[int, list[Reading]]] = [(0, [None])]  # of the first parts
    for end in range(1, len(marks)):
        ways: dict[int, list[Reading]] = {}
        for start in range(max(0, end - index.most_parts), end):
            name = line[marks[start] + 1 : marks[end]].strip()
            known = not name or index.knows(_meant(key, name, index)[0])
            if known or start == end - 1:
                unknown, readings = best[start]
                own = ((reading, name) for reading in readings)
                ways.setdefault(unknown + (not known), []).extend(own)
        fewest = min(ways)
        best.append((fewest, ways[fewest][:2]))
    return best[-1][1]


def _names(reading: Reading) -> list[str]:
    names: list[str] = []
    while reading is not None:
        names.append(reading[1])
        reading = reading[0]
    return [name for name in reversed(names) if name]


def _meant(key: str, name: str, index: NameIndex) -> tuple[str, InclusionType]:
    """What is to be looked up, and whether it is left out of the target."""
    excluded = None if key in CATEGORIES or index.knows(name) else _EXCLUDED.fullmatch(name)
    return (excluded[1], InclusionType.EXCLUDE) if excluded else (name, InclusionType.INCLUDE)


def _named(key: str, name: str, index: NameIndex) -> Any:
    """The entry that targets what *name* means."""
    own, inclusion = _meant(key, name, index)
    try:
        row = index.one(own)
    except NameNotFoundError as error:
        return Wrong("nothing has this id or name", "없는 이름입니다", error.near_names)
    except AmbiguousNameError as error:
        return Wrong(
            "several have this name: write the id",
            "같은 이름이 여러 개 있습니다. ID를 적으세요",
            error.ids,
        )
    return row.id if key in CATEGORIES else row.target(inclusion)


# -- What kmoment.write has written -----------------------------------------------------


def _read_written(key: str, text: str) -> Found:
    try:
        members = list(_objects(text))
        return tuple(_entry(key, own) for own in members), ()
    except (ValueError, TypeError, RecursionError):
        return (), (_NOT_WRITTEN,)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects, one after the other, with a comma between them."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        found, at = decoder.raw_decode(text, at)
        yield dict(_validate.json("cell", found))
        at += len(text[at:]) - len(text[at:].lstrip(", \r\n;"))


def _entry(key: str, members: dict[str, Any]) -> Any:
    """An entry of its members, as ``to_dict`` gives them."""
    if key in CATEGORIES:
        return members
    kind = ENTRIES[key]
    fields = attrs.fields_dict(kind)
    given = {name: _member(name, value) for name, value in members.items() if value is not None}
    given.pop("status", None)  # of a customer file: only in answers
    if not given or not given.keys() <= fields.keys():
        raise ValueError(key)
    return kind(**given)


def _member(name: str, value: Any) -> Any:
    if name == "extra":
        return dict(_validate.json(name, json.loads(value)))
    if name == "inclusion_type":
        return InclusionType(value)
    return tuple(value) if isinstance(value, list) else value
