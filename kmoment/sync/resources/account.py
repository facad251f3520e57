# Made from kmoment/resources/account.py by `nox -s mirror`: edit that one.
"""One ad account: its audiences, targeting look-ups, trackers and ad groups."""

import attrs

from ..._protocol.call import Call
from ..._protocol.endpoints import CHANNEL_PROFILES, CUSTOMER_DATA
from .._sender import Sender
from ...models import ChannelProfile, CustomerData
from .ad_groups import AdGroups
from .audiences import Audiences
from .targeting import Targeting
from .trackers import Trackers


@attrs.frozen(eq=False, repr=False)
class Account:
    """One ad account's part of the API. Made by ``client.account``; immutable."""

    _sender: Sender
    ad_account_id: int
    audiences: Audiences = attrs.field(
        init=False, default=attrs.Factory(lambda it: Audiences(*it._parts), takes_self=True)
    )
    targeting: Targeting = attrs.field(
        init=False, default=attrs.Factory(lambda it: Targeting(*it._parts), takes_self=True)
    )
    trackers: Trackers = attrs.field(
        init=False, default=attrs.Factory(lambda it: Trackers(*it._parts), takes_self=True)
    )
    ad_groups: AdGroups = attrs.field(
        init=False, default=attrs.Factory(lambda it: AdGroups(*it._parts), takes_self=True)
    )

    def channel_profiles(self) -> list[ChannelProfile]:
        """List the Kakao Talk Channels that the account may use.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        return self._sender.send(
            Call(CHANNEL_PROFILES, list[ChannelProfile], self.ad_account_id)
        )

    def customer_data(self) -> list[CustomerData]:
        """List the customer data, which takes the place of customer files.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/customer-data
        """
        return self._sender.send(Call(CUSTOMER_DATA, list[CustomerData], self.ad_account_id))

    @property
    def _parts(self) -> tuple[Sender, int]:
        return self._sender, self.ad_account_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ad_account_id}>"
