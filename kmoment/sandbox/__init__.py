"""An offline Kakao Moment server for any HTTP client: curl, another language or this SDK.

    with Sandbox(accounts=(1234,)) as sandbox:
        sandbox.add_fault(Fault("audiences.create", "throttle", times=1))
        with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
            print(moment.account(1234).audiences.list(), len(sandbox.requests()))

`python -m kmoment.sandbox --port 8080` starts one and prints its URL, its token and a `curl`
command. Point any client at it with `KMOMENT_BASE_URL` and `KMOMENT_TOKEN`. It keeps state: it has
a clock to move, quotas to set, ad groups to link, faults to script, and a log of requests, also
over HTTP under `/_sandbox`. It plays Kakao's login too (kauth and the token information of kapi),
at the same address: see `App` and `set_consent`. Location codes that Kakao has published are
exact. The others are made up, and `/_sandbox/locations/I1000` says which.

It is written from Kakao's pages alone and shares no code with the client. So a test against it
fails if the client misreads those pages.
"""

from ._faults import Fault
from ._kauth import App
from ._quota import Quota
from ._regions import Lookup
from ._sandbox import Sandbox

__all__ = ["App", "Fault", "Lookup", "Quota", "Sandbox"]
