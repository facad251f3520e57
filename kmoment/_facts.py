"""What errors are made of: values that name a place, a rule, an attempt."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypedDict


def some(values: Sequence[object]) -> str:
    """The first five, as text, and a mark if there are more."""
    return ", ".join(map(str, values[:5])) + ", …" * (len(values) > 5)


class Violation(NamedTuple):
    """One documented rule that a draft breaks."""

    path: str
    """Where, such as ``ages[1]``."""
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


class Problem(NamedTuple):
    """One value in an answer that is not as documented."""

    path: str
    """Where, such as ``content[3].createdDate``."""
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


class CellFault(NamedTuple):
    """One thing that is wrong in a sheet, and where."""

    sheet: str
    """The title of the sheet; the file's name for text files."""
    row: int
    """As spreadsheets count it, from 1. 0: the sheet as a whole."""
    column: str
    """The letter, such as ``C``. Empty: the row as a whole."""
    heading: str
    """The heading of the column, as it is written."""
    cell: str
    """The text of the cell."""
    rule: str
    """What it must be, in English."""
    rule_ko: str
    """What it must be, in Korean."""
    near: tuple[str, ...] = ()
    """What may have been meant, the nearest first."""

    @property
    def where(self) -> str:
        """Such as ``Sheet1!C5``."""
        return f"{self.sheet}!{self.column}{self.row}" if self.row else self.sheet

    @property
    def text(self) -> str:
        """The fault in English."""
        return self._told(self.rule, "near")

    @property
    def text_ko(self) -> str:
        """The fault in Korean."""
        return self._told(self.rule_ko, "비슷한 값")

    def _told(self, rule: str, near: str) -> str:
        heading = f" ({self.heading})" if self.heading else ""
        cell = f" {_short(self.cell)!r}" if self.cell else ""
        others = f" [{near}: {some(self.near)}]" if self.near else ""
        return f"{self.where}{heading}{cell}: {rule}{others}"

    def __str__(self) -> str:
        return f"{self.text_ko} / {self.text}"


_SHOWN: Final = 80
"""Characters of a cell that a fault shows: one line."""


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class AttemptRecord(NamedTuple):
    """One attempt of a call that failed."""

    effect: str
    """unsent, rejected, failed, unknown (the server may have acted), done (only the answer was
    lost)."""
    reason: str
    status: int | None
    seconds: float
    """From the start of the attempt to its end, including the wait for its turn."""
    pause: float
    """Seconds waited after it."""


class Facts(TypedDict, total=False):
    """What an ``APIError`` knows. Each member is an attribute of the errors that have it."""

    operation: str | None
    method: str | None
    path: str | None
    ad_account_id: int | None
    status: int | None
    code: int | None
    message: str | None
    detail_code: int | None
    detail_message: str | None
    request_sent: bool | None
    request_id: str | None
    attempts: tuple[AttemptRecord, ...]
    can_retry: bool
    hint: str
    hint_ko: str
    retry_after: float | None
    required_scopes: tuple[str, ...]
    phase: str | None
    not_the_api: bool
    too_large: bool
    problems: tuple[Problem, ...]
    partial: list[Any] | None
    unread: tuple[Any, ...]
    total: int | None
    differences: tuple[str, ...]
    draft: Any
    candidates: tuple[Any, ...]
    known_ids: frozenset[int] | None
    created_after: datetime | None


def process_named(by: str) -> str:
    """A journal's writer for a reader: its process number. The whole name has its machine too."""
    parts = by.rsplit("/", 2)
    return f"process {parts[1]}" if len(parts) == 3 else by


FACTS: Final = frozenset(Facts.__annotations__)
