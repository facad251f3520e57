"""The sandbox's login side, as any HTTP client sees it: consent, codes, tokens, scopes."""

import json
import re
import warnings
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

import kmoment
from helpers.logins import get, redirected
from kmoment.sandbox import App, Fault, Sandbox

CALLBACK = "http://localhost:8765/callback"


def parameters(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    given = {
        "client_id": sandbox.app.client_id,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "moment_management,moment_create",
        "resource_ids": "moment:*",
        "state": "abc",
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def authorize_url(sandbox: Sandbox, **changes: Any) -> str:
    query = urlencode(parameters(sandbox, **changes), doseq=True)
    return f"{sandbox.url}/oauth/business/authorize?{query}"


def answered(sandbox: Sandbox, **changes: Any) -> dict[str, str]:
    """The query that the browser is sent back with."""
    return dict(parse_qsl(urlsplit(redirected(authorize_url(sandbox, **changes))).query))


def fetch(url: str, data: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any]:
    body = None if data is None else urlencode(data, doseq=True).encode()
    try:
        with urlopen(Request(url, body, headers)) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def exchange(sandbox: Sandbox, code: str, **changes: Any) -> tuple[int, Any]:
    given = {
        "grant_type": "authorization_code",
        "client_id": sandbox.app.client_id,
        "client_secret": sandbox.app.client_secret,
        "redirect_uri": CALLBACK,
        "code": code,
    }
    sent = {name: value for name, value in {**given, **changes}.items() if value is not None}
    return fetch(f"{sandbox.url}/oauth/business/token", sent)


def token_info(sandbox: Sandbox, token: str) -> tuple[int, Any]:
    return fetch(f"{sandbox.url}/v1/business/tokeninfo", Authorization=f"Bearer {token}")


def control(sandbox: Sandbox, method: str, path: str, value: Any = None) -> Any:
    body = None if value is None else json.dumps(value).encode()
    with urlopen(Request(f"{sandbox.url}/_sandbox{path}", body, method=method)) as answer:
        return json.load(answer)


NO_ADDRESSES = (
    *("http://[", "http://[::1", "http://[x]/", "http://]", "http:///", "http://localhost#[", ""),
    *(f"http://localhost/{text}" for text in ("\r\nX: y", "\n", "\0", " ", "\x7f")),
)
"""Texts that are no address, or that no header can hold."""


# -- Codes ------------------------------------------------------------------------------


def test_a_code_and_its_token(place: Sandbox) -> None:
    """The answer has three members, scopes with blanks, and neither expiry nor refresh token."""
    back = answered(place)
    assert back["state"] == "abc"
    status, answer = exchange(place, back["code"])
    assert status == 200
    token = answer.pop("access_token")
    assert answer == {"token_type": "bearer", "scope": "moment_management moment_create"}
    status, info = token_info(place, token)
    assert info["biz_agreements"] == [
        {
            "group": "MOMENT",
            "scope": ["moment_management", "moment_create"],
            "ad_account_ids": [1234, 5678],
        }
    ]
    assert place.tokens()[-1] == {
        "scopes": ("moment_management", "moment_create"),
        "accounts": None,
    }


def test_a_code_is_good_once(place: Sandbox) -> None:
    """A second exchange is refused, and so is a code of nobody."""
    code = answered(place)["code"]
    assert exchange(place, code)[0] == 200
    for again in (code, "other"):
        status, answer = exchange(place, again)
        assert (status, answer["error"]) == (400, "invalid_grant")
    assert place.tokens()[2:] == []


def test_a_code_ends_after_ten_minutes(place: Sandbox) -> None:
    """By the sandbox's clock."""
    code = answered(place)["code"]
    place.advance(601)
    assert exchange(place, code)[1]["error"] == "invalid_grant"


def test_a_code_belongs_to_its_redirect_uri(place: Sandbox) -> None:
    """With another one the exchange is refused, and the code is used up."""
    code = answered(place)["code"]
    assert exchange(place, code, redirect_uri=f"{CALLBACK}/")[0] == 400
    assert exchange(place, code)[0] == 400


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({"client_secret": None}, 401, {"error": "invalid_client", "error_code": "KOE010"}),
        ({"client_secret": "x"}, 401, {"error": "invalid_client", "error_code": "KOE010"}),
        ({"client_id": "x"}, 400, {"error": "invalid_client"}),
        ({"grant_type": "refresh_token"}, 400, {"error": "unsupported_grant_type"}),
    ],
)
def test_refused_exchanges(
    place: Sandbox, changes: dict[str, Any], status: int, expected: dict[str, str]
) -> None:
    """kauth's own form of errors, with a KOE code only where one is known."""
    code = answered(place)["code"]
    found, answer = exchange(place, code, **changes)
    assert answer.pop("error_description").startswith("[sandbox]")
    assert (found, answer) == (status, expected)
    assert exchange(place, code)[0] == 200  # the code is still good


