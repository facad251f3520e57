"""One run of the command: streams, warnings, errors, exit code."""

import os
import sys
import warnings
from io import TextIOWrapper
from typing import Any, TextIO

import click
from click.exceptions import NoArgsIsHelpError

from ._app import root
from ._errors import DONE, INTERRUPTED, USAGE, exit_code, is_broken_pipe, report
from ._session import Session
from ._words import tell


def run(arguments: list[str] | None) -> int:
    """Run the command, and return its exit code. Nothing is raised."""
    _never_fail(sys.stdout)
    _never_fail(sys.stderr)
    session = Session()
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _warn
        code = _code(arguments, session)
        try:
            session.close()
            return _flushed(code)
        except KeyboardInterrupt:  # what was to be done is done
            return code


def _code(arguments: list[str] | None, session: Session) -> int:
    try:
        return int(_invoke(arguments, session) or DONE)
    except (click.Abort, KeyboardInterrupt, EOFError):
        return _interrupted(session)
    except click.exceptions.Exit as end:  # --help, --version
        return end.exit_code
    except NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except Exception as error:  # the boundary: everything becomes a line and a code
        if is_broken_pipe(error):
            return DONE
        report(error)
        return exit_code(error)


def _invoke(arguments: list[str] | None, session: Session) -> Any:
    """Run without click's own ending, which would hide what has happened."""
    if "_KMOMENT_COMPLETE" in os.environ:
        return root.main(prog_name="kmoment")
    given = sys.argv[1:] if arguments is None else arguments
    with root.make_context("kmoment", list(given), obj=session) as context:
        return root.invoke(context)


def _interrupted(session: Session) -> int:
    tell(f"stopped: {session.under_way or 'nothing was written'}")
    return INTERRUPTED


def _never_fail(stream: TextIO) -> None:
    """Let a console that cannot show a character show its code (``\\u2713``)."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    tell(f"warning: {message}")


def _flushed(code: int) -> int:
    """*code*, after all output is written. A reader that has gone is no error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if not is_broken_pipe(error):
            report(error)
            return exit_code(error)
        # The interpreter flushes again when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
