"""Reads a cell of a table: one place, or a list of places. Pure.

A cell is one place if it can be read as one: with brackets that hold what it lies in, and with
levels between ``>``, ``/`` or ``,``, in either order. Else it is a list, and what its first place
lies in carries over to the others: 부산 중구, 동구, 서구.

Only ``>``, and a province alone at one end (서울, 강남구), make sure that levels are meant. With
any other mark the names may be a list too (강남구, 역삼동). Then it is both, and not settled.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from .._text import normalised
from ._matching import DISTRICT_STEM, EXACT, Index, Match
from ._names import dotted, names

_BRACKETS: Final = re.compile(r"([^()\[\]]*)[(\[]([^()\[\]]+)[)\]]([^()\[\]]*)")
_LINES: Final = re.compile(r"[\n\r\v\f;；\u2028\u2029]+")
_LEVELS: Final = re.compile(r"[/>]|(?<![0-9]),|,(?![0-9])")
_EITHER: Final = re.compile(r"/|(?<![0-9]),|,(?![0-9])|(?<= )·|·(?= )")
"""What stands between levels, or between the names of a list."""
_LIST: Final = re.compile(rf"[>、|]|{_EITHER.pattern}")
_DOTS: Final = re.compile(r"(?<![0-9])[.·]|[.·](?![0-9])")
"""Tried where a name is not found: 탑·대성동 is one place, 중구·동구 are two."""
_NUMBERS: Final = re.compile(r"(.*[가-힣])([0-9]+(?:·[0-9]+)+)동")


class Reading(NamedTuple):
    """How one name of a cell was read."""

    name: str
    match: Match
    writings: tuple[str, ...] = ()
    """If it may be one place or a list: how to write it as one place, and how as a list."""


def excludes(text: str) -> str | None:
    """The word in *text* that excludes places, such as 제외."""
    letters = normalised(text).replace(" ", "")
    return next((word for word in names().excluding if word in letters), None)


def is_list(index: Index, text: str) -> bool:
    """Whether *text* is several names of places."""
    readings = read_cell(index, text)
    return len(readings) > 1 and all(reading.match.places for reading in readings)


def read_cell(index: Index, cell: str) -> list[Reading]:
    """The names in *cell*, each with the places it means."""
    found: list[Reading] = []
    for line in filter(None, map(normalised, _LINES.split(cell))):
        front = found[-1].match.front if found else ""
        found += _read_line(index, front, line)
    return found


def read_columns(index: Index, columns: Sequence[str]) -> list[Reading]:
    """The names in a row of separate columns, outermost first. The last one may be a list."""
    *above, last = filter(None, map(normalised, columns))
    front = _once(" ".join(above))
    whole = _once(f"{front} {last}")
    if (match := read_place(index, whole)).places:
        return [_or_list(index, Reading(whole, match))]
    inner = _parts(last) if front else []
    if len(inner) <= 1:
        return read_cell(index, whole)
    return [read_name(index, f"{front} {part}") for part in inner]


def _once(text: str) -> str:
    """*text* with each word once: a column may repeat the one before it."""
    return " ".join(dict.fromkeys(text.split()))


def read_name(index: Index, text: str) -> Reading:
    """The places that *text* means as one name, and those of a list if it may be one."""
    return _or_list(index, Reading(text, read_place(index, text)))


def read_place(index: Index, text: str) -> Match:
    """The places that *text*, read as one name, means."""
    matches = [match for form in _forms(normalised(text)) if (match := index.match(form)).places]
    best = min((match.grade for match in matches), default=EXACT)
    first, *others = [match for match in matches if match.grade == best] or [Match()]
    places = dict.fromkeys(i for match in (first, *others) for i in match.places)
    return first if len(places) == len(first.places) else Match(tuple(places), best)


def _forms(text: str) -> Iterator[str]:
    """The ways to read *text* as one name: levels in either order."""
    plain = _without_brackets(text)
    if plain is None:
        return
    yield plain
    levels = [level.strip() for level in _LEVELS.split(plain)]
    if len(levels) > 1:
        yield " ".join(levels)
        yield " ".join(reversed(levels))


def _without_brackets(text: str) -> str | None:
    """*text* with what stands in brackets in front; ``None`` if that cannot be."""
    if not any(bracket in text for bracket in "()[]"):
        return text
    found = _BRACKETS.fullmatch(text)
    if found is None or bool(found[1].strip()) == bool(found[3].strip()):
        return None
    return f"{found[2]} {(found[1] + found[3]).strip()}"


def _read_line(index: Index, front: str, text: str) -> list[Reading]:
    one = Reading(*_carried(index, front, text))
    if one.match.places:
        return [_or_list(index, one)]
    return list(_read_list(index, front, _parts(text)))


def _or_list(index: Index, one: Reading) -> Reading:
    """*one* place, and all that it is if it may be a list too: it is not guessed."""
    text = normalised(one.name)
    parts = _split(_EITHER, text)
    parts = parts if len(parts) > 1 else _split(_DOTS, text)
    if len(parts) < 2 or not one.match.places or _are_levels(index, one.match, parts):
        return one
    several = list(_read_list(index, "", parts))
    matches = [reading.match for reading in several]
    if not all(match.places for match in matches) or not _is_any_larger(index, matches, one.match):
        return one
    listed = [i for match in matches for i in match.places]
    places = tuple(dict.fromkeys([*one.match.places, *listed]))
    ways = (" ".join(parts), " ".join(reversed(parts)))
    path = next((way for way in ways if read_place(index, way).places), ways[0])
    writings = (path, "; ".join(reading.name for reading in several))
    return Reading(one.name, one.match._replace(places=places, together=False), writings)


def _is_any_larger(index: Index, matches: Iterable[Match], one: Match) -> bool:
    """Whether *one* lies in one of *matches*, a province or district: 교현·안림동 is one name."""
    around = {index.paths[i][:depth] for i in one.places for depth in (1, 2)}
    return any(
        {*match.places} != {*one.places} and any(index.paths[i] in around for i in match.places)
        for match in matches
    )


def _are_levels(index: Index, whole: Match, parts: Sequence[str]) -> bool:
    """Whether a province alone, which *whole* lies in, is the first or the last of *parts*."""
    provinces = {index.paths[i][:1] for i in whole.places}
    ends = [read_place(index, part).places for part in (parts[0], parts[-1])]
    return any(index.paths[i] in provinces for places in ends for i in places) and not (
        whole.grade >= DISTRICT_STEM and _are_places(index, parts)
    )


def _are_places(index: Index, parts: Sequence[str]) -> bool:
    """Whether each is a place's own name. 경기/광주 is 경기도 광주시, or two provinces."""
    matches = [read_place(index, part) for part in parts]
    return all(match.grade == EXACT and len(match.places) == 1 for match in matches)