def test_the_form_of_the_exchange(place: Sandbox) -> None:
    """The body is a form: JSON is refused."""
    request = Request(f"{place.url}/oauth/business/token", b"{}", {"Content-Type": "text/json"})
    with pytest.raises(HTTPError) as caught, urlopen(request):
        pass
    with caught.value as error:
        assert json.load(error)["error"] == "unsupported_grant_type"


# -- The authorize step -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "KOE201"),
        ({"scope": "moment_management,unknown"}, "KOE232"),
        ({"scope": None}, "KOE232"),
        ({"resource_ids": "moment:1234"}, "KOE233"),
        ({"resource_ids": None}, "KOE233"),
        ({"resource_ids": ["moment:1,moment:2"], "scope": "moment_management"}, "KOE233"),
        ({"resource_ids": "keyword:1", "scope": "moment_management"}, "KOE233"),
        ({"resource_ids": f"moment:{'1' * 5000}", "scope": "moment_management"}, "KOE233"),
        ({"code_challenge": "x"}, "KOE233"),
        ({"access_type": "offline"}, "KOE233"),
        ({"state": ["a", "b"]}, "KOE233"),
    ],
)
def test_refused_requests_for_a_code(place: Sandbox, changes: dict[str, Any], code: str) -> None:
    """The browser is sent back with an error that has Kakao's code."""
    back = answered(place, **changes)
    assert code in back["error_description"]
    assert "code" not in back


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": "x"}, "KOE101"),
        ({"redirect_uri": "http://evil.example/"}, "KOE028"),
        ({"redirect_uri": f"{CALLBACK}?a=b"}, "KOE028"),
        *(({"redirect_uri": uri}, "KOE028") for uri in NO_ADDRESSES),
    ],
)
def test_where_nobody_is_sent_back(place: Sandbox, changes: dict[str, Any], code: str) -> None:
    """Without a known app and address the error is a page."""
    status, page = get(authorize_url(place, **changes))
    assert status == 400
    assert code in page


def test_registered_redirect_uris() -> None:
    """If some are named, only these are known, letter by letter."""
    with Sandbox(app=App(redirect_uris=(CALLBACK,))) as place:
        place.set_consent("agree")
        assert "code" in answered(place)
        assert "KOE028" in get(authorize_url(place, redirect_uri=f"{CALLBACK}/"))[1]


def test_too_many_tokens() -> None:
    """After the number of the app, KOE236."""
    with Sandbox(app=App(most_tokens=1)) as place:
        place.set_consent("agree")
        assert exchange(place, answered(place)["code"])[0] == 200
        assert "KOE236" in answered(place)["error_description"]


def test_an_app_without_client_secret() -> None:
    """Its exchange needs none."""
    with Sandbox(app=App(client_secret=None)) as place:
        place.set_consent("agree")
        assert exchange(place, answered(place)["code"], client_secret=None)[0] == 200


def test_state_is_optional(place: Sandbox) -> None:
    """Who sends none gets none back."""
    assert answered(place, state=None).keys() == {"code"}


# -- Consent ----------------------------------------------------------------------------


def test_the_consent_page_asks(place: Sandbox) -> None:
    """By default a form shows the consent items; what is ticked is what the token may do."""
    place.set_consent("ask")
    status, page = get(authorize_url(place, state='"><b>'))
    assert status == 200
    assert "&quot;&gt;&lt;b&gt;" in page
    boxes = re.findall(r'name=granted value="(\w+)"', page)
    assert boxes == ["moment_management", "moment_create"]
    url = f"{place.url}/oauth/business/authorize"
    for decision, expected in (("agree", "code"), ("deny", "error"), ("", "error")):
        sent = parameters(place, granted="moment_management", decision=decision)
        status, back = post_form(url, sent)
        assert status == 302
        assert expected in back
    assert "KOE101" in post_form(url, parameters(place, client_id="x", decision="agree"))[1]


