"""``kmoment journal``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from ._errors import DONE, FAILED, OUTCOME_UNKNOWN, Stop
from ._options import Group
from ._redis import place
from ._session import Session, pass_session

if TYPE_CHECKING:
    from ..journal import JournalEntry

_WHERE: Final = "FILE|URL"
_COLUMNS: Final = ("key", "status", "at", "value", "fence", "by", "error")
_LEFT: Final = ("key", "status", "error")


@click.group(cls=Group, help="What a journal says of a job: which keys are done, which are left.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("show")
@click.argument("where", metavar=f"[{_WHERE}]", required=False)
@click.option("--run", metavar="RUN", help="Show its entries. Default: the journal's runs.")
@pass_session
def show(session: Session, where: str | None, run: str | None) -> None:
    """Show the runs of a journal, or the entries of one run.

    A journal is a FILE, or the URL of a Redis. Default: KMOMENT_REDIS_URL. It only reads. Times
    are UTC.
    """
    from ..journal import runs
    from ._output import print_rows

    found = place(_WHERE, where)
    if run is None:
        rows = [attrs.asdict(it) for it in runs(found)]
        print_rows(session, rows, ("run", "job"), "run job")
        return
    entries = _entries(found, run)
    print_rows(session, map(_row, entries), _COLUMNS, "key status at value error")
    counts = Counter(it.status.value for it in entries)
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    session.note(told or "no entries")


@commands.command("resume-list")
@click.argument("where", metavar=f"[{_WHERE}]", required=False)
@click.option("--run", metavar="RUN", required=True, help="One run of the journal.")
@pass_session
def resume_list(session: Session, where: str | None, run: str) -> int:
    """List the keys that are not done, one a line, with their status.

    The next run does what is pending or failed. What is begun is done by a process that lives.
    What is unknown may have been done: look at the account, then tell the journal what you found
    (`journal.resolve` in Python). A key that was never begun is not in the journal. Exit code 5
    if any is unknown.
    """
    from ._output import print_rows

    left = [it for it in _entries(place(_WHERE, where), run) if it.status.value != "ok"]
    rows = [{name: row[name] for name in _LEFT} for row in map(_row, left)]
    print_rows(session, rows, _LEFT, " ".join(_LEFT))
    return OUTCOME_UNKNOWN if any(it.status.value == "unknown" for it in left) else DONE


def _entries(where: str, run: str) -> Iterable[JournalEntry]:
    from ..journal import Journal, runs

    journal = Journal(where, run=run)
    known = [it.run for it in runs(where)]
    if journal.run not in known:
        raise Stop(f"the journal has no run {run!r}; it has {', '.join(known) or 'none'}", FAILED)
    return journal.entries()


def _row(entry: JournalEntry) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
    row = {**attrs.asdict(entry), "status": entry.status.value, "at": at}
    return {name: row[name] for name in _COLUMNS}
