"""The table of endpoints: the one place that knows paths.

Kakao's audience page, as it can be read today, prints only the list's whole URL. The other
audience routes have two readings: *nested* under the list (``path``), which its URL suggests,
and *flat* under ``/targetings`` (``flat_path``), which two third parties have quoted for
getting and deleting one. ``routes.py`` finds out which one the server means.
"""

import re
from collections.abc import Mapping
from typing import Final

from .call import Endpoint, Evidence, LimitScope, Replay

_DOCS: Final = "https://developers.kakao.com/docs/latest/en/kakaomoment"
_AUDIENCE_PAGE: Final = f"{_DOCS}/audience"
_TARGETING_PAGE: Final = f"{_DOCS}/targeting"
_CATEGORY_PAGE: Final = f"{_DOCS}/target-custom"
_ACCOUNT_PAGE: Final = f"{_DOCS}/ad-account"
_AD_GROUP_PAGE: Final = f"{_DOCS}/ad-group"
_REFERENCE_PAGE: Final = f"{_DOCS}/reference"

_API: Final = "/openapi/v4"
_FLAT: Final = f"{_API}/targetings"
_NESTED: Final = f"{_FLAT}/audiences"


def _audience(
    name: str,
    method: str,
    suffix: str,
    replay: Replay,
    *,
    evidence: Evidence = Evidence.INFERRED,
    flat: Evidence | None = Evidence.INFERRED,
    typed: bool = False,
) -> Endpoint:
    return Endpoint(
        name=f"audiences.{name}",
        method=method,
        path=_NESTED + suffix,
        flat_path=_FLAT + suffix if flat else None,
        account=True,
        replay=replay,
        quota="audiences",
        evidence=evidence,
        documentation=_AUDIENCE_PAGE,
        flat_evidence=flat,
        typed=typed,
    )


def _look_up(
    name: str,
    path: str,
    *,
    account: bool = False,
    account_in_path: bool = False,
    documentation: str = _TARGETING_PAGE,
    evidence: Evidence = Evidence.DOCUMENTED,
    period: float = 0.0,
    limit_scope: LimitScope = LimitScope.ACCOUNT,
) -> Endpoint:
    return Endpoint(
        name=name,
        method="GET",
        path=_API + path,
        account=account,
        account_in_path=account_in_path,
        replay=Replay.SAFE,
        quota=name,
        evidence=evidence,
        documentation=documentation,
        period=period,
        limit_scope=limit_scope,
    )


LIST_AUDIENCES: Final = _audience(
    "list", "GET", "", Replay.SAFE, evidence=Evidence.DOCUMENTED, flat=None
)
GET_AUDIENCE: Final = _audience("get", "GET", "/{id}", Replay.SAFE, flat=Evidence.QUOTED)
CREATE_AUDIENCE: Final = _audience("create", "POST", "", Replay.CREATE)
UPDATE_AUDIENCE: Final = _audience("update", "PUT", "", Replay.REPLACE)
DELETE_AUDIENCE: Final = _audience(
    "delete", "DELETE", "/{id}", Replay.IDEMPOTENT, flat=Evidence.QUOTED, typed=True
)
DELETE_AUDIENCES: Final = _audience("delete_many", "DELETE", "", Replay.BULK)
AUDIENCE_AD_GROUPS: Final = _audience("ad_groups", "GET", "/{id}/adGroups", Replay.SAFE)
UNLINK_AD_GROUP: Final = _audience("unlink", "PUT", "/{id}/unlink", Replay.IDEMPOTENT)

DEPTH1: Final = _look_up("locations.depth1", "/targetings/location/depth1")
DEPTH2: Final = _look_up("locations.depth2", "/targetings/location/depth2")
DEPTH3: Final = _look_up("locations.depth3", "/targetings/location/depth3")
NETWORK_CATEGORIES: Final = _look_up(
    "placements.network_categories", "/targetings/placement/adServingCategories"
)
SECTION_CATEGORIES: Final = _look_up(
    "placements.section_categories", "/targetings/placement/sectionCategories"
)
CATEGORIES: Final = _look_up(
    "categories.list", "/targetings/data/categories", documentation=_CATEGORY_PAGE
)
COHORTS: Final = _look_up(
    "targeting.cohorts", "/adGroups/targetings/cohort/availables", account=True
)
PIXEL_EVENTS: Final = _look_up(
    "targeting.pixel_events",
    "/adGroups/targetings/trackers/eventCreatables/{track_id}",
    account=True,
)
CUSTOMER_FILES: Final = _look_up(
    "targeting.customer_files", "/adGroups/targetings/customerFiles/availables", account=True
)
TALK_CHANNELS: Final = _look_up(
    "targeting.talk_channels", "/adGroups/targetings/talkChannels/availables", account=True
)
SYNC_PROFILES: Final = _look_up(
    "targeting.sync_profiles", "/adGroups/targetings/syncProfiles/availables", account=True
)
FRIEND_GROUPS: Final = _look_up(
    "targeting.friend_groups",
    "/adGroups/targetings/talkChannelGroupFiles/availables",
    account=True,
)

