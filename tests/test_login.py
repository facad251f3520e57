"""A login loses no token, whatever a browser, a port, a store or Kakao does."""

import asyncio
import logging
import os
import queue
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import kmoment
from helpers.logins import (
    Browser,
    asked,
    get,
    login,
    redirected,
    settings,
    uri,
)
from helpers.programs import free_port
from kmoment import auth
from kmoment._secret import Secret
from kmoment.auth import _browser, _exchange
from kmoment.sandbox import App, Fault, Sandbox
from test_client import with_locals

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exchange, "_PAUSE_SECONDS", 0)


def stored_token(profile: str = "agency") -> str:
    return auth.stored(profile)()


# -- The way that goes well -------------------------------------------------------------


def test_a_login_by_callback(place: Sandbox) -> None:
    """The token is stored, works in both clients, and the page says that the login is done."""
    browser = Browser()
    done = login(place, open_browser=browser)
    assert browser.done.wait(10)
    assert (done.issued, done.saved, done.problems, done.refused_scopes) == (True, True, (), ())
    assert done.info is not None
    assert done.info == auth.token_info(done.token, kapi_url=place.url)
    assert done.info.ad_account_ids == (1234, 5678)
    ((status, page),) = browser.pages
    assert status == 200
    assert "You are logged in" in page
    assert stored_token() == done.token.reveal()
    with kmoment.Client(auth.stored("agency"), base_url=place.url) as moment:
        assert len(moment.accounts.list()) == 2

    async def list_accounts() -> int:
        stored = auth.stored("agency")
        async with kmoment.AsyncClient(stored, base_url=place.url) as client:
            return len(await client.accounts.list())

    assert asyncio.run(list_accounts()) == 2


def test_a_login_by_pasted_address(place: Sandbox) -> None:
    """A pasted address counts while the listener waits; a wrong one is told, and goes on."""
    lines: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []

    def show(line: str) -> None:
        said.append(line)
        if line.startswith("http"):
            for pasted in ("nonsense", " ", "http://localhost/?code=1&state=2"):
                lines.put(pasted)
            lines.put(f" <{redirected(line)}>\n")

    done = login(place, open_browser=None, show=show, read_pasted=lines.get)
    lines.put(None)
    assert done.saved
    assert sum("not the address" in line for line in said) == 2


@pytest.mark.parametrize("end", [None, EOFError()])
def test_the_callback_counts_when_nothing_more_is_pasted(
    place: Sandbox, end: EOFError | None
) -> None:
    """The end of what is pasted does not end the login."""

    def read() -> str | None:
        if end is not None:
            raise end
        return None

    assert login(place, read_pasted=read).saved


def test_a_pasted_refusal(place: Sandbox) -> None:
    """A pasted address with Kakao's error and the right state ends the login."""
    place.set_consent("deny")
    lines: queue.Queue[str] = queue.Queue()
    with pytest.raises(auth.LoginRefusedError):
        login(
            place,
            open_browser=None,
            show=lambda line: lines.put(redirected(line)) if line.startswith("http") else None,
            read_pasted=lines.get,
        )
    lines.put("")


def test_what_a_login_asks_for(place: Sandbox) -> None:
    """Scopes with commas, accounts as repeated parameters, all of them with moment_create."""
    browser = Browser()
    login(place, accounts=[1234, 5678], allow=["delete"], open_browser=browser)
    login(place, accounts=[1234], allow=["create"], open_browser=browser)
    narrow, wide = (parse_qs(urlsplit(it).query) for it in browser.addresses)
    assert narrow["resource_ids"] == ["moment:1234", "moment:5678"]
    assert narrow["scope"] == ["moment_management,moment_delete"]
    assert wide["resource_ids"] == ["moment:*"]
    assert (
        narrow.keys()
        == wide.keys()
        == {*("client_id", "response_type", "redirect_uri", "scope", "resource_ids", "state")}
    )
    assert narrow["state"] != wide["state"]


