"""A sheet of audiences that was read, and all that is wrong in it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from ..errors import CellFault
from ..models import AudienceDraft
from ._grid import Place

__all__ = ["Sheet"]


@attrs.frozen
class Row:
    """One audience, as far as it can be read without a look-up."""

    at: Place
    account: int | None
    """``None`` if it cannot be read."""
    fields: Mapping[str, Any]
    """Members of a draft."""
    cells: Mapping[str, Place]
    """Those that can be read, by column."""
    blank: Mapping[str, Place]
    """Those that are empty, by column."""
    sound: bool
    """Whether nothing in it is a fault so far."""


class Sheet:
    """The audiences of a file. ``client.drafts(sheet)`` makes drafts of it."""

    def __init__(
        self,
        path: str,
        titles: Sequence[str],
        rows: Sequence[Row],
        faults: Sequence[CellFault],
        examples: int,
    ) -> None:
        self.path: str = path
        """The file, as it was given."""
        self._titles = tuple(titles)
        self.faults: tuple[CellFault, ...] = self._in_order(faults)
        """What is wrong in it. Names that only a look-up can settle are not among them yet."""
        self.examples: int = examples
        """Rows that were left out, because their account is 예시 or example."""
        self._rows = tuple(rows)

    @property
    def accounts(self) -> tuple[int, ...]:
        """The ad accounts, in the order in which they come."""
        found = (row.account for row in self._rows if row.account is not None)
        return tuple(dict.fromkeys(found))

    def _without(self, account: int) -> "tuple[Sheet, list[AudienceDraft]]":
        """The sheet without an account, and that one's audiences, by name and type alone."""
        kept = [row for row in self._rows if row.account != account]
        named = [
            AudienceDraft(row.fields.get("name", ""), row.fields.get("type", ""))
            for row in self._rows
            if row.account == account
        ]
        return Sheet(self.path, self._titles, kept, self.faults, self.examples), named

    def _in_order(self, faults: Iterable[CellFault]) -> tuple[CellFault, ...]:
        """*faults* from the first sheet to the last, row by row, column by column."""
        at = {title: position for position, title in enumerate(self._titles)}

        def place(it: CellFault) -> tuple[int, int, int, str]:
            return at[it.sheet], it.row, len(it.column), it.column

        return tuple(sorted(faults, key=place))

    def __len__(self) -> int:
        """The number of audiences."""
        return len(self._rows)

    def __repr__(self) -> str:
        counts = f"{len(self)} audiences, {len(self.accounts)} accounts, {len(self.faults)} faults"
        examples = f", {self.examples} example rows left out" if self.examples else ""
        return f"<Sheet {self.path}: {counts}{examples}>"

    def __str__(self) -> str:
        """The repr, and a line for each fault."""
        return "\n".join([repr(self), *map(str, self.faults)])
