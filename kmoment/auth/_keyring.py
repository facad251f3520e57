"""The keyring of the operating system (extra ``keyring``). Asked only if a profile names it.

A keyring may wait for a dialog that nobody sees, or for a bus that never answers. So every call
has a thread of its own, which is left behind when its time is over.
"""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from .._secret import Secret
from ._credentials import Credential
from ._errors import CredentialStoreError
from ._profiles import StoreName

SERVICE: Final = "kmoment"
_MISSING: Final = 'this needs keyring: pip install "kmoment[keyring]"'
SECONDS: Final = 3.0
"""Patience with a keyring, as gh has. A D-Bus that never answers was seen to take minutes."""


class KeyringStore:
    """One entry for each profile: service ``kmoment``, user = profile."""

    name: StoreName = "keyring"

    def read(self, profile: str) -> Credential | None:
        """The token of *profile*, if there is one."""
        text = self._ask(lambda keyring: keyring.get_password(SERVICE, profile))
        if text.reveal() is None:
            return None
        found = _credential(text)
        if found is None:
            raise CredentialStoreError("keyring", f"has an entry {profile!r} that is not ours")
        return found

    def write(self, profile: str, credential: Credential) -> None:
        """Keep a token."""
        dumped = credential.dumped()
        self._ask(lambda keyring: keyring.set_password(SERVICE, profile, dumped.reveal()), dumped)

    def delete(self, profile: str) -> bool:
        """Forget a token."""
        if self.read(profile) is None:
            return False
        self._ask(lambda keyring: keyring.delete_password(SERVICE, profile))
        return True

    def _ask(self, question: Callable[[Any], Any], secret: Secret | None = None) -> Secret:
        """What the keyring answers, in time.

        Its errors are told in words alone: their tracebacks hold what was to be kept.
        """
        answer: Future[Secret] = Future()
        thread = threading.Thread(
            target=_work, args=(answer, question, secret), name="kmoment-keyring", daemon=True
        )
        thread.start()
        try:
            return answer.result(SECONDS)
        except TimeoutError:
            reason = f"did not answer within {SECONDS:g} s; it may be locked"
        raise CredentialStoreError("keyring", reason)


def _work(answer: Future[Secret], question: Callable[[Any], Any], secret: Secret | None) -> None:
    try:
        import keyring
    except ImportError:
        answer.set_exception(CredentialStoreError("keyring", f"cannot be used: {_MISSING}"))
        return
    try:
        answer.set_result(Secret(question(keyring)))
    except Exception as error:
        reason = _reason(error, secret)
        answer.set_exception(CredentialStoreError("keyring", reason))


def _reason(error: Exception, secret: Secret | None) -> str:
    text = " ".join(str(error).split())
    if secret is not None:
        for part in (secret.reveal(), json.loads(secret.reveal())["token"]):
            text = text.replace(part, "***")
    return f"has refused: {type(error).__name__}: {text}"


def _credential(text: Secret) -> Credential | None:
    try:
        return Credential.of(Secret(json.loads(text.reveal())))
    except (ValueError, RecursionError):
        return None