def test_settings_come_from_the_environment_and_the_profile(
    place: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not given is taken from the environment, then from the saved profile."""
    taken, free = free_port(), free_port()
    monkeypatch.setenv("KMOMENT_CLIENT_ID", place.app.client_id)
    monkeypatch.setenv("KMOMENT_CLIENT_SECRET", str(place.app.client_secret))
    monkeypatch.setenv("KMOMENT_REDIRECT_URI", f"{uri(taken)} {uri(free)}")
    monkeypatch.setenv("KMOMENT_BASE_URL", place.url)
    first = auth.login("agency", show=print, open_browser=Browser())
    assert first.profile.redirect_uris == (uri(taken), uri(free))
    for name in ("CLIENT_ID", "REDIRECT_URI", "BASE_URL"):
        monkeypatch.delenv(f"KMOMENT_{name}")
    again = auth.login("agency", show=print, open_browser=Browser(), force=True)
    assert again.profile == first.profile == auth.profile("agency")
    assert auth.default_profile() == "agency"


# -- What a browser and other pages do --------------------------------------------------


def test_what_is_not_from_this_login_leaves_it_alive(place: Sandbox) -> None:
    """A favicon, a silent connection, a wrong or no state get 400, and the login goes on."""
    with ExitStack() as held:

        def bother(address: str) -> None:
            target = parse_qs(urlsplit(address).query)["redirect_uri"][0]
            state = parse_qs(urlsplit(address).query)["state"][0]
            port = urlsplit(target).port
            held.enter_context(socket.create_connection(("127.0.0.1", port)))
            root = f"http://127.0.0.1:{port}"
            for strange in (
                f"{root}/favicon.ico",
                f"{target}?code=1&state=wrong",
                f"{target}?code=1",
                f"{target}?error=access_denied",
                f"{target}?state={state}",
                f"{target}?state={state}&state={state}&code=1",
                f"{root}/elsewhere?state={state}&code=1",
                f"{target}?code=1&state=%ff%00",
            ):
                assert get(strange)[0] == 400
            assert get(f"{target}?code=1&state={state}", "POST")[0] == 400
            assert get(f"{target}?code=1&state={state}", "HEAD")[0] == 400

        browser = Browser(bother)
        assert login(place, open_browser=browser).saved
        assert browser.done.wait(10)
        assert browser.pages[0][0] == 200


def test_both_loopbacks_are_listened_on(place: Sandbox) -> None:
    """A browser that takes localhost for ::1 arrives too."""
    port = free_port()
    try:
        with closing(socket.socket(socket.AF_INET6)) as one:
            one.bind(("::1", port))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    for host in ("127.0.0.1", "[::1]"):
        at = f"http://{host}:{port}/callback"
        assert login(place, redirect_uris=[at], force=True).issued


def test_the_user_denies(place: Sandbox) -> None:
    """The error has Kakao's word and what to do, and the page says so, with its HTML escaped."""
    place.set_consent("deny")
    browser = Browser()
    with pytest.raises(auth.LoginRefusedError, match="did not agree") as caught:
        login(place, open_browser=browser)
    assert browser.done.wait(10)
    assert caught.value.code == "access_denied"
    assert "동의" in caught.value.hint_ko
    assert browser.pages[0][0] == 400
    assert "logged in" not in browser.pages[0][1]
    assert not auth.profiles()


def test_pages_escape_what_they_repeat(place: Sandbox) -> None:
    """Words from outside are text on the page, and one line in the error."""
    pages: list[str] = []

    def attack(address: str) -> None:
        asked = parse_qs(urlsplit(address).query)
        words = "error=x&error_description=%3Cscript%3E%0A%1B[31m"
        pages.append(get(f"{asked['redirect_uri'][0]}?{words}&state={asked['state'][0]}")[1])

    browser = Browser(attack)
    with pytest.raises(auth.LoginRefusedError) as caught:
        login(place, open_browser=browser)
    assert browser.done.wait(10)
    assert "&lt;script&gt;" in pages[0]
    assert caught.value.description == "<script> [31m"


@pytest.mark.parametrize("code", ["KOE025", "KOE236", "KOE999"])
def test_kakao_refuses(place: Sandbox, code: str) -> None:
    """A KOE code in Kakao's words is the error's code, known or not."""
    place.set_consent(code)
    with pytest.raises(auth.LoginRefusedError) as caught:
        login(place)
    assert caught.value.code == code
    assert caught.value.hint
    assert caught.value.hint_ko


def test_nobody_comes_back(place: Sandbox) -> None:
    """The error says how many requests came that were not from this login."""

    def strange(address: str) -> None:
        get(f"{parse_qs(urlsplit(address).query)['redirect_uri'][0]}?state=1")

    with pytest.raises(auth.LoginTimeoutError, match="1 requests came") as caught:
        login(place, open_browser=strange, timeout=1)
    assert caught.value.foreign == 1
    with pytest.raises(TimeoutError, match=r"no consent within 0 s$"):
        login(place, open_browser=None, timeout=0.1)


def test_only_the_first_answer_counts(place: Sandbox) -> None:
    """A second code or an error that comes during the exchange changes nothing."""
    place.add_fault(Fault("kauth.token", "delay", delay=0.3))
    pages: queue.Queue[tuple[int, str]] = queue.Queue()

    def more(address: str) -> None:
        asked = parse_qs(urlsplit(address).query)
        target = f"{asked['redirect_uri'][0]}?state={asked['state'][0]}"
        threading.Thread(target=lambda: pages.put(get(redirected(address)))).start()
        while not any(it["endpoint"] == "kauth.token" for it in place.requests()):
            threading.Event().wait(0.01)
        threading.Thread(target=lambda: pages.put(get(f"{target}&code=other"))).start()
        pages.put(get(f"{target}&error=access_denied"))

    assert login(place, open_browser=more).saved
    for _ in range(3):
        status, page = pages.get(timeout=10)
        assert (status, "You are logged in" in page) == (200, True)


# -- Ports ------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ports_that_are_taken(place: Sandbox, host: str) -> None:
    """The first free registered port is used; if all are taken on either loopback, nothing is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as other:
        try:
            other.bind((host, 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(auth.RedirectPortInUseError, match=str(taken)) as caught:
            login(place, redirect_uris=[uri(taken)])
        assert caught.value.ports == (taken,)
        assert not place.requests()
        assert login(place, redirect_uris=[uri(taken), uri(free_port())]).saved


def test_a_machine_without_ipv6(place: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One loopback is enough where there is only one."""
    from kmoment.auth import _listener

    absent = (socket.AF_INET6, "2001:db8::1")  # an address that no machine has
    monkeypatch.setattr(_listener, "_LOOPBACKS", (_listener._LOOPBACKS[0], absent))
    assert login(place).saved


# -- The store --------------------------------------------------------------------------


def test_a_store_that_does_not_work_is_found_before_the_consent(place: Sandbox, home: Path) -> None:
    """With a file in the place of the folder no browser opens and nothing is sent."""
    home.write_text("x")
    browser = Browser()
    with pytest.raises(auth.CredentialStoreError, match="home") as caught:
        login(place, open_browser=browser)
    assert caught.value.store == "file"
    assert not browser.addresses
    assert not place.requests()


def test_the_store_breaks_after_the_consent(place: Sandbox, home: Path) -> None:
    """The token goes to a file that only its owner can read, and a loud line says where."""
    said: list[str] = []

    def break_it(_: str) -> None:
        (home / "credentials.json").unlink()
        (home / "credentials.json").mkdir()

    browser = Browser(break_it)
    done = login(place, open_browser=browser, show=said.append)
    assert browser.done.wait(10)
    assert (done.issued, done.saved) == (True, False)
    assert done.rescued is not None
    assert stat.S_IMODE(done.rescued.stat().st_mode) == 0o600
    assert done.token.reveal() in done.rescued.read_text()
    assert any("ATTENTION" in line and str(done.rescued) in line for line in said)
    assert done.problems
    assert "could not be stored" in browser.pages[0][1]


def test_the_profile_cannot_be_saved_after_the_consent(place: Sandbox, home: Path) -> None:
    """The token is stored all the same, and that is told."""

    def break_it(_: str) -> None:
        (home / "config.toml").unlink()
        (home / "config.toml").mkdir()

    done = login(place, open_browser=Browser(break_it))
    assert done.saved
    assert "config.toml" in done.problems[0]
    assert done.token.reveal() in (home / "credentials.json").read_text()


def test_nobody_can_be_told(place: Sandbox, home: Path) -> None:
    """A terminal that has gone away does not lose the token."""

    def break_it(_: str) -> None:
        (home / "credentials.json").unlink()
        (home / "credentials.json").mkdir()

    def show(line: str) -> None:
        if line.startswith("ATTENTION"):
            raise BrokenPipeError

    assert login(place, open_browser=Browser(break_it), show=show).rescued is not None


@pytest.mark.parametrize("anywhere", [True, False])
def test_the_folder_vanishes_after_the_consent(
    place: Sandbox, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anywhere: bool
) -> None:
    """The token goes to the home folder; if no place is left, the result still has it."""
    blocked = tmp_path / "blocked"
    blocked.write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path if anywhere else blocked / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(blocked / "tmp"))

    def break_it(_: str) -> None:
        home.rename(tmp_path / "away")
        home.write_text("x")

    done = login(place, open_browser=Browser(break_it))
    assert (done.rescued.parent if done.rescued else None) == (tmp_path if anywhere else None)
    assert len(place.tokens()) == 2  # one is the sandbox's own
    assert auth.token_info(done.token, kapi_url=place.url).scopes == ("moment_management",)


