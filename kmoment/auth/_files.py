"""Tokens in a file: ``credentials.json``, changed under a lock."""

import json
from collections.abc import Mapping
from typing import Any

from .._secret import Secret
from ._credentials import Credential
from ._errors import CredentialStoreError
from ._folder import folder, locked, read_private, write_private
from ._profiles import StoreName


class FileStore:
    """``credentials.json`` with mode 0600, changed under a lock."""

    name: StoreName = "file"

    def read(self, profile: str) -> Credential | None:
        """The token of *profile*, if there is one."""
        rows = _rows()
        if profile not in rows.reveal():
            return None
        found = Credential.of(Secret(rows.reveal()[profile]))
        return found if found is not None else _refuse_damaged()

    def write(self, profile: str, credential: Credential) -> None:
        """Keep a token."""
        with locked("credentials"):
            _write(Secret({**_rows().reveal(), profile: credential.row()}))

    def delete(self, profile: str) -> bool:
        """Forget a token."""
        with locked("credentials"):
            rows = _rows()
            if profile not in rows.reveal():
                return False
            _write(Secret({key: it for key, it in rows.reveal().items() if key != profile}))
        return True


def _write(rows: Secret) -> None:
    text = Secret(json.dumps({"profiles": rows.reveal()}, indent=1, ensure_ascii=False))
    write_private(folder() / "credentials.json", text)


def _rows() -> Secret:
    """What the file has, by the names of profiles."""
    text = read_private(folder() / "credentials.json")
    if text is None:
        return Secret({})
    rows = _parsed(text)
    return rows if isinstance(rows.reveal(), dict) else _refuse_damaged()


def _parsed(text: Secret) -> Secret:
    try:
        found = Secret(json.loads(text.reveal()))
    except (ValueError, RecursionError):
        return Secret(None)
    return Secret(found.reveal().get("profiles") if isinstance(found.reveal(), Mapping) else None)


def _refuse_damaged() -> Any:
    """Raise. Not inside the parser's error, which holds the text."""
    path = folder() / "credentials.json"
    raise CredentialStoreError("file", f"is damaged: move {path} away, then log in again")
