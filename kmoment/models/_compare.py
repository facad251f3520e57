"""Whether an audience is what a draft asks for, by meaning and not by form.

Kakao's sets have no order. A server may store a name normalised, fill in the names of places, and
add members to an entry. None of this makes an audience another one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from .._text import normalised
from .draft import AudienceDraft

_PLACES: Final = ("locations", "depth2_locations", "depth3_locations")


def differing(wanted: AudienceDraft, found: AudienceDraft) -> tuple[str, ...]:
    """The fields of *found* that are not what *wanted* asks for."""
    wanted, found = wanted.resolved(), found.resolved()
    names = (field.name for field in attrs.fields(AudienceDraft))
    return tuple(
        name for name in names if not _same(name, getattr(wanted, name), getattr(found, name))
    )


def _same(name: str, wanted: Any, found: Any) -> bool:
    if name == "name":
        return normalised(wanted) == normalised(found)
    if name == "extra":
        return _covers(dict(wanted), dict(found))
    if wanted is None or isinstance(wanted, tuple):
        return _same_set(name, wanted or (), found or ())
    return bool(wanted == found)


def _same_set(name: str, wanted: Iterable[Any], found: Iterable[Any]) -> bool:
    if name in _PLACES:
        return {place.value for place in wanted} == {place.value for place in found}
    left, rest = [_members(item) for item in wanted], [_members(item) for item in found]
    if len(left) != len(rest):
        return False
    for item in left:
        match = next((other for other in rest if _covers(item, other)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _members(item: Any) -> Any:
    """The members of an entry that are set; a plain value as text."""
    if not attrs.has(type(item)):
        return str(item)
    own = {field.name: getattr(item, field.name) for field in attrs.fields(type(item))}
    extra = own.pop("extra")
    return {**extra, **{name: value for name, value in own.items() if value is not None}}


def _covers(wanted: Any, found: Any) -> bool:
    """Whether *found* has all that *wanted* has; it may have more."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(name in found and _covers(value, found[name]) for name, value in wanted.items())
    return bool(wanted == found)
