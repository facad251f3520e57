"""One harmless read for each thing that is known only by inference.

What only a write, a throttle or a refusal could settle is listed as not asked.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from .._protocol import endpoints as table
from .._protocol.call import Endpoint
from ..errors import APIError, NotFoundError, ProtocolError, RouteNotFoundError
from ..models._base import Model
from ._report import Check, State
from ._scene import Scene

_SEOUL: Final = "서울"
_DISTRICT: Final = "강남구"
_PART: Final = "강남"


class Probe(NamedTuple):
    """A read, and what it needs to be known before."""

    endpoint: Endpoint
    ask: Callable[[Scene], str]
    needs: str = "account"


def live_checks(scene: Scene) -> Iterator[tuple[str, Callable[[], Check]]]:
    """Each check with its name."""
    for probe in _PROBES:
        yield _graded(probe.endpoint), partial(_probed, scene, probe)
    for endpoint in (it for it in table.ENDPOINTS if it.method != "GET"):
        yield _graded(endpoint), partial(_not_asked, _graded(endpoint), "only a write could tell")
    for what in _ONLY_BY_TROUBLE:
        yield what, partial(_not_asked, what, "only a write, a throttle or a refusal could tell")


def _graded(endpoint: Endpoint) -> str:
    flat = f", flat: {endpoint.flat_evidence}" if endpoint.flat_evidence else ""
    return f"{endpoint.name} ({endpoint.evidence}{flat})"


def _not_asked(what: str, why: str) -> Check:
    return Check(State.SKIPPED, what, f"not asked: {why}")


_ONLY_BY_TROUBLE: Final = (
    "Retry-After of a 429",
    "whether an audience in use can be deleted",
    "the longest name, the largest number of audiences",
    "detailCodes of audiences",
    "which consent a create and a delete need",
)


def _probed(scene: Scene, probe: Probe) -> Check:
    what = _graded(probe.endpoint)
    if not (scene.usable and scene.reachable):
        return Check(State.SKIPPED, what, "there is no token that can be used, or no server")
    if probe.needs == "account" and scene.account_id is None:
        return Check(State.SKIPPED, what, "no ad account is known")
    if probe.needs not in ("", "account") and probe.needs not in scene.ids:
        return Check(State.SKIPPED, what, f"there is no {probe.needs} to ask for")
    try:
        return Check(State.OK, what, probe.ask(scene))
    except (RouteNotFoundError, NotFoundError) as error:
        return Check(State.WARN, what, f"{_answered(error)}: not as the table has it", *_TELL_US)
    except APIError as error:
        return Check(State.UNKNOWN, what, _answered(error), error.hint, error.hint_ko)


_TELL_US: Final = (
    "send us the file of --record",
    "--record로 만든 파일을 보내 주시면 도움이 됩니다.",
)


def _answered(error: APIError) -> str:
    codes = (("HTTP", error.status), ("code", error.code), ("detailCode", error.detail_code))
    told = ", ".join(f"{name} {value}" for name, value in codes if value is not None)
    return f"{error.reason} ({told})" if told else error.reason


# -- What is asked ----------------------------------------------------------------------


def _kept(scene: Scene, name: str, rows: Iterable[Any], member: str = "id") -> None:
    """Keep the first id for the next probes."""
    found = next((getattr(row, member) for row in rows), None)
    if found is not None:
        scene.ids[name] = found


def _described(rows: Iterable[Any]) -> str:
    """How many came, and which members kmoment does not know."""
    listed = list(rows)
    unknown = {name for row in listed if isinstance(row, Model) for name in row.extra}
    told = f"; members that kmoment does not know: {', '.join(sorted(unknown))}" if unknown else ""
    return f"answers; {len(listed)} rows{told}"


def _audiences(scene: Scene) -> str:
    rows = scene.account.audiences.list()
    _kept(scene, "audience", rows)
    return _described(rows)


def _readings(endpoint: Endpoint, scene: Scene) -> str:
    """Which of both readings of a route the server knows, asked one after the other."""
    paths = {"nested": endpoint.path, "flat": str(endpoint.flat_path)}
    return ", ".join(f"{name}: {_tried(scene, path)}" for name, path in paths.items())


def _tried(scene: Scene, path: str) -> str:
    filled = path.replace("{id}", str(scene.ids["audience"]))
    try:
        scene.client.request("GET", filled, account=scene.account_id)
    except RouteNotFoundError:
        return "no such route"
    except (NotFoundError, ProtocolError) as error:
        return _answered(error)
    return "answers"


def _ad_groups_of(scene: Scene) -> str:
    told = _readings(table.AUDIENCE_AD_GROUPS, scene)
    rows = scene.account.audiences.ad_groups(scene.ids["audience"])
    _kept(scene, "campaign", rows, "campaign_id")
    _kept(scene, "ad group", rows, "ad_group_id")
    return f"{told}; {_described(rows)}"


def _keyword2(scene: Scene) -> str:
    """Whether a keyword is compared with the province's name, and whether a part of one does."""
    province, part = (scene.client.locations.depth2(word) for word in (_SEOUL, _PART))
    inside = sum(row.depth1_name.startswith(_SEOUL) for row in province)
    hit = any(row.depth2_name == _DISTRICT for row in part)
    return (
        f"{_SEOUL} finds {len(province)}, {inside} of Seoul; a part of a name finds it: {_yes(hit)}"
    )


