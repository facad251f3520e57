"""Where Redis is: the environment, or an argument without a password."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from typing import Final

from ._errors import USAGE, Stop

_VARIABLE: Final = "KMOMENT_REDIS_URL"
_URL: Final = re.compile(r"\w\w+:")
"""A letter and a colon alone begin a path of Windows."""
_HINT: Final = f"every process sees a command line: set {_VARIABLE}, and give no URL"
_HINT_KO: Final = f"명령줄은 다른 프로세스에도 보입니다. {_VARIABLE}을 설정하고 URL은 생략하세요."


def place(argument: str, given: str | None) -> str:
    """What was given, else the environment's URL, which may hold a password."""
    if given is not None:
        _refuse_password(argument, given)
    found = given or os.environ.get(_VARIABLE)
    if not found:
        raise Stop(f"{argument} is missing: give it, or set {_VARIABLE}", USAGE)
    if _URL.match(found) and find_spec("redis") is None:
        raise Stop('Redis needs more: pip install "kmoment[fleet]"', USAGE)
    return found


def _refuse_password(argument: str, given: str) -> None:
    """A user alone is refused too: a password that is not quoted may look like one."""
    if _URL.match(given) and ("@" in given or "password" in given.lower()):
        raise Stop(f"{argument} must be a URL without user and password", USAGE, _HINT, _HINT_KO)
