"""Writes tables as text: csv, tsv and jsonl."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ._rows import Row
from ._styles import Style

DELIMITERS: Final[Mapping[str, str]] = {".csv": ",", ".tsv": "\t"}
"""What stands between cells, by the end of a file's name."""
FORMULA: Final = re.compile("'*[=+@\\t\\r-]")
"""The beginning of what Excel takes for a formula, or of what was kept from being one."""


def delimited(delimiter: str) -> Callable[[Sequence[Row], Path, Style], None]:
    """A writer of rows with *delimiter* between their cells."""

    def write_delimited(table: Sequence[Row], path: Path, style: Style) -> None:
        encoding = "utf-8-sig" if style.excel else "utf-8"
        with path.open("w", encoding=encoding, newline="") as file:
            lines = csv.writer(file, delimiter=delimiter)
            if table:
                lines.writerow(style.heads.values())
            for row in table:
                lines.writerow([_field(it, style, name) for name, it in row.items()])

    return write_delimited


def _field(value: Any, style: Style, name: str) -> Any:
    """One field of a text file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if style.excel and name in style.texts and value is not None:
        return f"\t{value}"
    if style.excel and isinstance(value, str) and FORMULA.match(value):
        return f"'{value}"
    return value


def jsonl(table: Sequence[Row], path: Path, style: Style) -> None:
    """Write one JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in table:
            own = {style.heads[name]: style.exact(name, it) for name, it in row.items()}
            file.write(json.dumps(own, ensure_ascii=False, allow_nan=False) + "\n")
