"""Writes a workbook with one or several sheets. Nothing in it is a formula or a link."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from .. import _validate
from ..errors import InvalidArgumentError
from ._rows import Row
from ._styles import Style

ROWS: Final = 1_048_575
"""Rows of a sheet, below its header."""
_COLUMNS: Final = 16_384
"""Columns of a sheet. https://support.microsoft.com/office (specifications)"""
_TEXT: Final = 32_767
"""Characters of a cell."""
_TITLE: Final = 31
"""Characters of a sheet's title."""
_NO_TITLE: Final = re.compile(r"[\[\]:*?/\\]|^'|'$")
_FIRST_YEAR: Final = 1900
"""Excel has no earlier dates."""
_DATE_COLUMN: Final = re.compile(r"(.*_)?date(_time)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+09:00")
_DATE_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"
_DATE_WIDTH: Final = 19
"""Characters of a date."""
_OPTIONS: Final = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def excel_module(name: str) -> Any:
    """A module that the extra ``excel`` installs."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        rule = f'an .xlsx needs {name}: pip install "kmoment[excel]"'
        raise ModuleNotFoundError(rule) from None


@contextmanager
def workbook(path: Path, *, by_rows: bool = False) -> Iterator[Any]:
    """A workbook to be written. What goes wrong with its file is an ``OSError``.

    :param by_rows: It is written row by row, and its rows are kept in a file of their own.
    """
    xlsxwriter = excel_module("xlsxwriter")
    own = {"constant_memory": by_rows}
    # A folder of its own: xlsxwriter leaves its files where they are if it fails.
    with TemporaryDirectory(prefix="kmoment-", ignore_cleanup_errors=True) as folder:
        book = xlsxwriter.Workbook(path, {**_OPTIONS, **own, "tmpdir": folder})
        try:
            with book:
                yield book
        except xlsxwriter.exceptions.FileCreateError as error:
            for rows in (getattr(sheet, "row_data_fh", None) for sheet in book.worksheets()):
                if rows is not None:  # xlsxwriter leaves it open
                    rows.close()
            raise error.args[0] from None


def check_titles(titles: Iterable[str]) -> None:
    """Refuse what Excel does not take as titles of sheets."""
    seen: set[str] = set()
    for title in titles:
        name = _validate.text("items", title)
        if len(name) > _TITLE or _NO_TITLE.search(name) or name.casefold() == "history":
            rule = f"sheet titles of at most {_TITLE} characters, without [ ] : * ? / \\ and not"
            _validate.refuse("items", f"{rule} History", title)
        if name.casefold() in seen:
            _validate.refuse("items", "sheet titles that differ in more than their case", title)
        seen.add(name.casefold())


def check_sizes(table: Sequence[Row]) -> None:
    """Refuse what does not fit into a sheet."""
    columns = table[0] if table else ()
    if len(table) > ROWS:
        _validate.refuse("items", f"at most {ROWS:,} rows for a sheet", len(table))
    if len(columns) > _COLUMNS:
        _validate.refuse("items", f"at most {_COLUMNS:,} columns for a sheet", len(columns))
    if (longest := max(map(len, columns), default=0)) > _TEXT:
        _validate.refuse("items", f"columns with heads of at most {_TEXT:,} characters", longest)
    for index, row in enumerate(table):
        for name, value in row.items():
            if isinstance(value, str) and len(value) > _TEXT:
                rule = f"must have at most {_TEXT:,} characters for a cell, not {len(value)}"
                raise InvalidArgumentError(f"items[{index}].{name}", rule)


def write_book(sheets: Mapping[str, tuple[Sequence[Row], Style]], path: Path) -> None:
    """Write a workbook: each sheet by its title."""
    with workbook(path, by_rows=True) as book:
        formats = book.add_format({"bold": True}), book.add_format({"num_format": _DATE_FORMAT})
        for title, (table, style) in sheets.items():
            _write_sheet(book.add_worksheet(title), table, style, *formats)


def _write_sheet(sheet: Any, table: Sequence[Row], style: Style, bold: Any, dated: Any) -> None:
    sheet.freeze_panes(1, 0)
    dates = frozenset(name for name in style.heads if _DATE_COLUMN.fullmatch(name))
    for column, (name, head) in enumerate(style.heads.items()):
        if name in dates:
            sheet.set_column(column, column, _DATE_WIDTH)
        sheet.write_string(0, column, head, bold)
    for line, row in enumerate(table, 1):
        for column, (name, value) in enumerate(row.items()):
            if name in dates and (date := _date(value)):
                sheet.write_datetime(line, column, date, dated)
            else:
                _put(sheet, line, column, style.exact(name, value))


def _date(value: Any) -> datetime | None:
    """A date of ours, in Seoul's time as cells have it, without a zone."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    date = datetime.fromisoformat(value).replace(tzinfo=None)
    return date if date.year >= _FIRST_YEAR else None


def _put(sheet: Any, line: int, column: int, value: Any) -> None:
    """Write a cell by its type. xlsxwriter's own guess would make formulas and dates."""
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(line, column, value)
    elif value is not None:
        sheet.write_string(line, column, value)
