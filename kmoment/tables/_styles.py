"""How a table is written: what becomes text, which heads and words it has."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from .. import _validate
from ._labels import HEADS, labelled
from ._rows import Row

BOOK: Final = ".xlsx"
"""The end of a workbook's name."""
INEXACT: Final = 10**15
"""The smallest whole number that Excel may change: it keeps 15 digits.

https://support.microsoft.com/office (specifications)
"""
_JSON_EXACT: Final = 2**53
"""Whole numbers that every reader of JSON keeps: RFC 8259, section 6."""


@attrs.frozen
class Style:
    """How one table is written."""

    heads: Mapping[str, str]
    """The head of each column, by its name."""
    texts: frozenset[str]
    """Columns whose numbers are written as text."""
    excel: bool = False
    """For Korean Excel."""

    def exact(self, name: str, value: Any) -> Any:
        """A value of the column *name*: as text, if numbers of the column would be changed."""
        return str(value) if name in self.texts and value is not None else value


def styled(
    table: Sequence[Row], suffix: str, *, excel: bool, labels: str | None, ids: str | None
) -> tuple[list[Row], Style]:
    """*table* with its labels, and how it is written."""
    korean = _validate.choice("labels", labels, ("ko", None)) == "ko"
    texts = _texts(table, _limit(suffix, excel), _validate.choice("ids", ids, _IDS))
    heads = _heads(table[0] if table else {}, korean)
    rows = [labelled(row) for row in table] if korean else list(table)
    return rows, Style(heads, texts, excel)


_IDS: Final = ("text", "number", None)


def _limit(suffix: str, excel: bool) -> int | None:
    """The smallest whole number that readers of such a file may change."""
    if suffix == ".jsonl":
        return _JSON_EXACT
    return INEXACT if suffix == BOOK or excel else None


def _texts(table: Sequence[Row], limit: int | None, ids: str | None) -> frozenset[str]:
    long = frozenset() if limit is None else _long_columns(table, limit)
    own = _id_columns(table)
    if ids == "number" and long & own:
        rule = "text, or None: readers of this file would change the numbers of"
        _validate.refuse("ids", f"{rule} {', '.join(sorted(long & own))}", ids)
    return long | own if ids == "text" else long


def _long_columns(table: Sequence[Row], limit: int) -> frozenset[str]:
    """Columns with a whole number that is not smaller than *limit*."""
    return frozenset(
        name
        for row in table
        for name, value in row.items()
        if type(value) is int and abs(value) >= limit
    )


def _id_columns(table: Sequence[Row]) -> frozenset[str]:
    names = table[0] if table else ()
    return frozenset(name for name in names if name == "id" or name.endswith("_id"))


def _heads(names: Mapping[str, object], korean: bool) -> dict[str, str]:
    """A head for each column, no two alike."""
    heads = {name: HEADS.get(name, name) if korean else name for name in names}
    return {name: name if head in names else head for name, head in heads.items()}
