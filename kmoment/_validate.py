"""Checks of arguments, before anything is sent. Each error names the argument and the rule."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from math import isfinite
from typing import Any, Final, NoReturn, TypeVar

from yarl import URL

from ._secret import Secret
from .errors import InvalidArgumentError

T = TypeVar("T")

LARGEST_LONG: Final = 2**63 - 1
"""Kakao's ids are of type Long, a signed 64-bit integer."""
_PATH: Final = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_TRACK_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


def refuse(argument: str, rule: str, value: object) -> NoReturn:
    """Raise for *argument*. The error shows the type of the value, never the value."""
    raise InvalidArgumentError(argument, f"must be {rule}, not this {type(value).__name__}")


def ident(argument: str, value: Any) -> int:
    """An id: a positive integer of at most 64 bits."""
    if type(value) is not int or not 0 < value <= LARGEST_LONG:
        refuse(argument, "a positive 64-bit integer", value)
    return value


def idents(argument: str, values: Any) -> tuple[int, ...]:
    """Ids, without repeats; at least one."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        refuse(argument, "a collection of ids", values)
    given = tuple(dict.fromkeys(ident(f"{argument}[{i}]", v) for i, v in enumerate(values)))
    if not given:
        refuse(argument, "at least one id", values)
    return given


def collection(argument: str, values: Iterable[T] | None) -> tuple[T, ...] | None:
    """One of Kakao's sets: in order, without repeats; ``None`` stays ``None``."""
    if values is None:
        return None
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidArgumentError(
            argument, f"must be a collection of values, not {type(values).__name__}"
        )
    items = tuple(values)
    try:
        return tuple(dict.fromkeys(items))
    except TypeError:  # an item that cannot be hashed: the draft's rules name it by its index
        return items


def encodable(value: str) -> bool:
    """Whether *value* can be sent. A lone surrogate cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(argument: str, value: Any) -> str:
    """Text that is not blank, without the blanks around it."""
    if not isinstance(value, str) or not value.strip() or not encodable(value):
        refuse(argument, "text that is not empty", value)
    return value.strip()


def term(argument: str, value: Any) -> int:
    """A targeting period in days."""
    if type(value) is not int or not 1 <= value <= 180:
        refuse(argument, "a whole number of days from 1 to 180", value)
    return value


def track_id(argument: str, value: Any) -> str:
    """A tracker's id: it becomes part of a path. Kakao's are text; a number is taken too."""
    as_text = str(value) if type(value) is int else value
    if not isinstance(as_text, str) or not _TRACK_ID.fullmatch(as_text):
        refuse(argument, "a tracker's id: letters, digits, - and _", value)
    return as_text


def path(argument: str, value: Any) -> str:
    """A path from the host on. Queries go into ``params``."""
    if (
        not isinstance(value, str)
        or not _PATH.fullmatch(value)
        or {".", ".."} & {*value.split("/")}
    ):
        refuse(argument, "a plain path such as /openapi/v4/adAccounts/pages", value)
    return value


def method(argument: str, value: Any) -> str:
    """An HTTP method."""
    if value not in ("GET", "POST", "PUT", "DELETE"):
        refuse(argument, "GET, POST, PUT or DELETE", value)
    return str(value)


def seconds(argument: str, value: Any) -> float:
    """A positive time span."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(argument, "a number of seconds", value)
    if not isfinite(value) or value <= 0:
        refuse(argument, "a positive number of seconds", value)
    return float(value)


def pauses(argument: str, value: Any) -> tuple[float, ...]:
    """Time spans, in order; there may be none."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        refuse(argument, "a collection of seconds", value)
    return tuple(seconds(f"{argument}[{i}]", item) for i, item in enumerate(value))


def count(argument: str, value: Any) -> int:
    """A positive whole number."""
    if type(value) is not int or value < 1:
        refuse(argument, "a positive whole number", value)
    return value


def base_url(argument: str, value: Any) -> str:
    """Where the API lives: https, or http on this machine."""
    url = _url(argument, value)
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host or "")):
        refuse(argument, "an https URL (http only for loopback)", value)
    if url.user or url.password or url.query_string or url.fragment:
        refuse(argument, "a URL without user, password, query and fragment", value)
    return str(url).rstrip("/")


def proxy(argument: str, value: Secret) -> Secret:
    """A proxy's ``URL``. It may carry a user and password: neither it nor its parts are named."""
    url = _proxy_url(value)
    if not url.reveal().host or url.reveal().scheme not in ("http", "https"):
        raise InvalidArgumentError(argument, "must be an http or https URL")
    return url


def _proxy_url(value: Secret) -> Secret:
    try:
        return Secret(URL(value.reveal()))
    except (TypeError, ValueError):
        return Secret(URL())


def query(argument: str, value: Any) -> Mapping[str, str | int]:
    """A query: text by name, or whole numbers."""
    if not isinstance(value, Mapping):
        refuse(argument, "a mapping", value)
    for name, item in value.items():
        if not isinstance(name, str) or type(item) not in (str, int):
            refuse(f"{argument}[{name!r}]", "text or a whole number, under a name", item)
        text(argument, name)
        if isinstance(item, str) and not encodable(item):
            refuse(f"{argument}[{name!r}]", "text that UTF-8 can encode", item)
    return value


def _url(argument: str, value: Any) -> URL:
    try:
        url = URL(value)
    except (TypeError, ValueError):
        url = URL()
    if not url.host:
        refuse(argument, "an absolute URL", value)
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
