"""How far long work has come: one line on stderr that is written again. Plain ASCII."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ._session import Session, is_terminal
from ._words import visible

if TYPE_CHECKING:
    from ..batch import OnProgress
    from ..outcomes import Progress

_EVERY: Final = 0.1
"""Seconds between two writes: a terminal over a slow line must not delay the work."""
_CLEAR: Final = "\r\x1b[K"


@contextmanager
def progress(session: Session, what: str) -> Iterator[OnProgress | None]:
    """A listener for ``on_progress``, or none where no person watches."""
    if session.quiet or not is_terminal(sys.stderr):
        yield None
        return
    shown = 0.0

    def show(progress: Progress) -> None:
        nonlocal shown
        if time.monotonic() - shown > _EVERY:
            shown = time.monotonic()
            print(f"{_CLEAR}{_line(what, progress)}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def _line(what: str, progress: Progress) -> str:
    total = f"/{progress.total:,}" if progress.total is not None else ""
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    waiting = f", waiting for {progress.waiting_for}" if progress.waiting_for else ""
    return visible(f"{what}: {progress.done:,}{total}{failed}{waiting}")[:79]
