"""A token with the API that it is for, and what every place for tokens can do."""

import json
from typing import Any, Protocol

import attrs

from .._secret import Secret
from ._profiles import StoreName


@attrs.frozen
class Credential:
    """A token, and the API that it was issued for."""

    token: Secret
    base_url: str

    def dumped(self) -> Secret:
        """As a store keeps it."""
        return Secret(json.dumps(self.row()))

    def row(self) -> dict[str, Any]:
        """As JSON has it. It holds the token: use it inside an expression."""
        return {"token": self.token.reveal(), "base_url": self.base_url}

    @classmethod
    def of(cls, row: Secret) -> "Credential | None":
        """The credential that *row* is, if it is one."""
        found = isinstance(row.reveal(), dict) and {"token", "base_url"} <= row.reveal().keys()
        if not found or not all(isinstance(it, str) for it in row.reveal().values()):
            return None
        return cls(Secret(row.reveal()["token"]), row.reveal()["base_url"])


class Store(Protocol):
    """A place for tokens, by the names of profiles."""

    name: StoreName

    def read(self, profile: str) -> Credential | None:
        """What is there. ``None``: nothing."""
        ...

    def write(self, profile: str, credential: Credential) -> None:
        """Keep it in place of what is there."""
        ...

    def delete(self, profile: str) -> bool:
        """Whether something was there. Now nothing is."""
        ...
