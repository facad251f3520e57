"""What a resource needs: something that sends calls."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ._protocol.call import Call

P = ParamSpec("P")
T = TypeVar("T")


class AsyncSender(Protocol):
    """The dispatcher of a client, or anything that takes its place."""

    def send(self, call: Call[T]) -> Awaitable[T]:
        """Make *call*."""
        ...

    def run(
        self,
        job: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Awaitable[T]:
        """Run *job*, which makes several calls. It is given what makes them, and the rest."""
        ...

    def waiting_for(self) -> str | None:
        """What most calls wait for now, in a few words."""
        ...
