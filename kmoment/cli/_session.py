"""What one run of the command was told, and what its commands need: a client, an account."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from ._errors import USAGE, Stop
from ._words import tell

if TYPE_CHECKING:
    from ..auth import Choice
    from ..sync.client import Client
    from ..sync.resources.account import Account
    from ._log import LogLines

_NO_ACCOUNT: Final = "an ad account is missing"
_NO_ACCOUNT_HINT: Final = (
    "`kmoment accounts list` shows yours; then --account ID, KMOMENT_ACCOUNT, "
    "or once and for all `kmoment profile set account ID`"
)
_NO_ACCOUNT_HINT_KO: Final = (
    "`kmoment accounts list`로 광고계정을 확인한 뒤 --account ID를 지정하거나 "
    "`kmoment profile set account ID`로 저장하세요."
)


class Session:
    """One run. The options of the whole program are its attributes."""

    profile: str | None = None
    account: int | None = None
    base_url: str | None = None
    insecure: bool = False
    format: str | None = None
    columns: str | None = None
    excel: bool = False
    yes: bool = False
    dry_run: bool = False
    quiet: bool = False

    under_way: str | None = None
    """What Ctrl-C would leave behind. ``None``: nothing was written."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._log: LogLines | None = None

    @property
    def client(self) -> Client:
        """The client, made when it is first needed."""
        if self._client is None:
            from ..auth import stored
            from ..sync.client import Client

            self.listen()
            self._client = Client(stored(self.profile), base_url=self._url, insecure=self.insecure)
            if self.choice.over_environment:
                self.note(f"--profile {self.profile} is used, not KMOMENT_TOKEN")
        return self._client

    @property
    def _url(self) -> str | None:
        """Where the API is: the option, the environment (``None``), or the profile."""
        profile = self.choice.profile
        if self.base_url or profile is None or os.environ.get("KMOMENT_BASE_URL"):
            return self.base_url
        return profile.base_url

    @cached_property
    def choice(self) -> Choice:
        """Whose token is used, and because of what."""
        from ..auth import choose

        return choose(self.profile)

    @property
    def ad_account_id(self) -> int:
        """The ad account that is known."""
        found = self.known_account
        if found is None:
            raise Stop(_NO_ACCOUNT, USAGE, _NO_ACCOUNT_HINT, _NO_ACCOUNT_HINT_KO)
        return found

    @property
    def known_account(self) -> int | None:
        """The ad account of the option, the environment, or the profile, if any names one."""
        from ..auth._stored import default_account

        return self.account or default_account(self.choice.profile)

    @property
    def ad_account(self) -> Account:
        """The ad account's part of the API."""
        return self.client.account(self.ad_account_id)

    @property
    def who(self) -> str:
        """Whose token it is."""
        profile = self.choice.profile
        return f"profile {profile.name}" if profile else "token of KMOMENT_TOKEN"

    def tree_file(self) -> Path | None:
        """Where the tree of places is kept: one for each server, since codes may differ."""
        from .._validate import is_loopback

        url = urlsplit(self.client.base_url)
        if is_loopback(url.hostname or ""):
            return None  # a sandbox: its port changes, and it answers fast
        from ..auth import folder

        name = re.sub("[^A-Za-z0-9.]+", "-", f"{url.netloc}{url.path}")
        return folder() / f"places-{name}.json"

    def note(self, text: str) -> None:
        """A line for the person, unless ``--quiet``."""
        if not self.quiet:
            tell(text)

    def listen(self) -> None:
        """Tell what the library logs, in the command's way."""
        from ._log import LogLines

        self._log = LogLines(self.note)

    def close(self) -> None:
        """Close the client, if there is one."""
        if self._client is not None:
            self._client.close()
        if self._log is not None:
            self._log.close()


def is_terminal(stream: object) -> bool:
    """Whether a person sits at *stream*."""
    return bool(getattr(stream, "isatty", bool)())


def pass_session(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the session as its first argument."""
    return click.make_pass_decorator(Session)(command)
