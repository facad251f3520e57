"""Checks what stands between a program and its first answer, and says what to do.

    report = kmoment.doctor.check()
    print(report)
    for one in report.failed:
        print(one.what, one.todo)

Offline: versions, optional parts, the folder of tokens and its modes, the store, where the token
comes from, proxies of the environment (which are not used), the terminal, the settings of
``KMOMENT_REDIS_URL``. With the network: name, TLS, clock, what the token may do, ad accounts, and
whether that Redis can be used. ``live=True`` also asks one harmless read for each
thing that is known only by inference, and says what it found beside the grade of its evidence.

Each check has its own time limit. What was not found out is ``unknown``, never a guess.
"""

from ._check import check
from ._report import Check, Report, State

__all__ = ["Check", "Report", "State", "check"]
