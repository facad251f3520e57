"""kmoment: the Python SDK for Kakao Moment's audiences and targeting look-ups.

Importing it loads nothing: each name is loaded when it is first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from .batch import AsyncBatch
    from .client import AsyncAccount, AsyncClient
    from .errors import (
        AmbiguousLocationError,
        APIConnectionError,
        APIError,
        Attempted,
        AuthenticationError,
        BadRequestError,
        ClientClosedError,
        ConsentRequiredError,
        DeadlineExceededError,
        DecodeError,
        Fault,
        InvalidArgumentError,
        InvalidDraftError,
        KmomentError,
        MaintenanceError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        ProtocolError,
        QuotaExceededError,
        RateLimitedError,
        ServerError,
        UsageError,
        WrongLoopError,
    )
    from .models import (
        AdGroupStatus,
        AdGroupType,
        Age,
        AgeType,
        Audience,
        AudienceAdGroup,
        AudienceDraft,
        AudienceStatus,
        AudienceSummary,
        AudienceType,
        BaseAd,
        BaseAdCampaign,
        BaseAdGroup,
        BaseAdOperation,
        BulkDeleteResult,
        CampaignType,
        CampaignTypeGoal,
        CategoryData,
        ChannelProfile,
        CohortAvailable,
        CohortStatus,
        CohortTargeting,
        CustomerFile,
        CustomerFileStatus,
        CustomerFileTargeting,
        DeleteOutcome,
        DeleteStatus,
        Depth2Location,
        Depth3Location,
        FriendGroupFileType,
        FriendGroupStatus,
        Gender,
        GenderType,
        Goal,
        InclusionType,
        Indicator,
        Location,
        LocationType,
        NetworkPlacement,
        PixelAndSdkEvent,
        SectionCategory,
        SyncAppTargeting,
        SyncProfile,
        TalkChannelGroupFile,
        TalkChannelGroupTargeting,
        TalkChannelTargeting,
        TrackerTargeting,
        TrackRule,
    )
    from .outcomes import Outcome, Outcomes, OutcomeStatus, Progress
    from .sync.batch import Batch
    from .sync.client import Account, Client
    from .tree import LocationFields, LocationTree, TreeChanges

__all__ = [
    "APIConnectionError",
    "APIError",
    "Account",
    "AdGroupStatus",
    "AdGroupType",
    "Age",
    "AgeType",
    "AmbiguousLocationError",
    "AsyncAccount",
    "AsyncBatch",
    "AsyncClient",
    "Attempted",
    "Audience",
    "AudienceAdGroup",
    "AudienceDraft",
    "AudienceStatus",
    "AudienceSummary",
    "AudienceType",
    "AuthenticationError",
    "BadRequestError",
    "BaseAd",
    "BaseAdCampaign",
    "BaseAdGroup",
    "BaseAdOperation",
    "Batch",
    "BulkDeleteResult",
    "CampaignType",
    "CampaignTypeGoal",
    "CategoryData",
    "ChannelProfile",
    "Client",
    "ClientClosedError",
    "CohortAvailable",
    "CohortStatus",
    "CohortTargeting",
    "ConsentRequiredError",
    "CustomerFile",
    "CustomerFileStatus",
    "CustomerFileTargeting",
    "DeadlineExceededError",
    "DecodeError",
    "DeleteOutcome",
    "DeleteStatus",
    "Depth2Location",
    "Depth3Location",
    "Fault",
    "FriendGroupFileType",
    "FriendGroupStatus",
    "Gender",
    "GenderType",
    "Goal",
    "InclusionType",
    "Indicator",
    "InvalidArgumentError",
    "InvalidDraftError",
    "KmomentError",
    "Location",
    "LocationFields",
    "LocationTree",
    "LocationType",
    "MaintenanceError",
    "NetworkPlacement",
    "NotFoundError",
    "Outcome",
    "OutcomeStatus",
    "OutcomeUnknownError",
    "Outcomes",
    "PermissionDeniedError",
    "PixelAndSdkEvent",
    "Progress",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitedError",
    "SectionCategory",
    "ServerError",
    "SyncAppTargeting",
    "SyncProfile",
    "TalkChannelGroupFile",
    "TalkChannelGroupTargeting",
    "TalkChannelTargeting",
    "TrackRule",
    "TrackerTargeting",
    "TreeChanges",
    "UsageError",
    "WrongLoopError",
]

_HOMES = {
    "Account": "sync.client",
    "AsyncAccount": "client",
    "AsyncBatch": "batch",
    "AsyncClient": "client",
    "Attempted": "errors",
    "Batch": "sync.batch",
    "Client": "sync.client",
    "Fault": "errors",
    "LocationFields": "tree",
    "LocationTree": "tree",
    "Outcome": "outcomes",
    "OutcomeStatus": "outcomes",
    "Outcomes": "outcomes",
    "Progress": "outcomes",
    "TreeChanges": "tree",
}
"""Where a name lives that is neither an error nor a model."""

_ROOMS = ("batch", "errors", "hooks", "models", "outcomes", "sandbox", "testing", "tree")


def __getattr__(name: str) -> _Any:
    if name in __all__:
        home = _HOMES.get(name) or ("errors" if name.endswith("Error") else "models")
        value = getattr(_import_module(f"{__name__}.{home}"), name)
    elif name in _ROOMS:
        value = _import_module(f"{__name__}.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version("kmoment")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
