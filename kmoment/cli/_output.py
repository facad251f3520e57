"""Data, on stdout: a table on a terminal, tab-separated into a pipe, or as ``--format`` says.

csv, json and jsonl are UTF-8 on every machine. Nothing that a terminal would interpret reaches it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from .. import tables
from ..errors import InvalidArgumentError
from ..models._base import Model, column_names
from ._session import Session, is_terminal
from ._words import visible

Row = dict[str, Any]

_ACCOUNT: Final = "ad_account_id"


def print_rows(
    session: Session,
    items: Iterable[Any],
    kind: type[Model] | Sequence[str],
    table: str,
    *,
    ad_account_id: int | None = None,
) -> None:
    """Print *items*, models or rows.

    :param kind: Their class, or the columns, for where there is none.
    :param table: The columns that a table on a terminal has, separated by blanks.
    """
    rows = tables.rows(list(items), ad_account_id=ad_account_id)
    names = list(rows[0]) if rows else _names(kind, ad_account_id)
    form = form_of(session)
    chosen = _chosen(session.columns, names, table.split() if form == "table" else names)
    _PRINTERS[form](session, [{name: row[name] for name in chosen} for row in rows], chosen)


def print_one(session: Session, item: Model, *, ad_account_id: int | None = None) -> None:
    """Print one thing: on a terminal a line for each member, as JSON with its inner objects."""
    form = form_of(session)
    if form == "table" and not session.columns:
        (row,) = tables.rows([item], ad_account_id=ad_account_id)
        pairs = [{"": name, " ": value} for name, value in row.items() if value is not None]
        _print_table(session, pairs, ["", " "])
    elif form in ("json", "jsonl") and not session.columns:
        _put(json.dumps(item.to_dict(), ensure_ascii=False, indent=_indent(form)) + "\n")
    else:
        print_rows(session, [item], type(item), "", ad_account_id=ad_account_id)


def form_of(session: Session) -> str:
    """The format that was asked for, else that of stdout."""
    return session.format or ("table" if is_terminal(sys.stdout) else "tsv")


def print_text(text: str) -> None:
    """Print a plan or a path: lines for a person, which are also the command's result."""
    print(visible(text, keep="\n"))


def _names(kind: type[Model] | Sequence[str], account: int | None) -> list[str]:
    own = list(column_names(kind) if isinstance(kind, type) else kind)
    return [_ACCOUNT, *own] if account is not None and _ACCOUNT not in own else own


def _chosen(asked: str | None, names: Sequence[str], default: Sequence[str]) -> list[str]:
    if asked is None:
        return [name for name in default if name in names]
    chosen = [name.strip() for name in asked.split(",")]
    for name in chosen:
        if name not in names:
            raise InvalidArgumentError("--columns", f"must be of {', '.join(names)}; not {name!r}")
    return list(dict.fromkeys(chosen))


# -- The formats ------------------------------------------------------------------------


def _print_table(session: Session, rows: list[Row], names: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=any(name.strip() for name in names), pad_edge=False)
    for name in names:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        # Text, since a plain str would be read as markup: "[sale] 20s" would lose its word.
        table.add_row(*(Text(visible(_plain(row[name]))) for name in names))
    Console(file=sys.stdout, highlight=False).print(table)


def _print_tsv(session: Session, rows: list[Row], names: Sequence[str]) -> None:
    if session.excel:
        _print_file("tsv")(session, rows, names)
        return
    lines = [names, *([visible(_plain(row[name])) for name in names] for row in rows)]
    print("\n".join("\t".join(line) for line in lines))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _print_json(session: Session, rows: list[Row], names: Sequence[str]) -> None:
    _put(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")


def _print_file(suffix: str) -> Any:
    """A printer that prints the file which ``kmoment.write`` makes."""

    def print_file(session: Session, rows: list[Row], names: Sequence[str]) -> None:
        separator = {"csv": ",", "tsv": "\t"}.get(suffix)
        if not rows and separator:
            _put("\ufeff" * session.excel + separator.join(names) + "\r\n")
            return
        with TemporaryDirectory(prefix="kmoment-") as folder:
            file = Path(folder) / f"rows.{suffix}"
            tables.write(rows, file, excel=session.excel)
            _put(file.read_bytes().decode("utf-8"))

    return print_file


def _put(text: str) -> None:
    """Write UTF-8, whatever the console's encoding. A terminal gets no control characters."""
    if is_terminal(sys.stdout):
        print(visible(text.removeprefix("\ufeff"), keep="\r\n\t"), end="")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))


def _indent(form: str) -> int | None:
    return 2 if form == "json" else None


_PRINTERS: Final = {
    "table": _print_table,
    "tsv": _print_tsv,
    "csv": _print_file("csv"),
    "json": _print_json,
    "jsonl": _print_file("jsonl"),
}
