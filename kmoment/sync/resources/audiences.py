# Made from kmoment/resources/audiences.py by `nox -s mirror`: edit that one.
"""Audiences of one ad account.

Kakao has no call that links an ad group to an audience. An ad group names its audiences when it is
created or edited (``/openapi/v4/adGroups``, with ``client.request``). Here you can list the links
and remove them.
"""

from collections.abc import Iterable
from types import NoneType

from ... import _validate
from ..._protocol.call import Call
from ..._protocol.endpoints import (
    AUDIENCE_AD_GROUPS,
    CREATE_AUDIENCE,
    DELETE_AUDIENCE,
    DELETE_AUDIENCES,
    GET_AUDIENCE,
    LIST_AUDIENCES,
    UNLINK_AD_GROUP,
    UPDATE_AUDIENCE,
)
from .._sender import Sender
from ...models import Audience, AudienceAdGroup, AudienceDraft, AudienceSummary, BulkDeleteResult
from ...models.draft import checked_draft

# Inside the class, `list` is the method.
AudienceSummaries = list[AudienceSummary]
AudienceAdGroups = list[AudienceAdGroup]


class Audiences:
    """The audiences of one ad account."""

    __slots__ = ("_account", "_sender")

    def __init__(self, sender: Sender, account: int) -> None:
        self._sender = sender
        self._account = account

    def list(self) -> AudienceSummaries:
        """List the account's audiences, without their targeting. Kakao documents no paging.

            for row in account.audiences.list():
                print(row.id, row.name, row.audience_status)

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(endpoint=LIST_AUDIENCES, returns=AudienceSummaries, account=self._account)
        )

    def get(self, audience_id: int) -> Audience:
        """Get one audience with its targeting.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(
                endpoint=GET_AUDIENCE,
                returns=Audience,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
            )
        )

    def create(self, audience: AudienceDraft) -> Audience:
        """Create an audience.

            draft = kmoment.AudienceDraft.display("20s", ages=("20", "25"))
            audience = account.audiences.create(draft)

        The answer carries no status; Kakao prepares the audience afterwards (``STANDBY``).
        Before creating, the account's audiences are listed; if the answer is lost, the new one
        is looked for among them, and has ``reconciled`` set. It is never created twice.

        :raises InvalidDraftError: The draft breaks documented rules; all of them are listed.
            Nothing was sent.
        :raises OutcomeUnknownError: It may have been created, and was not found. Look before
            you create it again: ``client.reconcile(error)``.
        :raises APIError: The call failed, and nothing was created.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(
                endpoint=CREATE_AUDIENCE,
                returns=Audience,
                account=self._account,
                body=checked_draft("audience", audience),
                body_ids={"ad_account_id": self._account},
            )
        )

    def update(self, audience_id: int, audience: AudienceDraft) -> Audience:
        """Replace an audience as a whole: what the draft leaves out is gone.

        Start from what is there, and no targeting is lost:

            current = account.audiences.get(1)
            draft = current.draft().replace(name="New name")
            account.audiences.update(1, draft)

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises InvalidDraftError: The draft breaks documented rules; all of them are listed.
            Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises OutcomeUnknownError: It may have been done, and looking did not tell. It may be
            repeated, unless someone else has edited the audience in between.
        :raises APIError: The call failed, and nothing was changed.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(
                endpoint=UPDATE_AUDIENCE,
                returns=Audience,
                account=self._account,
                body_ids={
                    "id": _validate.ident("audience_id", audience_id),
                    "ad_account_id": self._account,
                },
                body=checked_draft("audience", audience),
            )
        )

    def delete(self, audience_id: int) -> None:
        """Delete one audience.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account (any more).
        :raises OutcomeUnknownError: It may have been done. It may be repeated.
        :raises APIError: The call failed, and nothing was deleted.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        self._sender.send(
            Call(
                endpoint=DELETE_AUDIENCE,
                returns=NoneType,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
            )
        )

    def delete_many(self, audience_ids: Iterable[int]) -> BulkDeleteResult:
        """Delete any number of audiences. Some may fail while the call succeeds.

            result = account.audiences.delete_many([1, 2, 3])
            for outcome in result.outcomes:
                print(outcome.input, outcome.value or outcome.error)

        They go in requests of 50, since Kakao does not say how many it takes at once. Kakao
        counts what was deleted and does not say which, so the account's audiences are listed
        before, and after anything but a full success; what a list does not show is asked for by
        itself where the counts do not settle it, and what is left of a request in doubt is
        deleted once more. A request that fails does not keep the next from being made.
        ``reconcile_delays=()`` does without the lists; what was no full success is then
        ``unknown``.

        :returns: Kakao's counts and messages, and an outcome for each id as given: deleted,
            already absent, failed or unknown. An id that is given twice is deleted once. No id:
            nothing is sent.
        :raises InvalidArgumentError: An id is not a positive 64-bit integer. Nothing was sent.
        :raises OutcomeUnknownError: It may have been done, and nothing is known to be. It may
            be repeated.
        :raises APIError: Every request failed, and nothing was deleted.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        ids = _validate.idents("audience_ids", audience_ids)
        if not ids:
            return BulkDeleteResult(success_count=0, fail_count=0)
        return self._sender.send(
            Call(
                endpoint=DELETE_AUDIENCES,
                returns=BulkDeleteResult,
                account=self._account,
                query={"audienceIds": ",".join(map(str, ids))},
            )
        )

    def ad_groups(self, audience_id: int) -> AudienceAdGroups:
        """List the ad groups that use an audience: its links.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(
                endpoint=AUDIENCE_AD_GROUPS,
                returns=AudienceAdGroups,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
            )
        )

    def unlink(self, audience_id: int, ad_group_id: int) -> None:
        """Make an ad group stop using an audience.

        The other way round, linking, happens where the ad group is created or edited
        (``/openapi/v4/adGroups``): Kakao has no call for it here. ``client.request`` reaches it.

        :raises InvalidArgumentError: An id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises OutcomeUnknownError: It may have been done. It may be repeated.
        :raises APIError: The call failed, and nothing was changed.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        self._sender.send(
            Call(
                endpoint=UNLINK_AD_GROUP,
                returns=NoneType,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
                query={"adGroupId": _validate.ident("ad_group_id", ad_group_id)},
            )
        )
