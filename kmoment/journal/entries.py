"""What a journal knows of a key, and what may follow. Pure."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import attrs

from .. import _validate
from .._facts import process_named
from .._plain import plain
from ..errors import (
    AlreadyDoneError,
    EntryBusyError,
    EntryUnknownError,
    InvalidArgumentError,
    JournalError,
)
from ..outcomes import OutcomeStatus

__all__ = ["EntryStatus", "JournalEntry", "JournalRun"]


class EntryStatus(StrEnum):
    """What is known of a key."""

    PENDING = "pending"
    """Nothing was done."""
    BEGUN = "begun"
    """A process that lives does it."""
    OK = "ok"
    FAILED = "failed"
    """An error, and nothing was written."""
    UNKNOWN = "unknown"
    """A write may have been done."""


@attrs.frozen(kw_only=True)
class JournalEntry:
    """The last record of one key."""

    key: str
    status: EntryStatus
    fence: int
    """How often it was begun, resolved or forgotten. An older writer cannot change it any more."""
    by: str
    """The process that has begun it."""
    at: float
    """When this was written, in seconds since 1970 (UTC), by that process's clock."""
    value: Any = None
    """What was kept."""
    error: str | None = None
    """The class of the error that has ended it."""

    def as_seen(self, lives: Callable[[str], bool]) -> "JournalEntry":
        """This record, unless its writer has died: then nobody knows what was done."""
        if self.status is not EntryStatus.BEGUN or lives(self.by):
            return self
        return attrs.evolve(self, status=EntryStatus.UNKNOWN)


@attrs.frozen(kw_only=True)
class JournalRun:
    """One run that a journal has."""

    run: str
    job: str | None


Rule = Callable[[str, JournalEntry | None], JournalEntry | None]
"""The next record of a key, by its last one as it is seen now; ``None`` if nothing changes."""


class Store(Protocol):
    """Where the records of one run are. Its methods block."""

    @property
    def where(self) -> str:
        """The path, or Redis's address."""
        ...

    @property
    def writer(self) -> str:
        """This process, as its records name it."""
        ...

    def change(self, keys: Iterable[str], rule: Rule) -> None:
        """Write what *rule* says of each key. Nobody else writes in between."""
        ...

    def read(self) -> list[JournalEntry]:
        """The last record of each key, as it is seen now."""
        ...


# -- Begin ------------------------------------------------------------------------------


@attrs.define
class Begun:
    """Which keys a process may do now. A rule for :class:`Store`."""

    by: str
    repeatable: bool
    fences: dict[str, int] = attrs.Factory(dict)
    """The keys that it has begun."""
    refused: dict[str, JournalError] = attrs.Factory(dict)
    """Why it may not do the others."""

    def __call__(self, key: str, last: JournalEntry | None) -> JournalEntry | None:
        self.fences.pop(key, None)  # a store may have to look twice
        if last is not None and (refusal := _refusal(last, self.repeatable)):
            self.refused[key] = refusal
            return None
        fence = self.fences[key] = _next_fence(last)
        return _record(key, EntryStatus.BEGUN, fence, self.by)


def begin(store: Store, keys: Iterable[str], *, repeatable: bool) -> Begun:
    """Begin all *keys* that may be begun."""
    begun = Begun(store.writer, repeatable)
    store.change(keys, begun)
    return begun


def _refusal(last: JournalEntry, repeatable: bool) -> JournalError | None:
    if last.status is EntryStatus.OK:
        return AlreadyDoneError(last.key, last.value)
    if last.status is EntryStatus.BEGUN:
        return EntryBusyError(last.key, last.by)
    if last.status is EntryStatus.UNKNOWN and not repeatable:
        return EntryUnknownError(last.key, _why(last))
    return None


def _why(last: JournalEntry) -> str:
    if last.error is not None:
        return f"its job has ended with {last.error}"
    return f"{process_named(last.by)} has begun it, and is gone"


# -- End --------------------------------------------------------------------------------


@attrs.frozen
class Ending:
    """How the job of one key has ended."""

    status: EntryStatus
    value: Any = None
    error: str | None = None


