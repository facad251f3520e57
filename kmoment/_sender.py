"""What a resource needs: something that sends calls."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from ._protocol.call import Call

T = TypeVar("T")


class AsyncSender(Protocol):
    """The dispatcher of a client, or anything that takes its place."""

    def send(self, call: Call[T]) -> Awaitable[T]:
        """Make *call*."""
        ...

    def waiting_for(self) -> str | None:
        """What most calls wait for now, in a few words."""
        ...
