"""Quotas: a number of calls in a period, per ad account or for the whole app.

A period begins with its first accepted call. So "1 per 5 seconds" means that accepted calls are
at least five seconds apart. Refused calls do not count. The sandbox's clock gives the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from math import ceil
from typing import Literal

from ._errors import RefusedError, platform_quota, throttled
from ._reply import Ask


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` calls in `period_seconds` to the endpoints that match a pattern.

    Calls that match one pattern ("audiences.*") are counted together. A call over the limit gets
    429 with code -813. For a `platform` quota it gets 400 with code -10. Kakao documents no
    Retry-After header, so it is sent only with `retry_after=True`.
    """

    endpoint: str
    limit: int
    period_seconds: float
    per: Literal["account", "app"] = "account"
    platform: bool = False
    retry_after: bool = False

    def __post_init__(self) -> None:
        if self.limit < 0 or self.period_seconds <= 0 or self.per not in ("account", "app"):
            raise ValueError(f"limit, period_seconds or per out of range in {self!r}")


# 3,000,000 calls a month is the only published quota that covers these endpoints. Kakao does not
# say when the month begins. Here a month is 30 days of 86,400 seconds from the first call.
# https://developers.kakao.com/docs/latest/en/getting-started/quota
PLATFORM = Quota("*", 3_000_000, 30 * 86_400, per="app", platform=True)


@dataclass(slots=True)
class _Window:
    opened: datetime
    used: int = 0


class Quotas:
    def __init__(self, rules: tuple[Quota, ...]) -> None:
        self.rules = rules
        self._windows: dict[tuple[Quota, str | None], _Window] = {}

    def take(self, ask: Ask, now: datetime) -> None:
        """Count a call against all matching quotas. If one is used up, refuse and count nothing."""
        windows = [
            (rule, self._window(rule, ask, now))
            for rule in self.rules
            if fnmatchcase(ask.endpoint, rule.endpoint)
        ]
        for rule, window in windows:
            if window.used >= rule.limit:
                raise _breach(rule, window, now)
        for _, window in windows:
            window.used += 1

    def _window(self, rule: Quota, ask: Ask, now: datetime) -> _Window:
        key = (rule, ask.account if rule.per == "account" else None)
        window = self._windows.get(key)
        if window is None or not 0 <= _age(window, now) < rule.period_seconds:
            window = self._windows[key] = _Window(now)
        return window


def _age(window: _Window, now: datetime) -> float:
    return (now - window.opened).total_seconds()


def _breach(rule: Quota, window: _Window, now: datetime) -> RefusedError:
    reply = platform_quota() if rule.platform else throttled()
    if rule.retry_after:
        seconds = ceil(rule.period_seconds - _age(window, now))
        reply = reply.with_headers({"Retry-After": str(seconds)})
    return RefusedError(reply)
