"""One authorization request: the address of the consent page, and what comes back. Pure."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

from .. import _validate
from .._secret import Secret
from ..errors import InvalidArgumentError
from ._blocking import blocking
from ._errors import StateMismatchError
from ._exchange import IssuedToken, exchange
from ._koe import refusal
from ._profiles import KAUTH, MANAGE, kauth_url

CREATE: Final = "moment_create"

Query = Mapping[str, Sequence[str]]


def _id(value: Any) -> str:
    return _validate.text("client_id", value)


def _scopes(value: Any) -> tuple[str, ...]:
    return tuple(_validate.word("scopes", it) for it in _validate.collection("scopes", value) or ())


def _accounts(value: Any) -> tuple[int, ...]:
    return _validate.idents("accounts", value)


def _state() -> str:
    return token_urlsafe(32)


def wrapped(value: Secret | str | None) -> Secret | None:
    """*value* as a secret, if there is one."""
    return None if value is None else Secret.wrap(value)


def _address(value: Any) -> str:
    url = urlsplit(value) if isinstance(value, str) else urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        _validate.refuse("redirect_uri", "an http(s) address without query", value)
    return str(value)


@attrs.frozen(kw_only=True)
class AuthorizationRequest:
    """One login at Kakao, for a web app that owns its redirect address. Opens nothing.

        request = kmoment.auth.AuthorizationRequest(
            client_id="REST_API_KEY",
            client_secret="SECRET",
            redirect_uri="https://app.example.com/kakao/callback",
        )
        print(request.url)  # send the browser there; keep `request` in the user's session

    Afterwards ``code = request.check(redirected)`` and ``request.exchange(code)``.
    """

    client_id: str = attrs.field(converter=_id)
    """The app's REST API key."""
    client_secret: Secret | None = attrs.field(default=None, converter=wrapped)
    """That of Business Authentication, not of Kakao Login. Shown nowhere."""
    redirect_uri: str = attrs.field(converter=_address)
    """As it is registered with the app, letter by letter."""
    scopes: tuple[str, ...] = attrs.field(default=(MANAGE,), converter=_scopes)
    """Consent items that are asked for."""
    accounts: tuple[int, ...] = attrs.field(default=(), converter=_accounts)
    """Ad accounts that are asked for. Empty: all. With ``moment_create``: always all."""
    kauth_url: str = attrs.field(default=KAUTH, converter=kauth_url)
    state: str = attrs.field(factory=_state)
    """What proves that an answer belongs to this request."""

    @property
    def url(self) -> str:
        """The address of the consent page."""
        asked = [
            ("client_id", self.client_id),
            ("response_type", "code"),
            ("redirect_uri", self.redirect_uri),
            ("scope", ",".join(self.scopes)),
            *(("resource_ids", it) for it in self.resource_ids),
            ("state", self.state),
        ]
        return f"{self.kauth_url}/oauth/business/authorize?{urlencode(asked)}"

    @property
    def resource_ids(self) -> tuple[str, ...]:
        """The ad accounts as Kakao takes them: with ``moment_create`` it takes only all."""
        if CREATE in self.scopes or not self.accounts:
            return ("moment:*",)
        return tuple(f"moment:{account}" for account in self.accounts)

    def check(self, redirected: str) -> Secret:
        """The code in the address that the browser ended on. ``state`` is compared first.

        :raises StateMismatchError: It is the answer to another request, or to none.
        :raises LoginRefusedError: Kakao or the user refused.
        :raises InvalidArgumentError: It has neither a code nor an error.
        """
        if not isinstance(redirected, str):
            _validate.refuse("redirected", "an address", redirected, secret=True)
        return self.check_query(_query(redirected))

    def check_query(self, query: Secret) -> Secret:
        """The code in a query that is parsed already: each name with its values."""
        if not self._is_mine(query.reveal().get("state", ())):
            raise StateMismatchError
        if "error" in query.reveal():
            raise refusal(
                *(_first(query, it) for it in ("error", "error_description", "error_code"))
            )
        code = Secret(_first(query, "code"))
        if not code.reveal():
            raise InvalidArgumentError("redirected", "must have a code or an error")
        return code

    def _is_mine(self, states: Sequence[str]) -> bool:
        """Whether it has this request's state, once. Takes the same time for every wrong one."""
        return len(states) == 1 and hmac.compare_digest(
            states[0].encode(errors="replace"), self.state.encode()
        )

    async def exchange_async(self, code: Secret | str) -> IssuedToken:
        """Exchange the code for a token: once, for a code is good for one exchange.

        :raises LoginRefusedError: Kakao refused. No token was issued.
        :raises LoginOutcomeUnknownError: No usable answer came. A token may have been issued.
        :raises APIConnectionError: There was no connection, and nothing was sent.
        """
        hidden, code = Secret.wrap(code), ""
        return await exchange(self.kauth_url, self._form(hidden))

    def exchange(self, code: Secret | str) -> IssuedToken:
        """Exchange the code for a token, as :meth:`exchange_async` does, and wait for it.

        :raises WrongLoopError: In a running event loop: await ``exchange_async``.
        """
        hidden, code = Secret.wrap(code), ""
        return blocking(self.exchange_async)(hidden)

    def _form(self, code: Secret) -> Secret:
        """What is sent for a token."""
        own = self.client_secret
        return Secret(
            {
                "grant_type": "authorization_code",
                "client_id": self.client_id,
                "redirect_uri": self.redirect_uri,
                "code": code.reveal(),
            }
            | ({} if own is None else {"client_secret": own.reveal()})
        )


def _query(address: str) -> Secret:
    try:
        text = Secret(urlsplit(address).query)
        return Secret(parse_qs(text.reveal(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return Secret({})


def _first(query: Secret, name: str) -> str | None:
    found: Iterable[str] = query.reveal().get(name, ())
    return next(iter(found), None)
