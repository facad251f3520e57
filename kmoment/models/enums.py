"""Kakao's words as enums. All are open: a new word from the server is kept, never refused."""

from typing import Self

from ._base import OpenEnum


class AudienceType(OpenEnum):
    """What an audience can target. It must fit the campaign's Type X Goal."""

    DISPLAY = "DISPLAY"
    MESSAGE = "MESSAGE"


class AudienceStatus(OpenEnum):
    """Whether an audience can be used."""

    STANDBY = "STANDBY"
    """Preparing."""
    AVAILABLE = "AVAILABLE"
    SEED_NOT_ENOUGH = "SEED_NOT_ENOUGH"
    """Insufficient target population."""
    ERROR = "ERROR"
    """Unavailable."""


class _Selection(OpenEnum):
    """``ALL`` or a choice. Kakao's tables also spell it ``All``, which is read as ``ALL``."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls("ALL") if value == "All" else super()._missing_(value)


class AgeType(_Selection):
    """Whether some age ranges are selected."""

    ALL = "ALL"
    NOT_ALL = "NOT_ALL"


class GenderType(_Selection):
    """Whether one gender is selected."""

    ALL = "ALL"
    NOT_ALL = "NOT_ALL"


class LocationType(_Selection):
    """Whether areas are selected."""

    ALL = "ALL"
    AREA = "AREA"


class Age(OpenEnum):
    """A five-year age range, named by its first year."""

    AGE_15 = "15"
    AGE_20 = "20"
    AGE_25 = "25"
    AGE_30 = "30"
    AGE_35 = "35"
    AGE_40 = "40"
    AGE_45 = "45"
    AGE_50 = "50"
    AGE_55 = "55"
    AGE_60 = "60"
    AGE_65 = "65"


class Gender(OpenEnum):
    """A gender that can be selected."""

    M = "M"
    F = "F"


class InclusionType(OpenEnum):
    """Whether a custom audience is targeted or left out.

    Evidence: quoted. Kakao's audience page does not print this member.
    """

    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class CampaignType(OpenEnum):
    """A campaign's type. The first two are in Kakao's samples. Third parties quote the others."""

    TALK_BIZ_BOARD = "TALK_BIZ_BOARD"
    DISPLAY = "DISPLAY"
    DAUM_SHOPPING = "DAUM_SHOPPING"
    FOCUS_FULL_VIEW = "FOCUS_FULL_VIEW"
    PC_TALK_BOTTOM = "PC_TALK_BOTTOM"
    PC_TALK_RICH_POP = "PC_TALK_RICH_POP"
    PERSONAL_MESSAGE = "PERSONAL_MESSAGE"
    PRODUCT_CATALOG = "PRODUCT_CATALOG"
    PROFILE_FULL_VIEW = "PROFILE_FULL_VIEW"
    SPONSORED_BOARD = "SPONSORED_BOARD"
    TALK_BIZ_BOARD_RESERVED = "TALK_BIZ_BOARD_RESERVED"
    TALK_CHANNEL = "TALK_CHANNEL"
    VIDEO = "VIDEO"


class Goal(OpenEnum):
    """A campaign's goal. The first two are in Kakao's samples. Third parties quote the others."""

    VISITING = "VISITING"
    CONVERSION = "CONVERSION"
    REACH = "REACH"
    VIEW = "VIEW"


class AdGroupType(OpenEnum):
    """An ad group's type."""

    DISPLAY = "DISPLAY"
    DIRECT_MESSAGE = "DIRECT_MESSAGE"


