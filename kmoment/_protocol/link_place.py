"""Learns in which member ad groups name their audiences. Pure.

No page that was read says it. But the list of an audience's ad groups says which ad groups use it,
and the id of the audience then stands somewhere in the objects of these ad groups. A *place* is a
list in the object, reached through objects, and what its entries are: ids as numbers, ids as text,
or objects with the id in a member.

Ids are small numbers that stand in many members by chance. So a place counts only if

* it holds the audience in every ad group that is known to use it, and in none that does not,
* every entry of it, in every ad group, is an audience of the account that this ad group uses, as
  far as that is known,
* no other place does.

An id that stands where nothing could be added (in a single value, or within a list in a list) is
counted too: if nothing disproves it, the place is not known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import attrs

from ..errors import AmbiguousPlaceError, LinkRefusedError

Json = dict[str, Any]

READ_ONLY: Final = frozenset(
    (
        *("name", "config", "userConfig", "systemConfig", "bidStrategyTarget", "status"),
        *("statusDescription", "optimizationStatus", "sectionCategories", "profileId"),
        *("useWifiOnly", "creativeCount", "totalBudget", "totalBudgetWithVAT"),
        *("isDailyBudgetAmountOver", "isValidPeriod", "createdDate", "lastModifiedDate"),
    )
)
"""Members that clients read and do not send in an edit. Evidence: quoted from third-party code.

Members that nobody has named are sent as they were read: an edit replaces the whole ad group.
"""
_OWN_IDS: Final = (("id",), ("campaign", "id"))
"""Ids of the ad group and of its campaign: never an audience's."""


class Place(NamedTuple):
    """Where an ad group's object names an audience."""

    path: tuple[str, ...]
    member: tuple[str, ...] = ()
    """Within an entry that is an object."""
    text: bool = False
    """Whether ids are text."""
    addable: bool = True
    """Whether an entry can be added there."""

    def __str__(self) -> str:
        inner = f"[].{'.'.join(self.member)}" if self.member else "[]"
        kind = " as text" if self.text else ""
        return ".".join(self.path) + (inner if self.addable else " (not a list)") + kind


@attrs.frozen
class AdGroupSample:
    """One ad group that was read, and what is known of its audiences."""

    id: int
    object: Json
    uses: frozenset[int]
    """Audiences that it uses, as their lists of ad groups say."""
    unused: frozenset[int]
    """Audiences whose lists do not show it."""


@attrs.frozen
class Count:
    """How often a place was seen."""

    found: int
    """Linked ad groups in which it holds every audience that they use."""
    linked: int
    found_unlinked: int
    """Others in which it holds an audience that they do not use."""
    unlinked: int

    @property
    def holds(self) -> bool:
        """Whether it was found wherever it should be, and nowhere else."""
        return 0 < self.found == self.linked and not self.found_unlinked

    def __str__(self) -> str:
        return (
            f"found in {self.found} of {self.linked} linked ad groups, "
            f"in {self.found_unlinked} of {self.unlinked} others"
        )


# -- Finding ids ------------------------------------------------------------------------


def places_of(data: Json, audience_id: int) -> frozenset[Place]:
    """Every place in an ad group's object where this id stands."""
    found = {place for place, value in _ids(data, ()) if value == audience_id}
    return frozenset(it for it in found if it.path not in _OWN_IDS and it.path[0] not in READ_ONLY)


def listed_ids(data: Json) -> frozenset[int]:
    """Every number in the object that may be an id."""
    return frozenset(value for _, value in _ids(data, ()))


def _ids(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Place, int]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _ids(item, (*path, name))
    elif isinstance(value, list):
        for entry in value:
            yield from _ids_in_entry(entry, path)
    elif (number := as_id(value)) is not None:
        yield Place(path, text=isinstance(value, str), addable=False), number


def _ids_in_entry(entry: Any, path: tuple[str, ...]) -> Iterator[tuple[Place, int]]:
    for member, value in leaves(entry):
        if isinstance(value, list):  # a list within a list: which one would be added to?
            inner = (*path, *member)
            yield from ((Place(inner, addable=False), one) for one in _deep_ids(value))
        elif (number := as_id(value)) is not None:
            yield Place(path, member, isinstance(value, str)), number


def _deep_ids(value: Any) -> Iterator[int]:
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for item in inner:
            yield from _deep_ids(item)
    else:
        yield from filter(None, (as_id(value),))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values in an object and in objects in it, with their paths. A list is a value."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    else:
        yield path, value


