"""The handlers of kauth and of tokeninfo: the consent page, the exchange, what a token may do.

KOE codes are Kakao's, by its page on errors of Business Authentication. Kakao shows no sample of
an error, so which of them come as a page and which as a redirect is inferred, and words that begin
with "[sandbox]" are ours.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlencode

from . import _errors
from ._errors import RefusedError
from ._kauth import AGREE, ASK, CREATE, DENY, Consent, granted
from ._reply import LONG, Ask, Grant, Reply, json_reply
from ._world import World

Sent = Mapping[str, Sequence[str]]

_PARAMETERS = {"client_id", "response_type", "redirect_uri", "scope", "resource_ids", "state"}
_EVERY = "moment:*"
_HTML = {"Content-Type": "text/html;charset=UTF-8"}
_FORM = "application/x-www-form-urlencoded"


def authorize(world: World, ask: Ask) -> Reply:
    """The consent page, or where the browser goes from it."""
    sent = _parsed(ask.query_string)
    _check(world, sent)
    consent = world.kauth.consent
    return _form(sent) if consent.mode == ASK else _decided(world, sent, consent)


def decide(world: World, ask: Ask) -> Reply:
    """The form of the consent page was sent. The form is ours, not Kakao's."""
    sent = dict(_parsed(ask.body.decode(errors="replace")))
    scopes, decision = sent.pop("granted", []), _one(sent, "decision")
    sent.pop("decision", None)
    _check(world, sent)
    mode = AGREE if decision == AGREE else DENY
    return _decided(world, sent, Consent(mode, tuple(scopes)))


def exchange(world: World, ask: Ask) -> Reply:
    """A token for a code, once."""
    sent, app = _parsed(ask.body.decode(errors="replace")), world.kauth.app
    if ask.content_type != _FORM or _one(sent, "grant_type") != "authorization_code":
        return _refused(
            "unsupported_grant_type", "grant_type must be authorization_code, in a form"
        )
    if _one(sent, "client_id") != app.client_id:
        return _refused("invalid_client", "there is no such app")
    if app.client_secret not in (None, _one(sent, "client_secret")):
        return _refused("invalid_client", "the client secret is missing or wrong", "KOE010", 401)
    now = world.clock.now()
    grant = world.kauth.redeem(_one(sent, "code"), _one(sent, "redirect_uri"), now)
    if grant is None:
        return _refused(
            "invalid_grant", "the code is unknown, used, too old, or of another address"
        )
    token = world.kauth.issue(grant)
    scope = " ".join(grant.scopes)
    return json_reply({"token_type": "bearer", "access_token": token, "scope": scope})


def token_info(world: World, ask: Ask) -> Reply:
    """What a token may do."""
    grant = world.kauth.admit(ask.authorization, ask.remote)
    accounts = [one for one in world.accounts if grant.covers(one)]
    moment = {"group": "MOMENT", "scope": list(grant.scopes), "ad_account_ids": accounts}
    status = f"{_errors.OURS}alive"
    return json_reply({"status": status, "token_user_id": 1, "biz_agreements": [moment]})


# -- The request for a code -------------------------------------------------------------


def _parsed(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True)


def _one(sent: Sent, name: str) -> str:
    return next(iter(sent.get(name, ())), "")


def _check(world: World, sent: Sent) -> None:
    """Refuse what Kakao refuses: with a page if the address to go back to cannot be trusted."""
    app, uri = world.kauth.app, _one(sent, "redirect_uri")
    if _one(sent, "client_id") != app.client_id:
        raise RefusedError(_page("KOE101", "there is no such app"))
    if not app.knows(uri):
        raise RefusedError(_page("KOE028", "the redirect URI is not registered"))
    if code := _problem(world, sent):
        raise RefusedError(_back(sent, error=_error_of(code), error_description=_words(code)))


def _problem(world: World, sent: Sent) -> str | None:
    scopes, resources = _scopes(sent), list(sent.get("resource_ids", ()))
    if _one(sent, "response_type") != "code":
        return "KOE201"
    if not scopes or not set(scopes) <= set(world.kauth.app.scopes):
        return "KOE232"
    if _are_unsupported(sent) or (CREATE in scopes and resources != [_EVERY]):
        return "KOE233"
    return "KOE236" if world.kauth.is_full else None


def _are_unsupported(sent: Sent) -> bool:
    repeated = any(len(values) > 1 for name, values in sent.items() if name != "resource_ids")
    resources = sent.get("resource_ids", ())
    return repeated or not sent.keys() <= _PARAMETERS or not all(map(_is_resource, resources))


def _is_resource(text: str) -> bool:
    group, _, account = text.partition(":")
    return group == "moment" and (account == "*" or LONG.fullmatch(account) is not None)


def _scopes(sent: Sent) -> tuple[str, ...]:
    return tuple(filter(None, _one(sent, "scope").split(",")))


def _accounts(sent: Sent) -> tuple[int, ...] | None:
    asked = sent.get("resource_ids", ())
    if not asked or _EVERY in asked:
        return None
    return tuple(int(text.partition(":")[2]) for text in asked)


def _decided(world: World, sent: Sent, consent: Consent) -> Reply:
    if consent.mode == DENY:
        return _back(sent, error="access_denied", error_description=f"{_errors.OURS}denied")
    if consent.mode != AGREE:
        words = _words(consent.mode)
        return _back(sent, error=_error_of(consent.mode), error_description=words)
    accounts = _accounts(sent)
    if consent.accounts is not None:
        every = consent.accounts
        accounts = every if accounts is None else tuple(it for it in accounts if it in every)
    grant = Grant(granted(_scopes(sent), consent.scopes), accounts)
    uri = _one(sent, "redirect_uri")
    return _back(sent, code=world.kauth.new_code(grant, uri, world.clock.now()))


# -- Answers ----------------------------------------------------------------------------


def _error_of(code: str) -> str:
    """The word of OAuth for a KOE code. Kakao's are not known."""
    return {"KOE201": "unsupported_response_type", "KOE232": "invalid_scope"}.get(
        code, "invalid_request"
    )


def _words(code: str) -> str:
    return f"{_errors.OURS}refused ({code})"


def _back(sent: Sent, **answer: str) -> Reply:
    state = {"state": _one(sent, "state")} if "state" in sent else {}
    where = f"{_one(sent, 'redirect_uri')}?{urlencode(answer | state)}"
    return Reply(302, headers={"Location": where})


def _refused(error: str, text: str, code: str | None = None, status: int = 400) -> Reply:
    words = {"error": error, "error_description": _errors.OURS + text}
    return json_reply(words | ({"error_code": code} if code else {}), status)


def _page(code: str, text: str) -> Reply:
    page = f"<!doctype html><title>{code}</title><h1>{code}</h1><p>{_errors.OURS}{text}</p>"
    return Reply(400, page.encode(), _HTML)


def _form(sent: Sent) -> Reply:
    hidden = "".join(
        f'<input type=hidden name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, values in sent.items()
        for value in values
    )
    boxes = "".join(
        f'<label><input type=checkbox name=granted value="{html.escape(it)}" checked> '
        f"{html.escape(it)}</label><br>"
        for it in _scopes(sent)
    )
    buttons = f"<button name=decision value={AGREE}>Agree</button>"
    buttons += f"<button name=decision value={DENY}>Deny</button>"
    title = "<!doctype html><meta charset=utf-8><title>kmoment sandbox</title>"
    text = "<h1>[sandbox] Business consent</h1><p>Nothing here reaches Kakao.</p>"
    return Reply(
        200, f"{title}{text}<form method=post>{hidden}{boxes}{buttons}</form>".encode(), _HTML
    )
