"""The command ``kmoment``. Needs the extra: ``pip install "kmoment[cli]"``.

``_app.py`` has the table of commands; each group of commands is a file of its own, which is
imported when it is used. ``_session.py`` is what a command gets, ``_output.py`` prints.
"""

import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit code: see ``kmoment --help``."""
    try:
        from ._run import run
    except ModuleNotFoundError as error:
        if str(error.name).startswith("kmoment"):
            raise
        print('error: the command needs more: pip install "kmoment[cli]"', file=sys.stderr)
        return 2
    return run(arguments)
