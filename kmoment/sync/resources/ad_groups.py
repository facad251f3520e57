# Made from kmoment/resources/ad_groups.py by `nox -s mirror`: edit that one.
"""Ad groups of one ad account."""

from ... import _validate
from ..._protocol.call import Call
from ..._protocol.endpoints import AD_GROUPS, GET_AD_GROUP
from .._sender import Sender
from ...models import AdGroup

# Inside the class, `list` is the method.
AdGroupRows = list[AdGroup]


class AdGroups:
    """The ad groups of one ad account. kmoment reads them; ``audiences.plan_link`` edits one."""

    __slots__ = ("_account", "_sender")

    def __init__(self, sender: Sender, account: int) -> None:
        self._sender = sender
        self._account = account

    def list(self, campaign_id: int) -> AdGroupRows:
        """List the ad groups of a campaign.

            for group in account.audiences.ad_groups(1):
                print(account.ad_groups.list(group.campaign_id))

        Evidence: quoted by third parties. The name of the query (``campaignId``) is inferred.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/ad-group
        """
        return self._sender.send(
            Call(
                endpoint=AD_GROUPS,
                returns=AdGroupRows,
                account=self._account,
                query={"campaignId": _validate.ident("campaign_id", campaign_id)},
            )
        )

    def get(self, ad_group_id: int) -> AdGroup:
        """Get one ad group. Evidence: quoted by third parties.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such ad group in this account, or it is deleted.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/ad-group
        """
        return self._sender.send(
            Call(
                endpoint=GET_AD_GROUP,
                returns=AdGroup,
                account=self._account,
                path={"id": _validate.ident("ad_group_id", ad_group_id)},
            )
        )
