"""Audiences as Kakao answers them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import attrs

from ..errors import APIError
from ._base import Model
from .draft import AudienceDraft, keeping
from .entries import (
    CohortTargeting,
    CustomerFileTargeting,
    SyncAppTargeting,
    TalkChannelGroupTargeting,
    TalkChannelTargeting,
    TrackerTargeting,
)
from .enums import (
    AdGroupStatus,
    AdGroupType,
    Age,
    AgeType,
    AudienceStatus,
    AudienceType,
    Gender,
    GenderType,
    LocationType,
)
from .locations import Depth2Location, Depth3Location, Location
from .targeting import CampaignTypeGoal


@attrs.frozen(kw_only=True, repr=False)
class AudienceSummary(Model):
    """An audience in a list. ``audiences.get(row.id)`` has its targeting."""

    id: int
    name: str
    audience_status: AudienceStatus | None = None
    type: AudienceType | None = None
    created_date: datetime | None = None
    last_modified_date: datetime | None = None


@attrs.frozen(kw_only=True, repr=False)
class Audience(Model):
    """An audience with its targeting.

    Kakao leaves out what is not set, and prints less after a create or update than after a
    get. ``None`` therefore means "the answer did not say"; ``()`` means "said to be empty".
    """

    id: int
    name: str
    type: AudienceType
    ad_account_id: int | None = None
    audience_status: AudienceStatus | None = None
    population_score: int | None = None
    """Estimated target population."""
    created_date: datetime | None = None
    last_modified_date: datetime | None = None
    age_type: AgeType | None = None
    ages: tuple[Age, ...] | None = None
    gender_type: GenderType | None = None
    genders: tuple[Gender, ...] | None = None
    location_type: LocationType | None = None
    """In no documented answer; a draft made from this works it out."""
    locations: tuple[Location, ...] | None = None
    depth2_locations: tuple[Depth2Location, ...] | None = None
    depth3_locations: tuple[Depth3Location, ...] | None = None
    ufo_interests: tuple[Any, ...] | None = None
    """Category ids, kept as they come: Kakao's page does not say how it prints them."""
    ufo_business_types: tuple[Any, ...] | None = None
    """Likewise."""
    customer_file_targetings: tuple[CustomerFileTargeting, ...] | None = None
    tracker_targetings: tuple[TrackerTargeting, ...] | None = None
    cohort_targetings: tuple[CohortTargeting, ...] | None = None
    talk_channel_targetings: tuple[TalkChannelTargeting, ...] | None = None
    sync_app_targetings: tuple[SyncAppTargeting, ...] | None = None
    talk_channel_group_targetings: tuple[TalkChannelGroupTargeting, ...] | None = None
    reconciled: bool = attrs.field(default=False, eq=False, metadata={"wire": False})
    """Whether the create's answer was lost and this was found afterwards. Not Kakao's."""

    def draft(self) -> AudienceDraft:
        """What an update of this audience takes, all of its targeting included.

        An update replaces the whole audience, so change a draft made here and send that:

            draft = audience.draft().replace(name="New name")
            await account.audiences.update(audience.id, draft)

        What an answer leaves out (``locationType``) follows from the rest again; the account
        is filled in by ``update``. Members kmoment does not know come along.
        """
        given = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(AudienceDraft)
            if field.name not in ("age_type", "gender_type", "location_type")
        }
        files = given["customer_file_targetings"]
        if files is not None:
            given["customer_file_targetings"] = [attrs.evolve(file, status=None) for file in files]
        return keeping(
            AudienceDraft(**given),
            age_type=self.age_type,
            gender_type=self.gender_type,
            location_type=self.location_type,
        )


@attrs.frozen(kw_only=True, repr=False)
class AudienceAdGroup(Model):
    """An ad group that uses an audience."""

    campaign_id: int
    ad_group_id: int
    campaign_name: str | None = None
    campaign_type_goal: CampaignTypeGoal | None = None
    ad_group_name: str | None = None
    ad_group_status: tuple[AdGroupStatus, ...] | None = None
    ad_group_type: AdGroupType | None = None


class DeleteStatus(StrEnum):
    """What a bulk delete did with one audience."""

    DELETED = "deleted"
    ALREADY_ABSENT = "already absent"
    """It was not there, or no longer, when the call was made."""
    FAILED = "failed"
    """It is still there."""
    UNKNOWN = "unknown"
    """It may have been deleted, and looking did not tell. It may be deleted again."""


class DeleteOutcome(NamedTuple):
    """One audience of a bulk delete."""

    audience_id: int
    status: DeleteStatus
    error: APIError | None = None
    """The error of the request that carried it, where there was one."""


@attrs.frozen(kw_only=True, repr=False)
class BulkDeleteResult(Model):
    """What a bulk delete did: Kakao's counts, and what that means for each audience."""

    success_count: int | None = None
    """Kakao's count; ``None`` where it has answered without."""
    fail_count: int | None = None
    error_messages: tuple[str, ...] | None = None
    """Kakao's words, mostly Korean; which id each belongs to is not said."""
    outcomes: tuple[DeleteOutcome, ...] = attrs.field(default=(), metadata={"wire": False})
    """One for each id, in the order given. Not Kakao's."""
