"""The log of the last requests, with masked tokens."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from ._reply import Json

# Requests. The bound is ours: a sandbox that runs for days must not fill the memory.
KEPT = 10_000
# What is secret in the form that asks for a token.
_SECRET = re.compile(r"(\b(?:client_secret|code)=)[^&]*")


@dataclass(slots=True)
class Entry:
    """One request. `status` is None if it got no answer. `acted` is True if it took effect."""

    time: datetime
    method: str
    path: str
    query: dict[str, str]
    authorized: bool
    account: str | None
    body: bytes
    endpoint: str | None = None
    fault: str | None = None
    status: int | None = None
    acted: bool = False

    def report(self) -> Json:
        return {
            "time": self.time.isoformat(),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "authorization": "Bearer ***" if self.authorized else None,
            "account": self.account,
            "body": _readable(self.body),
            "endpoint": self.endpoint,
            "fault": self.fault,
            "status": self.status,
            "acted": self.acted,
        }


Log = deque[Entry]


def new_log() -> Log:
    return Log(maxlen=KEPT)


def _readable(body: bytes) -> object:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _SECRET.sub(r"\1***", body.decode(errors="replace"))
