"""kmoment: an unofficial Python SDK for Kakao Moment's audiences and targeting look-ups.

Not yet tried against the live API; every endpoint carries the grade of its evidence.

    with kmoment.Client(token) as moment:                     # or: async with kmoment.AsyncClient
        for row in moment.account(1234).audiences.list():
            print(row.id, row.name)

Clients
    Client, AsyncClient     the same methods; each has account(id), with_options(...), each(...)
    account.audiences       list, get, create, update, delete, delete_many, ad_groups, unlink,
                            find, edit, ensure, ensure_many, wait, wait_each, plan_delete,
                            plan_link
    account.targeting       cohorts, pixel_events, customer_files, talk_channels, ...
    account.trackers        list, rights
    account.ad_groups       list, get
    client.accounts         list, pages, get, balance
    client.locations        depth1, depth2, depth3, depth2_each, depth3_each, tree
    client.drafts           the drafts of a sheet (kmoment.sheets), names settled by look-ups
    client.placements       network_categories, section_categories
    client.categories       interests, business_types

Modules, each with its rules in its help
    kmoment.models          what Kakao answers, and AudienceDraft, which it is sent
    kmoment.errors          the errors; what is promised about retries and writes
    kmoment.batch           many inputs at once: Batch, AsyncBatch, Outcome, Outcomes
    kmoment.journal         Journal: a job that died goes on where it stopped
    kmoment.places          all places of Korea as one LocationTree; reading names as people write
    kmoment.words           "20-34", "여", names of interests and files, where drafts take codes
    kmoment.sheets          sheets of audiences, from colleagues: read, checked, as drafts
    kmoment.tables          rows and write: answers as tables, csv, jsonl and Excel files
    kmoment.sync            how the blocking client works in scripts, threads, notebooks, forks
    kmoment.limits          how calls wait: for the server's limits, and for a host that is down
    kmoment.fleet           limits, breakers and create locks shared by many processes
    kmoment.hooks           listening to calls, for logs and metrics
    kmoment.otel            Telemetry: OpenTelemetry's spans and metrics of all calls
    kmoment.testing         scripted answers for the tests of your program
    kmoment.auth            logging in at Kakao; profiles and stored tokens
    kmoment.doctor          checks of settings, network, token and permissions
    kmoment.sandbox         an offline Kakao Moment on this machine

Names are loaded when they are first used: importing kmoment loads nothing else.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

if _TYPE_CHECKING:
    from .batch import AsyncBatch as AsyncBatch
    from .client import AsyncClient as AsyncClient
    from .errors import (
        AddressNotAllowedError as AddressNotAllowedError,
        AlreadyDoneError as AlreadyDoneError,
        AmbiguousAudienceError as AmbiguousAudienceError,
        AmbiguousLocationError as AmbiguousLocationError,
        AmbiguousNameError as AmbiguousNameError,
        AmbiguousPlaceError as AmbiguousPlaceError,
        APIConnectionError as APIConnectionError,
        APIError as APIError,
        AttemptRecord as AttemptRecord,
        AudienceInUseError as AudienceInUseError,
        AudienceNotUsableError as AudienceNotUsableError,
        AuthenticationError as AuthenticationError,
        BadRequestError as BadRequestError,
        CellFault as CellFault,
        ClientClosedError as ClientClosedError,
        ConflictError as ConflictError,
        ConsentRequiredError as ConsentRequiredError,
        DeadlineExceededError as DeadlineExceededError,
        DecodeError as DecodeError,
        EntryBusyError as EntryBusyError,
        EntryUnknownError as EntryUnknownError,
        FleetUnavailableError as FleetUnavailableError,
        InvalidArgumentError as InvalidArgumentError,
        InvalidDraftError as InvalidDraftError,
        JournalError as JournalError,
        JournalStoreError as JournalStoreError,
        KmomentError as KmomentError,
        LinkRefusedError as LinkRefusedError,
        LocationNotFoundError as LocationNotFoundError,
        MaintenanceError as MaintenanceError,
        NameNotFoundError as NameNotFoundError,
        NotFoundError as NotFoundError,
        OutcomeUnknownError as OutcomeUnknownError,
        PartialListError as PartialListError,
        PermissionDeniedError as PermissionDeniedError,
        Problem as Problem,
        ProtocolError as ProtocolError,
        QuotaExceededError as QuotaExceededError,
        RateLimitedError as RateLimitedError,
        RouteNotFoundError as RouteNotFoundError,
        ServerError as ServerError,
        SheetError as SheetError,
        UnknownWordError as UnknownWordError,
        UsageError as UsageError,
        Violation as Violation,
        WriteMismatchError as WriteMismatchError,
        WrongLoopError as WrongLoopError,
    )
    from .journal.journal import Journal as Journal
    from .models import (
        AdAccount as AdAccount,
        AdAccountBalance as AdAccountBalance,
        AdAccountConfig as AdAccountConfig,
        AdAccountPage as AdAccountPage,
        AdGroup as AdGroup,
        AdGroupConfig as AdGroupConfig,
        AdGroupStatus as AdGroupStatus,
        AdGroupSystemConfig as AdGroupSystemConfig,
        AdGroupType as AdGroupType,
        Age as Age,
        AgeType as AgeType,
        Audience as Audience,
        AudienceAdGroup as AudienceAdGroup,
        AudienceDraft as AudienceDraft,
        AudienceStatus as AudienceStatus,
        AudienceSummary as AudienceSummary,
        AudienceType as AudienceType,
        BaseAd as BaseAd,
        BaseAdCampaign as BaseAdCampaign,
        BaseAdGroup as BaseAdGroup,
        BaseAdOperation as BaseAdOperation,
        BulkDeleteResult as BulkDeleteResult,
        CampaignType as CampaignType,
        CampaignTypeGoal as CampaignTypeGoal,
        CategoryData as CategoryData,
        Change as Change,
        ChannelProfile as ChannelProfile,
        CohortAvailable as CohortAvailable,
        CohortStatus as CohortStatus,
        CohortTargeting as CohortTargeting,
        CustomerData as CustomerData,
        CustomerDataFileType as CustomerDataFileType,
        CustomerDataType as CustomerDataType,
        CustomerFile as CustomerFile,
        CustomerFileStatus as CustomerFileStatus,
        CustomerFileTargeting as CustomerFileTargeting,
        DeletePlanRow as DeletePlanRow,
        DeleteStatus as DeleteStatus,
        Depth2Location as Depth2Location,
        Depth3Location as Depth3Location,
        Difference as Difference,
        Ensured as Ensured,
        EnsureOutcomes as EnsureOutcomes,
        FriendGroupFileType as FriendGroupFileType,
        FriendGroupStatus as FriendGroupStatus,
        Gender as Gender,
        GenderType as GenderType,
        Goal as Goal,
        InclusionType as InclusionType,
        Indicator as Indicator,
        LinkResult as LinkResult,
        Location as Location,
        LocationType as LocationType,
        MemberType as MemberType,
        NetworkPlacement as NetworkPlacement,
        PixelAndSdkEvent as PixelAndSdkEvent,
        SectionCategory as SectionCategory,
        SyncAppTargeting as SyncAppTargeting,
        SyncProfile as SyncProfile,
        TalkChannelGroupFile as TalkChannelGroupFile,
        TalkChannelGroupTargeting as TalkChannelGroupTargeting,
        TalkChannelTargeting as TalkChannelTargeting,
        Tracker as Tracker,
        TrackerEventStatus as TrackerEventStatus,
        TrackerTargeting as TrackerTargeting,
        TrackRight as TrackRight,
        TrackRule as TrackRule,
    )
    from .outcomes import (
        Outcome as Outcome,
        Outcomes as Outcomes,
        OutcomeStatus as OutcomeStatus,
        Progress as Progress,
    )
    from .places import (
        LocationFields as LocationFields,
        LocationTree as LocationTree,
        TreeChanges as TreeChanges,
    )
    from .resources.account import AsyncAccount as AsyncAccount
    from .resources.plans import (
        AsyncDeletePlan as AsyncDeletePlan,
        AsyncLinkPlan as AsyncLinkPlan,
    )
    from .sync.batch import Batch as Batch
    from .sync.client import Client as Client
    from .sync.resources.account import Account as Account
    from .sync.resources.plans import (
        DeletePlan as DeletePlan,
        LinkPlan as LinkPlan,
    )
    from .tables import (
        rows as rows,
        write as write,
    )

# No `__all__`: with it, help(kmoment) prints every class, which is 15,000 lines.
_NAMES = {
    "batch": "AsyncBatch",
    "client": "AsyncClient",
    "errors": """
        APIConnectionError APIError AddressNotAllowedError AlreadyDoneError
        AmbiguousAudienceError AmbiguousLocationError AmbiguousNameError AmbiguousPlaceError
        AttemptRecord AudienceInUseError AudienceNotUsableError AuthenticationError
        BadRequestError CellFault ClientClosedError ConflictError ConsentRequiredError
        DeadlineExceededError DecodeError EntryBusyError EntryUnknownError FleetUnavailableError
        InvalidArgumentError InvalidDraftError JournalError JournalStoreError KmomentError
        LinkRefusedError LocationNotFoundError MaintenanceError NameNotFoundError NotFoundError
        OutcomeUnknownError PartialListError PermissionDeniedError Problem ProtocolError
        QuotaExceededError RateLimitedError RouteNotFoundError ServerError SheetError
        UnknownWordError UsageError Violation WriteMismatchError WrongLoopError
    """,
    "journal.journal": "Journal",
    "models": """
        AdAccount AdAccountBalance AdAccountConfig AdAccountPage AdGroup AdGroupConfig
        AdGroupStatus AdGroupSystemConfig AdGroupType Age AgeType Audience
        AudienceAdGroup AudienceDraft AudienceStatus AudienceSummary AudienceType BaseAd
        BaseAdCampaign BaseAdGroup BaseAdOperation BulkDeleteResult CampaignType
        CampaignTypeGoal CategoryData Change ChannelProfile CohortAvailable CohortStatus
        CohortTargeting CustomerData CustomerDataFileType CustomerDataType CustomerFile
        CustomerFileStatus CustomerFileTargeting DeletePlanRow DeleteStatus
        Depth2Location Depth3Location Difference EnsureOutcomes Ensured
        FriendGroupFileType FriendGroupStatus Gender GenderType Goal InclusionType
        Indicator LinkResult Location LocationType MemberType NetworkPlacement
        PixelAndSdkEvent SectionCategory SyncAppTargeting SyncProfile
        TalkChannelGroupFile TalkChannelGroupTargeting TalkChannelTargeting TrackRight
        TrackRule Tracker TrackerEventStatus TrackerTargeting
    """,
    "outcomes": "Outcome OutcomeStatus Outcomes Progress",
    "places": "LocationFields LocationTree TreeChanges",
    "resources.account": "AsyncAccount",
    "resources.plans": "AsyncDeletePlan AsyncLinkPlan",
    "sync.batch": "Batch",
    "sync.client": "Client",
    "sync.resources.account": "Account",
    "sync.resources.plans": "DeletePlan LinkPlan",
    "tables": "rows write",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = (
    "auth",
    "batch",
    "doctor",
    "errors",
    "fleet",
    "hooks",
    "journal",
    "limits",
    "models",
    "otel",
    "outcomes",
    "places",
    "sandbox",
    "sheets",
    "sync",
    "tables",
    "testing",
    "words",
)


def __getattr__(name: str) -> _Any:
    if name in _HOMES:
        value = getattr(_import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = _import_module(f"{__name__}.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version("kmoment")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
