"""Custom-audience entries inside an audience.

Kakao's audience page names these sets but not their members. The members here were quoted by
third parties from older pages of Kakao's, so each class is open: no member is required in an
answer, and members kmoment does not know are kept, and sent, in ``extra`` under Kakao's names.
"""

from typing import Any

import attrs

from ._base import Model
from .enums import CustomerFileStatus, InclusionType


@attrs.frozen(kw_only=True, repr=False)
class CustomerFileTargeting(Model):
    """A customer file. Make one with ``CustomerFile.target()``."""

    customer_file_id: int | None = None
    inclusion_type: InclusionType | None = None
    status: CustomerFileStatus | None = None
    """Only in answers."""


@attrs.frozen(kw_only=True, repr=False)
class TrackerTargeting(Model):
    """A Pixel & SDK event. Make one with ``PixelAndSdkEvent.target()``."""

    track_id: str | None = None
    inclusion_type: InclusionType | None = None
    event_code: str | None = None
    """``*`` is every event."""
    track_rule_id: str | None = None
    """``*`` is any rule."""
    track_rule_name: str | None = None
    tracker_targeting_terms: tuple[Any, ...] | None = None
    """Kept as they come: older pages have words here, newer ones may have days."""
    id: int | None = None


@attrs.frozen(kw_only=True, repr=False)
class CohortTargeting(Model):
    """An engagement target. Make one with ``CohortAvailable.target()``."""

    cohort_id: int | None = None
    inclusion_type: InclusionType | None = None


@attrs.frozen(kw_only=True, repr=False)
class TalkChannelTargeting(Model):
    """The friends of a Kakao Talk Channel. Make one with ``ChannelProfile.target()``."""

    profile_id: str | None = None
    inclusion_type: InclusionType | None = None


@attrs.frozen(kw_only=True, repr=False)
class SyncAppTargeting(Model):
    """Kakao Login users. Make one with ``SyncProfile.target()``."""

    profile_id: str | None = None
    inclusion_type: InclusionType | None = None


@attrs.frozen(kw_only=True, repr=False)
class TalkChannelGroupTargeting(Model):
    """A friend group. Make one with ``TalkChannelGroupFile.target()``.

    Which member carries the group's id is published nowhere: it is in ``extra``.
    """

    inclusion_type: InclusionType | None = None
