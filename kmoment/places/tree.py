"""All places that Kakao has, as one tree: with codes, and ready for a draft."""

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Self, TypedDict, TypeVar

from .. import _file, _validate
from .._plain import plain
from .._protocol.converter import SEOUL, StructureError, read, write
from ..errors import InvalidArgumentError
from ..models import Depth2Location, Depth3Location, Location
from ._finder import Columns, Finder
from ._names import path_key
from .resolution import Resolution

__all__ = ["LocationFields", "LocationTree", "Missing", "Place", "TreeChanges"]

Place = Location | Depth2Location | Depth3Location
P = TypeVar("P", Location, Depth2Location, Depth3Location, Place)


class LocationFields(TypedDict):
    """The location fields of a draft: all three, so that a replaced selection keeps no old place.

    ``None`` where no place of that level was chosen.
    """

    locations: tuple[Location, ...] | None
    depth2_locations: tuple[Depth2Location, ...] | None
    depth3_locations: tuple[Depth3Location, ...] | None


class Missing(NamedTuple):
    """Something that a tree may lack."""

    what: str
    """The full name of a place, or the keyword that was asked for."""
    why: str


class TreeChanges(NamedTuple):
    """How one tree differs from an older one, by code."""

    added: tuple[Place, ...]
    removed: tuple[Place, ...]
    """Also what the newer tree only could not see: look at its ``missing``."""
    renamed: tuple[tuple[Place, Place], ...]
    """Old and new."""
    newly_missing: tuple[Missing, ...] = ()
    """What only the newer tree may lack."""
    no_longer_missing: tuple[Missing, ...] = ()
    """What only the older tree may lack."""

    def to_dict(self) -> dict[str, Any]:
        """All members by their names, as values that JSON has."""
        return dict(plain(self))

    def __bool__(self) -> bool:
        return any(map(bool, tuple(self)))


LEVELS: Final[Mapping[str, type[Place]]] = {
    "locations": Location,
    "depth2_locations": Depth2Location,
    "depth3_locations": Depth3Location,
}


def _names_of(place: Place) -> tuple[str, ...]:
    levels = ("depth1_name", "depth2_name", "depth3_name")
    return tuple(getattr(place, level) for level in levels if hasattr(place, level))


def _distinct(rows: Iterable[P]) -> tuple[P, ...]:
    """*rows* in order, each code once."""
    return tuple({row.value: row for row in rows}.values())


