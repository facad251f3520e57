"""A journal in an SQLite file. Each record is a row, and none is ever changed.

A connection lives for one transaction. So a fork, a thread or a kill leaves none behind that
another process would have to share.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from .._engine.clock import monotonic
from .._file import path_of
from ..errors import InvalidArgumentError, JournalStoreError
from ._process import lives, this_process
from .entries import EntryStatus, JournalEntry, JournalRun, Rule, refuse_other_job

APPLICATION: Final = 0x6B6D6A31
"""Marks our files ("kmj1"): https://www.sqlite.org/pragma.html#pragma_application_id"""
FORMAT: Final = 1
_BUSY_SECONDS: Final = 30.0
"""How long a process waits for others. One transaction takes a few milliseconds."""
_POLL_SECONDS: Final = 0.002
"""Between two looks at whether the file is free: about a fifth of a transaction."""
_MOUNTS: Final = Path("/proc/self/mounts")
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"})
"""File systems of other machines, as Linux names them."""

_SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
CREATE TABLE runs (run TEXT PRIMARY KEY, job TEXT, began REAL NOT NULL);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    fence INTEGER NOT NULL, by TEXT NOT NULL, at REAL NOT NULL, value TEXT, error TEXT
);
CREATE INDEX records_of_keys ON records (run, key, id);
"""
_COLUMNS: Final = "key, status, fence, by, at, value, error"


@attrs.frozen
class SqliteStore:
    """One run in a file."""

    where: str
    run: str
    job: str | None

    @property
    def writer(self) -> str:
        """This process, as its records name it."""
        return this_process()

    def change(self, keys: Iterable[str], rule: Rule) -> None:
        """Write what *rule* says of each key, all of it or nothing."""
        with _writing, _opened(self.where, writes=True) as db:
            self._check_job(db)
            for key in keys:
                if (record := rule(key, self._last(db, key))) is not None:
                    self._append(db, record)
            db.execute("COMMIT")

    def read(self) -> list[JournalEntry]:
        """The last record of each key, in the order in which the keys came."""
        if _is_missing(self.where):
            return []
        with _opened(self.where, writes=False) as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM records WHERE id IN "  # noqa: S608 - our own words
                "(SELECT max(id) FROM records WHERE run = ? GROUP BY key) ORDER BY "
                "(SELECT min(id) FROM records o WHERE o.run = records.run AND o.key = records.key)",
                (self.run,),
            )
            return [_entry(row) for row in rows]

    def _last(self, db: sqlite3.Connection, key: str) -> JournalEntry | None:
        row = db.execute(
            f"SELECT {_COLUMNS} FROM records WHERE run = ? AND key = ? "  # noqa: S608
            "ORDER BY id DESC LIMIT 1",
            (self.run, key),
        ).fetchone()
        return None if row is None else _entry(row)

    def _append(self, db: sqlite3.Connection, record: JournalEntry) -> None:
        value = None if record.value is None else json.dumps(record.value)
        row = (self.run, record.key, record.status.value, record.fence, record.by, record.at)
        places = f"INSERT INTO records (run, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        db.execute(places, (*row, value, record.error))

    def _check_job(self, db: sqlite3.Connection) -> None:
        insert = "INSERT OR IGNORE INTO runs (run, began) VALUES (?, ?)"
        db.execute(insert, (self.run, time.time()))
        update = "UPDATE runs SET job = ? WHERE run = ? AND job IS NULL"
        db.execute(update, (self.job, self.run))
        (job,) = db.execute("SELECT job FROM runs WHERE run = ?", (self.run,)).fetchone()
        refuse_other_job(self.run, job, self.job)


def runs_in(where: str) -> list[JournalRun]:
    """All runs of a file, the oldest first."""
    if _is_missing(where):
        raise JournalStoreError(where, "there is no such file, or it is empty")
    with _opened(where, writes=False) as db:
        rows = db.execute("SELECT run, job FROM runs ORDER BY began, run")
        return [JournalRun(run=run, job=job) for run, job in rows]


def refuse_remote(where: str) -> None:
    """Raise for a network file system: SQLite's locks do not hold there."""
    path = path_of(where).absolute()
    if (kind := _file_system(path)) in _REMOTE:
        rule = f"must be on a disk of this machine: {where} is on {kind}. Use a redis:// URL"
        raise InvalidArgumentError("where", rule)


def _file_system(path: Path) -> str | None:
    """The kind of file system that *path* is on, where Linux tells."""
    if not _MOUNTS.exists():
        return None
    lines = [line.split(" ") for line in _MOUNTS.read_text(errors="replace").splitlines()]
    mounts = [(it[1].replace("\\040", " "), it[2]) for it in lines]
    under = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(under, default=(0, None), key=lambda it: it[0])[1]


def _is_missing(where: str) -> bool:
    path = path_of(where)
    return not path.exists() or (path.is_file() and not path.stat().st_size)


@contextmanager
def _opened(where: str, *, writes: bool) -> Iterator[sqlite3.Connection]:
    """A journal in a transaction. Any error names the path as it was given, and undoes all."""
    try:
        url = f"{path_of(where).absolute().as_uri()}?mode={'rwc' if writes else 'rw'}"
        # Without a level of its own, Python begins no transaction by itself.
        raw = sqlite3.connect(url, uri=True, timeout=0, isolation_level=None)
        with closing(raw) as db:
            _begin(db, "BEGIN IMMEDIATE" if writes else "BEGIN")
            _check_format(where, db)
            yield db
            return
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        reason = str(error)
    raise JournalStoreError(where, reason)


def _check_format(where: str, db: sqlite3.Connection) -> None:
    """Refuse what is no journal, or a newer one. An empty file becomes a journal."""
    if not db.execute("PRAGMA schema_version").fetchone()[0]:
        path_of(where).chmod(0o600)
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise JournalStoreError(where, "this is a database, but no journal of kmoment")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise JournalStoreError(where, f"its format {version} is newer than this kmoment")


_writing = threading.Lock()
"""One writer of a process at a time. SQLite lets them wait in no order, and some for very long."""


def _renew_lock() -> None:
    """In a forked process: the thread that may hold the lock does not exist there."""
    global _writing
    _writing = threading.Lock()


# Windows has no fork.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_renew_lock)


def _begin(db: sqlite3.Connection, how: str) -> None:
    """Begin a transaction, as soon as no other process is in the way.

    SQLite itself would look only ten times a second, and might never find a file free that others
    use a lot.
    """
    until = monotonic() + _BUSY_SECONDS
    while not _begun(db, how, last=monotonic() >= until):
        time.sleep(_POLL_SECONDS)
    db.execute(f"PRAGMA busy_timeout = {round(_BUSY_SECONDS * 1000)}")


def _begun(db: sqlite3.Connection, how: str, *, last: bool) -> bool:
    """Whether the transaction has begun. Another may hold the file, except at the *last* look."""
    try:
        # EXTRA also syncs the folder: a record that was written survives a loss of power.
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute(how)
        db.execute("PRAGMA schema_version").fetchone()  # only reading takes the file
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or last:
            raise
        db.rollback()
        return False
    return True


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    key, status, fence, by, at, value, error = row
    return JournalEntry(
        key=key,
        status=EntryStatus(status),
        fence=fence,
        by=by,
        at=at,
        value=None if value is None else json.loads(value),
        error=error,
    ).as_seen(lives)
