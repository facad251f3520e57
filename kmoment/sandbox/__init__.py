"""An offline Kakao Moment server for any HTTP client: curl, another language or this SDK.

It is written from Kakao's pages alone and shares no code with the client. So a test against it
fails if the client misreads those pages. `python -m kmoment.sandbox` starts one.
"""

from ._faults import Fault
from ._quota import Quota
from ._sandbox import Sandbox

__all__ = ["Fault", "Quota", "Sandbox"]
