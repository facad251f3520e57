"""The state: accounts with their audiences, ad groups, links and look-up data. No HTTP here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from . import _errors, _seed
from ._ad_groups import SERVER_OWNED, LinkField, settings
from ._audience import Audience, written_now
from ._clock import Clock, aware, printed
from ._kauth import Kauth
from ._regions import Lookup
from ._reply import Json
from ._rules import is_object


@dataclass(slots=True)
class Account:
    id: int
    audiences: dict[int, Audience]
    ad_groups: dict[int, Json]
    # The keys are (audience id, ad group id), in the order of linking. The values are the entries
    # that an edit has sent for them, if there are any.
    links: dict[tuple[int, int], Any]
    lookups: Json
    deleted: set[int]
    link_field: LinkField
    # What one reads of each ad group, without its links.
    settings: dict[int, Json]

    def audience(self, audience_id: int) -> Audience:
        found = self.audiences.get(audience_id)
        if found is None:
            raise _errors.not_found(self.why_missing(audience_id))
        return found

    def why_missing(self, audience_id: int) -> str:
        if audience_id in self.deleted:
            return _errors.ALREADY_DELETED
        return f"{_errors.OURS}there is no audience {audience_id}"

    def delete(self, audience_id: int) -> None:
        self.audience(audience_id)
        del self.audiences[audience_id]
        self.deleted.add(audience_id)
        self.links = {link: it for link, it in self.links.items() if link[0] != audience_id}

    def linked(self, audience_id: int) -> list[Json]:
        self.audience(audience_id)
        return [self.ad_groups[group] for audience, group in self.links if audience == audience_id]

    def link(self, audience_id: int, ad_group_id: int) -> None:
        """Let an ad group use an audience. Kakao documents no call that does only this."""
        if ad_group_id not in self.ad_groups:
            raise ValueError(f"account {self.id} has no ad group {ad_group_id}")
        if not self._fits(audience_id, ad_group_id):
            raise ValueError(f"ad group {ad_group_id} takes only audiences of another type")
        self.links[audience_id, ad_group_id] = None

    def _fits(self, audience_id: int, ad_group_id: int) -> bool:
        message: bool = self.audience(audience_id).body["type"] == "MESSAGE"
        return message is (self.ad_groups[ad_group_id]["adGroupType"] == "DIRECT_MESSAGE")

    def ad_group(self, ad_group_id: int) -> Json:
        """An ad group as one reads it, with its links."""
        body = self._settings(ad_group_id)
        field, links = self.link_field, self.links.items()
        entries = [
            field.made(audience) if it is None else it
            for (audience, group), it in links
            if group == ad_group_id
        ]
        return field.inserted(body, entries)

    def replace_ad_group(self, sent: Json, now: datetime) -> Json:
        """Replace all of an ad group but what only the server changes."""
        ad_group_id = sent["id"]
        before = self._settings(ad_group_id)
        body, entries = self.link_field.taken(sent)
        links = {self._linked_by(entry, ad_group_id): entry for entry in entries}
        owned = {name: before[name] for name in SERVER_OWNED if name in before}
        kept = {link: it for link, it in self.links.items() if link[1] != ad_group_id}
        self.settings[ad_group_id] = {**body, **owned, "lastModifiedDate": printed(now)}
        self.links = kept | links
        return self.ad_group(ad_group_id)

    def _settings(self, ad_group_id: int) -> Json:
        body = self.settings.get(ad_group_id)
        if body is None:
            raise _errors.no_ad_group(ad_group_id)
        if body.get("config") == "DEL":
            raise _errors.deleted_ad_group(ad_group_id)
        return body

    def _linked_by(self, entry: Any, ad_group_id: int) -> tuple[int, int]:
        audience_id = self.link_field.id_in(entry)
        if audience_id is None:
            raise _errors.rule(f"{entry!r} names no audience")
        if not self._fits(audience_id, ad_group_id):
            raise _errors.rule(f"ad group {ad_group_id} takes only audiences of another type")
        return audience_id, ad_group_id

    def unlink(self, audience_id: int, ad_group_id: int) -> None:
        self.audience(audience_id)
        if (audience_id, ad_group_id) not in self.links:
            raise _errors.rule(f"ad group {ad_group_id} is not linked to audience {audience_id}")
        del self.links[audience_id, ad_group_id]

    def verdict(self, body: Json) -> str | None:
        """ERROR if the audience targets a customer file that cannot be used, else None."""
        usable = [row["id"] for row in self.lookups["customerFiles"] if row["status"] == "COMPLETE"]
        targets = body.get("customerFileTargetings", [])
        return None if all(_file_id(target) in usable for target in targets) else "ERROR"

    def state(self, now: datetime) -> Json:
        return {
            "audiences": [audience.whole(now) for audience in self.audiences.values()],
            "deleted": sorted(self.deleted),
            "links": [{"audienceId": a, "adGroupId": g} for a, g in self.links],
            "adGroups": list(self.ad_groups.values()),
            "adGroupObjects": {
                str(one): self.ad_group(one)
                for one, body in self.settings.items()
                if body.get("config") != "DEL"
            },
            **self.lookups,
        }


class World:
    def __init__(
        self,
        seed: int,
        account_ids: Iterable[int],
        *,
        quirks: bool,
        link_field: LinkField,
        lookups: Mapping[int, Lookup],
        kauth: Kauth,
    ) -> None:
        self.kauth = kauth
        self.seed = seed
        self.lookups = lookups
        self.quirks = quirks
        self.clock: Clock = Clock()
        self.accounts: dict[int, Account] = {
            account_id: _account(account_id, _seed.load(account_id, position, seed), link_field)
            for position, account_id in enumerate(account_ids)
        }
        self._last_id = max(id_ for one in self.accounts.values() for id_ in one.audiences)

    def create(self, account: Account, body: Json) -> Audience:
        self._last_id += 1
        return self._write(account, self._last_id, body)

    def replace(self, account: Account, audience_id: int, body: Json) -> Audience:
        created = account.audience(audience_id).created
        audience = self._write(account, audience_id, body)
        audience.created = created
        return audience

    def owner(self, audience_id: int) -> Account:
        for account in self.accounts.values():
            if audience_id in account.audiences:
                return account
        raise ValueError(f"there is no audience {audience_id}")

    def owner_of_group(self, ad_group_id: int) -> Account:
        for account in self.accounts.values():
            if ad_group_id in account.ad_groups:
                return account
        raise ValueError(f"there is no ad group {ad_group_id}")

    def _write(self, account: Account, audience_id: int, body: Json) -> Audience:
        verdict = account.verdict(body)
        audience = written_now(audience_id, body, verdict, self.seed, self.clock.now())
        account.audiences[audience_id] = audience
        return audience


def _account(account_id: int, data: Json, link_field: LinkField) -> Account:
    audiences = (_audience(account_id, row) for row in data.pop("audiences"))
    links = data.pop("links")
    groups = data.pop("adGroups")
    return Account(
        account_id,
        audiences={audience.id: audience for audience in audiences},
        ad_groups={group["adGroupId"]: group for group in groups},
        links={(link["audienceId"], link["adGroupId"]): None for link in links},
        lookups=data,
        deleted=set(),
        link_field=link_field,
        settings={group["adGroupId"]: settings(group) for group in groups},
    )


def _audience(account_id: int, row: Json) -> Audience:
    created, modified = aware(row["createdDate"]), aware(row["lastModifiedDate"])
    body = {"adAccountId": account_id, **row["body"]}
    audience = Audience(
        row["id"], body, row["status"], row["population"], created, modified, ready=modified
    )
    return replace(audience, detail_dates=row.get("detailDates", {}))


def _file_id(target: object) -> object:
    return target.get("customerFileId") if is_object(target) else None
