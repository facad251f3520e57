"""What a whole column of names was found to be: an outcome for each name.

resolution = tree.resolve(["강남구 논현1동", "고성군", "부산 중구, 동구"])
print(resolution)                      # a table, with what to write instead
for outcome in resolution.unsettled:
    print(outcome.line, outcome.name, outcome.status, outcome.message)
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import attrs

from .._plain import Serializable, plain
from .._text import aligned
from ..errors import InvalidArgumentError
from ._matching import Named
from ._reasons import Reason

__all__ = ["Resolution", "ResolveStatus", "Resolved"]

P = TypeVar("P", bound=Named, covariant=True)

_MOST: Final = 4
"""Places that a row of the table names."""


class ResolveStatus(StrEnum):
    """What became of one name."""

    FOUND = "found"
    """It is one place, or places that are together one city or one legal dong of one district."""
    AMBIGUOUS = "ambiguous"
    """Several places have it: ``candidates``. Or it may be one place or a list: ``readings``."""
    NOT_FOUND = "not found"
    """No place has it. ``candidates`` are its successors and near names."""
    REFUSED = "refused"
    """It is blank, or it excludes places (제외)."""


@attrs.frozen
class Resolved(Serializable, Generic[P]):
    """What became of one name of a cell."""

    line: int
    """Which cell it is of what was given, or which line of the text, from 1."""
    cell: str
    """The cell as given; separate columns are joined by blanks."""
    name: str
    """The name in the cell, with what it lies in carried over."""
    status: ResolveStatus
    places: tuple[P, ...] = ()
    """The places, if it was found."""
    candidates: tuple[P, ...] = ()
    """The places that it may mean, if it was not."""
    readings: tuple[str, ...] = ()
    """If it may be one place or a list: how to write it as one place, and how as a list."""
    reason: Reason | None = attrs.field(default=None, repr=False)
    """Why it was not found, with nothing cut. :attr:`message` is the same as one text."""

    @property
    def message(self) -> str:
        """Why it was not found, and what to write instead. Empty if it was found."""
        return self.reason.told() if self.reason else ""

    @property
    def message_ko(self) -> str:
        """The message in Korean."""
        return self.reason.told_ko() if self.reason else ""

    def __str__(self) -> str:
        return f"{self.name}: {self.status}{self._told()}"

    def _told(self) -> str:
        return f", {text}" if (text := self.message or _listed(self.places)) else ""


class Resolution(Serializable, Generic[P]):
    """Outcomes in the order of the cells. Iterate over it, or print it as a table."""

    def __init__(self, outcomes: Iterable[Resolved[P]]) -> None:
        self.outcomes: tuple[Resolved[P], ...] = tuple(outcomes)
        """All outcomes."""

    def __iter__(self) -> Iterator[Resolved[P]]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, position: int) -> Resolved[P]:
        return self.outcomes[position]

    def to_dict(self) -> dict[str, Any]:
        """All outcomes, as values that JSON has."""
        return {"outcomes": plain(self.outcomes)}

    @property
    def places(self) -> tuple[P, ...]:
        """The places that were found, each once."""
        return tuple(dict.fromkeys(place for outcome in self for place in outcome.places))

    @property
    def unsettled(self) -> tuple[Resolved[P], ...]:
        """The outcomes of names that were not found."""
        return tuple(outcome for outcome in self if outcome.status != ResolveStatus.FOUND)

    def raise_if_unsettled(self) -> None:
        """Raise if a name was not found.

        :raises InvalidArgumentError: With the first lines that are not settled.
        """
        if left := self.unsettled:
            lines = [f"line {outcome.line}: {outcome}" for outcome in left[:_MOST]]
            more = [f"and {len(left) - _MOST} more"] if len(left) > _MOST else []
            raise InvalidArgumentError("lines", "\n  ".join(["must all be places", *lines, *more]))

    def __repr__(self) -> str:
        counts = (f"{self._count(one)} {one}" for one in ResolveStatus if self._count(one))
        return f"<Resolution of {len(self)} names: {', '.join(counts) or 'none'}>"

    def _count(self, status: ResolveStatus) -> int:
        return sum(outcome.status == status for outcome in self)

    def __str__(self) -> str:
        rows = [("line", "name", "status", "place, or what to write")]
        rows += [
            (str(one.line), one.name, one.status.value, one.message or _listed(one.places))
            for one in self
        ]
        return "\n".join([*aligned(rows), repr(self)])


def _listed(places: Iterable[Named]) -> str:
    some = [place.full_name for place in places]
    return ", ".join(some[:_MOST]) + f", and {len(some) - _MOST} more" * (len(some) > _MOST)