@attrs.define
class Ended:
    """Records how jobs have ended. A rule for :class:`Store`."""

    by: str
    fences: Mapping[str, int]
    endings: Mapping[str, Ending]
    lost: list[str] = attrs.Factory(list)
    """Keys that another writer has taken over."""

    def __call__(self, key: str, last: JournalEntry | None) -> JournalEntry | None:
        fence, ending = self.fences[key], self.endings[key]
        # A store that has lost all counts from 1 again: so the fence alone is not enough.
        if last is None or (last.by, last.fence) != (self.by, fence):
            self.lost.append(key)
            return None
        return _record(key, ending.status, fence, self.by, ending.value, ending.error)


def end(store: Store, fences: Mapping[str, int], endings: Mapping[str, Ending]) -> None:
    """Record how the jobs of keys have ended.

    :raises EntryUnknownError: Another writer has taken one over, or it was forgotten.
    """
    ended = Ended(store.writer, fences, endings)
    store.change(endings, ended)
    for key in ended.lost:
        raise EntryUnknownError(key, "another has changed its entry while it ran")


STATUSES: Mapping[OutcomeStatus, EntryStatus] = {
    OutcomeStatus.OK: EntryStatus.OK,
    OutcomeStatus.FAILED: EntryStatus.FAILED,
    OutcomeStatus.UNKNOWN: EntryStatus.UNKNOWN,
    OutcomeStatus.NOT_ATTEMPTED: EntryStatus.PENDING,
}
"""What the journal says of a key whose outcome has this status."""


# -- What a person says -----------------------------------------------------------------


@attrs.define
class Told:
    """What a person says of a key. A rule for :class:`Store`."""

    by: str
    ending: Ending
    refusal: JournalError | InvalidArgumentError | None = None

    def __call__(self, key: str, last: JournalEntry | None) -> JournalEntry | None:
        if last is None:
            self.refusal = InvalidArgumentError("key", f"must be in the journal, not {key!r}")
        elif last.status is EntryStatus.BEGUN:
            self.refusal = EntryBusyError(key, last.by)
        else:
            told = self.ending
            return _record(key, told.status, _next_fence(last), self.by, told.value)
        return None


def tell(store: Store, key: str, ending: Ending) -> None:
    """Record what a person says of *key*."""
    told = Told(store.writer, ending)
    store.change([key], told)
    if told.refusal is not None:
        raise told.refusal


def _next_fence(last: JournalEntry | None) -> int:
    return 1 if last is None else last.fence + 1


def _record(
    key: str,
    status: EntryStatus,
    fence: int,
    by: str,
    value: Any = None,
    error: str | None = None,
) -> JournalEntry:
    return JournalEntry(
        key=key, status=status, fence=fence, by=by, at=time.time(), value=value, error=error
    )


def refuse_other_job(run: str, job: str | None, given: str | None) -> None:
    """Raise if *run* belongs to another job."""
    if given is not None and given != job:
        rule = f"must be {job!r}, as run {_validate.shown(run)} has it, not {given!r}"
        raise InvalidArgumentError("job", rule)


# -- Keys, values, records as text ------------------------------------------------------


def key_text(argument: str, key: Any) -> str:
    """A key's text. A number and its digits are one key, in every run and on every machine."""
    number = None if isinstance(key, str) else _validate.whole(key)
    text = str(number) if type(number) is int else key
    _validate.text(argument, text)
    return str(text)


def json_value(argument: str, value: Any) -> Any:
    """*value* as JSON has it: a model as its dict, a tuple as a list."""
    _validate.json(argument, value)
    try:
        return json.loads(json.dumps(plain(value), allow_nan=False))
    except (TypeError, ValueError):  # a member of a value of ours
        raise InvalidArgumentError(argument, "must be a value that JSON has") from None


def to_text(entry: JournalEntry) -> str:
    """*entry* as JSON."""
    return json.dumps(attrs.asdict(entry))


def from_text(text: str) -> JournalEntry:
    """The entry that *text* is.

    :raises ValueError, TypeError: It is none.
    """
    members = json.loads(text)
    return JournalEntry(**{**members, "status": EntryStatus(members["status"])})
