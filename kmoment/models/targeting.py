"""Answers of the targeting look-ups."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from .._validate import collection
from ._base import Model
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
    AudienceType,
    BaseAdOperation,
    CampaignType,
    CohortStatus,
    CustomerFileStatus,
    FriendGroupFileType,
    FriendGroupStatus,
    Goal,
    InclusionType,
    Indicator,
)

_INCLUDE = InclusionType.INCLUDE


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class NetworkPlacement(Model):
    """A category of the Network placement. Its ``code`` goes into ``adServingCategories``."""

    code: str
    name: str


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class SectionCategory(Model):
    """A section category. Its ``code`` goes into ``sectionCategories`` (Kakao Bizboard only)."""

    code: str
    name: str


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CategoryData(Model):
    """An interest or business type, for a draft's ``ufo_interests`` or ``ufo_business_types``.

    The id of a top category has 3 characters. Each level below adds 2 digits. Kakao's page shows
    no other member of a category: the rest is in ``extra``.
    """

    id: str
    name: str | None = None
    """Evidence: inferred. Kakao's page does not show it."""

    @property
    def children(self) -> "tuple[CategoryData, ...]":
        """The categories below, where the answer nests them under ``children``.

        Evidence: inferred. Kakao's page does not show whether it nests them. Empty if it does not:
        then the ids say what lies below what.
        """
        nested = self.extra.get("children")
        rows = nested if isinstance(nested, list) else []
        return tuple(map(_category, filter(_is_category, rows)))


def _is_category(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str)


def _category(row: dict[str, Any]) -> CategoryData:
    rest = {name: value for name, value in row.items() if name not in ("id", "name")}
    name = row.get("name")
    return CategoryData(id=row["id"], name=name if isinstance(name, str) else None, extra=rest)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CampaignTypeGoal(Model):
    """A campaign's Type X Goal."""

    campaign_type: CampaignType | None = None
    goal: Goal | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class BaseAdCampaign(Model):
    """The campaign that an engagement target was collected from."""

    id: int
    name: str | None = None
    campaign_type_goal: CampaignTypeGoal | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class BaseAdGroup(Model):
    """The ad group that an engagement target was collected from."""

    id: int
    name: str | None = None
    ad_group_status: tuple[AdGroupStatus, ...] | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class BaseAd(Model):
    """The ad, and the responses to it, from which an engagement target was collected."""

    campaign: BaseAdCampaign | None = None
    ad_group: BaseAdGroup | None = None
    operation: BaseAdOperation | None = None
    first_indicator: Indicator | None = None
    second_indicator: Indicator | None = None
    """Absent if ``operation`` is ``ONLY``."""


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CohortAvailable(Model):
    """An engagement target."""

    id: int
    audience_type: AudienceType | None = None
    ad_account_id: int | None = None
    name: str | None = None
    base_ads: tuple[BaseAd, ...] | None = None
    collect_duration: int | None = None
    """The number of days back from today."""
    status: CohortStatus | None = None
    population_score: int | None = None
    created_date: datetime | None = None
    last_modified_date: datetime | None = None

    def target(self, inclusion_type: InclusionType | None = _INCLUDE) -> CohortTargeting:
        """An entry that targets this, for a draft's ``cohort_targetings``."""
        return CohortTargeting(cohort_id=self.id, inclusion_type=inclusion_type)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class TrackRule(Model):
    """The rule of a Pixel & SDK event."""

    track_rule_id: str | None = None
    track_id: str | None = None
    event_code: str | None = None
    name: str | None = None
    rule_set_str: str | None = None
    """JSON as text, such as ``[]``."""


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class PixelAndSdkEvent(Model):
    """An event that a Pixel or SDK has collected."""

    event_code: str
    """``*`` means all events."""
    event_name: str | None = None
    event_extra_name: str | None = None
    track_rule_id: str | None = None
    track_rule: TrackRule | None = None
    """Absent on the row for all events."""
    population: int | None = None
    last_event_date: datetime | None = None

    def target(
        self,
        track_id: str,
        inclusion_type: InclusionType | None = _INCLUDE,
        *,
        tracker_targeting_terms: Iterable[Any] | None = None,
    ) -> TrackerTargeting:
        """An entry that targets this, for a draft's ``tracker_targetings``.

        *track_id* is the id that the event was looked up with. The row for all events has no id.
        """
        return TrackerTargeting(
            track_id=track_id,
            inclusion_type=inclusion_type,
            event_code=self.event_code,
            track_rule_id=self.track_rule_id,
            track_rule_name=self.track_rule.name if self.track_rule else None,
            tracker_targeting_terms=collection("tracker_targeting_terms", tracker_targeting_terms),
        )


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CustomerFile(Model):
    """A customer file."""

    id: int
    ad_account_id: int | None = None
    name: str | None = None
    adid_list_key: str | None = None
    status: CustomerFileStatus | None = None
    population_score: int | None = None
    """Number of Kakao users found. Kakao extracts it within 6 hours (``WAITING`` until then)."""
    ready: bool | None = None
    created_date: datetime | None = None
    last_modify_request_date: datetime | None = None

    def target(self, inclusion_type: InclusionType | None = _INCLUDE) -> CustomerFileTargeting:
        """An entry that targets this, for a draft's ``customer_file_targetings``."""
        return CustomerFileTargeting(customer_file_id=self.id, inclusion_type=inclusion_type)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class ChannelProfile(Model):
    """A Kakao Talk Channel."""

    id: str
    """The profile id, such as ``_xbHxd``."""
    name: str | None = None
    search_id: str | None = None

    def target(self, inclusion_type: InclusionType | None = _INCLUDE) -> TalkChannelTargeting:
        """An entry that targets this, for a draft's ``talk_channel_targetings``."""
        return TalkChannelTargeting(profile_id=self.id, inclusion_type=inclusion_type)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class SyncProfile(Model):
    """A service whose Kakao Login users can be targeted."""

    id: str
    name: str | None = None
    search_id: str | None = None

    def target(self, inclusion_type: InclusionType | None = _INCLUDE) -> SyncAppTargeting:
        """An entry that targets this, for a draft's ``sync_app_targetings``."""
        return SyncAppTargeting(profile_id=self.id, inclusion_type=inclusion_type)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class TalkChannelGroupFile(Model):
    """A friend group of a Kakao Talk Channel."""

    id: int
    name: str | None = None
    profile_id: str | None = None
    group_key: str | None = None
    file_type: FriendGroupFileType | None = None
    app_id: int | None = None
    talk_channel_group_file_status: FriendGroupStatus | None = None
    friend_count: int | None = None
    created_date: datetime | None = None
    population_update_date: datetime | None = None

    def target(
        self, id_member: str, inclusion_type: InclusionType | None = _INCLUDE
    ) -> TalkChannelGroupTargeting:
        """An entry that targets this, for a draft's ``talk_channel_group_targetings``.

        *id_member* is Kakao's name of the member that holds the group's id. Kakao has not
        published it, and kmoment does not guess it. Read it from an audience with such an entry.
        """
        return TalkChannelGroupTargeting(inclusion_type=inclusion_type, extra={id_member: self.id})
