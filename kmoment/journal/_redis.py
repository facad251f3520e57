"""A journal in Redis: one hash a run, with one field for a key's begin and one for its end.

What may follow what is decided in Python (``entries.py``). A script then writes the new record,
unless the key has changed since it was read. A writer counts as alive as long as its lease is
renewed. All times of leases are the server's.
"""

import os
import threading
import weakref
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar

import attrs

from .._secret import Secret
from ..errors import InvalidArgumentError, JournalStoreError
from ._process import this_process
from .entries import (
    EntryStatus,
    JournalEntry,
    JournalRun,
    Rule,
    from_text,
    refuse_other_job,
    to_text,
)

T = TypeVar("T")

FORMAT: Final = 1
PREFIX: Final = "kmoment:journal:"
LEASE_SECONDS: Final = 30.0
"""How long a writer may be silent before it counts as dead. It reports three times as often."""
_KEPT_SECONDS: Final = 30 * 24 * 3600
_TIMEOUT_SECONDS: Final = 5.0
"""For one answer of Redis, which needs about a millisecond."""

_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

# ARGV: format, job, seconds to keep it
_OPEN: Final = """
redis.call('HSETNX', KEYS[1], 'format', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[1], 'job', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return redis.call('HMGET', KEYS[1], 'format', 'job')
"""
# ARGV: key
_READ: Final = (
    _NOW
    + """
local begun = redis.call('HGET', KEYS[1], 'begun:' .. ARGV[1])
local lease = begun and redis.call('HGET', KEYS[1], 'writer:' .. cjson.decode(begun).by)
local lives = lease and tonumber(lease) > now
return {begun or '', redis.call('HGET', KEYS[1], 'ended:' .. ARGV[1]) or '', lives and 1 or 0}
"""
)
# ARGV: key, begun and ended as they were read, the field, its new text
_SWAP: Final = """
local begun, ended = 'begun:' .. ARGV[1], 'ended:' .. ARGV[1]
if (redis.call('HGET', KEYS[1], begun) or '') ~= ARGV[2] then return 0 end
if (redis.call('HGET', KEYS[1], ended) or '') ~= ARGV[3] then return 0 end
return redis.call('HSET', KEYS[1], ARGV[4] .. ':' .. ARGV[1], ARGV[5]) + 1
"""
# ARGV: writer, milliseconds
_RENEW: Final = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end  -- it was lost: nothing would delete it
return redis.call('HSET', KEYS[1], 'writer:' .. ARGV[1], now + ARGV[2])
"""
)
_READ_ALL: Final = _NOW + "return {now, redis.call('HGETALL', KEYS[1])}"


class RedisStore:
    """One run in Redis."""

    def __init__(self, url: Secret, run: str, job: str | None) -> None:
        self._server = Server(url)
        self._key = f"{PREFIX}{{{run}}}"
        self._run, self._job = run, job
        self.lease_seconds = LEASE_SECONDS
        self._leases: dict[int, Lease] = {}
        """By process: a forked one has a lease of its own."""

    @property
    def where(self) -> str:
        """Redis's address."""
        return self._server.where

    @property
    def writer(self) -> str:
        """This process, as its records name it."""
        return this_process()

    def change(self, keys: Iterable[str], rule: Rule) -> None:
        """Write what *rule* says of each key. One after the other: an error leaves the rest out."""
        self._open()
        for key in keys:
            while not self._change(key, rule):
                pass  # another has written in between

    def read(self) -> list[JournalEntry]:
        """The last record of each key, by keys."""
        now, flat = self._ask(_READ_ALL)
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        _check_format(self.where, fields.get("format") or str(FORMAT))
        alive = {name[7:] for name, at in fields.items() if name[:7] == "writer:" and int(at) > now}
        keys = sorted({name[6:] for name in fields if name[:6] in ("begun:", "ended:")})
        texts = [(fields.get(f"begun:{key}", ""), fields.get(f"ended:{key}", "")) for key in keys]
        found = [self._last(*text) for text in texts]
        return [self._seen(entry, alive) for entry in found if entry is not None]

    def _open(self) -> None:
        format_, job = self._ask(_OPEN, FORMAT, self._job or "", _KEPT_SECONDS)
        _check_format(self.where, format_)
        refuse_other_job(self._run, job, self._job)

    def _change(self, key: str, rule: Rule) -> bool:
        begun, ended, lives = self._ask(_READ, key)
        last = self._last(begun, ended)
        new = rule(key, last and self._seen(last, {last.by} if lives else set()))
        lease = self._lease
        if new is None:
            if last is None or last.by != self.writer or last.status is not EntryStatus.BEGUN:
                lease.drop(key)  # it was taken over, or lost
            return True
        begins = new.status is EntryStatus.BEGUN
        if begins:
            lease.hold(key, self.lease_seconds)
        text = to_text(new)
        done = False
        try:
            done = bool(self._ask(_SWAP, key, begun, ended, "begun" if begins else "ended", text))
        finally:
            if done != begins:
                lease.drop(key)
        return done

    @property
    def _lease(self) -> "Lease":
        return self._leases.setdefault(os.getpid(), Lease(self._renew))

    def _seen(self, last: JournalEntry, alive: Container[str]) -> JournalEntry:
        """*last* as it is seen now. What this process holds is alive, whatever Redis has heard."""
        held = last.by == self.writer and last.key in self._lease.held
        return last.as_seen(lambda by: held or by in alive)

    def _last(self, begun: str, ended: str) -> JournalEntry | None:
        """The later one of both records."""
        try:
            records = [from_text(text) for text in (begun, ended) if text]
        except (TypeError, ValueError, KeyError) as error:
            reason = f"a record cannot be read ({type(error).__name__})"
        else:
            return max(reversed(records), key=lambda record: record.fence, default=None)
        raise JournalStoreError(self.where, reason)

    def _renew(self) -> None:
        self._ask(_RENEW, self.writer, round(self.lease_seconds * 1000))

    def _ask(self, script: str, *args: Any) -> Any:
        return self._server.ask(lambda redis: redis.eval(script, 1, self._key, *args))