def test_two_logins_of_one_profile(place: Sandbox) -> None:
    """The second is refused at once, and costs no token."""
    seen: list[Exception] = []

    def again(_: str) -> None:
        try:
            login(place)
        except auth.LoginInProgressError as error:
            seen.append(error)

    assert login(place, open_browser=Browser(again)).saved
    assert "agency" in str(seen[0])
    assert asked(place).count("kauth.token") == 1


def test_two_logins_at_once_of_two_profiles(place: Sandbox) -> None:
    """Both tokens are there afterwards, from two processes with the same redirect URIs."""
    ports = [free_port(), free_port()]
    code = """
import sys
from helpers.logins import Browser, login, uri
from types import SimpleNamespace
url, profile, *ports = sys.argv[1:]
app = SimpleNamespace(client_id="sandbox-rest-api-key", client_secret="sandbox-client-secret")
place = SimpleNamespace(url=url, app=app)
assert login(place, profile, redirect_uris=[uri(int(port)) for port in ports]).saved
"""
    names = ("one", "two")
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, place.url, name, *map(str, ports)],
            cwd=Path(__file__).parent,
        )
        for name in names
    ]
    assert [run.wait(40) for run in runs] == [0, 0]
    assert len({stored_token(name) for name in names}) == 2
    assert {it.name for it in auth.profiles()} == {*names}


