"""Checks of arguments, before anything is sent. Each error names the argument and the rule."""

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from math import isfinite
from numbers import Integral
from typing import Any, Final, NoReturn, TypeVar

from yarl import URL

from ._plain import Serializable
from ._secret import Secret
from ._text import is_plain, normalised
from .errors import InvalidArgumentError

T = TypeVar("T")

LARGEST_LONG: Final = 2**63 - 1
"""Kakao's ids are of type Long, a signed 64-bit integer."""
_SHOWN: Final = 80
"""Characters of a refused value that an error shows: one line."""
_DEEPEST: Final = 100
"""Levels of JSON in a body: Kakao's have five, and Python's parser stops at about 1,000."""
_DIGITS: Final = re.compile(r"\s*[0-9]{1,19}\s*")
_WORD: Final = re.compile(r"[A-Za-z0-9_]+")
_PATH: Final = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_TRACK_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


def refuse(argument: str, rule: str, value: object, *, secret: bool = False) -> NoReturn:
    """Raise for *argument*. The error shows the value, unless it may hold a secret."""
    found = f"this {type(value).__name__}" if secret else shown(value)
    raise InvalidArgumentError(argument, f"must be {rule}, not {found}")


def shown(value: object) -> str:
    """*value* for an error: text and numbers as they are, anything else by its type."""
    if value is None or isinstance(value, str | bytes | int | float):
        text = repr(value)
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return f"this {type(value).__name__}"


def whole(value: Any) -> Any:
    """A whole number of any kind (numpy's, decimal digits as text) as ``int``; else *value*."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return value


def ident(argument: str, value: Any) -> int:
    """An id: a positive integer of at most 64 bits, of any kind that :func:`whole` takes."""
    number = whole(value)
    if type(number) is not int or not 0 < number <= LARGEST_LONG:
        refuse(argument, "a positive 64-bit integer", value)
    return number


def idents(argument: str, values: Any) -> tuple[int, ...]:
    """Ids, as they were given."""
    given = items(argument, values, "ids")
    return tuple(ident(f"{argument}[{i}]", v) for i, v in enumerate(given))


def collection(argument: str, values: Iterable[T] | None) -> tuple[T, ...] | None:
    """One of Kakao's sets: in order, without repeats; ``None`` stays ``None``."""
    if values is None:
        return None
    given: tuple[T, ...] = items(argument, values)
    try:
        return tuple(dict.fromkeys(given))
    except TypeError:  # an item that cannot be hashed: the draft's rules name it by its index
        return given


def items(argument: str, values: Any, kind: str = "values") -> tuple[Any, ...]:
    """What a collection holds, as it was given. An error calls it a collection of *kind*."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        refuse(argument, f"a collection of {kind}", values)
    return tuple(values)


def encodable(value: str) -> bool:
    """Whether *value* can be sent. A lone surrogate cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def string(argument: str, value: Any) -> str:
    """Text, blank or not."""
    if not isinstance(value, str):
        refuse(argument, "text", value)
    return value


def text(argument: str, value: Any) -> str:
    """Text that is not blank, without the blanks around it."""
    stripped = value.strip() if isinstance(value, str) else ""
    if not stripped or not encodable(stripped):
        refuse(argument, "text that is not empty", value)
    return stripped


def keyword(argument: str, value: Any) -> str:
    """A keyword as Kakao stores names: normalised (``_text``), and not blank."""
    if value.__class__ is str and is_plain(value):
        return value
    return text(argument, normalised(value) if isinstance(value, str) else value)


def term(argument: str, value: Any) -> int:
    """A targeting period in days."""
    days = whole(value)
    if type(days) is not int or not 1 <= days <= 180:
        refuse(argument, "a whole number of days from 1 to 180", value)
    return days


def track_id(argument: str, value: Any) -> str:
    """A tracker's id: it becomes part of a path. Kakao's are text; a number is taken too."""
    number = whole(value)
    as_text = str(number) if type(number) is int and not isinstance(value, str) else value
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


