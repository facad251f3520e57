"""What ``audiences.ensure`` did, or would do."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

import attrs

from .._plain import Serializable
from .._text import aligned
from ..outcomes import Outcome, Outcomes
from ._compare import Difference
from .audience import Audience
from .draft import AudienceDraft


class Change(StrEnum):
    """What was done so that an audience is what its draft asks for."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """It was right already, and nothing was written."""


@attrs.frozen(kw_only=True)
class Ensured(Serializable):
    """One audience that is what its draft asks for."""

    draft: AudienceDraft = attrs.field(repr=False)
    """What was asked for."""
    audience: Audience | None
    """As it is now. After a dry run: as it was found, ``None`` if it would be created. ``None`` too
    if *recorded*."""
    change: Change
    differences: tuple[Difference, ...] = ()
    """What was not as the draft asks for. Of one that was not there: all that the draft sets."""
    dry_run: bool = False
    """Whether nothing was written."""
    recorded: bool = False
    """Whether an earlier job of the journal's run did it. Then Kakao was not asked, and *change* is
    what that job did."""
    audience_id: int | None = attrs.field(
        default=attrs.Factory(lambda it: it.audience and it.audience.id, takes_self=True)
    )
    """Also if *recorded*."""

    def to_row(self) -> dict[str, Any]:
        """One flat row for a table: name, type, change, differences as text, and the id."""
        return {
            "name": self.draft.name,
            "type": str(self.draft.type),
            "change": str(self.change),
            "differences": "; ".join(map(str, self.differences)),
            "audience_id": self.audience_id,
        }

    def __str__(self) -> str:
        row = self.to_row()
        ident = f" ({self.audience_id})" if self.audience_id else ""
        told = f": {row['differences']}" if self.differences else ""
        first = "recorded: " if self.recorded else "dry run: " if self.dry_run else ""
        return f"{first}{row['change']} {row['type']} {row['name']!r}{ident}{told}"


class EnsureOutcomes(Outcomes[AudienceDraft, Ensured]):
    """Outcomes of ``audiences.ensure_many``. Print them as a table, and check a dry run with it."""

    def __str__(self) -> str:
        rows = [("change", "type", "name", "id", "differences, or error"), *map(_line, self)]
        return "\n".join([*aligned(rows), repr(self)])

    def __repr__(self) -> str:
        """Counts, not thousands of rows."""
        dry = " of a dry run" * any(outcome.value.dry_run for outcome in self if outcome.ok)
        return f"<EnsureOutcomes{dry}: {', '.join(self._counts()) or 'none'}>"

    def _counts(self) -> Iterator[str]:
        for word in dict.fromkeys([*Change, *map(_change, self)]):
            if count := sum(_change(outcome) == word for outcome in self):
                yield f"{count} {word}"


_RECORDED: Final = "recorded"
"""Stands in a table where it would seem that something was done now."""


def _change(outcome: Outcome[AudienceDraft, Ensured]) -> str:
    if not outcome.ok:
        return str(outcome.status)
    return _RECORDED if outcome.value.recorded else str(outcome.value.change)


def _line(outcome: Outcome[AudienceDraft, Ensured]) -> tuple[str, ...]:
    draft = outcome.input
    row = outcome.value.to_row() if outcome.ok else {"differences": str(outcome.error)}
    ident = str(row.get("audience_id") or "")
    return (_change(outcome), str(draft.type), draft.name, ident, row["differences"])
