"""Reads a cell of a table: one place, or a list of places. Pure.

A cell is one place if it can be read as one: with brackets that hold what it lies in, and with
levels between ``/``, ``>`` or ``,``, in either order. Else it is a list, and what its first place
lies in carries over to the others: 부산 중구, 동구, 서구.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from .._text import normalised
from ._matching import DISTRICT_STEM, EXACT, Index, Match
from ._names import dotted, names

_BRACKETS: Final = re.compile(r"([^()\[\]]*)[(\[]([^()\[\]]+)[)\]]([^()\[\]]*)")
_LINES: Final = re.compile(r"[\n\r\v\f;；\u2028\u2029]+")
_LEVELS: Final = re.compile(r"[/>]|(?<![0-9]),|,(?![0-9])")
_LIST: Final = re.compile(r"[/>、|]|(?<![0-9]),|,(?![0-9])|(?<= )·|·(?= )")
_DOTS: Final = re.compile(r"(?<![0-9])[.·]|[.·](?![0-9])")
"""Tried where a name is not found: 탑·대성동 is one place, 중구·동구 are two."""
_NUMBERS: Final = re.compile(r"(.*[가-힣])([0-9]+(?:·[0-9]+)+)동")


class Reading(NamedTuple):
    """How one name of a cell was read."""

    name: str
    match: Match


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
        return [Reading(whole, match)]
    inner = _parts(last) if front else []
    if len(inner) <= 1:
        return read_cell(index, whole)
    texts = [f"{front} {part}" for part in inner]
    return [Reading(text, read_place(index, text)) for text in texts]


def _once(text: str) -> str:
    """*text* with each word once: a column may repeat the one before it."""
    return " ".join(dict.fromkeys(text.split()))


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
    parts = _parts(text)
    text, whole = _carried(index, front, text)
    if not whole.places:
        return list(_read_list(index, front, parts))
    if len(parts) > 1 and _is_a_list_too(index, whole, parts):
        others = [i for part in parts for i in read_place(index, part).places]
        whole = Match(tuple(dict.fromkeys([*whole.places, *others])))
    return [Reading(text, whole)]


def _is_a_list_too(index: Index, whole: Match, parts: Sequence[str]) -> bool:
    """경기/광주 is 경기도 광주시, or two provinces."""
    matches = [read_place(index, part) for part in parts]
    return whole.grade >= DISTRICT_STEM and all(
        match.grade == EXACT and len(match.places) == 1 for match in matches
    )


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
            yield Reading(name, match)
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
