"""Whether two drafts ask for the same, by meaning and not by form.

Kakao's sets have no order. A server may store a name normalised, fill in the names of places, and
add members to an entry. A member that is null, or a list that is empty, says as much as none. None
of this makes an audience another one.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs

from .._plain import Serializable
from .._text import normalised
from ._base import cell

_PLACES: Final = ("locations", "depth2_locations", "depth3_locations")
SETS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "age_type": ("ages",),
    "gender_type": ("genders",),
    "location_type": _PLACES,
}
"""The sets that each choice is about."""
_ONLY_IN_ANSWERS: Final = ("status",)
"""Of a customer file. A draft made from an answer does not have it."""
_MOST: Final = 5
"""Values that a line names."""
_LONGEST: Final = 100
"""Characters of a value in a line."""


@attrs.frozen
class Difference(Serializable):
    """One member in which what is there is not what is wanted."""

    field: str
    """The member's name in :class:`AudienceDraft`."""
    wanted: Any = attrs.field(hash=False)
    """``None`` if it is to be left out. Of ``extra``, only the members that differ."""
    found: Any = attrs.field(hash=False)

    def __str__(self) -> str:
        """``ages: +25 -15`` for a set, ``name: a -> b`` for any other member."""
        if not _is_set(self.wanted) and not _is_set(self.found):
            return f"{self.field}: {_shown(self.found)} -> {_shown(self.wanted)}"
        wanted, found = _by_key(self.field, self.wanted), _by_key(self.field, self.found)
        added = [item for key, item in wanted.items() if key not in found]
        gone = [item for key, item in found.items() if key not in wanted]
        return " ".join([f"{self.field}:", *_signed("+", added), *_signed("-", gone)])


def differences(wanted: Any, found: Any) -> tuple[Difference, ...]:
    """What *found*, a draft, has otherwise than *wanted*, another one."""
    wanted, found = wanted.resolved(), found.resolved()
    extra, *names = (field.name for field in attrs.fields(type(wanted)))
    names.append(extra)
    differing = [it for it in names if not _same(it, getattr(wanted, it), getattr(found, it))]
    told = [it for it in differing if not set(SETS_OF.get(it, ())) & set(differing)]
    return tuple(_difference(name, wanted, found) for name in told)


def draft_hash(draft: Any) -> int:
    """A hash of a draft that is the same for drafts that ask for the same."""
    sets = ("ages", "genders", *_PLACES)
    keys = (frozenset(_by_key(name, getattr(draft, name))) for name in sets)
    return hash((_name(draft.name), str(draft.type), *keys))


def _difference(name: str, wanted: Any, found: Any) -> Difference:
    mine, theirs = getattr(wanted, name), getattr(found, name)
    if name == "extra":
        mine = {k: v for k, v in mine.items() if not _covers(_said({k: v}), _said(theirs))}
        theirs = {k: theirs[k] for k in mine if k in theirs}
    return Difference(name, mine, theirs)


def _same(name: str, wanted: Any, found: Any) -> bool:
    if name == "name":
        return bool(_name(wanted) == _name(found))
    if name == "extra":
        return _covers(_said(wanted), _said(found))
    if _is_set(wanted) or _is_set(found):
        return _same_set(name, wanted, found)
    return bool(wanted == found)


def _is_set(value: Any) -> bool:
    return isinstance(value, tuple)


def _name(name: Any) -> Any:
    """A name in one form. A draft may hold anything until it is checked."""
    return normalised(name) if isinstance(name, str) else name


# -- Sets -------------------------------------------------------------------------------


def _by_key(name: str, values: Iterable[Any] | None) -> dict[str, Any]:
    """The items of a set, each once."""
    return {_key(name, item): item for item in values or ()}


def _key(name: str, item: Any) -> str:
    """A place's code; a category's id; the members of an entry; a plain value as text."""
    if name in _PLACES:
        return str(getattr(item, "value", item))
    if isinstance(item, Mapping) and "id" in item:
        return str(item["id"])
    return str(_said(item))


def _same_set(name: str, wanted: Iterable[Any] | None, found: Iterable[Any] | None) -> bool:
    """Whether each of *wanted* has one of *found* for itself, which may have more members."""
    mine, theirs = _by_key(name, wanted), _by_key(name, found)
    left = [_said(item) for key, item in mine.items() if key not in theirs]
    free = [_said(item) for key, item in theirs.items() if key not in mine]
    return len(left) == len(free) and _paired(left, free)


def kept_items(name: str, wanted: Iterable[Any], found: Iterable[Any] | None) -> list[Any]:
    """The items of a set as *wanted*, each in the form in which *found* has it, if it does."""
    if _same_set(name, wanted, found):
        return list(found or ())
    mine, theirs = _by_key(name, wanted), _by_key(name, found)
    free = [item for key, item in theirs.items() if key not in mine]
    items = []
    for key, item in mine.items():
        fitting = (it for it in free if _covers(_said(item), _said(it)))
        other = theirs[key] if key in theirs else next(fitting, None)
        free = [it for it in free if it is not other]
        items.append(item if other is None else other)
    return items


def merged(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Members of *found*, with those of *wanted* in their place. Objects are merged as well."""
    own = {name: it for name, it in wanted.items() if it is not None}
    deep = {
        name: merged(it, found[name])
        for name, it in own.items()
        if isinstance(it, Mapping) and isinstance(found.get(name), Mapping)
    }
    return {**found, **own, **deep}


def _paired(wanted: Sequence[Any], found: Sequence[Any]) -> bool:
    """Whether all can be paired: one that fits several gives way to one that fits no other."""
    taken: dict[int, Any] = {}

    def place(item: Any, tried: set[int]) -> bool:
        for at, other in enumerate(found):
            if at not in tried and _covers(item, other):
                tried.add(at)
                if at not in taken or place(taken[at], tried):
                    taken[at] = item
                    return True
        return False

    return all(place(item, set()) for item in wanted)


# -- Members ----------------------------------------------------------------------------


def _said(value: Any) -> Any:
    """*value* as JSON has it, without members that are null."""
    if attrs.has(type(value)):
        names = (it.name for it in attrs.fields(type(value)) if it.name not in _ONLY_IN_ANSWERS)
        own = {name: getattr(value, name) for name in names}
        value = {**own.pop("extra"), **own}
    if isinstance(value, Mapping):
        own = {name: it for name, it in value.items() if it is not None}
        return {name: _said(own[name]) for name in sorted(own, key=str)}
    if isinstance(value, list | tuple):
        return [_said(it) for it in value]
    return str(value) if isinstance(value, StrEnum) else value


def _covers(wanted: Any, found: Any) -> bool:
    """Whether *found* has all that *wanted* has; it may have more. No list is an empty one."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(_covers(value, found.get(name, [])) for name, value in wanted.items())
    return bool(wanted == found) and isinstance(wanted, bool) is isinstance(found, bool)


# -- Lines ------------------------------------------------------------------------------


def _signed(sign: str, items: Sequence[Any]) -> list[str]:
    shown = [f"{sign}{_shown(item)}" for item in items[:_MOST]]
    return [*shown, f"{sign}{len(items) - _MOST} more"] if len(items) > _MOST else shown


def _shown(value: Any) -> str:
    said = value if hasattr(value, "full_name") else _said(value)
    if isinstance(said, Mapping):
        said = f"({', '.join(f'{name}={it}' for name, it in said.items())})" if said else None
    text = "nothing" if said is None else " ".join(str(cell(said)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
