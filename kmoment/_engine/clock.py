"""The seconds that really pass, also in a program that has frozen ``time`` (freezegun)."""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

# freezegun replaces `time.monotonic`, and every module's attribute that is this function.
monotonic: Final[Callable[[], float]] = (
    partial(time.monotonic)
    if sys.platform == "win32"
    else partial(time.clock_gettime, time.CLOCK_MONOTONIC)
)
