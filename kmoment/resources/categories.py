"""Interests and business types."""

from .._protocol.call import Call
from .._protocol.endpoints import CATEGORIES
from .._sender import AsyncSender
from ..models import CategoryData


class AsyncCategories:
    """Categories for custom audience targeting. No ad account is needed."""

    __slots__ = ("_sender",)

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def interests(self) -> list[CategoryData]:
        """List the interests; their ``id`` goes into a draft's ``ufo_interests``.

        Kakao's page shows no member of a category but its ``id``. ``name`` is there if the answer
        has it. ``kmoment.words.pick`` finds rows by name.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/target-custom
        """
        return await self._sender.send(
            Call(endpoint=CATEGORIES, returns=list[CategoryData], query={"type": "INTEREST"})
        )

    async def business_types(self) -> list[CategoryData]:
        """List the business types; their ``id`` goes into a draft's ``ufo_business_types``.

        Kakao's page shows no member of a category but its ``id``. ``name`` is there if the answer
        has it. ``kmoment.words.pick`` finds rows by name.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/target-custom
        """
        return await self._sender.send(
            Call(endpoint=CATEGORIES, returns=list[CategoryData], query={"type": "BUSINESS_TYPE"})
        )
