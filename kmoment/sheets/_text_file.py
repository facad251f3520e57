"""Reads .csv and .tsv: UTF-8 with or without a byte order mark, or cp949."""

import codecs
import csv
import io
from typing import Final

from .._validate import refuse
from ..errors import InvalidArgumentError
from ..tables._text_files import FORMULA
from ._grid import Cell, Grid, text_cell

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text_file(data: bytes, title: str, delimiter: str) -> Grid:
    """The one sheet of a text file.

    With a byte order mark it may be one that ``kmoment.write`` has written for Excel: then the
    apostrophe is dropped that keeps a text from being a formula.
    """
    marked = data.startswith(codecs.BOM_UTF8)
    text = decoded("path", data)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    cells: dict[tuple[int, int], Cell] = {}
    try:
        for row, fields in enumerate(lines, 1):
            for column, field in enumerate(fields, 1):
                if cell := text_cell(field[1:] if marked and _is_kept(field) else field):
                    cells[row, column] = cell
    except csv.Error as error:
        rule = f"must be a table with quotes that close; line {lines.line_num}: {error}"
        raise InvalidArgumentError("path", rule) from None
    return Grid(title, cells)


def _is_kept(field: str) -> bool:
    """Whether an apostrophe keeps a field from being a formula."""
    return field.startswith("'") and FORMULA.match(field) is not None


def decoded(argument: str, data: bytes) -> str:
    """The text of a file: UTF-8 with or without its mark, else cp949, as Korean Excel saves it."""
    if data.startswith(_UTF_16):
        refuse(argument, "a file in UTF-8 or cp949 (save it as CSV UTF-8)", "UTF-16")
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidArgumentError(argument, "must be a file in UTF-8 or cp949: save it as CSV UTF-8")
