"""Requests and answers as frozen values. Handlers know HTTP only through these classes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]

JSON_TYPE = "application/json;charset=UTF-8"

# A Long of Kakao's tables has at most 19 digits.
LONG = re.compile(r"[0-9]{1,19}")

_ENCODER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do. `accounts=None`: all accounts."""

    scopes: tuple[str, ...]
    accounts: tuple[int, ...] | None = None

    def covers(self, account_id: int) -> bool:
        return self.accounts is None or account_id in self.accounts


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to one endpoint."""

    endpoint: str
    authorization: str | None = None
    account: str | None = None
    content_type: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    query_string: str = ""
    remote: str | None = None
    body: bytes = b""
    # What the bearer may do, once the core has admitted the request.
    grant: Grant | None = None

    @property
    def account_id(self) -> int:
        return int(self.account or 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready to be sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON_TYPE})

    def with_headers(self, headers: Mapping[str, str]) -> Reply:
        return replace(self, headers={**self.headers, **headers})


def encode(value: object) -> bytes:
    # A request may have contained a lone surrogate as an escape. UTF-8 cannot encode it.
    return _ENCODER.encode(value).encode(errors="replace")


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status, encode(value))