ACCOUNT_PAGES: Final = _look_up("accounts.pages", "/adAccounts/pages", documentation=_ACCOUNT_PAGE)
# The reference page names the next four. Which of them take the adAccountId header is inferred:
# all that have no account in the path.
GET_ACCOUNT: Final = _look_up(
    "accounts.get", "/adAccounts/{id}", account_in_path=True, documentation=_REFERENCE_PAGE
)
ACCOUNT_BALANCE: Final = _look_up(
    "accounts.balance", "/adAccounts/balance", account=True, documentation=_REFERENCE_PAGE
)
CHANNEL_PROFILES: Final = _look_up(
    "account.channel_profiles",
    "/adAccounts/channel/profiles",
    account=True,
    documentation=_REFERENCE_PAGE,
)
TRACKERS: Final = _look_up(
    "trackers.list", "/adAccounts/trackers", account=True, documentation=_REFERENCE_PAGE
)
# Documented: one call per 5 seconds and user.
TRACKER_RIGHTS: Final = _look_up(
    "trackers.rights",
    "/trackers/rights",
    account=True,
    documentation=_REFERENCE_PAGE,
    period=5.0,
    limit_scope=LimitScope.APP,
)
CUSTOMER_DATA: Final = _look_up(
    "account.customer_data",
    "/customerData",
    account=True,
    documentation=f"{_DOCS}/customer-data",
)
# Both are read in third-party code. The query `campaignId` is inferred from the answers' member.
AD_GROUPS: Final = _look_up(
    "ad_groups.list",
    "/adGroups",
    account=True,
    documentation=_AD_GROUP_PAGE,
    evidence=Evidence.QUOTED,
)
GET_AD_GROUP: Final = _look_up(
    "ad_groups.get",
    "/adGroups/{id}",
    account=True,
    documentation=_AD_GROUP_PAGE,
    evidence=Evidence.QUOTED,
)
# Documented, with one call per 5 seconds. The body is quoted. It is never sent again by itself:
# who sends it reads the ad group back. ``client.request`` counts against the same limit.
UPDATE_AD_GROUP: Final = Endpoint(
    name="ad_groups.update",
    method="PUT",
    path=f"{_API}/adGroups",
    account=True,
    replay=Replay.ONCE,
    quota=f"PUT {_API}/adGroups",
    evidence=Evidence.DOCUMENTED,
    documentation=_AD_GROUP_PAGE,
    period=5.0,
)

ENDPOINTS: Final[tuple[Endpoint, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Endpoint)
)


# Seconds from one call to the next, from Kakao's reference page.
_PUBLISHED_PERIODS: Final[Mapping[tuple[str, str], float]] = {
    ("POST", f"{_API}/adAccounts"): 1.0,
    ("PUT", f"{_API}/adAccounts/onOff"): 1.0,
    ("PUT", f"{_API}/campaigns/dailyBudgetAmount"): 1.0,
    ("PUT", f"{_API}/campaigns/onOff"): 1.0,
    ("POST", f"{_API}/adGroups"): 5.0,
    ("PUT", f"{_API}/adGroups"): 5.0,
    ("PUT", f"{_API}/adGroups/dailyBudgetAmount"): 1.0,
    ("PUT", f"{_API}/adGroups/bidAmount"): 1.0,
    ("PUT", f"{_API}/adGroups/pacing"): 1.0,
}


def quota_of(call: str) -> str:
    """The quota group of a call for ``client.request``: ``PUT /openapi/v4/adGroups/{id}``."""
    return re.sub(r"/\d+(?=/|$)", "/{id}", call)


QUOTAS: Final = frozenset(endpoint.quota for endpoint in ENDPOINTS)
"""The quota groups of the endpoints that kmoment knows."""


def unlisted(method: str, path: str, *, account: bool) -> Endpoint:
    """An endpoint kmoment does not know, for ``client.request``."""
    return Endpoint(
        name="request",
        method=method,
        path=path,
        account=account,
        replay=Replay.SAFE if method == "GET" else Replay.ONCE,
        quota=quota_of(f"{method} {path}"),
        period=_PUBLISHED_PERIODS.get((method, path), 0.0),
        evidence=Evidence.INFERRED,
        documentation=f"{_DOCS}/reference",
    )