def as_id(value: Any) -> int | None:
    """*value* as an id, if it is one: a positive number, or its digits."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value) if str(int(value)) == value and int(value) > 0 else None
    return value if type(value) is int and value > 0 else None


# -- Entries of a place -----------------------------------------------------------------


def entries_at(data: Json, place: Place) -> list[Any]:
    """The entries of a place; none if the ad group does not have it.

    Raises :class:`LinkRefusedError` if there is something else than a list.
    """
    holder: Any = data
    for name in place.path:
        if holder is None:
            return []
        if not isinstance(holder, dict):
            raise LinkRefusedError(f"{place}: an object is expected on the way to it")
        holder = holder.get(name)
    if holder is not None and not isinstance(holder, list):
        raise LinkRefusedError(f"{place}: a list is expected there")
    return holder or []


def id_of_entry(entry: Any, place: Place) -> int | None:
    """The id that an entry of this place holds."""
    for name in place.member:
        entry = entry.get(name) if isinstance(entry, dict) else None
    return as_id(entry) if isinstance(entry, str) is place.text else None


def audience_ids_at(data: Json, place: Place, audiences: Iterable[int]) -> frozenset[int]:
    """The ids at a place. Raises :class:`LinkRefusedError` if an entry is no audience's."""
    ids = [id_of_entry(entry, place) for entry in entries_at(data, place)]
    known = frozenset(audiences)
    strange = sum(one not in known for one in ids)
    if strange:
        raise LinkRefusedError(f"{place}: {strange} of {len(ids)} entries are no audience's id")
    return frozenset(one for one in ids if one is not None)


# -- Choosing ---------------------------------------------------------------------------


def learn(
    samples: Sequence[AdGroupSample], audiences: frozenset[int], at: str | None = None
) -> tuple[Place, Count]:
    """The one place where these ad groups name their audiences, and how often it was seen.

    *samples* begins with the ad group to learn from. *at* chooses among several places.
    """
    example = samples[0]
    candidates = {place for one in example.uses for place in places_of(example.object, one)}
    if not candidates:
        raise LinkRefusedError(
            f"ad group {example.id} uses audiences {_joined(example.uses)}, but its object does "
            "not name them"
        )
    counts = {place: _count(place, samples) for place in sorted(candidates)}
    faults = {place: _fault(place, samples, audiences) for place in counts if place.addable}
    if at is not None:
        return _chosen(at, counts, faults)
    holding = [place for place, count in counts.items() if count.holds and not faults.get(place)]
    sound = [place for place in holding if place.addable]
    if len(sound) == len(holding) == 1:
        return sound[0], counts[sound[0]]
    raise _refusal(counts, faults, holding)


def _count(place: Place, samples: Sequence[AdGroupSample]) -> Count:
    linked = [sample for sample in samples if sample.uses]
    others = [sample for sample in samples if not sample.uses]
    return Count(
        sum(all(_holds(sample, place, one) for one in sample.uses) for sample in linked),
        len(linked),
        sum(any(_holds(sample, place, one) for one in sample.unused) for sample in others),
        len(others),
    )


def _holds(sample: AdGroupSample, place: Place, audience_id: int) -> bool:
    return place in places_of(sample.object, audience_id)


def _fault(
    place: Place, samples: Sequence[AdGroupSample], audiences: frozenset[int]
) -> LinkRefusedError | None:
    """Why *place* cannot be the one, if an entry says so."""
    try:
        for sample in samples:
            ids = audience_ids_at(sample.object, place, audiences)
            if wrong := ids & sample.unused:
                which = f"{place}: names audiences {_joined(wrong)}"
                return LinkRefusedError(f"{which}, which ad group {sample.id} does not use")
    except LinkRefusedError as fault:
        return fault
    return None


def _chosen(
    at: str, counts: Mapping[Place, Count], faults: Mapping[Place, LinkRefusedError | None]
) -> tuple[Place, Count]:
    found = [it for it in counts if it.addable and at in (str(it), ".".join(it.path))]
    if not found:
        raise AmbiguousPlaceError(
            f"at={at!r} is none of the places where an audience's id was found: {_listed(counts)}",
            [str(place) for place in counts if place.addable],
        )
    if len(found) > 1:
        which = [str(place) for place in found]
        raise AmbiguousPlaceError(f"at={at!r} is more than one place: {', '.join(which)}", which)
    if fault := faults[found[0]]:
        raise fault
    return found[0], counts[found[0]]


def _refusal(
    counts: Mapping[Place, Count],
    faults: Mapping[Place, LinkRefusedError | None],
    holding: Sequence[Place],
) -> LinkRefusedError:
    open_ = [place for place in counts if not faults.get(place)]
    usable = [str(place) for place in (holding or open_) if place.addable]
    if not usable:
        why = "; ".join(str(fault) for fault in faults.values() if fault) or _listed(counts)
        return LinkRefusedError(f"no place is known to hold ids of audiences: {why}")
    shown = {place: counts[place] for place in (holding or open_)}
    return AmbiguousPlaceError(
        f"more than one place may name audiences: {_listed(shown)}; choose one with at=", usable
    )


def _listed(counts: Mapping[Place, Count]) -> str:
    return "; ".join(f"{place} ({count})" for place, count in counts.items())


def _joined(ids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ids)))
