"""Turns calls into requests, and responses into values or errors. Pure: no network, no clock."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from types import NoneType
from typing import Any, Final, TypeVar, cast

from yarl import URL

from ..errors import DecodeError, InvalidArgumentError
from ..models import AudienceDraft, BulkDeleteResult
from .call import Call, Replay
from .converter import StructureError, camel, read, wire_names, write
from .error_table import EMPTY, NOT_JSON, envelope_of, error_of, extras_of, facts_of
from .http import Request, Response

T = TypeVar("T")

_CREATE: Final = Replay.CREATE  # looking an enum member up costs Python 3.11 about 0.2 us

_loads: Callable[[bytes], Any] = json.loads
with suppress(ImportError):  # twice as fast, but not built for every interpreter: never required
    _loads = import_module("orjson").loads


# -- Requests ---------------------------------------------------------------------------


def encode(call: Call[Any], path: str, base_url: str) -> Request:
    """*call* as a request to *path* (one reading of its endpoint's)."""
    url = _url(base_url + (path.format_map(call.path) if call.path else path))
    headers: dict[str, str] = {}
    if call.account is not None:
        headers["adAccountId"] = str(call.account)
    body = None if call.body is None else _encode_body(call)
    if body is not None or call.endpoint.typed:
        headers["Content-Type"] = "application/json"
    return Request(
        call.endpoint.method,
        url.with_query(call.query) if call.query else url,
        headers,
        body,
        fresh=call.endpoint.replay is _CREATE,
    )


@lru_cache(maxsize=1024)
def _url(text: str) -> URL:
    """Parsing a URL costs more than anything else here, and most calls go to the same few."""
    return URL(text, encoded=True)


def _encode_body(call: Call[Any]) -> bytes:
    if isinstance(call.body, AudienceDraft):
        _refuse_hidden_members(call.body)
    ids = {camel(name): value for name, value in call.body_ids.items()}
    argument = "audience" if isinstance(call.body, AudienceDraft) else "json"
    try:
        body = {**ids, **write(call.body), **ids} if ids else write(call.body)
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        why = type(error).__name__
    raise InvalidArgumentError(argument, f"cannot be written as JSON ({why})")


def _refuse_hidden_members(draft: AudienceDraft) -> None:
    """``extra`` is for members kmoment does not know: its own would slip past the rules."""
    if hidden := sorted(wire_names(AudienceDraft) & draft.extra.keys()):
        raise InvalidArgumentError("audience.extra", f"must not hold {', '.join(hidden)}")


# -- Responses --------------------------------------------------------------------------


def decode(call: Call[T], response: Response) -> T:
    """The value that *response* carries for *call*, or the error that it is."""
    data = _parse(response.body)
    if 200 <= response.status < 300 and data is not NOT_JSON and not envelope_of(data):
        return _value(call, data, response)
    raise error_of(call, data, response)


def no_such_route(response: Response) -> bool:
    """Whether the server does not know the path. Then it has done nothing."""
    return response.status in (404, 405) and not envelope_of(_parse(response.body))


def knows_route(response: Response) -> bool:
    """Whether the response shows that the path is right. One from a gateway shows nothing."""
    return response.status < 300 or "detailCode" in extras_of(envelope_of(_parse(response.body)))


def _parse(body: bytes) -> Any:
    if not body or body.isspace():
        return EMPTY
    try:
        return _loads(body)
    except (ValueError, RecursionError):
        return _parse_slowly(body)


def _parse_slowly(body: bytes) -> Any:
    """orjson refuses what json reads, such as half an emoji. What is read must not depend on it."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return NOT_JSON


def _value(call: Call[T], data: Any, response: Response) -> T:
    if call.returns is NoneType:
        return cast("T", None)
    if data is EMPTY:
        return _empty(call, response)
    if call.returns is object:
        return cast("T", data)
    try:
        return read(data, call.returns)
    except StructureError as unreadable:
        (path, rule), *_ = problems = unreadable.problems
        partial = unreadable.partial
    facts = facts_of(call, response)
    raise DecodeError(
        f"{path or 'the answer'} {rule}", {**facts, "problems": problems, "partial": partial}
    )


def _empty(call: Call[T], response: Response) -> T:
    if call.returns is object:
        return cast("T", None)
    if call.returns is BulkDeleteResult:
        return call.returns()
    raise DecodeError("the answer is empty", facts_of(call, response))
