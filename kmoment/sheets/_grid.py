"""What files of all kinds become before anything is read: cells, and why one cannot be read."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import attrs

from .._text import normalised
from ..errors import CellFault


class Wrong(NamedTuple):
    """Why a cell, a row or a column is not read."""

    rule: str
    rule_ko: str
    near: tuple[str, ...] = ()

    def of(self, name: str, cell: str) -> "Wrong":
        """The same of one *name* in a *cell*, which is told if the cell has more than that."""
        if name == cell:
            return self
        return Wrong(f"{name!r}: {self.rule}", f"{name!r}: {self.rule_ko}", self.near)


FORMULA: Final = Wrong(
    "must be a value, not a formula: paste it as a value",
    "수식이 아니라 값이어야 합니다. '값 붙여넣기'를 하세요",
)
ERROR: Final = Wrong("must be a value, not an error", "오류 값이 아니라 올바른 값이어야 합니다")
DATE: Final = Wrong(
    "must be text, not a date: give the cell the format Text and write it again",
    "날짜가 아니라 텍스트여야 합니다. 셀 서식을 '텍스트'로 바꾸고 다시 적으세요",
)
BOOLEAN: Final = Wrong("must be text, not TRUE or FALSE", "TRUE/FALSE가 아니라 텍스트여야 합니다")
FRACTION: Final = Wrong(
    "must be text or a whole number, not a number with a decimal point",
    "소수점이 있는 숫자가 아니라 텍스트나 정수여야 합니다",
)
TOO_LONG: Final = Wrong(
    "must be text: Excel keeps only 15 digits of a number",
    "텍스트여야 합니다. 엑셀은 숫자를 15자리까지만 저장합니다",
)
FORMATTED: Final = Wrong(
    "must be text, or a number that is shown as it is: its format shows it differently",
    "텍스트이거나 표시 형식이 없는 숫자여야 합니다. 표시된 값과 저장된 값이 다릅니다",
)
HIDDEN: Final = Wrong(
    "is hidden: show it, or delete it", "숨겨져 있습니다. 숨기기를 취소하거나 삭제하세요"
)
MERGED: Final = Wrong(
    "must not be merged: give each row a cell of its own",
    "병합된 셀입니다. 병합을 풀고 행마다 값을 적으세요",
)

_ERRORS: Final = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!)")


class Cell(NamedTuple):
    """One cell that is not empty."""

    text: str
    wrong: Wrong | None = None


class Area(NamedTuple):
    """Merged cells."""

    row: int
    column: int
    last_row: int
    last_column: int

    def covers(self, row: int, column: int) -> bool:
        """Whether a cell is one of them."""
        return self.row <= row <= self.last_row and self.column <= column <= self.last_column


@attrs.frozen
class Grid:
    """One sheet. Rows and columns count from 1."""

    title: str
    cells: Mapping[tuple[int, int], Cell]
    hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    merged: tuple[Area, ...] = ()

    def is_merged(self, row: int, column: int) -> bool:
        """Whether a cell is merged with others."""
        return any(area.covers(row, column) for area in self.merged)

    def place(self, row: int, column: int, heading: str = "") -> "Place":
        """A cell, empty or not, with its place."""
        cell = self.cells.get((row, column), Cell(""))
        return Place(self.title, row, letters(column), heading, cell.text)

    def line(self, row: int) -> "Place":
        """The place of a whole row. Row 0: of the whole sheet."""
        return Place(self.title, row, "", "", "")


@attrs.frozen
class Place:
    """A cell and where it stands, for faults."""

    sheet: str
    row: int
    column: str
    heading: str
    text: str

    def fault(self, wrong: Wrong) -> CellFault:
        """A fault of this cell."""
        where = (self.sheet, self.row, self.column, self.heading, self.text)
        return CellFault(*where, wrong.rule, wrong.rule_ko, wrong.near)


def text_cell(text: str) -> Cell | None:
    """A cell that holds text; ``None`` if there is none in it."""
    plain = text.strip()
    if not plain or not (plain.isprintable() or normalised(plain)):  # nothing that is seen
        return None
    return Cell(plain, ERROR if _ERRORS.fullmatch(plain) else None)


def letters(column: int) -> str:
    """The letters of a column: 27 is AA."""
    front, last = divmod(column - 1, 26)
    return (letters(front) if front else "") + chr(ord("A") + last)
