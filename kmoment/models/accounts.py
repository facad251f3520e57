"""Ad accounts, and what they own: trackers, customer data, ad groups."""

from datetime import datetime
from typing import Any

import attrs

from ._base import Model
from .enums import (
    AdAccountConfig,
    AdGroupConfig,
    AdGroupSystemConfig,
    CustomerDataFileType,
    CustomerDataType,
    CustomerFileStatus,
    MemberType,
    TrackerEventStatus,
)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class AdAccount(Model):
    """An ad account. Members of its business are in ``extra``: no page that was read names them."""

    id: int
    name: str | None = None
    member_type: MemberType | None = None
    """Only in a list."""
    config: AdAccountConfig | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class AdAccountPage(Model):
    """One page of the list of ad accounts."""

    content: tuple[AdAccount, ...]
    number: int | None = None
    """The page's number, counted from 0."""
    size: int | None = None
    total_elements: int | None = None
    total_pages: int | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class AdAccountBalance(Model):
    """The money of an ad account, in won."""

    id: int
    biz_wallet_id: int | None = None
    cash: int | None = None
    free_cash: int | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class Tracker(Model):
    """A Pixel or SDK. Its :attr:`id` is what ``targeting.pixel_events`` takes.

    Kakao's page shows no other member: the rest is in ``extra``.
    """

    id: str


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class TrackRight(Model):
    """A Pixel or SDK that the token's user may use."""

    track_id: str
    track_name: str | None = None
    event_status: TrackerEventStatus | None = None
    role: str | None = None
    population: int | None = None
    created_date: datetime | None = None
    last_event_date: datetime | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class CustomerData(Model):
    """Customer data: what takes the place of customer files."""

    id: int
    ad_account_id: int | None = None
    name: str | None = None
    kuid_list_key: str | None = None
    status: CustomerFileStatus | None = None
    ready: bool | None = None
    file_type: CustomerDataFileType | None = None
    type: CustomerDataType | None = None
    source_url: str | None = None
    """Masked."""
    renewable: bool | None = None
    renewal_expire_date_time: datetime | None = None
    population_score: int | None = None
    population_update_date: datetime | None = None
    created_date: datetime | None = None
    original_created_date: datetime | None = None
    last_modified_date: datetime | None = None


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class AdGroup(Model):
    """An ad group.

    Evidence: the members' names are quoted by third parties. What their objects hold is not known,
    so those are kept as they came, under Kakao's names. Members that are not here are in ``extra``.
    """

    id: int
    name: str | None = None
    config: AdGroupConfig | None = None
    user_config: AdGroupConfig | None = None
    """Deprecated by Kakao: use ``config``."""
    system_config: AdGroupSystemConfig | None = None
    campaign: Any = None
    targeting: Any = None
    schedule: Any = None
    placements: Any = None
    device_types: Any = None
    status: Any = None
    created_date: datetime | None = None
    last_modified_date: datetime | None = None
