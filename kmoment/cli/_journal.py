"""``kmoment journal``."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
import click

from ..errors import EntryBusyError
from ._confirm import confirm_forget, refuse_dry_run, require_answer
from ._errors import DONE, FAILED, OUTCOME_UNKNOWN, USAGE, Stop
from ._options import Group
from ._redis import place
from ._session import Session, pass_session

if TYPE_CHECKING:
    from ..journal import Journal, JournalEntry

_WHERE: Final = "FILE|URL"
_COLUMNS: Final = ("key", "status", "at", "value", "fence", "by", "error")
_LEFT: Final = ("key", "status", "error")
_ANSWERS: Final[dict[str, Literal["ok", "failed"]]] = {"done": "ok", "not-done": "failed"}


@click.group(cls=Group, help="What a journal says of a job: which keys are done, which are left.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("show")
@click.argument("where", metavar=f"[{_WHERE}]", required=False)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--run", "named", metavar="RUN", help="Show its entries. Default: all runs.")
@pass_session
def show(session: Session, where: str | None, run: str | None, named: str | None) -> None:
    """Show the runs of a journal, or the entries of one run.

    A journal is a FILE, or the URL of a Redis. Default: KMOMENT_REDIS_URL. It only reads. Times
    are UTC.
    """
    from ..journal import runs
    from ._output import print_rows

    found = place(_WHERE, where)
    chosen = _run(run, named)
    if chosen is None:
        rows = [attrs.asdict(it) for it in runs(found)]
        print_rows(session, rows, ("run", "job"), "run job")
        return
    entries = _journal(found, chosen).entries()
    print_rows(session, map(_row, entries), _COLUMNS, "key status at value error")
    counts = Counter(it.status.value for it in entries)
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    session.note(told or "no entries")
    _note_unknown(session, entries, where, chosen)


@commands.command("resume-list")
@click.argument("where", metavar=f"[{_WHERE}]", required=False)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--run", "named", metavar="RUN", help="One run of the journal.")
@pass_session
def resume_list(session: Session, where: str | None, run: str | None, named: str | None) -> int:
    """List the keys that are not done, one a line, with their status.

    The next run does what is pending or failed. What is begun is done by a process that lives.
    What is unknown may have been done: look at the account, then tell the journal what you found
    (`journal resolve`). A key that was never begun is not in the journal. Exit code 5 if any is
    unknown.
    """
    from ._output import print_rows

    chosen = _run(run, named)
    if chosen is None:
        raise Stop("--run RUN is missing: `kmoment journal show` lists the runs", USAGE)
    entries = _journal(place(_WHERE, where), chosen).entries()
    left = [it for it in entries if it.status.value != "ok"]
    rows = [{name: row[name] for name in _LEFT} for row in map(_row, left)]
    print_rows(session, rows, _LEFT, " ".join(_LEFT))
    return OUTCOME_UNKNOWN if _note_unknown(session, left, where, chosen) else DONE


@commands.command("resolve")
@click.argument("where", metavar=f"[{_WHERE}]", nargs=-1)
@click.argument("key", metavar="KEY")
@click.argument("answer", metavar="done|not-done", type=click.Choice(list(_ANSWERS)))
@click.option("--run", metavar="RUN", required=True, help="The run that the key is of.")
@pass_session
def resolve(session: Session, where: tuple[str, ...], key: str, answer: str, run: str) -> None:
    """Tell a journal what you have found out of a KEY whose outcome is unknown.

    Look at the ad account first. done: the next run leaves it. not-done: the next run does it.
    """
    refuse_dry_run(session)
    if len(where) > 1:
        raise Stop(f"give one {_WHERE}, one KEY, and done or not-done", USAGE)
    _journal(place(_WHERE, *(where or (None,))), run).resolve(key, _ANSWERS[answer])
    session.note(f"{key} is {answer}")


@commands.command("forget")
@click.argument("where", metavar=f"[{_WHERE}]", nargs=-1)
@click.argument("key", metavar="KEY")
@click.option("--run", metavar="RUN", required=True, help="The run that the key is of.")
@pass_session
def forget(session: Session, where: tuple[str, ...], key: str, run: str) -> None:
    """Make a journal forget what became of a KEY, so that the next run does it.

    It asks first: what was done is done again. A key that a process does now is refused.
    """
    require_answer(session)
    if len(where) > 1:
        raise Stop(f"give one {_WHERE} and one KEY", USAGE)
    journal = _journal(place(_WHERE, *(where or (None,))), run)
    entry = next((it for it in journal.entries() if it.key == key), None)
    if entry is None:
        raise Stop(f"the journal has no key {key!r}", USAGE)
    if entry.status.value == "begun":
        raise EntryBusyError(key, entry.by)
    plan = f"forget {key} of {run}, which is {entry.status.value} since {_row(entry)['at']}"
    if confirm_forget(session, plan):
        journal.forget(key)
        session.note(f"{key} is forgotten: the next run does it")


def _run(run: str | None, named: str | None) -> str | None:
    if run is not None and named is not None:
        raise Stop("give RUN or --run RUN, not RUN and --run RUN", USAGE)
    return run or named


def _note_unknown(
    session: Session, entries: Iterable[JournalEntry], where: str | None, run: str
) -> bool:
    """Say what to do with keys that are unknown. Whether there is one."""
    key = next((it.key for it in entries if it.status.value == "unknown"), None)
    if key is not None:
        words = ["kmoment", "journal", "resolve", *filter(None, [where]), key, "done", "--run", run]
        session.note("unknown may have been done: look at the account, then tell what you found:")
        session.note(f"  {shlex.join(words)}    # or not-done; in Python journal.resolve")
    return key is not None


def _journal(where: str, run: str) -> Journal:
    """The journal of a run that is there."""
    from ..journal import Journal, runs

    journal = Journal(where, run=run)
    known = [it.run for it in runs(where)]
    if journal.run not in known:
        raise Stop(f"the journal has no run {run!r}; it has {', '.join(known) or 'none'}", FAILED)
    return journal


def _row(entry: JournalEntry) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
    row = {**attrs.asdict(entry), "status": entry.status.value, "at": at}
    return {name: row[name] for name in _COLUMNS}
