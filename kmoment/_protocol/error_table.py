"""Which error a response is, and what the error says.

The first of these that says anything decides: the status 429, Kakao's ``code``, its
``detailCode``, the HTTP status. Kakao may send a failure as HTTP 200 with an error object, and a
missing permission as HTTP 400. A proxy may send a page with any status.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ..errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConsentRequiredError,
    Facts,
    MaintenanceError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
)
from .call import Call
from .converter import StructureError, read
from .http import Response


class _NoJson:
    """Stands for a body that could not be parsed."""


NOT_JSON: Final = _NoJson()
"""A body that is not JSON."""
EMPTY: Final = _NoJson()
"""No body."""


def error_of(call: Call[Any], data: Any, response: Response) -> APIError:
    """The error that *response* is. *data* is its body, parsed."""
    facts = facts_of(call, response)
    if data is NOT_JSON:
        facts["web_page"] = response.body.lstrip().startswith(b"<")
    if envelope := envelope_of(data):
        return _kakao_error(envelope, response, facts)
    if response.status >= 400:
        error = _BY_STATUS.get(response.status, _by_hundred(response.status))
        facts["message"] = _any_words(data)
        _add_retry_after(response, facts)
        return error("an error without one of Kakao's codes", facts)
    if not 200 <= response.status < 300:
        return ProtocolError("a redirect or other status that the API does not use", facts)
    return ProtocolError("the answer is not JSON", facts)


def facts_of(call: Call[Any], response: Response | None = None) -> Facts:
    """What every error says of its call, and of the response where one came."""
    endpoint = call.endpoint
    facts: Facts = {
        "operation": endpoint.name,
        "method": endpoint.method,
        "path": endpoint.path,
        "ad_account_id": call.account,
    }
    if response is not None:
        facts["status"], facts["request_sent"] = response.status, True
    return facts


# -- The tables -------------------------------------------------------------------------

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


def envelope_of(data: Any) -> dict[str, Any]:
    """Kakao's error object; empty where *data* is not one. Its ``code`` is negative."""
    if not isinstance(data, dict):
        return {}
    code = _number(data.get("code"))
    return data if code is not None and code < 0 else {}


def _kakao_error(envelope: dict[str, Any], response: Response, facts: Facts) -> APIError:
    extras = extras_of(envelope)
    code, detail_code = _number(envelope["code"]), _number(extras.get("detailCode"))
    facts["code"], facts["detail_code"] = code, detail_code
    facts["message"] = _words(envelope.get("msg"))
    facts["detail_message"] = _words(extras.get("detailMsg", extras.get("message")))
    error = _class_of(response.status, code, detail_code)
    if issubclass(error, ConsentRequiredError):
        facts["required_scopes"] = _scopes(envelope) or _scopes(extras)
    _add_retry_after(response, facts)
    return error("Kakao refused the call", facts)


def extras_of(envelope: dict[str, Any]) -> dict[str, Any]:
    """The ``extras`` of Kakao's error object, empty where it has none."""
    extras = envelope.get("extras")
    return extras if isinstance(extras, dict) else {}


def _class_of(status: int, code: int | None, detail_code: int | None) -> type[APIError]:
    if status == 429:
        return RateLimitedError
    by_body = _BY_CODE.get(code or 0) or _BY_DETAIL_CODE.get(detail_code or 0)
    return by_body or _BY_STATUS.get(status) or _by_hundred(status)


def _scopes(holder: Mapping[str, Any]) -> tuple[str, ...]:
    """Kakao's pages spell the member in three ways, and do not show where it stands."""
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
    except StructureError:
        return None


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _any_words(data: Any) -> str | None:
    """What a gateway in front of the API says. Each has its own name for it."""
    names = ("msg", "message", "error_description", "error") if isinstance(data, dict) else ()
    return next(filter(None, (_words(data.get(name)) for name in names)), None)


def _add_retry_after(response: Response, facts: Facts) -> None:
    if response.status == 429:
        facts["retry_after"] = retry_after(response.headers)


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
