"""What ``ensure_many`` keeps in a journal: what was done, and the audience's id."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from .._engine.ensure import Wanted
from .._protocol.audience_rules import name_and_type
from ..journal.journal import Journal
from ..models import Change, Ensured
from .keyed import Form, Keyed


def keyed_drafts(
    account: int, journal: Journal | None, shard: str | None, *, dry_run: bool
) -> Keyed:
    """The keys of drafts: account, type and name. Accounts may share a run.

    A draft may be done again: it is looked for before anything is written.
    """

    def key(wanted: Wanted) -> str:
        name, type_ = name_and_type(wanted.draft)
        return f"{account} {type_} {name}"

    repeatable = journal is not None
    return Keyed(journal, key, shard, repeatable, form=_FORM, dry_run=dry_run)


def _kept(ensured: Ensured) -> dict[str, Any]:
    return {"change": str(ensured.change), "audience_id": ensured.audience_id}


def _restored(wanted: Wanted, kept: Any) -> Ensured:
    """What a journal says. It knows neither the audience nor the differences."""
    found = kept if isinstance(kept, Mapping) else {}
    ident = found.get("audience_id")
    return Ensured(
        draft=wanted.draft,
        audience=None,
        change=_change(found.get("change")),
        dry_run=wanted.dry_run,
        recorded=True,
        audience_id=ident if type(ident) is int else None,
    )


def _change(kept: Any) -> Change:
    """A person who resolves a key may keep nothing: then nothing is known to be written."""
    with suppress(ValueError):
        return Change(kept)
    return Change.UNCHANGED


_FORM: Final = Form(_kept, _restored)
