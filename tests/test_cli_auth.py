"""``kmoment auth`` and ``kmoment profile``: what they ask, print, store, and never show."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.command import at_terminal, rows, run
from helpers.logins import consent_page, get, redirected, uri
from helpers.programs import free_port
from kmoment import auth
from kmoment.sandbox import Fault, Sandbox


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose user agrees, and an app that the environment names."""
    with Sandbox(quota=False) as sandbox:
        sandbox.set_consent("agree")
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        monkeypatch.setenv("KMOMENT_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("KMOMENT_CLIENT_ID", sandbox.app.client_id)
        monkeypatch.setenv("KMOMENT_CLIENT_SECRET", str(sandbox.app.client_secret))
        monkeypatch.setenv("KMOMENT_REDIRECT_URI", uri(free_port()))
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "SSH_TTY"):
            monkeypatch.delenv(name, raising=False)
        yield sandbox


# -- Login ------------------------------------------------------------------------------


def test_a_login_by_callback_and_by_paste(world: Sandbox) -> None:
    """Both ways store a token; the only ad account becomes the profile's; no secret is shown."""
    with at_terminal("auth", "login", env=os.environ) as terminal:
        assert get(consent_page(terminal))[0] == 200
        assert terminal.end() == 0, terminal.shown
    assert "logged in; profile default" in terminal.shown
    assert "account 1234 is used where none is named" in terminal.shown
    first = auth.stored("default")()
    assert first not in terminal.shown
    assert str(world.app.client_secret) not in terminal.shown
    with at_terminal("auth", "login", "--force", "--no-browser", env=os.environ) as terminal:
        address = redirected(consent_page(terminal))
        terminal.type("nonsense\n")
        terminal.until("not the address of this login")
        terminal.type(f"{address}\n")
        assert terminal.end() == 0, terminal.shown
    second = auth.stored("default")()
    assert second != first
    assert second not in terminal.shown
    file = auth.folder() / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 or os.name != "posix"
    assert rows(run("accounts", "list").out)[0]["id"] == "1234"
    assert run("audiences", "list").code == 0


def test_a_token_that_is_alive_is_kept(world: Sandbox) -> None:
    """A second login issues no token."""
    with at_terminal("auth", "login", env=os.environ) as terminal:
        get(consent_page(terminal))
        assert terminal.end() == 0
    token = auth.stored("default")()
    with at_terminal("auth", "login", env=os.environ) as terminal:
        assert terminal.end() == 0
    assert "the stored token is alive: kept" in terminal.shown
    assert auth.stored("default")() == token


