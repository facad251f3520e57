"""Reads cells whose names only a look-up can settle: interests, files, channels, apps, cohorts."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

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

_LINES: Final = re.compile(r"[\r\n;；]+")
_EXCLUDED: Final = re.compile(r"(.*?)\s*[(（]\s*(?:제외|exclude)\s*[)）]", re.IGNORECASE)
_NOT_WRITTEN: Final = Wrong(
    "must be as kmoment.write writes it", "kmoment.write가 쓴 그대로여야 합니다"
)
_ONLY_WRITTEN: Final = Wrong(
    "must be as kmoment.write writes it: names are not read in this column",
    "이 열은 이름을 읽지 않습니다. kmoment.write가 쓴 그대로여야 합니다",
)

Found = tuple[tuple[Any, ...], tuple[Wrong, ...]]
"""The entries of a cell, and what is wrong in it."""


def is_written(text: str) -> bool:
    """Whether a cell has JSON objects, as ``kmoment.write`` makes them of entries."""
    return text.startswith("{")


def read_entries(key: str, text: str, index: NameIndex | None) -> Found:
    """The entries in a cell. *index*: the rows that its names are looked up in."""
    if is_written(text):
        return _read_written(key, text)
    if index is None:
        return (), (_ONLY_WRITTEN,)
    named = [(name, _named(key, name, index)) for name in [*_names(key, text, index)] or [text]]
    wrongs = (one.of(name, text) for name, one in named if isinstance(one, Wrong))
    return tuple(one for _, one in named if not isinstance(one, Wrong)), tuple(wrongs)


# -- Names ------------------------------------------------------------------------------


def _names(key: str, text: str, index: NameIndex) -> Iterator[str]:
    """The names in a cell. One that has a comma in it is one name, if there is a row of it."""
    for line in filter(None, map(str.strip, _LINES.split(text))):
        if isinstance(_named(key, line, index), Wrong):
            yield from filter(None, map(str.strip, line.split(",")))
        else:
            yield line


def _named(key: str, name: str, index: NameIndex) -> Any:
    """The entry that targets what *name* means."""
    found = _row(name, index)
    if key in CATEGORIES:
        return found if isinstance(found, Wrong) else found.id
    excluded = _EXCLUDED.fullmatch(name)
    if not excluded or not isinstance(found, Wrong):
        return found if isinstance(found, Wrong) else found.target()
    found = _row(excluded[1], index)
    return found if isinstance(found, Wrong) else found.target(InclusionType.EXCLUDE)


def _row(name: str, index: NameIndex) -> Any:
    try:
        return index.one(name)
    except NameNotFoundError as error:
        return Wrong("must be an id or a name that is there", "없는 이름입니다", error.near_names)
    except AmbiguousNameError as error:
        return Wrong(
            "must name one: write the id",
            "같은 이름이 여러 개 있습니다. ID를 적으세요",
            error.ids,
        )


# -- What kmoment.write has written -----------------------------------------------------


def _read_written(key: str, text: str) -> Found:
    try:
        members = list(_objects(text))
        return tuple(_entry(key, own) for own in members), ()
    except (ValueError, TypeError):
        return (), (_NOT_WRITTEN,)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects, one after the other, with a comma between them."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        found, at = decoder.raw_decode(text, at)
        yield dict(found)
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
        return dict(json.loads(value))
    if name == "inclusion_type":
        return InclusionType(value)
    return tuple(value) if isinstance(value, list) else value
