"""Names of places as people write them, with their answers, and trees to ask."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

import kmoment
from kmoment._protocol.converter import read
from kmoment.places import LocationTree
from kmoment.places._crawl import Crawl
from kmoment.sandbox import Lookup, _regions as regions

TABLE: Final = Path(__file__).with_name("places.json")
"""Written from the official lists before there was code that reads names.

Each row: the kind, the text (or columns), the outcome, and the full names. The outcome is `found`
(one place), `set` (several that are together one city or legal dong), `ambiguous` (all candidates),
`none` (names are near names or successors that must be told), `list` or `refused`.
"""

OLD_NAMES: Final = {"강원특별자치도": "강원도", "전북특별자치도": "전라북도"}

KEYWORDS: Final[dict[int, Any]] = {2: list[kmoment.Depth2Location], 3: list[kmoment.Depth3Location]}


def rows() -> list[tuple[str, Any, str, list[str]]]:
    """The rows of the table."""
    return [tuple(row) for row in json.loads(TABLE.read_text(encoding="utf-8"))["rows"]]


def crawled(
    districts: Lookup, neighbourhoods: Lookup, *, quick: bool = False
) -> tuple[LocationTree, int]:
    """The tree of a server whose look-ups are like this, and how many calls it took."""
    crawl = Crawl(read(json.loads(regions.depth1().body), list[kmoment.Location]), quick=quick)
    calls, lookups = 1, {2: districts, 3: neighbourhoods}
    while ask := crawl.ask:
        calls += len(ask.keywords)
        crawl.answer({word: _brought(ask.depth, word, lookups[ask.depth]) for word in ask.keywords})
    return crawl.tree, calls


def _brought(depth: int, word: str, lookup: Lookup) -> Any:
    """What the sandbox answers, without a connection."""
    if word in lookup.gaps:
        return []
    return _all(depth, word, Lookup(lookup.text, lookup.match))[: lookup.cap]


@cache
def _all(depth: int, word: str, lookup: Lookup) -> Any:
    model: Any = KEYWORDS[depth]
    return read(regions.found(depth, word, lookup), model)


@cache
def whole_tree() -> LocationTree:
    """The sandbox's tree."""
    return crawled(Lookup(), Lookup())[0]


@cache
def old_tree() -> LocationTree:
    """The tree of a server that still has the old names of provinces."""
    levels = ("locations", "depth2_locations", "depth3_locations")
    given: Any = {
        level: [_renamed(row) for row in getattr(whole_tree(), level)] for level in levels
    }
    return LocationTree(**given)


def _renamed(row: Any) -> Any:
    return attrs.evolve(row, depth1_name=OLD_NAMES.get(row.depth1_name, row.depth1_name))
