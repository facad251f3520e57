"""One ad account: its audiences, targeting look-ups, trackers and ad groups."""

import attrs

from .._protocol.call import Call
from .._protocol.endpoints import CHANNEL_PROFILES, CUSTOMER_DATA
from .._sender import AsyncSender
from ..models import ChannelProfile, CustomerData
from .ad_groups import AsyncAdGroups
from .audiences import AsyncAudiences
from .targeting import AsyncTargeting
from .trackers import AsyncTrackers


@attrs.frozen(eq=False, repr=False)
class AsyncAccount:
    """One ad account's part of the API. Made by ``client.account``; immutable."""

    _sender: AsyncSender
    ad_account_id: int
    audiences: AsyncAudiences = attrs.field(
        init=False, default=attrs.Factory(lambda it: AsyncAudiences(*it._parts), takes_self=True)
    )
    targeting: AsyncTargeting = attrs.field(
        init=False, default=attrs.Factory(lambda it: AsyncTargeting(*it._parts), takes_self=True)
    )
    trackers: AsyncTrackers = attrs.field(
        init=False, default=attrs.Factory(lambda it: AsyncTrackers(*it._parts), takes_self=True)
    )
    ad_groups: AsyncAdGroups = attrs.field(
        init=False, default=attrs.Factory(lambda it: AsyncAdGroups(*it._parts), takes_self=True)
    )

    async def channel_profiles(self) -> list[ChannelProfile]:
        """List the Kakao Talk Channels that the account may use.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        return await self._sender.send(
            Call(CHANNEL_PROFILES, list[ChannelProfile], self.ad_account_id)
        )

    async def customer_data(self) -> list[CustomerData]:
        """List the customer data, which takes the place of customer files.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/customer-data
        """
        return await self._sender.send(Call(CUSTOMER_DATA, list[CustomerData], self.ad_account_id))

    @property
    def _parts(self) -> tuple[AsyncSender, int]:
        return self._sender, self.ad_account_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ad_account_id}>"
