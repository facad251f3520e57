"""Provinces, districts and neighbourhoods."""

import os
from collections.abc import AsyncIterable, Iterable
from datetime import timedelta

from .. import _validate
from .._protocol.call import Call
from .._protocol.endpoints import DEPTH1, DEPTH2, DEPTH3
from .._sender import AsyncSender
from ..batch import AsyncBatch, OnProgress, checked_progress
from ..models import Depth2Location, Depth3Location, Location
from ..tree import LocationTree, full_name


class AsyncLocations:
    """Locations for area targeting. No ad account is needed."""

    __slots__ = ("_sender",)

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def depth1(self) -> list[Location]:
        """List the cities and provinces (-si, -do).

            for province in await moment.locations.depth1():
                print(province.value, province.depth1_name)

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return await self._sender.send(Call(endpoint=DEPTH1, returns=list[Location]))

    async def depth2(self, keyword: str) -> list[Depth2Location]:
        """Find cities, counties and districts (-si, -gun, -gu) by name.

            districts = await moment.locations.depth2("서울")

        :param keyword: Part of a name. Kakao's sample finds Seoul's districts by "서울"; what
            else matches is not documented. Blanks around it are dropped.
        :returns: Empty where nothing matches.
        :raises InvalidArgumentError: The keyword is empty. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return await self._sender.send(
            Call(
                endpoint=DEPTH2,
                returns=list[Depth2Location],
                query={"keyword": _validate.text("keyword", keyword)},
            )
        )

    async def depth3(self, keyword: str) -> list[Depth3Location]:
        """Find neighbourhoods, towns and townships (-dong, -eup, -myeon) by name.

            found = await moment.locations.depth3("강남구")
            nonhyeon = [row for row in found if row.depth3_name.startswith("논현")]

        :param keyword: Part of a name. Kakao's sample finds 논현1동 and 논현2동 by "논현"; what
            else matches is not documented. Two cities may have the same name: look at
            ``depth1_name`` and ``depth2_name``. Blanks around it are dropped.
        :returns: Empty where nothing matches.
        :raises InvalidArgumentError: The keyword is empty. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return await self._sender.send(
            Call(
                endpoint=DEPTH3,
                returns=list[Depth3Location],
                query={"keyword": _validate.text("keyword", keyword)},
            )
        )

    def depth2_each(
        self,
        keywords: Iterable[str] | AsyncIterable[str],
        *,
        concurrency: int = 16,
        ordered: bool = True,
        on_progress: OnProgress | None = None,
    ) -> AsyncBatch[str, list[Depth2Location]]:
        """Find districts by many names at once: :meth:`depth2` for each.

            async for outcome in moment.locations.depth2_each(["강남", "중구"]):
                print(outcome.input, outcome.value if outcome.ok else outcome.error)

        See ``client.each`` for the parameters. A keyword that is refused is one outcome.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return AsyncBatch(
            self._sender,
            self.depth2,
            keywords,
            concurrency=concurrency,
            ordered=ordered,
            on_progress=on_progress,
        )

    def depth3_each(
        self,
        keywords: Iterable[str] | AsyncIterable[str],
        *,
        concurrency: int = 16,
        ordered: bool = True,
        on_progress: OnProgress | None = None,
    ) -> AsyncBatch[str, list[Depth3Location]]:
        """Find neighbourhoods by many names at once: :meth:`depth3` for each.

            async for outcome in moment.locations.depth3_each(["논현", "중앙"]):
                print(outcome.input, outcome.value if outcome.ok else outcome.error)

        See ``client.each`` for the parameters. A keyword that is refused is one outcome.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return AsyncBatch(
            self._sender,
            self.depth3,
            keywords,
            concurrency=concurrency,
            ordered=ordered,
            on_progress=on_progress,
        )

    async def tree(
        self,
        *,
        file: str | os.PathLike[str] | None = None,
        max_age: timedelta = timedelta(days=30),
        concurrency: int = 16,
        on_progress: OnProgress | None = None,
    ) -> LocationTree:
        """Get every place there is: provinces, their districts, their neighbourhoods.

            tree = await moment.locations.tree()
            print(tree, tree.find("고성군"))

        One call, one for each province, and one for each district, about 270 in all. That the
        neighbourhood look-up finds a district's by the district's name is inferred from the
        samples on Kakao's page, not documented: look at the tree's repr.

        :param file: Where the tree is kept: read from there if it is not older than *max_age*,
            else asked for and written there.
        :param concurrency: How many calls at once.
        :param on_progress: Called with a ``Progress`` for each district looked up.
        :raises InvalidArgumentError: An argument breaks its rule; *file* holds something else.
        :raises OSError: *file* cannot be read or written.
        :raises APIError: A call failed for good; nothing is written. It may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        checked_progress(on_progress)
        if kept := LocationTree.kept(file, max_age):
            return kept
        depth1 = await self.depth1()
        depth2: list[Depth2Location] = []
        async for found2 in self.depth2_each(map(full_name, depth1), concurrency=concurrency):
            depth2 += found2.result()
        names = list(dict.fromkeys(map(full_name, depth2)))
        depth3: list[Depth3Location] = []
        async for found3 in self.depth3_each(
            names, concurrency=concurrency, on_progress=on_progress
        ):
            depth3 += found3.result()
        tree = LocationTree(locations=depth1, depth2_locations=depth2, depth3_locations=depth3)
        if file is not None:
            tree.save(file)
        return tree
