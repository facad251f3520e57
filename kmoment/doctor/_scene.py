"""What the checks share: whose token, which server, which ad account."""

import os
from functools import cached_property
from typing import Any

from ..auth import Choice, TokenInfo, choose, stored
from ..fleet._target import Target
from ..sync.client import Client
from ..sync.resources.account import Account
from ._record import Recorder


class Scene:
    """What one run checks. What a check has found is there for the next ones."""

    def __init__(
        self,
        profile: str | None,
        base_url: str | None,
        insecure: bool,
        account: int | None,
        recorder: Recorder | None,
    ) -> None:
        self.profile = profile
        self._base_url = base_url
        self._insecure = insecure
        self.named_account = account
        """The ad account that an argument, the environment or the profile names."""
        self._recorder = recorder
        self.reachable = True
        """Whether the server answers at all."""
        self.usable = True
        """Whether the token can be used."""
        self.redis: Target | None = None
        """The Redis that the environment names, if it can be used."""
        self.info: TokenInfo | None = None
        """What the token may do, if that is known."""
        self.accounts: tuple[int, ...] = ()
        self.ids: dict[str, Any] = {}
        """Ids that a probe has found for the next ones."""

    @cached_property
    def choice(self) -> Choice:
        """Which token is used."""
        return choose(self.profile)

    @cached_property
    def client(self) -> Client:
        """The client. It tries each call once: the checks say what came."""
        made = Client(
            stored(self.profile),
            base_url=self._base_url or self._stored_url(),
            insecure=self._insecure,
            max_attempts=1,
            outage_patience=0,
        )
        if self._recorder is not None:
            self._recorder.listen_to(made)
        return made

    def _stored_url(self) -> str | None:
        profile = self.choice.profile
        return None if profile is None or "KMOMENT_BASE_URL" in os.environ else profile.base_url

    @property
    def account(self) -> Account:
        """The ad account's part of the API. Only where an id is known."""
        return self.client.account(self.account_id or 0)

    @property
    def account_id(self) -> int | None:
        """The ad account, if one is known."""
        return self.named_account or next(iter(self.accounts), None)

    def close(self) -> None:
        """Close the client, if one was made."""
        if "client" in vars(self):
            self.client.close()
