"""The steps of a login that issues a token: nothing that can fail comes after the consent."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

import attrs

from .._secret import Secret
from ..errors import APIError, AuthenticationError, KmomentError
from . import _browser
from ._credentials import Credential
from ._errors import CredentialStoreError, LoginTimeoutError
from ._exchange import IssuedToken, reach
from ._folder import folder, write_private
from ._profiles import Profile, require_writable, save_profile
from ._request import AuthorizationRequest
from ._store import keep, probe, store_of
from ._token_info import TokenInfo, token_info_async

if TYPE_CHECKING:
    from ._listener import Listener

_LOGGED_IN: Final = "You are logged in. Close this page and return to the terminal."
_NOT_STORED: Final = "A token was issued, but it could not be stored. See the terminal."

Show = Callable[[str], object]
ReadPasted = Callable[[], str | None]


@attrs.frozen(kw_only=True)
class Login:
    """How a login ended. What a person should know is in :attr:`problems`."""

    profile: Profile
    issued: bool
    """Whether a token was issued. If not, the stored one is alive and was kept."""
    token: Secret
    """Only ``reveal()`` shows it."""
    scopes: tuple[str, ...]
    """Consent items that the token has."""
    info: TokenInfo | None = None
    """What the token may do. ``None``: not known, ``problems`` says why."""
    saved: bool = True
    """Whether the profile's store has the token."""
    rescued: Path | None = None
    """A file with mode 0600 that has the token, because the store failed."""
    problems: tuple[str, ...] = ()

    @property
    def refused_scopes(self) -> tuple[str, ...]:
        """Consent items that were asked for and that the token does not have."""
        return tuple(it for it in self.profile.scopes if it not in self.scopes)


