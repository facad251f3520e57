"""The documented rules for the body of an audience, taken from the tables of Kakao's page.

`read` converts a sent body to the form that the sandbox keeps. `check` refuses a body that breaks
a documented rule, and names all violations. Members and targeting entries that are not on the page
are accepted.
https://developers.kakao.com/docs/latest/en/kakaomoment/audience
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeGuard

from . import _errors
from ._reply import Json

EDIT_REQUIRED = ("id", "adAccountId", "name", "type", "ageType", "genderType")
# The page's table for editing has no row for locationType, but its sample sends one.
CREATE_REQUIRED = ("adAccountId", "name", "type", "ageType", "genderType", "locationType")

CHOICES = {
    "type": ("DISPLAY", "MESSAGE"),
    "ageType": ("ALL", "NOT_ALL"),
    "genderType": ("ALL", "NOT_ALL"),
    "locationType": ("ALL", "AREA"),
    "ages": ("15", "20", "25", "30", "35", "40", "45", "50", "55", "60", "65"),
    "genders": ("M", "F"),
}
LOCATIONS = ("locations", "depth2Locations", "depth3Locations")
SETS = (
    *("ages", "genders", *LOCATIONS, "ufoInterests", "ufoBusinessTypes"),
    *("customerFileTargetings", "trackerTargetings", "cohortTargetings"),
    *("talkChannelTargetings", "syncAppTargetings", "talkChannelGroupTargetings"),
)
# The table of targeting by type has no headings for its two columns. We infer DISPLAY and then
# MESSAGE, because only campaigns that send messages can use friend groups.
NOT_FOR = {
    "DISPLAY": ("talkChannelGroupTargetings",),
    "MESSAGE": ("customerFileTargetings", "trackerTargetings"),
}
SERVER_OWNED = ("id", "audienceStatus", "populationScore", "createdDate", "lastModifiedDate")

# The spelling of the page's tables, then the spelling of its samples.
DEPTH2_SPELLING = ("depth2Locations", "depth2locations")
DESCRIPTION_SPELLING = ("description", "desrciption")


def parse(raw: bytes) -> Json:
    try:
        value: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise _errors.parameter("the body is not JSON") from None
    if not is_object(value):
        raise _errors.parameter("the body is not a JSON object")
    return value


def is_object(value: object) -> TypeGuard[Json]:
    return isinstance(value, dict)


def check(sent: Json, required: tuple[str, ...], account_id: int) -> Json:
    """Return the body to keep, or raise the refusal."""
    missing = [name for name in required if sent.get(name) is None]
    if missing:
        raise _errors.parameter(f"missing: {', '.join(missing)}")
    body = read(sent)
    faults = [*_shape(body), *_partners(body), *_areas(body), *_misfits(body)]
    if sent["adAccountId"] != account_id:
        faults.append("adAccountId differs from the header's")
    if faults:
        raise _errors.rule("; ".join(faults))
    return body


def read(sent: Json) -> Json:
    """The body in the tables' spelling. Repeats, empty and server-owned members are left out."""
    body = {name: value for name, value in sent.items() if name not in SERVER_OWNED}
    body = _renamed(body, *reversed(DEPTH2_SPELLING))
    for name in SETS:
        if isinstance(body.get(name), list):
            body[name] = _distinct([_entry(name, entry) for entry in body[name]])
    for name in ("ageType", "genderType", "locationType"):
        if body.get(name) == "All":
            body[name] = "ALL"
    return {name: value for name, value in body.items() if value not in (None, [])}


def respell(body: Json) -> Json:
    """The body in the spelling of the page's samples."""
    deep = LOCATIONS[1:]
    found = {
        name: [_renamed(entry, *DESCRIPTION_SPELLING) for entry in value] if name in deep else value
        for name, value in body.items()
    }
    return _renamed(found, *DEPTH2_SPELLING)


def _entry(name: str, entry: Any) -> Any:
    if name in LOCATIONS and is_object(entry):
        return _renamed(entry, *reversed(DESCRIPTION_SPELLING))
    return entry


def _renamed(members: Json, old: str, new: str) -> Json:
    if new in members:
        return {name: value for name, value in members.items() if name != old}
    return {new if name == old else name: value for name, value in members.items()}


def _distinct(entries: list[Any]) -> list[Any]:
    return list({json.dumps(entry, sort_keys=True): entry for entry in entries}.values())


def _shape(body: Json) -> Iterator[str]:
    if not isinstance(body.get("name"), str) or not body["name"].strip():
        yield "name must be a text that is not blank"
    for name in SETS:
        if not isinstance(body.get(name, []), list):
            yield f"{name} must be an array"
    for name in LOCATIONS:
        if not all(_is_location(entry) for entry in _set(body, name)):
            yield f"{name} must hold objects with a value"
    for name, allowed in CHOICES.items():
        given = _set(body, name) if name in SETS else [body.get(name, allowed[0])]
        if not all(value in allowed for value in given):
            yield f"{name} must be of {', '.join(allowed)}"


def _partners(body: Json) -> Iterator[str]:
    for kind, name in (("ageType", "ages"), ("genderType", "genders")):
        if body.get(kind) == "NOT_ALL" and not body.get(name):
            yield f"{name} is required when {kind} is NOT_ALL"
        if body.get(kind) == "ALL" and body.get(name):
            yield f"{name} is not allowed when {kind} is ALL"


def _areas(body: Json) -> Iterator[str]:
    given = [name for name in LOCATIONS if body.get(name)]
    if body.get("locationType") == "AREA" and not given:
        yield f"one of {', '.join(LOCATIONS)} is required when locationType is AREA"
    if body.get("locationType") == "ALL" and given:
        yield f"{', '.join(given)} not allowed when locationType is ALL"


def _misfits(body: Json) -> Iterator[str]:
    kind = body.get("type")
    for name in NOT_FOR.get(kind, ()) if isinstance(kind, str) else ():
        if body.get(name):
            yield f"{name} is not allowed when type is {kind}"


def _set(body: Json, name: str) -> list[Any]:
    return body[name] if isinstance(body.get(name), list) else []


def _is_location(entry: Any) -> bool:
    return is_object(entry) and isinstance(entry.get("value"), str)
