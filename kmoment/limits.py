"""How calls wait: for the server's limits, for a free connection, for a host that is down.

**Limits.** Kakao publishes few of its limits. A call that meets a 429 goes back to its place in a
queue. It uses up neither attempts nor time: only ``max_wait`` (none by default) or a cancellation
ends it. kmoment measures how fast the server takes calls, and sends the next ones evenly at that
rate, for each group of endpoints and ad account by itself. If the limit turns out to be one for
all accounts, it does so for all together. ``Retry-After`` is never undercut. If a server asks for
more time than the call's deadline, the call fails at once as a ``RateLimitedError``. A limit that
you know is given as ``periods={"audiences": 1.0}``: seconds from an answer to the next call.

    for limit in moment.limits():
        print(limit.quota, limit.ad_account_id, limit.rate, limit.waiting)

So any number of calls may be begun at once, for example with ``asyncio.gather``: ``deadline``
counts from the call's turn on.

**Outages.** When three calls in a row get nothing from the host (no connection, no answer, a
server failure), it is down for the whole client. Calls then wait, one probe at a time is sent, and
with the first answer all go on. A single call waits 5 s, one of a batch 60 s, counted from the
moment the host went down (``outage_patience``). What was sent before and is in doubt is not
repeated by this.

**In a web service**, where nobody waits for long, use a view:

    hasty = moment.with_options(deadline=3, max_wait=1, outage_patience=0)

A call that cannot pass in that time fails at once, and its error says how long the queue is.

The logger ``kmoment`` has one WARNING when a limit is met, a circuit breaker opens, the host is
down, or a create is looked for; and one line at INFO when that is over.
"""

import attrs

from ._plain import Serializable

__all__ = ["LimitStatus"]


@attrs.frozen(kw_only=True)
class LimitStatus(Serializable):
    """What is known of one limit. ``client.limits()`` lists them."""

    quota: str
    """The quota group, such as ``audiences``."""
    ad_account_id: int | None
    """``None`` if the limit is one for all accounts."""
    rate: float | None
    """Calls per second that are sent at most; ``None`` where no limit was met."""
    waiting: int
    """Calls that wait for their turn."""
    last_rejection: float | None
    """Seconds since the last 429."""
    state: str
    """What is done, in a word: ``free``, ``hold``, or one of the steps of finding the rate."""