@attrs.define(eq=False)
class Lease:
    """Says three times a lease that this process lives, while it holds a key."""

    renew: Callable[[], None]
    held: set[str] = attrs.Factory(set)
    _changed: threading.Condition = attrs.Factory(threading.Condition)
    _thread: threading.Thread | None = None

    def hold(self, key: str, seconds: float) -> None:
        """Hold *key*: it counts as alive from now on."""
        self.renew()
        with self._changed:
            self.held.add(key)
            if self._thread is None:
                name = "kmoment journal"
                self._thread = threading.Thread(
                    target=self._run, args=(seconds,), name=name, daemon=True
                )
                self._thread.start()

    def drop(self, key: str) -> None:
        """Hold *key* no longer. After the last one the thread ends."""
        with self._changed:
            self.held.discard(key)
            self._changed.notify()

    def _run(self, seconds: float) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self.held, seconds / 3)
                if not self.held:
                    self._thread = None
                    return
            with suppress(JournalStoreError):  # the next write says it loudly
                self.renew()


class Server:
    """A Redis. Its errors name the address, and never the URL, which may hold a password."""

    def __init__(self, url: Secret) -> None:
        self._client = _client(url)
        weakref.finalize(self, self._client.reveal().close)
        facts = self._client.reveal().connection_pool.connection_kwargs
        address = facts.get("path") or f"{facts.get('host', 'localhost')}:{facts.get('port', 6379)}"
        self.where = f"redis at {address}"

    def ask(self, question: Callable[[Any], T]) -> T:
        """The answer to *question*, which is given the client."""
        from redis.exceptions import MovedError, RedisError

        try:
            return question(self._client.reveal())
        except MovedError:
            reason = "it has only a part of the keys of a cluster: name a Redis that has all"
        except RedisError as error:
            reason = f"{type(error).__name__}: {error}"
        raise JournalStoreError(self.where, reason)


def _client(url: Secret) -> Secret:
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise ModuleNotFoundError(
            "a journal in Redis needs redis: pip install kmoment[fleet]"
        ) from None
    try:
        return Secret(
            Redis.from_url(
                url.reveal(),
                decode_responses=True,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(
                    NoBackoff(), 0
                ),  # a record that may have been written is not sent again
            )
        )
    except ValueError:
        pass
    raise InvalidArgumentError("where", "must be a path, or a redis:// URL as redis-py takes it")


def runs_in(url: Secret) -> list[JournalRun]:
    """All runs of a Redis, by name."""
    server = Server(url)
    found = server.ask(lambda redis: set(redis.scan_iter(f"{PREFIX}{{*}}")))  # it may repeat some
    keys = sorted(found)
    jobs = server.ask(lambda redis: [redis.hget(key, "job") for key in keys])
    names = [key.removeprefix(f"{PREFIX}{{").removesuffix("}") for key in keys]
    return [JournalRun(run=run, job=job) for run, job in zip(names, jobs, strict=True)]


def _check_format(where: str, version: str) -> None:
    if not version.isdecimal() or int(version) > FORMAT:
        raise JournalStoreError(where, f"its format {version} is newer than this kmoment")
