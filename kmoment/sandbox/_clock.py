"""The sandbox's clock: real time plus an offset that can be set."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# Kakao prints times without a zone. Its service uses Korean time.
KST = timezone(timedelta(hours=9), "KST")


class Clock:
    def __init__(self) -> None:
        self.offset: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(KST) + self.offset

    def advance(self, seconds: float) -> None:
        self._move(self.offset + timedelta(seconds=seconds))

    def set(self, moment: datetime | str) -> None:
        self._move(aware(moment) - datetime.now(KST))

    def _move(self, offset: timedelta) -> None:
        # A date beyond the years 1 to 9999 raises OverflowError. It is raised here, not in a later
        # call. The 366 days leave room because the clock keeps running.
        _ = datetime.now(KST) + offset + timedelta(days=366), datetime.now(KST) + offset
        self.offset = offset


def aware(moment: datetime | str) -> datetime:
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=KST)


def printed(moment: datetime) -> str:
    """The Korean time in the form of Kakao's audience page: yyyy-MM-dd'T'HH:mm:ss."""
    return moment.astimezone(KST).replace(tzinfo=None).isoformat(timespec="seconds")