# -- The exchange -----------------------------------------------------------------------

LOST = {
    "answer lost": Fault("kauth.token", "drop_after"),
    "request lost": Fault("kauth.token", "drop_before"),
    "reset": Fault("kauth.token", "reset"),
    "cut off": Fault("kauth.token", "truncate"),
    "damaged": Fault("kauth.token", "bad_json"),
    "a portal": Fault("kauth.token", "html"),
    "a list": Fault("kauth.token", "status", status=200, body=[1]),
    "no token": Fault("kauth.token", "status", status=200, body={"access_token": ""}),
    "a gateway": Fault("kauth.token", "status", status=502, body="<html>"),
    "a fault": Fault("kauth.token", "status", status=500, body={"error": "server_error"}),
    "elsewhere": Fault("kauth.token", "status", status=307, headers={"Location": "/"}),
    "a proxy": Fault("kauth.token", "status", status=403, body="<html>"),
}


@pytest.mark.parametrize("kind", LOST)
def test_the_answer_of_the_exchange_is_lost(place: Sandbox, kind: str) -> None:
    """The code is sent once, and the error says that a token may have been issued."""
    place.add_fault(LOST[kind])
    browser = Browser()
    with pytest.raises(auth.LoginOutcomeUnknownError, match="token list"):
        login(place, open_browser=browser)
    assert browser.done.wait(10)
    assert asked(place).count("kauth.token") == 1
    assert "nobody knows" in browser.pages[0][1]


