"""Many processes, many machines: limits, breakers and create locks shared over one Redis.

Kakao limits an app and its ad accounts, not a process. Workers that know nothing of each other are
throttled together, call a used-up quota each on its own, and may create the same audience twice.
A fleet lets them know. It needs Redis 6.2 or newer, or Valkey: ``pip install "kmoment[fleet]"``.

    fleet = kmoment.fleet.Fleet("redis://localhost:6379/0", namespace="nightly")
    moment = kmoment.Client("token", fleet=fleet)       # the same for AsyncClient
    print(fleet.status())

One namespace is one Kakao app. ``KMOMENT_REDIS_URL`` and ``KMOMENT_FLEET`` stand for both
arguments. Use TLS (``rediss://``) to another machine. The Redis must not evict keys without need
(``maxmemory-policy noeviction``). Tokens, names of audiences and answers are never written to it.

**What is shared**

* *Limits.* A call that has no known limit asks Redis nothing. The first 429 of any process makes
  the limit known to all within about a second. From then on every process takes its turns from one
  state, at one rate, by the clock of Redis. A ``periods=`` limit is kept from the end of an answer
  to the next call of any process: such a turn is held until the answer. A process that has died, or
  has stood still for five seconds, loses its turn.
* *Breakers.* A used-up quota and maintenance stop all, a refused token stops those that use it.
  When the time is up one process tries, not one of each.
* *Create locks.* One process at a time creates an audience of one name in one account. The lock of
  a process that has died ends after the sum of its ``reconcile_delays`` and five seconds.

**For hundreds of accounts**, deal them to the workers (by a queue, or each n-th account), with one
client in each process, and ``moment.each_account(ids, job)``. A limit that is the account's own
then belongs to one worker mostly, and Redis has little to do. What many workers call at once is
held by one limiter too, with about five commands to Redis for each call and worker. Do not give a
worker more than it can do: calls wait in the worker, not in Redis. Make the fleet in each process.
After a fork a blocking client joins anew by itself.

**While Redis is away**, slow or silent, calls go on after 0.25 s at most: with
``on_failure="local"`` each process keeps a share of every known rate, one in so many members as
were seen last (at most 16), and with ``"stop"`` calls are refused with a
:class:`FleetUnavailableError`, unsent. Redis is tried again every five seconds. The log has one
line when it is lost and one when it is back. An empty Redis after a restart is filled again with
what the processes know. The lower rate and the later turn hold.

**What is not promised.** A lock in Redis is no proof. It can be lost when Redis fails over, and
Kakao takes no fencing token. So a create also looks before and after, as it does without a fleet.
If its answer is lost and it cannot be shown that the lock was held, no audience is adopted: that is
an ``OutcomeUnknownError``, "another process may have made it". With ``creates="refuse"`` nothing is
created while Redis is away. After a failover that has lost a write, one call too many may meet a
429, and calls under a declared period may wait for five seconds.

A Redis Cluster of one node serves too. A node that has only a part of the keys is refused at the
first call.
"""

from ..errors import FleetUnavailableError
from ._fleet import Fleet
from ._status import FleetBreaker, FleetLimit, FleetStatus

__all__ = ["Fleet", "FleetBreaker", "FleetLimit", "FleetStatus", "FleetUnavailableError"]
