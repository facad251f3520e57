"""Ad groups as one reads and edits them.

Nothing that was read says in which member an ad group names its audiences. So the sandbox has a
setting for it, :class:`LinkField`, and its default is no name of Kakao's. The members' names are
quoted by third parties. Their values here are ours.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from ._reply import Json
from ._rules import is_object

DEFAULT_FIELD = "targeting.sandboxAudiences[number]"

# An edit does not change these: the sandbox keeps its own. Third-party clients read them, and do
# not send them.
SERVER_OWNED = (
    *("name", "config", "userConfig", "systemConfig", "statusDescription", "status"),
    *("optimizationStatus", "creativeCount", "isDailyBudgetAmountOver", "isValidPeriod"),
    *("createdDate", "lastModifiedDate"),
)
_FIELD = re.compile(r"([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\[([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\]")


@dataclass(frozen=True, slots=True)
class LinkField:
    """Where an ad group names its audiences: a list, and what its entries are.

    `targeting.a[number]` holds ids, `targeting.a[text]` holds ids as text, and any other word
    between the brackets is the member of an object that holds the id: `targeting.a[audience.id]`.
    """

    path: tuple[str, ...]
    entry: str

    @classmethod
    def parse(cls, text: str) -> LinkField:
        found = _FIELD.fullmatch(text)
        if found is None:
            raise ValueError(f"link_field must be like {DEFAULT_FIELD!r}, not {text!r}")
        return cls(tuple(found[1].split(".")), found[2])

    def made(self, audience_id: int) -> Any:
        if self.entry == "number":
            return audience_id
        if self.entry == "text":
            return str(audience_id)
        entry: Any = audience_id
        for member in reversed(self.entry.split(".")):
            entry = {member: entry}
        return entry

    def id_in(self, entry: Any) -> int | None:
        if self.entry not in ("number", "text"):
            for member in self.entry.split("."):
                entry = entry.get(member) if is_object(entry) else None
        kind = str if self.entry == "text" else int
        return int(entry) if type(entry) is kind and str(entry).isdecimal() else None

    def inserted(self, body: Json, entries: list[Any]) -> Json:
        """A copy of the ad group, with its links as entries."""
        found = copy.deepcopy(body)
        if entries:
            holder = found
            for name in self.path[:-1]:
                holder = holder.setdefault(name, {})
            holder[self.path[-1]] = entries
        return found

    def taken(self, body: Json) -> tuple[Json, list[Any]]:
        """A copy of the ad group without its links, and the entries that it had."""
        found: Any = copy.deepcopy(body)
        holder = found
        for name in self.path[:-1]:
            holder = holder.get(name) if is_object(holder) else None
        entries = holder.pop(self.path[-1], None) if is_object(holder) else None
        return found, entries or []


def settings(group: Json) -> Json:
    """What one reads of an ad group, from its row in the list of an audience's ad groups."""
    campaign = {"id": group["campaignId"], "name": group["campaignName"]}
    return {
        "id": group["adGroupId"],
        "name": group["adGroupName"],
        "campaign": campaign | {"campaignTypeGoal": group["campaignTypeGoal"]},
        "config": "ON",
        "userConfig": "ON",
        "systemConfig": "ON",
        "status": group["adGroupStatus"],
        "placements": [],
        "allAvailablePlacement": True,
        "deviceTypes": [],
        "allAvailableDeviceType": True,
        "targeting": {"ageType": "ALL", "genderType": "ALL", "locationType": "ALL"},
        "adult": False,
        "bidAmount": 100,
        "dailyBudgetAmount": 50000,
        "createdDate": "2024-01-02T09:00:00",
        "lastModifiedDate": "2024-01-02T09:00:00",
    }


def summary(body: Json) -> Json:
    return {name: body[name] for name in ("id", "name", "config") if name in body}
