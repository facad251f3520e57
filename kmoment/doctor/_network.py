"""Checks that ask the server: its name, TLS, clock; the token; the ad accounts."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ..auth import Profile, stored, token_info
from ..errors import AddressNotAllowedError, APIError, AuthenticationError, KmomentError
from . import _redis
from ._report import Check, State
from ._scene import Scene

_PATIENCE: Final = 10.0
"""Seconds for a connection. Our figure: a far server needs less than one."""
_SKEW: Final = 60.0
"""Seconds that a clock may be wrong. Our figure: a search for a lost create compares times."""
_MANAGE, _CREATE, _DELETE = "moment_management", "moment_create", "moment_delete"
_LOGIN: Final = "run `kmoment auth login --force{}`"
_LOGIN_KO: Final = "`kmoment auth login --force{}`를 실행하세요."


def network_checks(scene: Scene) -> Iterator[tuple[str, Callable[[], Check]]]:
    """Each check with its name. What rests on one that failed is skipped."""
    yield "name", partial(_needs, scene, "name", _name, reach=False)
    yield "connection", partial(_needs, scene, "connection", _connection)
    yield "clock", partial(_needs, scene, "clock", _clock)
    yield "token info", partial(_needs, scene, "token info", _token_info)
    yield "scopes", partial(_needs, scene, "scopes", _scopes)
    yield "ad accounts", partial(_needs, scene, "ad accounts", _accounts)
    if _redis.is_named():
        yield _redis.SERVER, partial(_redis.server, scene)


def _needs(scene: Scene, what: str, ask: Callable[[Scene], Check], *, reach: bool = True) -> Check:
    if not scene.usable:
        return Check(State.SKIPPED, what, "there is no token that can be used")
    if reach and not scene.reachable:
        return Check(State.SKIPPED, what, "the server cannot be reached")
    return ask(scene)


class _Server(NamedTuple):
    secure: bool
    host: str
    port: int

    @classmethod
    def of(cls, scene: Scene) -> "_Server":
        url = urlsplit(scene.client.base_url)
        secure = url.scheme == "https"
        return cls(secure, url.hostname or "", url.port or (443 if secure else 80))


def _name(scene: Scene) -> Check:
    try:
        server = _Server.of(scene)
    except KmomentError as error:
        scene.usable = False
        todo = ("correct the URL, or log in for it", "URL을 고치거나 그 URL로 로그인하세요.")
        return Check(State.FAIL, "name", str(error), *todo)
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        scene.reachable = False
        todo = ("check the network and its DNS", "네트워크와 DNS를 확인하세요.")
        return Check(State.FAIL, "name", f"{server.host} is not found: {error.strerror}", *todo)
    return Check(State.OK, "name", f"{server.host} has {len({it[4][0] for it in found})} addresses")


def _connection(scene: Scene) -> Check:
    server = _Server.of(scene)
    try:
        with socket.create_connection(server[1:], _PATIENCE) as plain:
            return Check(State.OK, "connection", _security(server, plain))
    except TimeoutError:
        return _cut_off(scene, State.UNKNOWN, f"not open within {_PATIENCE:g} s")
    except ssl.SSLCertVerificationError as error:
        return _cut_off(scene, State.FAIL, f"the certificate is refused: {error.verify_message}")
    except OSError as error:
        return _cut_off(scene, State.FAIL, f"{error.strerror or type(error).__name__}")


def _security(server: _Server, plain: socket.socket) -> str:
    if not server.secure:
        return "open, unencrypted"
    context = ssl.create_default_context()
    with context.wrap_socket(plain, server_hostname=server.host) as secure:
        return f"{secure.version()}, and the certificate is trusted"


def _cut_off(scene: Scene, state: State, why: str) -> Check:
    scene.reachable = False
    todo = "check firewall and proxy; a private authority needs SSL_CERT_FILE"
    todo_ko = "방화벽과 프록시를 확인하세요. 사설 인증기관이면 SSL_CERT_FILE을 설정하세요."
    return Check(state, "connection", why, todo, todo_ko)


def _clock(scene: Scene) -> Check:
    """This machine's clock against the server's, by a request without a token."""
    server = _Server.of(scene)
    kind = HTTPSConnection if server.secure else HTTPConnection
    connection = kind(server.host, server.port, timeout=_PATIENCE)
    try:
        connection.request("HEAD", "/")
        date = connection.getresponse().getheader("Date")
        seconds = (datetime.now(UTC) - parsedate_to_datetime(str(date))).total_seconds()
    except (OSError, HTTPException, ValueError, TypeError):
        return Check(State.UNKNOWN, "clock", "the server does not say its time")
    finally:
        connection.close()
    if abs(seconds) > _SKEW:
        todo = ("set this machine's clock", "이 컴퓨터의 시계를 맞추세요.")
        return Check(State.WARN, "clock", f"differs by {seconds:.0f} s from the server's", *todo)
    return Check(State.OK, "clock", f"within {_SKEW:.0f} s of the server's")


# -- The token --------------------------------------------------------------------------


def _token_info(scene: Scene) -> Check:
    what = "token info"
    profile = scene.choice.profile or Profile(name="doctor", base_url=scene.client.base_url)
    try:
        info = token_info(stored(scene.profile)(), kapi_url=profile.kapi_url)
    except AuthenticationError as error:
        scene.usable = False
        return Check(State.FAIL, what, _said(error), _LOGIN.format(""), _LOGIN_KO.format(""))
    except AddressNotAllowedError as error:
        scene.usable = False
        told = f"the token may be alive, but not from this address: {_said(error)}"
        return Check(State.FAIL, what, told, error.hint, error.hint_ko)
    except APIError as error:
        return Check(State.UNKNOWN, what, _said(error), error.hint, error.hint_ko)
    scene.info = info
    return Check(State.OK, what, f"alive; consents: {', '.join(info.scopes)}")


def _said(error: APIError) -> str:
    said = error.detail_message or error.message
    return f"{error.reason} ({said})" if said else error.reason


def _scopes(scene: Scene) -> Check:
    """Which consent a call needs was read in third-party code, so only one of them fails."""
    if scene.info is None:
        return Check(State.UNKNOWN, "scopes", "the token's consents are not known")
    lacks = [it for it in (_MANAGE, _CREATE, _DELETE) if it not in scene.info.scopes]
    if not lacks:
        return Check(State.OK, "scopes", "all that audiences may need")
    allow = {_CREATE: "create", _DELETE: "delete"}
    option = ",".join(allow[it] for it in lacks if it in allow)
    words = f" --allow {option}" if option else ""
    told = f"{', '.join(lacks)} missing: {'nothing' if _MANAGE in lacks else option} "
    told += "will work" if _MANAGE in lacks else "may be refused (evidence: third parties)"
    state = State.FAIL if _MANAGE in lacks else State.WARN
    return Check(state, "scopes", told, _LOGIN.format(words), _LOGIN_KO.format(words))


def _accounts(scene: Scene) -> Check:
    try:
        listed = scene.client.accounts.list()
    except APIError as error:
        return Check(State.UNKNOWN, "ad accounts", _said(error), error.hint, error.hint_ko)
    scene.accounts = tuple(row.id for row in listed)
    chosen = scene.account_id
    told = f"{len(listed)}; {chosen} is used" if chosen else f"{len(listed)}"
    told += " in these checks: the first" * (chosen is not None and not scene.named_account)
    if chosen is not None and chosen not in scene.accounts:
        todo = ("`kmoment accounts list` shows yours", "`kmoment accounts list`로 확인하세요.")
        return Check(State.FAIL, "ad accounts", f"{told}, which is not among them", *todo)
    return Check(State.OK if listed else State.WARN, "ad accounts", told)
