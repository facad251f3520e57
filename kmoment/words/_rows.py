"""Rows of a look-up, to be found by id or name: never another row than the one that is named."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from .._text import near_names, normalised
from ..errors import AmbiguousNameError, NameNotFoundError
from ..models import CategoryData

_IDS: Final = ("id", "code", "track_id", "event_code")
_NAMES: Final = ("name", "track_name", "event_name")
_LEVEL: Final = 2
"""Digits that each level adds to a category's id. Kakao's page."""
_TOP: Final = 3
"""Characters of a top category's id. Kakao's page."""
_STEP: Final = " > "

Path = tuple[str, ...]
"""The names of a category and of those above it, outermost first."""


class NameIndex:
    """The rows of one look-up by all their names."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows: dict[str, list[Any]] = {}
        self.texts: dict[str, dict[str, Any]] = {}
        """The rows that each text names, by how they are shown."""
        for row, path in _with_paths(rows):
            shown = _STEP.join(path) or id_of(row)
            for text in _texts(row, path):
                _add(self._rows.setdefault(_key(text), []), row)
                self.texts.setdefault(text, {})[shown] = row

    def knows(self, name: str) -> bool:
        """Whether rows have *name*: one, or several."""
        return _key(name) in self._rows

    def one(self, name: str) -> Any:
        """The row that *name*, an id or a name, means."""
        found = self._rows.get(_key(name), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise AmbiguousNameError(name, found, [id_of(row) for row in found])
        near: dict[str, Any] = {}
        for text in near_names(name, self.texts):
            near |= self.texts[text]
        raise NameNotFoundError(name, tuple(near.values()), tuple(near))


def id_of(row: Any) -> str:
    """The id of a row, as text."""
    return next((str(getattr(row, one)) for one in _IDS if hasattr(row, one)), "")


def _name_of(row: Any) -> str:
    return next((name for one in _NAMES if (name := getattr(row, one, None))), "")


def _texts(row: Any, path: Path) -> Iterator[str]:
    """Everything that names *row*."""
    yield id_of(row)
    yield from (_STEP.join(path[start:]) for start in range(len(path)))
    if search_id := getattr(row, "search_id", None):
        yield search_id
        yield f"@{search_id}"


def _key(text: str) -> str:
    """A name for comparing: normalised, with one form of the sign between levels."""
    return _STEP.join(map(normalised, text.split(">")))


def _add(rows: list[Any], row: Any) -> None:
    if row not in rows:
        rows.append(row)


def _with_paths(rows: Iterable[Any]) -> Iterator[tuple[Any, Path]]:
    """Each row, with those nested below it, and the path of its names."""
    given = list(rows)
    by_id = {row.id: row for row in given if isinstance(row, CategoryData)}
    for row in given:
        yield from _nested(row, _above(row, by_id))


def _nested(row: Any, above: Path) -> Iterator[tuple[Any, Path]]:
    path = (*above, name) if (name := _name_of(row)) else above
    yield row, path if name else ()
    if isinstance(row, CategoryData):
        for child in row.children:
            yield from _nested(child, path)


def _above(row: Any, by_id: dict[str, CategoryData]) -> Path:
    """The names of the categories above *row*, in a list that is not nested: by their ids."""
    if not isinstance(row, CategoryData) or len(row.id) <= _TOP:
        return ()
    parent = by_id.get(row.id[:-_LEVEL])
    return (*_above(parent, by_id), *filter(None, [_name_of(parent)])) if parent else ()
