"""``kmoment audiences ensure``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import APIError, JournalError, KmomentError
from ._confirm import confirm, require_answer, warn_of_consent
from ._errors import USAGE, Stop, message, told
from ._options import Command
from ._progress import progress
from ._redis import place
from ._session import Session, pass_session
from ._words import plural

if TYPE_CHECKING:
    from ..batch import OnProgress
    from ..journal import Journal
    from ..models import AudienceDraft, EnsureOutcomes
    from ..outcomes import Progress

    Drafts = Mapping[int, list[AudienceDraft]]
    Found = dict[int, EnsureOutcomes]

_COLUMNS: Final = ("ad_account_id", "change", "type", "name", "audience_id", "differences", "error")
_WOULD: Final = {"created": "would create", "updated": "would update"}


@click.command("ensure", cls=Command)
@click.argument("sheet", type=click.Path(exists=True, dir_okay=False))
@click.option("--journal", metavar="FILE|URL", help="Record each audience there. Needs --run.")
@click.option("--run", metavar="RUN", help="The run of the journal, such as a date.")
@pass_session
def ensure(session: Session, sheet: str, journal: str | None, run: str | None) -> int:
    """See that the audiences of a SHEET are there, and are as it says.

    SHEET is an .xlsx, .csv or .tsv file with a row for each audience: account, name, type and
    whom it is of, in Korean or English (`help(kmoment.sheets)` has the columns). What is there is
    updated only where it differs. What is missing is created, and never twice. All faults of the
    sheet are told at once, and then nothing is written. Exit code 3 if some failed.

    With a journal a run that was stopped goes on where it was: an audience that the run has done
    is not looked at again. --run alone uses the Redis of KMOMENT_REDIS_URL.
    """
    require_answer(session)
    record = _journal(journal, run)
    drafts, refused = _drafts(session, sheet)
    plan = f"ensure {plural(sum(map(len, drafts.values())), 'audience')}"
    if session.dry_run or not session.yes:
        planned = dict(refused)
        _ensure(session, drafts, record, planned, dry_run=True)
        if "created" in _changes(planned):
            warn_of_consent(session, "create")
        if session.dry_run or _changes(planned) <= {"unchanged"}:
            session.note(_nothing(session, planned))
            return _print(session, planned)
        plan = "\n".join(f"account {account}\n{own}" for account, own in planned.items())
    if drafts:
        confirm(session, plan, tuple(drafts))
    return _written(session, drafts, record, refused)


def _written(session: Session, drafts: Drafts, journal: Journal | None, found: Found) -> int:
    """Ensure *drafts*, and print what became of all, also after Ctrl-C."""
    try:
        _ensure(session, drafts, journal, found, dry_run=False)
    except KeyboardInterrupt:
        _print(session, found)
        raise
    return _print(session, found)


def _journal(where: str | None, run: str | None) -> Journal | None:
    if where is None and run is None:
        return None
    if run is None:
        raise Stop("--journal needs --run", USAGE)
    from ..journal import Journal

    return Journal(place("--journal", where), run=run)


def _drafts(session: Session, sheet: str) -> tuple[Drafts, Found]:
    """The sheet's drafts, and the outcomes of accounts whose look-ups failed.

    Places come from the tree that was kept, if there is one.
    """
    from .. import sheets
    from ._places import tree_of

    read = sheets.read(sheet, ad_account_id=session.known_account)
    file = session.tree_file()
    tree = tree_of(session) if file is not None and file.exists() else None
    refused: Found = {}
    while True:
        try:
            return session.client.drafts(read, tree=tree), refused
        except APIError as error:
            account = error.ad_account_id
            if account is None or account not in read.accounts:
                raise
            read, own = read._without(account)
            refused[account] = _failed(own, error)


def _ensure(
    session: Session, drafts: Drafts, journal: Journal | None, found: Found, *, dry_run: bool
) -> None:
    """Ensure the drafts of each account. One that fails as a whole does not stop the others."""
    with progress(session, "compared" if dry_run else "ensured") as bar:
        for account, own in drafts.items():
            listener = bar if dry_run else _listener(session, account, len(own), bar)
            audiences = session.client.account(account).audiences
            try:
                found[account] = audiences.ensure_many(
                    own, dry_run=dry_run, on_progress=listener, journal=journal
                )
            except KmomentError as error:
                found[account] = _failed(own, error)


def _failed(drafts: Iterable[AudienceDraft], error: KmomentError) -> EnsureOutcomes:
    """The outcomes of an account that has failed as a whole."""
    from ..models import EnsureOutcomes
    from ..outcomes import Outcome, OutcomeStatus

    # A journal may break after a write. Of all else, ensure_many says that nothing was written.
    unknown = isinstance(error, JournalError)
    status = OutcomeStatus.UNKNOWN if unknown else OutcomeStatus.FAILED
    return EnsureOutcomes(
        Outcome(index=index, input=draft, status=status, error=error)
        for index, draft in enumerate(drafts)
    )


def _listener(session: Session, account: int, total: int, bar: OnProgress | None) -> OnProgress:
    """Keeps what Ctrl-C would leave behind."""

    def listen(progress: Progress) -> None:
        session.under_way = _left(account, progress.done, total)
        if bar is not None:
            bar(progress)

    session.under_way = _left(account, 0, total)
    return listen


def _left(account: int, done: int, total: int) -> str:
    return (
        f"{done} of {total} audiences of account {account} are settled. Wait a minute, then run it "
        "again: what is there is not created again"
    )


def _nothing(session: Session, planned: Found) -> str:
    if session.dry_run:
        return "dry run: nothing was written"
    failed = any(own.failures() for own in planned.values())
    return "nothing was written" if failed else "nothing to change"


def _changes(planned: Found) -> set[str]:
    """What would be done now."""
    ok = [it.value for own in planned.values() for it in own if it.ok]
    return {it.change.value for it in ok if not it.recorded}


def _print(session: Session, found: Found) -> int:
    """Print what became of each, and return the exit code."""
    from ..outcomes import Outcomes
    from ._output import form_of, print_rows

    table = form_of(session) == "table"
    row = _short if table else _row
    rows = [row(account, it) for account, own in found.items() for it in own]
    head = "ad_account_id change type name" if len(found) > 1 else "change type name audience_id"
    print_rows(session, rows, _COLUMNS, f"{head} differences")
    every: Iterable[Any] = (it for own in found.values() for it in own)
    return told(Outcomes(every), shown="error" in (session.columns or "error"))


def _row(account: int, outcome: Any) -> dict[str, Any]:
    if outcome.ok:
        ensured = outcome.value
        own = {**ensured.to_row(), "error": None}
        own |= {"differences": "as the journal has it"} if ensured.recorded else {}
    else:
        draft = outcome.input
        own = {"name": draft.name, "type": str(draft.type), "change": outcome.status.value}
        own["error"] = message(outcome.error)
    row = {"ad_account_id": account, **own}
    return {name: row.get(name) for name in _COLUMNS}


def _short(account: int, outcome: Any) -> dict[str, Any]:
    """A row for a terminal: a dry run's words, and an error where it has room."""
    row = _row(account, outcome)
    if not outcome.ok:
        return {**row, "differences": row["error"]}
    if outcome.value.dry_run and not outcome.value.recorded:
        row["change"] = _WOULD.get(row["change"], row["change"])
    return row


COMMANDS: Final = (ensure,)
