"""A scripted transport for an existing client. Unlike ``testing.Script`` it records tokens."""

from kmoment import AsyncClient, Client
from kmoment._engine.context import AttemptState
from kmoment._protocol.http import Request, Response
from kmoment._secret import Secret
from kmoment.testing import Script, Step, answer as ok

__all__ = ["ScriptedTransport", "ok", "scripted"]


class ScriptedTransport(Script):
    """Answers each request with the next of *answers*. The last one is repeated."""

    def __init__(self, *answers: Step) -> None:
        super().__init__(*answers[:-1], then=answers[-1])
        self.tokens: list[str] = []
        self.closed = False

    async def send(self, request: Request, token: Secret, attempt: AttemptState) -> Response:
        self.tokens.append(token.reveal())
        return await super().send(request, token, attempt)

    async def aclose(self) -> None:
        self.closed = True


def scripted(client: AsyncClient | Client, *answers: Step) -> ScriptedTransport:
    """Let *client* use a scripted transport."""
    transport = ScriptedTransport(*answers)
    client._change_settings(new_transport=lambda _: transport)
    return transport