def post_form(url: str, sent: dict[str, Any]) -> tuple[int, Any]:
    """The status, and the query of the address to go back to, or the page."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", parts.path, urlencode(sent, doseq=True), headers)
        answer = connection.getresponse()
        if "Location" not in answer.headers:
            return answer.status, answer.read().decode()
        return answer.status, parse_qs(urlsplit(answer.headers["Location"]).query)


def test_the_user_agrees_to_less(place: Sandbox) -> None:
    """Fewer scopes and fewer accounts than asked for."""
    place.set_consent("agree", scopes=["moment_management"], accounts=[5678])
    token = exchange(place, answered(place)["code"])[1]["access_token"]
    (moment,) = token_info(place, token)[1]["biz_agreements"]
    assert (moment["scope"], moment["ad_account_ids"]) == (["moment_management"], [5678])
    asked = {"scope": "moment_management", "resource_ids": ["moment:1234", "moment:5678"]}
    token = exchange(place, answered(place, **asked)["code"])[1]["access_token"]
    assert token_info(place, token)[1]["biz_agreements"][0]["ad_account_ids"] == [5678]


def test_the_user_denies(place: Sandbox) -> None:
    """An error of OAuth, with the state."""
    place.set_consent("deny")
    assert answered(place)["error"] == "access_denied"
    place.set_consent("KOE027")
    assert "KOE027" in answered(place)["error_description"]
    with pytest.raises(ValueError, match="consent must be"):
        place.set_consent("maybe")


# -- What a token may do ----------------------------------------------------------------


def test_scopes_decide_what_a_token_may_do(place: Sandbox) -> None:
    """Creating and deleting need their own consent items; -402 names those that are missing."""
    token = place.issue_token(["moment_management"])
    draft = kmoment.AudienceDraft.display("x")
    with kmoment.Client(token, base_url=place.url, reconcile_delays=()) as moment:
        audiences = moment.account(1234).audiences
        first = audiences.list()[0].id
        with pytest.raises(kmoment.ConsentRequiredError) as creating:
            audiences.create(draft)
        with pytest.raises(kmoment.ConsentRequiredError) as deleting:
            audiences.delete(first)
    assert creating.value.required_scopes == ("moment_create",)
    assert deleting.value.required_scopes == ("moment_delete",)
    refused = pytest.raises(kmoment.ConsentRequiredError, match="402")
    with kmoment.Client(place.issue_token([]), base_url=place.url) as moment, refused:
        moment.accounts.list()


def test_accounts_decide_what_a_token_sees(place: Sandbox) -> None:
    """Other accounts are not listed, and are refused."""
    token = place.issue_token(accounts=[5678])
    with kmoment.Client(token, base_url=place.url) as moment:
        assert [row.id for row in moment.accounts.list()] == [5678]
        assert moment.account(5678).audiences.list()
        with pytest.raises(kmoment.PermissionDeniedError):
            moment.account(1234).audiences.list()


def test_addresses_decide_from_where(place: Sandbox) -> None:
    """Another address gets -401 with Kakao's words, on the API and for the token's information."""
    place.allow_addresses("192.0.2.1")
    with kmoment.Client(place.token, base_url=place.url) as moment:
        with pytest.raises(kmoment.AddressNotAllowedError, match="ip mismatched!"):
            moment.accounts.list()
        assert token_info(place, place.token)[1]["code"] == -401
        place.allow_addresses("192.0.2.1", "127.0.0.1")
        assert moment.accounts.list()


def test_a_token_is_revoked(place: Sandbox) -> None:
    """The next call with it is refused, with the sandbox's first token too."""
    place.revoke_token(place.token)
    assert token_info(place, place.token)[0] == 401
    with pytest.raises(ValueError, match="no such token"):
        place.revoke_token(place.token)
    place.reset()
    assert token_info(place, place.token)[0] == 200


def test_who_has_no_bearer(place: Sandbox) -> None:
    """A token without the word Bearer is none."""
    url = f"{place.url}/v1/business/tokeninfo"
    assert fetch(url)[1]["code"] == -401
    assert fetch(url, Authorization=place.token)[1]["code"] == -401


# -- Control ----------------------------------------------------------------------------


def test_control_over_http(place: Sandbox) -> None:
    """Consent, addresses and tokens can be set from another language."""
    control(place, "PUT", "/consent", {"mode": "agree", "scopes": ["moment_management"]})
    assert "code" in answered(place)
    token = control(place, "POST", "/tokens", {"scopes": ["moment_management"]})["token"]
    assert control(place, "GET", "/tokens")["tokens"][-1]["scopes"] == ["moment_management"]
    control(place, "PUT", "/addresses", {"addresses": ["192.0.2.1"]})
    assert token_info(place, token)[0] == 401
    control(place, "PUT", "/addresses", {"addresses": []})
    control(place, "DELETE", "/tokens", {"token": token})
    assert token_info(place, token)[0] == 401
    assert control(place, "GET", "")["app"]["client_id"] == place.app.client_id


def test_faults_and_log_of_the_login(place: Sandbox) -> None:
    """A lost answer issues the token all the same; the log hides code and client secret."""
    place.add_fault(Fault("kauth.token", "drop_after", times=1))
    code = answered(place)["code"]
    with pytest.raises(OSError, match=r"closed|reset"):
        exchange(place, code)
    assert len(place.tokens()) == 2
    (entry,) = [it for it in place.requests() if it["endpoint"] == "kauth.token"]
    assert (entry["fault"], entry["acted"]) == ("drop_after", True)
    assert "code=***&" in entry["body"].replace("client_secret=***&", "") + "&"
    for secret in (code, str(place.app.client_secret)):
        assert secret not in f"{place.requests()}"


def test_tokens_follow_from_the_seed() -> None:
    """Two sandboxes with one seed issue the same tokens; another seed, others."""
    tokens = []
    for seed in (1, 1, 2):
        with Sandbox(seed=seed) as place:
            tokens.append(place.issue_token())
    assert tokens[0] == tokens[1] != tokens[2]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "sandbox.example"])
def test_an_open_address_is_warned_of(host: str) -> None:
    """Whoever reaches the sandbox controls it."""
    with pytest.warns(RuntimeWarning, match="can control it"):
        Sandbox(host=host)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for near in ("127.0.0.1", "localhost", "::1"):
            Sandbox(host=near)
