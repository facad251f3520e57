"""Entries of custom audiences inside an audience.

Kakao's audience page names these sets but not the members of their entries. The members here are
quoted by third parties from older pages of Kakao. So no member is required in an answer. Members
that kmoment does not know are kept in ``extra`` under Kakao's names, and are sent.
"""

from typing import Any

import attrs

from .._validate import whole
from ._base import Model
from .enums import CustomerFileStatus, InclusionType


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CustomerFileTargeting(Model):
    """A customer file. Make one with ``CustomerFile.target()``."""

    customer_file_id: int | None = attrs.field(default=None, converter=whole)
    inclusion_type: InclusionType | None = None
    status: CustomerFileStatus | None = None
    """Only in answers."""


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class TrackerTargeting(Model):
    """A Pixel & SDK event. Make one with ``PixelAndSdkEvent.target()``."""

    track_id: str | None = None
    inclusion_type: InclusionType | None = None
    event_code: str | None = None
    """``*`` means all events."""
    track_rule_id: str | None = None
    """``*`` means all rules."""
    track_rule_name: str | None = None
    tracker_targeting_terms: tuple[Any, ...] | None = None
    """Kept unchanged. Older pages of Kakao have words here. Newer answers may have days."""
    id: int | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CohortTargeting(Model):
    """An engagement target. Make one with ``CohortAvailable.target()``."""

    cohort_id: int | None = attrs.field(default=None, converter=whole)
    inclusion_type: InclusionType | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class TalkChannelTargeting(Model):
    """The friends of a Kakao Talk Channel. Make one with ``ChannelProfile.target()``."""

    profile_id: str | None = None
    inclusion_type: InclusionType | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class SyncAppTargeting(Model):
    """Kakao Login users. Make one with ``SyncProfile.target()``."""

    profile_id: str | None = None
    inclusion_type: InclusionType | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class TalkChannelGroupTargeting(Model):
    """A friend group. Make one with ``TalkChannelGroupFile.target()``.

    Kakao has not published which member holds the group's id. That member is in ``extra``.
    """

    inclusion_type: InclusionType | None = None
