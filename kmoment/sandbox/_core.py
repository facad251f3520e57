"""What happens to one request, without sockets: log, fault, token, account, quota and answer.

One lock makes a running sandbox safe for all threads. Handlers and control methods hold it while
they run. They are short and never wait.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import RLock

from . import _errors
from ._ad_groups import LinkField
from ._errors import RefusedError
from ._faults import Fault, Faults
from ._handlers import long
from ._kauth import CREATE, DEFAULT_APP, DELETE, MANAGE, SCOPES, App, Kauth
from ._log import Entry, Log, new_log
from ._quota import PLATFORM, Quota, Quotas
from ._regions import LOOKUP, Lookup
from ._reply import Ask, Grant, Reply
from ._table import Endpoint, Layout
from ._world import World

# Consent items besides moment_management. For campaigns and ad groups third-party code says so.
# That it holds for audiences too is inferred.
_ALSO_NEEDED = {
    "audiences.create": (CREATE,),
    "audiences.delete": (DELETE,),
    "audiences.delete_many": (DELETE,),
}


@dataclass(frozen=True, slots=True)
class Options:
    seed: int
    quota: bool
    layout: Layout
    quirks: bool
    accounts: tuple[int, ...]
    link_field: LinkField
    districts: Lookup = LOOKUP
    neighbourhoods: Lookup = LOOKUP
    app: App = DEFAULT_APP

    def __post_init__(self) -> None:
        if self.layout not in ("nested", "flat"):
            raise ValueError(f"layout must be nested or flat, not {self.layout!r}")
        if not self.accounts or min(self.accounts) < 1:
            raise ValueError("accounts must be one or more positive numbers")

    @property
    def token(self) -> str:
        return "sandbox-" + sha256(f"kmoment:{self.seed}".encode()).hexdigest()[:32]

    @property
    def quotas(self) -> tuple[Quota, ...]:
        return (PLATFORM,) if self.quota else ()


class Core:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock: AbstractContextManager[bool] = RLock()
        self.start_over()

    def start_over(self) -> None:
        seed = self.options.seed
        options = self.options
        self.world: World = World(
            seed,
            options.accounts,
            quirks=options.quirks,
            link_field=options.link_field,
            lookups={2: options.districts, 3: options.neighbourhoods},
            kauth=Kauth(options.app, seed, tokens={options.token: Grant(SCOPES)}),
        )
        self.faults: Faults = Faults(seed)
        self.quotas: Quotas = Quotas(self.options.quotas)
        self.log: Log = new_log()

    def receive(self, entry: Entry) -> Fault | None:
        """Log a request, and return the fault that hits it, if any."""
        with self.lock:
            self.log.append(entry)
            fault = self.faults.pick(entry.endpoint) if entry.endpoint else None
            entry.fault = fault.kind if fault else None
            return fault

    def answer(self, endpoint: Endpoint, ask: Ask, entry: Entry) -> Reply:
        """Execute a request or refuse it. Only here can a request change the world."""
        with self.lock:
            try:
                reply = endpoint.run(self.world, self._admitted(endpoint, ask))
            except RefusedError as failure:
                return failure.reply
            entry.acted = True
            return reply

    def _admitted(self, endpoint: Endpoint, ask: Ask) -> Ask:
        """The request with what its bearer may do."""
        if not endpoint.needs_token:
            return ask
        grant = self.world.kauth.admit(ask.authorization, ask.remote)
        needed = [MANAGE, *_ALSO_NEEDED.get(endpoint.name, ())]
        if missing := [scope for scope in needed if scope not in grant.scopes]:
            raise _errors.no_consent(missing)
        if endpoint.account:
            account_id = long(ask.account, "adAccountId")
            if account_id not in self.world.accounts or not grant.covers(account_id):
                raise _errors.foreign_account(account_id)
        self.quotas.take(ask, self.world.clock.now())
        return replace(ask, grant=grant)
