"""Calls to requests, answers to values or errors. Pure: no network, no clock.

Which error an answer is follows from the first of these that says anything: the status 429,
Kakao's ``code``, its ``detailCode``, the HTTP status. A failure may come as HTTP 200 with an
error envelope, a missing permission as HTTP 400, and a proxy's page as anything.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import lru_cache
from importlib import import_module
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import attrs
from yarl import URL

from ._call import Call, Replay
from ._convert import Unreadable, camel, read, wire_names, write
from .errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConsentRequiredError,
    DecodeError,
    InvalidArgumentError,
    MaintenanceError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
)
from .models import AudienceDraft, BulkDeleteResult

if TYPE_CHECKING:
    from ._watch import Life

T = TypeVar("T")

_CREATE: Final = Replay.CREATE  # looking a member up takes Python 3.11 a fifth of a microsecond

_loads: Callable[[bytes], Any] = json.loads
with suppress(ImportError):  # twice as fast, and not for every interpreter: never required
    _loads = import_module("orjson").loads


class Request(NamedTuple):
    """What goes over the wire, less the token."""

    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None
    fresh: bool = False
    """Whether it wants a new connection: a kept one may die under it, and leave it in doubt."""


class Response(NamedTuple):
    """What came back, decompressed."""

    status: int
    headers: Mapping[str, str]
    """Their names are looked up in lower case."""
    body: bytes


@attrs.define
class Attempt:
    """How far one attempt has come: readable at any moment, also after it was cancelled."""

    life: "Life | None" = None
    phase: str = "waiting for the token"
    sent: bool = False
    """False only while the request provably has not left."""
    status: int | None = None
    """The HTTP status, from the moment it is known."""


class NoAnswer(Exception):  # noqa: N818 - never seen outside: the client raises its own
    """No usable answer came. *broken*: one came, but no HTTP. *final*: another try is no use."""

    def __init__(self, reason: str, *, broken: bool = False, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.broken = broken
        self.final = final


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


# -- Answers ----------------------------------------------------------------------------


def decode(call: Call[T], response: Response) -> T:
    """The value that *response* carries for *call*, or the error that it is."""
    data = _parse(response.body)
    if 200 <= response.status < 300 and data is not _NOT_JSON and not _envelope(data):
        return _value(call, data, response)
    raise _error(call, data, response)


def _error(call: Call[Any], data: Any, response: Response) -> APIError:
    facts = _facts(call, response)
    if data is _NOT_JSON:
        facts["web_page"] = response.body.lstrip().startswith(b"<")
    if envelope := _envelope(data):
        return _kakao_error(envelope, response, facts)
    if response.status >= 400:
        error = _BY_STATUS.get(response.status, _by_hundred(response.status))
        facts |= {"message": _any_words(data)} | _retry_after(response)
        return error("an error without one of Kakao's codes", facts)
    if not 200 <= response.status < 300:
        return ProtocolError("a redirect or other status that the API does not use", facts)
    return ProtocolError("the answer is not JSON", facts)


def _facts(call: Call[Any], response: Response) -> dict[str, Any]:
    return facts_of(call) | {"status": response.status, "request_sent": True}


def facts_of(call: Call[Any]) -> dict[str, Any]:
    """What every error says of its call."""
    endpoint = call.endpoint
    return {
        "operation": endpoint.name,
        "method": endpoint.method,
        "path": endpoint.path,
        "ad_account_id": call.account,
    }


def no_such_route(response: Response) -> bool:
    """Whether the server does not know the path; then it has done nothing."""
    return response.status in (404, 405) and not _envelope(_parse(response.body))


def knows_route(response: Response) -> bool:
    """Whether the answer shows that the path is right: a gate in front of it says nothing."""
    return response.status < 300 or "detailCode" in _extras(_envelope(_parse(response.body)))


class _NotJson:
    """Stands for a body that is no JSON; ``_EMPTY`` for none at all."""


_NOT_JSON: Final = _NotJson()
_EMPTY: Final = _NotJson()


def _parse(body: bytes) -> Any:
    if not body or body.isspace():
        return _EMPTY
    try:
        return _loads(body)
    except (ValueError, RecursionError):
        return _parse_slowly(body)


def _parse_slowly(body: bytes) -> Any:
    """orjson refuses what json takes, such as half an emoji: it must not decide what is read."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _value(call: Call[T], data: Any, response: Response) -> T:
    if call.returns is NoneType:
        return cast("T", None)
    if data is _EMPTY:
        return _empty(call, response)
    if call.returns is object:
        return cast("T", data)
    try:
        return read(data, call.returns)
    except Unreadable as unreadable:
        (path, rule), *_ = faults = unreadable.faults
        partial = unreadable.partial
    reason = f"{path or 'the answer'} {rule}"
    raise DecodeError(reason, _facts(call, response) | {"faults": faults, "partial": partial})


