"""Puts the pages of one list together. Pure.

A server may ignore the number of the page that it is asked for, or its list may change while it is
read. So a row is kept once, a page must bring something new, and the list must be as long as the
server says. Else it is a :class:`PartialListError`, with what came in ``partial``.
"""

from typing import Any, Final

from ..errors import PartialListError
from ..models import AdAccount, AdAccountPage
from .call import Call
from .error_table import facts_of

MOST_PAGES: Final = 10_000
"""Pages of one list. A server whose pages never end is stopped here: 1,000,000 accounts."""


class Pages:
    """The pages of one list so far."""

    def __init__(self, call: Call[AdAccountPage], size: int) -> None:
        self._call = call
        self._size = size
        self._rows: dict[int, AdAccount] = {}
        self.number = 0
        """The next page to ask for."""

    @property
    def rows(self) -> list[AdAccount]:
        """All rows, each once, in the order in which they came."""
        return list(self._rows.values())

    def add(self, page: AdAccountPage) -> bool:
        """Take *page*. Whether there is another one to ask for."""
        before = len(self._rows)
        self._rows |= {row.id: row for row in page.content}
        self.number += 1
        if not self._promises_more(page):
            self._check_total(page)
            return False
        if len(self._rows) == before or self.number >= MOST_PAGES:
            raise self._incomplete(page, "its pages repeat")
        return True

    def _promises_more(self, page: AdAccountPage) -> bool:
        if page.total_pages is not None:
            return self.number < page.total_pages
        if page.total_elements is not None:
            return self.number * (page.size or self._size) < page.total_elements
        return len(page.content) >= (page.size or self._size)

    def _check_total(self, page: AdAccountPage) -> None:
        if page.total_elements is not None and len(self._rows) < page.total_elements:
            raise self._incomplete(page, "it changed while it was read, or its pages repeat")

    def _incomplete(self, page: AdAccountPage, why: str) -> PartialListError:
        facts: Any = facts_of(self._call)
        facts["partial"], facts["total"] = self.rows, page.total_elements or 0
        return PartialListError(f"the list is not complete: {len(self._rows)} rows; {why}", facts)
