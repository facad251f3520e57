"""The body of a response: parsed, and what it says if it is an error.

Whoever answers chooses the form: Kakao sends JSON; a gateway sends a page, plain text, problem+json
(RFC 9457) or JSON of its own, in any charset.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from html import unescape
from importlib import import_module
from typing import Any, Final

from .http import Response

_loads: Callable[[bytes | str], Any] = json.loads
with suppress(ImportError):  # twice as fast, but not built for every interpreter: never required
    _loads = import_module("orjson").loads


class _NoJson:
    """Stands for a body that could not be parsed."""


NOT_JSON: Final = _NoJson()
"""A body that is not JSON."""
EMPTY: Final = _NoJson()
"""No body."""

_INEXACT: Final = 2.0**63
"""From here on, up or down, orjson makes floats of integers."""

WORDS: Final = 200
"""Characters of a foreign text that an error keeps: two lines of a terminal."""

_REQUEST_IDS: Final = (
    "x-request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-b3-traceid",
    "cf-ray",
    "traceparent",
)
"""Headers in which servers and gateways commonly name a request. Kakao has published none."""

_MESSAGES: Final = ("msg", "detail", "message", "error_description", "error", "title", "reason")
"""Members in which JSON of a gateway commonly says what is wrong, the most telling first."""


_MARKS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks, and the charset that each stands for."""

_CHARSET: Final = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)


# -- Parsing ----------------------------------------------------------------------------


def parse(response: Response, *, exactly: bool = False) -> Any:
    """The body as JSON, or :data:`EMPTY`, or :data:`NOT_JSON`."""
    body = response.body
    if not body or body.isspace():
        return EMPTY
    try:
        return parse_exactly(response) if exactly else _loads(body)
    except (ValueError, RecursionError):
        return _parse_slowly(response)


def parse_exactly(response: Response) -> Any:
    """The body as JSON, with integers of any size: orjson makes those beyond 64 bits inexact."""
    return json.loads(response.body)


def has_inexact(data: Any) -> bool:
    """Whether *data* has a float that orjson may have made of an integer beyond 64 bits."""
    left = [data]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif value.__class__ is float and abs(value) >= _INEXACT:
            return True
    return False


def _parse_slowly(response: Response) -> Any:
    """Read what orjson refuses, such as half an emoji, and bodies that are not UTF-8."""
    for text in (response.body, text_of(response)):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return NOT_JSON


def was_json(response: Response) -> bool:
    """Whether a body that cannot be parsed began as JSON: then it was cut or damaged."""
    return text_of(response)[:1] in ("{", "[")


def text_of(response: Response) -> str:
    """The body as text, without blanks and a byte order mark around it."""
    for mark, charset in _MARKS.items():
        if response.body.startswith(mark):
            return response.body.decode(charset, "replace").lstrip("\ufeff").strip()
    return _decoded(response.body, _charset(response)).strip()


def _charset(response: Response) -> str:
    found = _CHARSET.search(response.headers.get("content-type", ""))
    if found is None:  # a page may name it itself
        found = _CHARSET.search(response.body[:1024].decode("latin-1"))
    return found[1] if found else "utf-8"


def _decoded(body: bytes, charset: str) -> str:
    """*body* in *charset*. Korean gateways say EUC-KR and send its superset CP949."""
    if charset.lower().replace("_", "-") in ("euc-kr", "ks-c-5601-1987", "ksc5601"):
        charset = "cp949"
    with suppress(LookupError, UnicodeError):
        return body.decode(charset)
    return body.decode("utf-8", "replace")


# -- What it says -----------------------------------------------------------------------


def said(data: Any, response: Response) -> str | None:
    """What a gateway says, in a few words; ``None`` if it says nothing."""
    if data is EMPTY:
        return None
    text = _page_words(text_of(response)) if data is NOT_JSON else ", ".join(_json_words(data))
    return shortened(text) or None


def shortened(text: str) -> str:
    """*text* in one line, cut to :data:`WORDS` characters."""
    line = " ".join(text.split())
    return line if len(line) <= WORDS else f"{line[: WORDS - 1]}…"


def _json_words(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    if not isinstance(data, dict):
        return
    yield from list(_first_words(data))[:1]
    errors = data.get("errors")
    for item in errors if isinstance(errors, list) else ():
        yield item if isinstance(item, str) else ", ".join(_json_words(item))


def _first_words(data: Mapping[str, Any]) -> Iterator[str]:
    for name in _MESSAGES:
        value = data.get(name)
        if isinstance(value, str) and value:
            yield value
        elif isinstance(value, dict):
            yield from _json_words(value)


def _page_words(text: str) -> str:
    """The first words of a page, or of a plain text."""
    if "<" not in text:
        return text
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->", " ", text[:20_000])
    return unescape(re.sub(r"(?s)<[^>]*>", " ", text))


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id under which the server, or a gateway, knows the request."""
    found = (headers.get(name) for name in _REQUEST_IDS)
    return next((shortened(value) for value in found if value), None)
