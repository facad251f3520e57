"""Finds places by name, whether or not they have codes."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Generic, TypeVar

from .. import _validate
from .._text import normalised
from ..errors import AmbiguousLocationError, InvalidArgumentError, LocationNotFoundError
from ._cells import Reading, excludes, is_list, read_cell, read_columns, read_name
from ._matching import Index, Match, Named
from ._names import key
from ._near import NearNames
from ._reasons import BLANK, Reason, excluding, reason
from .resolution import Resolution, Resolved, ResolveStatus

P = TypeVar("P", bound=Named)

Columns = tuple[str | None, ...]
"""A row of separate columns, outermost first: 시도, 시군구, 동."""


class Finder(Generic[P]):
    """Answers what names mean. The index is built at the first question."""

    def __init__(self, places: Iterable[P]) -> None:
        self.places: tuple[P, ...] = tuple(places)
        codes = (getattr(place, "value", None) for place in self.places)
        self._codes = {code: i for i, code in enumerate(codes) if code}

    @cached_property
    def index(self) -> Index:
        """All names of the places."""
        return Index(self.places)

    @cached_property
    def _near(self) -> NearNames:
        return NearNames(self.index.entries)

    @cached_property
    def _letters(self) -> tuple[str, ...]:
        return tuple(key(place.full_name) for place in self.places)

    def find(self, name: str) -> tuple[P, ...]:
        """The places that *name* means: none, one, or several."""
        return self._of(self._named(name).match.places)

    def search(self, text: str) -> tuple[P, ...]:
        """The places whose full names contain each word of *text*."""
        words = [key(word) for word in normalised(_validate.string("text", text)).split()]
        pairs = zip(self.places, self._letters, strict=True)
        return tuple(place for place, own in pairs if words and all(word in own for word in words))

    def one(self, name: str) -> P:
        """The one place that *name*, a name or a code, means."""
        if _validate.string("name", name) in self._codes:
            return self.places[self._codes[name]]
        _refuse_excluding(name)
        reading = self._named(name)
        found = self._of(reading.match.places)
        if not found and is_list(self.index, name):
            rule = f"must be one place; {name!r} is a list, which select and resolve read"
            raise InvalidArgumentError("name", rule)
        if len(found) == 1:
            return found[0]
        raise self._error(name, found, reading.writings)

    def _named(self, name: str) -> Reading:
        return read_name(self.index, _validate.string("name", name))

    def resolve(self, lines: Iterable[str | Columns] | str) -> Resolution[P]:
        """An outcome for each name in *lines*."""
        cells: Iterable[tuple[int, str | Columns]] = enumerate(lines, 1)
        if isinstance(lines, str):
            text = enumerate(lines.splitlines(), 1)
            cells = ((line, cell) for line, cell in text if cell.strip())
        return Resolution(one for line, cell in cells for one in self.resolved(line, cell))

    def resolved(self, line: int, cell: str | Columns) -> Iterator[Resolved[P]]:
        """The outcome of each name in one cell."""
        columns = _columns(cell)
        text = " ".join(columns)
        refused = _refusal(text)
        if refused:
            yield Resolved(line, text, text, ResolveStatus.REFUSED, reason=refused)
            return
        for reading in self._read(text, columns if isinstance(cell, tuple) else ()):
            yield self._outcome(line, text, reading)

    def _read(self, text: str, columns: tuple[str, ...]) -> Iterable[Reading]:
        if (code := text.strip()) in self._codes:
            return [Reading(code, Match((self._codes[code],)))]
        return read_columns(self.index, columns) if columns else read_cell(self.index, text)

    def taken(self, cell: str | Columns) -> tuple[P, ...]:
        """The places of one cell: several only if the cell is a list, or if they are together.

        :raises InvalidArgumentError: A name is ambiguous, unknown, blank, or excludes places.
        """
        _refuse_excluding(" ".join(_columns(cell)))
        outcomes = list(self.resolved(1, cell))
        for outcome in outcomes:
            if outcome.status != ResolveStatus.FOUND:
                ambiguous = outcome.status == ResolveStatus.AMBIGUOUS
                candidates = outcome.candidates if ambiguous else ()
                raise self._error(outcome.name, candidates, outcome.readings)
        return tuple(place for outcome in outcomes for place in outcome.places)

    def _outcome(self, line: int, cell: str, reading: Reading) -> Resolved[P]:
        name, match, writings = reading
        places = self._of(match.places)
        if len(places) == 1 or match.together:
            return Resolved(line, cell, name, ResolveStatus.FOUND, places)
        error = self._error(name, places, writings)
        if isinstance(error, AmbiguousLocationError):
            status, candidates = ResolveStatus.AMBIGUOUS, places
        else:
            status, candidates = ResolveStatus.NOT_FOUND, (*error.successors, *error.near)
        return Resolved(line, cell, name, status, (), candidates, writings, reason(error))

    def _error(
        self, name: str, found: tuple[P, ...], readings: tuple[str, ...]
    ) -> AmbiguousLocationError | LocationNotFoundError:
        if found:
            writings = [self._writing(place) for place in found]
            return AmbiguousLocationError(name, found, writings, readings)
        instead = self.index.instead(normalised(name))
        successors = self._of(i for one in instead for i in one.places)
        near = () if successors else self._of(self._near.near(normalised(name)))
        since = instead[0].change.since if instead else None
        return LocationNotFoundError(name, near, successors, since)

    def _writing(self, place: P) -> str:
        """What names *place* and nothing else: its full name, unless another has it too."""
        alone = self.find(place.full_name) == (place,)
        return place.full_name if alone else str(getattr(place, "value", place.full_name))

    def _of(self, indices: Iterable[int]) -> tuple[P, ...]:
        return tuple(self.places[i] for i in dict.fromkeys(indices))


def _columns(cell: str | Columns) -> tuple[str, ...]:
    """The columns that are not empty. An empty one of a table may be None or NaN."""
    given = (cell,) if isinstance(cell, str) else cell
    if not isinstance(given, tuple):
        _validate.refuse("lines", "text, or tuples of text", cell)
    kept = [one for one in given if one is not None and one == one]
    return tuple(_validate.string("lines", one) for one in kept)


def _refusal(text: str) -> Reason | None:
    """Why *text* is not read at all."""
    if not normalised(text):
        return BLANK
    word = excludes(text)
    return excluding(word) if word else None


def _refuse_excluding(text: str) -> None:
    if why := _refusal(text):
        raise InvalidArgumentError("name", f"must name places; of {text!r}: {why.text}")
