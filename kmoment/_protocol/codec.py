"""Turns calls into requests, and responses into values or errors. Pure: no network, no clock."""

import json
from contextlib import suppress
from functools import lru_cache
from types import NoneType
from typing import Any, Final, TypeVar, cast

from yarl import URL

from ..errors import DecodeError, InvalidArgumentError, PartialListError, RouteNotFoundError
from ..models import AudienceDraft
from .answer import EMPTY, parse, parse_exactly
from .call import Call, Replay
from .converter import EXACT, StructureError, camel, read, wire_names, write
from .error_table import envelope_of, error_of, extras_of, facts_of, is_success
from .http import Request, Response
from .shape import fits, is_list, total_beyond

T = TypeVar("T")

_CREATE: Final = Replay.CREATE  # looking an enum member up costs Python 3.11 about 0.2 us

_UNREAD: Final[Any] = object()
"""Stands for a value that could not be read."""

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
        call.endpoint.replay is _CREATE,
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
    """The value that *response* carries for *call*; else the error that it is is raised."""
    status, returns = response.status, call.returns
    data = parse(response, exactly=returns is object)
    if not (is_success(status) and fits(returns, data, status)):
        raise error_of(call, data, response)
    if data is EMPTY:
        return _nothing(returns)
    if returns is object:
        return cast("T", data)
    value: Any
    try:
        value = read(data, returns)
    except StructureError:
        value = _UNREAD
    if value is _UNREAD:  # not in the `except`: the error would have a context to print
        value, data = _read_exactly(call, data, response)
    if data.__class__ is dict and isinstance(value, list):
        _refuse_part(call, data, response, value)
    return value  # type: ignore[no-any-return]


def _nothing(returns: type[T]) -> T:
    if returns in (NoneType, object):
        return cast("T", None)
    return cast("T", [] if is_list(returns) else returns())


def _read_exactly(call: Call[T], data: Any, response: Response) -> tuple[T, Any]:
    """The value, and the answer as JSON; read once more, with exact numbers."""
    before = EXACT.set(True)
    try:
        with suppress(ValueError):  # a body in a charset of its own was parsed exactly before
            data = parse_exactly(response)
        return read(data, call.returns), data
    except StructureError as unreadable:
        failure = unreadable
    finally:
        EXACT.reset(before)
    (path, rule), *_ = failure.problems
    facts = facts_of(call, response)
    facts["problems"], facts["unread"] = failure.problems, failure.unread
    facts["partial"] = failure.partial
    raise DecodeError(f"{path or 'the answer'} {rule}", facts)


def _refuse_part(call: Call[Any], data: Any, response: Response, rows: list[Any]) -> None:
    """Raise if the list says that it has more rows than came."""
    total = total_beyond(data, rows)
    if total is None:
        return
    facts = facts_of(call, response)
    facts["partial"], facts["total"] = rows, total
    more = f"of {total}" if total else "and the server has more"
    raise PartialListError(f"the list is not complete: {len(rows)} rows came, {more}", facts)


def no_such_route(call: Call[Any], response: Response) -> bool:
    """Whether the server does not know the path. Then it has done nothing."""
    if response.status not in (404, 405):
        return False
    return isinstance(error_of(call, parse(response), response), RouteNotFoundError)


def knows_route(call: Call[Any], response: Response) -> bool:
    """Whether the response shows that the path is right. One from a gateway shows nothing."""
    data = parse(response)
    if "detailCode" in extras_of(envelope_of(data)):
        return True
    return is_success(response.status) and fits(call.returns, data, response.status)
