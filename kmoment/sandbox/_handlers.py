"""The handlers of the endpoints. Each takes the world and a request, and returns an answer."""

from __future__ import annotations

from collections.abc import Callable

from . import _ad_groups, _errors, _regions, _rules
from ._audience import Audience
from ._reply import LONG, Ask, Reply, json_reply
from ._world import Account, World

Handler = Callable[[World, Ask], Reply]


def long(text: str | None, name: str) -> int:
    """Read a number from a path, query or header. Kakao's tables call its type Long."""
    if text is None or not LONG.fullmatch(text):
        raise _errors.parameter(f"{name} must be a number")
    return int(text)


def _account(world: World, ask: Ask) -> Account:
    return world.accounts[ask.account_id]


def _id(ask: Ask) -> int:
    return long(ask.variables["id"], "ID")


def list_audiences(world: World, ask: Ask) -> Reply:
    now = world.clock.now()
    audiences = _account(world, ask).audiences.values()
    return json_reply({"content": [audience.listed(now) for audience in audiences]})


def get_audience(world: World, ask: Ask) -> Reply:
    audience = _account(world, ask).audience(_id(ask))
    return _spelled(world, audience.detail(world.clock.now()))


def create_audience(world: World, ask: Ask) -> Reply:
    account = _account(world, ask)
    body = _rules.check(_body(ask), _rules.CREATE_REQUIRED, account.id)
    return _written(world, account, world.create(account, body))


def update_audience(world: World, ask: Ask) -> Reply:
    account = _account(world, ask)
    sent = _body(ask)
    body = _rules.check(sent, _rules.EDIT_REQUIRED, account.id)
    if type(sent["id"]) is not int:
        raise _errors.parameter("id must be a number")
    return _written(world, account, world.replace(account, sent["id"], body))


def delete_audience(world: World, ask: Ask) -> Reply:
    _account(world, ask).delete(_id(ask))
    return Reply()


def delete_audiences(world: World, ask: Ask) -> Reply:
    account = _account(world, ask)
    ids = [
        long(text.strip(), "audienceIds") for text in ask.query.get("audienceIds", "").split(",")
    ]
    errors = [message for id_ in ids if (message := _deleted(account, id_))]
    done = len(ids) - len(errors)
    return json_reply({"successCount": done, "failCount": len(errors), "errorMessages": errors})


def list_ad_groups(world: World, ask: Ask) -> Reply:
    return json_reply({"content": _account(world, ask).linked(_id(ask))})


def unlink_ad_group(world: World, ask: Ask) -> Reply:
    ad_group_id = long(ask.query.get("adGroupId"), "adGroupId")
    _account(world, ask).unlink(_id(ask), ad_group_id)
    return Reply()