def wait(argument: str, value: Any) -> float:
    """A time to wait: 0 is not at all, infinity is no limit."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        refuse(argument, "a number of seconds, 0 or more", value)
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


def number(argument: str, value: Any) -> int:
    """A whole number, 0 or more."""
    if type(value) is not int or value < 0:
        refuse(argument, "a whole number, 0 or more", value)
    return value


def instance(argument: str, value: Any, kind: type[Any], source: str) -> None:
    """A value of one of our classes, which *source* gives, such as ``kmoment.sheets.read``."""
    if not isinstance(value, kind):
        call = f"{source}({shown(value)})" if isinstance(value, str) else source
        refuse(argument, f"a {kind.__name__}, as {call} gives it", value)


def work(argument: str, value: Any) -> None:
    """A function that is run for each input."""
    if not callable(value):
        refuse(argument, "callable", value)


def file(argument: str, value: Any) -> None:
    """The path of a file. Whether there is one is not looked at."""
    if not isinstance(value, str | os.PathLike) or not str(value).strip():
        refuse(argument, "the path of a file", value)


def choice(argument: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    """One of the *allowed* values."""
    if value not in allowed:
        refuse(argument, " or ".join(map(repr, allowed)), value)
    return value


def word(argument: str, value: Any) -> str:
    """One of Kakao's words, known or not: letters, digits and underscores."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        refuse(argument, "one word, such as ON", value)
    return str(value)


def base_url(argument: str, value: Any, *, insecure: bool = False) -> str:
    """Where the API is: https, or http on this machine, or anywhere where that is allowed."""
    url = _url(argument, value)
    if url.scheme == "http" and insecure and not is_loopback(url.host or ""):
        _warn_about(url.host or "")
    elif url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host or "")):
        rule = "an https URL (http only for loopback, or with insecure=True)"
        refuse(argument, rule, value, secret=bool(url.user))
    if url.user or url.password or url.query_string or url.fragment:
        rule = "a URL without user, password, query and fragment"
        refuse(argument, rule, value, secret=True)
    return str(url).rstrip("/")


@cache
def _warn_about(host: str) -> None:
    warnings.warn(f"the token goes to {host} unencrypted (insecure=True)", stacklevel=2)


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
            rule = "text or a whole number, under a name"
            refuse(f"{argument}[{name!r}]", rule, item, secret=True)
        text(argument, name)
        if isinstance(item, str) and not encodable(item):
            refuse(f"{argument}[{name!r}]", "text that UTF-8 can encode", item, secret=True)
    return value


def json(argument: str, value: Any) -> Any:
    """A value that JSON has, models and dates included. What is not is refused with its path."""
    if path := _not_json(value, argument, 0):
        raise InvalidArgumentError(path, "must be a value that JSON has")
    return value


def _not_json(value: Any, path: str, depth: int) -> str | None:
    """The path of the first value that JSON does not have."""
    if depth > _DEEPEST:
        return f"{path}, which lies {depth} levels deep,"
    if isinstance(value, float):
        return None if isfinite(value) else path
    if value is None or isinstance(value, str | int | datetime | Serializable):
        return None
    if isinstance(value, Mapping):
        names = [name for name in value if not isinstance(name, str)]
        if names:
            return f"{path}, whose key {shown(names[0])} is not text,"
        found = (_not_json(item, f"{path}.{name}", depth + 1) for name, item in value.items())
    elif isinstance(value, list | tuple):
        found = (_not_json(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value))
    else:
        return path
    return next(filter(None, found), None)


def _url(argument: str, value: Any) -> URL:
    try:
        url = URL(value)
    except (TypeError, ValueError):
        url = URL()
    if not url.host:
        rule = 'an absolute URL, which begins with "https://" or "http://"'
        refuse(argument, rule, value, secret="@" in str(value))
    return url


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