class AdGroupStatus(OpenEnum):
    """An ad group's status. Evidence: quoted. Kakao's page names no values."""

    READY = "READY"
    LIVE = "LIVE"
    FINISHED = "FINISHED"
    OFF = "OFF"
    ADMIN_STOP = "ADMIN_STOP"
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"
    EXCEED_DAILY_BUDGET = "EXCEED_DAILY_BUDGET"
    NO_AVAILABLE_CREATIVE = "NO_AVAILABLE_CREATIVE"
    ADACCOUNT_UNAVAILABLE = "ADACCOUNT_UNAVAILABLE"
    CAMPAIGN_UNAVAILABLE = "CAMPAIGN_UNAVAILABLE"
    ADGROUP_UNAVAILABLE = "ADGROUP_UNAVAILABLE"
    SYSTEM_CONFIG_ADMIN_STOP = "SYSTEM_CONFIG_ADMIN_STOP"
    SYSTEM_CONFIG_EXTERNAL_SERVICE_STOP = "SYSTEM_CONFIG_EXTERNAL_SERVICE_STOP"
    SYSTEM_CONFIG_VOID = "SYSTEM_CONFIG_VOID"
    OPERATING = "OPERATING"
    UNAPPROVED = "UNAPPROVED"
    INVALID_DATE = "INVALID_DATE"
    MONITORING_REJECTED = "MONITORING_REJECTED"
    DELETED = "DELETED"


class CohortStatus(OpenEnum):
    """Whether an engagement target can be used."""

    WAITING = "WAITING"
    """Preparing for extracting the target population."""
    AVAILABLE_ERROR = "AVAILABLE_ERROR"
    """Error in extracting the target population."""
    AVAILABLE = "AVAILABLE"
    SEED_NOT_ENOUGH = "SEED_NOT_ENOUGH"
    """Insufficient target population."""
    DELETE = "DELETE"
    """Deleted or being deleted."""
    ERROR = "ERROR"


class BaseAdOperation(OpenEnum):
    """How the two responses of an engagement target are combined."""

    ONLY = "ONLY"
    MINUS = "MINUS"


class Indicator(OpenEnum):
    """A response to an ad."""

    CLICK = "CLICK"
    PLAY = "PLAY"
    CONVERSION = "CONVERSION"
    OPEN = "OPEN"


class CustomerFileStatus(OpenEnum):
    """Whether a customer file can be used."""

    WAITING = "WAITING"
    """Kakao is extracting its population (up to 6 hours). It cannot be targeted yet."""
    COMPLETE = "COMPLETE"
    DELETE = "DELETE"
    """Deleted or being deleted."""
    ERROR = "ERROR"
    MODIFYING = "MODIFYING"
    """A changed population is being prepared. Evidence: quoted from Kakao's staff."""


class FriendGroupFileType(OpenEnum):
    """What a friend group was made from."""

    APP_USER_ID = "APP_USER_ID"
    """Service user ids."""
    PHONE_NUMBER = "PHONE_NUMBER"
    MESSAGE_RETARGET = "MESSAGE_RETARGET"
    """Message recipients."""


class FriendGroupStatus(OpenEnum):
    """Whether a friend group can be used."""

    WAITING = "WAITING"
    COMPLETE = "COMPLETE"
    DELETE = "DELETE"
    ERROR = "ERROR"


class AdAccountConfig(OpenEnum):
    """Whether an ad account is switched on."""

    ON = "ON"
    OFF = "OFF"
    DEL = "DEL"
    """Deleted."""


class AdGroupConfig(OpenEnum):
    """Whether an ad group is switched on."""

    ON = "ON"
    OFF = "OFF"
    DEL = "DEL"
    """Deleted."""


class AdGroupSystemConfig(OpenEnum):
    """Whether Kakao has stopped an ad group."""

    ON = "ON"
    ADMIN_STOP = "ADMIN_STOP"
    EXTERNAL_SERVICE_STOP = "EXTERNAL_SERVICE_STOP"


class MemberType(OpenEnum):
    """The role of the token's user in an ad account."""

    MASTER = "MASTER"
    MEMBER = "MEMBER"


class TrackerEventStatus(OpenEnum):
    """Whether a tracker has collected events."""

    PRE_COLLECTION = "PRE_COLLECTION"
    COLLECTION = "COLLECTION"


class CustomerDataFileType(OpenEnum):
    """What customer data was made from. Kakao's page shows one word."""

    ADID = "ADID"


class CustomerDataType(OpenEnum):
    """How customer data came to Kakao. Kakao's page shows one word."""

    URL = "URL"
