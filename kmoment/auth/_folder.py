"""The one folder of profiles and tokens: where it is, its locks, and files that only you can read.

A file is born with 0600 under another name, written through to the disk, and then takes the place
of the one before. So no moment exists in which others can read it, whatever the umask.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .. import _file
from .._secret import Secret
from ..errors import UsageError
from ._errors import CredentialPermissionsError, CredentialStoreError

LOCK_SECONDS: Final = 10.0
"""Patience for another process that writes: writing takes less than one second."""
_OTHERS: Final = 0o077
"""The permission bits of all users but the owner."""
_POSIX: Final = os.name == "posix"


def folder() -> Path:
    """The folder of profiles and tokens: ``KMOMENT_HOME``, else the platform's for settings.

    It is made, with mode 0700, when something is first written.
    """
    if home := os.environ.get("KMOMENT_HOME"):
        return Path(home).expanduser()
    try:
        from platformdirs import user_config_path
    except ImportError:
        raise needs_extra("platformdirs") from None
    return user_config_path("kmoment", appauthor=False)


def needs_extra(package: str) -> ModuleNotFoundError:
    """The error for an optional package that is not installed."""
    return ModuleNotFoundError(f'this needs {package}: pip install "kmoment[auth]"')


def made_folder() -> Path:
    """The folder. It is made where it is not there."""
    path = folder()
    with in_store(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def in_store(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into the error of the store, with the path that it is about."""
    try:
        yield
    except OSError as error:
        reason = f"cannot use {path}: {os.strerror(error.errno or errno.EIO)}"
        raise CredentialStoreError("file", reason) from None


@contextmanager
def locked(name: str, *, busy: UsageError | None = None) -> Iterator[None]:
    """Hold the lock of this name, against threads and processes. It ends with its process.

    :param busy: What to raise at once if somebody else holds it.
    :raises CredentialStoreError: Without *busy*: somebody else holds it for long.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError:
        raise needs_extra("filelock") from None
    path = made_folder() / f".{name}.lock"
    lock = FileLock(path, timeout=0 if busy else LOCK_SECONDS, mode=0o600)
    with in_store(path):
        try:
            lock.acquire()
        except Timeout:  # an OSError too
            raise busy or CredentialStoreError("file", f"is in use: {path} is locked") from None
    try:
        yield
    finally:
        lock.release()


def write_private(path: Path, text: Secret) -> None:
    """Write a file that only you can read, completely or not at all."""
    with in_store(path), _file.replacing(path) as part:
        part.unlink(missing_ok=True)  # of a killed process that had this one's number
        _write_new(part, text)


def _write_new(path: Path, text: Secret) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.reveal().encode())
        file.flush()
        os.fsync(descriptor)


def read_private(path: Path) -> Secret | None:
    """The text of a file that only you can read; ``None`` if there is no file.

    :raises CredentialPermissionsError: Others can read it, or it is another user's.
    :raises CredentialStoreError: It cannot be read.
    """
    with in_store(path):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with file:
            _require_private(path, os.fstat(file.fileno()))
            return Secret(file.read().decode(errors="replace"))


def is_private(found: os.stat_result) -> bool:
    """Whether nobody else can read a file, and it is this user's or root's."""
    return not _POSIX or not (found.st_mode & _OTHERS or found.st_uid not in (os.geteuid(), 0))


def _require_private(path: Path, found: os.stat_result) -> None:
    if not is_private(found):
        raise CredentialPermissionsError(path, stat.S_IMODE(found.st_mode))
