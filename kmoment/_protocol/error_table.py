"""Which error a response is.

**Status first, then shape.** 429 is a throttle and 5xx a server failure, whoever wrote the body.
Any other response is Kakao's only in Kakao's shape: an object with a negative ``code`` and ``msg``
or ``extras``. Then its ``code``, its ``detailCode`` and the status decide, in this order. (Kakao
may send a failure as HTTP 200, and a missing permission as HTTP 400.) A response that is not
Kakao's says nothing of the audience, the token or the permission.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite, nan
from typing import Any, Final

from ..errors import (
    AddressNotAllowedError,
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
    RouteNotFoundError,
    ServerError,
)
from .answer import NOT_JSON, request_id, said, shortened, was_json
from .call import Call
from .converter import StructureError, read
from .http import Response


def error_of(call: Call[Any], data: Any, response: Response) -> APIError:
    """The error that *response* is. *data* is its body, parsed."""
    facts = facts_of(call, response)
    if (after := retry_after(response.headers)) is not None:
        facts["retry_after"] = after
    if envelope := envelope_of(data):
        return _kakao_error(envelope, response, facts)
    facts["message"] = said(data, response)
    if error := _by_status(response.status):
        return error("a failure, not in Kakao's words", facts)
    if _is_route_miss(data, response):
        return RouteNotFoundError("the server does not know this route", facts)
    if is_success(response.status) and was_json(response) and data is NOT_JSON:
        return ProtocolError("the answer is cut off or damaged JSON", facts)
    facts["not_the_api"] = True
    return ProtocolError(_foreign(response), facts)


def is_success(status: int) -> bool:
    """Whether *status* is one of the 200s."""
    return 200 <= status < 300


def _foreign(response: Response) -> str:
    target = response.headers.get("location")
    if 300 <= response.status < 400 and target:
        return f"a redirect to {shortened(target)}, which is not followed"
    return "the answer is not one of Kakao's"


def _is_route_miss(data: Any, response: Response) -> bool:
    """Whether the server itself says that it has no such route, in Spring's words."""
    spring = isinstance(data, dict) and {"timestamp", "status", "error", "path"} <= data.keys()
    return spring and response.status in (404, 405)


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
        facts["request_id"] = request_id(response.headers)
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

_DEAD_TOKEN: Final = -401
_ADDRESS_REFUSED: Final = "ip mismatched"
"""In the text of a -401 for an address that the app does not allow. Seen in third-party code."""

# Kakao documents 21006; the others were read in third-party code (evidence: quoted).
_BY_DETAIL_CODE: Final[Mapping[int, type[APIError]]] = {
    6003: NotFoundError,
    7001: PermissionDeniedError,
    9004: PermissionDeniedError,
    21006: NotFoundError,
    31001: NotFoundError,
    32001: NotFoundError,
    32026: NotFoundError,  # the ad group is deleted
    33003: NotFoundError,
    75014: NotFoundError,
    75303: PermissionDeniedError,
    75401: PermissionDeniedError,
    75601: PermissionDeniedError,
}

_BY_KAKAOS_STATUS: Final[Mapping[int, type[APIError]]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
}
"""For errors of Kakao's with a code that is not in the tables."""

_TRANSIENT: Final = (408, 425)


def _by_status(status: int) -> type[APIError] | None:
    """The error that a status alone decides, whoever wrote the body."""
    if status == 429:
        return RateLimitedError
    return ServerError if status >= 500 or status in _TRANSIENT else None


def envelope_of(data: Any) -> dict[str, Any]:
    """Kakao's error object; empty if *data* is not one. Its ``code`` is negative."""
    if not isinstance(data, dict) or "code" not in data:
        return {}
    code = _number(data.get("code"))
    shaped = "msg" in data or "extras" in data or len(data) == 1
    return data if shaped and code is not None and code < 0 else {}


def _kakao_error(envelope: dict[str, Any], response: Response, facts: Facts) -> APIError:
    extras = extras_of(envelope)
    code, detail_code = _number(envelope["code"]), _number(extras.get("detailCode"))
    facts["code"], facts["detail_code"] = code, detail_code
    facts["message"] = _words(envelope.get("msg"))
    facts["detail_message"] = _words(extras.get("detailMsg", extras.get("message")))
    error = _class_of(response.status, code, detail_code)
    if code == _DEAD_TOKEN and _ADDRESS_REFUSED in (facts["message"] or ""):
        error = AddressNotAllowedError
    if response.status in (404, 405) and detail_code is None:
        error = RouteNotFoundError
    if issubclass(error, ConsentRequiredError):
        facts["required_scopes"] = _scopes(envelope) or _scopes(extras)
    return error("Kakao refused the call", facts)


def extras_of(envelope: dict[str, Any]) -> dict[str, Any]:
    """The ``extras`` of Kakao's error object, empty where it has none."""
    extras = envelope.get("extras")
    return extras if isinstance(extras, dict) else {}


def _class_of(status: int, code: int | None, detail_code: int | None) -> type[APIError]:
    by_code = _BY_CODE.get(code or 0)
    if by_status := _by_status(status):
        return MaintenanceError if by_code is MaintenanceError else by_status
    by_body = by_code or _BY_DETAIL_CODE.get(detail_code or 0)
    return by_body or _BY_KAKAOS_STATUS.get(status, BadRequestError)


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


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as the server says: a number, or a date compared with its own clock."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, headers)
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _seconds_until(text: str, headers: Mapping[str, str]) -> float:
    until, now = _date(text), date_of(headers)
    return max(0.0, (until - now).total_seconds()) if until and now else nan


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The server's time, from its Date header."""
    return _date(headers.get("date", ""))


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
