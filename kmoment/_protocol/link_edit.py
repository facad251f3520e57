"""Makes the edit that links an ad group to an audience, and compares what is there after. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import attrs

from ..errors import LinkRefusedError
from ..models import AudienceSummary
from .link_place import (
    READ_ONLY,
    AdGroupSample,
    Count,
    Json,
    Place,
    audience_ids_at,
    entries_at,
    id_of_entry,
    leaves,
)

_BY_ITSELF: Final = frozenset(
    (
        *("status", "statusDescription", "optimizationStatus", "creativeCount"),
        *("isDailyBudgetAmountOver", "isValidPeriod"),
    )
)
"""Members that change without an edit."""
_WITH_AN_EDIT: Final = _BY_ITSELF | {"lastModifiedDate"}
_OF_AN_AUDIENCE: Final = ("name", "type", "audience_status")
"""Members of an audience that an entry may repeat."""
_NOTHING: Final = object()
_WORD: Final = re.compile(r"[A-Z][A-Z_]*")
"""A word such as INCLUDE: it says how an audience is used, not which."""


@attrs.frozen(kw_only=True)
class LinkEdit:
    """An edit of one ad group that makes it use one more audience."""

    account: int
    audience_id: int
    ad_group_id: int
    before: Json
    """The ad group as it was read."""
    place: Place | None = None
    """``None`` if the ad group uses the audience already."""
    entry: Any = None
    like: int | None = None
    """The ad group that it was learnt from."""
    count: Count | None = None
    notes: tuple[str, ...] = ()

    @property
    def body(self) -> Json:
        """What is sent: every member as it was read, but for those that an edit does not take."""
        return {name: it for name, it in self.after.items() if name not in READ_ONLY}

    @property
    def left_out(self) -> tuple[str, ...]:
        """Members that were read and are not sent."""
        return tuple(name for name in self.before if name in READ_ONLY)

    @property
    def after(self) -> Json:
        """The ad group as it shall be."""
        found = deepcopy(self.before)
        if self.place is None:
            return found
        holder, (*way, last) = found, self.place.path
        for name in way:
            if holder.get(name) is None:
                holder[name] = {}
            holder = holder[name]
        holder[last] = [*(holder.get(last) or ()), deepcopy(self.entry)]
        return found

    def drift(self, now: Json) -> tuple[str, ...]:
        """Paths that have changed since the ad group was read."""
        return tuple(differing(_less(self.before, _BY_ITSELF), _less(now, _BY_ITSELF)))

    def is_done(self, now: Json) -> bool:
        """Whether the ad group has one entry more, which is the audience's."""
        return self.place is not None and not self.mismatch(now)

    def is_undone(self, now: Json) -> bool:
        """Whether the ad group is as it was."""
        before, now = _less(self.before, _WITH_AN_EDIT), _less(now, _WITH_AN_EDIT)
        return not any(differing(before, now))

    def mismatch(self, now: Json) -> tuple[str, ...]:
        """Paths that are not as they shall be."""
        after, now = _less(self.after, _WITH_AN_EDIT), _less(now, _WITH_AN_EDIT)
        return tuple(differing(after, self._as_sent(now)))

    def _as_sent(self, now: Json) -> Json:
        """*now*, where the server may have added members to the new entry."""
        place, found = self.place, deepcopy(now)
        if place is None or not place.member:
            return found
        try:
            entries = entries_at(found, place)
        except LinkRefusedError:
            return found
        for index, entry in enumerate(entries):
            if id_of_entry(entry, place) == self.audience_id and _covers(self.entry, entry):
                entries[index] = self.entry
        return found


def make_edit(
    *,
    account: int,
    audience: AudienceSummary,
    target: AdGroupSample,
    samples: Sequence[AdGroupSample],
    audiences: Mapping[int, AudienceSummary],
    learnt: tuple[Place, Count],
    notes: Iterable[str] = (),
) -> LinkEdit:
    """The edit that adds *audience* to *target* as *samples* have theirs."""
    place, count = learnt
    there = audience_ids_at(target.object, place, audiences)
    if audience.id in there:
        raise LinkRefusedError(
            f"{place} of ad group {target.id} holds audience {audience.id} already, but the "
            "audience does not list this ad group"
        )
    return LinkEdit(
        account=account,
        audience_id=audience.id,
        ad_group_id=target.id,
        before=target.object,
        place=place,
        entry=_entry(place, audience, samples, audiences),
        like=samples[0].id,
        count=count,
        notes=tuple(notes),
    )


