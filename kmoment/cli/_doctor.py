"""``kmoment doctor``."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._errors import DONE, FAILED, USAGE, Stop
from ._options import Command
from ._output import print_rows, print_text
from ._session import Session, is_terminal, pass_session
from ._words import reads_korean

if TYPE_CHECKING:
    from ..doctor import Check

_HELP = """\
Check settings, network, token and permissions, and say what to do.

It only reads. Each line is ok, warn, fail, unknown (not found out) or skipped. Exit code 1 only if
something fails.
"""
_COLUMNS = ("state", "what", "why", "todo", "todo_ko")


@click.command(cls=Command, help=_HELP)
@click.option("--offline", is_flag=True, help="Ask no server.")
@click.option("--live", is_flag=True, help="Also ask one read for each thing known by inference.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --live: keep shapes of requests and answers, all values replaced.",
)
@click.option("--timeout", default=20.0, show_default=True, help="Seconds for each check.")
@pass_session
def commands(
    session: Session,
    offline: bool,
    live: bool,
    as_json: bool,
    record: Path | None,
    timeout: float,
) -> int:
    """Run the checks, and print them."""
    from ..doctor import check

    if offline and (live or record is not None):
        raise Stop("--offline asks nothing: it does not go with --live and --record", USAGE)
    session.listen()
    report = check(
        session.profile,
        base_url=session.base_url,
        insecure=session.insecure,
        account=session.account,
        network=not offline,
        live=live or record is not None,
        record=record,
        timeout=timeout,
    )
    if as_json or session.format or session.columns or not is_terminal(sys.stdout):
        session.format = "json" if as_json else session.format
        print_rows(session, [one.to_row() for one in report], _COLUMNS, "state what why todo")
    else:
        for one in report:
            _print(one)
    if record is not None:
        session.note(f"shapes without values are in {record}: look at it before you send it")
    return DONE if report.ok else FAILED


def _print(check: Check) -> None:
    """The check as lines that a terminal holds, with what to do below it."""
    lines = str(check).splitlines()
    if check.todo_ko and reads_korean():
        lines.append(f"{'':8}-> {check.todo_ko}")
    columns = shutil.get_terminal_size().columns
    for line in lines:
        print_text(textwrap.fill(line, columns, subsequent_indent=" " * 11))