def test_no_answer_in_time(place: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent kauth ends the login with the same error."""
    monkeypatch.setattr(_exchange, "SECONDS", 0.3)
    place.add_fault(Fault("kauth.token", "delay", delay=5))
    with pytest.raises(auth.LoginOutcomeUnknownError, match="in time"):
        login(place)


def test_the_client_secret_is_wrong(place: Sandbox) -> None:
    """Kakao's KOE010 is told with what to do. The secret is not told."""
    with pytest.raises(auth.LoginRefusedError, match="KOE010") as caught:
        login(place, client_secret=Secret("can" + "ary"))
    told = with_locals(caught.value)
    assert "can" + "ary" not in told
    with pytest.raises(auth.LoginRefusedError, match="KOE010"):
        login(place, client_secret="")


def test_an_answer_that_repeats_the_request(place: Sandbox) -> None:
    """The code and the client secret are taken out of the server's words."""
    words = f"bad secret {place.app.client_secret}"
    body = {"error": "invalid_client", "error_description": words, "error_code": 7}
    place.add_fault(Fault("kauth.token", "status", status=400, body=body))
    with pytest.raises(auth.LoginRefusedError) as caught:
        login(place)
    assert caught.value.description == "bad secret ***"
    assert caught.value.code == "invalid_client"


def test_an_app_without_client_secret() -> None:
    """An empty client secret is none."""
    with Sandbox(app=App(client_secret=None)) as place:
        place.set_consent("agree")
        assert login(place, client_secret="").saved


def test_kauth_cannot_be_reached(place: Sandbox, no_pause: None) -> None:
    """That is found before the consent: no browser opens."""
    browser = Browser()
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(kmoment.APIConnectionError, match="refused") as caught:
        login(place, base_url=nowhere, open_browser=browser)
    assert caught.value.request_sent is False
    assert not browser.addresses


def test_fewer_scopes_than_asked(place: Sandbox) -> None:
    """The token is kept, and what was refused is told."""
    place.set_consent("agree", scopes=["moment_management"], accounts=[5678])
    done = login(place, allow=["delete"])
    assert done.saved
    assert done.refused_scopes == ("moment_delete",)
    assert done.info is not None
    assert done.info.ad_account_ids == (5678,)
    status = auth.status("agency")
    assert (status.state, status.missing_scopes) == ("ok", ("moment_delete",))


@pytest.mark.parametrize("status", [400, 401])
def test_the_token_cannot_be_looked_at(place: Sandbox, status: int) -> None:
    """A failure after the token was saved is a problem that is told, not an error."""
    body = {"code": -401 if status == 401 else -2, "msg": "no"}
    place.add_fault(Fault("kauth.token_info", "status", status=status, body=body))
    done = login(place)
    assert done.saved
    assert done.info is None
    assert done.scopes == ("moment_management",)
    assert len(done.problems) == 1
    assert stored_token() == done.token.reveal()


def test_ctrl_c_during_the_exchange(place: Sandbox) -> None:
    """A login that is cancelled while its code is exchanged saves the token, and says so."""
    place.add_fault(Fault("kauth.token", "delay", delay=0.5, nth=(1,)))
    place.add_fault(Fault("kauth.token", "drop_after", delay=0.5, nth=(2,)))
    said = interrupted(place)
    assert auth.status("agency").state == "ok"
    assert said == "Interrupted: the token is stored (agency)"
    assert "nobody knows" in interrupted(place)


def test_ctrl_c_while_the_store_breaks(place: Sandbox, home: Path) -> None:
    """A cancelled login never says that a token is stored that is not: it says where it is."""

    def break_it(_: str) -> None:
        (home / "credentials.json").unlink()
        (home / "credentials.json").mkdir()

    place.add_fault(Fault("kauth.token", "delay", delay=0.5))
    said = interrupted(place, open_browser=Browser(break_it))
    (rescued,) = home.glob("kmoment-token-agency-*.json")
    assert str(rescued) in said
    assert "is stored" not in said


def interrupted(place: Sandbox, **changes: Any) -> str:
    """The last line of a login that is cancelled while its code is exchanged."""
    said: list[str] = []
    before = asked(place).count("kauth.token")

    async def interrupt() -> None:
        given = settings(place, show=said.append, force=True, **changes)
        task = asyncio.create_task(auth.login_async("agency", **given))
        while asked(place).count("kauth.token") == before:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupt())
    return said[-1]


# -- Whether a token is issued at all ---------------------------------------------------


def test_a_stored_token_that_is_alive_is_kept(place: Sandbox) -> None:
    """No second token is issued, unless it is forced or the first may do less than is asked."""
    first = login(place)
    again = login(place)
    assert (again.issued, again.token.reveal()) == (False, first.token.reveal())
    assert login(place, force=True).issued
    assert login(place, allow=["create"]).issued
    assert not login(place, scopes=["moment_management"]).issued
    assert not login(place, scopes=["moment_management"], accounts=[1234]).issued
    place.set_consent("agree", accounts=[1234])
    assert login(place, accounts=[1234, 999]).issued
    assert login(place, accounts=[1234, 999]).issued  # Kakao did not give the second account


