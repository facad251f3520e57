"""What was asked: the last requests, with their tokens masked."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from ._reply import Json

KEPT = 10_000


@dataclass(slots=True)
class Entry:
    """One request; `status` stays None when it got no answer, `acted` tells what truly happened."""

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
        return body.decode(errors="replace")
