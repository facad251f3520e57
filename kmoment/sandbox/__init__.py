"""An offline Kakao Moment to point anything at: curl, another language, or this SDK.

It is written from Kakao's pages alone and shares no code with the client, so that a misreading in
the client shows up against it. `python -m kmoment.sandbox` starts one.
"""

from ._faults import Fault
from ._quota import Quota
from ._sandbox import Sandbox

__all__ = ["Fault", "Quota", "Sandbox"]
