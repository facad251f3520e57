"""Where ads can be shown."""

from .._protocol.call import Call
from .._protocol.endpoints import NETWORK_CATEGORIES, SECTION_CATEGORIES
from .._sender import AsyncSender
from ..models import NetworkPlacement, SectionCategory


class AsyncPlacements:
    """Placement categories for ad groups. No ad account is needed."""

    __slots__ = ("_sender",)

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def network_categories(self) -> list[NetworkPlacement]:
        """List the categories of the Network placement.

        Their ``code`` goes into an ad group's ``adServingCategories``. Campaigns of Display X
        Conversion cannot set this placement.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return await self._sender.send(
            Call(endpoint=NETWORK_CATEGORIES, returns=list[NetworkPlacement])
        )

    async def section_categories(self) -> list[SectionCategory]:
        """List the section categories.

        Their ``code`` goes into an ad group's ``sectionCategories``, for Kakao Bizboard
        campaigns with the placement ``KAKAO_TALK`` only.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return await self._sender.send(
            Call(endpoint=SECTION_CATEGORIES, returns=list[SectionCategory])
        )
