"""Answers as tables: rows for a DataFrame, and files for other programs.

    rows = kmoment.rows(moment.account(1234).audiences.list(), ad_account_id=1234)
    kmoment.write(rows, "audiences.csv", excel=True)
    kmoment.write({"August": rows, "September": rows}, "report.xlsx", labels="ko")

Every row has the same columns, in snake_case. Enums are text, dates are ISO text with Seoul's
offset, sets are joined by ", ", places are names with their codes in the column beside them
(``to_row()`` of each model).

What a file is for decides how it is written:

* ``.csv`` and ``.tsv`` are UTF-8, as other programs read them. With ``excel=True`` they are for
  Korean Excel: a byte order mark, text that would be a formula has an apostrophe before it, and
  columns of numbers with more than 15 digits have a tab before each, which makes them text.
* ``.jsonl`` has one JSON object a line. A column with whole numbers beyond 2**53 is text.
* ``.xlsx`` needs xlsxwriter: ``pip install "kmoment[excel]"``. Nothing in it is a formula or a
  link. Dates are dates, in Seoul's time. A column with numbers of more than 15 digits is text. It
  may have several sheets.

With ``labels="ko"`` columns have Korean heads, and statuses, goals, types and genders have Korean
labels. A file of audiences, in any of these forms but ``.jsonl``, is read back by
``kmoment.sheets.read``.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from .. import _file, _validate
from ._excel import check_sizes, check_titles, write_book
from ._rows import ACCOUNT, ERROR, Row, all_rows, check_numbers
from ._styles import BOOK, Style, styled
from ._text_files import DELIMITERS, delimited, jsonl

__all__ = ["rows", "write"]


def rows(
    items: Iterable[Any] | Mapping[int, Iterable[Any]],
    *,
    ad_account_id: int | None = None,
    inputs: str = "input",
) -> list[Row]:
    """Make one table of *items*: each row has all columns, in the order in which they first came.

        outcomes = moment.each_account([1234], lambda account: account.audiences.list()).collect()
        print(kmoment.rows(outcomes, inputs="ad_account_id"))

    :param items: Models; mappings; outcomes of a batch, whose values are either; or a mapping of
        ad account ids to them.
    :param ad_account_id: The account of rows that do not say it themselves.
    :param inputs: For outcomes: the column of their inputs. One that failed is a row with its
        ``error``.
    :raises InvalidArgumentError: An item is none of these.
    """
    account = None
    if ad_account_id is not None:
        account = _validate.ident(ACCOUNT, ad_account_id)
    found = list(all_rows(items, account, _validate.text("inputs", inputs)))
    columns = dict.fromkeys(name for row in found for name in row if name != ERROR)
    columns |= dict.fromkeys([ERROR] if any(ERROR in row for row in found) else [])
    return [{name: row.get(name) for name in columns} for row in found]


def write(
    items: Iterable[Any] | Mapping[int, Iterable[Any]] | Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    excel: bool = False,
    ad_account_id: int | None = None,
    inputs: str = "input",
    labels: Literal["ko"] | None = None,
    ids: Literal["text", "number"] | None = None,
) -> int:
    """Write *items* as a file, completely or not at all. The name's end says which kind.

        kmoment.write(moment.account(1234).audiences.list(), "audiences.csv", ad_account_id=1234)

    :param items: As for :func:`rows`. For ``.xlsx`` also a mapping of sheet titles to such: a
        title that is an ad account's id is also the account of its rows.
    :param path: Ends in ``.csv``, ``.tsv``, ``.jsonl`` or ``.xlsx``.
    :param excel: For ``.csv`` and ``.tsv``: for Korean Excel. See the module.
    :param labels: ``ko``: Korean heads and labels. See the module.
    :param ids: ``text``: columns of ids are text. ``number``: they are numbers, and one that
        readers of such a file would change is refused. Default: text only where they would.
    :returns: The number of rows.
    :raises InvalidArgumentError: An argument breaks its rule. Nothing was written.
    :raises ModuleNotFoundError: xlsxwriter is missing.
    :raises OSError: The file cannot be written.
    """
    _validate.file("path", path)
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (*_TEXT_FILES, BOOK):
        known = ", ".join([*_TEXT_FILES, BOOK])
        _validate.refuse("path", f"a name that ends in {known}", str(target))
    tables = {
        title: rows(own, ad_account_id=account, inputs=inputs)
        for title, own, account in _sheets(items, kind, ad_account_id)
    }
    for table in tables.values():
        check_numbers(table)
    made = {
        title: styled(table, kind, excel=excel, labels=labels, ids=ids)
        for title, table in tables.items()
    }
    if kind == BOOK:
        for table in tables.values():
            check_sizes(table)
    with _file.replacing(target) as part:
        if kind == BOOK:
            write_book(made, part)
        else:
            table, style = made[_TITLE]
            _TEXT_FILES[kind](table, part, style)
    return sum(map(len, tables.values()))


_TITLE: Final = "kmoment"
_TEXT_FILES: Final[Mapping[str, Callable[[Sequence[Row], Path, Style], None]]] = {
    **{end: delimited(mark) for end, mark in DELIMITERS.items()},
    ".jsonl": jsonl,
}


def _sheets(items: Any, kind: str, account: int | None) -> list[tuple[str, Any, int | None]]:
    """Each sheet: its title, its items, and the account of its rows."""
    if kind != BOOK or not _is_of_sheets(items):
        return [(_TITLE, items, account)]
    check_titles(items)
    return [(title, own, _account_in(title) or account) for title, own in items.items()]


def _is_of_sheets(items: Any) -> bool:
    return isinstance(items, Mapping) and bool(items) and all(isinstance(it, str) for it in items)


def _account_in(title: str) -> int | None:
    number = _validate.whole(title)
    return number if type(number) is int else None
