"""The keys of a batch's inputs: which of them it does, and what a journal says of each."""

import asyncio
import logging
import re
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sized,
)
from contextlib import AsyncExitStack
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from .. import _validate
from ..errors import AlreadyDoneError, InvalidArgumentError
from ..journal.entries import EntryStatus, key_text
from ..journal.journal import Entry, Journal, on_thread

_log: Final = logging.getLogger("kmoment")
_SHARD: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")

Job = Callable[[Any], Awaitable[Any]]


class Shard(NamedTuple):
    """One part of all keys. The same key is in the same one on every machine, in every run."""

    number: int
    of: int

    def has(self, key: str) -> bool:
        """Whether *key* is in it."""
        # Python's own hash of a text differs between processes.
        dealt = int.from_bytes(sha256(key.encode()).digest()[:8], "big")
        return dealt % self.of == self.number - 1


WHOLE: Final = Shard(1, 1)


def shard_of(shard: Any) -> Shard:
    """*shard*, such as ``3/8``, as numbers; ``None`` is all."""
    if shard is None:
        return WHOLE
    found = _SHARD.fullmatch(shard) if isinstance(shard, str) else None
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        _validate.refuse("shard", "a part such as '3/8', from '1/8' to '8/8'", shard)
    return Shard(int(found[1]), int(found[2]))


def checked_journal(journal: object) -> None:
    """Refuse what is no journal."""
    if journal is not None and not isinstance(journal, Journal):
        _validate.refuse("journal", "a kmoment.Journal", journal)


class Form(NamedTuple):
    """How values are kept."""

    kept: Callable[[Any], Any]
    """What is kept of a value."""
    restored: Callable[[Any, Any], Any]
    """The value of an input of which this was kept."""


AS_JSON: Final = Form(lambda value: value, lambda given, kept: kept)


class Keyed:
    """How a batch uses the keys of its inputs. Without a journal and a shard it has none."""

    def __init__(
        self,
        journal: Journal | None = None,
        key: Callable[[Any], int | str] | None = None,
        shard: str | None = None,
        repeatable: bool = False,
        *,
        form: Form = AS_JSON,
        dry_run: bool = False,
    ) -> None:
        checked_journal(journal)
        self._journal = journal
        self._shard = shard_of(shard)
        self._key = key
        self._repeatable = repeatable
        self._form = form
        self._dry_run = dry_run
        if key is not None and not callable(key):
            _validate.refuse("key", "a function of an input", key)
        if repeatable and journal is None:
            raise InvalidArgumentError("repeatable", "needs a journal")
        self._plain = journal is None and self._shard is WHOLE
        self._seen: set[str] = set()

    def dealt(self, inputs: Any) -> Any:
        """The inputs of the shard. A collection stays one, anything else is dealt as it comes."""
        if self._plain or isinstance(inputs, str | bytes):
            return inputs
        if isinstance(inputs, AsyncIterable):
            return self._dealt_async(inputs)
        if isinstance(inputs, Iterable):
            dealt = self._dealt(inputs)
            return list(dealt) if isinstance(inputs, Sized) else dealt
        return inputs

    def _dealt(self, inputs: Iterable[Any]) -> Iterator[Any]:
        return (given for given in inputs if self._is_ours(given))

    async def _dealt_async(self, inputs: AsyncIterable[Any]) -> AsyncIterator[Any]:
        async for given in inputs:
            if self._is_ours(given):
                yield given

    def _is_ours(self, given: Any) -> bool:
        key = self.key_of(given)
        if key in self._seen:
            raise InvalidArgumentError("inputs", f"must have keys that differ, not {key!r} twice")
        if self._journal is not None:
            self._seen.add(key)
        return self._shard.has(key)

    def key_of(self, given: Any) -> str:
        """The key of one input."""
        return key_text("key", given if self._key is None else self._key(given))

    def recorded(self, job: Job) -> Job:
        """*job*, so that it is recorded, and is not done where it is done already."""
        if self._journal is None:
            return job
        return (self._looked_up if self._dry_run else self._recorded)(job, self._journal)

    def _recorded(self, job: Job, journal: Journal) -> Job:
        async def recorded_job(given: Any) -> Any:
            beginning = journal.begin(self.key_of(given), repeatable=self._repeatable)
            async with AsyncExitStack() as stack:
                try:
                    entry = await stack.enter_async_context(beginning)
                except AlreadyDoneError as done:
                    return self._form.restored(given, done.value)
                value = await job(given)
                _keep(entry, self._form.kept(value))
                return value

        return recorded_job

    def _looked_up(self, job: Job, journal: Journal) -> Job:
        """*job*, so that it is not done where it is done already. The journal is only read."""
        reading: list[asyncio.Future[dict[str, Any]]] = []

        async def looked_up_job(given: Any) -> Any:
            if not reading:  # once for all inputs
                work = partial(_values_in, journal)
                reading.append(asyncio.ensure_future(on_thread(work)))
            values = await asyncio.shield(reading[0])
            key = self.key_of(given)
            return self._form.restored(given, values[key]) if key in values else await job(given)

        return looked_up_job


def _values_in(journal: Journal) -> dict[str, Any]:
    """What is kept of each key that is done."""
    return {it.key: it.value for it in journal.entries() if it.status is EntryStatus.OK}


def _keep(entry: Entry, value: Any) -> None:
    """Keep *value*. One that JSON does not have must not turn a job that is done into an error."""
    try:
        entry.keep(value)
    except InvalidArgumentError:
        kind = type(value).__name__
        _log.warning("key %r: its value (%s) is not JSON, and is not kept", entry.key, kind)