class LocationTree:
    """Provinces, their districts, and their neighbourhoods, as Kakao had them on a date."""

    __slots__ = (
        "_below",
        "_by_code",
        "_by_name",
        "_finder",
        "date",
        "depth2_locations",
        "depth3_locations",
        "locations",
        "missing",
    )

    def __init__(
        self,
        *,
        date: datetime | None = None,
        locations: Iterable[Location],
        depth2_locations: Iterable[Depth2Location],
        depth3_locations: Iterable[Depth3Location],
        missing: Iterable[Missing] = (),
    ) -> None:
        """Make a tree of rows as Kakao answers them. A code that comes twice is one place.

        :param date: When Kakao was asked. Default: now.
        :param missing: What the tree may lack, and why.
        """
        date = date or datetime.now(SEOUL)
        self.date: datetime = date if date.tzinfo else date.replace(tzinfo=SEOUL)
        self.locations: tuple[Location, ...] = _distinct(locations)
        self.depth2_locations: tuple[Depth2Location, ...] = _distinct(depth2_locations)
        self.depth3_locations: tuple[Depth3Location, ...] = _distinct(depth3_locations)
        self.missing: tuple[Missing, ...] = tuple(missing)
        """What the tree may lack, and why. Empty: it is whole."""
        levels: tuple[tuple[Place, ...], ...] = (
            self.locations,
            self.depth2_locations,
            self.depth3_locations,
        )
        self._by_code: dict[str, Place] = {row.value: row for rows in levels for row in rows}
        self._finder: Finder[Place] = Finder(self._by_code.values())
        self._by_name = {path_key(_names_of(place)): place for place in self._by_code.values()}
        self._below: dict[str, list[Place]] = {}
        for place in self._by_code.values():
            if above := self.parent(place):
                self._below.setdefault(above.value, []).append(place)

    # -- Walking ------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._by_code)

    def __iter__(self) -> Iterator[Place]:
        """Every place, each before the places in it."""
        for place in self._by_code.values():
            if self.parent(place) is None:
                yield from self.walk(place)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def __getitem__(self, code: str) -> Place:
        """The place of a code.

        :raises KeyError: No place has this code.
        """
        return self._by_code[code]

    def parent(self, place: Place) -> Place | None:
        """The place that *place* lies in; ``None`` for a province.

        Old and new names of a province are one: Kakao's samples have both in one answer.
        """
        return self._by_name.get(path_key(_names_of(place))[:-1])

    def path(self, place: Place) -> tuple[Place, ...]:
        """The province, the district, and so on, down to *place* itself."""
        above = self.parent(place)
        return (*self.path(above), place) if above else (place,)

    def children(self, place: Place) -> tuple[Place, ...]:
        """The places right below *place*."""
        return tuple(self._below.get(place.value, ()))

    def walk(self, place: Place) -> Iterator[Place]:
        """*place* and everything in it."""
        yield place
        for child in self.children(place):
            yield from self.walk(child)

    # -- Finding ------------------------------------------------------------------------

    def find(self, name: str) -> tuple[Place, ...]:
        """Find the places that a name means: none, one, or several.

            print(tree.find("강원 고성군"), tree.find("고성군"), tree.find("역삼동"))

        Short forms, old names, legal dongs and missing suffixes are understood
        (``kmoment.places``). Part of a name is not a name: see :meth:`search`.
        """
        return self._finder.find(name)

    def search(self, text: str) -> tuple[Place, ...]:
        """Find the places whose full names contain each word of *text* somewhere.

            print(len(tree.search("논현")), len(tree.search("서울 신")))

        :returns: Nothing if *text* is blank.
        """
        return self._finder.search(text)

    def one(self, wanted: str) -> Place:
        """The one place of this code or name.

            print(tree.one("강남구(서울)"), tree.one("I1000"))

        :raises AmbiguousLocationError: Several places have the name: ``candidates``, and how to
            write each (``writings``); or it may be one place or a list: ``readings``.
        :raises LocationNotFoundError: No place has it: ``near`` names, and ``successors`` of a
            place that was merged, divided or moved.
        :raises InvalidArgumentError: It is blank, a list, or it excludes places (제외).
        """
        return self._finder.one(wanted)

    def select(self, *wanted: str | Place | Columns, nothing: bool = False) -> LocationFields:
        """A draft's location fields for these places: codes, names, lists or rows.

            draft = kmoment.AudienceDraft.display("South", **tree.select("부산광역시", "I1000"))
            draft = draft.replace(**tree.select("강남/서초/송파", "부산 중구, 동구"))

        All three levels are set, so that ``draft.replace`` replaces all places. A cell may be a
        list, and a tuple is a row of separate columns. A city of several gu, a legal dong of one
        district, 전국 and 수도권 stand for all that they consist of.

        :param nothing: Allow that no place is given: the draft then has none.
        :raises AmbiguousLocationError: A name is shared by several places, or a cell may be one
            place or a list: ``readings``.
        :raises LocationNotFoundError: No place has the name.
        :raises InvalidArgumentError: A name is blank or excludes places; no name is given.
        :warns UserWarning: A place lies in another one. Kakao does not say how it counts that.
        """
        if not wanted and not nothing:
            raise InvalidArgumentError("wanted", "must have a place, or nothing=True")
        places = [place for item in wanted for place in self._taken(item)]
        for overlap in self.overlaps(places):
            warnings.warn(overlap, stacklevel=2)
        return _fields(places)

    def resolve(self, lines: Iterable[str | Columns] | str) -> Resolution[Place]:
        """Find a whole column of names at once: an outcome for each, which prints as a table.

            resolution = tree.resolve(["강남구 논현1동", "고성군", ("부산", "중구", None)])
            print(resolution)
            print(resolution.unsettled)
            draft = kmoment.AudienceDraft.display("x", **tree.select(*resolution.places))

        :param lines: Cells; tuples of separate columns (시도, 시군구, 동); or text with a name in
            each line. Of a cell that is a list, as 부산 중구, 동구, each name has an outcome.
        """
        return self._finder.resolve(lines)

    def overlaps(self, places: Iterable[Place]) -> tuple[str, ...]:
        """A sentence for each of *places* that lies in another one of them."""
        chosen = {place.value: place for place in places}
        pairs = (
            (chosen[above.value], place)
            for place in chosen.values()
            for above in self.path(place)[:-1]
            if above.value in chosen
        )
        return tuple(
            f"{below} lies in {above}, which is chosen too: Kakao may count it twice"
            for above, below in pairs
        )

    def _taken(self, wanted: str | Place | Columns) -> tuple[Place, ...]:
        if isinstance(wanted, Place):
            return (wanted,)
        if not isinstance(wanted, str | tuple) or any(isinstance(item, Place) for item in wanted):
            kind = type(wanted).__name__
            rule = f"must be codes, names, places, or tuples of columns, not {kind}"
            raise InvalidArgumentError("wanted", rule)
        return self._finder.taken(wanted)

    # -- Keeping ------------------------------------------------------------------------

    @property
    def is_whole(self) -> bool:
        """Whether the tree has all three levels, and nothing is known to be missing."""
        return not self.missing and all(getattr(self, field) for field in LEVELS)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the tree to *file*, completely or not at all.

        :raises OSError: The file cannot be written. Names it as given.
        :raises InvalidArgumentError: The tree is not whole, and the file holds one that is.
        """
        _validate.file("file", file)
        if not self.is_whole and _holds_a_whole_one(file):
            rule = "holds a whole tree, and this one is not: see its `missing`"
            raise InvalidArgumentError("file", rule)
        rows = {field: write(list(getattr(self, field))) for field in LEVELS}
        head = {"date": self.date.isoformat(), "missing": [list(one) for one in self.missing]}
        _file.write(file, json.dumps({**head, **rows}, ensure_ascii=False, indent=1))

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Read what :meth:`save` has written, also an older version of it.

        :raises OSError: The file cannot be read.
        :raises InvalidArgumentError: The file is not a saved tree.
        """
        _validate.file("file", file)
        try:
            return cls._made(json.loads(_file.read(file)))
        except (ValueError, KeyError, TypeError, StructureError) as error:
            why = type(error).__name__
        raise InvalidArgumentError("file", f"must be a tree that kmoment has saved ({why})")

    @classmethod
    def _made(cls, data: Any) -> Self:
        return cls(
            date=datetime.fromisoformat(data["date"]),
            locations=read(data["locations"], list[Location]),
            depth2_locations=read(data["depth2_locations"], list[Depth2Location]),
            depth3_locations=read(data["depth3_locations"], list[Depth3Location]),
            missing=[Missing(str(what), str(why)) for what, why in data.get("missing", ())],
        )

    def compare(self, newer: "LocationTree") -> TreeChanges:
        """What was added, removed and renamed in *newer*, and what either tree may lack."""
        old, new = self._by_code, newer._by_code
        return TreeChanges(
            added=tuple(new[code] for code in new if code not in old),
            removed=tuple(old[code] for code in old if code not in new),
            renamed=tuple(
                (old[code], new[code])
                for code in old
                if code in new and _names_of(old[code]) != _names_of(new[code])
            ),
            newly_missing=tuple(one for one in newer.missing if one not in self.missing),
            no_longer_missing=tuple(one for one in self.missing if one not in newer.missing),
        )

    def __repr__(self) -> str:
        levels = (len(getattr(self, field)) for field in LEVELS)
        lacks = f", {len(self.missing)} missing" if self.missing else ""
        counts = " / ".join(map(str, levels))
        return f"<LocationTree of {self.date:%Y-%m-%d}: {counts} places{lacks}>"


def _fields(places: Iterable[Place]) -> LocationFields:
    rows = _distinct(places)
    return LocationFields(
        locations=tuple(row for row in rows if isinstance(row, Location)) or None,
        depth2_locations=tuple(row for row in rows if isinstance(row, Depth2Location)) or None,
        depth3_locations=tuple(row for row in rows if isinstance(row, Depth3Location)) or None,
    )


def _holds_a_whole_one(file: str | os.PathLike[str]) -> bool:
    try:
        return LocationTree.load(file).is_whole
    except (OSError, InvalidArgumentError):
        return False