@attrs.frozen
class Steps:
    """The steps of a login that issues a token."""

    before: Profile | None
    after: Profile
    client_secret: Secret | None
    timeout: float = attrs.field(kw_only=True)
    show: Show = attrs.field(kw_only=True)
    open_browser: Callable[[str], object] | None = attrs.field(kw_only=True)
    read_pasted: ReadPasted | None = attrs.field(kw_only=True)

    async def run(self) -> Login:
        """Try all that can fail; then the consent, the exchange, and what it brought."""
        from ._listener import Listener, bind_first

        redirect_uri, sockets = bind_first(self.after.redirect_uris)
        try:
            await self._try_all()
            request = self._request(redirect_uri)
            async with Listener(request, sockets) as listener:
                kept = await self._consent(request, listener)
        finally:
            for one in sockets:
                one.close()
        return await self._described(kept)

    async def _try_all(self) -> None:
        probe(store_of(self.after))
        require_writable()
        await reach(self.after.kauth_url)

    def _request(self, redirect_uri: str) -> AuthorizationRequest:
        return AuthorizationRequest(
            client_id=str(self.after.client_id),
            client_secret=self.client_secret,
            redirect_uri=redirect_uri,
            scopes=self.after.scopes,
            accounts=self.after.accounts,
            kauth_url=self.after.kauth_url,
        )

    async def _consent(self, request: AuthorizationRequest, listener: "Listener") -> Login:
        self._tell(request, listener)
        try:
            with self._reading(listener):
                code = await self._code(listener)
            kept = await self._exchanged(request, code)
        except KmomentError as error:
            listener.tell(str(error), 400)
            raise
        listener.tell(_LOGGED_IN if kept.saved else _NOT_STORED)
        return kept

    def _tell(self, request: AuthorizationRequest, listener: "Listener") -> None:
        self.show("Open this address in a browser, log in and agree:")
        self.show(request.url)
        if _browser.over_ssh():
            port = listener.port
            self.show("The browser runs on your own machine? Forward the port first:")
            self.show(f"  ssh -L {port}:127.0.0.1:{port} (this machine)")
        if self.read_pasted is not None:
            self.show("Or paste here the address that the browser ends on.")
        if self.open_browser is not None:
            _browser.start(request.url, self.open_browser)

    async def _code(self, listener: "Listener") -> Secret:
        try:
            return await asyncio.wait_for(listener.code(), self.timeout)
        except TimeoutError:
            raise LoginTimeoutError(self.timeout, listener.foreign) from None

    @contextmanager
    def _reading(self, listener: "Listener") -> Iterator[None]:
        """Take pasted addresses while the browser may come back."""
        over = threading.Event()
        if self.read_pasted is not None:
            args = (asyncio.get_running_loop(), self.read_pasted, over, self._take(listener))
            threading.Thread(target=_read, args=args, name="kmoment-paste", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _take(self, listener: "Listener") -> Callable[[Secret], None]:
        def take(line: Secret) -> None:
            if line.reveal().strip() and not listener.paste(line.reveal()):
                self.show("That is not the address of this login. Paste the whole address.")

        return take

    async def _exchanged(self, request: AuthorizationRequest, code: Secret) -> Login:
        """Exchange and store, to the end also if this is cancelled (Ctrl-C)."""
        task = asyncio.ensure_future(self._exchanged_and_kept(request, code))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            self.show(f"Interrupted: {task.exception() or _kept_words(task.result())}")
            raise

    async def _exchanged_and_kept(self, request: AuthorizationRequest, code: Secret) -> Login:
        issued = await request.exchange_async(code)
        return self._kept(issued)  # without a pause: nothing may come between

    def _kept(self, issued: IssuedToken) -> Login:
        """Store the token at once; if that fails, put it into a file of its own. Never raises."""
        credential = Credential(issued.token, self.after.base_url)
        lost = _failure(lambda: keep(store_of(self.after), self.after.name, credential))
        rescued, problems = None, list[str]()
        if lost:
            rescued = rescue(self.after.name, credential)
            where = f"in {rescued}" if rescued else "only in this process: it will be lost"
            problems.append(f"{lost}; the token is {where}")
            _failure(lambda: self.show(f"ATTENTION: {problems[0]}"))
        for step in (
            lambda: save_profile(self.after),
            lambda: forget_elsewhere(self.before, self.after),
        ):
            if failed := _failure(step):
                problems.append(failed)
        return Login(
            profile=self.after,
            issued=True,
            token=issued.token,
            scopes=issued.scopes,
            saved=not lost,
            rescued=rescued,
            problems=tuple(problems),
        )

    async def _described(self, login: Login) -> Login:
        """*login* with what its token may do."""
        try:
            info, problems = await asked(self.after, login.token)
        except AuthenticationError as error:
            info, problems = None, (f"Kakao refuses the new token: {error}",)
        scopes = info.scopes if info else login.scopes
        return attrs.evolve(login, info=info, scopes=scopes, problems=(*login.problems, *problems))


def _kept_words(kept: Login) -> str:
    """Where the token is, and what else a person should know who does not get *kept*."""
    stored = [f"the token is stored ({kept.profile.name})"] if kept.saved else []
    return "; ".join([*stored, *kept.problems])


def _failure(step: Callable[[], object]) -> str | None:
    """What went wrong in *step*, in words: a token is at hand that an error would lose."""
    try:
        step()
    except Exception as error:
        return f"{error}" or type(error).__name__
    return None


def rescue(name: str, credential: Credential) -> Path | None:
    """Write a token to a file of its own, where that is possible."""
    for place in (folder, Path.home, gettempdir):
        try:
            path = Path(place()) / f"kmoment-token-{name}-{token_hex(4)}.json"
            write_private(path, credential.dumped())
        except (CredentialStoreError, OSError, RuntimeError):  # the last: no home folder is known
            continue
        return path
    return None


def _read(
    loop: asyncio.AbstractEventLoop,
    read: ReadPasted,
    over: threading.Event,
    take: Callable[[Secret], None],
) -> None:
    """Hand pasted lines on, until there are no more or the login is over."""
    while True:
        try:
            line = Secret(read())
        except Exception:
            return
        if line.reveal() is None or over.is_set():
            return
        with suppress(RuntimeError):  # the loop has just been closed
            loop.call_soon_threadsafe(take, line)


def forget_elsewhere(before: Profile | None, after: Profile) -> None:
    """Leave no token in the store that the profile had before."""
    if before is not None and before.store != after.store:
        store_of(before).delete(before.name)


async def asked(profile: Profile, token: Secret) -> tuple[TokenInfo | None, tuple[str, ...]]:
    """What the token may do, and what is to be said if that is not known."""
    try:
        return await token_info_async(token, kapi_url=profile.kapi_url), ()
    except AuthenticationError:
        raise
    except APIError as error:
        return None, (f"what the token may do is not known: {error}",)
