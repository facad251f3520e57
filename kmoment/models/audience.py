"""Audiences in Kakao's answers."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, cast

import attrs

from .._plain import plain
from ..outcomes import Outcome, Outcomes
from ._base import Model, sets_have_no_order
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


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class AudienceSummary(Model):
    """An audience in a list. Use ``audiences.get(row.id)`` for its targeting."""

    id: int
    name: str
    audience_status: AudienceStatus | None = None
    type: AudienceType | None = None
    created_date: datetime | None = None
    last_modified_date: datetime | None = None


@attrs.frozen(
    kw_only=True, repr=False, getstate_setstate=False, field_transformer=sets_have_no_order
)
class Audience(Model):
    """An audience with its targeting.

    Kakao leaves out members that are not set. The answer to a create or an update has fewer
    members than the answer to a get. So ``None`` means that the answer does not have the member.
    ``()`` means that the answer has it and it is empty.
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
    """No documented answer has it. :meth:`draft` derives it from the locations."""
    locations: tuple[Location, ...] | None = None
    depth2_locations: tuple[Depth2Location, ...] | None = None
    depth3_locations: tuple[Depth3Location, ...] | None = None
    ufo_interests: tuple[Any, ...] | None = None
    """Category ids, unchanged. Kakao's page does not say in which form it answers them."""
    ufo_business_types: tuple[Any, ...] | None = None
    """Category ids, unchanged, as in ``ufo_interests``."""
    customer_file_targetings: tuple[CustomerFileTargeting, ...] | None = None
    tracker_targetings: tuple[TrackerTargeting, ...] | None = None
    cohort_targetings: tuple[CohortTargeting, ...] | None = None
    talk_channel_targetings: tuple[TalkChannelTargeting, ...] | None = None
    sync_app_targetings: tuple[SyncAppTargeting, ...] | None = None
    talk_channel_group_targetings: tuple[TalkChannelGroupTargeting, ...] | None = None
    reconciled: bool = attrs.field(default=False, eq=False, metadata={"wire": False})
    """Whether the answer to the create was lost and this audience was found afterwards.

    kmoment sets it. It is not in Kakao's answers.
    """

    def draft(self) -> AudienceDraft:
        """A draft for an update of this audience, with all of its targeting.

        An update replaces the whole audience. So change a draft from this method and send it:

            draft = audience.draft().replace(name="New name")
            await account.audiences.update(audience.id, draft)

        ``locationType``, which answers leave out, is derived again. ``update`` adds the account.
        Members that kmoment does not know are in the draft too.
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


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
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
    """Why an audience is gone after a bulk delete."""

    DELETED = "deleted"
    ALREADY_ABSENT = "already absent"
    """It did not exist when the call was made."""


def _outcomes(given: Iterable[Outcome[int, DeleteStatus]]) -> Outcomes[int, DeleteStatus]:
    return Outcomes(given)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class BulkDeleteResult(Model):
    """What a bulk delete did: the counts, and the status of each audience."""

    success_count: int | None = None
    """Kakao's count. ``None`` if Kakao gave none and it could not be found out."""
    fail_count: int | None = None
    error_messages: tuple[str, ...] | None = None
    """Kakao's messages, mostly Korean. Kakao does not say which id a message is about."""
    outcomes: Outcomes[int, DeleteStatus] = attrs.field(
        default=cast("Any", ()), converter=_outcomes, hash=False, metadata={"wire": False}
    )
    """One for each id, in the given order. ``failed``: it is still there. ``unknown``: it may be
    gone, and may be deleted again. kmoment sets it. It is not in Kakao's answers."""


class DeletePlanRow(NamedTuple):
    """One audience that a plan would delete."""

    audience: AudienceSummary
    ad_groups: tuple[AudienceAdGroup, ...]
    """The ad groups that use it."""

    def to_dict(self) -> dict[str, Any]:
        """All members by their names, as values that JSON has."""
        return dict(plain(self))


class LinkResult(NamedTuple):
    """What ``plan_link(...).apply()`` did, as reading both sides back shows it."""

    audience_id: int
    ad_group_id: int
    changed: bool
    """False: the ad group had used the audience already, and nothing was written."""

    def to_dict(self) -> dict[str, Any]:
        """All members by their names, as values that JSON has."""
        return dict(plain(self))
