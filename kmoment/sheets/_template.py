"""Writes an empty sheet for colleagues: headings with notes, drop-downs, and one example row."""

import os
from collections.abc import Mapping
from typing import Any, Final, Literal

from .. import _file, _validate
from ..tables._excel import ROWS, workbook
from ..tables._styles import BOOK
from ._columns import COLUMNS, Column
from ._form import EXAMPLE

_KOREAN: Final[Mapping[str, str]] = {
    "ad_account_id": EXAMPLE[0],
    "name": "20대 여성 강남",
    "type": "디스플레이",
    "ages": "20대",
    "genders": "여",
    "places": "서울 강남구, 서초구",
}
_ENGLISH: Final[Mapping[str, str]] = {
    "ad_account_id": EXAMPLE[1],
    "name": "Women in their 20s, Gangnam",
    "type": "DISPLAY",
    "ages": "20-29",
    "genders": "F",
    "places": "서울 강남구, 서초구",
}
_AGES: Final = ("15-19", "20대", "30대", "40대", "50대", "60+")
_CHOICES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "ko": {
        "type": ("디스플레이", "메시지"),
        "genders": ("전체", "남", "여"),
        "ages": ("전체", *_AGES),
    },
    "en": {
        "type": ("DISPLAY", "MESSAGE"),
        "genders": ("all", "M", "F"),
        "ages": ("all", "15-19", "20-29", "30-39", "40-49", "50-59", "60+"),
    },
}
_OPEN: Final = ("ages", "genders")
"""Columns whose drop-down only proposes."""
_WIDTH: Final = 18
"""Characters of a column."""


def template(path: str | os.PathLike[str], *, labels: Literal["ko", "en"] = "ko") -> None:
    """Write an empty sheet of audiences, completely or not at all.

        sheets.template("audiences.xlsx")

    Every cell has the format Text, so that Excel makes no date of 10-15. The type, ages and genders
    have drop-downs, and each heading has a note. The example row has 예시 or example in place of
    its account: ``read`` leaves it out, and counts it in ``sheet.examples``.

    :param path: Ends in ``.xlsx``.
    :param labels: The language of headings and notes.
    :raises InvalidArgumentError: An argument breaks its rule. Nothing was written.
    :raises ModuleNotFoundError: xlsxwriter is missing.
    :raises OSError: The file cannot be written.
    """
    language = _validate.choice("labels", labels, ("ko", "en"))
    _validate.file("path", path)
    if _file.path_of(path).suffix.lower() != BOOK:
        _validate.refuse("path", f"a name that ends in {BOOK}", os.fspath(path))
    with _file.replacing(path) as part, workbook(part) as book:
        sheet = book.add_worksheet("오디언스" if language == "ko" else "audiences")
        sheet.freeze_panes(1, 0)
        text = book.add_format({"num_format": "@"})
        formats = (
            text,
            book.add_format({"bold": True}),
            book.add_format({"italic": True, "num_format": "@"}),
        )
        for at, column in enumerate(one for one in COLUMNS if one.note):
            _write_column(sheet, at, column, language, formats)


def _write_column(
    sheet: Any, at: int, column: Column, language: str, formats: tuple[Any, Any, Any]
) -> None:
    text, bold, italic = formats
    korean = language == "ko"
    sheet.set_column(at, at, _WIDTH, text)
    sheet.write_string(0, at, column.ko if korean else column.en, bold)
    sheet.write_comment(0, at, column.note_ko if korean else column.note)
    example = (_KOREAN if korean else _ENGLISH).get(column.key)
    if example:
        sheet.write_string(1, at, example, italic)
    if choices := _CHOICES[language].get(column.key):
        rule = {"validate": "list", "source": list(choices), "show_error": column.key not in _OPEN}
        sheet.data_validation(1, at, ROWS, at, rule)
