"""A script under a client that exists, which also remembers what users' tests must not see."""

from kmoment import AsyncClient
from kmoment._secret import Secret
from kmoment._wire import Attempt, Request, Response
from kmoment.testing import Script, Step
from kmoment.testing import answer as ok

__all__ = ["ScriptedTransport", "ok", "scripted"]


class ScriptedTransport(Script):
    """Answers each request with the next of *answers* (the last one goes on)."""

    def __init__(self, *answers: Step) -> None:
        super().__init__(*answers[:-1], then=answers[-1])
        self.tokens: list[str] = []
        self.closed = False

    async def send(self, request: Request, token: Secret, attempt: Attempt) -> Response:
        self.tokens.append(token.reveal())
        return await super().send(request, token, attempt)

    async def aclose(self) -> None:
        self.closed = True


def scripted(client: AsyncClient, *answers: Step) -> ScriptedTransport:
    """Put a scripted transport under *client*."""
    transport = ScriptedTransport(*answers)
    client._new_transport = lambda: transport  # type: ignore[method-assign,return-value,assignment]
    return transport