def _keyword3(scene: Scene) -> str:
    """Whether a keyword is compared with the district's name too."""
    rows = scene.client.locations.depth3(_DISTRICT)
    hit = any(row.depth2_name == _DISTRICT for row in rows)
    return f"a district's name finds its {len(rows)} neighbourhoods: {_yes(hit)}"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _pages(scene: Scene) -> str:
    page = scene.client.accounts.pages(0, size=1)
    members = ("number", "size", "total_elements", "total_pages")
    here = [name for name in members if getattr(page, name) is not None]
    return f"answers; the page says {', '.join(here) or 'nothing of itself'}"


def _trackers(scene: Scene) -> str:
    rows = scene.account.trackers.list()
    _kept(scene, "tracker", rows)
    return _described(rows)


def _channels(scene: Scene) -> str:
    rows = scene.account.targeting.talk_channels()
    _kept(scene, "channel", rows)
    return _described(rows)


_PROBES: Final = (
    Probe(table.LIST_AUDIENCES, _audiences),
    Probe(table.GET_AUDIENCE, partial(_readings, table.GET_AUDIENCE), "audience"),
    Probe(table.AUDIENCE_AD_GROUPS, _ad_groups_of, "audience"),
    Probe(table.ACCOUNT_PAGES, _pages, ""),
    Probe(
        table.GET_ACCOUNT, lambda it: _described([it.client.accounts.get(it.account.ad_account_id)])
    ),
    Probe(
        table.ACCOUNT_BALANCE,
        lambda it: _described([it.client.accounts.balance(it.account.ad_account_id)]),
    ),
    Probe(table.CHANNEL_PROFILES, lambda it: _described(it.account.channel_profiles())),
    Probe(table.CUSTOMER_DATA, lambda it: _described(it.account.customer_data())),
    Probe(table.TRACKERS, _trackers),
    Probe(table.TRACKER_RIGHTS, lambda it: _described(it.account.trackers.rights())),
    Probe(
        table.AD_GROUPS,
        lambda it: _described(it.account.ad_groups.list(it.ids["campaign"])),
        "campaign",
    ),
    Probe(
        table.GET_AD_GROUP,
        lambda it: _described([it.account.ad_groups.get(it.ids["ad group"])]),
        "ad group",
    ),
    Probe(table.DEPTH1, lambda it: _described(it.client.locations.depth1()), ""),
    Probe(table.DEPTH2, _keyword2, ""),
    Probe(table.DEPTH3, _keyword3, ""),
    Probe(table.CATEGORIES, lambda it: _described(it.client.categories.interests()), ""),
    Probe(
        table.NETWORK_CATEGORIES,
        lambda it: _described(it.client.placements.network_categories()),
        "",
    ),
    Probe(
        table.SECTION_CATEGORIES,
        lambda it: _described(it.client.placements.section_categories()),
        "",
    ),
    Probe(table.COHORTS, lambda it: _described(it.account.targeting.cohorts())),
    Probe(
        table.PIXEL_EVENTS,
        lambda it: _described(it.account.targeting.pixel_events(it.ids["tracker"], term=30)),
        "tracker",
    ),
    Probe(table.CUSTOMER_FILES, lambda it: _described(it.account.targeting.customer_files())),
    Probe(table.TALK_CHANNELS, _channels),
    Probe(table.SYNC_PROFILES, lambda it: _described(it.account.targeting.sync_profiles())),
    Probe(
        table.FRIEND_GROUPS,
        lambda it: _described(it.account.targeting.friend_groups(it.ids["channel"])),
        "channel",
    ),
)