def test_what_the_environment_does_not_say_is_asked(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key, the redirect URI and the client secret are asked for; the secret is not echoed."""
    address = os.environ["KMOMENT_REDIRECT_URI"]
    for name in ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI"):
        monkeypatch.delenv(f"KMOMENT_{name}")
    secret = str(world.app.client_secret)
    with at_terminal("auth", "login", "--profile", "agency", env=os.environ) as terminal:
        terminal.until("REST API key of the app: ")
        terminal.type(f"{world.app.client_id}\n")
        terminal.until("[http://localhost:8765/callback]: ")
        terminal.type(f"{address}\n")
        terminal.until("Client secret (not shown): ")
        terminal.type(f"{secret}\n")
        get(consent_page(terminal))
        assert terminal.end() == 0, terminal.shown
    assert secret not in terminal.shown
    assert secret not in (auth.folder() / "config.toml").read_text()
    with at_terminal("auth", "login", "--force", "--profile", "agency", env=os.environ) as terminal:
        terminal.until("Client secret (not shown): ")  # the rest is known
        terminal.type("wrong\n")
        get(consent_page(terminal))
        assert terminal.end() == 1
    assert "KOE010" in terminal.shown


def test_fewer_consents_than_asked_are_told(world: Sandbox) -> None:
    """A consent that was not given is a warning; the token is stored."""
    world.set_consent("agree", scopes=["moment_management"])
    with at_terminal("auth", "login", "--allow", "create, delete", env=os.environ) as terminal:
        get(consent_page(terminal))
        assert terminal.end() == 0
    assert "warning: the consent moment_create was not given" in terminal.shown
    done = run("auth", "status")
    assert rows(done.out)[0]["missing_scopes"] == "moment_create, moment_delete"


def test_a_refused_login(world: Sandbox) -> None:
    """A login that the user denies is 1, with what to do in both languages, and stores nothing."""
    world.set_consent("deny")
    with at_terminal("auth", "login", env={**os.environ, "LC_ALL": "ko_KR.UTF-8"}) as terminal:
        get(consent_page(terminal))
        assert terminal.end() == 1
    assert "error: the login was refused" in terminal.shown
    assert "hint: " in terminal.shown
    assert "도움말: " in terminal.shown
    assert run("auth", "status").code == 4


def test_a_lost_answer_of_the_exchange_is_5(world: Sandbox) -> None:
    """If the answer with the token is lost: 5, and to look before it is repeated."""
    world.add_fault(Fault("kauth.token", "drop_after"))
    with at_terminal("auth", "login", env=os.environ) as terminal:
        get(consent_page(terminal))
        assert terminal.end() == 5
    assert "Check the app's token list" in terminal.shown


def test_ctrl_c_in_a_login(world: Sandbox) -> None:
    """Ctrl-C while it waits for the consent is 130."""
    with at_terminal("auth", "login", env=os.environ) as terminal:
        consent_page(terminal)
        terminal.process.send_signal(2)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown


def test_without_a_terminal_a_login_says_what_to_do(world: Sandbox) -> None:
    """A login in a pipe is 2, and names --with-token."""
    done = run("auth", "login", "--redirect-uri", uri(free_port()))
    assert done.code == 2
    assert "--with-token" in done.err
    assert world.requests() == []


def test_with_token_reads_stdin_or_asks(world: Sandbox) -> None:
    """--with-token takes the token from a pipe, or hidden; it opens nothing and shows nothing."""
    token = world.issue_token()
    done = run("auth", "login", "--with-token", stdin=f"{token}\n".encode())
    assert done.code == 0, done.err
    assert auth.stored("default")() == token
    assert token not in done.out + done.err
    with at_terminal("auth", "login", "--with-token", "--profile", "b", env=os.environ) as terminal:
        terminal.until("Business token (not shown): ")
        terminal.type(f"{token}\n")
        assert terminal.end() == 0, terminal.shown
    assert token not in terminal.shown
    refused = run("auth", "login", "--with-token", "--profile", "c", stdin=b"wrong\n")
    assert refused.code == 4
    assert {it["profile"] for it in rows(run("auth", "list").out)} == {"default", "b"}


def test_a_token_that_kakao_does_not_judge_is_stored_with_a_warning(world: Sandbox) -> None:
    """Where Kakao cannot be asked, the token is stored, and a warning says so."""
    world.add_fault(Fault("kauth.token_info", "status", status=403, body={"code": -5, "msg": "x"}))
    done = run("auth", "login", "--with-token", stdin=world.issue_token().encode())
    assert done.code == 0, done.err
    assert "warning: " in done.err


# -- Status, list, switch, logout, token ------------------------------------------------


def test_status_tells_and_its_code(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 with a live token, 4 without one or with a dead one, 1 if the store cannot be read."""
    assert run("auth", "status").code == 4
    token = world.issue_token()
    run("auth", "login", "--with-token", stdin=token.encode())
    row = rows(run("auth", "status").out)[0]
    assert (row["profile"], row["because"], row["state"]) == ("default", "default", "ok")
    assert row["store"] == "file"
    assert row["mode"] == "0600"
    assert "moment_management" in row["scopes"]
    assert run("auth", "status", "--base-url", world.url).code == 2
    world.revoke_token(token)
    dead = run("auth", "status")
    assert dead.code == 4
    assert "note: " in dead.err
    (auth.folder() / "credentials.json").write_text("{")
    assert run("auth", "status").code == 1
    monkeypatch.setenv("KMOMENT_TOKEN", world.token)
    row = rows(run("auth", "status").out)[0]
    assert (row["store"], row["profile"]) == ("environment", "")


def test_a_dead_token_says_which_login(world: Sandbox) -> None:
    """A refused stored token: 4, and the login of its profile."""
    token = world.issue_token()
    run("auth", "login", "--with-token", "--profile", "agency", stdin=token.encode())
    world.revoke_token(token)
    done = run("accounts", "list", "--profile", "agency")
    assert done.code == 4
    assert "kmoment auth login --profile agency" in done.err


def test_profiles_are_switched_and_named(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """switch makes a default; --profile beats KMOMENT_TOKEN and says so; near names are told."""
    for name in ("agency", "brand"):
        run("auth", "login", "--with-token", "--profile", name, stdin=world.issue_token().encode())
    assert run("auth", "switch", "brand").code == 0
    defaults = {it["profile"]: it["default"] for it in rows(run("auth", "list").out)}
    assert defaults == {"agency": "false", "brand": "true"}
    near = run("auth", "switch", "agncy")
    assert (near.code, "agency" in near.err) == (2, True)
    monkeypatch.setenv("KMOMENT_TOKEN", "not this one")
    done = run("accounts", "list", "--profile", "agency")
    assert done.code == 0, done.err
    assert "--profile agency is used, not KMOMENT_TOKEN" in done.err
    assert run("accounts", "list", "--profile", "agncy").code == 2


def test_a_stored_token_goes_nowhere_else(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is used with the server of its profile, and refused with another."""
    run("auth", "login", "--with-token", stdin=world.issue_token().encode())
    monkeypatch.delenv("KMOMENT_BASE_URL")
    assert run("accounts", "list").code == 0
    with Sandbox() as other:
        refused = run("accounts", "list", "--base-url", other.url)
        assert refused.code == 2
        assert "which the token of profile 'default' is for" in refused.err
        assert other.requests() == []


def test_logout_asks_and_forgets(world: Sandbox) -> None:
    """logout needs an answer; the token is forgotten here, and the profile stays."""
    run("auth", "login", "--with-token", stdin=world.issue_token().encode())
    assert run("auth", "logout").code == 2
    assert run("auth", "logout", "--dry-run").code == 0
    with at_terminal("auth", "logout", env=os.environ) as terminal:
        terminal.until("[y/N]: ")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert auth.stored("default")()
    assert "forgotten" in run("auth", "logout", "--yes").err
    assert "there was none" in run("auth", "logout", "--yes").err
    assert run("auth", "status").code == 4
    assert len(rows(run("auth", "list").out)) == 1


def test_a_token_is_printed_for_a_pipe(world: Sandbox) -> None:
    """auth token prints it into a pipe, and on a terminal only with --show."""
    token = world.issue_token()
    run("auth", "login", "--with-token", stdin=token.encode())
    assert run("auth", "token").out == f"{token}\n"
    with at_terminal("auth", "token", env=os.environ) as terminal:
        assert terminal.end() == 2
    assert token not in terminal.shown
    with at_terminal("auth", "token", "--show", env=os.environ) as terminal:
        assert terminal.end() == 0
    assert token in terminal.shown


# -- Settings ---------------------------------------------------------------------------


def test_a_profile_is_shown_and_set(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are changed one by one, checked, and taken away by an empty value."""
    run("auth", "login", "--with-token", stdin=world.issue_token().encode())
    assert run("profile", "set", "account", "5678").code == 0
    assert run("profile", "set", "scopes", "moment_management, moment_delete").code == 0
    shown = {row["setting"]: row["value"] for row in rows(run("profile", "show").out)}
    assert shown["account"] == "5678"
    assert shown["scopes"] == "moment_management, moment_delete"
    assert run("profile", "set", "account", "").code == 0
    assert auth.profile("default").account is None
    assert run("profile", "set", "account", "x").code == 2
    assert run("profile", "set", "store", "keyring").code == 2
    monkeypatch.setenv("KMOMENT_TOKEN", world.token)
    assert run("profile", "show").code == 2
    assert run("profile", "show", "--profile", "default").code == 0


def test_what_cannot_be_tried_has_no_dry_run(world: Sandbox) -> None:
    """--dry-run is refused where nothing could be shown: no token is issued or stored."""
    run("auth", "login", "--with-token", stdin=world.issue_token().encode())
    before = auth.stored("default")()
    for words in (["auth", "login", "--with-token"], ["auth", "switch", "default"]):
        assert run(*words, "--dry-run", stdin=world.issue_token().encode()).code == 2
    assert run("profile", "set", "account", "5", "--dry-run").code == 2
    assert auth.stored("default")() == before
    assert auth.profile("default").account == 1234


def test_no_secret_is_in_a_file_that_others_can_read(world: Sandbox) -> None:
    """After a login the token is in one file, which only you can read."""
    token = world.issue_token()
    run("auth", "login", "--with-token", stdin=token.encode())
    having = [it for it in auth.folder().rglob("*") if it.is_file() and token in it.read_text()]
    assert [it.name for it in having] == ["credentials.json"]
    assert json.loads(having[0].read_text())


# -- Consents that a write needs ----------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "lacking", "allow"),
    [
        (("ensure", "SHEET", "--dry-run"), "moment_create", "create"),
        (("create", "x", "--dry-run"), "moment_create", "create"),
        (("delete", "2", "--dry-run"), "moment_delete", "delete"),
    ],
)
def test_a_missing_consent_is_told_before_the_write(
    world: Sandbox, tmp_path: Path, words: tuple[str, ...], lacking: str, allow: str
) -> None:
    """A plan of a profile without the consent says once what is missing and how to get it."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("account,name,type\n1234,one,DISPLAY\n1234,two,DISPLAY\n")
    asked = [str(sheet) if word == "SHEET" else word for word in words]
    for name, scopes, count in (
        ("plain", ["moment_management"], 1),
        ("full", ["moment_management", lacking], 0),
    ):
        token = world.issue_token(scopes)
        auth.login_with_token(name, token, base_url=world.url)
        done = run("audiences", *asked, "--profile", name, "--account", "1234")
        assert done.code == 0, done.err
        assert done.err.count(f"profile {name} has no consent {lacking}") == count
        assert done.err.count(f"`kmoment auth login --profile {name} --allow {allow}`") == count


def test_no_consent_is_missed_where_none_is_needed(world: Sandbox, tmp_path: Path) -> None:
    """A sheet that creates nothing needs no consent to create."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("account,name,type\n1234,first_audience,DISPLAY\n")
    token = world.issue_token(["moment_management"])
    auth.login_with_token("plain", token, base_url=world.url)
    done = run("audiences", "ensure", str(sheet), "--dry-run", "--profile", "plain")
    assert "no consent" not in done.err
