"""Answers as tables: rows for a DataFrame, and files for other programs.

    rows = kmoment.rows(moment.account(1234).audiences.list(), ad_account_id=1234)
    kmoment.write(rows, "audiences.csv", excel=True)

Every row has the same columns, in snake_case. Enums are text, dates are ISO text with Seoul's
offset, sets are joined by ", ", places are names (``to_row()`` of each model).

What a file is for decides how it is written:

* ``.csv`` and ``.tsv`` are UTF-8, as other programs read them. With ``excel=True`` they are for
  Korean Excel: a byte order mark, text that would be a formula has an apostrophe before it, and
  columns of numbers with more than 15 digits have a tab before each, which makes them text.
* ``.jsonl`` has one JSON object a line. A column with whole numbers beyond 2**53 is text.
* ``.xlsx`` needs xlsxwriter: ``pip install kmoment[excel]``. Nothing in it is a formula or a link.
  A column with numbers of more than 15 digits is text.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

from . import _file, _validate
from .errors import InvalidArgumentError
from .models import Ensured
from .models._base import Model, cell
from .outcomes import Outcome

__all__ = ["rows", "write"]

Row: TypeAlias = dict[str, Any]

_ACCOUNT: Final = "ad_account_id"
_ERROR: Final = "error"
_EXCEL_DIGITS: Final = 10**15
"""Excel keeps 15 digits of a number. https://support.microsoft.com/office (specifications)"""
_JSON_EXACT: Final = 2**53
"""Whole numbers that every reader of JSON keeps: RFC 8259, section 6."""
_EXCEL_ROWS: Final = 1_048_575
"""Rows of a sheet, below its header."""
_EXCEL_TEXT: Final = 32_767
"""Characters of a cell."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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
        account = _validate.ident(_ACCOUNT, ad_account_id)
    found = list(_all_rows(items, account, _validate.text("inputs", inputs)))
    columns = dict.fromkeys(name for row in found for name in row if name != _ERROR)
    columns |= dict.fromkeys([_ERROR] if any(_ERROR in row for row in found) else [])
    return [{name: row.get(name) for name in columns} for row in found]


def write(
    items: Iterable[Any] | Mapping[int, Iterable[Any]],
    path: str | os.PathLike[str],
    *,
    excel: bool = False,
    ad_account_id: int | None = None,
    inputs: str = "input",
) -> int:
    """Write *items* as a file, completely or not at all. The name's end says which kind.

        kmoment.write(moment.account(1234).audiences.list(), "audiences.csv", ad_account_id=1234)

    :param items: As for :func:`rows`.
    :param path: Ends in ``.csv``, ``.tsv``, ``.jsonl`` or ``.xlsx``.
    :param excel: For ``.csv`` and ``.tsv``: for Korean Excel. See the module.
    :returns: The number of rows.
    :raises InvalidArgumentError: An argument breaks its rule. Nothing was written.
    :raises ModuleNotFoundError: xlsxwriter is missing.
    :raises OSError: The file cannot be written.
    """
    target = Path(path)
    writer = _WRITERS.get(target.suffix.lower())
    if writer is None:
        _validate.refuse("path", f"a name that ends in {', '.join(_WRITERS)}", str(target))
    table = rows(items, ad_account_id=ad_account_id, inputs=inputs)
    with _file.replacing(target) as part:
        writer(table, part, excel)
    return len(table)


# -- Rows -------------------------------------------------------------------------------


def _all_rows(items: Any, account: int | None, inputs: str) -> Iterator[Row]:
    if isinstance(items, Mapping):
        for key, own in items.items():
            yield from _all_rows(own, _validate.ident("items", key), inputs)
        return
    if isinstance(items, str | bytes) or not isinstance(items, Iterable):
        _validate.refuse("items", "a collection of models, rows or outcomes", items)
    for index, item in enumerate(items):
        if isinstance(item, Outcome):
            yield from _of_outcome(item, account, inputs)
        else:
            yield _row(item, account, f"items[{index}]")


_PLAIN: Final = (str, int, float, bool)


def _of_outcome(outcome: Outcome[Any, Any], account: int | None, inputs: str) -> Iterator[Row]:
    head = {inputs: cell(outcome.input)}
    if not outcome.ok:
        yield {**_headed({}, account), **head, _ERROR: str(outcome.error)}
        return
    value = outcome.value
    values = value if isinstance(value, list | tuple) and not hasattr(value, "_asdict") else [value]
    for index, item in enumerate(values):
        item = {"value": item} if isinstance(item, _PLAIN) else item
        own = _row(item, account, f"items[{outcome.index}].value[{index}]")
        yield {**head, **own, **({inputs: head[inputs]} if own.get(inputs) is None else {})}


def _row(item: Any, account: int | None, argument: str) -> Row:
    if isinstance(item, Model | Ensured):
        return _headed(item.to_row(), account)
    members = item._asdict() if hasattr(item, "_asdict") else item
    if not isinstance(members, Mapping):
        raise InvalidArgumentError(
            argument, f"must be a model, a mapping or an outcome, not {_validate.shown(item)}"
        )
    return _headed({str(name): cell(value) for name, value in members.items()}, account)


def _headed(row: Row, account: int | None) -> Row:
    """*row* with its account in front, if it does not say it itself."""
    if account is None or row.get(_ACCOUNT) is not None:
        return row
    return {_ACCOUNT: account, **row, **({_ACCOUNT: account} if _ACCOUNT in row else {})}


# -- Files ------------------------------------------------------------------------------


def _delimited(delimiter: str) -> Callable[[Sequence[Row], Path, bool], None]:
    def write_delimited(table: Sequence[Row], path: Path, excel: bool) -> None:
        long = _long_columns(table, _EXCEL_DIGITS) if excel else frozenset[str]()
        encoding = "utf-8-sig" if excel else "utf-8"
        with path.open("w", encoding=encoding, newline="") as file:
            lines = csv.writer(file, delimiter=delimiter)
            if table:
                lines.writerow(table[0])
            for row in table:
                lines.writerow([_field(it, excel, name in long) for name, it in row.items()])

    return write_delimited


def _field(value: Any, excel: bool, long: bool) -> Any:
    """One field of a text file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if long and value is not None:
        return f"\t{value}"
    if excel and isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _jsonl(table: Sequence[Row], path: Path, _: bool) -> None:
    long = _long_columns(table, _JSON_EXACT)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in table:
            own = {name: _as_text(it) if name in long else it for name, it in row.items()}
            file.write(json.dumps(own, ensure_ascii=False, allow_nan=False) + "\n")