def _read_list(index: Index, front: str, parts: Sequence[str]) -> Iterator[Reading]:
    """Each part, within what the one before it lies in. The first one lies in *front*."""
    for part in parts:
        name, match = _carried(index, front, part)
        smaller = [] if match.places else _smaller(part)
        if len(smaller) > 1:
            *_, last = inner = list(_read_list(index, front, smaller))
            yield from inner
            match = last.match
        else:
            yield _or_list(index, Reading(name, match))
        front = match.front if match.places else front


def _carried(index: Index, front: str, part: str) -> tuple[str, Match]:
    """*part* within what the place before it lies in; if there is none, on its own."""
    alone = read_place(index, part)
    for name in _within(front, part):
        inside = read_place(index, name)
        if not inside.places:
            continue
        if inside.grade >= DISTRICT_STEM and alone.grade == EXACT and len(alone.places) == 1:
            return part, Match(tuple(dict.fromkeys([*inside.places, *alone.places])))
        return name, inside
    return part, alone


def _within(front: str, part: str) -> Iterator[str]:
    words = front.split()
    return (f"{' '.join(words[:count])} {part}" for count in range(len(words), 0, -1))


def _parts(text: str) -> list[str]:
    """The names in a list. 서울(강남, 서초) is two in one province."""
    outer = _BRACKETS.fullmatch(text)
    if outer and outer[1].strip() and not outer[3].strip() and len(_parts(outer[2])) > 1:
        return [f"{outer[1].strip()} {part}" for part in _parts(outer[2])]
    return _split(_LIST, text)


def _split(separator: re.Pattern[str], text: str) -> list[str]:
    """*text*, split where no bracket is open."""
    cuts = [found.start() for found in separator.finditer(text) if _is_outside(text, found.start())]
    pieces = (text[start + 1 : end] for start, end in pairwise([-1, *cuts, len(text)]))
    return [name for piece in pieces if (name := piece.strip())]


def _is_outside(text: str, at: int) -> bool:
    before = text[:at]
    return before.count("(") == before.count(")") and before.count("[") == before.count("]")


def _smaller(name: str) -> list[str]:
    """The names in *name*, which is no place: 중구·동구, or 논현1·2동."""
    parts = _split(_DOTS, name)
    if len(parts) > 1:
        return parts
    found = _NUMBERS.fullmatch(dotted(name))
    return [f"{found[1]}{number}동" for number in found[2].split("·")] if found else [name]
