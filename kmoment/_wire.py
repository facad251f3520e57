"""Calls to requests, answers to values or errors. Pure: no network, no clock.

An answer is told apart by its HTTP status, Kakao's ``code``, its ``detailCode`` and the shape
of its body, in that order of rising weight: a failure may come as HTTP 200 with an error
envelope, a missing permission as HTTP 400, and a proxy's page as anything.
"""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import NoneType
from typing import Any, Final, TypeVar, cast

import attrs
from yarl import URL

from ._call import Call
from ._convert import Unreadable, camel, read, write
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

T = TypeVar("T")


@attrs.frozen
class Request:
    """What goes over the wire, less the token."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


@attrs.frozen
class Response:
    """What came back, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# -- Requests ---------------------------------------------------------------------------


def encode(call: Call[Any], path: str, base_url: str) -> Request:
    """*call* as a request to *path* (one reading of its endpoint's)."""
    url = URL(base_url + path.format_map(call.path), encoded=True)
    headers: dict[str, str] = {}
    if call.account is not None:
        headers["adAccountId"] = str(call.account)
    body = None if call.body is None else _encode_body(call)
    if body is not None:
        headers["Content-Type"] = "application/json"
    return Request(
        call.endpoint.method, url.with_query(call.query) if call.query else url, headers, body
    )


def _encode_body(call: Call[Any]) -> bytes:
    body = write(call.body)
    if call.body_ids:
        body = {**{camel(name): value for name, value in call.body_ids.items()}, **body}
    argument = "audience" if isinstance(call.body, AudienceDraft) else "json"
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        why = type(error).__name__
    raise InvalidArgumentError(argument, f"cannot be written as JSON ({why})")


# -- Answers ----------------------------------------------------------------------------


def decode(call: Call[T], response: Response) -> T:
    """The value that *response* carries for *call*, or the error that it is."""
    facts = facts_of(call) | {"status": response.status, "request_sent": True}
    if 300 <= response.status < 400:
        raise ProtocolError("a redirect, which the API does not use", facts)
    data = _parse(response.body)
    if envelope := _envelope(data):
        raise _kakao_error(envelope, response, facts)
    if response.status >= 400:
        error = _BY_STATUS.get(response.status, _by_hundred(response.status))
        raise error("an error without Kakao's explanation", facts | _retry_after(response))
    return _value(call, data, facts)


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


class _NotJson:
    """Stands for a body that is no JSON; ``_EMPTY`` for none at all."""


_NOT_JSON: Final = _NotJson()
_EMPTY: Final = _NotJson()


def _parse(body: bytes) -> Any:
    if not body.strip():
        return _EMPTY
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _value(call: Call[T], data: Any, facts: dict[str, Any]) -> T:
    if data is _NOT_JSON:
        raise ProtocolError("the answer is not JSON", facts)
    if call.returns is NoneType:
        return cast("T", None)
    if data is _EMPTY:
        return _empty(call, facts)
    if call.returns is object:
        return cast("T", data)
    try:
        return read(data, call.returns)
    except Unreadable as unreadable:
        (path, rule), *_ = faults = unreadable.faults
        partial = unreadable.partial
    reason = f"{path or 'the answer'} {rule}"
    raise DecodeError(reason, facts | {"faults": faults, "partial": partial})


def _empty(call: Call[T], facts: dict[str, Any]) -> T:
    if call.returns is object:
        return cast("T", None)
    if call.returns is BulkDeleteResult:
        return call.returns()
    raise DecodeError("the answer is empty", facts)


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
    extras = envelope.get("extras")
    extras = extras if isinstance(extras, dict) else {}
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
        return read(value, int)
    except Unreadable:
        return None


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _retry_after(response: Response) -> dict[str, Any]:
    if response.status != 429:
        return {}
    return {"retry_after": retry_after(response.headers)}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as the server says: a number, or a date held against its own clock."""
    said = headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
        return max(0.0, (until - parsedate_to_datetime(headers["Date"])).total_seconds())
    except (ValueError, KeyError, TypeError):
        return None