def _xlsx(table: Sequence[Row], path: Path, _: bool) -> None:
    try:
        module: Any = import_module("xlsxwriter")
    except ModuleNotFoundError:
        raise ModuleNotFoundError("an .xlsx needs xlsxwriter: pip install kmoment[excel]") from None
    _refuse_too_large(table)
    long = _long_columns(table, _EXCEL_DIGITS)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with module.Workbook(path, {**options, "strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("kmoment")
        sheet.freeze_panes(1, 0)
        header = book.add_format({"bold": True})
        for column, name in enumerate(table[0] if table else ()):
            sheet.write_string(0, column, name, header)
        for line, row in enumerate(table, 1):
            for column, (name, value) in enumerate(row.items()):
                _put(sheet, line, column, _as_text(value) if name in long else value)


def _put(sheet: Any, line: int, column: int, value: Any) -> None:
    """Write a cell by its type. xlsxwriter's own guess would make formulas and dates."""
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(line, column, value)
    elif value is not None:
        sheet.write_string(line, column, value)


def _refuse_too_large(table: Sequence[Row]) -> None:
    if len(table) > _EXCEL_ROWS:
        _validate.refuse("items", f"at most {_EXCEL_ROWS:,} rows for a sheet", len(table))
    for index, row in enumerate(table):
        for name, value in row.items():
            if isinstance(value, str) and len(value) > _EXCEL_TEXT:
                rule = f"must have at most {_EXCEL_TEXT:,} characters for a cell, not {len(value)}"
                raise InvalidArgumentError(f"items[{index}].{name}", rule)


def _long_columns(table: Sequence[Row], limit: int) -> frozenset[str]:
    """Columns with a whole number that is not smaller than *limit*: their numbers become text."""
    return frozenset(
        name
        for row in table
        for name, value in row.items()
        if type(value) is int and abs(value) >= limit
    )


def _as_text(value: Any) -> Any:
    return value if value is None else str(value)


_WRITERS: Final[Mapping[str, Callable[[Sequence[Row], Path, bool], None]]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _jsonl,
    ".xlsx": _xlsx,
}
