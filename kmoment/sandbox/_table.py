"""The table of all endpoints: name, method, path, and fidelity (how surely the path is Kakao's).

Our copy of Kakao's audience page has no URLs, so there are two readings of the audience routes.
"nested" follows from the one known URL, that of the list. "flat" is quoted by third parties for
two of the routes. Routes of the layout that is not chosen are answered like unknown routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from . import _handlers as do, _kauth_pages as kauth
from ._reply import Json

Layout = Literal["nested", "flat"]
Fidelity = Literal["documented", "quoted", "inferred"]

BASE = "/openapi/v4"

_NESTED = "/targetings/audiences"
_NESTED_ID = "/targetings/audiences/{id}"
_FLAT = "/targetings"
# An id in the flat layout. "audiences" is excluded: it is the nested layout's collection.
_NOT_THE_COLLECTION = ":(?!audiences(?:/|$))[^/]+"
_FLAT_ID = f"/targetings/{{id{_NOT_THE_COLLECTION}}}"
_AD_GROUP = "/adGroups/targetings"


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    fidelity: Fidelity


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: str
    method: str
    nested: Route
    flat: Route
    run: do.Handler
    account: bool = True
    base: str = BASE
    # Without these there is neither a token nor a quota to be checked before the handler runs.
    needs_token: bool = True

    def route(self, layout: Layout) -> Route:
        return self.nested if layout == "nested" else self.flat

    def described(self, layout: Layout) -> Json:
        route = self.route(layout)
        return {
            "name": self.name,
            "method": self.method,
            "path": self.base + route.path.replace(_NOT_THE_COLLECTION, ""),
            "account": self.account,
            "fidelity": route.fidelity,
        }


def _audience(
    name: str,
    method: str,
    suffix: str,
    run: do.Handler,
    *,
    by_id: bool,
    flat: Fidelity = "inferred",
) -> Endpoint:
    nested_path, flat_path = (_NESTED_ID, _FLAT_ID) if by_id else (_NESTED, _FLAT)
    nested = Route(nested_path + suffix, "inferred")
    return Endpoint(name, method, nested, Route(flat_path + suffix, flat), run)


def _lookup(
    name: str, path: str, run: do.Handler, *, account: bool, fidelity: Fidelity = "documented"
) -> Endpoint:
    route = Route(path, fidelity)
    return Endpoint(name, "GET", route, route, run, account)


def _login(name: str, method: str, path: str, run: do.Handler, fidelity: Fidelity) -> Endpoint:
    """On Kakao's other hosts, kauth and kapi. The sandbox plays all of them at one address."""
    route = Route(path, fidelity)
    return Endpoint(name, method, route, route, run, account=False, base="", needs_token=False)


ENDPOINTS = (
    _login("kauth.authorize", "GET", "/oauth/business/authorize", kauth.authorize, "documented"),
    _login("kauth.decide", "POST", "/oauth/business/authorize", kauth.decide, "inferred"),
    _login("kauth.token", "POST", "/oauth/business/token", kauth.exchange, "quoted"),
    _login("kauth.token_info", "GET", "/v1/business/tokeninfo", kauth.token_info, "quoted"),
    _lookup("audiences.list", _NESTED, do.list_audiences, account=True),
    _audience("audiences.get", "GET", "", do.get_audience, by_id=True, flat="quoted"),
    _audience("audiences.create", "POST", "", do.create_audience, by_id=False),
    _audience("audiences.update", "PUT", "", do.update_audience, by_id=False),
    _audience("audiences.delete", "DELETE", "", do.delete_audience, by_id=True, flat="quoted"),
    _audience("audiences.delete_many", "DELETE", "", do.delete_audiences, by_id=False),
    _audience("audiences.ad_groups", "GET", "/adGroups", do.list_ad_groups, by_id=True),
    _audience("audiences.unlink", "PUT", "/unlink", do.unlink_ad_group, by_id=True),
    _lookup("locations.depth1", "/targetings/location/depth1", do.provinces, account=False),
    _lookup("locations.depth2", "/targetings/location/depth2", do.districts, account=False),
    _lookup("locations.depth3", "/targetings/location/depth3", do.neighbourhoods, account=False),
    _lookup(
        "placements.network_categories",
        "/targetings/placement/adServingCategories",
        do.network_categories,
        account=False,
    ),
    _lookup(
        "placements.section_categories",
        "/targetings/placement/sectionCategories",
        do.section_categories,
        account=False,
    ),
    # The path is on Kakao's page. Of the answer's rows only the ids are documented.
    _lookup(
        "categories.list",
        "/targetings/data/categories",
        do.categories,
        account=False,
        fidelity="inferred",
    ),
    _lookup(
        "targeting.cohorts", f"{_AD_GROUP}/cohort/availables", do.lookup("cohorts"), account=True
    ),
    _lookup(
        "targeting.pixel_events",
        f"{_AD_GROUP}/trackers/eventCreatables/{{track_id}}",
        do.pixel_events,
        account=True,
    ),
    _lookup(
        "targeting.customer_files",
        f"{_AD_GROUP}/customerFiles/availables",
        do.lookup("customerFiles"),
        account=True,
    ),
    _lookup(
        "targeting.talk_channels",
        f"{_AD_GROUP}/talkChannels/availables",
        do.lookup("talkChannels"),
        account=True,
    ),
    _lookup(
        "targeting.sync_profiles",
        f"{_AD_GROUP}/syncProfiles/availables",
        do.lookup("syncProfiles"),
        account=True,
    ),
    _lookup(
        "targeting.friend_groups",
        f"{_AD_GROUP}/talkChannelGroupFiles/availables",
        do.friend_groups,
        account=True,
    ),
    _lookup("accounts.pages", "/adAccounts/pages", do.list_accounts, account=False),
    # Kakao's reference page has the paths. The forms of these answers are inferred.
    _lookup("accounts.balance", "/adAccounts/balance", do.balance, account=True),
    _lookup("trackers.list", "/adAccounts/trackers", do.trackers, account=True),
    _lookup(
        "account.channel_profiles",
        "/adAccounts/channel/profiles",
        do.channel_profiles,
        account=True,
    ),
    _lookup("accounts.get", "/adAccounts/{id}", do.get_account, account=False),
    _lookup("trackers.rights", "/trackers/rights", do.tracker_rights, account=True),
    _lookup("account.customer_data", "/customerData", do.customer_data, account=True),
    _lookup("ad_groups.list", "/adGroups", do.list_campaign, account=True, fidelity="quoted"),
    _lookup("ad_groups.get", "/adGroups/{id}", do.get_ad_group, account=True, fidelity="quoted"),
    Endpoint(
        "ad_groups.update",
        "PUT",
        Route("/adGroups", "inferred"),
        Route("/adGroups", "inferred"),
        do.update_ad_group,
    ),
)


def require_match(pattern: str) -> None:
    """Refuse a pattern that matches no endpoint. It would have no effect and no error."""
    if not any(fnmatchcase(endpoint.name, pattern) for endpoint in ENDPOINTS):
        raise ValueError(f"no endpoint matches {pattern!r}")
