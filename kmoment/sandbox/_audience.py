"""One audience: its status over time, and the three forms in which Kakao's samples print it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from ._clock import printed
from ._reply import Json

# Kakao does not publish how long preparing takes. The figure is ours.
PREPARING = timedelta(seconds=30)
# People. Kakao does not publish how many an audience needs. The figure is ours.
ENOUGH = 1_000

# People in an audience without any targeting. It is our own round figure.
_PEOPLE = 40_000_000
# Number of places by the length of their code: provinces, districts and neighbourhoods of
# _data/regions.csv.gz.
_PLACES = {1: 17, 5: 252, 9: 3557}
_NOT_PRINTED = ("type", "name", "adAccountId", "locationType")


@dataclass(slots=True)
class Audience:
    id: int
    body: Json
    verdict: str
    population: int
    created: datetime
    modified: datetime
    ready: datetime
    # Kakao's two samples of audience 1 have different dates. These are the ones of the detail.
    detail_dates: dict[str, str] = field(default_factory=dict[str, str])

    def listed(self, now: datetime) -> Json:
        return {
            "id": self.id,
            "name": self.body["name"],
            "audienceStatus": self._status(now),
            "type": self.body["type"],
            **self._dates(),
        }

    def detail(self, now: datetime) -> Json:
        return {
            "id": self.id,
            "type": self.body["type"],
            "audienceStatus": self._status(now),
            "name": self.body["name"],
            **self._targeting(),
            "populationScore": self.population if now >= self.ready else 0,
            **self._dates(),
            **self.detail_dates,
        }

    def written(self, account_id: int) -> Json:
        """The answer to POST and PUT. Kakao's samples print it without status and dates."""
        head = {"id": self.id, "type": self.body["type"], "adAccountId": account_id}
        return {**head, "name": self.body["name"], **self._targeting()}

    def whole(self, now: datetime) -> Json:
        return {**self.detail(now), **self.body}

    def _status(self, now: datetime) -> str:
        return self.verdict if now >= self.ready else "STANDBY"

    def _dates(self) -> dict[str, str]:
        return {"createdDate": printed(self.created), "lastModifiedDate": printed(self.modified)}

    def _targeting(self) -> Json:
        return {name: value for name, value in self.body.items() if name not in _NOT_PRINTED}


def written_now(
    audience_id: int, body: Json, verdict: str | None, seed: int, now: datetime
) -> Audience:
    """A new audience. Once prepared, its status is `verdict`, or follows from its size."""
    people = population(body, seed)
    by_size = "AVAILABLE" if people >= ENOUGH else "SEED_NOT_ENOUGH"
    return Audience(audience_id, body, verdict or by_size, people, now, now, now + PREPARING)


def population(body: Json, seed: int) -> int:
    """A plausible number of people. It depends only on the seed and the targeting.

    Each set of custom audiences divides it by 10, and the seed varies it by 20 %. Both are ours.
    """
    share = len(body.get("ages", range(11))) / 11 * len(body.get("genders", "MF")) / 2
    share *= _area_share(body) * 0.1 ** sum("Targetings" in name for name in body)
    targeting = {name: value for name, value in body.items() if name != "name"}
    text = f"{seed}:{json.dumps(targeting, sort_keys=True)}"
    jitter = 0.8 + 0.4 * sha256(text.encode()).digest()[0] / 255
    return int(_PEOPLE * share * jitter)


def _area_share(body: Json) -> float:
    places = [
        place
        for name in ("locations", "depth2Locations", "depth3Locations")
        for place in body.get(name, [])
    ]
    shares = [1 / _PLACES.get(len(place["value"]), 3557) for place in places]
    return min(1.0, sum(shares)) if shares else 1.0
