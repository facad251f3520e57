"""Makes drafts of a sheet with the look-ups that it needs, each once."""

import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from .._engine.dispatcher import Dispatcher
from .._engine.together import together
from ..errors import SheetError
from ..models import AudienceDraft
from ..places import LocationTree
from ..resources.categories import AsyncCategories
from ..resources.locations import AsyncLocations
from ..resources.targeting import AsyncTargeting
from ._resolving import Question, Resolver, has_places, questions
from .sheet import Sheet

_LOOK_UPS: Final[Mapping[str, Callable[[Dispatcher, Any], Awaitable[list[Any]]]]] = {
    "ufo_interests": lambda calls, _: AsyncCategories(calls).interests(),
    "ufo_business_types": lambda calls, _: AsyncCategories(calls).business_types(),
    "customer_file_targetings": lambda calls, it: AsyncTargeting(calls, it).customer_files(),
    "talk_channel_targetings": lambda calls, it: AsyncTargeting(calls, it).talk_channels(),
    "sync_app_targetings": lambda calls, it: AsyncTargeting(calls, it).sync_profiles(),
    "cohort_targetings": lambda calls, it: AsyncTargeting(calls, it).cohorts(),
}
"""What answers the names of a column."""


Drafts = dict[int, list[AudienceDraft]]
"""The drafts of each account."""


def warned(found: tuple[Drafts, list[str]]) -> Drafts:
    """The drafts, after the warnings. Called by a client's method, it points at that one's caller.

    A blocking client's job runs on a thread of its own, where no caller is seen.
    """
    drafts, overlaps = found
    for overlap in overlaps:
        warnings.warn(overlap, stacklevel=3)
    return drafts


async def drafts_of(
    calls: Dispatcher, sheet: Sheet, tree: LocationTree | None
) -> tuple[Drafts, list[str]]:
    """The drafts of each account, and what to warn of; or all faults of the sheet as one error."""

    async def answer(question: Question) -> list[Any]:
        account, key = question
        return await _LOOK_UPS[key](calls, account)

    asked = questions(sheet)
    answers = dict(zip(asked, await together(answer, asked), strict=True))
    if tree is None and has_places(sheet):
        tree = await AsyncLocations(calls).tree()
    resolver = Resolver(answers, tree)
    drafts = resolver.drafts(sheet._rows)
    if faults := [*sheet.faults, *resolver.faults]:
        raise SheetError(sheet._in_order(faults))
    return drafts, resolver.overlaps
