"""The members of a draft, as type checkers and completion see them."""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from .entries import (
    CohortTargeting,
    CustomerFileTargeting,
    SyncAppTargeting,
    TalkChannelGroupTargeting,
    TalkChannelTargeting,
    TrackerTargeting,
)
from .enums import Age, AgeType, AudienceType, Gender, GenderType, LocationType
from .locations import Depth2Location, Depth3Location, Location
from .targeting import CategoryData


class CommonTargeting(TypedDict, total=False):
    """Targeting that every type of audience takes."""

    ages: Iterable[Age | str] | None
    genders: Iterable[Gender | str] | None
    locations: Iterable[Location] | None
    depth2_locations: Iterable[Depth2Location] | None
    depth3_locations: Iterable[Depth3Location] | None
    ufo_interests: Iterable[CategoryData | str] | None
    ufo_business_types: Iterable[CategoryData | str] | None
    cohort_targetings: Iterable[CohortTargeting] | None
    talk_channel_targetings: Iterable[TalkChannelTargeting] | None
    sync_app_targetings: Iterable[SyncAppTargeting] | None
    extra: Mapping[str, Any]


class DisplayTargeting(CommonTargeting, total=False):
    """Targeting that a DISPLAY audience takes."""

    customer_file_targetings: Iterable[CustomerFileTargeting] | None
    tracker_targetings: Iterable[TrackerTargeting] | None


class MessageTargeting(CommonTargeting, total=False):
    """Targeting that a MESSAGE audience takes."""

    talk_channel_group_targetings: Iterable[TalkChannelGroupTargeting] | None


class Members(DisplayTargeting, MessageTargeting, total=False):
    name: str
    type: AudienceType | str
    age_type: AgeType | str | None
    gender_type: GenderType | str | None
    location_type: LocationType | str | None
