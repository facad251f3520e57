"""The routes under /_sandbox. They offer the methods of `Control` as JSON, without a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from . import _regions
from ._control import Control
from ._delivery import response
from ._faults import Fault
from ._quota import Quota
from ._reply import Json, json_reply

BASE = "/_sandbox"

# Errors that wrong JSON causes. The actions do not check its form themselves.
_MISTAKES = (ValueError, TypeError, KeyError, AttributeError, OverflowError)

Action = Callable[[Control, Any], Any]


def routes(control: Control) -> list[web.RouteDef]:
    listed = [
        web.route(method, BASE + path, _handler(control, action))
        for (method, path), action in _ACTIONS.items()
    ]
    return [*listed, web.get(BASE + "/locations/{value}", _location)]


def _handler(control: Control, action: Action) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            sent: Any = await request.json() if request.can_read_body else {}
            return _json(action(control, sent))
        except _MISTAKES as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    return handle


async def _location(request: web.Request) -> web.StreamResponse:
    value = request.match_info["value"]
    found = _regions.describe(value)
    return _json(found or {"error": f"there is no location {value}"}, 200 if found else 404)


def _json(value: object, status: int = 200) -> web.Response:
    return response(json_reply(value, status))


def _reset(control: Control, _: Any) -> Json:
    control.reset()
    return {"reset": True}


def _link(control: Control, sent: Any) -> Json:
    control.link(sent["audienceId"], sent["adGroupId"])
    return {"linked": True}


def _unlink(control: Control, sent: Any) -> Json:
    control.unlink(sent["audienceId"], sent["adGroupId"])
    return {"linked": False}


def _set_ad_group(control: Control, sent: Any) -> Json:
    control.set_ad_group(sent["adGroupId"], sent["members"])
    return {"set": True}


def _clock(control: Control, _: Any) -> Json:
    return {"now": control.now().isoformat()}


def _set_clock(control: Control, sent: Any) -> Json:
    if sent.keys() not in ({"now"}, {"advance"}):
        raise ValueError('send either {"now": an ISO time} or {"advance": seconds}')
    if "now" in sent:
        control.set_clock(sent["now"])
    else:
        control.advance(sent["advance"])
    return _clock(control, sent)


def _faults(control: Control, _: Any) -> Json:
    return {"faults": control.faults()}


def _add_fault(control: Control, sent: Any) -> Json:
    nth = sent.pop("nth", ())
    numbers = (nth,) if isinstance(nth, int) else tuple(nth)
    return {"id": control.add_fault(Fault(**sent, nth=numbers))}


def _clear_faults(control: Control, sent: Any) -> Json:
    control.clear_faults()
    return _faults(control, sent)


def _quotas(control: Control, _: Any) -> Json:
    return {"quotas": [asdict(quota) for quota in control.quotas()]}


def _set_quotas(control: Control, sent: Any) -> Json:
    control.set_quota(*(Quota(**quota) for quota in sent["quotas"]))
    return _quotas(control, sent)


def _set_consent(control: Control, sent: Any) -> Json:
    control.set_consent(**sent)
    return {"set": True}


def _allow_addresses(control: Control, sent: Any) -> Json:
    control.allow_addresses(*map(str, sent["addresses"]))
    return {"set": True}


def _issue_token(control: Control, sent: Any) -> Json:
    return {"token": control.issue_token(**sent)}


def _revoke_token(control: Control, sent: Any) -> Json:
    control.revoke_token(sent["token"])
    return {"revoked": True}


_ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", ""): lambda control, _: control.about(),
    ("GET", "/"): lambda control, _: control.about(),
    ("POST", "/reset"): _reset,
    ("GET", "/state"): lambda control, _: control.state(),
    ("POST", "/links"): _link,
    ("DELETE", "/links"): _unlink,
    ("PUT", "/adGroups"): _set_ad_group,
    ("GET", "/requests"): lambda control, _: {"requests": control.requests()},
    ("GET", "/clock"): _clock,
    ("PUT", "/clock"): _set_clock,
    ("GET", "/faults"): _faults,
    ("POST", "/faults"): _add_fault,
    ("DELETE", "/faults"): _clear_faults,
    ("GET", "/quotas"): _quotas,
    ("PUT", "/quotas"): _set_quotas,
    ("PUT", "/consent"): _set_consent,
    ("PUT", "/addresses"): _allow_addresses,
    ("GET", "/tokens"): lambda control, _: {"tokens": control.tokens()},
    ("POST", "/tokens"): _issue_token,
    ("DELETE", "/tokens"): _revoke_token,
}
