"""A transport that answers from a script and remembers what it was asked."""

import json
from typing import Any

from kmoment import AsyncClient
from kmoment._secret import Secret
from kmoment._wire import Attempt, Request, Response


class ScriptedTransport:
    """Answers each request with the next of *answers* (the last one goes on)."""

    def __init__(self, *answers: Response | BaseException) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.tokens: list[str] = []
        self.closed = False

    async def send(self, request: Request, token: Secret, attempt: Attempt) -> Response:
        self.requests.append(request)
        self.tokens.append(token.reveal())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        attempt.sent = True
        return answer

    async def aclose(self) -> None:
        self.closed = True


def scripted(client: AsyncClient, *answers: Response | BaseException) -> ScriptedTransport:
    """Put a scripted transport under *client*."""
    transport = ScriptedTransport(*answers)
    client._new_transport = lambda: transport  # type: ignore[method-assign,return-value,assignment]
    return transport


def ok(body: Any = None, status: int = 200, **headers: str) -> Response:
    """A response of JSON, or of bytes as they are."""
    if body is None:
        body = b""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Response(status, headers, raw)