def test_a_stored_token_that_is_dead_is_replaced(place: Sandbox) -> None:
    """A token that Kakao refuses makes room for a new one."""
    place.revoke_token(login(place).token.reveal())
    assert login(place).issued


def test_whether_the_token_is_alive_is_not_known(place: Sandbox) -> None:
    """Then none is issued: the error comes, and the stored token stays."""
    before = login(place).token.reveal()
    place.allow_addresses("192.0.2.1")
    with pytest.raises(kmoment.AddressNotAllowedError):
        login(place)
    assert stored_token() == before
    assert asked(place).count("kauth.token") == 1


def test_a_token_of_another_api_is_not_lost(place: Sandbox) -> None:
    """A login at a sandbox does not take the place of a token of Kakao, unless it is forced."""
    with Sandbox(seed=7) as other:
        auth.login_with_token("agency", other.token, base_url=other.url)
        with pytest.raises(kmoment.InvalidArgumentError, match="another profile"):
            login(place)
        with pytest.raises(kmoment.InvalidArgumentError, match="another profile"):
            auth.login_with_token("agency", place.token, base_url=place.url)
        assert stored_token() == other.token
        assert login(place, force=True).issued
        auth.login_with_token("agency", other.token, base_url=other.url, force=True)
        assert stored_token() == other.token


def test_a_host_of_the_login_is_kept_however_the_api_is_written(place: Sandbox) -> None:
    """A profile keeps its own ``kauth_url`` while the API is the same, with a slash or without."""
    kauth = place.url.replace("127.0.0.1", "localhost")
    auth.save_profile(auth.Profile(name="agency", base_url=place.url, kauth_url=kauth))
    assert login(place, base_url=f"{place.url}/").profile.kauth_url == kauth
    assert auth.profile("agency").kauth_url == kauth


# -- Arguments --------------------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "client_id is missing": {"client_id": None},
    "client_id must": {"client_id": "a key"},
    "redirect_uris are missing": {"redirect_uris": None},
    "redirect_uris must be at most": {"redirect_uris": [uri(n) for n in range(1, 12)]},
    "client_secret is missing": {"client_secret": None},
    "client_secret must be text": {"client_secret": 7},
    "scopes must": {"scopes": ["moment management"]},
    "allow must": {"allow": ["everything"]},
    "accounts": {"accounts": [0]},
    "store must": {"store": "cloud"},
    "timeout must": {"timeout": -1},
    "base_url must": {"base_url": "ftp://x"},
}
ADDRESSES = [
    "https://localhost:8000/",
    "http://example.com:8000/",
    "http://192.0.2.1:8000/",
    "http://127.0.0.2:8000/",
    "http://localhost:8000/?a=b",
    "http://localhost:8000/#a",
    "http://user@localhost:8000/",
    "http://localhost:0/",
    "http://localhost:99999/",
    "http://localhost:8000/a b",
    "",
    7,
    None,
]


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(place: Sandbox, message: str) -> None:
    """Each is refused by name before anything is opened or sent."""
    with pytest.raises(kmoment.InvalidArgumentError, match=message):
        login(place, **WRONG[message])
    assert not place.requests()


@pytest.mark.parametrize("address", ADDRESSES)
def test_redirect_uris_are_on_this_machine(place: Sandbox, address: Any) -> None:
    """An address that is elsewhere, is not http, or has more than a path is refused."""
    with pytest.raises(kmoment.InvalidArgumentError, match="redirect_uris"):
        login(place, redirect_uris=[address])


@pytest.mark.parametrize("name", ["", "none", "-x", "a/b", "x" * 65, "..", None])
def test_names_of_profiles(place: Sandbox, name: Any) -> None:
    """A name is a word that can be part of a file's name."""
    with pytest.raises(kmoment.InvalidArgumentError, match="name"):
        login(place, name)


def test_no_terminal(place: Sandbox) -> None:
    """Without a terminal, and without a function for lines, nothing begins."""
    with pytest.raises(auth.LoginNeedsTerminalError, match="with-token"):
        login(place, show=None)
    assert not place.requests()


