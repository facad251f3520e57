"""Reads .xlsx with openpyxl, which an extra installs. No formula is computed."""

import io
import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from ..errors import InvalidArgumentError
from ..tables._excel import excel_module
from ..tables._styles import INEXACT
from ._grid import (
    BOOLEAN,
    DATE,
    ERROR,
    FORMATTED,
    FORMULA,
    FRACTION,
    TOO_LONG,
    Area,
    Cell,
    Grid,
    text_cell,
)

_PLAIN: Final = ("General", "0", "#", "@")
"""Formats that show a whole number as it is."""
_PADDING: Final = re.compile(r"_.|\s")


def read_workbook(data: bytes) -> list[Grid]:
    """The sheets of a workbook, in order."""
    openpyxl = excel_module("openpyxl")
    try:
        with warnings.catch_warnings():  # about styles and extensions, which nobody reads
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), keep_links=False)
            return [_grid(sheet) for sheet in book.worksheets]
    except Exception as error:  # a damaged file fails in many ways
        why = type(error).__name__
    raise InvalidArgumentError("path", f"must be an .xlsx workbook without a password ({why})")


def _grid(sheet: Any) -> Grid:
    cells = dict(_cells(sheet))
    hidden = (row for row, one in sheet.row_dimensions.items() if one.hidden)
    areas = (it.bounds for it in sheet.merged_cells.ranges)
    return Grid(
        sheet.title,
        cells,
        hidden=sheet.sheet_state != "visible",
        hidden_rows=frozenset(hidden),
        hidden_columns=frozenset(_hidden_columns(sheet, {column for _, column in cells})),
        merged=tuple(sorted(Area(top, left, last, right) for left, top, right, last in areas)),
    )


def _hidden_columns(sheet: Any, used: set[int]) -> Iterator[int]:
    """Those that hold something. One entry may stand for many columns."""
    for one in sheet.column_dimensions.values():
        if one.hidden:
            one.reindex()
            yield from (column for column in used if one.min <= column <= one.max)


def _cells(sheet: Any) -> Iterator[tuple[tuple[int, int], Cell]]:
    # Not iter_rows: it makes a cell for each place up to the last one, which may be row 1,048,576.
    for place, one in sheet._cells.items():
        if one.value is not None and (cell := _cell(one)):
            yield place, cell


def _cell(one: Any) -> Cell | None:
    value, kind = one.value, one.data_type
    if kind == "f":
        return Cell(str(getattr(value, "text", value)), FORMULA)
    if kind == "e":
        return Cell(str(value), ERROR)
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, bool):
        return Cell(str(value).upper(), BOOLEAN)
    if isinstance(value, datetime | date | time | timedelta):
        return Cell(str(value), DATE)
    return _number(value, one.number_format)


def _number(value: float, shown_as: str) -> Cell:
    if isinstance(value, float):
        return Cell(repr(value), TOO_LONG if abs(value) >= INEXACT else FRACTION)
    if abs(value) >= INEXACT:
        return Cell(str(value), TOO_LONG)
    return Cell(str(value), None if _is_plain(shown_as) else FORMATTED)


def _is_plain(shown_as: str) -> bool:
    """Whether a format shows a positive whole number as it is, but for blanks."""
    return _PADDING.sub("", shown_as.split(";")[0]) in _PLAIN
