"""Reads what needs no look-up: headings, accounts, names, and the words of the trade.

Nothing is guessed. What cannot be read is a fault, and the reading goes on.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from .. import _validate, words
from .._text import near_names, normalised
from ..errors import CellFault, UnknownWordError
from ..models._base import OpenEnum
from ..models.enums import AgeType, GenderType, LocationType
from ._columns import BY_HEADING, BY_KEY, COLUMNS, REQUIRED, heading_key, shown
from ._grid import HIDDEN, MERGED, Grid, Place, Wrong
from .sheet import Row

EXAMPLE: Final = ("예시", "example")
"""In place of an account: the row is an example, and is left out."""
_KEPT: Final = 256
"""Words of a column that are kept as they were read: a sheet has few different ones."""
_NO_DIGITS: Final = Wrong(
    "must be an ad account's id: digits, without commas and decimals",
    "광고계정 번호여야 합니다. 쉼표와 소수점 없이 숫자만 적으세요",
)
_EMPTY: Final = Wrong("must not be empty", "비어 있으면 안 됩니다")
_NO_HEADING: Final = Wrong("stands in a column without a heading", "제목이 없는 열에 값이 있습니다")
_NO_OBJECT: Final = Wrong(
    "must be a JSON object, as kmoment.write writes it",
    "kmoment.write가 쓴 그대로의 JSON이어야 합니다",
)
_NO_CHOICE: Final = Wrong("must be ALL, or the word for some", "'전체' 또는 '일부'여야 합니다")


class GridReader:
    """Reads one sheet: ``rows``, ``faults`` and ``examples``."""

    def __init__(self, grid: Grid, account: int | None) -> None:
        self.rows: list[Row] = []
        self.faults: list[CellFault] = []
        self.examples = 0
        self._grid = grid
        self._account = account
        if grid.hidden and grid.cells:
            self.faults.append(grid.line(0).fault(HIDDEN))
        elif grid.cells:
            self._read()

    def _read(self) -> None:
        lines = _by_row(self._grid)
        header = next(iter(lines))
        if header in self._grid.hidden_rows:
            self.faults.append(self._grid.line(header).fault(HIDDEN))
        self._heads: dict[int, str] = {}
        self._columns: dict[str, int] = {}
        for column in lines.pop(header):
            self._read_heading(header, column)
        self._require_columns(header)
        for column in sorted(self._grid.hidden_columns & self._heads.keys()):
            self._fault(header, column, HIDDEN)
        for area in self._grid.merged:
            self._fault(area.row, area.column, MERGED)
        for row, columns in lines.items():
            if row in self._grid.hidden_rows:
                self.faults.append(self._grid.line(row).fault(HIDDEN))
            else:
                self._read_row(row, columns)

    def _read_heading(self, row: int, column: int) -> None:
        cell = self._grid.cells[row, column]
        self._heads[column] = cell.text
        key = BY_HEADING.get(heading_key(cell.text))
        if cell.wrong:
            self._fault(row, column, cell.wrong)
        elif key is None:
            self._fault(row, column, _unknown_heading(cell.text))
        elif key in self._columns:
            self._fault(row, column, _repeated(key))
        else:
            self._columns[key] = column

    def _require_columns(self, row: int) -> None:
        given = {*self._columns, *(["ad_account_id"] if self._account else [])}
        for key in REQUIRED:
            if key not in given:
                self.faults.append(self._grid.line(row).fault(_missing(key)))

    def _fault(self, row: int, column: int, wrong: Wrong) -> None:
        place = self._grid.place(row, column, self._heads.get(column, ""))
        self.faults.append(place.fault(wrong))

    # -- One row ------------------------------------------------------------------------

    def _read_row(self, row: int, columns: list[int]) -> None:
        cells = dict(self._cells(row))
        if (account := cells.get("ad_account_id")) and _is_example(account.text):
            self.examples += 1
            return
        before = len(self.faults)
        for column in columns:
            if column not in self._heads:
                self._fault(row, column, _NO_HEADING)
        sound = {key: place for key, place in cells.items() if self._is_sound(key, row, place)}
        blank = {key: place for key, place in cells.items() if not place.text}
        fields = self._fields(sound)
        said = "ad_account_id" in self._columns and "ad_account_id" not in blank
        ident = fields.pop("ad_account_id", None if said else self._account)
        place = cells.get("name") or self._grid.line(row)
        whole = ident is not None and {"name", "type"} <= fields.keys()
        self.rows.append(
            Row(place, ident, fields, sound, blank, whole and len(self.faults) == before)
        )

    def _cells(self, row: int) -> Iterator[tuple[str, Place]]:
        """The cells of a row that are read, by column, empty or not."""
        for key, column in self._columns.items():
            if BY_KEY[key].used and not self._grid.is_merged(row, column):
                yield key, self._grid.place(row, column, self._heads[column])

    def _is_sound(self, key: str, row: int, place: Place) -> bool:
        """Whether a cell can be read. A fault if it cannot."""
        cell = self._grid.cells.get((row, self._columns[key]))
        wrong = cell.wrong if cell else self._if_empty(key)
        if wrong:
            self.faults.append(place.fault(wrong))
        return cell is not None and wrong is None

    def _if_empty(self, key: str) -> Wrong | None:
        needed = key in REQUIRED and not (key == "ad_account_id" and self._account)
        return _EMPTY if needed else None

    def _fields(self, cells: Mapping[str, Place]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key, read in _READERS.items():
            if key in cells:
                found = read(cells[key].text)
                if isinstance(found, Wrong):
                    self.faults.append(cells[key].fault(found))
                elif found is not None:
                    fields[key] = found
                else:
                    fields.setdefault(*_EVERYBODY[key])
        return fields


def _by_row(grid: Grid) -> dict[int, list[int]]:
    """The columns of each row that is not empty, in order."""
    lines: dict[int, list[int]] = {}
    for row, column in sorted(grid.cells):
        lines.setdefault(row, []).append(column)
    return lines


def _is_example(text: str) -> bool:
    return normalised(text).casefold() in EXAMPLE


def repeated_names(rows: Iterable[Row]) -> Iterator[CellFault]:
    """A fault for each row whose name and type another row of its account has."""
    first: dict[tuple[Any, ...], Place] = {}
    for row in rows:
        name, kind = row.fields.get("name"), row.fields.get("type")
        if row.account is None or name is None or kind is None:
            continue
        other = first.setdefault((row.account, normalised(name), kind), row.at)
        if other is not row.at:
            where = f"{other.sheet}!{other.column}{other.row}"
            yield row.at.fault(
                Wrong(
                    f"must be the only audience of this name and type in the account: see {where}",
                    f"같은 광고계정에 같은 이름과 유형이 이미 있습니다: {where}",
                )
            )


# -- Headings ---------------------------------------------------------------------------


def _unknown_heading(text: str) -> Wrong:
    known = [heading for column in COLUMNS for heading in column.headings]
    near = near_names(text, known)
    return Wrong("is no heading of a column that is known", "알 수 없는 열 제목입니다", near)


def _repeated(key: str) -> Wrong:
    return Wrong(f"is a second column for {shown(key)}", f"{shown(key)} 열이 두 번 있습니다")


def _missing(key: str) -> Wrong:
    return Wrong(f"must have a column {shown(key)}", f"{shown(key)} 열이 있어야 합니다")


# -- Cells ------------------------------------------------------------------------------


def _account(text: str) -> int | Wrong:
    if not re.fullmatch("[0-9]{1,19}", text) or not 0 < int(text) <= _validate.LARGEST_LONG:
        return _NO_DIGITS
    return int(text)


def _word(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader of the words of the trade."""

    @lru_cache(_KEPT)
    def read_word(text: str) -> Any:
        try:
            return read(text)
        except UnknownWordError as error:
            return Wrong(error.rule, error.rule_ko, error.near)

    return read_word


def _choice(kind: type[OpenEnum]) -> Callable[[str], Any]:
    everything, some = list(kind)

    def read_choice(text: str) -> Any:
        plain = normalised(text).casefold()
        given = {"전체": everything, "일부": some, **{str(it).casefold(): it for it in kind}}
        return given.get(plain, _NO_CHOICE)

    return read_choice


def _object(text: str) -> Any:
    try:
        found = _validate.json("extra", json.loads(text))
    except (ValueError, RecursionError):
        return _NO_OBJECT
    return found if isinstance(found, dict) else _NO_OBJECT


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "ad_account_id": _account,
    "name": str,
    "type": _word(words.audience_type),
    "age_type": _choice(AgeType),
    "gender_type": _choice(GenderType),
    "location_type": _choice(LocationType),
    "ages": _word(words.ages),
    "genders": _word(words.genders),
    "extra": _object,
}
"""What reads a column without a look-up. ``None``: all."""
_EVERYBODY: Final = {"ages": ("age_type", AgeType.ALL), "genders": ("gender_type", GenderType.ALL)}
"""What says that all are meant."""