@pytest.mark.skipif(os.name != "posix", reason="a pty")
def test_lines_go_to_the_terminal(place: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a terminal as standard error, the address is shown there."""
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal, open(ours, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert login(place, show=None).saved
        assert b"/oauth/business/authorize?" in screen.read(4096)


def test_over_ssh_the_port_to_forward_is_shown(
    place: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line with ssh -L has the port that is listened on; so has the offer to paste."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    said: list[str] = []
    done = login(place, show=said.append, read_pasted=lambda: None)
    port = urlsplit(done.profile.redirect_uris[0]).port
    assert any(f"ssh -L {port}:127.0.0.1:{port}" in line for line in said)
    assert any("paste" in line for line in said)


def test_blocking_functions_in_a_running_loop() -> None:
    """They name their counterparts instead of blocking the loop."""

    async def call() -> None:
        blocking: list[Callable[[], object]] = [
            lambda: auth.login(show=print),
            lambda: auth.token_info("x"),
            lambda: auth.status(),
            lambda: auth.login_with_token("x", "y"),
        ]
        for blocked in blocking:
            with pytest.raises(kmoment.WrongLoopError, match="_async"):
                blocked()

    asyncio.run(call())


# -- A token that was issued elsewhere --------------------------------------------------


def test_login_with_a_token(place: Sandbox) -> None:
    """It is stored without a browser, and what it may do is told."""
    done = auth.login_with_token("ci", place.token, base_url=place.url)
    assert not done.issued
    assert "moment_delete" in done.scopes
    assert stored_token("ci") == place.token
    assert auth.profile("ci").base_url == place.url


def test_login_with_a_dead_token(place: Sandbox) -> None:
    """A token that Kakao refuses is not stored."""
    with pytest.raises(kmoment.AuthenticationError):
        auth.login_with_token("ci", "dead", base_url=place.url)
    with pytest.raises(kmoment.InvalidArgumentError, match="token"):
        auth.login_with_token("ci", "to ken", base_url=place.url)
    assert not auth.profiles()


def test_login_with_a_token_that_cannot_be_looked_at(place: Sandbox) -> None:
    """It is stored, and that is told."""
    place.add_fault(Fault("kauth.token_info", "status", status=200, body={"biz": 1}))
    done = auth.login_with_token("ci", place.token, base_url=place.url)
    assert "not known" in done.problems[0]
    assert stored_token("ci") == place.token


# -- The request by itself --------------------------------------------------------------


def web_request(**changes: Any) -> auth.AuthorizationRequest:
    given = {"client_id": "key", "redirect_uri": "https://app.example.com/callback"}
    return auth.AuthorizationRequest(**{**given, **changes})


def test_a_web_app_owns_the_redirect(place: Sandbox) -> None:
    """It opens the address, checks what came back, and exchanges the code once."""
    request = web_request(
        client_id=place.app.client_id,
        client_secret=place.app.client_secret,
        redirect_uri="http://localhost:1/x",
        kauth_url=place.url,
    )
    code = request.check(redirected(request.url))
    issued = request.exchange(code)
    assert issued.scopes == ("moment_management",)
    assert auth.token_info(issued.token, kapi_url=place.url).user_id == 1
    with pytest.raises(auth.LoginRefusedError, match="invalid_grant"):
        request.exchange(code.reveal())
    shown = f"{request!r} {issued!r} {code!r}"
    assert issued.token.reveal() not in shown
    assert str(place.app.client_secret) not in shown


def test_state_is_compared_first() -> None:
    """Without the right state neither a code nor an error is looked at."""
    request = web_request()
    for query in ("error=x", "error=x&state=y", "code=1&state=", f"state={request.state}x&code=1"):
        with pytest.raises(auth.StateMismatchError):
            request.check(f"https://app.example.com/callback?{query}")
    for odd in ("http://[", "", "&" * 500):
        with pytest.raises(auth.StateMismatchError):
            request.check(odd)
    with pytest.raises(kmoment.InvalidArgumentError, match="code or an error"):
        request.check(f"?state={request.state}")
    with pytest.raises(kmoment.InvalidArgumentError, match="redirected"):
        request.check(None)  # type: ignore[arg-type]
    assert request.check(f"?state={request.state}&code=1").reveal() == "1"


@pytest.mark.parametrize("address", ["ftp://x/", "https:///x", "https://x/?a=b", "https://x/#a", 7])
def test_redirect_addresses_of_web_apps(address: Any) -> None:
    """They are http(s) and have no query: Kakao takes no more parameters there."""
    with pytest.raises(kmoment.InvalidArgumentError, match="redirect_uri"):
        web_request(redirect_uri=address)


# -- Browsers ---------------------------------------------------------------------------


def script(path: Path, output: Path, status: int = 0) -> Path:
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {output}\nexit {status}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_TTY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)


@pytest.mark.skipif(os.name != "posix", reason="shell scripts")
@pytest.mark.parametrize("status", [0, 1])
def test_a_browser_of_windows_from_wsl(
    tmp_path: Path, bare: None, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """In WSL PowerShell is given the address, as one quoted word."""
    script(tmp_path / "powershell.exe", tmp_path / "out", status)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu")
    assert _browser.open_browser("http://x/?a=1&b='2'") is (status == 0)
    assert (tmp_path / "out").read_text().splitlines()[-1] == (
        "Start-Process 'http://x/?a=1&b=''2'''"
    )


def test_no_browser_where_there_is_no_screen(bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a display, or over ssh, none is started: one in the terminal would take it over."""
    opened: list[str] = []

    def note(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", note)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not _browser.open_browser("http://x")
    monkeypatch.setenv("WAYLAND_DISPLAY", "0")
    assert _browser.open_browser("http://wayland")
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    assert not _browser.open_browser("http://x")
    monkeypatch.setenv("BROWSER", "firefox")
    assert _browser.open_browser("http://chosen")
    monkeypatch.delenv("BROWSER")
    monkeypatch.delenv("SSH_TTY")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _browser.open_browser("http://mac")
    assert opened == ["http://wayland", "http://chosen", "http://mac"]


def test_a_browser_that_fails_does_not_fail_the_login(place: Sandbox) -> None:
    """Its error is swallowed: the address was shown before."""

    def broken(_: str) -> None:
        raise OSError("no browser")

    def show(line: str) -> None:
        if line.startswith("http"):
            threading.Thread(target=get, args=(line,)).start()

    assert login(place, open_browser=broken, show=show).saved


# -- Secrecy ----------------------------------------------------------------------------


def test_secrets_show_nowhere(place: Sandbox, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither token, code nor client secret is in a log, line, page, repr, report or open file."""
    codes: list[str] = []

    def follow(url: str) -> None:
        address = redirected(url)
        codes.extend(parse_qs(urlsplit(address).query)["code"])
        browser.pages.append(get(address))

    caplog.set_level(1)
    old = os.umask(0)
    try:
        browser, said = Browser(follow), list[str]()
        done = login(place, open_browser=browser, show=said.append)
        assert browser.done.wait(10)
        assert "You are logged in" in browser.pages[0][1]
        logs = " ".join(f"{it.getMessage()} {vars(it)}" for it in caplog.records)
        reported = f"{place.requests()}"
        told = f"{done!r} {said} {browser.pages} {logs} {reported} {auth.status('agency')!r}"
        for secret in (done.token.reveal(), str(place.app.client_secret), *codes):
            assert secret not in told
        for path in home.iterdir():
            wide = stat.S_IMODE(path.stat().st_mode) & 0o077
            assert not wide, path
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert str(place.app.client_secret) not in "".join(
            path.read_text() for path in home.iterdir()
        )
    finally:
        os.umask(old)


@pytest.mark.parametrize("kind", LOST)
def test_no_traceback_has_the_code_or_the_client_secret(
    place: Sandbox, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However the exchange fails, no frame of the error holds what was sent."""
    caplog.set_level(logging.DEBUG)
    request = web_request(
        client_id=place.app.client_id,
        client_secret=place.app.client_secret,
        redirect_uri="http://localhost:1/x",
        kauth_url=place.url,
    )
    code = request.check(redirected(request.url))
    place.add_fault(LOST[kind])
    with pytest.raises(auth.LoginOutcomeUnknownError) as caught:
        request.exchange(code)
    told = f"{with_locals(caught.value)} {caplog.text}"
    assert code.reveal() not in told
    assert str(place.app.client_secret) not in told


def test_a_port_is_free_after_a_login(place: Sandbox) -> None:
    """After a login that nobody finished, its port is free again."""
    port = free_port()
    for _ in range(2):
        with pytest.raises(auth.LoginTimeoutError):
            login(place, redirect_uris=[uri(port)], open_browser=None, timeout=0.1)
