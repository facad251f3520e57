"""Writes a file completely or not at all. Every error names the path as it was given."""

import errno
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_ABANDONED: Final = 3600
"""Seconds after which a part file belongs to nobody: writing takes less than one."""

File = str | os.PathLike[str]


def path_of(file: File) -> Path:
    """The path of *file*: ``~`` is the home folder."""
    return Path(file).expanduser()


def read(file: File) -> str:
    """The text of *file*."""
    with naming(file):
        return path_of(file).read_text(encoding="utf-8")


def write(file: File, text: str) -> None:
    """Write *text* to *file*, completely or not at all."""
    with replacing(file) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def replacing(file: File) -> Iterator[Path]:
    """A part file to be written. It takes the place of *file*, unless an error comes.

    Part files of dead writers are deleted.
    """
    path = path_of(file)
    with naming(file):
        _delete_abandoned(path)
        part = _part(path)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def require_room(file: File) -> None:
    """Raise unless *file* can be written."""
    path = path_of(file)
    with naming(file):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part = _part(path)
        try:
            part.write_bytes(b"")
        finally:
            part.unlink(missing_ok=True)


def move_aside(file: File) -> Path:
    """Rename a damaged *file*, and return its new path."""
    path = path_of(file)
    aside = path.with_name(f"{path.name}.damaged")
    with naming(file):
        path.replace(aside)
    return aside


@contextmanager
def naming(file: File) -> Iterator[None]:
    """Let every ``OSError`` name *file* as it was given, and no part file."""
    try:
        yield
    except OSError as error:
        code = error.errno or errno.EIO
        raise OSError(code, os.strerror(code), os.fspath(file)) from error


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")


def _delete_abandoned(path: Path) -> None:
    form = re.compile(rf"{re.escape(path.name)}\.([0-9]+)-[0-9]+\.part")
    for other in path.parent.iterdir():
        found = form.fullmatch(other.name)
        if found and _is_abandoned(other, int(found[1])):
            with suppress(OSError):
                other.unlink()


def _is_abandoned(part: Path, process: int) -> bool:
    """Whether the writer is dead, or the part is old: a number may belong to another by now."""
    with suppress(OSError):
        if time.time() - part.stat().st_mtime > _ABANDONED:
            return True
    return process != os.getpid() and not _lives(process)


def _lives(process: int) -> bool:
    if os.name == "nt":  # there the call would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's
        return True
    return True