# -- The entry --------------------------------------------------------------------------


def _entry(
    place: Place,
    audience: AudienceSummary,
    samples: Sequence[AdGroupSample],
    audiences: Mapping[int, AudienceSummary],
) -> Any:
    own = str(audience.id) if place.text else audience.id
    if not place.member:
        return own
    seen = [
        (audiences[one], dict(leaves(entry)))
        for sample in samples
        for entry in entries_at(sample.object, place)
        if (one := id_of_entry(entry, place)) is not None
    ]
    made: Json = {}
    for path in seen[0][1]:
        if path == place.member:
            _put(made, path, own)
        elif all(path in entry for _, entry in seen):  # else it may be left out
            _put(made, path, _value(path, place, audience, seen))
    return made


def _value(
    path: tuple[str, ...],
    place: Place,
    audience: AudienceSummary,
    seen: Sequence[tuple[AudienceSummary, Mapping[tuple[str, ...], Any]]],
) -> Any:
    """The value of one member of the new entry."""
    for name in _OF_AN_AUDIENCE:
        if all(entry[path] == _plain(getattr(row, name)) for row, entry in seen):
            return _plain(getattr(audience, name))
    values = {_canonical(entry[path]) for _, entry in seen}
    value = seen[0][1][path]
    several = len({row.id for row, _ in seen}) > 1
    if len(values) == 1 and (several or _tells_how(value)):
        return deepcopy(value)
    raise LinkRefusedError(
        f"{place}: entries have a member {'.'.join(path)!r}, and what it must be for audience "
        f"{audience.id} is not known"
    )


def _tells_how(value: Any) -> bool:
    """Whether a value seen once may be copied: it does not look like one audience's own."""
    word = isinstance(value, str) and _WORD.fullmatch(value)
    return value is None or isinstance(value, bool) or value in ([], {}) or bool(word)


def _put(holder: Json, path: tuple[str, ...], value: Any) -> None:
    *way, last = path
    for name in way:
        holder = holder.setdefault(name, {})
    holder[last] = value


def _plain(value: Any) -> Any:
    """A word as JSON has it. What is not known is like nothing in an entry."""
    return _NOTHING if value is None else str(value)


# -- Comparing --------------------------------------------------------------------------


def differing(first: Any, second: Any, path: str = "") -> Iterator[str]:
    """Paths at which two objects do not mean the same.

    Lists have no order: they are Kakao's sets. Missing, null and empty mean the same.
    """
    if _is_object(first) and _is_object(second):
        for name in dict.fromkeys((*(first or ()), *(second or ()))):
            inner = f"{path}.{name}".removeprefix(".")
            yield from differing((first or {}).get(name), (second or {}).get(name), inner)
    elif _canonical(first) != _canonical(second):
        yield path


def _is_object(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _canonical(value: Any) -> str:
    return json.dumps(_bare(value), sort_keys=True, ensure_ascii=False)


def _bare(value: Any) -> Any:
    """*value* without what is missing, null or empty, and with lists in one order."""
    if isinstance(value, dict):
        members = {name: _bare(item) for name, item in value.items()}
        return {name: it for name, it in members.items() if it is not None} or None
    if isinstance(value, list):
        return sorted(map(_canonical, value)) or None
    return value


def _less(data: Json, names: Iterable[str]) -> Json:
    return {name: it for name, it in data.items() if name not in names}


def _covers(wanted: Any, found: Any) -> bool:
    """Whether *found* has all that *wanted* has. It may have more."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_covers(it, found.get(name)) for name, it in wanted.items())
    return _canonical(wanted) == _canonical(found)


# -- Printing ---------------------------------------------------------------------------


def described(edit: LinkEdit) -> str:
    """The edit as a readable difference, with its evidence."""
    title = f"ad group {edit.ad_group_id}: use audience {edit.audience_id}"
    if edit.place is None:
        return f"{title}: it does already; nothing is to be changed"
    lines = [
        f"{title}, as ad group {edit.like} does its own",
        f"  {edit.place}",
        *(f"    {_shown(entry)}" for entry in entries_at(edit.before, edit.place)),
        f"  + {_shown(edit.entry)}",
        f"  evidence: {edit.count}",
        f"  left out of the edit: {', '.join(edit.left_out) or 'nothing'}",
    ]
    return "\n".join([*lines, *(f"  note: {note}" for note in edit.notes)])


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
