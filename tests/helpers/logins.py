"""What the tests of logins share: a browser without a window, free ports, a keyring."""

import re
import threading
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import keyring.backend
import keyring.errors

from helpers.command import Terminal
from helpers.programs import free_port
from kmoment import auth
from kmoment.sandbox import Sandbox


def get(url: str, method: str = "GET") -> tuple[int, str]:
    """The status and the text of a page, after redirects."""
    try:
        with urlopen(Request(url, method=method)) as page:
            return page.status, page.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def redirected(url: str) -> str:
    """Where the consent page sends the browser, without going there."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().headers["Location"]


class Browser:
    """Opens the address of the consent page, and keeps the page that it ends on."""

    def __init__(self, before: Callable[[str], object] = lambda _: None) -> None:
        self.before = before
        self.pages: list[tuple[int, str]] = []
        self.addresses: list[str] = []
        self.done = threading.Event()

    def __call__(self, url: str) -> None:
        self.addresses.append(url)
        try:
            self.before(url)
            self.pages.append(get(url))
        finally:
            self.done.set()


def uri(port: int) -> str:
    return f"http://localhost:{port}/callback"


def settings(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    """The arguments of a login at the sandbox."""
    given = {
        "client_id": sandbox.app.client_id,
        "client_secret": sandbox.app.client_secret,
        "redirect_uris": [uri(free_port())],
        "base_url": sandbox.url,
        "show": lambda _: None,
        "open_browser": Browser(),
        "timeout": 20,
    }
    return given | changes


def login(sandbox: Sandbox, profile: str = "agency", **changes: Any) -> auth.Login:
    return auth.login(profile, **settings(sandbox, **changes))


def asked(sandbox: Sandbox) -> list[str]:
    """The endpoints that were called."""
    return [it["endpoint"] for it in sandbox.requests() if it["endpoint"]]


def consent_page(terminal: Terminal) -> str:
    """The address that a login at a terminal shows."""
    shown = terminal.until("Or paste here")
    return str(re.findall(r"http://127\S+", shown)[-1])


class Keyring(keyring.backend.KeyringBackend):
    """A keyring in memory, which can be told to refuse, forget or be silent."""

    priority = 1  # pyright: ignore[reportAssignmentType]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.mood = "good"
        self.released = threading.Event()

    def _act(self, password: str = "") -> None:
        if self.mood == "silent":
            self.released.wait(30)
        if self.mood == "refuses":
            raise keyring.errors.KeyringLocked(f"locked, cannot keep {password}")

    def get_password(self, service: str, username: str) -> str | None:
        self._act()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._act(password)
        if self.mood != "forgets":
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._act()
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("there is none")
        del self.kept[service, username]