def list_accounts(world: World, ask: Ask) -> Reply:
    config, page = ask.query.get("config"), long(ask.query.get("page", "0"), "page")
    size = long(ask.query.get("size", "10"), "size")
    if config not in (None, "ON", "OFF", "DEL") or not size:
        raise _errors.parameter("config must be one of ON, OFF, DEL; size must be 1 or more")
    known = (one for one in world.accounts if ask.grant is None or ask.grant.covers(one))
    rows = [_account_row(one) for one in known] if config in (None, "ON") else []
    part = rows[page * size : (page + 1) * size]
    pages = -(-len(rows) // size)
    counts = {"number": page, "size": size, "totalElements": len(rows), "totalPages": pages}
    return json_reply({"content": part, **counts})


def get_account(world: World, ask: Ask) -> Reply:
    account_id = _id(ask)
    if account_id not in world.accounts:
        raise _errors.no_account(account_id)
    row = _account_row(account_id)
    return json_reply({name: row[name] for name in ("id", "name", "config")})


def balance(_: World, ask: Ask) -> Reply:
    ours = {"bizWalletId": ask.account_id, "cash": 1_000_000, "freeCash": 0}
    return json_reply({"id": ask.account_id, **ours})


def channel_profiles(world: World, ask: Ask) -> Reply:
    rows = _account(world, ask).lookups["talkChannels"]
    return json_reply([{"id": row["id"], "name": row["name"]} for row in rows])


def trackers(world: World, ask: Ask) -> Reply:
    rows = _account(world, ask).lookups["pixelEvents"]
    return json_reply([{"id": track_id} for track_id in rows])


def tracker_rights(world: World, ask: Ask) -> Reply:
    rows = _account(world, ask).lookups["pixelEvents"]
    dates = {"createdDate": "2024-01-02T09:00:00.000", "lastEventDate": "2024-01-03T09:00:00.000Z"}
    return json_reply({"trackRights": [_right(track_id) | dates for track_id in rows]})


def customer_data(world: World, ask: Ask) -> Reply:
    rows = _account(world, ask).lookups["customerFiles"]
    ours = {"fileType": "ADID", "type": "URL", "renewable": False}
    renamed = [
        {"kuidListKey" if name == "adidListKey" else name: it for name, it in row.items()}
        for row in rows
    ]
    return json_reply([row | ours for row in renamed])


def list_campaign(world: World, ask: Ask) -> Reply:
    campaign_id = long(ask.query.get("campaignId"), "campaignId")
    found = [
        body
        for body in _account(world, ask).settings.values()
        if body["campaign"]["id"] == campaign_id and body["config"] != "DEL"
    ]
    return json_reply({"content": [_ad_groups.summary(body) for body in found]})


def get_ad_group(world: World, ask: Ask) -> Reply:
    return json_reply(_account(world, ask).ad_group(_id(ask)))


def update_ad_group(world: World, ask: Ask) -> Reply:
    sent = _body(ask)
    if type(sent.get("id")) is not int:
        raise _errors.parameter("id must be a number")
    return json_reply(_account(world, ask).replace_ad_group(sent, world.clock.now()))


def provinces(_: World, __: Ask) -> Reply:
    return _regions.depth1()


def districts(world: World, ask: Ask) -> Reply:
    return _places(world, ask, 2, _errors.DEPTH2_KEYWORD)


def neighbourhoods(world: World, ask: Ask) -> Reply:
    return _places(world, ask, 3, _errors.DEPTH3_KEYWORD)


def network_categories(_: World, __: Ask) -> Reply:
    named = {"IAB16": "애완동물", "IAB8": "식음료", "IAB15": "과학"}
    return json_reply([{"code": code, "name": name} for code, name in named.items()])


def section_categories(_: World, __: Ask) -> Reply:
    return json_reply([{"code": "KKO99-1", "name": "채팅탭에만 노출"}])


def categories(_: World, ask: Ask) -> Reply:
    kind = ask.query.get("type", "")
    if kind not in ("INTEREST", "BUSINESS_TYPE"):
        raise _errors.parameter("type must be of INTEREST, BUSINESS_TYPE")
    return json_reply({"type": kind, "data": _category_tree(kind)})


def lookup(member: str) -> Handler:
    """A look-up that answers with one of the account's lists, unchanged."""
    return lambda world, ask: json_reply(_account(world, ask).lookups[member])


def pixel_events(world: World, ask: Ask) -> Reply:
    if not 1 <= long(ask.query.get("term"), "term") <= 180:
        raise _errors.parameter("term must be from 1 to 180")
    trackers = _account(world, ask).lookups["pixelEvents"]
    track_id = ask.variables["track_id"]
    if track_id not in trackers:
        raise _errors.rule(f"the ad account has no tracker {track_id}")
    return json_reply(trackers[track_id])


def friend_groups(world: World, ask: Ask) -> Reply:
    profile_id = ask.query.get("profileId")
    if not profile_id:
        raise _errors.parameter("missing: profileId")
    groups = _account(world, ask).lookups["friendGroups"]
    return json_reply([group for group in groups if group["profileId"] == profile_id])


def _account_row(account_id: int) -> dict[str, object]:
    name = f"sandbox_account_{account_id}"
    return {"id": account_id, "name": name, "memberType": "MASTER", "config": "ON"}


def _right(track_id: str) -> dict[str, object]:
    name, status = f"sandbox_tracker_{track_id}", "COLLECTION"
    ours = {"trackId": track_id, "trackName": name, "eventStatus": status, "population": 100}
    return {**ours, "role": "MASTER"}


def _body(ask: Ask) -> dict[str, object]:
    if ask.content_type != "application/json":
        raise _errors.header("Content-Type must be application/json")
    return _rules.parse(ask.body)


def _written(world: World, account: Account, audience: Audience) -> Reply:
    return _spelled(world, audience.written(account.id))


def _spelled(world: World, body: dict[str, object]) -> Reply:
    return json_reply(_rules.respell(body) if world.quirks else body)


def _deleted(account: Account, audience_id: int) -> str | None:
    try:
        account.delete(audience_id)
    except _errors.RefusedError:
        return account.why_missing(audience_id)
    return None


def _places(world: World, ask: Ask, depth: int, unnamed: tuple[int, str]) -> Reply:
    keyword = ask.query.get("keyword", "").strip()
    if not keyword:
        raise _errors.documented(unnamed)
    return _regions.search(depth, keyword, world.lookups[depth])


def _category_tree(kind: str) -> list[dict[str, str]]:
    # Kakao's page says how long the ids of each level are (3, 5, 7 characters), but lists no ids.
    letter = kind[0]
    tops = [f"{letter}{n:02d}" for n in (1, 2, 3)]
    middles = [f"{top}{n:02d}" for top in tops for n in (1, 2)]
    lowers = [f"{middle}{n:02d}" for middle in middles for n in (1, 2)]
    return [
        {"id": id_, "name": f"sandbox {kind} {id_}"} for id_ in sorted([*tops, *middles, *lowers])
    ]
