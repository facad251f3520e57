"""Provinces, districts and neighbourhoods."""

import os
from collections.abc import AsyncIterable, Iterable
from datetime import timedelta
from typing import Final

from .. import _validate
from .._protocol.call import Call
from .._protocol.endpoints import DEPTH1, DEPTH2, DEPTH3
from .._sender import AsyncSender
from ..batch import AsyncBatch, OnProgress, checked_progress
from ..errors import APIError
from ..models import Depth2Location, Depth3Location, Location
from ..places._crawl import Ask, Crawl, Rows
from ..places._kept import kept_tree
from ..places.tree import LocationTree

# Made once, and handed over by position: both is quicker, and jobs make these calls by thousands.
_ROWS2: Final = list[Depth2Location]
_ROWS3: Final = list[Depth3Location]


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
            Call(DEPTH2, _ROWS2, None, {"keyword": _validate.keyword("keyword", keyword)})
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
            Call(DEPTH3, _ROWS3, None, {"keyword": _validate.keyword("keyword", keyword)})
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
        quick: bool = False,
        on_progress: OnProgress | None = None,
    ) -> LocationTree:
        """Get every place there is: provinces, their districts, their neighbourhoods.

            tree = await moment.locations.tree()
            print(tree, tree.missing)
            nonhyeon = tree.select("강남구 논현1동", "강남구 논현2동")
            draft = kmoment.AudienceDraft.display("20s in Nonhyeon", **nonhyeon)

        Kakao does not document what a look-up compares its keyword with, nor whether it cuts long
        answers. So everything is asked for in two ways, and the answers are compared: about 280
        calls, at most 1.15 times as many as there are provinces and districts. What is not proven
        to be whole, by the answers or by the official list of names, is in ``tree.missing``.

        :param file: Where the tree is kept: used if it is not older than *max_age*, else asked for
            and written. Only a whole tree is written. If Kakao fails, an old one is used. A damaged
            file is moved aside (``.damaged``).
        :param concurrency: How many calls at once.
        :param quick: Make 26 calls only. Nothing proves then that the neighbourhoods are all there,
            which ``tree.missing`` says, and the tree is not written.
        :param on_progress: Called with a ``Progress`` for each call of the longest step.
        :raises InvalidArgumentError: An argument breaks its rule; *file* holds something else.
        :raises OSError: *file* cannot be read or written. Before the first call, if possible.
        :raises APIError: A call failed for good, and *file* has no tree. It may be repeated.
        :warns UserWarning: Something is missing; an old tree is used; a file was moved aside.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        checked_progress(on_progress)
        kept = kept_tree(file, max_age)
        if kept.fresh:
            return kept.fresh
        try:
            crawl = Crawl(await self.depth1(), quick=quick)
            while ask := crawl.ask:
                listener = on_progress if ask.main else None
                crawl.answer(await self._answers(ask, concurrency, listener))
        except APIError as error:
            return kept.instead_of(error)
        return kept.renewed(crawl.tree, quick=quick)

    async def _answers(
        self, ask: Ask, concurrency: int, on_progress: OnProgress | None
    ) -> dict[str, Rows]:
        answers: dict[str, Rows] = {}
        if ask.depth == 2:
            async for found2 in self.depth2_each(ask.keywords, concurrency=concurrency):
                answers[found2.input] = found2.result()
        else:
            async for found3 in self.depth3_each(
                ask.keywords, concurrency=concurrency, on_progress=on_progress
            ):
                answers[found3.input] = found3.result()
        return answers
