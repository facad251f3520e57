"""Kakao's login side without HTTP: the app, codes, tokens, and what the user agrees to.

Kakao publishes neither the answer to a wrong code nor how the user's page looks: both are ours.
https://developers.kakao.com/docs/latest/en/business-auth/rest-api
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

from . import _errors
from ._reply import Grant

MANAGE, CREATE, DELETE = "moment_management", "moment_create", "moment_delete"
SCOPES = (MANAGE, CREATE, DELETE, "moment_bizform_result_read")
# "About 10 minutes", by third-party code.
CODE_LIFE = timedelta(minutes=10)
ASK, AGREE, DENY = "ask", "agree", "deny"
_KOE = re.compile("KOE[0-9]{3}")


@dataclass(frozen=True, slots=True)
class App:
    """The app that is registered with the sandbox's kauth.

    `client_secret=None` is an app whose client secret is switched off. Without `redirect_uris`
    every http address on this machine is registered. `scopes` are the consent items that are set
    up. After `most_tokens` tokens kauth answers KOE236; Kakao's own number is not known.
    """

    client_id: str = "sandbox-rest-api-key"
    client_secret: str | None = "sandbox-client-secret"  # noqa: S105 - it protects nothing
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = SCOPES
    most_tokens: int | None = None

    def knows(self, redirect_uri: str) -> bool:
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        try:
            url = urlsplit(redirect_uri)
            here = url.scheme == "http" and is_loopback(url.hostname or "")
        except ValueError:
            return False
        plain = redirect_uri.isprintable() and not set("?# ") & set(redirect_uri)
        return here and plain  # it becomes a header


DEFAULT_APP = App()


@dataclass(frozen=True, slots=True)
class Consent:
    """What happens at the consent page: a form asks, the user agrees or denies, or a KOE code."""

    mode: str = ASK
    scopes: tuple[str, ...] | None = None
    accounts: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.mode not in (ASK, AGREE, DENY) and not _KOE.fullmatch(self.mode):
            raise ValueError(f"consent must be ask, agree, deny or a KOE code, not {self.mode!r}")


@dataclass(frozen=True, slots=True)
class _Code:
    grant: Grant
    redirect_uri: str
    until: datetime


@dataclass(slots=True)
class Kauth:
    """The state. `tokens` begins with the token that the sandbox prints."""

    app: App
    seed: int
    tokens: dict[str, Grant]
    consent: Consent = field(default_factory=Consent)
    # Addresses that the app allows. Empty: all.
    addresses: tuple[str, ...] = ()
    issued: int = 0
    _codes: dict[str, _Code] = field(default_factory=dict[str, _Code])
    _made: int = 0

    @property
    def is_full(self) -> bool:
        return self.app.most_tokens is not None and self.issued >= self.app.most_tokens

    def new_code(self, grant: Grant, redirect_uri: str, now: datetime) -> str:
        code = self._invented("code")
        self._codes[code] = _Code(grant, redirect_uri, now + CODE_LIFE)
        return code

    def redeem(self, code: str, redirect_uri: str, now: datetime) -> Grant | None:
        """The code's grant. A code is good once, for its redirect URI, until its time is over."""
        found = self._codes.pop(code, None)
        if found is None or found.redirect_uri != redirect_uri or now > found.until:
            return None
        return found.grant

    def issue(self, grant: Grant) -> str:
        token = self._invented("token")
        self.tokens[token] = grant
        self.issued += 1
        return token

    def admit(self, authorization: str | None, address: str | None) -> Grant:
        """What the bearer may do. Refuses unknown tokens, and addresses that are not allowed."""
        grant = self.tokens.get((authorization or "").removeprefix("Bearer "))
        if grant is None or not (authorization or "").startswith("Bearer "):
            raise _errors.unauthorized()
        if self.addresses and address not in self.addresses:
            raise _errors.address_not_allowed(address)
        return grant

    def _invented(self, what: str) -> str:
        self._made += 1
        text = f"kmoment:{self.seed}:{what}:{self._made}"
        return "sandbox-" + sha256(text.encode()).hexdigest()[:32]


def granted(asked: Iterable[str], allowed: Iterable[str] | None) -> tuple[str, ...]:
    """The part of what was asked for that is allowed. None allows all."""
    kept = None if allowed is None else set(allowed)
    return tuple(scope for scope in asked if kept is None or scope in kept)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
