"""HTTP as values: what is sent, what comes back, and why nothing usable came."""

from collections.abc import Mapping
from typing import NamedTuple

from yarl import URL


class Request(NamedTuple):
    """A request, without the token."""

    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None
    fresh: bool = False
    """Whether it needs a new connection. A kept one may close under it: its outcome is unknown."""


class Response(NamedTuple):
    """A response, with its body decompressed."""

    status: int
    headers: Mapping[str, str]
    """Look names up in lower case."""
    body: bytes


class TransportError(Exception):
    """No usable response came. The dispatcher turns it into one of the public errors.

    :param broken: A response came, but it is not HTTP as the API speaks it.
    :param final: Trying again does not help.
    :param too_large: The response is larger than the client takes.
    """

    stale: bool = False
    """Whether a kept connection closed before a byte of the response came."""

    def __init__(
        self, reason: str, *, broken: bool = False, final: bool = False, too_large: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.broken = broken
        self.final = final
        self.too_large = too_large
