"""How a test or a developer controls a sandbox. The admin routes offer the same methods.

Every method may be called from any thread, also from the sandbox's own event loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from . import _table
from ._core import Core
from ._faults import Fault
from ._kauth import SCOPES, App, Consent
from ._quota import Quota, Quotas
from ._reply import Grant, Json


class Control:
    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def token(self) -> str:
        """The bearer token that the sandbox accepts. It follows from the seed."""
        return self._core.options.token

    @property
    def accounts(self) -> tuple[int, ...]:
        """The ids of the ad accounts that the token may use."""
        return self._core.options.accounts

    def about(self) -> Json:
        """The sandbox's settings and endpoints. `fidelity` says how surely a path is Kakao's."""
        options = self._core.options
        return {
            "what": "an offline Kakao Moment; nothing here reaches Kakao",
            "token": self.token,
            "accounts": list(self.accounts),
            "layout": options.layout,
            "quirks": options.quirks,
            "seed": options.seed,
            "app": {"client_id": self.app.client_id, "client_secret": self.app.client_secret},
            "endpoints": [endpoint.described(options.layout) for endpoint in _table.ENDPOINTS],
        }

    def reset(self) -> None:
        """Restore the state at the start: data, clock, faults, quotas and log."""
        with self._core.lock:
            self._core.start_over()

    def state(self) -> Json:
        """All data of the accounts, by account id."""
        with self._core.lock:
            now = self._core.world.clock.now()
            accounts = self._core.world.accounts.values()
            return {"accounts": {str(account.id): account.state(now) for account in accounts}}

    def link(self, audience_id: int, ad_group_id: int) -> None:
        """Let an ad group use an audience. At Kakao this happens when the ad group is saved."""
        with self._core.lock:
            self._core.world.owner(audience_id).link(audience_id, ad_group_id)

    def unlink(self, audience_id: int, ad_group_id: int) -> None:
        """Undo `link`."""
        with self._core.lock:
            links = self._core.world.owner(audience_id).links
            if (audience_id, ad_group_id) not in links:
                raise ValueError(f"ad group {ad_group_id} does not use audience {audience_id}")
            del links[audience_id, ad_group_id]

    def set_ad_group(self, ad_group_id: int, members: Json) -> None:
        """Give an ad group other members, known or not, or take one away with None."""
        with self._core.lock:
            settings = self._core.world.owner_of_group(ad_group_id).settings
            body = {**settings[ad_group_id], **members}
            settings[ad_group_id] = {name: it for name, it in body.items() if it is not None}

    def now(self) -> datetime:
        """The sandbox's current time, in the Korean time zone."""
        with self._core.lock:
            return self._core.world.clock.now()

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`. It keeps running."""
        with self._core.lock:
            self._core.world.clock.advance(seconds)

    def set_clock(self, now: datetime | str) -> None:
        """Set the clock. A time without a zone is Korean time. The clock keeps running."""
        with self._core.lock:
            self._core.world.clock.set(now)

    def add_fault(self, fault: Fault) -> int:
        """Script a fault and return its id."""
        _table.require_match(fault.endpoint)
        with self._core.lock:
            return self._core.faults.add(fault)

    def faults(self) -> list[Json]:
        """The scripted faults, each with its `calls` (that matched) and `fired` (that it hit)."""
        with self._core.lock:
            return [armed.report() for armed in self._core.faults.armed]

    def clear_faults(self) -> None:
        """Remove all scripted faults."""
        with self._core.lock:
            self._core.faults.armed.clear()

    def set_quota(self, *quotas: Quota) -> None:
        """Replace all quotas by these. Their counts start at zero."""
        for quota in quotas:
            _table.require_match(quota.endpoint)
        with self._core.lock:
            self._core.quotas = Quotas(quotas)

    def quotas(self) -> tuple[Quota, ...]:
        """The quotas in force."""
        with self._core.lock:
            return self._core.quotas.rules

    @property
    def app(self) -> App:
        """The app that logins are for: its REST API key and client secret."""
        return self._core.options.app

    def set_consent(
        self,
        mode: str,
        *,
        scopes: Iterable[str] | None = None,
        accounts: Iterable[int] | None = None,
    ) -> None:
        """What the user does at a login: `ask` shows a page with a form, `agree`, `deny`.

        With `agree`, `scopes` and `accounts` are all that the user agrees to. A KOE code lets
        kauth refuse with it.
        """
        consent = Consent(
            mode,
            None if scopes is None else tuple(scopes),
            None if accounts is None else tuple(accounts),
        )
        with self._core.lock:
            self._core.world.kauth.consent = consent

    def allow_addresses(self, *addresses: str) -> None:
        """The only addresses that the app may be used from. None given: all."""
        with self._core.lock:
            self._core.world.kauth.addresses = addresses

    def issue_token(
        self, scopes: Iterable[str] = SCOPES, accounts: Iterable[int] | None = None
    ) -> str:
        """A new token, as after a login. `accounts=None`: for all accounts."""
        grant = Grant(tuple(scopes), None if accounts is None else tuple(accounts))
        with self._core.lock:
            return self._core.world.kauth.issue(grant)

    def revoke_token(self, token: str) -> None:
        """Let a token be refused from now on."""
        with self._core.lock:
            if self._core.world.kauth.tokens.pop(token, None) is None:
                raise ValueError("there is no such token")

    def tokens(self) -> list[Json]:
        """What each token may do, in the order of issue, without the tokens."""
        with self._core.lock:
            grants = self._core.world.kauth.tokens.values()
            return [{"scopes": it.scopes, "accounts": it.accounts} for it in grants]

    def requests(self) -> list[Json]:
        """The last requests, oldest first, with masked tokens. `acted`: it took effect."""
        with self._core.lock:
            return [entry.report() for entry in self._core.log]
