"""The official names of Korea's places, without codes: a list can be checked offline."""

import csv
import gzip
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import attrs

from .._plain import Serializable
from ._finder import Columns, Finder
from .resolution import Resolution

__all__ = ["OfficialNames", "OfficialPlace", "korea"]

_DATE: Final = date(2025, 12, 31)
_SOURCE: Final = (
    "Derived from administrative-dong boundaries released by Statistics Korea SGIS "
    "(https://sgis.kostat.go.kr) under KOGL Type 1, modified by vuski/admdongkor "
    "(https://github.com/vuski/admdongkor), CC BY 4.0; names extracted, general-gu names spaced."
)


@attrs.frozen
class OfficialPlace(Serializable):
    """The official name of a place. It has no code: codes are Kakao's own."""

    depth1_name: str
    depth2_name: str | None = None
    depth3_name: str | None = None

    @property
    def full_name(self) -> str:
        """The names of all that it lies in, and its own."""
        return " ".join(filter(None, (self.depth1_name, self.depth2_name, self.depth3_name)))

    def __str__(self) -> str:
        return self.full_name


class OfficialNames:
    """Official names of a date. They are found as in a ``LocationTree``."""

    def __init__(self, date: date, source: str, places: Iterable[OfficialPlace]) -> None:
        self.date = date
        """The day of which the names are."""
        self.source = source
        """Where the names come from, with their licence. Keep it where they go."""
        self.places: tuple[OfficialPlace, ...] = tuple(places)
        """Provinces, then districts, then neighbourhoods."""
        self._finder: Finder[OfficialPlace] = Finder(self.places)

    def find(self, name: str) -> tuple[OfficialPlace, ...]:
        """Find the places that a name means, as ``LocationTree.find``."""
        return self._finder.find(name)

    def search(self, text: str) -> tuple[OfficialPlace, ...]:
        """Find the places whose full names contain each word of *text* somewhere."""
        return self._finder.search(text)

    def one(self, name: str) -> OfficialPlace:
        """The one place of this name, as ``LocationTree.one``.

        :raises AmbiguousLocationError: Several places have the name.
        :raises LocationNotFoundError: No place has it.
        :raises InvalidArgumentError: It is blank, a list, or it excludes places.
        """
        return self._finder.one(name)

    def resolve(self, lines: Iterable[str | Columns] | str) -> Resolution[OfficialPlace]:
        """Find a whole column of names at once, as ``LocationTree.resolve``."""
        return self._finder.resolve(lines)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return f"<OfficialNames of {self.date}: {len(self)} places>"


@cache
def korea() -> OfficialNames:
    """The official names of all provinces, districts and neighbourhoods, without codes.

        print(kmoment.places.korea().resolve(["강남구 논현1동", "고성군"]))

    Kakao's tree may differ: it changes on other days, and only Kakao has codes.
    """
    packed = files("kmoment._data").joinpath("regions.csv.gz").read_bytes()
    rows = [tuple(row) for row in csv.reader(gzip.decompress(packed).decode().splitlines()[1:])]
    paths = dict.fromkeys(row[:depth] for depth in (1, 2, 3) for row in rows)
    return OfficialNames(_DATE, _SOURCE, (OfficialPlace(*path) for path in paths))