def _empty(call: Call[T], response: Response) -> T:
    if call.returns is object:
        return cast("T", None)
    if call.returns is BulkDeleteResult:
        return call.returns()
    raise DecodeError("the answer is empty", _facts(call, response))


# -- Errors -----------------------------------------------------------------------------

_BY_CODE: Final[Mapping[int, type[APIError]]] = {
    -1: ServerError,
    -2: BadRequestError,
    -3: PermissionDeniedError,
    -4: PermissionDeniedError,
    -5: PermissionDeniedError,
    -6: PermissionDeniedError,
    -7: ServerError,
    -8: BadRequestError,
    -9: BadRequestError,
    -10: QuotaExceededError,
    -11: QuotaExceededError,
    -12: PermissionDeniedError,
    -101: BadRequestError,
    -401: AuthenticationError,
    -402: ConsentRequiredError,
    -501: BadRequestError,
    -602: BadRequestError,
    -603: ServerError,
    -606: BadRequestError,
    -903: AuthenticationError,
    -911: BadRequestError,
    -9798: MaintenanceError,
}

# Kakao documents 21006; the others were read in third-party code (evidence: quoted).
_BY_DETAIL_CODE: Final[Mapping[int, type[APIError]]] = {
    6003: NotFoundError,
    7001: PermissionDeniedError,
    9004: PermissionDeniedError,
    21006: NotFoundError,
    31001: NotFoundError,
    32001: NotFoundError,
    33003: NotFoundError,
    75014: NotFoundError,
    75303: PermissionDeniedError,
    75401: PermissionDeniedError,
    75601: PermissionDeniedError,
}

_BY_STATUS: Final[Mapping[int, type[APIError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitedError,
}


def _by_hundred(status: int) -> type[APIError]:
    return ServerError if status >= 500 else BadRequestError


def _envelope(data: Any) -> dict[str, Any]:
    """Kakao's error object, empty where *data* is none. Success codes are positive."""
    if not isinstance(data, dict):
        return {}
    code = _number(data.get("code"))
    return data if code is not None and code < 0 else {}


def _kakao_error(envelope: dict[str, Any], response: Response, facts: dict[str, Any]) -> APIError:
    extras = _extras(envelope)
    code, detail_code = _number(envelope["code"]), _number(extras.get("detailCode"))
    facts |= {
        "code": code,
        "message": _words(envelope.get("msg")),
        "detail_code": detail_code,
        "detail_message": _words(extras.get("detailMsg", extras.get("message"))),
    }
    error = _class_of(response.status, code, detail_code)
    if issubclass(error, ConsentRequiredError):
        facts["required_scopes"] = _scopes(envelope) or _scopes(extras)
    return error("Kakao refused the call", facts | _retry_after(response))


def _extras(envelope: dict[str, Any]) -> dict[str, Any]:
    extras = envelope.get("extras")
    return extras if isinstance(extras, dict) else {}


def _class_of(status: int, code: int | None, detail_code: int | None) -> type[APIError]:
    if status == 429:
        return RateLimitedError
    by_body = _BY_CODE.get(code or 0) or _BY_DETAIL_CODE.get(detail_code or 0)
    return by_body or _BY_STATUS.get(status) or _by_hundred(status)


def _scopes(holder: Mapping[str, Any]) -> tuple[str, ...]:
    """Kakao's pages spell the member in three ways and do not show where it stands."""
    for name in ("required_scopes", "required_scope", "required_scope(s)"):
        match holder.get(name):
            case str() as scopes:
                return tuple(scopes.replace(",", " ").split())
            case list() as scopes:
                return tuple(scope for scope in scopes if isinstance(scope, str))
    return ()


def _number(value: Any) -> int | None:
    try:
        return read(int(value) if isinstance(value, float) and value.is_integer() else value, int)
    except Unreadable:
        return None


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _any_words(data: Any) -> str | None:
    """What a gate in front of the API says: each has its own name for it."""
    names = ("msg", "message", "error_description", "error") if isinstance(data, dict) else ()
    return next(filter(None, (_words(data.get(name)) for name in names)), None)


def _retry_after(response: Response) -> dict[str, Any]:
    if response.status != 429:
        return {}
    return {"retry_after": retry_after(response.headers)}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as the server says: a number, or a date held against its own clock."""
    said = headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
