"""The newcomer's path at a terminal: from nothing to a linked audience, each step's exit code."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from helpers.command import at_terminal
from helpers.logins import consent_page, get, redirected, uri
from helpers.programs import free_port

SHEET = """\
광고계정,이름,유형,나이,성별,지역
1234,논현 20대 여성,디스플레이,20대,여,"강남구 논현1동, 강남구 논현2동"
1234,전국 30대,메시지,30-39,전체,
"""


@contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, str]]:
    """`kmoment sandbox`, and the environment that it tells to export."""
    words = ["sandbox", "--consent", "agree", "--no-quota"]
    with at_terminal(*words, env=dict(os.environ)) as terminal:
        terminal.until("KMOMENT_REDIRECT_URI=")
        exports = dict(re.findall(r"^export (\w+)=(\S*)$", terminal.shown, re.MULTILINE))
        yield {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **exports,
            "KMOMENT_HOME": str(folder / "home"),
            "KMOMENT_REDIRECT_URI": uri(free_port()),
            "LC_ALL": "C.UTF-8",
        }
        terminal.process.send_signal(2)
        assert terminal.end() == 0


def done(env: dict[str, str], *words: str, answer: tuple[str, str] | None = None) -> str:
    """What a command that ends with 0 shows; *answer*: what is typed after which question."""
    with at_terminal(*words, env=env) as terminal:
        if answer:
            terminal.until(answer[0])
            terminal.type(f"{answer[1]}\n")
        assert terminal.end() == 0, terminal.shown
        return terminal.shown


def advance(env: dict[str, str], seconds: int) -> None:
    """Kakao takes its time to prepare an audience: move the sandbox's clock."""
    body = json.dumps({"advance": seconds}).encode()
    url = f"{env['KMOMENT_BASE_URL']}/_sandbox/clock"
    with urlopen(Request(url, body, {"Content-Type": "application/json"}, method="PUT")) as answer:
        assert answer.status == 200


@pytest.mark.timeout(240)  # some 20 processes, one after the other
def test_from_nothing_to_a_linked_audience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in by callback and by paste, find, ensure twice, wait, link, delete: 0 at each step."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    with sandbox(tmp_path) as env:
        env.pop("KMOMENT_TOKEN")
        secrets = {env["KMOMENT_CLIENT_SECRET"]}
        env.pop("KMOMENT_ACCOUNT")
        screens = []

        with at_terminal("audiences", "list", env=env) as terminal:
            assert terminal.end() == 4
        assert "kmoment auth login" in terminal.shown

        with at_terminal("auth", "login", env=env) as terminal:
            assert get(consent_page(terminal))[0] == 200
            assert terminal.end() == 0, terminal.shown
        screens.append(terminal.shown)
        with at_terminal("auth", "login", "--allow", "create,delete", env=env) as terminal:
            terminal.type(redirected(consent_page(terminal)) + "\n")
            assert terminal.end() == 0, terminal.shown
        screens.append(terminal.shown)
        screens += [done(env, "auth", "status"), done(env, "doctor")]
        screens.append(done(env, "accounts", "list"))
        assert "sandbox_account_1234" in screens[-1]

        (tmp_path / "column.txt").write_text("강남구 논현1동\n부산 중구, 동구\n", encoding="utf-8")
        screens.append(done(env, "places", "resolve", str(tmp_path / "column.txt")))
        assert "I10000101" in screens[-1]

        sheet = str(tmp_path / "audiences.csv")
        Path(sheet).write_text(SHEET, encoding="utf-8")
        plan = done(env, "audiences", "ensure", sheet, "--dry-run")
        assert plan.count("would create") == 2
        first = done(env, "audiences", "ensure", sheet, answer=("[y/N]: ", "y"))
        assert "account 1234 'sandbox_account_1234'" in first
        second = done(env, "audiences", "ensure", sheet)
        assert "nothing to change" in second
        assert second.count("unchanged") == 2
        screens += [plan, first, second]

        listed = done(env, "audiences", "list", "--format", "json")
        ids = {row["name"]: str(row["id"]) for row in json.loads(listed)}
        assert len(ids) == 5
        made = ids["논현 20대 여성"]
        advance(env, 3600)
        screens.append(done(env, "audiences", "wait", made, ids["전국 30대"]))
        assert screens[-1].count("AVAILABLE") == 3  # once in the note
        link = ("audiences", "link", made, "2", "--like", "1")
        screens.append(done(env, *link, answer=("[y/N]: ", "y")))
        screens.append(done(env, "audiences", "ad-groups", made))
        question = ("Type 1 to delete 1 audience: ", "1")
        with at_terminal("audiences", "delete", made, env=env) as terminal:
            assert terminal.end() == 1  # in use
        assert "in use by ad groups 2" in terminal.shown
        screens.append(done(env, "audiences", "delete", made, "--unlink", answer=question))
        screens.append(done(env, "audiences", "delete", ids["전국 30대"], answer=question))

        stored = json.loads((tmp_path / "home" / "credentials.json").read_text())
        secrets.add(stored["profiles"]["default"]["token"])
    for screen in screens:
        assert not [secret for secret in secrets if secret in screen]
        assert "Traceback" not in screen
