"""All places of Korea that can be targeted, as one tree. Looking something up needs no call.

    tree = await moment.locations.tree(file="kakao-locations.json")
    print(tree, tree.find("고성군"))
    places = tree.select("부산광역시", "강남구 논현1동")
    draft = kmoment.AudienceDraft.display("South and Nonhyeon", **places)

The first run makes about 270 calls, one for each province and district, and writes the dated file.
Until `max_age` (30 days) the next runs make none. A name that several places have (고성군, 중구,
중앙동) is an `AmbiguousLocationError` with the candidates, never a guess. `tree.compare(newer)`
lists what was added, removed and renamed. Places are identified by Kakao's code, because names
are shared and change.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self, TypedDict, TypeVar, cast

from ._protocol.converter import SEOUL, StructureError, read, write
from .errors import AmbiguousLocationError, InvalidArgumentError
from .models import Depth2Location, Depth3Location, Location

__all__ = ["LocationFields", "LocationTree", "Place", "TreeChanges"]

Place = Location | Depth2Location | Depth3Location
P = TypeVar("P", Location, Depth2Location, Depth3Location, Place)


class LocationFields(TypedDict, total=False):
    """The location fields of a draft. A field without a place is left out."""

    locations: tuple[Location, ...]
    depth2_locations: tuple[Depth2Location, ...]
    depth3_locations: tuple[Depth3Location, ...]


class TreeChanges(NamedTuple):
    """How one tree differs from an older one, by code."""

    added: tuple[Place, ...]
    removed: tuple[Place, ...]
    renamed: tuple[tuple[Place, Place], ...]
    """Old and new."""

    def __bool__(self) -> bool:
        return any(map(bool, tuple(self)))


_LEVELS: Final[Mapping[str, type[Place]]] = {
    "locations": Location,
    "depth2_locations": Depth2Location,
    "depth3_locations": Depth3Location,
}


def full_name(place: Place) -> str:
    """The names of all that *place* lies in, and its own name last."""
    return " ".join(_names_of(place))


def _names_of(place: Place) -> tuple[str, ...]:
    levels = ("depth1_name", "depth2_name", "depth3_name")
    return tuple(getattr(place, level) for level in levels if hasattr(place, level))


def _has_all(words: Iterable[str], place: Place) -> bool:
    return all(word in full_name(place) for word in words)


def _distinct(rows: Iterable[P]) -> tuple[P, ...]:
    """*rows* in order, each code once."""
    return tuple({row.value: row for row in rows}.values())


class LocationTree:
    """Provinces, their districts, and their neighbourhoods, as Kakao had them on a date."""

    __slots__ = (
        "_below",
        "_by_code",
        "_by_name",
        "date",
        "depth2_locations",
        "depth3_locations",
        "locations",
    )

    def __init__(
        self,
        *,
        date: datetime | None = None,
        locations: Iterable[Location],
        depth2_locations: Iterable[Depth2Location],
        depth3_locations: Iterable[Depth3Location],
    ) -> None:
        """Make a tree of rows as Kakao answers them. A code that comes twice is one place.

        :param date: When Kakao was asked. Default: now.
        """
        date = date or datetime.now(SEOUL)
        self.date: datetime = date if date.tzinfo else date.replace(tzinfo=SEOUL)
        self.locations: tuple[Location, ...] = _distinct(locations)
        self.depth2_locations: tuple[Depth2Location, ...] = _distinct(depth2_locations)
        self.depth3_locations: tuple[Depth3Location, ...] = _distinct(depth3_locations)
        levels: tuple[tuple[Place, ...], ...] = (
            self.locations,
            self.depth2_locations,
            self.depth3_locations,
        )
        self._by_code: dict[str, Place] = {row.value: row for rows in levels for row in rows}
        self._by_name = {_names_of(place): place for place in self._by_code.values()}
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
        """The place that *place* lies in; ``None`` for a province."""
        return self._by_name.get(_names_of(place)[:-1])

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
        """Find places by name, by the best kind of match there is: none, one, or several.

        Exact comes first: ``고성군`` (two), ``강남구 논현1동``. Then a name whose last word is
        exact and whose others are part of what it lies in: ``강원 고성군``. Then all places
        that have every word somewhere in their full name: ``논현``.
        """
        words = name.split() or [""]
        whole, own, outer = " ".join(words), words[-1], words[:-1]
        ends = [place for place in self if f" {full_name(place)}".endswith(f" {own}")]
        return (
            tuple(place for place in ends if f" {full_name(place)}".endswith(f" {whole}"))
            or tuple(place for place in ends if _has_all(outer, place))
            or tuple(place for place in self if own and _has_all(words, place))
        )

    def one(self, wanted: str) -> Place:
        """The one place of this code or name (see :meth:`find`).

        :raises AmbiguousLocationError: Several places have the name: ``candidates``.
        :raises InvalidArgumentError: No place has it.
        """
        if wanted in self:
            return self[wanted]
        found = self.find(wanted)
        if len(found) == 1:
            return found[0]
        if found:
            raise AmbiguousLocationError(wanted, found, [full_name(place) for place in found])
        raise InvalidArgumentError("name", f"must be a place's code or name, not {wanted!r}")

    def select(self, *wanted: str | Place) -> LocationFields:
        """A draft's location fields for these places: codes, names (see :meth:`one`) or rows.

            draft = kmoment.AudienceDraft.display("South", **tree.select("부산광역시", "I1000"))

        :raises AmbiguousLocationError: A name is shared by several places.
        :raises InvalidArgumentError: No place has the name.
        """
        places = [self._place(item) for item in wanted]
        levels = {
            field: _distinct(place for place in places if type(place) is level)
            for field, level in _LEVELS.items()
        }
        return cast("LocationFields", {field: rows for field, rows in levels.items() if rows})

    def _place(self, wanted: str | Place) -> Place:
        if isinstance(wanted, str):
            return self.one(wanted)
        if not isinstance(wanted, Place):
            kind = type(wanted).__name__
            raise InvalidArgumentError("wanted", f"must be codes, names or places, not {kind}")
        return wanted

    # -- Keeping ------------------------------------------------------------------------

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the tree to *file*, completely or not at all."""
        rows = {field: write(list(getattr(self, field))) for field in _LEVELS}
        text = json.dumps({"date": self.date.isoformat(), **rows}, ensure_ascii=False, indent=1)
        draft = Path(f"{os.fspath(file)}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Read what :meth:`save` has written.

        :raises OSError: The file cannot be read.
        :raises InvalidArgumentError: The file is not a saved tree.
        """
        try:
            data = json.loads(Path(file).read_text(encoding="utf-8"))
            return cls(
                date=datetime.fromisoformat(data["date"]),
                locations=read(data["locations"], list[Location]),
                depth2_locations=read(data["depth2_locations"], list[Depth2Location]),
                depth3_locations=read(data["depth3_locations"], list[Depth3Location]),
            )
        except (ValueError, KeyError, TypeError, StructureError) as error:
            why = type(error).__name__
        raise InvalidArgumentError("file", f"must be a tree that kmoment has saved ({why})")

    @classmethod
    def kept(cls, file: str | os.PathLike[str] | None, max_age: timedelta) -> Self | None:
        """The tree in *file*; ``None`` if there is no file, or if it is older than *max_age*."""
        if file is None or not Path(file).exists():
            return None
        tree = cls.load(file)
        return tree if datetime.now(SEOUL) - tree.date <= max_age else None

    def compare(self, newer: "LocationTree") -> TreeChanges:
        """What was added, removed and renamed in *newer*."""
        old, new = self._by_code, newer._by_code
        return TreeChanges(
            added=tuple(new[code] for code in new if code not in old),
            removed=tuple(old[code] for code in old if code not in new),
            renamed=tuple(
                (old[code], new[code])
                for code in old
                if code in new and _names_of(old[code]) != _names_of(new[code])
            ),
        )

    def __repr__(self) -> str:
        levels = (len(getattr(self, field)) for field in _LEVELS)
        return f"<LocationTree of {self.date:%Y-%m-%d}: {' / '.join(map(str, levels))} places>"
