"""Every JSON sample of Kakao's pages, one file each, values kept as printed with their slips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

Kind = Literal["request", "answer", "error"]

FOLDER = Path(__file__).parent
AUDIENCES = "audience-management"
TARGETING = "targeting-for-ad-group"
CATEGORIES = "target-custom"


@frozen
class Sample:
    """One sample: the endpoint, which side of it, and what the file adds to the page."""

    name: str
    kind: Kind
    status: int | None
    page: str
    restored: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.{self.kind}.json"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def sample(name: str, kind: Kind = "answer") -> Sample:
    """The sample of one endpoint; KeyError when there is none."""
    return BY_NAME[name, kind]


BRACKETS = "brackets and braces were lost"
DROPPED = "'...' and the comma before it dropped"
COMMAS = "trailing commas inside the objects dropped"
AGES = 'ages: values were lost, ["20", "15"] taken from the request sample'
GENDERS = 'genders: values were lost, ["M"] taken from the request sample'
GENDERS_OF_DETAIL = 'genders: values were lost, ["M"] taken from the create sample'
STATUSES = 'adGroupStatus: values were lost in all three items, ["OPERATING"] chosen'
INVENTED = (
    "the page prints no sample that could be read: type and data are documented",
    "ids chosen, one for each documented length (3, 5, 7)",
    "whether lower levels lie flat in data or inside their parent is unknown, flat chosen",
)

SAMPLES: tuple[Sample, ...] = (
    Sample("audiences.list", "answer", 200, AUDIENCES, (BRACKETS,)),
    Sample("audiences.get", "answer", 200, AUDIENCES, (BRACKETS, GENDERS_OF_DETAIL)),
    Sample("audiences.create", "request", None, AUDIENCES, (BRACKETS,)),
    Sample("audiences.create", "answer", 200, AUDIENCES, (BRACKETS, AGES, GENDERS)),
    Sample("audiences.update", "request", None, AUDIENCES, (BRACKETS,)),
    Sample("audiences.update", "answer", 200, AUDIENCES, (BRACKETS, AGES, GENDERS)),
    Sample("audiences.delete_many", "answer", 200, AUDIENCES, (BRACKETS,)),
    Sample("audiences.ad_groups", "answer", 200, AUDIENCES, (BRACKETS, STATUSES)),
    Sample("locations.depth1", "answer", 200, TARGETING, (COMMAS, DROPPED)),
    Sample("locations.depth2", "answer", 200, TARGETING, (DROPPED,)),
    Sample("locations.depth2", "error", 400, TARGETING),
    Sample("locations.depth3", "answer", 200, TARGETING, (DROPPED,)),
    Sample("locations.depth3", "error", 400, TARGETING),
    Sample("placements.network_categories", "answer", 200, TARGETING, (DROPPED,)),
    Sample("placements.section_categories", "answer", 200, TARGETING, (DROPPED,)),
    Sample("categories.list", "answer", 200, CATEGORIES, INVENTED),
    Sample("targeting.cohorts", "answer", 200, TARGETING),
    Sample("targeting.pixel_events", "answer", 200, TARGETING),
    Sample("targeting.customer_files", "answer", 200, TARGETING),
    Sample("targeting.talk_channels", "answer", 200, TARGETING),
    Sample("targeting.sync_profiles", "answer", 200, TARGETING),
    Sample("targeting.friend_groups", "answer", 200, TARGETING),
)

BY_NAME = {(each.name, each.kind): each for each in SAMPLES}
