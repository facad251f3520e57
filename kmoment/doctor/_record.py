"""Keeps the shapes of requests and answers, with every value replaced.

What stays: methods, words of paths that kmoment knows, names of members, Kakao's known words, and
of each value its type and the class of its length. So evidence can be sent to us without a secret.
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import attrs

from .. import _file, models
from .._engine.context import AttemptState
from .._engine.settings import Sends
from .._protocol.endpoints import ENDPOINTS
from .._protocol.http import Request, Response
from .._secret import Secret
from ..models._base import OpenEnum
from ..sync.client import Client

_NAME: Final = re.compile(r"[a-z][A-Za-z]{0,39}[0-9]?[A-Za-z]{0,20}")
"""Kakao's members are camel case. A key that is none may be data: an id, a name of somebody."""
_HEADER: Final = re.compile(r"[a-z]+(-[a-z0-9]+){0,5}")
_DATE: Final = re.compile(r"[0-9T:.+Z -]{8,32}")
_LENGTHS: Final = (0, 1, 8, 32, 128, 1024)
"""Characters or bytes at which a class of length ends. Our figures, as the two below: few classes
tell nothing of the value."""
_COUNTS: Final = (0, 1, 9, 99, 999)
"""Items at which a class of a list ends."""
_DIGITS: Final = (4, 9, 15, 19)
"""Digits at which a class of a number ends: a small number, and ids up to 64 bits."""
_NAMING: Final = ("name", "description", "title", "msg", "message")
"""Members that people fill: also a known word in them may be somebody's."""
_MANY: Final = 100
"""More members than an object of Kakao has: its keys are data."""


class Recorder:
    """Sees what a client sends and gets, and keeps its shape."""

    def __init__(self) -> None:
        self._seen: list[dict[str, Any]] = []

    def listen_to(self, client: Client) -> None:
        """See all requests of *client*. Before its first call."""
        make = client._sender.settings.new_transport
        client._change_settings(new_transport=lambda settings: _Tap(make(settings), self._keep))

    def _keep(self, request: Request, response: Response) -> None:
        self._seen.append(
            {
                "method": request.method,
                "path": _path(request.url.path),
                "query": {_member(k): shape(_literal(v)) for k, v in request.url.query.items()},
                "headers": sorted(filter(_HEADER.fullmatch, map(str.lower, request.headers))),
                "body": _body(request.body),
                "answer": {
                    "status": response.status,
                    "headers": sorted(filter(_HEADER.fullmatch, map(str.lower, response.headers))),
                    "body": _body(response.body),
                },
            }
        )

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write what was seen.

        :raises OSError: The file cannot be written.
        """
        about = "Shapes of requests and answers: every value is replaced. Look before you send it."
        data = {"about": about, "exchanges": self._seen}
        _file.write(file, json.dumps(data, ensure_ascii=False, indent=1) + "\n")


@attrs.frozen(eq=False)
class _Tap:
    """A transport that shows what goes through it."""

    _inner: Sends
    _keep: Callable[[Request, Response], None]

    async def send(self, request: Request, token: Secret, attempt: AttemptState) -> Response:
        response = await self._inner.send(request, token, attempt)
        self._keep(request, response)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _path(path: str) -> str:
    return "/".join(word if word in _path_words() else "{…}" for word in path.split("/"))


@cache
def _path_words() -> frozenset[str]:
    paths = [path for it in ENDPOINTS for path in (it.path, it.flat_path or "")]
    return frozenset(word for path in paths for word in path.split("/") if "{" not in word)


def _body(body: bytes | None) -> Any:
    if not body:
        return None
    try:
        return shape(json.loads(body))
    except (ValueError, RecursionError):
        return f"not JSON, {_class(len(body), _LENGTHS)} bytes"


def _literal(value: str) -> Any:
    return int(value) if value.isascii() and value.isdigit() else value


def shape(value: Any, member: str = "") -> Any:
    """*value* without its values: types, classes of length, names of members, known words."""
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list):
        return {"list of": _class(len(value), _COUNTS), "items": _distinct(map(shape, value))}
    if isinstance(value, str):
        return _text(value, member)
    if isinstance(value, bool) or value is None:
        return "true or false" if value is not None else "null"
    if not math.isfinite(value):
        return "number, not finite"
    kind = "whole number" if isinstance(value, int) else "number"
    return f"{kind}, {_class(len(str(abs(int(value)))), _DIGITS)} digits"


def _object(value: Mapping[str, Any]) -> Any:
    if len(value) > _MANY:
        return {"{key}": _distinct(map(shape, value.values()))}
    return {_member(name): shape(it, name) for name, it in value.items()}


def _distinct(shapes: Iterable[Any]) -> list[Any]:
    return list({json.dumps(it, ensure_ascii=False): it for it in shapes}.values())


def _member(name: str) -> str:
    return name if _NAME.fullmatch(name) else "{key}"


def _text(value: str, member: str) -> str:
    if value in _known_words() and not member.lower().endswith(_NAMING):
        return value
    if _DATE.fullmatch(value) and not value.isdigit():
        return "form " + re.sub("[0-9]", "0", value)
    kind = "digits" if value.isascii() and value.isdigit() else "text"
    return f"{kind}, {_class(len(value), _LENGTHS)} characters"


@cache
def _known_words() -> frozenset[str]:
    """Kakao's words. Those of digits alone are left out: an id may be the same."""
    kinds = (it for it in vars(models).values() if isinstance(it, type))
    enums = (kind for kind in kinds if issubclass(kind, OpenEnum))
    words = (str(word) for kind in enums for word in kind.__members__.values())
    return frozenset(word for word in words if not word.isdigit())


def _class(size: int, limits: tuple[int, ...]) -> str:
    """The class of a size: 0, 1, 2 to 8 …"""
    below = max((limit for limit in limits if limit < size), default=-1)
    above = next((limit for limit in limits if limit >= size), None)
    if above is None:
        return f"more than {below}"
    return f"{above}" if below + 1 == above else f"{below + 1} to {above}"
